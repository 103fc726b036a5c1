"""What a chart needs of the past: all readings of a device in a time, or evenly thinned out where they are too many."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from model.device import DeviceType
from model.ports import Queries
from model.views import ReadingRow

MOST = 4000
_SLICES = 240
_PER_SLICE = 2
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class History:
    """Readings in order of time. ``thinned_to``: the distance of two readings where not all are here, else ``None``."""

    rows: list[ReadingRow]
    thinned_to: timedelta | None = None


async def history(
    queries: Queries, device_type: DeviceType, device: str, fields: list[str], start: datetime, end: datetime
) -> History:
    """Return the readings with start <= time < end; raise ``UnavailableError``."""
    page = await queries.readings(
        device_type, devices=[device], start=start, end=end, fields=fields, limit=MOST, newest_first=True
    )
    if page.next_cursor is None:
        return History(list(reversed(page.rows)))
    step = (end - start) / _SLICES
    doors = asyncio.Semaphore(_AT_ONCE)

    async def some(at: datetime) -> list[ReadingRow]:
        async with doors:
            found = await queries.readings(
                device_type, devices=[device], start=at, end=at + step, fields=fields, limit=_PER_SLICE
            )
        return list(found.rows)

    slices = await asyncio.gather(*(some(start + step * n) for n in range(_SLICES)))
    rows = [row for part in slices for row in part]
    newest = [row for row in reversed(page.rows[:_PER_SLICE]) if not rows or row.time > rows[-1].time]
    return History(rows + newest, step)
