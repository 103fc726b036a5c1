"""What was just stored, for who evaluates rules: one row of ``penfeld.news`` in the transaction of the data.

Rules:

1. Told are the rows of frames that were kept, as they came; where one met a stored row, that is the truth.
2. Told is what is wanted (``penfeld.news_wanted``), and nothing at all while nothing is. Writers look at that once a
   second. What was asked for more than a day ago counts as nothing: nobody takes it, and it would fill the disk.
3. A row that cannot be read is skipped: what it tells of is stored.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from model.alert_ports import Stretch
from model.readings import Array, Bools, Column, Ints, Readings
from storage.connection import Connection, Database, rows
from storage.rows import Frames
from storage.statements import statement

logger = logging.getLogger(__name__)

_EVERY_S = 1.0
_CODES = {"f": "<f8", "i": "<i8", "b": "?"}


class _Part(msgspec.Struct, array_like=True):
    """Rows of one device type. ``columns``: name -> code, values, where there are any; texts are a list."""

    device_type: str
    device: bytes
    time_us: bytes
    columns: dict[str, tuple[str, bytes | list[str], bytes]]
    flagged: dict[str, bytes]


class _News(msgspec.Struct, array_like=True):
    parts: list[_Part]
    heard: dict[str, int]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_News)


class Wanted:
    """What news are to tell, as a writer knows it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fields: Mapping[str, Sequence[str]] = {}
        self._asked_s = -_EVERY_S

    async def fields(self) -> Mapping[str, Sequence[str]]:
        """Return device type -> fields; raise ``UnavailableError``."""
        now = asyncio.get_running_loop().time()
        if now - self._asked_s >= _EVERY_S:
            self._fields = dict(await self._database.fetch(statement("news_wanted")))
            self._asked_s = now
        return self._fields


async def tell(
    connection: Connection,
    wanted: Mapping[str, Sequence[str]],
    readings: Iterable[tuple[Readings, Ints]],
    frames: Frames,
    kept: Bools,
) -> None:
    """Tell of these readings (with the device of each row) and of who brought their frames."""
    if not wanted:
        return
    parts = [_part(some, device, wanted[some.device_type]) for some, device in readings if some.device_type in wanted]
    news = _News(parts, _heard(frames, kept))
    await connection.execute(statement("tell_news"), (_ENCODER.encode(news),))


def _part(readings: Readings, device: Ints, fields: Sequence[str]) -> _Part:
    columns: dict[str, tuple[str, bytes | list[str], bytes]] = {}
    for name in fields:
        column = readings.columns.get(name)
        if column is None:
            continue
        code = _CODES.get(column.values.dtype.kind)
        values = column.values[column.valid].tolist() if code is None else column.values.astype(code).tobytes()
        columns[name] = (code or "", values, column.valid.tobytes())
    flagged: dict[str, list[int]] = {}
    for row, flags in readings.flags.items():
        for flag in flags:
            name = flag.partition(":")[0]
            if name in columns:
                flagged.setdefault(name, []).append(row)
    return _Part(
        readings.device_type,
        device.astype("<i8").tobytes(),
        readings.time_us.astype("<i8").tobytes(),
        columns,
        {name: np.array(some, dtype="<i8").tobytes() for name, some in flagged.items()},
    )


def _heard(frames: Frames, kept: Bools) -> dict[str, int]:
    """Return which sources and gateways brought kept frames; the arrival of the newest is near enough for all."""
    at = np.flatnonzero(kept)
    if not len(at):
        return {}
    newest = int(frames.received_us[at].max())
    sources = {frames.source.values[place] for place in np.unique(frames.source.places[at]).tolist()}
    gateways = {frames.gateway.values[place] for place in np.unique(frames.gateway.places[at]).tolist()}
    found = {f"source:{name}": newest for name in sources}
    return found | {f"gateway:{name}": newest for name in gateways if name}


def told(bodies: Iterable[tuple[int, bytes]]) -> tuple[list[Stretch], dict[str, int]]:
    """Return what rows of news tell, rows of one device type together in order of device and time."""
    parts: dict[str, list[_Part]] = {}
    heard: dict[str, int] = {}
    for number, body in bodies:
        try:
            news = _DECODER.decode(body)
        except msgspec.DecodeError as error:
            logger.warning("news %d cannot be read and are passed over: %s", number, error)
            continue
        for part in news.parts:
            parts.setdefault(part.device_type, []).append(part)
        for subject, at_us in news.heard.items():
            heard[subject] = max(at_us, heard.get(subject, 0))
    return [_joined(name, some) for name, some in parts.items()], heard


def _joined(name: str, parts: Sequence[_Part]) -> Stretch:
    device = np.concatenate([np.frombuffer(part.device, dtype="<i8") for part in parts])
    time_us = np.concatenate([np.frombuffer(part.time_us, dtype="<i8") for part in parts])
    counts = [len(part.device) // 8 for part in parts]
    starts = np.cumsum([0, *counts[:-1]])
    order = np.lexsort((time_us, device))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    columns = {}
    for column in dict.fromkeys(name for part in parts for name in part.columns):
        values = [_column(part.columns.get(column), count) for part, count in zip(parts, counts, strict=True)]
        kinds = {one.values.dtype for one in values if one.valid.any()} or {values[0].values.dtype}
        kind: Any = kinds.pop() if len(kinds) == 1 else np.object_
        columns[column] = Column(
            np.concatenate([one.values.astype(kind) for one in values])[order],
            np.concatenate([one.valid for one in values])[order],
        )
    flagged: dict[str, list[Ints]] = {}
    for part, start in zip(parts, starts, strict=True):
        for field, rows_of in part.flagged.items():
            flagged.setdefault(field, []).append(place[np.frombuffer(rows_of, dtype="<i8") + start])
    return Stretch(
        device_type=name,
        device=device[order],
        time_us=time_us[order],
        columns=columns,
        flagged={field: np.sort(np.concatenate(some)) for field, some in flagged.items()},
    )


def _column(told: tuple[str, bytes | list[str], bytes] | None, count: int) -> Column:
    if told is None:
        return Column(np.zeros(count), np.zeros(count, dtype=np.bool_))
    code, values, valid = told
    there = np.frombuffer(valid, dtype="?")
    if isinstance(values, bytes):
        found: Array = np.frombuffer(values, dtype=code)
        return Column(found, there)
    texts = np.zeros(count, dtype=np.object_)
    texts[there] = values
    return Column(texts, there)


async def take(connection: Connection, ids: Sequence[int]) -> None:
    """Delete news that were looked at."""
    if ids:
        await connection.execute(statement("take_news"), (list(ids),))


async def waiting(connection: Connection, count: int) -> list[tuple[int, bytes]]:
    """Return the oldest news."""
    return [(number, bytes(body)) for number, body in await rows(connection, statement("news"), (count,))]
