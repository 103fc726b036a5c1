"""The calendar of Brest: Europe/Paris wall time, and what kind of day it is. Times are seconds since 1970 UTC.

1. Summer time: last Sunday of March to last Sunday of October, at 01:00 UTC (directive 2000/84/EC).
2. Public holidays of metropolitan France (code du travail, L3133-1); Easter after Meeus, Jones and Butcher.
3. The simulated city has a beginning, 2025-01-01 UTC: registers count from there. It ends with 2050.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from model.errors import BadRequestError
from simulators.chance import Floats, Ints

DAY_S = 86_400
START_S = 1_735_689_600  # 2025-01-01T00:00Z
_FIRST = date(2025, 1, 1)
_YEARS = range(2025, 2051)
COUNT = (date(2051, 1, 1) - _FIRST).days

WORKDAY, SATURDAY, SUNDAY = 0, 1, 2
"""Kinds of day; a public holiday is a Sunday."""


class Calendar(NamedTuple):
    """By local day since the beginning: its first instant (UTC) and kind; and when wall time changes, and to what."""

    midnight_s: Floats
    kind: Ints
    change_s: Floats
    offset_s: Floats


def easter(year: int) -> date:
    """Return Easter Sunday."""
    a, (b, c) = year % 19, divmod(year, 100)
    (d, e), f = divmod(b, 4), (b + 8) // 25
    h = (19 * a + b - d - (b - f + 1) // 3 + 15) % 30
    i, k = divmod(c, 4)
    el = (32 + 2 * e + 2 * i - h - k) % 7
    month, day = divmod(h + el - 7 * ((a + 11 * h + 22 * el) // 451) + 114, 31)
    return date(year, month, day + 1)


def holidays(year: int) -> frozenset[date]:
    """Return the public holidays of a year."""
    fixed = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
    moving = (1, 39, 50)  # Easter Monday, Ascension, Whit Monday
    return frozenset({date(year, m, d) for m, d in fixed} | {easter(year) + timedelta(days=n) for n in moving})


def _last_sunday(year: int, month: int) -> date:
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


@lru_cache(maxsize=1)
def calendar() -> Calendar:
    """Return the calendar of all days of the simulated city."""
    number = np.arange(COUNT + 2)
    kind = np.array([WORKDAY, WORKDAY, WORKDAY, SATURDAY, SUNDAY, WORKDAY, WORKDAY])[number % 7]  # begins on Wednesday
    change = [-np.inf]
    for year in _YEARS:
        for day in holidays(year):
            kind[(day - _FIRST).days] = SUNDAY
        change += [START_S + (_last_sunday(year, month) - _FIRST).days * DAY_S + 3600.0 for month in (3, 10)]
    change_s = np.array(change)
    offset_s = np.where(np.arange(len(change)) % 2, 7200.0, 3600.0)
    midnight: Floats = (START_S + number * float(DAY_S)).astype(np.float64)
    midnight -= offset_s[np.searchsorted(change_s, midnight - 7200.0, side="right") - 1]
    return Calendar(midnight, kind.astype(np.int64), change_s, offset_s)


def local(at: Floats) -> tuple[Ints, Floats]:
    """Return the local day (counted from the beginning) and the seconds that a clock on the wall shows since midnight.

    Raises ``BadRequestError`` for a time at which the simulated city does not exist.
    """
    if at.size and not (at.min() >= START_S and at.max() < START_S + COUNT * DAY_S - 7200):
        raise BadRequestError("the simulated city exists from 2025 to 2050: check the clock of this machine")
    rule = calendar()
    wall = at + rule.offset_s[np.searchsorted(rule.change_s, at, side="right") - 1] - START_S
    day = np.floor(wall / DAY_S)
    return day.astype(np.int64), wall - day * DAY_S
