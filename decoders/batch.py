"""Many payloads at once: columns by numpy, with the same values, warnings and errors as one payload at a time.

Rules:

1. Payloads are grouped by port and length, joined into one array of bytes, and taken shape by shape: all rows that
   agree in the structure of the first row's shape are read together; the others wait for the next round.
2. A column is read with the operations that ``decoders.layout`` uses for one value, in the same order and in the same
   precision. What numpy does differently (digits, texts, integers that may overflow) is read one by one.
3. A bad payload never hides a good one: it gets its error, and the rest goes on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from decoders import expression
from decoders.layout import INT64_MAX, INT64_MIN, Item
from decoders.layout_shape import (
    EARLIEST_S,
    LATEST_S,
    AnySlot,
    Decoded,
    DerivedSlot,
    Program,
    RecordShape,
    Shape,
    Slot,
    read,
    read_time,
)
from model.device import Kind
from model.errors import DecodeError
from model.readings import Bools, Column, Ints

NO_TIME = INT64_MIN
"""In ``time_us``: the payload says no time of its own."""

_FEW = 4  # rows of one shape from which columns pay
_MANY = 64  # shapes in one group after which the rest is read one by one
_EXACT = 2**53  # integers up to here are doubles without loss
_DTYPES: dict[Kind, np.dtype[Any]] = {
    Kind.FLOAT: np.dtype(np.float64),
    Kind.INT: np.dtype(np.int64),
    Kind.BOOL: np.dtype(np.bool_),
    Kind.TEXT: np.dtype(np.object_),
}

Rows = npt.NDArray[np.uint8]
Numbers = npt.NDArray[Any]
Warned = Sequence[tuple[int, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedBatch:
    """What a batch of payloads says. All arrays have one length: the number of records, in order of payload.

    ``frame``: position of the payload that a record came from. ``time_us``: the payload's own time, or ``NO_TIME``.
    ``columns``: fields that some payload has. ``errors``, ``warnings``: by position of the payload; an error's payload
    has no record.
    """

    frame: Ints
    time_us: Ints
    age_us: Ints
    columns: dict[str, Column]
    errors: dict[int, DecodeError] = field(default_factory=dict)
    warnings: dict[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class _Read:
    """A column as read: ``valid`` is ``None`` where all of it is."""

    values: Numbers
    valid: Bools | None = None
    warned: Warned = ()


@dataclass(slots=True)
class _Part:
    """Records of one shape (or of none): one for each of ``frame``, all of one age unless ``age_us`` is an array."""

    frame: Ints
    time_us: Ints | None
    age_us: Ints | int
    columns: dict[str, _Read]


Reader = Callable[[Rows, Sequence[bytes]], _Read]


class BatchDecoder:
    """Decodes batches of one device type. How a shape is read is found once, and kept with the shape."""

    def __init__(self, program: Program, kinds: Mapping[str, Kind]) -> None:
        self._program = program
        self._kinds = kinds

    def decode(self, payloads: Sequence[bytes], f_ports: Sequence[int | None]) -> DecodedBatch:
        """Return what the payloads say; bad ones are in ``errors``."""
        run = _Run(self, payloads)
        with np.errstate(all="ignore"):  # what overflows or divides by zero comes out as null, as it does one by one
            for (f_port, length), members in _groups(payloads, f_ports):
                run.group(f_port, length, members)
            return run.result(self._kinds)

    def shape(self, payload: bytes, f_port: int | None) -> Shape:
        """Return the shape of a payload."""
        return self._program.shape(payload, f_port)

    def plan(self, shape: Shape) -> "list[_RecordPlan]":
        """Return how the records of a shape are read."""
        if not isinstance(shape.columns, list):
            shape.columns = [_RecordPlan(record, self._kinds) for record in shape.records]
        return shape.columns


class _Run:
    """One batch on its way."""

    def __init__(self, decoder: BatchDecoder, payloads: Sequence[bytes]) -> None:
        self.decoder = decoder
        self.payloads = payloads
        self.parts: list[_Part] = []
        self.single: list[tuple[int, Decoded]] = []
        self.errors: dict[int, DecodeError] = {}
        self.warnings: dict[int, tuple[str, ...]] = {}

    def group(self, f_port: int | None, length: int, members: Ints | None) -> None:
        """Read the payloads of one port and length; ``members`` is ``None`` for all."""
        if members is None:
            chosen: Sequence[bytes] = self.payloads
            members = np.arange(len(chosen))
        else:
            chosen = [self.payloads[position] for position in members.tolist()]
        rows = np.frombuffer(b"".join(chosen), np.uint8) if length else np.empty(0, np.uint8)
        rows = rows.reshape(len(chosen), length)
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
        for plan in self.decoder.plan(shape):
            self.parts.append(plan.read(rows, chosen, members, warned))
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
            for name, column in part.columns.items():
                if name not in columns:
                    columns[name] = Column(np.zeros(total, _DTYPES[kinds[name]]), np.zeros(total, np.bool_))
                columns[name].values[place] = column.values
                columns[name].valid[place] = True if column.valid is None else column.valid
        return DecodedBatch(
            frame=frame[order],
            time_us=time_us[order],
            age_us=age_us[order],
            columns={name: Column(column.values[order], column.valid[order]) for name, column in columns.items()},
            errors=self.errors,
            warnings=self.warnings,
        )

    def _whole(self, part: _Part) -> DecodedBatch:
        total = len(part.frame)
        everywhere = np.ones(total, np.bool_)
        everywhere.flags.writeable = False  # shared by columns
        return DecodedBatch(
            frame=part.frame,
            time_us=np.full(total, NO_TIME) if part.time_us is None else part.time_us,
            age_us=np.zeros(total, np.int64) + part.age_us,
            columns={
                name: Column(column.values, everywhere if column.valid is None else column.valid)
                for name, column in part.columns.items()
            },
            errors=self.errors,
            warnings=self.warnings,
        )


def _groups(
    payloads: Sequence[bytes], f_ports: Sequence[int | None]
) -> Iterator[tuple[tuple[int | None, int], Ints | None]]:
    """Yield port and length with the positions that have them, ``None`` for all."""
    if len(payloads) != len(f_ports):
        raise ValueError(f"{len(payloads)} payloads and {len(f_ports)} ports")
    if not payloads:
        return
    lengths = list(map(len, payloads))
    if lengths.count(lengths[0]) == len(payloads) == f_ports.count(f_ports[0]):
        yield (f_ports[0], lengths[0]), None
        return
    groups: dict[tuple[int | None, int], list[int]] = {}
    for position, key in enumerate(zip(f_ports, lengths, strict=True)):
        groups.setdefault(key, []).append(position)
    for key, members in groups.items():
        yield key, np.array(members)


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
    columns: dict[str, _Read] = {}
    for name in names:
        found = [record.values.get(name) for _, record in records]
        columns[name] = _column(found, kinds[name])
    return _Part(
        np.array([position for position, _ in records], np.int64),
        np.array([NO_TIME if record.time_us is None else record.time_us for _, record in records], np.int64),
        np.array([record.age_us for _, record in records], np.int64),
        columns,
    )


def _column(found: Sequence[Any], kind: Kind) -> _Read:
    """Return a column of values, of which some may be ``None``."""
    valid = np.array([value is not None for value in found], np.bool_)
    values = np.zeros(len(found), _DTYPES[kind])
    values[valid] = [value for value in found if value is not None]
    return _Read(values, valid)


class _RecordPlan:
    """How one record of a shape is read: a reader for each of its slots, in order."""

    def __init__(self, record: RecordShape, kinds: Mapping[str, Kind]) -> None:
        self._age_us = record.age_us
        self._time = record.time
        self._readers: dict[int, Reader] = {}
        self._slots = [(slot.name, id(slot), kinds[slot.name]) for slot in record.slots]
        self._kept = record.slots  # the readers are found by the slots' identity
        for slot in (*record.slots, *([record.time] if record.time else [])):
            self._prepare(slot)

    def _prepare(self, slot: AnySlot) -> None:
        if id(slot) in self._readers:
            return
        if isinstance(slot, DerivedSlot):
            for source in slot.sources.values():
                self._prepare(source)
        else:
            self._readers[id(slot)] = _reader(slot)
            return
        self._readers[id(slot)] = self._derived(slot)

    def _derived(self, slot: DerivedSlot) -> Reader:
        sources = {name: self._readers[id(source)] for name, source in slot.sources.items()}

        def derived(rows: Rows, chosen: Sequence[bytes]) -> _Read:
            read = {name: reader(rows, chosen) for name, reader in sources.items()}
            operands = {name: column.values.astype(np.float64) for name, column in read.items()}
            result = np.broadcast_to(slot.expression.evaluate(operands, _COLUMNS), len(chosen))
            valid: Bools = np.isfinite(result)
            for column in read.values():
                if column.valid is not None:
                    valid = valid & column.valid
            return _Read(result, valid)

        return derived

    def read(self, rows: Rows, chosen: Sequence[bytes], members: Ints, warned: list[tuple[int, str]]) -> _Part:
        """Return the record of each row; add what there is to warn of."""
        columns: dict[str, _Read] = {}
        for name, slot, kind in self._slots:
            column = self._readers[slot](rows, chosen)
            warned.extend(column.warned)
            if kind is Kind.FLOAT and column.values.dtype != np.float64:
                column = _Read(column.values.astype(np.float64), column.valid)
            columns[name] = column
        return _Part(members, self._times(rows, chosen, warned), self._age_us, columns)

    def _times(self, rows: Rows, chosen: Sequence[bytes], warned: list[tuple[int, str]]) -> Ints | None:
        """Return the records' own times."""
        if self._time is None:
            return None
        column = self._readers[id(self._time)](rows, chosen)
        seconds = column.values
        possible: Bools = (seconds >= EARLIEST_S) & (seconds < LATEST_S)
        if column.valid is not None:
            possible &= column.valid
        if not possible.all():
            for row in np.flatnonzero(~possible).tolist():
                warning = read_time(self._time, chosen[row])[1]
                if warning:
                    warned.append((row, warning))
        if seconds.dtype == np.float64:
            time_us = np.rint(seconds * 1e6).astype(np.int64)
        else:
            time_us = seconds.astype(np.int64) * 1_000_000
        return np.where(possible, time_us, NO_TIME)


