"""What of the expected a device has brought, and when it was silent: reckoned from when it spoke. Pure.

Rules:

1. A device is expected to speak once in its period. Two readings further apart than ``LATE`` periods lack some between
   them; so does an end of the range that far from the nearest reading.
2. From rollups only whole silent buckets are gaps; so buckets must be at least ``WIDE`` periods long.
3. More readings in a bucket than were expected do not make up for too few in another.
4. A device first heard within the range is expected from then on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from math import ceil, floor

from model.resolution import Resolution, after, begin, count
from model.views import Coverage, Gap

LATE = 1.5
WIDE = 2
READING = 3
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Known:
    """A device that is expected to speak. ``first_seen``: when it was first heard, if ever."""

    key: int
    device: str
    name: str
    district: str | None
    first_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Spoken:
    """A time or bucket in which a device spoke, with the one before and the one behind, where the range has any."""

    time: datetime
    before: datetime | None
    after: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A range in which devices of one type should speak every ``period``; what is read has this resolution."""

    start: datetime
    end: datetime
    period: timedelta
    resolution: Resolution
    zone: tzinfo

    @property
    def readings(self) -> int:
        """How many readings are expected of a device."""
        return int((self.end - self.start) / self.period)

    @property
    def apart(self) -> timedelta:
        """What lies further apart than this has a gap between."""
        return LATE * max(self.period, self.resolution.width)

    def by_bucket(self) -> Iterator[tuple[datetime, int]]:
        """Yield each bucket with the number of readings expected in it, at least 1."""
        bucket = begin(self.resolution, self.start, self.zone)
        while bucket < self.end:
            behind = after(self.resolution, bucket, self.zone)
            yield bucket, max(1, round((min(behind, self.end) - bucket) / self.period))
            bucket = behind

    def of(self, known: Known, first: datetime | None) -> "Expectation":
        """Return what is expected of one device that first spoke then in the range, if it did."""
        if known.first_seen is None or known.first_seen <= self.start:
            return self
        return replace(self, start=min(each for each in (known.first_seen, first, self.end) if each is not None))

    def gaps(self, spoken: Sequence[Spoken]) -> Iterator[Gap]:
        """Yield when a device was silent; ``spoken`` holds what lies around silences, in order of time."""
        if not spoken and self.readings:
            yield Gap(start=self.start, end=self.end, missing=self.readings)
        for each in spoken:
            until = each.time if self.resolution is Resolution.RAW else after(self.resolution, each.time, self.zone)
            if each.before is None:
                yield from self._gap(self.start, each.time, floor)
            if each.after is None:
                yield from self._gap(until, self.end, _until)
            elif each.after - each.time > self.apart:
                yield from self._gap(until, each.after, _between)

    def _gap(self, start: datetime, end: datetime, missing: Callable[[float], int]) -> Iterator[Gap]:
        """Yield the gap, if it is one; ``missing`` says how many readings lack in so many periods."""
        periods = (end - start) / self.period
        if self.resolution is not Resolution.RAW:
            if periods >= 1:
                yield Gap(start=start, end=end, missing=round(periods))
        elif periods > LATE:
            yield Gap(start=start, end=end, missing=missing(periods))


def _between(periods: float) -> int:
    """Return how many readings lack between two."""
    return round(periods) - 1


def _until(periods: float) -> int:
    """Return how many lack from a reading until the end, which belongs to what follows."""
    return ceil(periods) - 1


@dataclass(frozen=True, slots=True)
class Brought:
    """How many of the readings that were expected of a device came."""

    known: Known
    expected: int
    received: int

    @property
    def completeness(self) -> float:
        """Return percent."""
        return percent(self.received, self.expected)

    def coverage(self, gaps: Sequence[Gap]) -> Coverage:
        """Return it with the gaps."""
        return Coverage(
            device=self.known.device,
            name=self.known.name,
            district=self.known.district,
            expected=self.expected,
            received=self.received,
            completeness=self.completeness,
            gaps=gaps,
        )


def brought(known: Known, expected: int, received: int) -> Brought:
    """Return what a device brought, of which no more counts than was expected."""
    return Brought(known, expected, max(0, min(received, expected)))


def worst(some: Sequence[Brought], limit: int) -> list[Brought]:
    """Return those that lack most, in order of completeness, then of id."""
    return sorted(some, key=lambda each: (each.completeness, each.known.device))[:limit]


def percent(received: int, expected: int) -> float:
    """Return completeness; that of nothing expected is full."""
    return _PERCENT * received / expected if expected else _PERCENT


def finest(there: Sequence[Resolution], *, devices: int, span: timedelta, period: timedelta, most: int) -> Resolution:
    """Return the finest resolution in which gaps show and that has at most so many rows; else the coarsest.

    A reading counts as ``READING`` rows: of rollups, indices tell enough.
    """
    fit = [each for each in there if each is Resolution.RAW or each.width >= WIDE * period] or list(there)
    weight = {Resolution.RAW: READING}
    return next((each for each in fit if devices * count(each, span, period) * weight.get(each, 1) <= most), fit[-1])
