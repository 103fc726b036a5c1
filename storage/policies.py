"""How what is stored grows old: the columnstore and retention, by policies of TimescaleDB or by our own hand.

Rules:

1. On TimescaleDB the database does it, by its jobs; here they are made, and changed with the settings. A continuous
   aggregate is refreshed no farther back than what it is made of is kept.
2. On plain PostgreSQL parts for this month and the next are made ahead, and parts that are too old are dropped whole.
3. Rollups in tables lose the rows that are too old; what was remembered when history was decoded again goes with the
   readings and frames that it is about.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import LiteralString

from psycopg.sql import SQL, Identifier

from model.device import DeviceType
from storage import columnstore
from storage.connection import Connection, rows
from storage.partitions import UPLINK, drop_older, make_parts, month_of
from storage.retention import UpkeepConfig
from storage.rollups import DAY, GROUP_LEVELS, SCHEMA, name, relation
from storage.rollups_plan import AGGREGATE, TABLE, Planned, real
from storage.statements import statement

CLOSED = timedelta(hours=1)
"""A bucket is closed so long after its end."""
_ROLLUPS_COLUMNSTORE = timedelta(days=3)
"""Rows of one device then lie together: its month by hour is read in a tenth of the time."""
_EVERY = timedelta(hours=1)
_FIRST_MINUTE = 7
"""Policies refresh the finest level so many minutes after the hour, each coarser one as many later."""


class Policies:
    """The policies of one database."""

    def __init__(self, config: UpkeepConfig, *, timescaledb: bool) -> None:
        self._config = config
        self._timescaledb = timescaledb
        self._next: datetime | None = None

    async def of_type(
        self, connection: Connection, device_type: DeviceType, levels: Sequence[Planned]
    ) -> Sequence[str]:
        """Make a type's policies what the settings say; return what was changed."""
        if not self._timescaledb:
            return ()
        done = await self._uplink(connection)
        retention = self._config.of(device_type.name)
        readings = f"readings.{device_type.name}"
        done += await _chunks(connection, readings, columnstore.chunk(device_type))
        done += await _columnstore(connection, readings, self._config.columnstore, columnstore.READINGS)
        done += await _retention(connection, readings, retention.readings)
        ages = [retention.readings]
        for position, planned in enumerate(real(levels)):
            if planned.kind != AGGREGATE:
                continue
            known = f"{SCHEMA}.{name(device_type.name, planned.level)}"
            reach = min((age for age in ages if age is not None), default=None)
            done += await _refresh(connection, known, reach, _FIRST_MINUTE * (position + 1))
            if planned.level is not DAY:
                done += await _columnstore(connection, known, _ROLLUPS_COLUMNSTORE, columnstore.ROLLUP)
            kept = retention.rollup(planned.level.name)
            done += await _retention(connection, known, kept)
            ages.append(kept)
        return done

    async def round(
        self, connection: Connection, types: Mapping[str, Sequence[Planned]], now: datetime
    ) -> Sequence[str]:
        """Do by hand what no policy does, once an hour; return what was done."""
        if self._next is not None and now < self._next:
            return ()
        done: list[str] = []
        if not self._timescaledb:
            async with connection.transaction():
                await connection.execute(statement("lock_schema"))
                done += await self._parts(connection, types, now)
        for device_type, levels in types.items():
            retention = self._config.of(device_type)
            targets = [(planned.level, False) for planned in levels if planned.kind == TABLE]
            targets += [(level, True) for level in GROUP_LEVELS]
            for level, group in targets:
                age = retention.rollup(level.name)
                if age is not None:
                    await connection.execute(
                        SQL("delete from {} where bucket < %s").format(relation(device_type, level, group=group)),
                        (now - age,),
                    )
            if retention.readings is not None:
                await connection.execute(statement("forget_superseded"), (device_type, now - retention.readings))
        if self._config.uplink is not None:
            await connection.execute(statement("forget_moved"), (now - self._config.uplink,))
        self._next = now + _EVERY
        return done

    async def _uplink(self, connection: Connection) -> list[str]:
        uplink = "penfeld.uplink"
        done = await _chunks(connection, uplink, columnstore.UPLINK_CHUNK)
        done += await _columnstore(connection, uplink, self._config.uplink_columnstore, columnstore.UPLINK)
        done += await _retention(connection, uplink, self._config.uplink)
        return done

    async def _parts(self, connection: Connection, types: Iterable[str], now: datetime) -> list[str]:
        month = month_of(now)
        tables = [UPLINK, *sorted(types)]
        done = await make_parts(connection, [(table, month + ahead) for table in tables for ahead in (0, 1)])
        for table in tables:
            age = self._config.uplink if table == UPLINK else self._config.of(table).readings
            if age is not None:
                done += await drop_older(connection, table, now - age)
        return done


async def _chunks(connection: Connection, known: str, wanted: timedelta) -> list[str]:
    schema, _, table = known.partition(".")
    [(now,)] = await rows(connection, statement("chunk_interval"), {"schema": schema, "table": table})
    if now == wanted:
        return []
    await connection.execute(statement("set_chunk_interval"), {"name": known, "age": wanted})
    return [f"{known}: chunks of {wanted.days} d from now on"]


async def _columnstore(connection: Connection, known: str, wanted: timedelta, order: LiteralString) -> list[str]:
    now = (await _jobs(connection, known)).get("policy_compression")
    if now is not None and now[1] == wanted:
        return []
    if now is None:
        kind = SQL("materialized view" if known.startswith(f"{SCHEMA}.") else "table")
        await connection.execute(
            SQL(
                "alter {} {} set (timescaledb.enable_columnstore, timescaledb.segmentby = 'device',"
                " timescaledb.orderby = {})"
            ).format(kind, Identifier(*known.split(".")), order)
        )
    else:
        await connection.execute(statement("remove_columnstore"), {"name": known})
    await connection.execute(statement("add_columnstore"), {"name": known, "age": wanted})
    return [f"{known}: into the columnstore after {wanted}"]


async def _retention(connection: Connection, known: str, wanted: timedelta | None) -> list[str]:
    now = (await _jobs(connection, known)).get("policy_retention")
    if (now[0] if now else None) == wanted:
        return []
    if now is not None:
        await connection.execute(statement("remove_retention"), {"name": known})
    if wanted is not None:
        await connection.execute(statement("add_retention"), {"name": known, "age": wanted})
    return [f"{known}: kept {'for ever' if wanted is None else f'for {wanted}'}"]


async def _refresh(connection: Connection, known: str, reach: timedelta | None, minute: int) -> list[str]:
    now = (await _jobs(connection, known)).get("policy_refresh_continuous_aggregate")
    if now is not None and now[2:] == (reach, CLOSED):
        return []
    if now is not None:
        await connection.execute(statement("remove_refresh"), {"name": known})
    values = {"name": known, "age": reach, "closed": CLOSED, "minute": minute}
    await connection.execute(statement("add_refresh"), values)
    return [f"{known}: refreshed every hour{'' if reach is None else f', {reach} back'}"]


async def _jobs(connection: Connection, known: str) -> dict[str, tuple[timedelta | None, ...]]:
    schema, _, table = known.partition(".")
    return {row[0]: tuple(row[1:]) for row in await rows(connection, statement("jobs_of"), (schema, table))}
