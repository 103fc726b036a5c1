"""The schema: migrations and the tables of device types, on every engine."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs
from psycopg.sql import SQL

from model.device import Kind
from model.errors import ConfigError
from storage.connection import Database
from storage.migrate import migrate, migrations
from storage.queries import Queries
from storage.registry import Registry
from storage.tables import prepare
from storage.writer import Writer
from tests.integration.fix_database import Cluster
from tests.unit.storage.batches import HOUR, METER, NOON, PROBE, Builder, device, field


async def test_migrating_twice_applies_nothing_the_second_time(cluster: Cluster, empty_dsn: str) -> None:
    """A second migration finds all done."""
    async with Database(empty_dsn) as database:
        first = await migrate(database)
        second = await migrate(database)

    assert first == tuple(f"{step.number:04d}_{step.name}" for step in migrations(cluster.engine))
    assert second == ()


async def test_processes_that_start_at_once_migrate_once(cluster: Cluster, empty_dsn: str) -> None:
    """Several first starts at the same moment wait for each other; one of them does the work."""
    async with Database(empty_dsn, max_size=4) as database:
        done = await asyncio.gather(*(migrate(database) for _ in range(4)))
        made = await asyncio.gather(*(prepare(database, [PROBE, METER]) for _ in range(4)))

    assert sorted(map(len, done)) == [0, 0, 0, len(migrations(cluster.engine))]
    assert sorted(map(len, made)) == [0, 0, 0, 2]


async def test_the_engine_is_the_best_that_the_server_has(database: Database, cluster: Cluster) -> None:
    """With TimescaleDB raw frames and readings are hypertables; without, they are partitioned, under the same names."""
    await prepare(database, [PROBE])

    kinds = await database.fetch(
        SQL("select relkind::text from pg_class where oid in ('penfeld.uplink'::regclass, 'readings.probe'::regclass)")
    )
    facts = await Queries(database).facts()

    if cluster.engine == "timescaledb":
        assert kinds == [("r",), ("r",)]
        hypertables = SQL(
            "select hypertable_schema, hypertable_name from timescaledb_information.hypertables order by 1"
        )
        assert await database.fetch(hypertables) == [("penfeld", "uplink"), ("readings", "probe")]
        assert facts.timescaledb_version
    else:
        assert kinds == [("p",), ("p",)]
        assert facts.timescaledb_version is None


async def test_a_changed_migration_is_refused(database: Database) -> None:
    """A step whose file is not what was applied stops the start, and says which."""
    await database.fetch(SQL("update penfeld.migration set checksum = 'x' where number = 1 returning 1"))

    with pytest.raises(ConfigError, match="0001_foundation was changed after it was applied"):
        await migrate(database)


async def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    """An old program does not touch what it does not know."""
    await database.fetch(
        SQL("insert into penfeld.migration values (99, 'future', 'x', 'postgresql', now()) returning 1")
    )

    with pytest.raises(ConfigError, match="0099 is newer than this Penfeld: update Penfeld"):
        await migrate(database)


async def test_a_database_without_our_tables_says_what_to_do(empty_dsn: str) -> None:
    """Whatever is asked of a database that nobody migrated: one line with the command."""
    async with Database(empty_dsn) as database:
        for ask in (
            prepare(database, [PROBE]),
            Queries(database).ledger(),
            Registry(database).devices(),
            Writer(database, "w").write(Builder({}).aside(b"x").build()),
        ):
            with pytest.raises(ConfigError, match="penfeld db migrate"):
                await ask


async def test_columns_say_unit_and_titles(database: Database) -> None:
    """Each column's comment has both titles and the unit; the table's comment has the type's titles."""
    await prepare(database, [PROBE])

    [(column, table)] = await database.fetch(
        SQL("select col_description('readings.probe'::regclass, 7), obj_description('readings.probe'::regclass)")
    )

    assert column == "The power_w | Le power_w [W]"
    assert table == "Probe | Sonde"


async def test_a_new_field_is_a_new_column(database: Database) -> None:
    """A field added to a device file fills from then on; a field that is retired leaves its column."""
    await prepare(database, [PROBE])
    registry, writer = Registry(database), Writer(database, "w")
    await registry.register([device("lamp-1")])
    refs = await registry.identify(["lamp-1"])
    await writer.write(Builder(refs).frame("lamp-1", NOON, {"power_w": 1.5}).build())
    fields = (*PROBE.fields[1:], field("voltage_v", Kind.FLOAT, "V"))
    wider = replace(PROBE, fields=fields, retired=("power_w",))

    made = await prepare(database, [wider])
    batch = Builder(refs).frame("lamp-1", NOON + HOUR, {"power_w": 2.5}).build()
    batch.readings[0].columns["voltage_v"] = batch.readings[0].columns.pop("power_w")
    await writer.write(batch)

    assert made == ("column readings.probe.voltage_v",)
    assert await prepare(database, [wider]) == ()
    rows = await Queries(database).readings(wider, fields=["voltage_v"])
    assert [row.values for row in rows.rows] == [{"voltage_v": None}, {"voltage_v": 2.5}]
    old = await Queries(database).readings(PROBE, fields=["power_w"])
    assert [row.values for row in old.rows] == [{"power_w": 1.5}, {"power_w": None}]