def _reader(slot: Slot) -> Reader:
    """Return what reads a slot of many rows."""
    raw = _raw_reader(slot)
    if raw is None:
        return _singly(slot)
    item = slot.item
    if item.labels and item.raw_type.limits[1] > INT64_MAX:
        return _singly(slot)
    if item.labels:
        return _label_reader(raw, item)
    if item.kind is Kind.BOOL:
        return _flag_reader(raw, slot)
    if item.kind is Kind.INT:
        return _integer_reader(raw, item, slot)
    return _float_reader(raw, item)


def _singly(slot: Slot) -> Reader:
    """Return what reads a slot payload by payload."""

    def singly(_: Rows, chosen: Sequence[bytes]) -> _Read:
        found = [slot.value(payload) for payload in chosen]
        column = _column([value for value, _ in found], slot.item.kind)
        warned = [(row, warning) for row, (_, warning) in enumerate(found) if warning]
        return _Read(column.values, column.valid, warned)

    return singly


def _nulls(raw: Numbers, item: Item) -> Bools | None:
    """Return where ``raw`` means something, ``None`` for everywhere."""
    valid: Bools | None = None
    for low, high in item.nulls:
        here: Bools = raw != low if low == high else (raw < low) | (raw > high)
        valid = here if valid is None else valid & here
    return valid


