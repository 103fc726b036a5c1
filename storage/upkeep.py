"""Keeps what is made of readings: one round makes rollups, computes changed hours again, applies retention.

Rules:

1. One process at a time: who does not get the lock does nothing, and says so.
2. Writers append to ``penfeld.changed_hour``. A round moves what it sees to ``penfeld.due_hour``, where each hour
   stands once until its rollups are computed: a round that is broken off loses nothing.
3. On TimescaleDB, closed hours are refreshed in the continuous aggregates, from fine to coarse; what is not closed they
   compute when they are asked. Policies of the database do the same every hour, also for what was changed by hand.
4. Rollups are made for types in use only: with a device, a reading, or a rollup already.
5. Hours older than what readings are kept are never computed again: what is gone would count as nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from psycopg import errors
from psycopg.sql import SQL

from model.device import DeviceType
from storage import narrow, reader
from storage import rollups_groups as groups
from storage import rollups_tables as tables
from storage.connection import Connection, Database, rows
from storage.migrate import TIMESCALEDB
from storage.policies import CLOSED, Policies
from storage.retention import UpkeepConfig
from storage.rollups import DAY, HOUR, Level, relation
from storage.rollups_making import Making, reach
from storage.rollups_plan import ONE_HOUR, TABLE, Planned, by_day, floor, following, merged, real
from storage.statements import statement
from storage.tables import engine, table

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round did. ``elsewhere``: another process is at it, nothing was done.

    ``made``: a line each; ``hours``: computed; ``left``: still to compute; ``too_old``: hours let go, since their
    readings are no longer kept.
    """

    elsewhere: bool = False
    made: tuple[str, ...] = ()
    hours: int = 0
    left: int = 0
    too_old: int = 0


class _Day(NamedTuple):
    """The unit of work: hours of a type within one local day."""

    device_type: DeviceType
    day: datetime
    hours: Sequence[datetime]


