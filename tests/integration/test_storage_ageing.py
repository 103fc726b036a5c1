"""What is stored grows old: columnstore, retention, parts, and fields that come later, on every engine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.sql import SQL

from model.device import DeviceType, Kind
from model.retention import Retention
from storage.connection import Connection, Database, rows
from storage.migrate import TIMESCALEDB
from storage.registry import Registry
from storage.retention import UpkeepConfig
from storage.rollups import DAY, GROUP_LEVELS, HOUR, LEVELS
from storage.tables import engine, prepare
from storage.upkeep import Upkeep
from storage.writer import Writer
from tests.integration.rollup_days import SLOW, city, clock, plain, plain_group, stored, write
from tests.integration.test_storage_lifecycle import DISTRICTS, SPRING, days_of
from tests.unit.storage.batches import NOON, PROBE, Builder, device, field

LONG_AFTER = NOON + timedelta(days=30)
TIMESCALE_ONLY = "TimescaleDB alone has a columnstore"


async def compressed(connection: Connection, table: str) -> int:
    """Put all chunks of a hypertable into the columnstore; return how many there are."""
    chunks = await rows(connection, SQL("select show_chunks(%s::regclass)::text"), (table,))
    for (chunk,) in chunks:
        await connection.execute("call convert_to_columnstore(%s::regclass, if_not_columnstore => true)", (chunk,))
    return len(chunks)


async def only_timescaledb(database: Database) -> None:
    """Skip the other engine."""
    if await engine(database) != TIMESCALEDB:
        pytest.skip(TIMESCALE_ONLY)


async def total(database: Database, query: str, *values: datetime) -> object:
    """Return the one value that a query gives."""
    async with database.connection() as connection:
        cursor = await connection.execute(query.encode(), values)
        row = await cursor.fetchone()
    return row and row[0]


async def test_columnstore_takes_late_and_repeated_frames(database: Database) -> None:
    """Chunks in the columnstore take late frames, know a frame that comes again, and fill what a reading lacked."""
    await only_timescaledb(database)
    await prepare(database, [PROBE])
    registry, writer = Registry(database), Writer(database, "w")
    await registry.register([device("lamp-1"), device("lamp-2")])
    refs = await registry.identify(["lamp-1", "lamp-2"])
    first = Builder(refs)
    for number in range(100):
        first.frame(
            "lamp-1", NOON + timedelta(minutes=number), {"power_w": number / 8}, f_cnt=number, payload=b"%d" % number
        )
    await writer.write(first.build())
    await Upkeep(database, [PROBE], clock(LONG_AFTER)).round()
    async with database.connection() as connection:
        assert await compressed(connection, "readings.probe") == 1
        assert await compressed(connection, "penfeld.uplink") == 1

    again = await writer.write(first.build())
    late = Builder(refs)
    late.frame("lamp-1", NOON + timedelta(seconds=30), {"power_w": 1.5}, f_cnt=1000, payload=b"late")
    late.frame("lamp-1", NOON + timedelta(minutes=7), {"steps": 7}, f_cnt=1001, payload=b"fills")
    late.frame("lamp-2", NOON, {"power_w": 2.5}, f_cnt=1, payload=b"other")
    written = await writer.write(late.build())

    assert (again.stored, again.duplicates) == ((), 100)
    assert (len(written.stored), written.duplicates) == (3, 0)
    assert await total(database, "select count(*) from penfeld.uplink") == 103
    assert await total(database, "select count(*) from readings.probe") == 102
    filled = "select (power_w, steps)::text from readings.probe where time = %s"
    assert await total(database, filled, NOON + timedelta(minutes=7)) == "(0.875,7)"


async def test_rollups_of_the_columnstore(database: Database) -> None:
    """Readings and rollups in the columnstore are refreshed when late readings come."""
    await only_timescaledb(database)
    await city(database, SLOW)
    readings = days_of(SPRING, timedelta(minutes=15), hours=48, seed=7)
    late = [r for r in readings if r["time"].hour in {3, 4}]
    upkeep = Upkeep(database, [SLOW], clock(SPRING + timedelta(days=60)))
    await write(database, SLOW, [r for r in readings if r not in late])
    await upkeep.round()
    async with database.connection() as connection:
        for table in ("readings.meter", "rollups.meter_1h", "rollups.meter_1d"):
            await connection.execute("alter materialized view rollups.meter_1d set (timescaledb.enable_columnstore)")
            assert await compressed(connection, table) > 0

    await write(database, SLOW, late)
    await upkeep.round()

    await _same(database, SLOW, readings)


def keeping(**ages: int) -> UpkeepConfig:
    """Return settings that keep for so many days."""
    return UpkeepConfig(retention=Retention({key: timedelta(days=days) for key, days in ages.items()}))


async def jobs(database: Database) -> dict[tuple[str, str], Any]:
    """Return the policies: (table, kind) -> the age it goes by."""
    async with database.connection() as connection:
        found = await rows(
            connection,
            SQL(
                "select hypertable_schema || '.' || hypertable_name, proc_name, coalesce(config ->> 'drop_after',"
                " config ->> 'compress_after', config ->> 'start_offset') from timescaledb_information.jobs"
                " where hypertable_name is not null"
            ),
        )
    return {(table, kind.removeprefix("policy_")): age for table, kind, age in found}


async def test_policies_follow_the_settings(database: Database) -> None:
    """Retention and columnstore are the database's own policies, which change with the settings at the next start."""
    await only_timescaledb(database)
    await city(database, SLOW)

    await Upkeep(database, [SLOW], clock(SPRING), keeping(readings=90, rollups_1h=400)).round()
    before = await jobs(database)
    kept = keeping(readings=30)
    await Upkeep(database, [SLOW], clock(SPRING), replace(kept, uplink=timedelta(days=60))).round()
    after = await jobs(database)

    assert before == {
        ("penfeld.uplink", "compression"): "2 days",
        ("readings.meter", "compression"): "7 days",
        ("readings.meter", "retention"): "90 days",
        ("rollups.meter_1h", "refresh_continuous_aggregate"): "90 days",
        ("rollups.meter_1h", "compression"): "3 days",
        ("rollups.meter_1h", "retention"): "400 days",
        ("rollups.meter_1d", "refresh_continuous_aggregate"): "90 days",
    }
    del before["rollups.meter_1h", "retention"]
    assert after == {
        **before,
        ("penfeld.uplink", "retention"): "60 days",
        ("readings.meter", "retention"): "30 days",
        ("rollups.meter_1h", "refresh_continuous_aggregate"): "30 days",
        ("rollups.meter_1d", "refresh_continuous_aggregate"): "30 days",
    }