async def test_a_field_that_is_gone_is_refused_with_the_line_to_add(database: Database) -> None:
    """A field whose column has values does not go by mistake; one that never had any may."""
    await prepare(database, [PROBE])
    registry, writer = Registry(database), Writer(database, "w")
    await registry.register([device("lamp-1")])
    refs = await registry.identify(["lamp-1"])
    await writer.write(Builder(refs).frame("lamp-1", NOON, {"power_w": 1.5}).build())
    renamed = replace(PROBE, fields=(field("active_power_w", Kind.FLOAT, "W"), PROBE.fields[2]), retired=("steps",))

    with pytest.raises(ConfigError) as caught:
        await prepare(database, [renamed])

    assert caught.value.problems == (
        (
            "device type probe: field power_w is gone from probe.toml, but readings have values of it: bring it back,"
            ' or add the lines `[storage]` and `retired = ["steps", "power_w"]` (the column and its history stay; a'
            " renamed field is a new one)"
        ),
    )
    assert await prepare(database, [replace(renamed, retired=("steps", "power_w"))]) == (
        "column readings.probe.active_power_w",
    )


async def test_a_field_of_another_kind_is_refused_with_the_way_to_do_it(database: Database) -> None:
    """All such fields are named at once, nothing is changed, and the message says what to do."""
    await prepare(database, [PROBE, METER])
    fields = (field("power_w", Kind.INT), field("role", Kind.BOOL), field("new_v", Kind.FLOAT))

    with pytest.raises(ConfigError) as caught:
        await prepare(database, [replace(PROBE, fields=fields), METER])

    first, second = caught.value.problems
    assert "probe: field power_w is int (bigint)" in first
    assert "its column holds double precision: give the field a new name" in first
    assert "role" in second
    assert await prepare(database, [PROBE]) == ()


async def test_names_that_are_no_columns_are_refused(database: Database) -> None:
    """A field named like one of our own columns, or not like a name, cannot be stored; nor can such a type."""
    bad = replace(
        PROBE,
        name="Probe; drop table x",
        fields=(field("time", Kind.INT), field('a"b', Kind.INT), field("x" * 64, Kind.INT)),
    )

    with pytest.raises(ConfigError) as caught:
        await prepare(database, [bad])

    assert len(caught.value.problems) == 4


async def test_names_of_sql_are_good_names(database: Database) -> None:
    """A type and fields named like words of SQL are quoted wherever they stand."""
    odd = replace(METER, name="select", fields=(field("order", Kind.FLOAT), field("user", Kind.TEXT)))
    await prepare(database, [odd])
    registry = Registry(database)
    await registry.register([device("d", type_="select")])
    batch = Builder({}).build()
    refs = await registry.identify(["d"])
    source = Builder({"d": replace(refs["d"], type="meter")}).frame("d", NOON, {"power_w": 1.5}).build()
    column = source.readings[0].columns.pop("power_w")
    source.readings[0].columns["order"] = column
    source.readings[0].device_type = "select"
    batch.frames = [structs.replace(source.frames[0], device_type="select")]
    batch.readings = source.readings

    await Writer(database, "w").write(batch)
    await Writer(database, "w").write(batch)

    rows = (await Queries(database).readings(odd)).rows
    assert [row.values for row in rows] == [{"order": 1.5, "user": None}]
    assert (await registry.purge_simulated())["readings.select"] == 0


async def test_readings_of_any_month_find_their_place(database: Database) -> None:
    """Late by years or early by months: the part of the table that a time needs is made before it is written."""
    await prepare(database, [PROBE])
    registry = Registry(database)
    await registry.register([device("lamp-1")])
    batch = Builder(await registry.identify(["lamp-1"]))
    times = [NOON + timedelta(days=days) for days in (-4000, -400, -31, 0, 31, 200)]
    for time in times:
        batch.frame("lamp-1", time, {"steps": 1})
    batch.frame("lamp-1", NOON, [(NOON - timedelta(days=500), {"steps": 2})], payload=b"log")

    written = await Writer(database, "w").write(batch.build())

    assert len(written.stored) == 7
    rows = (await Queries(database).readings(PROBE)).rows
    assert [row.time for row in rows] == sorted([*times, NOON - timedelta(days=500)])


async def test_a_part_dropped_by_somebody_else_is_made_again(database: Database, cluster: Cluster) -> None:
    """A writer that remembers a part which retention has dropped makes it again, and loses nothing."""
    if cluster.engine == "timescaledb":
        pytest.skip("TimescaleDB makes its chunks itself")
    await prepare(database, [PROBE])
    registry, writer = Registry(database), Writer(database, "w")
    await registry.register([device("lamp-1")])
    refs = await registry.identify(["lamp-1"])
    await writer.write(Builder(refs).frame("lamp-1", NOON, {"steps": 1}).build())
    async with database.connection() as connection:
        await connection.execute(SQL("drop table partitions.probe_2026_07, partitions._uplink_2026_07"))

    written = await writer.write(Builder(refs).frame("lamp-1", NOON + HOUR, {"steps": 2}).build())

    assert written.stored == (0,)
