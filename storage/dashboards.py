"""What charts, maps and rankings ask of the database: the ``Dashboards`` of ``model.ports``.

Rules:

1. ``model.resolution`` chooses, ``storage.sources`` reads, and the answer names the rollup it is from. What is read is
   bounded by what is drawn, whatever is stored.
2. A counter's increase is taken from its last value before, if that is at most ``BEFORE`` old.
3. A type of which nothing was ever stored has no rollups: its charts are empty.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from itertools import groupby
from operator import itemgetter
from statistics import mode
from typing import Any

from model.device import DeviceType, Field
from model.errors import BadRequestError, NotFoundError
from model.questions import check_common, check_counter, check_fields, check_known, check_limit, check_range, check_size
from model.resolution import POINTS, Kept, Resolution, begin, choose, reaching, whole
from model.views import Chart, Consumer, Gap, GapReport, Line, Newest, Ranking
from storage import rollups
from storage.connection import Database
from storage.points import buckets, group_points, points_of, readings
from storage.silence import Brought, Expectation, Known, Spoken, brought, finest, percent, worst
from storage.sources import Source, grouped, newest
from storage.statements import statement

Clock = Callable[[], datetime]

BEFORE = timedelta(days=31)
"""How far back the last value of a counter is looked for."""
SHORT = timedelta(days=2)
"""Consumption in a range up to this is reckoned by hour, of longer ones by day."""


def kept_for_ever(_device_type: DeviceType) -> Kept:
    """Return every resolution, none of which ends."""
    return dict.fromkeys(Resolution)


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardsConfig:
    """``zone``: whose days are counted. ``kept``: how long each resolution of a device type is kept.

    ``most_scanned``: gaps are looked for in the finest resolution that has about so many rows, at most.
    """

    zone: tzinfo
    kept: Callable[[DeviceType], Kept] = kept_for_ever
    most_scanned: int = 150_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """Whole buckets of one resolution; ``widened``: more than was asked for."""

    resolution: Resolution
    start: datetime
    end: datetime
    widened: bool

    def parameters(self, *, simulated: bool | None) -> dict[str, Any]:
        return {"start": self.start, "end": self.end, "before": self.start - BEFORE, "simulated": simulated}

    def chart(self, sources: Sequence[Source], lines: Iterable[Line]) -> Chart:
        return Chart(
            resolution=self.resolution,
            sources=tuple(source.name for source in sources),
            start=self.start,
            end=self.end,
            widened=self.widened,
            lines=list(lines),
        )

    def ranking(self, sources: Sequence[Source], consumers: Sequence[Consumer]) -> Ranking:
        return Ranking(
            resolution=self.resolution,
            sources=tuple(source.name for source in sources),
            start=self.start,
            end=self.end,
            widened=self.widened,
            consumers=consumers,
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whose gaps are looked for: these devices; ``some``: there are more of this type."""

    device_type: DeviceType
    keys: Sequence[int]
    some: bool
    limit: int
    simulated: bool | None


