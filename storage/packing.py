"""Rows of readings between their tables and numpy, whole columns at a time.

A query for ``packed`` columns answers with one row: each column as the bytes of its values one behind the other, and
where there are any. numpy takes these as they are, a hundred times faster than the driver goes through rows. The order
of rows is any, but the same for all columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg.sql import SQL, Composable, Identifier

from model.device import DeviceType, Kind
from model.history import Rows
from model.readings import Array, Column, Ints
from storage.arrays import POSTGRES_EPOCH_US
from storage.arrays import Texts as TextArray
from storage.cells import ABSENT, Cells, Fixed, Texts, cell
from storage.cells import rows as rows_of
from storage.rows import nullable

_DTYPES: Mapping[Kind, Any] = {Kind.FLOAT: np.float64, Kind.INT: np.int64, Kind.BOOL: np.bool_, Kind.TEXT: np.object_}
_NUMBERS: Mapping[str, tuple[SQL, str]] = {  # column type -> how a value is sent, and numpy's name for that
    "double precision": (SQL("float8send(coalesce({}, 0))"), ">f8"),
    "bigint": (SQL("int8send(coalesce({}, 0))"), ">i8"),
    "boolean": (SQL("boolsend(coalesce({}, false))"), "?"),
}
_HEAD_BYTES = 20
"""Before an array's values: dimensions, flags, type, length, lower bound."""
_FORMS = {"f": ">f8", "i": ">i8", "b": "u1"}
_HEADS: tuple[Composable, ...] = (
    SQL("string_agg(int4send(device), ''::bytea)"),
    SQL("string_agg(timestamptz_send(time), ''::bytea)"),
    SQL("string_agg(timestamptz_send(received_at), ''::bytea)"),
    SQL("string_agg(boolsend(simulated), ''::bytea)"),
    SQL("string_agg(boolsend(flags is not null), ''::bytea)"),
    SQL("array_agg(array_to_string(flags, ',')) filter (where flags is not null)"),
)


def packed(kinds: Mapping[str, str]) -> Composable:
    """Return what to select; ``kinds``: field -> type of its column."""
    selected = [*_HEADS]
    for name, kind in kinds.items():
        selected += _column_of(Identifier(name), kind)
    return SQL(", ").join(selected)


def unpacked(device_type: DeviceType, kinds: Mapping[str, str], answer: Sequence[Any]) -> Rows:
    """Return the rows of such an answer; a field of the type without a column has no values."""
    device, time, received, simulated, flagged, flags, *values = answer
    count = len(device or b"") // 4
    columns = {
        field.name: Column(np.zeros(count, dtype=_DTYPES[field.kind]), np.zeros(count, dtype=np.bool_))
        for field in device_type.fields
    }
    for place, (name, kind) in enumerate(kinds.items()):
        columns[name] = _column(kind, count, values[2 * place], values[2 * place + 1])
    marked = np.flatnonzero(_array(flagged, "?")).tolist()
    return Rows(
        device=_array(device, ">i4").astype(np.int64),
        time_us=_array(time, ">i8").astype(np.int64) + POSTGRES_EPOCH_US,
        received_us=_array(received, ">i8").astype(np.int64) + POSTGRES_EPOCH_US,
        simulated=_array(simulated, "?").astype(np.bool_),
        columns=columns,
        flags={row: tuple(text.split(",")) for row, text in zip(marked, flags or (), strict=True) if text},
    )


def copied(rows: Rows, codec: int) -> tuple[tuple[str, ...], bytes]:
    """Return the names of columns, in their order, and the rows for COPY, without head and tail."""
    fixed = {
        "device": Fixed(rows.device, ">i4"),
        "time": Fixed(rows.time_us - POSTGRES_EPOCH_US, ">i8"),
        "received_at": Fixed(rows.received_us - POSTGRES_EPOCH_US, ">i8"),
        "simulated": Fixed(rows.simulated, "u1"),
        "codec": Fixed(np.full(len(rows), codec), ">i4"),
    }
    varying: dict[str, Cells] = {}
    for name, column in rows.columns.items():
        form = _FORMS.get(column.values.dtype.kind)
        if form is None:
            varying[name] = Texts().column(nullable(column.values, column.valid))
        else:
            fixed[name] = Fixed(column.values, form, column.valid)
    if rows.flags:
        flags = [ABSENT] * len(rows)
        for row, names in rows.flags.items():
            flags[row] = cell(TextArray([name.encode() for name in names]).data)
        varying["flags"] = flags
    return (*fixed, *varying), rows_of(list(fixed.values()), list(varying.values()))


