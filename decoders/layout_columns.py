"""How the slots of a shape are read from many payloads at once: one array of bytes in, one column a slot out.

Rules:

1. The operations are those that ``decoders.layout`` uses for one value, in the same order and the same precision.
2. What numpy does differently (digits, texts, integers that may leave 64 bits) is read one by one.
3. All that depends on the slot only is decided when its reader is made, once for a shape.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from decoders import expression
from decoders.layout import INT64_MAX, INT64_MIN, Item
from decoders.layout_shape import EARLIEST_S, LATEST_S, AnySlot, DerivedSlot, RecordShape, Slot, read_time
from model.device import Kind
from model.readings import Bools, Ints

NO_TIME = INT64_MIN
"""In columns of times: there is none."""

DTYPES: dict[Kind, np.dtype[Any]] = {
    Kind.FLOAT: np.dtype(np.float64),
    Kind.INT: np.dtype(np.int64),
    Kind.BOOL: np.dtype(np.bool_),
    Kind.TEXT: np.dtype(np.object_),
}
_EXACT = 2**53  # integers up to here are doubles without loss

Rows = npt.NDArray[np.uint8]
Numbers = npt.NDArray[Any]
Read = tuple[Numbers, Bools | None, Sequence[tuple[int, str]]]
"""Values, where they mean something (``None``: everywhere), and rows with what to warn of."""

Reader = Callable[[Rows, Sequence[bytes]], Read]
Raw = Callable[[Rows], Numbers]


class RecordReader:
    """Reads one record of a shape: a reader for each of its slots, in order."""

    def __init__(self, record: RecordShape, kinds: Mapping[str, Kind]) -> None:
        self.age_us = record.age_us
        self._time = record.time
        self._readers: dict[int, Reader] = {}  # by the identity of the slots, which the record keeps alive
        self._record = record
        for slot in (*record.slots, *([record.time] if record.time else [])):
            self._prepare(slot)
        self._fields = [(slot.name, self._readers[id(slot)], kinds[slot.name] is Kind.FLOAT) for slot in record.slots]

    def _prepare(self, slot: AnySlot) -> None:
        if id(slot) in self._readers:
            return
        if isinstance(slot, DerivedSlot):
            for source in slot.sources.values():
                self._prepare(source)
            self._readers[id(slot)] = _derived(
                slot, {name: self._readers[id(source)] for name, source in slot.sources.items()}
            )
        else:
            self._readers[id(slot)] = _reader(slot)

    def fields(
        self, rows: Rows, chosen: Sequence[bytes], warned: list[tuple[int, str]]
    ) -> dict[str, tuple[Numbers, Bools | None]]:
        """Return the columns of the record; add what there is to warn of, by row."""
        columns: dict[str, tuple[Numbers, Bools | None]] = {}
        for name, reader, is_float in self._fields:
            values, valid, warnings = reader(rows, chosen)
            if warnings:
                warned.extend(warnings)
            columns[name] = (values.astype(np.float64) if is_float and values.dtype != np.float64 else values), valid
        return columns

    def times(self, rows: Rows, chosen: Sequence[bytes], warned: list[tuple[int, str]]) -> Ints | None:
        """Return the records' own times in microseconds since 1970 UTC, ``None`` if they have none."""
        if self._time is None:
            return None
        seconds, valid, _ = self._readers[id(self._time)](rows, chosen)
        possible: Bools = (seconds >= EARLIEST_S) & (seconds < LATEST_S)
        if valid is not None:
            possible &= valid
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


def column(found: Sequence[Any], kind: Kind) -> tuple[Numbers, Bools]:
    """Return values, of which some may be ``None``, as an array and where it means something."""
    valid = np.array([value is not None for value in found], np.bool_)
    values = np.zeros(len(found), DTYPES[kind])
    values[valid] = [value for value in found if value is not None]
    return values, valid


def _derived(slot: DerivedSlot, sources: Mapping[str, Reader]) -> Reader:
    def derived(rows: Rows, chosen: Sequence[bytes]) -> Read:
        operands: dict[str, Numbers] = {}
        known: list[Bools] = []
        for name, reader in sources.items():
            values, valid, _ = reader(rows, chosen)
            operands[name] = values.astype(np.float64)
            if valid is not None:
                known.append(valid)
        result = np.broadcast_to(slot.expression.evaluate(operands, _COLUMNS), len(chosen))
        everywhere: Bools = np.isfinite(result)
        for valid in known:
            everywhere = everywhere & valid
        return result, everywhere, ()

    return derived


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

    def singly(_: Rows, chosen: Sequence[bytes]) -> Read:
        found = [slot.value(payload) for payload in chosen]
        values, valid = column([value for value, _ in found], slot.item.kind)
        return values, valid, [(row, warning) for row, (_, warning) in enumerate(found) if warning]

    return singly


