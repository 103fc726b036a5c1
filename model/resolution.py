"""How finely a chart is drawn: resolutions, which of them answers a question, where buckets begin and end. Pure.

Rules:

1. A bucket is named by its beginning. Buckets up to an hour count from the full hour UTC; a day is one of the city's
   time zone and has 23, 24 or 25 hours.
2. What is no longer kept as far back as the question reaches is never chosen: a coarser resolution answers then.
3. An answer is made of whole buckets; a question that begins or ends inside one is widened, and the answer says so.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from model.instants import EPOCH

POINTS = 500
"""How many points a line of a chart has, about, when nobody says: what a screen shows."""


class Resolution(StrEnum):
    """From fine to coarse. ``RAW``: the readings themselves."""

    RAW = "raw"
    MINUTE = "1min"
    QUARTER = "15min"
    HOUR = "1h"
    DAY = "1d"

    @property
    def width(self) -> timedelta:
        """How long a bucket is; a day's is nominal, a reading has none."""
        return _WIDTHS[self]


_WIDTHS: Mapping[Resolution, timedelta] = {
    Resolution.RAW: timedelta(0),
    Resolution.MINUTE: timedelta(minutes=1),
    Resolution.QUARTER: timedelta(minutes=15),
    Resolution.HOUR: timedelta(hours=1),
    Resolution.DAY: timedelta(days=1),
}

Kept = Mapping[Resolution, timedelta | None]
"""The resolutions that there are, each with how long it is kept; ``None``: for ever."""


def reaching(kept: Kept, start: datetime, now: datetime) -> tuple[Resolution, ...]:
    """Return the resolutions that go back to ``start``, from fine to coarse; of none, the one kept longest."""
    found = tuple(each for each in Resolution if each in kept and _reaches(kept[each], start, now))
    if found:
        return found
    # None of them is kept for ever, or it would have been found.
    return (max(kept, key=lambda each: (kept[each] or timedelta.max, each.width)),)


def choose(
    kept: Kept,
    *,
    start: datetime,
    end: datetime,
    now: datetime,
    period: timedelta,
    resolution: Resolution | None = None,
    points: int = POINTS,
) -> Resolution:
    """Return the resolution that answers for start <= time < end.

    The one asked for, else the next coarser that reaches back so far. None asked for: the one whose lines have about
    ``points`` points (by ratio), of a device that sends every ``period``; buckets that hold one reading each are no
    gain over the readings.
    """
    there = reaching(kept, start, now)
    if resolution is not None:
        return next((each for each in there if each.width >= resolution.width), there[-1])
    useful = [each for each in there if each is Resolution.RAW or each.width > period] or there
    return min(useful, key=lambda each: abs(math.log(count(each, end - start, period) / points)))


def count(resolution: Resolution, span: timedelta, period: timedelta) -> float:
    """Return how many points a line has in this span, at least 1; no more than the device sends."""
    return max(1.0, span / max(resolution.width, period, timedelta(seconds=1)))


def begin(resolution: Resolution, time: datetime, zone: tzinfo) -> datetime:
    """Return where the bucket begins in which a time lies, UTC."""
    if resolution is Resolution.RAW:
        return time.astimezone(UTC)
    if resolution is Resolution.DAY:
        return _midnight(time.astimezone(zone), zone)
    return time.astimezone(UTC) - (time - EPOCH) % resolution.width


def after(resolution: Resolution, bucket: datetime, zone: tzinfo) -> datetime:
    """Return where the bucket ends that begins there, UTC."""
    if resolution is Resolution.DAY:
        # Noon of the next day, whatever the clocks did in the night.
        return _midnight(bucket.astimezone(zone).replace(hour=12) + timedelta(days=1), zone)
    return bucket + resolution.width


def whole(resolution: Resolution, start: datetime, end: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return start and end of the buckets that hold start <= time < end, UTC."""
    last = begin(resolution, end, zone)
    return begin(resolution, start, zone), last if last == end else after(resolution, last, zone)


def _midnight(local: datetime, zone: tzinfo) -> datetime:
    return datetime(local.year, local.month, local.day, tzinfo=zone).astimezone(UTC)


def _reaches(kept: timedelta | None, start: datetime, now: datetime) -> bool:
    return kept is None or now - start <= kept