async def test_rollups_outlive_their_readings(database: Database) -> None:
    """Readings go when they are too old, their rollups stay; what comes later than that changes no rollup."""
    await city(database, SLOW)
    readings = days_of(SPRING, timedelta(minutes=15), hours=24, seed=8)
    await write(database, SLOW, readings)
    await Upkeep(database, [SLOW], clock(SPRING + timedelta(days=2))).round()
    much_later = SPRING + timedelta(days=100)
    upkeep = Upkeep(database, [SLOW], clock(much_later), keeping(readings=50))

    await upkeep.round()
    if await engine(database) == TIMESCALEDB:  # its policy goes by the wall clock
        async with database.connection() as connection:
            await connection.execute("select drop_chunks('readings.meter', %s)", (much_later - timedelta(days=50),))
    await write(database, SLOW, [r for r in readings if r["time"].hour == 3])
    done = await upkeep.round()

    assert done.too_old == 1
    assert await total(database, "select count(*) from readings.meter") == len(
        [r for r in readings if r["time"].hour == 3]
    )
    for level in (HOUR, DAY):
        assert plain(SLOW, level, readings) == await stored(database, SLOW, level), level
        assert plain_group(SLOW, level, readings, DISTRICTS) == await stored(database, SLOW, level, group=True)


async def test_what_history_said_before_grows_old_with_it(database: Database) -> None:
    """Values that a run replaced go when such readings do, and that frames were moved when such frames do."""
    await city(database, SLOW)
    async with database.connection() as connection:
        for age in (10, 40, 70):
            time = SPRING - timedelta(days=age)
            await connection.execute(
                "insert into penfeld.superseded values ('meter', 1, %s, 1, false, now(), 1, '{}')", (time,)
            )
            await connection.execute("insert into penfeld.moved values (1, 1, %s, 'a', %s, 'a')", (time, time))

    await Upkeep(database, [SLOW], clock(SPRING), replace(keeping(readings=50), uplink=timedelta(days=30))).round()

    assert await total(database, "select count(*) from penfeld.superseded") == 2
    assert await total(database, "select count(*) from penfeld.moved") == 1


async def test_parts_ahead(database: Database) -> None:
    """On plain PostgreSQL there are parts for this month and the next before anything needs them; old ones go."""
    if await engine(database) == TIMESCALEDB:
        pytest.skip("TimescaleDB makes its chunks itself")
    await city(database, SLOW)
    await write(database, SLOW, [{"device": 1, "time": datetime(2025, month, 5, tzinfo=UTC)} for month in (11, 12)])
    upkeep = Upkeep(database, [SLOW], clock(datetime(2025, 12, 31, tzinfo=UTC)), keeping(readings=30))

    await upkeep.round()

    parts = (
        "select string_agg(relname, ' ' order by relname) from pg_class"
        " where relnamespace = 'partitions'::regnamespace and relkind = 'r'"
    )
    assert await total(database, parts) == "_uplink_2025_12 _uplink_2026_01 meter_2025_12 meter_2026_01"