def narrow(kinds: Mapping[str, str]) -> Composable:
    """Return what to select for ``narrowed``: device, time and these columns, and which rows are flagged.

    Arrays as the database sends them: half as dear for it as bytes that are joined value by value.
    """
    selected: list[Composable] = [
        SQL("array_send(array_agg(device))"),
        SQL("array_send(array_agg(time))"),
        SQL("array_agg(device) filter (where flags is not null)"),
        SQL("array_send(array_agg(time) filter (where flags is not null))"),
        SQL("array_agg(array_to_string(flags, ',')) filter (where flags is not null)"),
    ]
    for name, kind in kinds.items():
        if kind == "double precision":  # no reading is NaN, so that can say that there is none
            selected.append(SQL("array_send(array_agg(coalesce({}, 'NaN')))").format(Identifier(name)))
        else:
            selected += _column_of(Identifier(name), kind)
    return SQL(", ").join(selected)


@dataclass(slots=True)
class Narrow:
    """Rows of some columns, in any order. ``flagged``: field -> (devices, times) of rows where it is implausible."""

    device: Ints
    time_us: Ints
    columns: dict[str, Column]
    flagged: dict[str, tuple[Ints, Ints]]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.device)


def narrowed(kinds: Mapping[str, str], answer: Sequence[Any]) -> Narrow:
    """Return the rows of such an answer, asked for in binary form."""
    device, time, flagged, flagged_at, flags, *values = answer
    devices = _sent(device, ">i4").astype(np.int64)
    columns: dict[str, Column] = {}
    rest = iter(values)
    for name, kind in kinds.items():
        if kind == "double precision":
            numbers = _sent(next(rest), ">f8").astype(np.float64)
            columns[name] = Column(numbers, ~np.isnan(numbers))
        else:
            columns[name] = _column(kind, len(devices), next(rest), next(rest))
    marked: dict[str, list[int]] = {}
    for row, text in enumerate(flags or ()):
        for name in {flag.partition(":")[0] for flag in text.split(",")}:
            marked.setdefault(name, []).append(row)
    who = np.array(flagged or [], dtype=np.int64)
    when = _times(flagged_at)
    return Narrow(devices, _times(time), columns, {name: (who[some], when[some]) for name, some in marked.items()})


def _times(sent: bytes | None) -> Ints:
    return _sent(sent, ">i8").astype(np.int64) + POSTGRES_EPOCH_US


def _sent(sent: bytes | None, form: str) -> Array:
    """Return the values of an array without NULLs as PostgreSQL sends it: a head, then each with its length."""
    if sent is None:
        return np.zeros(0, dtype=form)
    return np.frombuffer(sent, dtype=[("length", ">i4"), ("value", form)], offset=_HEAD_BYTES)["value"]


def _column_of(name: Identifier, kind: str) -> tuple[Composable, Composable]:
    """Return a column as bytes (texts as an array of those that there are), and where it has a value."""
    there = SQL("string_agg(boolsend({} is not null), ''::bytea)").format(name)
    if kind not in _NUMBERS:
        return SQL("array_agg({0}) filter (where {0} is not null)").format(name), there
    return SQL("string_agg({}, ''::bytea)").format(_NUMBERS[kind][0].format(name)), there


def _array(data: bytes | None, form: str) -> Array:
    return np.frombuffer(data or b"", dtype=form)


def _column(kind: str, count: int, data: Any, there: bytes | None) -> Column:  # noqa: ANN401 -- bytes, or texts
    valid = _array(there, "?").astype(np.bool_)
    if kind in _NUMBERS:
        values = _array(data, _NUMBERS[kind][1])
        return Column(values.astype(values.dtype.newbyteorder("=")), valid)
    texts = np.zeros(count, dtype=np.object_)
    texts[valid] = data or []
    return Column(texts, valid)
