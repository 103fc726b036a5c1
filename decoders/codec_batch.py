"""What codecs say of many payloads, in columns: the fields of a device type, and what no field takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from decoders.batch import NO_TIME, DecodedBatch
from decoders.formats import OutputBatch, OutputGroup
from decoders.layout_columns import DTYPES, column
from decoders.layout_shape import Record
from decoders.mapping import FieldMap, Mapped, Place
from decoders.output import Output
from model.device import Kind
from model.errors import DecodeError
from model.readings import Bools, Column, Ints
from model.value import Value

Outputs = Sequence[Output | DecodeError]


def by_rows(mapping: FieldMap, kinds: Mapping[str, Kind], outputs: Outputs) -> DecodedBatch:
    """Return what the fields say of payloads, each given by what its codec said or why it failed."""
    found = {i: mapping.read(one) for i, one in enumerate(outputs) if isinstance(one, Output)}
    errors = {i: one for i, one in enumerate(outputs) if isinstance(one, DecodeError)}
    return _batch(kinds, found, errors)


def by_columns(mapping: FieldMap, kinds: Mapping[str, Kind], batch: OutputBatch) -> DecodedBatch:
    """Return the same of a batch in which payloads of one signature come in columns."""
    parts = [part for group in batch.groups if (part := _group(mapping, kinds, group, batch.warnings)) is not None]
    if len(parts) < len(batch.groups):  # a path that columns cannot follow
        return by_rows(mapping, kinds, batch.rows())
    found = {i: mapping.read(one) for i, one in batch.outputs.items()}
    parts.append(_batch(kinds, found, dict(batch.errors)))
    return _joined(parts)


def _batch(kinds: Mapping[str, Kind], found: Mapping[int, Mapped], errors: dict[int, DecodeError]) -> DecodedBatch:
    records: list[tuple[int, Record]] = [(i, record) for i, one in found.items() for record in one.records]
    names = dict.fromkeys(name for _, record in records for name in record.values)
    return DecodedBatch(
        frame=np.array([i for i, _ in records], np.int64),
        time_us=np.array([NO_TIME if one.time_us is None else one.time_us for _, one in records], np.int64),
        age_us=np.array([one.age_us for _, one in records], np.int64),
        columns={name: Column(*column([one.values.get(name) for _, one in records], kinds[name])) for name in names},
        errors=errors,
        warnings={i: one.warnings for i, one in found.items() if one.warnings},
        rest={i: one.rest for i, one in found.items() if one.rest},
    )


def _group(
    mapping: FieldMap, kinds: Mapping[str, Kind], group: OutputGroup, warnings: Mapping[int, tuple[str, ...]]
) -> DecodedBatch | None:
    """Return what the fields say of payloads in columns; ``None`` where that takes more than arithmetic."""
    places = mapping.simple(group.columns)
    if places is None:
        return None
    columns: dict[str, Column] = {}
    for path, place in places.items():
        made = _column(place, kinds[place.field], group.columns[path])
        if made is None:
            return None
        columns[place.field] = made
    positions = group.positions
    left = {path: values.tolist() for path, values in group.columns.items() if path not in places}
    rest: dict[int, Mapping[str, Value]] = {}
    if left:
        rest = {
            position: {path: values[row] for path, values in left.items()}
            for row, position in enumerate(positions.tolist())
        }
    said = bool(columns)
    return DecodedBatch(
        frame=positions if said else positions[:0],
        time_us=np.full(len(positions) if said else 0, NO_TIME),
        age_us=np.zeros(len(positions) if said else 0, np.int64),
        columns=columns,
        warnings={i: warnings[i] for i in positions.tolist() if i in warnings} if warnings else {},
        rest=rest,
    )


def _column(place: Place, kind: Kind, values: Any) -> Column | None:  # noqa: ANN401 -- an array of any kind
    """Return a field's column, ``None`` where its values must be looked at one by one."""
    if kind is Kind.FLOAT and values.dtype.kind in "fiu":
        numbers = place.converted(values.astype(np.float64))
        valid: Bools = np.isfinite(numbers)
        return Column(np.where(valid, numbers, 0.0), valid)
    plain = place.factor == 1.0 and not place.offset
    if (kind is Kind.INT and values.dtype.kind in "iu" and plain) or (kind is Kind.BOOL and values.dtype.kind == "b"):
        return Column(values.astype(DTYPES[kind]), np.ones(len(values), np.bool_))
    return None


def _joined(parts: Sequence[DecodedBatch]) -> DecodedBatch:
    """Return the parts of a batch as one, in order of payload."""
    full = [part for part in parts if len(part.frame)]
    frame: Ints = np.concatenate([part.frame for part in full]) if full else np.zeros(0, np.int64)
    order = np.argsort(frame, kind="stable")
    columns: dict[str, Column] = {}
    for name in dict.fromkeys(name for part in full for name in part.columns):
        dtype = next(part.columns[name].values.dtype for part in full if name in part.columns)
        values, valid = np.zeros(len(frame), dtype), np.zeros(len(frame), np.bool_)
        start = 0
        for part in full:
            if name in part.columns:
                values[start : start + len(part.frame)] = part.columns[name].values
                valid[start : start + len(part.frame)] = part.columns[name].valid
            start += len(part.frame)
        columns[name] = Column(values[order], valid[order])
    return DecodedBatch(
        frame=frame[order],
        time_us=np.concatenate([part.time_us for part in full])[order] if full else np.zeros(0, np.int64),
        age_us=np.concatenate([part.age_us for part in full])[order] if full else np.zeros(0, np.int64),
        columns=columns,
        errors={i: error for part in parts for i, error in part.errors.items()},
        warnings={i: said for part in parts for i, said in part.warnings.items()},
        rest={i: left for part in parts for i, left in part.rest.items()},
    )