def _known(item: Item) -> Callable[[Numbers], Bools | None]:
    """Return what tells where raw values are no null codes, ``None`` for everywhere."""
    if not item.nulls:
        return lambda _: None
    low, high = item.nulls[0]
    if len(item.nulls) == 1 and low == high:
        return lambda raw: raw != low

    def known(raw: Numbers) -> Bools:
        valid: Bools = np.ones(len(raw), np.bool_)
        for low, high in item.nulls:
            valid &= (raw < low) | (raw > high)
        return valid

    return known


def _flag_reader(raw: Raw, slot: Slot) -> Reader:
    if slot.take:
        return lambda rows, _: (raw(rows) != 0, None, ())
    byte, mask = slot.bit // 8, 0x80 >> slot.bit % 8
    return lambda rows, _: ((rows[:, byte] & mask) != 0, None, ())


def _label_reader(raw: Raw, item: Item) -> Reader:
    order = sorted(item.labels)
    keys = np.array(order, np.int64)
    labels = np.array([item.labels[key] for key in order], DTYPES[item.kind])
    known = _known(item)

    def label(rows: Rows, _: Sequence[bytes]) -> Read:
        found = raw(rows).astype(np.int64)
        index = np.minimum(np.searchsorted(keys, found), len(keys) - 1)
        listed: Bools = keys[index] == found
        valid = known(found)
        strange = ~listed if valid is None else ~listed & valid
        warned: Sequence[tuple[int, str]] = ()
        if strange.any():
            warned = [
                (row, f"{item.name}: raw value {found[row]} is not listed") for row in np.flatnonzero(strange).tolist()
            ]
        return labels[index], listed if valid is None else listed & valid, warned

    return label


def _integer_reader(raw: Raw, item: Item, slot: Slot) -> Reader:
    if not _stays_in_64_bits(item):
        return _singly(slot)
    known, steps = _known(item), _steps(item)

    def integer(rows: Rows, _: Sequence[bytes]) -> Read:
        values = raw(rows).astype(np.int64)
        valid = known(values)
        for operation, number in steps:
            operation(values, number, values)
        return values, valid, ()

    return integer


def _stays_in_64_bits(item: Item) -> bool:
    """Whether no step of the arithmetic leaves 64 bits with sign, whatever the raw value."""
    ends = item.raw_type.limits
    for count in range(len(item.operations) + 1):
        steps = Item(name="", raw_type=item.raw_type, kind=Kind.INT, operations=item.operations[:count])
        if not all(INT64_MIN <= steps.calculate(end) <= INT64_MAX for end in ends):
            return False
    return True


def _float_reader(raw: Raw, item: Item) -> Reader:
    is_float = item.raw_type.form == "float"
    exact = is_float or max(map(abs, item.raw_type.limits)) <= _EXACT
    finite = not is_float and all(abs(item.calculate(end)) < np.inf for end in item.raw_type.limits)
    known, steps = _known(item), _steps(item)

    def number(rows: Rows, _: Sequence[bytes]) -> Read:
        found = raw(rows)
        values = found.astype(np.float64)
        valid = known(values if exact else found)
        for operation, operand in steps:
            operation(values, operand, values)
        if not finite:
            possible: Bools = np.isfinite(values)
            valid = possible if valid is None else possible & valid
        return values, valid, ()

    return number


def _steps(item: Item) -> list[tuple[Callable[[Numbers, float, Numbers], Numbers], float]]:
    """Return the arithmetic as steps to be done in place."""
    by_sign = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
    return [(by_sign[sign], number) for sign, number in item.operations]


def _raw_reader(slot: Slot) -> Raw | None:
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


def _view(start: int, dtype: str) -> Raw:
    """Return what sees the bytes from ``start`` on as numbers, without a copy."""
    as_dtype = np.dtype(dtype)
    end = start + as_dtype.itemsize
    if as_dtype == np.uint8:
        return lambda rows: rows[:, start]

    def view(rows: Rows) -> Numbers:
        return rows[:, start:end].view(as_dtype)[:, 0]

    return view


def _big_endian(bit: int, width: int, *, signed: bool) -> Raw | None:
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


def _bits_of_byte(byte: int, right: int, width: int, *, signed: bool) -> Raw:
    """Return what reads ``width`` bits of one byte, ``right`` bits from its end."""
    mask, sign = (1 << width) - 1, 1 << width - 1

    def some(rows: Rows) -> Numbers:
        found = rows[:, byte] >> right & mask
        return (found.astype(np.int64) ^ sign) - sign if signed else found

    return some


def _bits_of_window(bit: int, width: int, *, signed: bool) -> Raw:
    """Return what reads ``width`` bits out of 2, 4 or 8 bytes around them; rows shorter than that are lengthened."""
    first, last = bit // 8, (bit + width - 1) // 8
    size = next(size for size in (2, 4, 8) if size > last - first)
    native, foreign = np.dtype(f"u{size}"), np.dtype(f">u{size}")
    mask, sign = (1 << width) - 1, 1 << width - 1

    def window(rows: Rows) -> Numbers:
        if rows.shape[1] < size:
            rows = np.pad(rows, ((0, 0), (0, size - rows.shape[1])))
        start = min(first, rows.shape[1] - size)
        found = rows[:, start : start + size].view(foreign)[:, 0].astype(native)
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
