"""Many payloads at once: columns by numpy, with the same values, warnings and errors as one payload at a time.

Rules:

1. Payloads are grouped by port and length, joined into one array of bytes, and taken shape by shape: all rows that
   agree in the structure of the first row's shape are read together; the others wait for the next round.
2. A few rows of a shape, or too many shapes, are read one by one: columns would not pay.
3. A bad payload never hides a good one: it gets its error, and the rest goes on.
4. Arrays that are the same for every batch of a size (no times, no ages, all valid) are shared and read-only.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from decoders.layout_columns import DTYPES, NO_TIME, Numbers, RecordReader, Rows, column
from decoders.layout_shape import Decoded, Program, Shape, read
from model.device import Kind
from model.errors import DecodeError
from model.readings import Bools, Column, Ints
from model.value import Value

__all__ = ["NO_TIME", "BatchDecoder", "DecodedBatch"]

_FEW = 4  # rows of one shape from which columns pay
_MANY = 64  # shapes in one group after which the rest is read one by one
_LONGEST_PASCAL = 253
_MOST_JOINED = 10_000
_JOINED_BY = 128  # batches are filled up to multiples of it, so that few sizes are ever packed


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedBatch:
    """What a batch of payloads says. All arrays have one length: the number of records, in order of payload.

    ``frame``: position of the payload that a record came from. ``time_us``: the payload's own time, or ``NO_TIME``.
    ``columns``: fields that some payload has. ``errors``, ``warnings``: by position of the payload; an error's payload
    has no record. ``rest``: what a codec said of it that no field takes, by path.
    """

    frame: Ints
    time_us: Ints
    age_us: Ints
    columns: dict[str, Column]
    errors: dict[int, DecodeError] = field(default_factory=dict)
    warnings: dict[int, tuple[str, ...]] = field(default_factory=dict)
    rest: dict[int, Mapping[str, Value]] = field(default_factory=dict)


@dataclass(slots=True)
class _Part:
    """Records of one shape (or of none): one for each of ``frame``, all of one age unless ``age_us`` is an array."""

    frame: Ints
    time_us: Ints | None
    age_us: Ints | int
    columns: dict[str, tuple[Numbers, Bools | None]]


class BatchDecoder:
    """Decodes batches of one device type. How a shape is read is found once, and kept with the shape."""

    def __init__(self, program: Program, kinds: Mapping[str, Kind]) -> None:
        self._program = program
        self._kinds = kinds

    def decode(self, payloads: Sequence[bytes], f_ports: Sequence[int | None]) -> DecodedBatch:
        """Return what the payloads say; bad ones are in ``errors``."""
        if len(payloads) != len(f_ports):
            raise ValueError(f"{len(payloads)} payloads and {len(f_ports)} ports")
        run = _Run(self)
        with np.errstate(all="ignore"):  # what overflows or divides by zero comes out as null, as it does one by one
            for f_port, chosen, members, rows in _groups(payloads, f_ports) if payloads else ():
                run.group(f_port, chosen, members, rows)
            return run.result(self._kinds)

    def shape(self, payload: bytes, f_port: int | None) -> Shape:
        """Return the shape of a payload."""
        return self._program.shape(payload, f_port)

    def readers(self, shape: Shape) -> list[RecordReader]:
        """Return how the records of a shape are read."""
        if not isinstance(shape.columns, list):
            shape.columns = [RecordReader(record, self._kinds) for record in shape.records]
        return shape.columns


class _Run:
    """One batch on its way."""

    def __init__(self, decoder: BatchDecoder) -> None:
        self.decoder = decoder
        self.parts: list[_Part] = []
        self.single: list[tuple[int, Decoded]] = []
        self.errors: dict[int, DecodeError] = {}
        self.warnings: dict[int, tuple[str, ...]] = {}

    def group(self, f_port: int | None, chosen: Sequence[bytes], members: Ints, rows: Rows) -> None:
        """Read payloads of one port and length, given as they are and as rows; ``members`` are their positions."""
        for _ in range(_MANY):
            if len(chosen) < _FEW:
                break
            shape = self.decoder.shape(chosen[0], f_port)
            same = _same_shape(rows, shape)
            if same is None or same.all():
                self.rows(shape, f_port, rows, chosen, members)
                return
            matching = np.flatnonzero(same)
            self.rows(shape, f_port, rows[same], [chosen[row] for row in matching.tolist()], members[same])
            others = ~same
            rows, members = rows[others], members[others]
            chosen = [chosen[row] for row in np.flatnonzero(others).tolist()]
        self.one_by_one(f_port, chosen, members)

    def rows(self, shape: Shape, f_port: int | None, rows: Rows, chosen: Sequence[bytes], members: Ints) -> None:
        """Read rows that all have one shape."""
        if shape.error is not None:
            message, offset = shape.error
            self.errors.update((position, DecodeError(message, offset=offset)) for position in members.tolist())
            return
        if len(chosen) < _FEW:
            self.one_by_one(f_port, chosen, members)
            return
        warned: list[tuple[int, str]] = [(row, warning) for warning in shape.warnings for row in range(len(chosen))]
        for reader in self.decoder.readers(shape):
            columns = reader.fields(rows, chosen, warned)
            self.parts.append(_Part(members, reader.times(rows, chosen, warned), reader.age_us, columns))
        if warned:
            by_row: dict[int, dict[str, None]] = {}
            for row, warning in warned:
                by_row.setdefault(row, {})[warning] = None
            self.warnings.update((int(members[row]), tuple(texts)) for row, texts in by_row.items())

    def one_by_one(self, f_port: int | None, chosen: Sequence[bytes], members: Ints) -> None:
        """Read rows without columns."""
        for position, payload in zip(members.tolist(), chosen, strict=True):
            shape = self.decoder.shape(payload, f_port)
            if shape.error is not None:
                self.errors[position] = DecodeError(shape.error[0], offset=shape.error[1])
                continue
            decoded = read(shape, payload)
            self.single.append((position, decoded))
            if decoded.warnings:
                self.warnings[position] = decoded.warnings

    def result(self, kinds: Mapping[str, Kind]) -> DecodedBatch:
        """Return everything read, in order of payload."""
        if self.single:
            self.single.sort(key=lambda single: single[0])
            self.parts.append(_part_of_singles(self.single, kinds))
        if len(self.parts) == 1:
            return self._whole(self.parts[0])
        frame = np.concatenate([part.frame for part in self.parts]) if self.parts else np.empty(0, np.int64)
        order = np.argsort(frame, kind="stable")
        total = len(frame)
        time_us, age_us = np.full(total, NO_TIME), np.zeros(total, np.int64)
        start = 0
        columns: dict[str, Column] = {}
        for part in self.parts:
            place = slice(start, start + len(part.frame))
            start = place.stop
            age_us[place] = part.age_us
            if part.time_us is not None:
                time_us[place] = part.time_us
            for name, (values, valid) in part.columns.items():
                if name not in columns:
                    columns[name] = Column(np.zeros(total, DTYPES[kinds[name]]), np.zeros(total, np.bool_))
                columns[name].values[place] = values
                columns[name].valid[place] = True if valid is None else valid
        return DecodedBatch(
            frame=frame[order],
            time_us=time_us[order],
            age_us=age_us[order],
            columns={name: Column(one.values[order], one.valid[order]) for name, one in columns.items()},
            errors=self.errors,
            warnings=self.warnings,
        )

    def _whole(self, part: _Part) -> DecodedBatch:
        """Return the only part, without copying."""
        _, no_times, no_ages, everywhere = _shared(len(part.frame))
        return DecodedBatch(
            frame=part.frame,
            time_us=no_times if part.time_us is None else part.time_us,
            age_us=no_ages if isinstance(part.age_us, int) and not part.age_us else no_ages + part.age_us,
            columns={
                name: Column(values, everywhere if valid is None else valid)
                for name, (values, valid) in part.columns.items()
            },
            errors=self.errors,
            warnings=self.warnings,
        )


@lru_cache(maxsize=64)
def _shared(count: int) -> tuple[Ints, Ints, Ints, Bools]:
    """Return positions, no times, no ages, and validity everywhere, for so many rows."""
    arrays = np.arange(count), np.full(count, NO_TIME), np.zeros(count, np.int64), np.ones(count, np.bool_)
    for array in arrays:
        array.flags.writeable = False
    return arrays


def _groups(
    payloads: Sequence[bytes], f_ports: Sequence[int | None]
) -> Iterator[tuple[int | None, Sequence[bytes], Ints, Rows]]:
    """Yield port, payloads of one length, their positions, and the same payloads as rows of bytes."""
    if f_ports.count(f_ports[0]) == len(f_ports) and (rows := _rows_of_one_length(payloads)) is not None:
        yield f_ports[0], payloads, _shared(len(payloads))[0], rows
        return
    groups: dict[tuple[int | None, int], list[int]] = {}
    for position, key in enumerate(zip(f_ports, map(len, payloads), strict=True)):
        groups.setdefault(key, []).append(position)
    for (f_port, length), members in groups.items():
        chosen = [payloads[position] for position in members]
        rows = np.frombuffer(b"".join(chosen) or b"\0", np.uint8)[: len(chosen) * length]
        yield f_port, chosen, np.array(members), rows.reshape(len(chosen), length)


def _rows_of_one_length(payloads: Sequence[bytes]) -> Rows | None:
    """Return payloads as rows of bytes, ``None`` unless all have the length of the first (up to 253 bytes).

    A Pascal string of ``struct`` carries its length in front: so one call joins and measures, in a third of the time
    that asking each payload for its length takes.
    """
    count, length = len(payloads), len(payloads[0])
    if length > _LONGEST_PASCAL or count > _MOST_JOINED:
        return None
    whole = -count % _JOINED_BY
    joined = _pascal(length + 2, count + whole).pack(*payloads, *[b""] * whole)
    rows = np.frombuffer(joined, np.uint8).reshape(count + whole, length + 2)[:count]
    return rows[:, 1:-1] if bool((rows[:, 0] == length).all()) else None


@lru_cache(maxsize=64)
def _pascal(width: int, count: int) -> struct.Struct:
    """Return what packs so many payloads, each into ``width`` bytes: its length, itself, and one byte more."""
    return struct.Struct(f"{width}p" * count)


def _same_shape(rows: Rows, shape: Shape) -> Bools | None:
    """Return which rows have the shape, ``None`` for all."""
    same: Bools | None = None
    for byte, mask, expected in shape.structure:
        column = rows[:, byte]
        here = column == expected if mask == 0xFF else column & mask == expected  # noqa: PLR2004 - the whole byte
        same = here if same is None else same & here
    return same


def _part_of_singles(singles: list[tuple[int, Decoded]], kinds: Mapping[str, Kind]) -> _Part:
    """Return what was read one by one as columns."""
    records = [(position, record) for position, decoded in singles for record in decoded.records]
    names = dict.fromkeys(name for _, record in records for name in record.values)
    columns: dict[str, tuple[Numbers, Bools | None]] = {
        name: column([record.values.get(name) for _, record in records], kinds[name]) for name in names
    }
    return _Part(
        np.array([position for position, _ in records], np.int64),
        np.array([NO_TIME if record.time_us is None else record.time_us for _, record in records], np.int64),
        np.array([record.age_us for _, record in records], np.int64),
        columns,
    )
