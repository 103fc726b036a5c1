"""Readings summed up by bucket of time, row by row as people take them away; behind ``Dashboards.aggregated``.

Rules:

1. All but ``last`` is made of the rollup's counts, sums and extremes. The last value of a bucket stands in no rollup
   (of counters only), so it is read from the readings.
2. Pages are by key (bucket, device), and the resolution stands in the cursor: a page behind another is of the same
   rollup, whatever retention takes away meanwhile.
3. A page reads no more buckets than it needs: the span that is summed up grows until the page is full.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from model.device import DeviceType
from model.errors import BadRequestError
from model.questions import Aggregation, check_fields, check_limit, check_range
from model.resolution import Kept, Resolution, after, whole
from model.views import Bucket, BucketPage
from storage.connection import Database
from storage.sources import Source
from storage.statements import statement
from storage.stock import Stock, Window

_GROWTH = 4


class Aggregates:
    """Reads buckets of many devices."""

    def __init__(self, database: Database, stock: Stock) -> None:
        self._database = database
        self._stock = stock

    async def page(
        self,
        device_type: DeviceType,
        start: datetime,
        end: datetime,
        *,
        resolution: Resolution,
        aggregation: Aggregation,
        devices: Sequence[str] | None,
        fields: Sequence[str],
        limit: int,
        cursor: str | None,
        simulated: bool | None,
    ) -> BucketPage:
        """Return a page of buckets in order of time, then device."""
        check_range(start, end)
        check_limit(limit)
        chosen = check_fields(device_type, fields)
        behind = None if cursor is None else read_cursor(cursor)
        window = self._window(device_type, start, end, behind[2] if behind else resolution)
        raw = aggregation == "last"
        source = Source(device_type, Resolution.RAW if raw else window.resolution)
        rows: list[tuple[Any, ...]] = []
        at = behind[0] if behind else window.start
        if await self._stock.has(source):
            keys = await self._keys(devices)
            query = source.aggregated(
                chosen,
                aggregation,
                window.resolution,
                zone=str(self._stock.config.zone),
                devices=keys is not None,
                simulated=simulated,
            )
            step = self._first_step(window, limit, len(keys) if keys is not None else None)
            while at < window.end and len(rows) <= limit:
                until = self._until(window, at, step)
                parameters = {
                    "start": at,
                    "end": until,
                    "simulated": simulated,
                    "keys": keys,
                    "at": behind[0] if behind else None,
                    "id": behind[1] if behind else "",
                    "limit": limit + 1 - len(rows),
                }
                rows += await self._database.fetch(query, parameters)
                at, step = until, step * _GROWTH
        page = [
            Bucket(device=device, time=time, values=dict(zip([each.name for each in chosen], values, strict=True)))
            for device, time, *values in rows[:limit]
        ]
        more = len(rows) > limit
        return BucketPage(
            resolution=window.resolution,
            start=window.start,
            end=window.end,
            rows=page,
            next_cursor=make_cursor(page[-1], window.resolution) if more else None,
        )

    def _window(self, device_type: DeviceType, start: datetime, end: datetime, resolution: Resolution) -> Window:
        kept: Kept = {each: how for each, how in self._stock.kept(device_type).items() if each is not Resolution.RAW}
        return self._stock.window(kept, start, end, device_type.period, resolution)

    def _first_step(self, window: Window, limit: int, devices: int | None) -> timedelta:
        """Return the span in which a page should be found if all devices said something in each bucket."""
        buckets = max(1, limit // max(devices or 1, 1))
        return window.resolution.width * (buckets + 1 if devices is not None else 1)

    def _until(self, window: Window, at: datetime, step: timedelta) -> datetime:
        """Return the end of a span of whole buckets."""
        zone = self._stock.config.zone
        until = whole(window.resolution, at, min(at + step, window.end), zone)[1]
        return min(max(until, after(window.resolution, at, zone)), window.end)

    async def _keys(self, devices: Sequence[str] | None) -> list[int] | None:
        if devices is None:
            return None
        wanted = [name for name in devices if name.isprintable()]
        return [key for key, _ in await self._database.fetch(statement("keys_of_devices"), {"devices": wanted})]


def make_cursor(row: Bucket, resolution: Resolution) -> str:
    """Return what goes on behind this row."""
    document = msgspec.json.encode((row.time, row.device, resolution))
    return base64.urlsafe_b64encode(document).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[datetime, str, Resolution]:
    """Return bucket and device of the row to go on behind, and the resolution of its page."""
    try:
        document = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        time, device, resolution = msgspec.json.decode(document, type=tuple[datetime, str, Resolution])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise BadRequestError(f"cursor {cursor[:80]!r} is none: take next_cursor of the page before") from None
    if time.tzinfo is None or not device.isprintable() or resolution is Resolution.RAW:
        raise BadRequestError("the cursor is of another query: begin without one")
    return time, device, resolution
