"""The newest values of each device in a batch, ready to be merged with those stored. Pure.

Per device: the newest value of each field by event time, the newest row's time, arrival and flags, and when the device
was heard. Of two rows of one time the earlier in the batch counts, as in the tables of readings.
"""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import msgspec
import numpy as np
from psycopg.sql import SQL, Composable, Identifier, Literal

from model.readings import Array, Bools, Ints, Readings
from storage.arrays import POSTGRES_EPOCH_US, ArrayParameter, Int4s, Jsonbs, Texts, Times
from storage.connection import Connection
from storage.connection import rows as fetch
from storage.rows import READING_COLUMNS, Frames, nullable
from storage.statements import statement

TIME = "__time"
"""How the column with a field's event time ends."""

_encode = msgspec.json.Encoder().encode
_LARGE = 1e15
_NEVER_US = -(2**63) + POSTGRES_EPOCH_US
"""What becomes PostgreSQL's ``-infinity``: there was no reading."""


def parameters(frames: Frames, kept: Ints, readings: Sequence[Readings]) -> dict[str, ArrayParameter]:
    """Return the columns of ``merge_latest``: one element for each device of the kept frames.

    ``readings``: what was stored of these frames.
    """
    devices, index = np.unique(frames.device[kept], return_inverse=True)
    first = np.full(len(devices), np.iinfo(np.int64).max)
    last = np.full(len(devices), np.iinfo(np.int64).min)
    np.minimum.at(first, index, frames.received_us[kept])
    np.maximum.at(last, index, frames.received_us[kept])
    newest = [_Newest() for _ in range(len(devices))]
    for some in readings:
        _gather(newest, np.searchsorted(devices, frames.device[some.frame]), some, frames)
    return {
        "devices": Int4s(devices),
        "first_seen": Times(first),
        "last_seen": Times(last),
        "times": Times(np.array([each.time_us for each in newest])),
        "oldest": Times(np.array([each.oldest_us for each in newest])),
        "received": Times(np.array([each.received_us for each in newest])),
        "flags": Texts([",".join(each.flags).encode() for each in newest]),
        "fields": Jsonbs([_encode(each.fields) for each in newest]),
    }


class _Newest:
    """What is newest of one device: its last row's times and flags; field -> (value, time), and the oldest of these."""

    __slots__ = ("fields", "flags", "oldest_us", "received_us", "time_us")

    def __init__(self) -> None:
        self.time_us = self.oldest_us = self.received_us = _NEVER_US
        self.flags: tuple[str, ...] = ()
        self.fields: dict[str, tuple[Any, int]] = {}


def _gather(newest: list[_Newest], place: Ints, readings: Readings, frames: Frames) -> None:
    """Go through the rows of each device by time; of one time, the earlier row of the batch stays."""
    order = np.lexsort((readings.time_us, place))
    names = list(readings.columns)
    columns = [_values(column.values[order], column.valid[order]) for column in readings.columns.values()]
    heads = zip(
        order.tolist(),
        place[order].tolist(),
        readings.time_us[order].tolist(),
        frames.received_us[readings.frame[order]].tolist(),
        zip(*columns, strict=True) if columns else repeat(()),
        strict=False,
    )
    for row, at, time_us, received_us, values in heads:
        device = newest[at]
        if time_us > device.time_us:
            device.time_us, device.received_us, device.flags = time_us, received_us, readings.flags.get(row, ())
        said: dict[str, tuple[Any, int]] = dict(zip(names, zip(values, repeat(time_us), strict=False), strict=True))
        if None in values:
            said = {name: pair for name, pair in said.items() if pair[0] is not None}
        if not device.fields:
            device.fields, device.oldest_us = said, time_us
            continue
        device.oldest_us = min(device.oldest_us, time_us)
        for name, value in said.items():
            if name not in device.fields or device.fields[name][1] < time_us:
                device.fields[name] = value


def _values(values: Array, valid: Bools) -> list[Any]:
    """Return values for JSON; a large float gets a fraction, since PostgreSQL writes it back without an exponent."""
    found = nullable(values, valid)
    if values.dtype.kind == "f":
        for place in np.flatnonzero(valid & (np.abs(values) >= _LARGE)).tolist():
            found[place] = msgspec.Raw(f"{found[place]:.1f}".encode())
    return found


def table(device_type: str) -> Composable:
    """Return the name of a device type's table of latest values, safe to stand in SQL."""
    return Identifier("latest", device_type)


async def prepare(connection: Connection) -> None:
    """Give each table of readings its table of latest values, with a pair of columns for each field.

    A new table is filled from the readings that there are; a new field of an old one has none yet.
    """
    for name, fields, kinds, new in await fetch(connection, statement("missing_latest"), (list(READING_COLUMNS),)):
        pairs = [
            SQL("{} {}, {} timestamptz").format(Identifier(field), SQL(kind), Identifier(field + TIME))
            for field, kind in zip(fields, kinds, strict=True)
        ]
        if new:
            command = SQL("create table {} (device integer primary key, {}) with (fillfactor = 45)")
            await connection.execute(command.format(table(name), SQL(", ").join(pairs)))
            await fill(connection, name, fields)
        else:
            for field, kind in zip(fields, kinds, strict=True):
                command = SQL("alter table {} add column {} {}, add column {} timestamptz")
                names = Identifier(field), SQL(kind), Identifier(field + TIME)
                await connection.execute(command.format(table(name), *names))


async def fill(
    connection: Connection, device_type: str, fields: Sequence[str], devices: Sequence[int] | None = None
) -> None:
    """Find the latest values of a type's devices (``None``: all) again, from their readings.

    One pass over the readings finds the newest time of each field; the values are looked up by it.
    """
    times = SQL(", ").join(
        SQL("max(time) filter (where {} is not null) as {}").format(Identifier(field), Identifier(field + TIME))
        for field in fields
    )
    pairs = SQL(", ").join(
        SQL("(select {0} from {1} as r where r.device = newest.device and r.time = newest.{2}), newest.{2}").format(
            Identifier(field), Identifier("readings", device_type), Identifier(field + TIME)
        )
        for field in fields
    )
    names = SQL(", ").join(SQL("{}, {}").format(Identifier(field), Identifier(field + TIME)) for field in fields)
    command = SQL(
        "insert into {target} (device, {names}) select device, {pairs} from ("
        " select device, {times} from {readings}"
        " where (%(devices)s::integer[] is null or device = any(%(devices)s))"
        " and device in (select key from penfeld.device where type = {type} or type is null) group by device"
        ") as newest"
    ).format(
        target=table(device_type),
        names=names,
        pairs=pairs,
        times=times,
        readings=Identifier("readings", device_type),
        type=Literal(device_type),
    )
    await connection.execute(command, {"devices": None if devices is None else list(devices)})