def _flag_reader(raw: Callable[[Rows], Numbers], slot: Slot) -> Reader:
    if slot.take:
        return lambda rows, _: _Read(raw(rows) != 0)
    byte, mask = slot.bit // 8, 0x80 >> slot.bit % 8
    return lambda rows, _: _Read((rows[:, byte] & mask) != 0)


def _label_reader(raw: Callable[[Rows], Numbers], item: Item) -> Reader:
    order = sorted(item.labels)
    keys = np.array(order, np.int64)
    labels = np.array([item.labels[key] for key in order], _DTYPES[item.kind])

    def label(rows: Rows, _: Sequence[bytes]) -> _Read:
        found = raw(rows).astype(np.int64)
        index = np.minimum(np.searchsorted(keys, found), len(keys) - 1)
        listed: Bools = keys[index] == found
        known = _nulls(found, item)
        valid = listed if known is None else listed & known
        warned: Warned = ()
        strange = ~listed if known is None else ~listed & known
        if strange.any():
            warned = [
                (row, f"{item.name}: raw value {found[row]} is not listed") for row in np.flatnonzero(strange).tolist()
            ]
        return _Read(labels[index], valid, warned)

    return label


def _integer_reader(raw: Callable[[Rows], Numbers], item: Item, slot: Slot) -> Reader:
    if not _stays_in_64_bits(item):
        return _singly(slot)

    def integer(rows: Rows, _: Sequence[bytes]) -> _Read:
        values = raw(rows).astype(np.int64)
        valid = _nulls(values, item) if item.nulls else None
        for sign, number in item.operations:
            _calculate(values, sign, number)
        return _Read(values, valid)

    return integer