class Upkeep:
    """Upkeep of one database for these device types. ``clock`` tells which hours are closed, and what is too old."""

    def __init__(
        self, database: Database, types: Iterable[DeviceType], clock: Clock, config: UpkeepConfig | None = None
    ) -> None:
        self._database = database
        self._types = {device_type.name: device_type for device_type in types}
        self._clock = clock
        self._config = config or UpkeepConfig()
        self._zone = ZoneInfo(self._config.zone)
        self._timescaledb = False
        self._policies: Policies | None = None
        self._levels: dict[str, tuple[Planned, ...]] = {}
        self._looked = False

    async def round(self, *, enough: Callable[[], bool] = lambda: False) -> Round:
        """Do what there is to do, the newest hours first; stop between two days of a type when it is ``enough``.

        Raise ``UnavailableError`` when the database does not answer, ``ConfigError`` when it cannot be used.
        """
        if self._policies is None:
            self._timescaledb = await engine(self._database) == TIMESCALEDB
            self._policies = Policies(self._config, timescaledb=self._timescaledb)
        async with self._database.connection() as connection:
            [(ours,)] = await rows(connection, statement("lock_upkeep"))
            if not ours:
                return Round(elsewhere=True)
            try:
                began = self._clock()
                done = await self._round(connection, self._policies, enough)
                values = {"took": self._clock() - began, "hours": done.hours, "waiting": done.left}
                await connection.execute(statement("remember_round"), values)
                return done
            finally:
                if not connection.closed:
                    await connection.execute(statement("unlock_upkeep"))

    async def refresh(self, device_type: str, start: datetime | None, end: datetime) -> int:
        """Have a type's rollups computed again from ``start`` (``None``: the first reading) to before ``end``.

        The next rounds do it; return how many hours that are.
        """
        async with self._database.connection() as connection:
            span = await reach(connection, self._types[device_type])
            if span is None:
                return 0
            first = floor(HOUR, span[0] if start is None else max(start, span[0]), self._zone)
            last = floor(HOUR, min(end - timedelta(microseconds=1), span[1]), self._zone)
            values = {"device_type": device_type, "start": first, "last": last}
            await connection.execute(statement("make_due"), values)
        return max(0, (last - first) // ONE_HOUR + 1)

    async def _round(self, connection: Connection, policies: Policies, enough: Callable[[], bool]) -> Round:
        now = self._clock()
        made = list(await self._make(connection, policies, now))
        made += await policies.round(connection, self._levels, now)
        async with connection.transaction():
            await connection.execute(statement("take_changed_hours"))
        due, too_old = await self._due(connection, now)
        done = 0
        for device_type in {item.device_type.name for item in due} if self._timescaledb else ():
            some = [hour for item in due if item.device_type.name == device_type for hour in item.hours]
            blocked = await self._refresh_aggregates(connection, device_type, some, now)
            due = [_without(item, blocked) if item.device_type.name == device_type else item for item in due]
        due = [item for item in due if item.hours]
        for item in sorted(due, key=lambda item: (item.day < now - timedelta(days=1), item.day)):
            if enough():
                break
            async with connection.transaction():
                await self._compute(connection, item, now)
            done += len(item.hours)
        left = sum(len(item.hours) for item in due) - done
        return Round(made=tuple(made), hours=done, left=left, too_old=too_old)

    async def _make(self, connection: Connection, policies: Policies, now: datetime) -> Sequence[str]:
        """Make the rollups of types that are new in use, and fill them with what is there already."""
        used = {name for (name,) in await rows(connection, statement("types_in_use"))}
        if not self._looked:
            used |= {name for name in self._types.keys() - used if await _has_readings(connection, name)}
            self._looked = True
        making = Making(self._config.zone, timescaledb=self._timescaledb)
        before = set(self._levels)
        done: list[str] = []
        for name in sorted(used & self._types.keys() - self._levels.keys()):
            device_type = self._types[name]
            outcome = await making.make(connection, device_type)
            done += outcome.done
            levels = making.plan(device_type, await making.made(connection, device_type))
            span = await reach(connection, device_type) if outcome.again else None
            if span is not None:
                oldest, newest = self._kept(name, span[0], now), min(span[1], now)
                for level in outcome.fill:
                    await self._fill(connection, device_type, level, oldest, now)
                values = {
                    "device_type": name,
                    "start": floor(HOUR, oldest, self._zone),
                    "last": floor(HOUR, newest, self._zone),
                }
                await connection.execute(statement("make_due"), values)
            done += await policies.of_type(connection, device_type, levels)
            await reader.remember_kept(connection, device_type, self._config)
            self._levels[name] = levels
        if self._levels.keys() != before:
            async with connection.transaction():
                await connection.execute(statement("lock_schema"))
                await connection.execute(narrow.view([self._types[name] for name in sorted(self._levels)]))
        return done

    async def _due(self, connection: Connection, now: datetime) -> tuple[list[_Day], int]:
        """Return what is to be computed, and how many hours were let go."""
        hours: dict[str, list[datetime]] = {}
        for name, hour in await rows(connection, statement("due_hours")):
            hours.setdefault(name, []).append(hour)
        due = []
        let_go = 0
        for name in hours.keys() & self._levels.keys():
            device_type = self._types[name]
            age = self._config.of(name).readings
            old = [hour for hour in hours[name] if age is not None and hour < now - age]
            if old:
                await connection.execute(statement("hours_done"), (name, old))
                let_go += len(old)
            fresh = sorted(set(hours[name]) - set(old))
            due += [_Day(device_type, day, some) for day, some in by_day(fresh, self._zone).items()]
        return due, let_go

    async def _compute(self, connection: Connection, item: _Day, now: datetime) -> None:
        """Compute the tables of these hours and of their day, in one transaction."""
        await connection.execute(statement("plan_for_upkeep"))
        device_type, levels = item.device_type, self._levels[item.device_type.name]
        day_tables = []
        for planned in levels:
            if planned.kind == TABLE and planned.level is DAY:
                day_tables.append(planned)
            elif planned.kind == TABLE:
                refresh = tables.refresh(device_type, planned, self._config.zone)
                for start, end in merged(item.hours, HOUR, self._zone):
                    await connection.execute(refresh, {"start": start, "end": end})
        days = {item.day}
        windows = merged(item.hours, HOUR, self._zone)
        await self._fill_group_hours(connection, device_type, levels, windows)
        behind = await self._followers(connection, item, now)
        if behind:
            await self._fill_group_hours(connection, device_type, levels, merged(behind, HOUR, self._zone))
            days |= {floor(DAY, hour, self._zone) for hour in behind}
        for planned in day_tables:
            refresh = tables.refresh(device_type, planned, self._config.zone)
            await connection.execute(refresh, self._day(item.day))
        clear = groups.clear(device_type, DAY)
        fill = groups.fill_days(device_type, levels, self._config.zone, timescaledb=self._timescaledb)
        for day in sorted(days):
            await connection.execute(clear, self._day(day))
            await connection.execute(fill, self._day(day))
        await connection.execute(statement("hours_done"), (device_type.name, list(item.hours)))

    async def _fill_group_hours(
        self,
        connection: Connection,
        device_type: DeviceType,
        levels: Sequence[Planned],
        windows: Iterable[tuple[datetime, datetime]],
    ) -> None:
        clear = groups.clear(device_type, HOUR)
        fill = groups.fill_hours(device_type, levels, timescaledb=self._timescaledb)
        for start, end in windows:
            window = {"start": start, "end": end}
            await connection.execute(clear, window)
            await connection.execute(fill, window)

    async def _followers(self, connection: Connection, item: _Day, now: datetime) -> set[datetime]:
        """Return later hours in which counters' increase hangs on what these hours hold."""
        if not any(of.counter for of in item.device_type.fields):
            return set()
        found: set[datetime] = set()
        query = groups.followers(item.device_type)
        for _, end in merged(item.hours, HOUR, self._zone):
            if end <= now:
                found |= {hour for (hour,) in await rows(connection, query, {"end": end})}
        return found - set(item.hours)

    async def _refresh_aggregates(
        self, connection: Connection, name: str, hours: Sequence[datetime], now: datetime
    ) -> set[datetime]:
        """Refresh the continuous aggregates of closed hours; return the hours that somebody else refreshes just now."""
        device_type, levels = self._types[name], self._levels[name]
        closed = [hour for hour in hours if hour + ONE_HOUR <= now - CLOSED]
        if not closed:
            return set()
        try:
            for planned in real(levels):
                await self._refresh_level(connection, device_type, planned, closed, now)
        except errors.LockNotAvailable:  # a policy of the database is at it: the next round sees what it did
            return set(closed)
        return set()

    async def _refresh_level(
        self,
        connection: Connection,
        device_type: DeviceType,
        planned: Planned,
        hours: Sequence[datetime],
        now: datetime,
    ) -> None:
        level = planned.level
        oldest = self._oldest(device_type.name, planned, now)
        newest = floor(level, now - CLOSED, self._zone)
        size = DAY if level is DAY else HOUR  # of smaller buckets, an hour of them
        starts = {floor(size, hour, self._zone) for hour in hours}
        chosen = [
            start
            for start in starts
            if (oldest is None or start >= oldest) and following(size, start, self._zone) <= newest
        ]
        for start, end in merged(chosen, size, self._zone):
            await _refresh(connection, relation(device_type.name, level).as_string(), start, end)

    async def _fill(
        self, connection: Connection, device_type: DeviceType, level: Level, oldest: datetime, now: datetime
    ) -> None:
        """Fill a continuous aggregate with all that is there; an aggregate shows nothing before its newest refresh."""
        start, end = floor(level, oldest, self._zone), floor(level, now - CLOSED, self._zone)
        if start < end:
            await _refresh(connection, relation(device_type.name, level).as_string(), start, end, force=True)

    def _oldest(self, name: str, planned: Planned, now: datetime) -> datetime | None:
        """Return the first bucket of which all that it is made of is still kept."""
        retention = self._config.of(name)
        ages = [retention.readings]
        for finer in real(self._levels[name]):
            if finer.level is planned.level:
                break
            ages.append(retention.rollup(finer.level.name))
        known = [age for age in ages if age is not None]
        if not known:
            return None
        return following(planned.level, floor(planned.level, now - min(known), self._zone), self._zone)

    def _kept(self, name: str, time: datetime, now: datetime) -> datetime:
        age = self._config.of(name).readings
        return time if age is None else max(time, now - age + ONE_HOUR)

    def _day(self, day: datetime) -> dict[str, datetime]:
        return {"start": day, "end": following(DAY, day, self._zone)}


def _without(item: _Day, hours: set[datetime]) -> _Day:
    return item._replace(hours=[hour for hour in item.hours if hour not in hours]) if hours else item


async def _has_readings(connection: Connection, name: str) -> bool:
    [(there,)] = await rows(connection, SQL("select to_regclass({}) is not null").format(f"readings.{name}"))
    if not there:
        return False
    [(some,)] = await rows(connection, SQL("select exists (select from {})").format(table(name)))
    return bool(some)


async def _refresh(connection: Connection, name: str, start: datetime, end: datetime, *, force: bool = False) -> None:
    values = {"name": name, "start": start.astimezone(UTC), "end": end.astimezone(UTC), "force": force}
    await connection.execute(statement("refresh_aggregate"), values)
