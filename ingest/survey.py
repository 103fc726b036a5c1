"""What a person wants to know before history changes: counts, by how much each field changes, the worst examples."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ingest.comparison import Difference, Told, changed
from model.device import DeviceType, Field, Kind
from model.history import (
    Counts,
    Example,
    Extent,
    FieldDifference,
    Place,
    Reach,
    Rows,
    Scope,
    Survey,
    Undecodable,
)
from model.instants import moment
from model.readings import Array, Bools, Column, Ints
from model.value import Value

TIME = "time"
"""Under which name examples show frames whose event time changes; no field can have it."""
_EXAMPLES = 3
_ERRORS = 5
_SAMPLE = 100_000


@dataclass(frozen=True, slots=True)
class Found:
    """Frames with what they say, which of them are the run's, the readings stored around, and how these differ."""

    told: Told
    mine: Bools
    stored: Rows
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One step. ``last``, ``found``: ``None`` when no frame was the run's.

    ``cut``: there may be more frames of the device, behind the event time ``until_us``.
    """

    cut: bool
    until_us: int | None
    counts: Counts = field(default_factory=Counts)
    last: Place | None = None
    found: Found | None = None


@dataclass(slots=True)
class _Changing:
    """One field so far. ``sample``: sizes of differences; when it grows too long, every other one stays."""

    changed: int = 0
    appears: int = 0
    vanishes: int = 0
    largest: float | None = None
    sample: list[Array] = field(default_factory=list)
    size: int = 0
    examples: list[tuple[float, Example]] = field(default_factory=list)


class Tally:
    """Adds up what steps found."""

    def __init__(self, device_type: DeviceType) -> None:
        self._type = device_type
        self._fields = {one.name: _Changing() for one in device_type.fields}
        self._moved: list[tuple[float, Example]] = []
        self._undecodable: list[Undecodable] = []
        self.reach = Reach()
        self.counts = Counts()

    def add(self, look: Look) -> None:
        """Count one step."""
        self.counts += look.counts
        found = look.found
        if found is None:
            return
        self.reach |= found.difference.reach
        left = np.flatnonzero((found.difference.stored >= 0) & ~found.difference.counted)
        for one in self._type.fields if len(left) else ():
            self._add_field(one, found, left)
        self._add_moved(found)
        self._add_errors(found)

    def survey(self, scope: Scope, extent: Extent) -> Survey:
        """Return all of it."""
        fields = [(one, self._fields[one.name]) for one in self._type.fields]
        return Survey(
            scope=scope,
            version=self._type.version,
            extent=extent,
            counts=self.counts,
            reach=self.reach,
            fields=tuple(_field_difference(one, state) for one, state in fields if state.changed),
            examples=tuple(example for state in self._fields.values() for _, example in state.examples)
            + tuple(example for _, example in self._moved),
            undecodable=tuple(self._undecodable),
        )

    def _add_field(self, one: Field, found: Found, left: Ints) -> None:
        difference, state = found.difference, self._fields[one.name]
        right = difference.stored[left]
        now, before = difference.rows.columns[one.name], found.stored.columns[one.name]
        chosen = np.flatnonzero(changed(now, before, left, right))
        if not len(chosen):
            return
        left, right = left[chosen], right[chosen]
        there, was = now.valid[left], before.valid[right]
        state.changed += len(chosen)
        state.appears += int(np.count_nonzero(there & ~was))
        state.vanishes += int(np.count_nonzero(~there & was))
        sizes = np.zeros(len(chosen))
        if one.kind in {Kind.FLOAT, Kind.INT}:
            both = there & was
            sizes[both] = np.abs(_numbers(now, left[both]) - _numbers(before, right[both]))
            _sample(state, sizes[both])
        worst = np.argsort(-sizes, kind="stable")[:_EXAMPLES].tolist()
        state.examples += [
            (
                float(sizes[place]),
                _example(
                    one.name,
                    found,
                    int(difference.first[left[place]]),
                    int(difference.rows.time_us[left[place]]),
                    before=_value(before, int(right[place])),
                    after=_value(now, int(left[place])),
                ),
            )
            for place in worst
        ]
        state.examples = sorted(state.examples, key=lambda pair: -pair[0])[:_EXAMPLES]

    def _add_moved(self, found: Found) -> None:
        told = found.told
        sizes = np.where(found.mine & told.decodable, np.abs(told.new_us - told.time_us), 0)
        for frame in np.argsort(-sizes, kind="stable")[:_EXAMPLES].tolist():
            if sizes[frame]:
                before, after = (moment(int(times[frame])).isoformat() for times in (told.time_us, told.new_us))
                example = _example(TIME, found, frame, int(told.time_us[frame]), before=before, after=after)
                self._moved.append((float(sizes[frame]), example))
        self._moved = sorted(self._moved, key=lambda pair: -pair[0])[:_EXAMPLES]

    def _add_errors(self, found: Found) -> None:
        for position, error in found.told.errors.items():
            if not found.mine[position] or len(self._undecodable) >= _ERRORS:
                continue
            frame = found.told.frames[position]
            self._undecodable.append(
                Undecodable(
                    device=frame.uplink.device,
                    time=frame.time,
                    error=error,
                    payload=frame.uplink.payload,
                    values=frame.uplink.values,
                    f_port=frame.uplink.f_port,
                )
            )


def _sample(state: _Changing, sizes: Array) -> None:
    if not len(sizes):
        return
    state.largest = max(state.largest or 0.0, float(sizes.max()))
    state.sample.append(sizes)
    state.size += len(sizes)
    if state.size > _SAMPLE:
        state.sample = [np.concatenate(state.sample)[::2]]
        state.size = len(state.sample[0])


def _field_difference(one: Field, state: _Changing) -> FieldDifference:
    return FieldDifference(
        field=one.name,
        unit=one.unit,
        changed=state.changed,
        appears=state.appears,
        vanishes=state.vanishes,
        typical=float(np.median(np.concatenate(state.sample))) if state.sample else None,
        largest=state.largest,
    )


def _example(name: str, found: Found, frame: int, time_us: int, *, before: Value, after: Value) -> Example:
    uplink = found.told.frames[frame].uplink
    return Example(
        field=name,
        device=uplink.device,
        time=moment(time_us),
        before=before,
        after=after,
        payload=uplink.payload,
        values=uplink.values,
        f_port=uplink.f_port,
    )


def _numbers(column: Column, rows: Ints) -> npt.NDArray[np.float64]:
    return column.values[rows].astype(np.float64)


def _value(column: Column, row: int) -> Value:
    if not column.valid[row]:
        return None
    value = column.values[row]
    found: Value = value.item() if isinstance(value, np.generic) else value
    return found
