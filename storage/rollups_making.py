"""Makes the rollups of device types in use, and changes them with their device files.

Rules:

1. Whatever is there and fits stays. A new column is added in place; a view is made anew.
2. Days are made anew when the city's time zone changes, of the hours that are kept.
3. What is made over readings that are there already is filled at once on TimescaleDB (a continuous aggregate shows
   nothing before it is), and by the next hours to compute on plain PostgreSQL, as are groups on both.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.sql import SQL, Composed, Identifier

from model.device import DeviceType
from storage import rollups_groups as groups
from storage import rollups_select as select
from storage.connection import Connection, rows
from storage.rollups import DAY, GROUP_LEVELS, HOUR, MINUTE, QUARTER, Level, name, relation, statistics
from storage.rollups_plan import AGGREGATE, GROUP, VIEW, Made, Planned, plan
from storage.statements import statement
from storage.tables import table

_CHUNKS = {MINUTE: "3 days", QUARTER: "10 days", HOUR: "10 days", DAY: "1000 days"}
"""Up to a thousand buckets of a device in one chunk, which is what the columnstore puts into one batch; of hours less,
since a chunk goes there as a whole, and late."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, a line each, and what is to be filled with what is there already.

    ``fill``: these continuous aggregates, from fine to coarse; ``again``: every hour's other rollups.
    """

    done: tuple[str, ...] = ()
    fill: tuple[Level, ...] = ()
    again: bool = False


class Making:
    """Makes the rollups of one database."""

    def __init__(self, zone: str, *, timescaledb: bool) -> None:
        self._zone = zone
        self._timescaledb = timescaledb

    async def made(self, connection: Connection, device_type: DeviceType) -> dict[str, Made]:
        """Return the rollups of a type that are there, by name."""
        found = await rows(connection, statement("rollups_made"), (device_type.name,))
        return {name: Made(kind, source, zone) for name, kind, source, zone in found}

    def plan(self, device_type: DeviceType, made: Mapping[str, Made]) -> tuple[Planned, ...]:
        """Return the levels of a type."""
        return plan(device_type, made, timescaledb=self._timescaledb)

    async def make(self, connection: Connection, device_type: DeviceType) -> Outcome:
        """Bring all rollups of a type up to date."""
        async with connection.transaction():
            await connection.execute(statement("lock_schema"))
            made = await self.made(connection, device_type)
            names = [name(device_type.name, planned.level) for planned in self.plan(device_type, made)]
            names += [name(device_type.name, level, group=True) for level in GROUP_LEVELS]
            there: dict[str, set[str]] = {}
            for relation_name, column in await rows(connection, statement("rollup_columns"), (names,)):
                there.setdefault(relation_name, set()).add(column)
            done = await self._drop_unfit(connection, device_type, made, there)
            fill = []
            again = False
            for planned in self.plan(device_type, made):
                behind, lines = await self._fit(connection, device_type, planned, there)
                done += lines
                again |= behind and planned.kind != VIEW
                if behind and planned.kind == AGGREGATE:
                    fill.append(planned.level)
            for level in GROUP_LEVELS:
                behind, lines = await self._fit_group(connection, device_type, level, there)
                done += lines
                again |= behind
        return Outcome(tuple(done), tuple(fill), again=again)

    async def _drop_unfit(
        self,
        connection: Connection,
        device_type: DeviceType,
        made: dict[str, Made],
        there: dict[str, set[str]],
    ) -> list[str]:
        """Drop days of another time zone, and views that become more."""
        done = []
        for planned in reversed(self.plan(device_type, made)):
            known = name(device_type.name, planned.level)
            is_there = made.get(known)
            if is_there is None:
                continue
            other_days = planned.level is DAY and is_there.zone != self._zone
            if other_days or is_there.kind != planned.kind:
                await self._drop(connection, planned.level, device_type, is_there.kind)
                done.append(f"rollups.{known} is made anew: {'days of ' + self._zone if other_days else planned.kind}")
                del made[known]
                there.pop(known, None)
            if other_days:
                days = name(device_type.name, DAY, group=True)
                await connection.execute(SQL("drop table {}").format(relation(device_type.name, DAY, group=True)))
                there.pop(days, None)
        return done

    async def _drop(self, connection: Connection, level: Level, device_type: DeviceType, kind: str) -> None:
        words = {VIEW: "view", AGGREGATE: "materialized view"}.get(kind, "table")
        await connection.execute(SQL("drop {} {}").format(SQL(words), relation(device_type.name, level)))
        await connection.execute(statement("forget_rollup"), (name(device_type.name, level),))

    async def _fit(
        self, connection: Connection, device_type: DeviceType, planned: Planned, there: Mapping[str, set[str]]
    ) -> tuple[bool, list[str]]:
        """Make one level, or add what it lacks; return whether history is to be filled in, and what was done."""
        known = name(device_type.name, planned.level)
        wanted = select.columns(device_type)
        present = there.get(known)
        if present is None:
            await self._make(connection, device_type, planned)
            await self._remember(connection, device_type, known, planned)
            return True, [f"rollup rollups.{known}"]
        missing = [column for column in wanted if column not in present]
        if not missing:
            return False, []
        if planned.kind == VIEW:
            await connection.execute(SQL("drop view {}").format(relation(device_type.name, planned.level)))
            await self._make(connection, device_type, planned)
        else:
            await connection.execute(self._columns_added(device_type, planned, missing))
        return _told_before(device_type, missing, present), [f"columns of rollups.{known}: {', '.join(missing)}"]

    async def _make(self, connection: Connection, device_type: DeviceType, planned: Planned) -> None:
        target = relation(device_type.name, planned.level)
        if planned.kind == VIEW:
            await connection.execute(SQL("create view {} as {}").format(target, self._query(device_type, planned)))
        elif planned.kind == AGGREGATE:
            await connection.execute(
                SQL(
                    "create materialized view {} with (timescaledb.continuous, timescaledb.materialized_only = false,"
                    " timescaledb.create_group_indexes = false, timescaledb.chunk_interval = {}) as {} with no data"
                ).format(target, _CHUNKS[planned.level], self._query(device_type, planned))
            )
            await connection.execute(SQL("create index on {} (device, bucket)").format(target))
        else:
            await connection.execute(
                SQL("create table {} ({}, primary key (device, bucket, simulated))").format(
                    target, _typed(select.columns(device_type))
                )
            )
            if planned.level not in GROUP_LEVELS:
                await connection.execute(SQL("create index on {} (bucket)").format(target))
        if planned.kind != VIEW and planned.level in GROUP_LEVELS:
            # How complete all devices were in a range is read from this index alone.
            await connection.execute(SQL("create index on {} (bucket, device) include (readings)").format(target))

    def _query(self, device_type: DeviceType, planned: Planned) -> Composed:
        if planned.finer is None:
            return select.of_readings(device_type, planned.level, self._zone, timescaledb=self._timescaledb)
        return select.of_rollup(device_type, planned.finer, planned.level, self._zone, timescaledb=self._timescaledb)

    def _columns_added(self, device_type: DeviceType, planned: Planned, missing: Sequence[str]) -> Composed:
        types = select.columns(device_type)
        target = relation(device_type.name, planned.level)
        if planned.kind != AGGREGATE:
            return SQL("alter table {} {}").format(target, _added({column: types[column] for column in missing}))
        made = select.aggregates(device_type, of_finer=planned.finer is not None)
        return SQL("alter materialized view {} {}").format(
            target,
            SQL(", ").join(
                SQL("add column {} {} generated always as ({}) stored").format(
                    Identifier(column), SQL(types[column]), made[column]
                )
                for column in missing
            ),
        )

    async def _fit_group(
        self, connection: Connection, device_type: DeviceType, level: Level, there: Mapping[str, set[str]]
    ) -> tuple[bool, list[str]]:
        known = name(device_type.name, level, group=True)
        target = relation(device_type.name, level, group=True)
        wanted = groups.columns(device_type)
        present = there.get(known)
        if present is None:
            await connection.execute(
                SQL("create table {} ({}, primary key (bucket, district, simulated))").format(target, _typed(wanted))
            )
            values = (device_type.name, known, GROUP, HOUR.name, self._zone)
            await connection.execute(statement("remember_rollup"), values)
            return True, [f"rollup rollups.{known}"]
        missing = {column: kind for column, kind in wanted.items() if column not in present}
        if not missing:
            return False, []
        await connection.execute(SQL("alter table {} {}").format(target, _added(missing)))
        return _told_before(device_type, missing, present), [f"columns of rollups.{known}: {', '.join(missing)}"]

    async def _remember(self, connection: Connection, device_type: DeviceType, known: str, planned: Planned) -> None:
        values = (device_type.name, known, planned.kind, planned.source, self._zone)
        await connection.execute(statement("remember_rollup"), values)


async def reach(connection: Connection, device_type: DeviceType) -> tuple[datetime, datetime] | None:
    """Return the oldest and the newest event time of a type's readings; ``None`` without any."""
    query = SQL("select min(time), max(time) from {}").format(table(device_type.name))
    [(oldest, newest)] = await rows(connection, query)
    return None if oldest is None else (oldest, newest)


def _told_before(device_type: DeviceType, missing: Collection[str], present: Collection[str]) -> bool:
    """Whether a field that was summed up before gets more columns: of a field that is new, history says nothing."""
    return any(
        f"{field.name}_count" in present
        and any(statistic.column in missing for group in (False, True) for statistic in statistics(field, group=group))
        for field in device_type.fields
    )


def _added(columns: Mapping[str, str]) -> Composed:
    return SQL(", ").join(
        SQL("add column {} {}").format(Identifier(column), SQL(kind)) for column, kind in columns.items()
    )


def _typed(columns: Mapping[str, str]) -> Composed:
    fixed = {*select.FIXED, *groups.FIXED}
    return SQL(", ").join(
        SQL("{} {}{}").format(Identifier(column), SQL(kind), SQL(" not null" if column in fixed else ""))
        for column, kind in columns.items()
    )