def _stays_in_64_bits(item: Item) -> bool:
    """Whether no step of the arithmetic leaves 64 bits with sign, whatever the raw value."""
    ends = item.raw_type.limits
    for count in range(len(item.operations) + 1):
        steps = Item(name="", raw_type=item.raw_type, kind=Kind.INT, operations=item.operations[:count])
        if not all(INT64_MIN <= steps.calculate(end) <= INT64_MAX for end in ends):
            return False
    return True


def _float_reader(raw: Callable[[Rows], Numbers], item: Item) -> Reader:
    exact = item.raw_type.form == "float" or max(map(abs, item.raw_type.limits)) <= _EXACT
    finite = item.raw_type.is_integer and all(abs(item.calculate(end)) < np.inf for end in item.raw_type.limits)

    def number(rows: Rows, _: Sequence[bytes]) -> _Read:
        found = raw(rows)
        values = found.astype(np.float64)
        valid = _nulls(values if exact else found, item) if item.nulls else None
        for sign, operand in item.operations:
            _calculate(values, sign, operand)
        if not finite:
            possible: Bools = np.isfinite(values)
            valid = possible if valid is None else possible & valid
        return _Read(values, valid)

    return number


def _calculate(values: Numbers, sign: str, number: float) -> None:
    """Do one step of an arithmetic in place."""
    if sign == "/":
        np.divide(values, number, out=values)
    elif sign == "*":
        np.multiply(values, number, out=values)
    elif sign == "+":
        np.add(values, number, out=values)
    else:
        np.subtract(values, number, out=values)


def _raw_reader(slot: Slot) -> Callable[[Rows], Numbers] | None:
    """Return what reads the raw values of a slot, ``None`` if only one by one will do."""
    raw_type, start, count = slot.raw_type, slot.bit // 8, slot.raw_type.bits // 8
    if raw_type.form == "float" and raw_type.order != "swapped":
        return _view(start, f"{'<' if raw_type.order == 'little' else '>'}f{count}")
    if raw_type.form not in {"int", "flag"}:
        return None
    if raw_type.order == "big":
        return _big_endian(slot.bit, raw_type.bits, signed=raw_type.signed)
    if slot.take or count not in {1, 2, 4, 8} or raw_type.order != "little":
        return None
    return _view(start, f"<{'i' if raw_type.signed else 'u'}{count}")


