"""From frames and readings in columns to rows for COPY, and which of them to write. Pure.

Rows go in order of device and time: neighbours in the batch are neighbours in the indexes, and writers that meet do so
in one order. What devices say is checked here where PostgreSQL would not notice: it looks at a value's length, not at
its kind.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from model.batch import Batch, Frame
from model.instants import microseconds, moment
from model.readings import Array, Bools, Column, Ints, Readings
from model.uplink import Rest, Value
from storage.arrays import JSONB_VERSION, POSTGRES_EPOCH_US
from storage.arrays import Texts as TextArray
from storage.cells import Cells, Fixed, Texts, cells
from storage.cells import rows as rows_of

HOUR_US = 3_600_000_000
_MONTH = np.dtype("datetime64[M]")
EARLIEST_US = 0
LATEST_US = microseconds(datetime(2200, 1, 1, tzinfo=UTC))
"""Times that are stored: from 1970 up to 2200. Others are mistakes, and would each make a part of a table."""

UPLINK_COLUMNS = (
    *("device", "time", "key", "received_at", "network_time", "f_cnt", "f_port", "rssi_dbm", "snr_db", "codec"),
    *("simulated", "source", "network", "session", "gateway", "payload", "fields", "rest"),
)
"""Columns of penfeld.uplink in the order of ``uplink_rows``."""

READING_COLUMNS: Mapping[str, str] = {
    "device": "int4",
    "time": "int8",
    "received_at": "int8",
    "simulated": "bool",
    "flags": "bytea",
    "codec": "int4",
}
"""What all tables of readings have, and the type that the driver is to send each value as: a time goes as the integer
that ``timestamptz`` is, flags as the bytes that they are. Fields follow, see ``FIELD_TYPES``."""

FIELD_TYPES: Mapping[str, tuple[str, str]] = {
    "double precision": ("float8", "f"),
    "bigint": ("int8", "i"),
    "boolean": ("bool", "b"),
    "text": ("text", "OU"),
}
"""Column type -> the type that its values are sent as, and numpy's kinds of array that fit."""

T = TypeVar("T", bound=Hashable)

_FORMS = {"f": ">f8", "i": ">i8", "b": "u1"}
_TEXT = "OU"
_KEY = "V16"
PART = 500
"""How many rows are made at once; what waits beside it gets its turn then."""
LARGEST_REAL = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Coded(Generic[T]):
    """A column of few different values: ``values`` are those, ``places`` says which stands where."""

    values: list[T]
    places: Ints

    @classmethod
    def of(cls, column: list[T]) -> "Coded[T]":
        """Return the column with its values numbered in order of their first place."""
        if column and column.count(column[0]) == len(column):
            return cls(column[:1], np.zeros(len(column), dtype=np.int64))
        values = list(dict.fromkeys(column))
        numbers = {value: number for number, value in enumerate(values)}
        return cls(values, np.fromiter(map(numbers.__getitem__, column), dtype=np.int64, count=len(column)))


