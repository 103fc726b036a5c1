"""What a batch becomes before its turn: rows as COPY takes them, and what statements are told.

Rules:

1. It is made without the database, while that stores the batch before; so a transaction has nothing to wait for.
2. It is made as if every frame were new and every device simply went on (``storage.heard``), as nearly all do. Where
   that turns out otherwise, rows are made again within the transaction: of raw frames those of a part with a duplicate,
   of readings those of a device type with one, of latest values those of a type with a device that does not go on.
3. What waits beside it gets its turn after each piece.
"""

import asyncio
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.batch import Batch
from model.errors import ConfigError
from model.readings import Bools, Column, Readings
from storage import heard, rows
from storage.connection import RefusedError
from storage.heard import Hearing
from storage.intake import Intake
from storage.rows import Frames
from storage.state import Facts

Codecs = Mapping[tuple[str, str], int]
"""Device type and version -> key."""
Kinds = Mapping[str, Mapping[str, str]]
"""Device type -> column of its table of readings -> type."""


@dataclass(slots=True, kw_only=True)
class Laid(Batch):
    """A batch that is ready to be written, once: what is ``used`` is made ready again.

    ``in_columns``: its frames; ``uplinks``: the rows of all of them, in parts; ``intakes``: those of their readings;
    ``facts``: what is told of devices, ``None`` for nothing.
    """

    in_columns: Frames
    hearing: Hearing
    uplinks: list[bytes]
    intakes: list[Intake]
    facts: Facts | None = None
    used: bool = False


async def lay_out(batch: Batch, frames: Frames, codecs: Codecs, kinds: Kinds, facts: Facts | None = None) -> Laid:
    """Make a batch with these frames ready.

    Raise ``RefusedError`` for values that no column takes, ``ConfigError`` where there is no column.
    """
    try:
        everything = np.ones(len(frames), dtype=np.bool_)
        chosen = heard.chosen(batch.readings, frames, everything)
        intakes = _intakes(chosen, frames, codecs, kinds)
        await asyncio.sleep(0)
        hearing = Hearing.of(frames, chosen)
        await asyncio.sleep(0)
        uplinks = []
        for part in rows.uplink_rows(frames, hearing.order.positions, codecs):
            uplinks.append(part)
            await asyncio.sleep(0)
        for intake in intakes:
            for _ in intake.make(frames, everything):
                await asyncio.sleep(0)
    except (UnicodeEncodeError, OverflowError, struct.error) as error:
        raise RefusedError(str(error)) from error
    return Laid(
        frames=batch.frames,
        readings=batch.readings,
        set_aside=batch.set_aside,
        told=batch.told,
        in_columns=frames,
        hearing=hearing,
        uplinks=uplinks,
        intakes=intakes,
        facts=facts,
    )


def uplinks_of(laid: Laid, kept: Bools, codecs: Codecs) -> Iterator[bytes]:
    """Yield the rows of the kept frames, part by part."""
    positions = laid.hearing.order.positions
    for number, part in enumerate(laid.uplinks):
        some = positions[number * rows.PART : (number + 1) * rows.PART]
        if kept[some].all():
            yield part
        else:
            yield from rows.uplink_rows(laid.in_columns, some[kept[some]], codecs)


def intakes_of(laid: Laid, kept: Bools, codecs: Codecs, kinds: Kinds) -> list[Intake]:
    """Return the readings of the kept frames."""
    made = [intake for intake in laid.intakes if kept[intake.readings.frame].all()]
    rest = [readings for readings in laid.readings if not kept[readings.frame].all()]
    return [*made, *_intakes(heard.chosen(rest, laid.in_columns, kept), laid.in_columns, codecs, kinds)]


def _intakes(chosen: Sequence[heard.Rows], frames: Frames, codecs: Codecs, kinds: Kinds) -> list[Intake]:
    """Return the rows of each device type with the columns that its table has."""
    found = []
    for readings, row in chosen:
        some = _fitting(rows.select(readings, row), kinds)
        if len(some):
            found.append(Intake.of(some, frames, codecs[some.device_type, some.version]))
    return found


def _fitting(readings: Readings, kinds: Kinds) -> Readings:
    """Return the readings with each column of the kind that the table wants."""
    columns: dict[str, Column] = {}
    table_kinds = kinds.get(readings.device_type, {})
    for name, column in readings.columns.items():
        kind = table_kinds.get(name)
        if kind is None:
            raise ConfigError(
                [f"readings.{readings.device_type} has no column {name}: restart, or run `penfeld db migrate`"]
            )
        fitting = rows.fitting(column, kind)
        if fitting is None:
            raise RefusedError(f"{name} holds {kind}, not {column.values.dtype}")
        columns[name] = fitting
    readings.columns = columns
    return readings
