"""When a rule counts: hours and days of local time, and where the sun stands. Pure numpy.

Rules:

1. Local time is that of the city; on the two days of the year that have 23 or 25 hours, too.
2. Hours that go over midnight belong to the day on which they begin.
3. It is day while the sun's middle is above -0.833°, as almanacs count sunrise.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from alerts.runs import Floats
from model.instants import microseconds
from model.readings import Bools, Ints
from model.rule import Schedule
from model.said import Said
from model.sun import height_deg

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_RISE_DEG = -0.833
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_MINUTE_US = 60_000_000
_THURSDAY = 3
"""1970-01-01 was one."""
_LONGEST_DAYS = 8


def minute_of(text: str) -> int:
    """Return the minute of the day that a clock time says; raise ``ValueError`` with what would be right."""
    if match := _CLOCK.fullmatch(text):
        return int(match[1]) * 60 + int(match[2])
    if text == "24:00":
        return 24 * 60
    raise ValueError(
        Said(f'{text!r} is no time of the day: write "22:00"', f'{text!r} n’est pas une heure : écrivez "22:00"')
    )


class Times:
    """A schedule to be asked. ``zone``: of the city; ``place``: its (latitude, longitude), for devices without one."""

    def __init__(self, schedule: Schedule, zone: str, place: tuple[float, float]) -> None:
        self.schedule = schedule
        self.place = place
        self._zone = ZoneInfo(zone)
        self._offsets: dict[int, int] = {}
        self._start = minute_of(schedule.start) if schedule.start is not None else 0
        self._end = minute_of(schedule.end) if schedule.end is not None else 24 * 60
        self._days = np.array([not schedule.days or day in schedule.days for day in DAYS])

    def counts(self, time_us: Ints, latitude: Floats, longitude: Floats) -> Bools:
        """Return at which times the rule counts; places that are not numbers are the city's."""
        local = time_us + self._offset_us(time_us)
        day, minute = local // _DAY_US, local % _DAY_US // _MINUTE_US
        over_midnight = self._end <= self._start
        if over_midnight:
            counts = (minute >= self._start) | (minute < self._end)
            day = day - (minute < self._end)
        else:
            counts = (minute >= self._start) & (minute < self._end)
        found: Bools = counts & self._days[(day + _THURSDAY) % 7]
        if self.schedule.sun is not None:
            north = np.where(np.isnan(latitude), self.place[0], latitude)
            east = np.where(np.isnan(longitude), self.place[1], longitude)
            up = height_deg(time_us / 1e6, north, east) > _RISE_DEG
            found &= up if self.schedule.sun == "day" else ~up
        return found

    def counts_at(self, time_us: int, latitude: float, longitude: float) -> bool:
        """Return whether the rule counts at one time and place."""
        return bool(self.counts(np.array([time_us]), np.array([latitude]), np.array([longitude]))[0])

    def after(self, since_us: int, long_us: int, latitude: float, longitude: float) -> int | None:
        """Return when the rule has counted for ``long_us`` without a break since ``since_us``; ``None``: not in a week.

        To the minute: schedules say no more.
        """
        step = _MINUTE_US
        begin, at = None, since_us
        while at < since_us + _LONGEST_DAYS * _DAY_US + long_us:
            grid = at + step * np.arange(1440)
            counts = self.counts(grid, np.full(1440, latitude), np.full(1440, longitude))
            for time, so in zip(grid.tolist(), counts.tolist(), strict=True):
                begin = None if not so else (time if begin is None else begin)
                if begin is not None and time + step > begin + long_us:
                    return begin + long_us
            at += 1440 * step
        return None

    def _offset_us(self, time_us: Ints) -> Ints:
        """Return how far local time is ahead of UTC: it changes at full hours, so each hour is asked for once."""
        hours, place = np.unique(time_us // _HOUR_US, return_inverse=True)
        return np.array([self._of_hour(hour) for hour in hours.tolist()], dtype=np.int64)[place]

    def _of_hour(self, hour: int) -> int:
        found = self._offsets.get(hour)
        if found is None:
            offset = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)).astimezone(self._zone).utcoffset()
            found = (offset or timedelta()) // timedelta(microseconds=1)
            self._offsets[hour] = found
        return found


def local_hours(times_us: Sequence[int], zone: str) -> list[datetime]:
    """Return times as the city's clocks show them."""
    local = ZoneInfo(zone)
    return [(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone(local) for at in times_us]


def same_hour_before(time_us: int, weeks: int, zone: str) -> int:
    """Return the same local hour so many weeks before (µs)."""
    local = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(microseconds=time_us)
    earlier = local.astimezone(ZoneInfo(zone)) - timedelta(weeks=weeks)  # clock arithmetic: the hour stays
    return microseconds(earlier.astimezone(UTC))