class Frames:
    """A batch's frames in columns: one element a frame, in the order of the batch.

    A column is made when it is first asked for. Column by column is twice as fast as row by row.
    """

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._frames = frames
        self.uplinks = [frame.uplink for frame in frames]
        self.device = np.array([frame.device for frame in frames], dtype=np.int64)
        self.time_us = np.array([frame.time_us for frame in frames], dtype=np.int64)
        self.beyond: dict[int, str] = {}
        """Frames with a counter that no column holds, and why; here it is 0."""
        counters = _whole("frame counter", [uplink.f_cnt for uplink in self.uplinks], self.beyond)
        self.counter: Bools = counters.valid
        """Where there is a frame counter."""
        self.f_cnt: Ints = counters.values.astype(np.int64, copy=False)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.keys)

    @cached_property
    def received_us(self) -> Ints:
        """The arrivals."""
        return np.array([frame.received_us for frame in self._frames], dtype=np.int64)

    @cached_property
    def network_us(self) -> Column:
        """What the network told of the time."""
        return _whole("network time", [frame.network_us for frame in self._frames], {})

    @cached_property
    def simulated(self) -> Bools:
        """Which are simulated."""
        return np.array([frame.simulated for frame in self._frames], dtype=np.bool_)

    @cached_property
    def keys(self) -> list[bytes]:
        """The frames' identities."""
        return [frame.key for frame in self._frames]

    @cached_property
    def source(self) -> Coded[str]:
        """The sources that brought them."""
        return Coded.of([frame.source for frame in self._frames])

    @cached_property
    def gateway(self) -> Coded[str]:
        """The gateways that heard them best; "" where none is told."""
        return Coded.of([uplink.gateway or "" for uplink in self.uplinks])

    @cached_property
    def session(self) -> list[str]:
        """What their counters count within."""
        return [uplink.session for uplink in self.uplinks]

    @cached_property
    def rest(self) -> Mapping[int, bytes]:
        """What their codecs said that no field takes, as JSON, where they said any."""
        return {i: _json(frame.rest) for i, frame in enumerate(self._frames) if frame.rest is not None}

    @cached_property
    def codec(self) -> Coded[tuple[str, str]]:
        """Device type and version that decoded them."""
        return _codecs([frame.device_type for frame in self._frames], [frame.decoded_with for frame in self._frames])

    def repeated(self, duplicates: set[int]) -> set[int]:
        """Return frames that repeat an earlier one of this batch, given those that the database has already."""
        if len(set(self.keys)) == len(self.keys):
            return set()
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
        place = np.full(len(readings), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        flags = {int(place[old]): names for old, names in readings.flags.items() if place[old] >= 0}
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
    """Return frames with a time or a number that no table keeps, and why."""
    why = "its time {} is not between 1970 and 2200"
    found = dict(frames.beyond)
    for position in np.flatnonzero(_outside(frames.time_us)):
        found[int(position)] = why.format(_shown(int(frames.time_us[position])))
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


def uplink_rows(frames: Frames, positions: Ints, codecs: Mapping[tuple[str, str], int]) -> Iterator[bytes]:
    """Yield the rows of ``UPLINK_COLUMNS`` for these positions of the batch, in this order, part by part."""
    codec = np.array([codecs[each] for each in frames.codec.values], dtype=np.int64)
    source = cells([value.encode() for value in frames.source.values])
    texts = Texts()
    for start in range(0, len(positions), PART):
        some = positions[start : start + PART]
        wanted = some.tolist()
        uplinks = [frames.uplinks[position] for position in wanted]
        beyond: dict[int, str] = {}
        f_port = _whole("port", [uplink.f_port for uplink in uplinks], beyond)
        if beyond:
            raise OverflowError(next(iter(beyond.values())))
        keys = b"".join([frames.keys[position] for position in wanted])
        fixed = [
            Fixed(frames.device[some], ">i4"),
            Fixed(frames.time_us[some] - POSTGRES_EPOCH_US, ">i8"),
            Fixed(np.frombuffer(keys, dtype=_KEY), _KEY),
            Fixed(frames.received_us[some] - POSTGRES_EPOCH_US, ">i8"),
            Fixed(frames.network_us.values[some] - POSTGRES_EPOCH_US, ">i8", frames.network_us.valid[some]),
            Fixed(frames.f_cnt[some], ">i8", frames.counter[some]),
            Fixed(f_port.values, ">i8", f_port.valid),
            _real([uplink.rssi_dbm for uplink in uplinks]),
            _real([uplink.snr_db for uplink in uplinks]),
            Fixed(codec[frames.codec.places[some]], ">i4"),
            Fixed(frames.simulated[some], "u1"),
        ]
        varying = [
            [source[place] for place in frames.source.places[some].tolist()],
            texts.column([uplink.network for uplink in uplinks]),
            cells([frames.session[position].encode() for position in wanted]),
            texts.column([uplink.gateway for uplink in uplinks]),
            cells([uplink.payload for uplink in uplinks]),
            cells([None if uplink.values is None else _json(uplink.values) for uplink in uplinks]),
            cells([frames.rest.get(position) for position in wanted]),
        ]
        yield rows_of(fixed, varying)


def reading_rows(
    readings: Readings, frames: Frames, codec: int, ranks: Ints | None = None
) -> tuple[tuple[str, ...], bytes]:
    """Return the names of columns, in their order, and the rows. With ``ranks``, a column of that name goes first."""
    fixed = {
        "device": Fixed(frames.device[readings.frame], ">i4"),
        "time": Fixed(readings.time_us - POSTGRES_EPOCH_US, ">i8"),
        "received_at": Fixed(frames.received_us[readings.frame] - POSTGRES_EPOCH_US, ">i8"),
        "simulated": Fixed(frames.simulated[readings.frame], "u1"),
        "codec": Fixed(np.full(len(readings), codec), ">i4"),
    }
    if ranks is not None:
        fixed = {"rank": Fixed(ranks, ">i4"), **fixed}
    varying: dict[str, Cells] = {}
    for name, column in readings.columns.items():
        if column.values.dtype.kind in _TEXT:
            varying[name] = Texts().column(nullable(column.values, column.valid))
        else:
            fixed[name] = Fixed(column.values, _FORMS[column.values.dtype.kind], column.valid)
    if readings.flags:
        flags: list[bytes | None] = [None] * len(readings)
        for row, names in readings.flags.items():
            flags[row] = TextArray([name.encode() for name in names]).data
        varying["flags"] = cells(flags)
    return (*fixed, *varying), rows_of(list(fixed.values()), list(varying.values()))


def nullable(values: Array, valid: Bools) -> list[Any]:
    """Return a column's values as Python's own, ``None`` where there are none."""
    found: list[Any] = values.tolist()
    if not valid.all():
        for row in np.flatnonzero(~valid).tolist():
            found[row] = None
    return found


def _codecs(types: list[str], versions: list[str]) -> Coded[tuple[str, str]]:
    if types and all(column.count(column[0]) == len(types) for column in (types, versions)):
        return Coded([(types[0], versions[0])], np.zeros(len(types), dtype=np.int64))
    return Coded.of(list(zip(types, versions, strict=True)))


def _json(values: Mapping[str, Value] | Rest) -> bytes:
    return JSONB_VERSION + msgspec.json.encode(values)


def _whole(name: str, values: Sequence[int | None], beyond: dict[int, str]) -> Column:
    """Return whole numbers as a column; put into ``beyond`` where one is too large for any."""
    valid = np.ones(len(values), dtype=np.bool_)
    if None in values:
        valid = np.array([value is not None for value in values], dtype=np.bool_)
        values = [0 if value is None else value for value in values]
    try:
        return Column(np.array(values, dtype=np.int64), valid)
    except OverflowError:
        for position, value in enumerate(values):
            if not -(2**63) <= (value or 0) < 2**63:
                beyond[position] = f"its {name} {value} is a number that no column holds"
        return _whole(name, [0 if position in beyond else value for position, value in enumerate(values)], beyond)


def _real(values: Sequence[float | None]) -> Fixed:
    """Return a column of ``real``; raise ``OverflowError`` for a number that is too large for it."""
    valid = None
    if None in values:
        valid = np.array([value is not None for value in values], dtype=np.bool_)
        values = [0.0 if value is None else value for value in values]
    found = np.array(values, dtype=np.float64)
    if (np.isfinite(found) & (np.abs(found) > LARGEST_REAL)).any():
        raise OverflowError(f"{np.abs(found).max()} is a number that no column holds")
    return Fixed(found, ">f4", valid)
