"""From frames and readings in columns to rows for COPY, and which of them to write. Pure.

COPY sends values in PostgreSQL's binary form and checks only their length, so two short cuts are sound: a time goes as
the integer of microseconds since 2000 that ``timestamptz`` is, and JSON and arrays go as the bytes that they are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from model.batch import Batch, Frame
from model.readings import Array, Bools, Column, Ints, Readings
from storage.arrays import JSONB_VERSION, POSTGRES_EPOCH_US, Texts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
HOUR_US = 3_600_000_000
_MONTH = np.dtype("datetime64[M]")
EARLIEST_US = 0
LATEST_US = int((datetime(2200, 1, 1, tzinfo=UTC) - EPOCH) / _MICROSECOND)
"""Times that are stored: from 1970 up to 2200. Others are mistakes, and would each make a part of a table."""

UPLINK_COLUMNS: Mapping[str, str] = {
    "device": "int4",
    "time": "int8",
    "key": "bytea",
    "received_at": "int8",
    "network_time": "int8",
    "source": "text",
    "network": "text",
    "session": "text",
    "f_cnt": "int8",
    "f_port": "int8",
    "rssi_dbm": "float4",
    "snr_db": "float4",
    "gateway": "text",
    "codec": "int4",
    "simulated": "bool",
    "payload": "bytea",
    "fields": "bytea",
}
"""Columns of penfeld.uplink and the type that each value is sent as. What devices say never goes as int4: the driver
would cut a larger number without a word."""

READING_COLUMNS: Mapping[str, str] = {
    "device": "int4",
    "time": "int8",
    "received_at": "int8",
    "simulated": "bool",
    "flags": "bytea",
    "codec": "int4",
}
"""The same for what all tables of readings have; fields follow, as ``FIELD_TYPES`` says by the column's type."""

FIELD_TYPES: Mapping[str, tuple[str, str]] = {
    "double precision": ("float8", "f"),
    "bigint": ("int8", "i"),
    "boolean": ("bool", "b"),
    "text": ("text", "OU"),
}
"""Column type -> the type that its values are sent as, and numpy's kinds of array that fit."""


def microseconds(when: datetime) -> int:
    """Return microseconds since 1970 UTC, exactly."""
    return (when - EPOCH) // _MICROSECOND


def moment(time_us: int) -> datetime:
    """Return the time so many microseconds after 1970, UTC."""
    return EPOCH + timedelta(microseconds=time_us)


@dataclass(frozen=True, slots=True)
class Frames:
    """What the checks need of a batch's frames, in columns: one element a frame."""

    device: Ints
    time_us: Ints
    received_us: Ints
    simulated: Bools
    counter: Bools
    keys: list[bytes]

    @classmethod
    def of(cls, frames: Sequence[Frame]) -> "Frames":
        """Read them from the batch."""
        return cls(
            device=np.array([frame.device for frame in frames], dtype=np.int64),
            time_us=np.array([microseconds(frame.time) for frame in frames], dtype=np.int64),
            received_us=np.array([microseconds(frame.received_at) for frame in frames], dtype=np.int64),
            simulated=np.array([frame.simulated for frame in frames], dtype=np.bool_),
            counter=np.array([frame.uplink.f_cnt is not None for frame in frames], dtype=np.bool_),
            keys=[frame.key for frame in frames],
        )

    def repeated(self, duplicates: set[int]) -> set[int]:
        """Return frames that repeat an earlier one of this batch, given those that the database has already."""
        times: dict[bytes, list[int]] = {}
        found = set()
        columns = zip(self.keys, self.time_us.tolist(), self.counter.tolist(), strict=True)
        for position, (key, time_us, counter) in enumerate(columns):
            if position in duplicates:
                continue
            earlier = times.setdefault(key, [])
            reach = HOUR_US if counter else 0
            if any(abs(time_us - other) <= reach for other in earlier):
                found.add(position)
            else:
                earlier.append(time_us)
        return found


def part(batch: Batch, positions: Sequence[int]) -> Batch:
    """Return a batch of only these frames (in ascending order) and their readings, with nothing set aside."""
    place = np.full(len(batch.frames), -1, dtype=np.int64)
    place[list(positions)] = np.arange(len(positions))
    readings = []
    for whole in batch.readings:
        some = select(whole, np.flatnonzero(place[whole.frame] >= 0))
        some.frame = place[some.frame]
        readings.append(some)
    return Batch(frames=[batch.frames[position] for position in positions], readings=readings)


def select(readings: Readings, rows: Ints) -> Readings:
    """Return these rows, in this order; values that are not finite count as absent, and columns without values go."""
    columns = {}
    for name, column in readings.columns.items():
        values, valid = column.values[rows], column.valid[rows]
        if values.dtype.kind == "f":
            valid = valid & np.isfinite(values)
        if valid.any():
            columns[name] = Column(values, valid)
    flags = {}
    if readings.flags:
        flags = {new: readings.flags[old] for new, old in enumerate(rows.tolist()) if old in readings.flags}
    return Readings(
        device_type=readings.device_type,
        version=readings.version,
        frame=readings.frame[rows],
        time_us=readings.time_us[rows],
        columns=columns,
        flags=flags,
    )