class Dashboards:
    """Reads rollups, and readings where a range is short."""

    def __init__(self, database: Database, *, clock: Clock, config: DashboardsConfig) -> None:
        self._database = database
        self._clock = clock
        self._config = config
        self._there: set[str] = set()

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
        window = self._window(self._kept(device_type), start, end, device_type.period, resolution, points)
        check_size(window.resolution, end - start, device_type.period, len(names) * len(chosen))
        keys = await self._keys(device_type, names)
        source = Source(device_type, window.resolution)
        if not await self._is_there(source):
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
        kept = _common([self._kept(each, group=True) for each in chosen])
        window = self._window(kept, start, end, timedelta(0), resolution, points)
        check_size(window.resolution, end - start, timedelta(0), len(names))
        every = [Source(each, window.resolution, group=True) for each in chosen]
        sources = [source for source in every if await self._is_there(source)]
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
        kept = {each: how for each, how in self._kept(device_type).items() if each.width >= Resolution.HOUR.width}
        asked = resolution or (Resolution.HOUR if end - start <= SHORT else Resolution.DAY)
        window = self._window(kept, start, end, device_type.period, asked)
        source = Source(device_type, window.resolution)
        if not await self._is_there(source):
            return window.ranking([], [])
        zone, moment = self._config.zone, timedelta(microseconds=1)
        until_now = window.end > self._clock()
        rows = await self._database.fetch(
            source.top(counter, until_now=until_now, districts=bool(districts), simulated=simulated),
            {
                **window.parameters(simulated=simulated),
                "districts": list(districts),
                "limit": limit,
                "before": begin(window.resolution, window.start - moment, zone),
                "last": begin(window.resolution, window.end - moment, zone),
            },
        )
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
                device=device,
                name=name,
                district=district,
                latitude=latitude,
                longitude=longitude,
                simulated=simulated,
                time=time,
                flags=tuple(flags or ()),
                values=tuple(cells[::2]),
                times=tuple(cells[1::2]),
            )
            for device, name, district, latitude, longitude, simulated, time, flags, *cells in rows
        ]

    async def gaps(
        self,
        device_type: DeviceType,
        *,
        start: datetime,
        end: datetime,
        devices: Sequence[str] = (),
        districts: Sequence[str] = (),
        limit: int = 100,
        simulated: bool | None = None,
    ) -> GapReport:
        """Return the active devices that lack most of what their period lets expect, and when they were silent."""
        check_range(start, end)
        check_limit(limit)
        now = self._clock()
        if start >= now:
            raise BadRequestError(f"the range begins at {start.isoformat()}, which is not yet: ask for what has been")
        found = await self._database.fetch(
            statement("expected_keys"),
            {
                "type": device_type.name,
                "devices": list(devices) or None,
                "districts": list(districts) or None,
                "simulated": simulated,
            },
        )
        keys = [key for (key,) in found]
        rough = self._expectation(device_type, start, min(end, now), devices=len(keys))
        survey = self._from_readings if rough.resolution is Resolution.RAW else self._from_rollup
        asked = _Asked(device_type, keys, bool(devices or districts), limit, simulated)
        chosen, expected, received = await survey(rough, asked)
        fine = self._expectation(device_type, start, rough.end, devices=len(chosen)).resolution
        detail = replace(rough, resolution=fine)
        silences = await self._silences(detail, replace(asked, keys=[each.known.key for each in chosen]))
        return GapReport(
            resolution=fine,
            sources=tuple(dict.fromkeys(Source(device_type, each.resolution).name for each in (rough, detail))),
            start=rough.start,
            end=rough.end,
            widened=rough.start != start or rough.end > end,
            devices=len(keys),
            completeness=percent(received, expected),
            worst=[each.coverage(_gaps(detail, each.known, silences.get(each.known.key, []))) for each in chosen],
        )

    async def _from_readings(self, of: Expectation, asked: _Asked) -> tuple[list[Brought], int, int]:
        """Return those that lack most, and what was expected of all and received."""
        silences = await self._silences(of, asked)
        rows = await self._database.fetch(statement("expected_devices"), (list(asked.keys),))
        known = [Known(*row) for row in rows]
        every = [_brought(of, each, silences.get(each.key, [])) for each in known]
        return worst(every, asked.limit), sum(each.expected for each in every), sum(each.received for each in every)

    async def _from_rollup(self, of: Expectation, asked: _Asked) -> tuple[list[Brought], int, int]:
        """Return the same."""
        source = Source(asked.device_type, of.resolution)
        if not await self._is_there(source):
            return [], 0, 0
        expected = list(of.by_bucket())
        usual = mode(number for _, number in expected)
        odd = [(bucket, number) for bucket, number in expected if number != usual]
        rows = await self._database.fetch(
            source.worst(usual, [number for _, number in odd], devices=asked.some, simulated=asked.simulated),
            {
                "start": of.start,
                "end": of.end,
                "period": of.period,
                "simulated": asked.simulated,
                "keys": list(asked.keys),
                "limit": asked.limit,
                **{f"odd_{n}": bucket for n, (bucket, _) in enumerate(odd)},
            },
        )
        found = [Brought(Known(*row[:5]), row[5], row[6]) for row in rows]
        return found, rows[0][7] if rows else 0, rows[0][8] if rows else 0

    def _expectation(self, device_type: DeviceType, start: datetime, end: datetime, *, devices: int) -> Expectation:
        """Return what is expected in whole buckets of a resolution that so many devices allow, until now at most."""
        now = self._clock()
        there = reaching(self._kept(device_type), start, now)
        period = device_type.period
        resolution = finest(there, devices=devices, span=end - start, period=period, most=self._config.most_scanned)
        first, last = whole(resolution, start, end, self._config.zone)
        return Expectation(
            start=first, end=min(last, now), period=period, resolution=resolution, zone=self._config.zone
        )

    async def _silences(self, of: Expectation, asked: _Asked) -> dict[int, list[Spoken]]:
        """Return device -> what lies around its silences; a device that never spoke is absent."""
        source = Source(asked.device_type, of.resolution)
        if not await self._is_there(source):
            return {}
        rows = await self._database.fetch(
            source.silences(simulated=asked.simulated),
            {
                "start": of.start,
                "end": of.end,
                "simulated": asked.simulated,
                "keys": list(asked.keys),
                "apart": of.apart,
            },
        )
        return {key: [Spoken(*times) for _, *times in some] for key, some in groupby(rows, itemgetter(0))}

    async def _grown(
        self, source: Source, counter: Field, keys: Sequence[int], window: _Window, *, simulated: bool | None
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

    async def _is_there(self, source: Source) -> bool:
        """Whether the rollup exists; it does from the first device of its type on. Tables of readings always do."""
        if source.resolution is not Resolution.RAW and source.name not in self._there:
            self._there = {name for (name,) in await self._database.fetch(statement("rollups_there"))}
        return source.resolution is Resolution.RAW or source.name in self._there

    def _window(
        self,
        kept: Kept,
        start: datetime,
        end: datetime,
        period: timedelta,
        resolution: Resolution | None,
        points: int = POINTS,
    ) -> _Window:
        chosen = choose(
            kept, start=start, end=end, now=self._clock(), period=period, resolution=resolution, points=points
        )
        first, last = whole(chosen, start, end, self._config.zone)
        return _Window(resolution=chosen, start=first, end=last, widened=(first, last) != (start, end))

    def _kept(self, device_type: DeviceType, *, group: bool = False) -> Kept:
        """Return what there is to choose from: a view of the readings goes back as far as they do."""
        kept = self._config.kept(device_type)
        if group:
            levels = {Resolution(level.name) for level in rollups.GROUP_LEVELS}
            return {each: how for each, how in kept.items() if each in levels}
        views = {Resolution(level.name) for level in rollups.LEVELS if rollups.is_view(device_type, level)}
        return {each: kept[Resolution.RAW] if each in views else how for each, how in kept.items()}


def _group_lines(names: Sequence[str], rows: Sequence[Sequence[Any]], *, by_district: bool) -> Iterator[Line]:
    """Yield a line for each field: of each district that there is, or of all together."""
    found = {district: list(some) for district, some in groupby(rows, itemgetter(0))}
    for district, some in found.items() if by_district else [(None, rows)]:
        for n, name in enumerate(names):
            yield Line(field=name, district=district, points=list(group_points(some, n)))


def _gaps(of: Expectation, known: Known, spoken: Sequence[Spoken]) -> list[Gap]:
    return list(of.of(known, spoken[0].time if spoken else None).gaps(spoken))


def _brought(of: Expectation, known: Known, spoken: Sequence[Spoken]) -> Brought:
    """Return what a device brought: all that does not lie in a gap."""
    own = of.of(known, spoken[0].time if spoken else None)
    return brought(known, own.readings, own.readings - sum(gap.missing for gap in own.gaps(spoken)))


def _common(offers: Sequence[Kept]) -> Kept:
    """Return what is kept of all types, as long as of the one where it is kept shortest."""
    shared = set(offers[0]).intersection(*offers)
    lengths = {each: [how for offer in offers if (how := offer[each]) is not None] for each in shared}
    return {each: min(some) if some else None for each, some in lengths.items()}
