"""Hours that come again every week, by the clocks of a place: maintenance on Tuesdays from 22:00 to 04:00. Pure.

Rules:

1. Hours that go over midnight belong to the day on which they begin; ``end`` at or before ``start`` is the next day.
2. When clocks change, a time that comes twice is the one by standard time, and so is one that does not come: what is
   between 22:00 and 04:00 then lasts an hour less or more. The database counts the same way.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from model.said import Said

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DAY = timedelta(days=1)
_WEEK = 8


class Weekly(msgspec.Struct, frozen=True, kw_only=True):
    """On these days, from ``start`` to ``end`` as the clocks of ``zone`` show them."""

    days: tuple[Day, ...]
    start: str
    end: str
    zone: str = "Europe/Paris"


def problem(of: Weekly) -> Said | None:
    """Return what is wrong with it, with its place; ``None`` if nothing is."""
    if not of.days:
        return Said("name at least one day", "nommez au moins un jour").at("weekly.days")
    for word, text in (("start", of.start), ("end", of.end)):
        if not _CLOCK.fullmatch(text):
            french = f'{text!r} n’est pas une heure : écrivez "22:00"'
            return Said(f'{text!r} is no time of the day: write "22:00"', french).at(f"weekly.{word}")
    if of.zone not in available_timezones():
        french = f"il n’y a pas de fuseau {of.zone!r} : écrivez par exemple Europe/Paris"
        return Said(f"there is no time zone {of.zone!r}: write Europe/Paris, say", french).at("weekly.zone")
    return None


def holds_until(of: Weekly, at: datetime) -> datetime | None:
    """Return when it is over, if this is one of its hours; ``None`` if it is not."""
    return max((end for start, end in _around(of, at, back=1, ahead=0) if start <= at < end), default=None)


def comes(of: Weekly, at: datetime) -> tuple[datetime, datetime] | None:
    """Return from when to when it holds now or next."""
    return next(((start, end) for start, end in _around(of, at, back=1, ahead=_WEEK) if end > at), None)


def _around(of: Weekly, at: datetime, *, back: int, ahead: int) -> Iterator[tuple[datetime, datetime]]:
    """Yield its hours on the days around a moment, in order."""
    today = at.astimezone(ZoneInfo(of.zone)).date()
    start, end = time.fromisoformat(of.start), time.fromisoformat(of.end)
    for offset in range(-back, ahead + 1):
        day = today + offset * _DAY
        if DAYS[day.weekday()] in of.days:
            yield _moment(day, start, of.zone), _moment(day if end > start else day + _DAY, end, of.zone)


def _moment(day: date, at: time, zone: str) -> datetime:
    """Return when clocks of a place show this, by standard time where that is twice or never."""
    each = [datetime.combine(day, at, ZoneInfo(zone)).replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1)]
    return datetime.combine(day, at, UTC) - min(each)