def fitting(column: Column, kind: str) -> Column | None:
    """Return the column as the table's type ``kind`` wants it; ``None`` if its values are of another kind.

    The database would not notice: eight bytes of an integer are eight bytes of a float.
    """
    if column.values.dtype.kind in FIELD_TYPES[kind][1]:
        return column
    if kind == "double precision" and column.values.dtype.kind == "i":
        return Column(column.values.astype(np.float64), column.valid)
    return None


def ranks(device: Ints, time_us: Ints) -> Ints:
    """Return how many earlier rows have the same device and time: 0 for a first one."""
    rank = np.zeros(len(device), dtype=np.int64)
    order = np.lexsort((time_us, device))  # stable: of equals, the earlier row comes first
    same = (np.diff(device[order]) == 0) & (np.diff(time_us[order]) == 0)
    for place in np.flatnonzero(same).tolist():
        rank[order[place + 1]] = rank[order[place]] + 1
    return rank


def misplaced(batch: Batch, frames: Frames) -> dict[int, str]:
    """Return frames with a time that no table keeps, and why."""
    why = "its time {} is not between 1970 and 2200"
    found = {
        int(position): why.format(_shown(int(frames.time_us[position])))
        for position in np.flatnonzero(_outside(frames.time_us))
    }
    for readings in batch.readings:
        for row in np.flatnonzero(_outside(readings.time_us)):
            found.setdefault(int(readings.frame[row]), why.format(_shown(int(readings.time_us[row]))))
    return found


def _outside(time_us: Ints) -> Bools:
    outside: Bools = (time_us < EARLIEST_US) | (time_us >= LATEST_US)
    return outside


def _shown(time_us: int) -> str:
    try:
        return moment(time_us).isoformat()
    except OverflowError:
        return f"{time_us} µs"


def months(time_us: Ints) -> list[int]:
    """Return the months that these times fall into, counted from January 1970."""
    found: list[int] = np.unique(time_us.astype("datetime64[us]").astype(_MONTH).astype(np.int64)).tolist()
    return found


def days(time_us: Ints) -> Iterator[Ints]:
    """Yield the positions of these times, day by day (UTC)."""
    day = time_us // (24 * HOUR_US)
    for each in np.unique(day):
        yield np.flatnonzero(day == each)


def uplink_rows(
    batch: Batch, frames: Frames, positions: Ints, codecs: Mapping[tuple[str, str], int]
) -> Iterator[tuple[Any, ...]]:
    """Yield rows of ``UPLINK_COLUMNS`` for these positions of the batch."""
    time = (frames.time_us[positions] - POSTGRES_EPOCH_US).tolist()
    received_at = (frames.received_us[positions] - POSTGRES_EPOCH_US).tolist()
    for row, position in enumerate(positions.tolist()):
        frame = batch.frames[position]
        uplink = frame.uplink
        yield (
            frame.device,
            time[row],
            frame.key,
            received_at[row],
            None if uplink.time is None else microseconds(uplink.time) - POSTGRES_EPOCH_US,
            frame.source,
            uplink.network,
            uplink.session,
            uplink.f_cnt,
            uplink.f_port,
            uplink.rssi_dbm,
            uplink.snr_db,
            uplink.gateway,
            codecs[frame.device_type, frame.decoded_with],
            frame.simulated,
            uplink.payload,
            None if uplink.values is None else JSONB_VERSION + msgspec.json.encode(uplink.values),
        )


def reading_rows(readings: Readings, frames: Frames, codec: int) -> Iterator[tuple[Any, ...]]:
    """Yield rows of ``READING_COLUMNS`` and of the readings' own columns, in their order."""
    count = len(readings)
    flags: list[bytes | None] = [None] * count
    for row, names in readings.flags.items():
        flags[row] = Texts([name.encode() for name in names]).data
    columns: list[Iterable[Any]] = [
        frames.device[readings.frame].tolist(),
        (readings.time_us - POSTGRES_EPOCH_US).tolist(),
        (frames.received_us[readings.frame] - POSTGRES_EPOCH_US).tolist(),
        frames.simulated[readings.frame].tolist(),
        flags,
        [codec] * count,
    ]
    columns += [nullable(column.values, column.valid) for column in readings.columns.values()]
    return zip(*columns, strict=True)


def nullable(values: Array, valid: Bools) -> list[Any]:
    """Return a column's values as Python's own, ``None`` where there are none."""
    found: list[Any] = values.tolist()
    if not valid.all():
        for row in np.flatnonzero(~valid).tolist():
            found[row] = None
    return found