async def test_rollups_of_a_new_field(database: Database) -> None:
    """A field that a device file gets later has its columns in all rollups, and their history stays."""
    await city(database, SLOW)
    upkeep = Upkeep(database, [SLOW], clock(SPRING + timedelta(days=3)))
    readings = days_of(SPRING, timedelta(minutes=15), hours=24, seed=9)
    await write(database, SLOW, readings)
    await upkeep.round()
    new = replace(field("water_m3", Kind.FLOAT, "m3"), counter=True)
    wider = replace(SLOW, fields=(*SLOW.fields, new))
    await prepare(database, [wider])
    more = [
        {**r, "water_m3": n / 8}
        for n, r in enumerate(days_of(SPRING + timedelta(hours=30), timedelta(minutes=15), hours=6, seed=10))
    ]
    await write(database, wider, more)

    done = await Upkeep(database, [wider], clock(SPRING + timedelta(days=3))).round()

    assert any("water_m3_delta" in line for line in done.made)
    both = [*readings, *more]
    for level in LEVELS:
        assert _without_zeros(plain(wider, level, both)) == _without_zeros(await stored(database, wider, level)), level


def _without_zeros(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out that nothing was counted: of a field that was not there yet, a rollup says nothing at all."""
    return [{name: value for name, value in row.items() if value not in (None, 0)} for row in found]


async def test_a_field_becomes_a_counter(database: Database) -> None:
    """When a field is called a counter later on, rollups tell its increase for all readings that are there."""
    before = replace(SLOW, fields=tuple(replace(f, counter=f.counter and f.name != "pulses") for f in SLOW.fields))
    await city(database, before)
    readings = days_of(SPRING, timedelta(minutes=15), hours=24, seed=11)
    await write(database, SLOW, readings)
    at = clock(SPRING + timedelta(days=3))
    await Upkeep(database, [before], at).round()

    await Upkeep(database, [SLOW], at).round()

    await _same(database, SLOW, readings)


async def test_another_time_zone(database: Database) -> None:
    """When the city's time zone changes, days are made anew of the hours that are kept."""
    await city(database, SLOW)
    readings = days_of(SPRING, timedelta(minutes=15), hours=48, seed=12)
    await write(database, SLOW, readings)
    at = clock(SPRING + timedelta(days=5))
    await Upkeep(database, [SLOW], at, UpkeepConfig(zone="Indian/Reunion")).round()
    assert plain(SLOW, DAY, readings) != await stored(database, SLOW, DAY)

    await Upkeep(database, [SLOW], at).round()

    await _same(database, SLOW, readings)


async def _same(database: Database, of: DeviceType, readings: list[dict[str, Any]]) -> None:
    def ordered(found: list[dict[str, Any]]) -> list[list[tuple[str, Any]]]:
        return [sorted(row.items()) for row in found]

    for level in LEVELS:
        assert ordered(plain(of, level, readings)) == ordered(await stored(database, of, level)), level
    for level in GROUP_LEVELS:
        expected = plain_group(of, level, readings, DISTRICTS)
        assert ordered(expected) == ordered(await stored(database, of, level, group=True)), level


async def test_simulated_rollups_go(database: Database) -> None:
    """With simulated devices go their rollups, also those whose readings are no longer kept."""
    await city(database, SLOW)
    readings = days_of(SPRING, timedelta(minutes=15), hours=24, seed=13)
    await write(database, SLOW, readings)
    upkeep = Upkeep(database, [SLOW], clock(SPRING + timedelta(days=100)), keeping(readings=50))
    await Upkeep(database, [SLOW], clock(SPRING + timedelta(days=2))).round()
    await upkeep.round()
    if await engine(database) == TIMESCALEDB:
        async with database.connection() as connection:
            await connection.execute("select drop_chunks('readings.meter', %s)", (SPRING + timedelta(days=50),))

    await Registry(database).purge_simulated()
    await upkeep.round()

    real = [r for r in readings if not r["simulated"]]
    for level in (HOUR, DAY):
        assert plain(SLOW, level, real) == await stored(database, SLOW, level), level
        assert plain_group(SLOW, level, real, DISTRICTS) == await stored(database, SLOW, level, group=True), level