def _view(start: int, dtype: str) -> Callable[[Rows], Numbers]:
    """Return what sees the bytes from ``start`` on as numbers, without a copy."""
    as_dtype = np.dtype(dtype)
    if as_dtype == np.uint8:
        return lambda rows: rows[:, start]

    def view(rows: Rows) -> Numbers:
        return np.ndarray((len(rows),), as_dtype, rows.data, start, (rows.shape[1],))

    return view


def _big_endian(bit: int, width: int, *, signed: bool) -> Callable[[Rows], Numbers] | None:
    """Return what reads ``width`` bits from ``bit`` on."""
    first, last = bit // 8, (bit + width - 1) // 8
    count = last - first + 1
    if bit % 8 == 0 and width in {8, 16, 32, 64}:
        return _view(first, f">{'i' if signed else 'u'}{count}")
    if count > 8:  # noqa: PLR2004 - no integer of numpy holds more bytes
        return None
    if count == 1:
        return _bits_of_byte(first, 8 * (last + 1) - bit - width, width, signed=signed)
    return _bits_of_window(bit, width, signed=signed)


def _bits_of_byte(byte: int, right: int, width: int, *, signed: bool) -> Callable[[Rows], Numbers]:
    """Return what reads ``width`` bits of one byte, ``right`` bits from its end."""
    mask, sign = (1 << width) - 1, 1 << width - 1

    def some(rows: Rows) -> Numbers:
        found = rows[:, byte] >> right & mask
        return (found.astype(np.int64) ^ sign) - sign if signed else found

    return some


def _bits_of_window(bit: int, width: int, *, signed: bool) -> Callable[[Rows], Numbers]:
    """Return what reads ``width`` bits out of 2, 4 or 8 bytes around them; rows shorter than that are lengthened."""
    first, last = bit // 8, (bit + width - 1) // 8
    size = next(size for size in (2, 4, 8) if size > last - first)
    native = np.dtype(f"u{size}")
    mask, sign = (1 << width) - 1, 1 << width - 1

    def window(rows: Rows) -> Numbers:
        if rows.shape[1] < size:
            rows = np.pad(rows, ((0, 0), (0, size - rows.shape[1])))
        start = min(first, rows.shape[1] - size)
        found = np.ndarray((len(rows),), f">u{size}", rows.data, start, (rows.shape[1],)).astype(native)
        right = 8 * (start + size) - bit - width
        if right:
            np.right_shift(found, right, out=found)
        if bit != 8 * start:
            np.bitwise_and(found, mask, out=found)
        return (found.astype(np.int64) ^ sign) - sign if signed else found

    return window


class _Columns:
    """Operations of expressions on columns; a number among the operands is the same in all rows."""

    def apply(self, operation: str, operands: list[Any]) -> Any:  # noqa: ANN401 - columns or numbers
        """Return what the operation gives, row by row as for single numbers."""
        if not any(isinstance(operand, np.ndarray) for operand in operands):
            return _NUMBERS.apply(operation, operands)
        return _OPERATIONS[operation](*operands)


def _divide(left: Any, right: Any) -> Any:  # noqa: ANN401 - columns or numbers
    return np.where(right == 0, np.nan, left / right)


def _smaller(left: Any, right: Any) -> Any:  # noqa: ANN401 - columns or numbers
    return np.where(np.isnan(left) | np.isnan(right), np.nan, np.where(right < left, right, left))


def _larger(left: Any, right: Any) -> Any:  # noqa: ANN401 - columns or numbers
    return np.where(np.isnan(left) | np.isnan(right), np.nan, np.where(right > left, right, left))


def _each(function: Callable[[float], float]) -> Callable[[Any], Any]:
    return lambda column: np.array([function(value) for value in column.tolist()], np.float64)


_NUMBERS = expression.Numbers()
_COLUMNS = _Columns()
_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": _divide,
    "neg": np.negative,
    "min": _smaller,
    "max": _larger,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "exp": _each(expression.exponential),
    "log": _each(expression.logarithm),
}
