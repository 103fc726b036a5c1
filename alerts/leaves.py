"""One condition of a rule, made ready for one device type: what it reads, and at which readings it is so. Pure numpy.

Rules:

1. A reading whose value is absent says nothing; nor does one that is flagged as implausible, unless the rule wants it.
2. Between limit and clear value a condition is neither so nor over.
3. While its rule does not count, a condition is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from alerts.places import inside
from alerts.runs import NEVER, Floats
from alerts.schedule import Times
from model.device import DeviceType, Kind
from model.readings import Bools, Column, Ints
from model.rule import Geofence, Is, Leaf, Range, Rate, Rule, Silence, Stuck, Threshold
from model.value import Value

Judged = Threshold | Range | Is | Rate | Stuck | Geofence
"""Conditions that a reading can fulfil."""

_HELD = 3
"""For so many periods a reading stands for what follows, unless the rule says it."""
_HELD_AT_LEAST = timedelta(minutes=1)
_QUIET_AT_LEAST = timedelta(minutes=2)
"""No shorter pause is a silence, unless the rule says so: networks hold frames back for a moment."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Condition number ``number`` of a rule, for one device type. ``alone``: the rule has no other."""

    rule: Rule
    version: str
    number: int
    alone: bool
    condition: Judged | Silence
    type: DeviceType
    times: Times | None = None

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What this is, over changes of other rules."""
        return (self.rule.name, self.version, self.number, self.type.name)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it reads; none where any reading does."""
        if isinstance(self.condition, Geofence):
            return (self.condition.latitude, self.condition.longitude)
        return () if self.condition.field is None else (self.condition.field,)

    @property
    def group(self) -> tuple[object, ...]:
        """Parts of one group are looked at together."""
        of = self.condition
        flagged = not isinstance(of, Silence) and of.flagged
        special = of.values if isinstance(of, Is) else of if isinstance(of, Geofence) else None
        return (self.type.name, type(of), self.fields, flagged, special)

    @property
    def hold_us(self) -> int:
        """For how long a reading stands for what follows it."""
        if isinstance(self.condition, Silence):
            return 0
        if self.condition.hold is not None:
            return self.condition.hold.us
        return max(_HELD * self.type.period, _HELD_AT_LEAST) // _MICROSECOND

    @property
    def for_us(self) -> int:
        """How long it has to be so."""
        return 0 if isinstance(self.condition, Silence) or self.condition.for_ is None else self.condition.for_.us

    @property
    def clear_for_us(self) -> int:
        """How long it has to be over."""
        of = self.condition
        return 0 if isinstance(of, Silence) or of.clear_for is None else of.clear_for.us

    @property
    def repeat(self) -> int:
        """At how many readings it has to be so."""
        return 1 if isinstance(self.condition, Silence) else self.condition.repeat

    @property
    def looks_back(self) -> bool:
        """Whether a reading is compared with the one before it, however long ago that was."""
        return isinstance(self.condition, Silence | Rate | Stuck)

    def reach_us(self) -> int:
        """Return how far back readings can matter to what is so at a time."""
        if isinstance(self.condition, Silence):
            return 0
        return max(self.for_us, self.clear_for_us, self.repeat * self.hold_us) + 2 * self.hold_us

    def limit_us(self, cadence_us: int) -> int:
        """Return after how long a silence is one."""
        of = self.condition
        if not isinstance(of, Silence):
            return 0
        if of.after is not None:
            return of.after.us
        usual = self.type.period // _MICROSECOND
        if of.by == "cadence" and cadence_us:
            usual = cadence_us
        return max(int(of.times * usual), _QUIET_AT_LEAST // _MICROSECOND)


@dataclass(slots=True)
class Seen:
    """Readings for a judge, a row each: value, and value and time of the reading before (NaN, NEVER: none)."""

    time_us: Ints
    value: Floats
    before: Floats
    before_us: Ints
    hold_us: Ints


@dataclass(slots=True)
class Judgement:
    """For each row: whether it is so, whether it is over, what value is shown, and since when it is so."""

    raised: Bools
    cleared: Bools
    value: Floats
    start_us: Ints


@dataclass(slots=True)
class Judge:
    """Limits of several parts of one group, looked at together. ``part``: which one each row is for."""

    parts: Sequence[Part]
    numbers: dict[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put the limits into columns."""
        self.numbers = _numbers([part.condition for part in self.parts])

    def __call__(self, part: Ints, seen: Seen) -> Judgement:
        """Judge each row by its part."""
        of = self.parts[0].condition
        limits = {name: values[part] if len(values) > 1 else values for name, values in self.numbers.items()}
        if isinstance(of, Rate):
            return _rate(limits, seen)
        if isinstance(of, Stuck):
            return _stuck(limits, seen)
        if isinstance(of, Threshold):
            signed = limits["sign"] * seen.value
            raised, cleared = signed > limits["limit"], signed <= limits["clear"]
        elif isinstance(of, Range):
            low, high, margin = limits["low"], limits["high"], limits["margin"]
            raised = (seen.value < low) | (seen.value > high)
            cleared = (seen.value >= low + margin) & (seen.value <= high - margin)
        else:  # Is and Geofence have their answer as value
            raised = seen.value == 1.0
            cleared = ~raised
        return Judgement(raised, cleared, seen.value, seen.time_us)


def _numbers(conditions: Sequence[Judged | Silence]) -> dict[str, Floats]:
    rows: list[dict[str, float]] = []
    for of in conditions:
        if isinstance(of, Threshold):
            sign = 1.0 if of.above is not None else -1.0
            limit = of.above if of.above is not None else of.below
            clear = limit if of.clear is None else of.clear
            rows.append({"sign": sign, "limit": sign * (limit or 0.0), "clear": sign * (clear or 0.0)})
        elif isinstance(of, Range):
            rows.append({"low": of.low, "high": of.high, "margin": of.margin})
        elif isinstance(of, Rate):
            limit = next((x for x in (of.above, of.below, of.beyond) if x is not None), 0.0)
            sign = -1.0 if of.below is not None else 1.0
            clear = limit if of.clear is None else of.clear
            both = float(of.beyond is not None)
            rows.append({"sign": sign, "limit": sign * limit, "clear": sign * clear, "per": of.per.us, "both": both})
        elif isinstance(of, Stuck):
            rows.append({"tolerance": of.tolerance})
        else:
            rows.append({})
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in rows[0]}


def _rate(limits: dict[str, Floats], seen: Seen) -> Judgement:
    apart = seen.time_us - seen.before_us
    known = (apart > 0) & (apart <= seen.hold_us) & ~np.isnan(seen.before)
    rate = np.where(known, (seen.value - seen.before) * limits["per"] / np.where(known, apart, 1), np.nan)
    signed = np.where(limits["both"] > 0, np.abs(rate), limits["sign"] * rate)
    with np.errstate(invalid="ignore"):
        raised, cleared = signed > limits["limit"], signed <= limits["clear"]
    return Judgement(raised, cleared, rate, np.where(known, seen.before_us, seen.time_us))


def _stuck(limits: dict[str, Floats], seen: Seen) -> Judgement:
    known = (seen.time_us - seen.before_us <= seen.hold_us) & ~np.isnan(seen.before)
    same = np.abs(seen.value - seen.before) <= limits["tolerance"]
    return Judgement(
        known & same, ~np.isnan(seen.before) & ~same, seen.value, np.where(known, seen.before_us, seen.time_us)
    )


def rows_of(
    part: Part, columns: dict[str, Column], flagged: dict[str, Ints], count: int
) -> tuple[Ints, Floats, Floats]:
    """Return which readings say something to parts of this group, their value as judged, and their value as shown.

    ``columns`` lacks a field that no reading has. Shown texts are positions in ``part.type``'s choices or -1.
    """
    there = np.ones(count, dtype=np.bool_)
    for name in part.fields:
        there &= columns[name].valid if name in columns else np.zeros(count, dtype=np.bool_)
        if name in flagged and not (not isinstance(part.condition, Silence) and part.condition.flagged):
            there[flagged[name]] = False
    rows = np.flatnonzero(there)
    of = part.condition
    if isinstance(of, Silence) or not len(rows):
        return rows, np.zeros(len(rows)), np.zeros(len(rows))
    if isinstance(of, Geofence):
        north, east = (columns[name].values[rows].astype(np.float64) for name in part.fields)
        within = inside(of, north, east)
        return rows, (within if of.inside else ~within).astype(np.float64), np.full(len(rows), np.nan)
    values = columns[part.fields[0]].values[rows]
    if isinstance(of, Is):
        wanted = set(of.values)
        judged = np.array([value in wanted for value in values.tolist()], dtype=np.float64)
        shown = judged if values.dtype.kind == "O" else values.astype(np.float64)
        return rows, judged, shown
    number = values.astype(np.float64)
    return rows, number, number


def value_of(part: Part, shown: float) -> Value | None:
    """Return what people see as the value of a reading; ``None`` where there is none to see."""
    if np.isnan(shown) or isinstance(part.condition, Silence | Geofence):
        return None
    of = part.type.field(part.fields[0]) if part.fields else None
    if of is None:
        return float(shown)
    if of.kind is Kind.BOOL:
        return bool(shown)
    if of.kind is Kind.TEXT:
        return part.condition.values[0] if isinstance(part.condition, Is) and shown == 1.0 else None
    if of.kind is Kind.INT and not isinstance(part.condition, Rate):
        return int(shown)
    return float(shown)


__all__ = ["NEVER", "Judge", "Judged", "Judgement", "Leaf", "Part", "Seen", "rows_of", "value_of"]
