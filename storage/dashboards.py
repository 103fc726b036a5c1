"""What charts, maps and rankings ask of the database: the ``Dashboards`` of ``model.ports``.

Rules:

1. ``model.resolution`` chooses among what ``storage.stock`` knows to be there, ``storage.sources`` reads, and the
   answer names the rollup it is from. What is read is bounded by what is drawn, whatever is stored.
2. A counter's increase is taken from its last value before, if that is not too old (``stock.BEFORE``).
3. A type of which nothing was ever stored has no rollups: its charts are empty.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import groupby
from operator import itemgetter
from typing import Any

from model.device import DeviceType, Field
from model.errors import NotFoundError
from model.questions import (
    Aggregation,
    check_common,
    check_counter,
    check_fields,
    check_known,
    check_limit,
    check_range,
    check_size,
)
from model.resolution import POINTS, Resolution, after
from model.views import BucketPage, Chart, Consumer, GapReport, Line, Newest, Ranking
from storage.aggregates import Aggregates
from storage.connection import Database
from storage.gaps import Gaps
from storage.points import buckets, group_points, points_of, readings
from storage.sources import Source, grouped, newest
from storage.statements import statement
from storage.stock import Clock, DashboardsConfig, Stock, Window, common

__all__ = ["Dashboards", "DashboardsConfig"]

SHORT = timedelta(days=2)
"""Consumption in a range up to this is reckoned by hour, of longer ones by day."""


@dataclass(frozen=True, slots=True)
class _Edges:
    """Buckets in which a type spoke: ``last`` in a window, ``previous`` before it or, if it ``begins`` in it, first."""

    resolution: Resolution
    previous: datetime
    last: datetime
    begins: bool

    def parameters(self, zone: tzinfo) -> dict[str, datetime]:
        return {
            "previous": self.previous,
            "previous_end": after(self.resolution, self.previous, zone),
            "last": self.last,
            "last_end": after(self.resolution, self.last, zone),
        }


class Dashboards:
    """Reads rollups, and readings where a range is short."""

    def __init__(self, database: Database, *, clock: Clock, config: DashboardsConfig) -> None:
        self._database = database
        self._stock = Stock(database, clock, config)
        self._gaps = Gaps(database, self._stock)
        self._aggregates = Aggregates(database, self._stock)

    async def series(
        self,
        device_type: DeviceType,
        *,
        devices: Sequence[str],
        start: datetime,
        end: datetime,
        fields: Sequence[str] = (),
        resolution: Resolution | None = None,
        points: int = POINTS,
        simulated: bool | None = None,
    ) -> Chart:
        """Return a line for each device and field; no fields: all that have statistics."""
        check_range(start, end, points)
        chosen = check_fields(device_type, fields)
        names = list(dict.fromkeys(devices))
        window = self._stock.window(self._stock.kept(device_type), start, end, device_type.period, resolution, points)
        check_size(window.resolution, end - start, device_type.period, len(names) * len(chosen))
        keys = await self._keys(device_type, names)
        source = Source(device_type, window.resolution)
        if not await self._stock.has(source):
            return window.chart([], [])
        parameters = {**window.parameters(simulated=simulated), "keys": list(keys.values())}
        rows = await self._database.fetch(source.series(chosen, simulated=simulated), parameters)
        before: dict[int, Sequence[float | None]] = {}
        if any(field.counter for field in chosen):
            found = await self._database.fetch(source.before(chosen, simulated=simulated), parameters)
            before = {key: values for key, *values in found}
        by_key = {key: list(some) for key, some in groupby(rows, itemgetter(0))}
        read = readings if window.resolution is Resolution.RAW else buckets
        return window.chart(
            [source],
            (
                Line(
                    field=field.name,
                    device=name,
                    points=points_of(field, read(by_key.get(key, []), n), before[key][n] if field.counter else None),
                )
                for name, key in keys.items()
                for n, field in enumerate(chosen)
            ),
        )

    async def aggregated(
        self,
        device_type: DeviceType,
        *,
        start: datetime,
        end: datetime,
        resolution: Resolution,
        aggregation: Aggregation,
        devices: Sequence[str] | None = None,
        fields: Sequence[str] = (),
        limit: int = 1000,
        cursor: str | None = None,
        simulated: bool | None = None,
    ) -> BucketPage:
        """Return a page of buckets of many devices, in order of time, then device; ``devices``: ``None`` for all."""
        return await self._aggregates.page(
            device_type,
            start,
            end,
            resolution=resolution,
            aggregation=aggregation,
            devices=devices,
            fields=fields,
            limit=limit,
            cursor=cursor,
            simulated=simulated,
        )

    async def groups(
        self,
        device_types: Sequence[DeviceType],
        *,
        start: datetime,
        end: datetime,
        fields: Sequence[str],
        by_district: bool = False,
        districts: Sequence[str] = (),
        resolution: Resolution | None = None,
        points: int = POINTS,
        simulated: bool | None = None,
    ) -> Chart:
        """Return a line for each field (and district) over all devices of these types, by hour or by local day."""
        check_range(start, end, points)
        names = list(dict.fromkeys(fields))
        chosen = check_common(device_types, names)
        kept = common([self._stock.kept(each, group=True) for each in chosen])
        window = self._stock.window(kept, start, end, timedelta(0), resolution, points)
        check_size(window.resolution, end - start, timedelta(0), len(names))
        every = [Source(each, window.resolution, group=True) for each in chosen]
        sources = [source for source in every if await self._stock.has(source)]
        if not sources:
            return window.chart([], _group_lines(names, [], by_district=by_district))
        branches = [source.group(names, districts=bool(districts), simulated=simulated) for source in sources]
        rows = await self._database.fetch(
            grouped(branches, names, by_district=by_district),
            {**window.parameters(simulated=simulated), "districts": list(districts)},
        )
        return window.chart(sources, _group_lines(names, rows, by_district=by_district))

    async def top(
        self,
        device_type: DeviceType,
        field: str,
        *,
        start: datetime,
        end: datetime,
        limit: int = 20,
        districts: Sequence[str] = (),
        resolution: Resolution | None = None,
        simulated: bool | None = None,
    ) -> Ranking:
        """Return the devices whose counter ``field`` grew most; those whose counter said nothing are absent."""
        check_range(start, end)
        check_limit(limit)
        counter = check_counter(device_type, field)
        kept = {each: how for each, how in self._stock.kept(device_type).items() if each.width >= Resolution.HOUR.width}
        asked = resolution or (Resolution.HOUR if end - start <= SHORT else Resolution.DAY)
        window = self._stock.window(kept, start, end, device_type.period, asked)
        source = Source(device_type, window.resolution)
        edges = await self._edges(device_type, window)
        if edges is None or not await self._stock.has(source):
            return window.ranking([], [])
        parameters = {**window.parameters(simulated=simulated), "districts": list(districts), "limit": limit}
        until_now = window.end > self._stock.clock()
        at = edges.parameters(self._stock.config.zone)
        read = await self._stock.materialized(source, at["previous_end" if until_now else "last_end"])
        query = read.top(
            counter,
            begins=edges.begins,
            until_now=until_now,
            districts=bool(districts),
            simulated=simulated,
        )
        rows = await self._database.fetch(query, {**parameters, **at})
        missing = [key for key, *_, grown in rows if grown is None]
        found = await self._grown(source, counter, missing, window, simulated=simulated)
        consumers = [
            Consumer(device=device, name=name, district=district, increase=total)
            for key, device, name, district, grown in rows
            if (total := found.get(key) if grown is None else grown) is not None
        ]
        return window.ranking([source], sorted(consumers, key=lambda each: (-each.increase, each.device))[:limit])

    async def newest(self, device_type: DeviceType, *, fields: Sequence[str] = ()) -> Sequence[Newest]:
        """Return the newest values of all active devices of a type that have any, in order of id; no fields: all."""
        known = [field.name for field in device_type.fields]
        check_known(device_type, fields)
        names = list(dict.fromkeys(fields)) or known
        rows = await self._database.fetch(newest(device_type, names), {"type": device_type.name})
        return [
            Newest(
                device=row[0],
                name=row[1],
                district=row[2],
                latitude=row[3],
                longitude=row[4],
                simulated=row[5],
                time=row[6],
                flags=tuple(row[7]) if row[7] else (),
                values=row[8::2],
                times=row[9::2],
            )
            for row in rows
        ]

    async def gaps(
        self,
        device_type: DeviceType,
        *,
        start: datetime,
        end: datetime,
        devices: Sequence[str] = (),
        districts: Sequence[str] = (),
        limit: int = 20,
        simulated: bool | None = None,
    ) -> GapReport:
        """Return the active devices that lack most of what their period lets expect, and when they were silent."""
        return await self._gaps.report(
            device_type, start, end, devices=devices, districts=districts, limit=limit, simulated=simulated
        )

    async def _edges(self, device_type: DeviceType, window: Window) -> _Edges | None:
        """Return the buckets between whose values counters grew in the window; ``None``: nobody spoke in it."""
        group = Source(device_type, window.resolution, group=True)
        if not await self._stock.has(group):
            return None
        [(previous, first, last)] = await self._database.fetch(group.spoken(), window.parameters(simulated=None))
        if first is None:
            return None
        return _Edges(window.resolution, previous or first, last, begins=previous is None)

    async def _grown(
        self, source: Source, counter: Field, keys: Sequence[int], window: Window, *, simulated: bool | None
    ) -> dict[int, float]:
        """Return device -> how much its counter grew, step by step; devices whose counter said nothing are absent."""
        if not keys:
            return {}
        parameters = {**window.parameters(simulated=simulated), "keys": list(keys)}
        rows = await self._database.fetch(source.series([counter], simulated=simulated), parameters)
        befores = dict(await self._database.fetch(source.before([counter], simulated=simulated), parameters))
        steps = {
            key: points_of(counter, buckets(some, 0), befores.get(key)) for key, some in groupby(rows, itemgetter(0))
        }
        return {key: sum(point.increase or 0.0 for point in points) for key, points in steps.items() if points}

    async def _keys(self, device_type: DeviceType, names: Sequence[str]) -> dict[str, int]:
        """Return id -> key in the order of ``names``; raise ``NotFoundError`` for devices that are not of this type."""
        wanted = [name for name in names if name.isprintable()]
        parameters = {"devices": wanted, "type": device_type.name}
        found = dict(await self._database.fetch(statement("keys_of_type"), parameters))
        if missing := [name for name in names if name not in found]:
            raise NotFoundError(f"no device {', '.join(map(repr, missing))} of type {device_type.name} is registered")
        return {name: found[name] for name in names}


def _group_lines(names: Sequence[str], rows: Sequence[Sequence[Any]], *, by_district: bool) -> Iterator[Line]:
    """Yield a line for each field: of each district that there is, or of all together."""
    found = {district: list(some) for district, some in groupby(rows, itemgetter(0))}
    for district, some in found.items() if by_district else [(None, rows)]:
        for n, name in enumerate(names):
            yield Line(field=name, district=district, points=list(group_points(some, n)))
