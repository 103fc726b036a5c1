"""Who reads with SQL only: sees the schema ``grafana``, nothing else, and changes nothing."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from model.device import Kind
from model.errors import ConfigError
from model.retention import Retention
from storage import reader
from storage.connection import Database
from storage.registry import Registry
from storage.retention import UpkeepConfig
from storage.tables import prepare
from storage.upkeep import Upkeep
from storage.writer import Writer
from tests.integration.test_storage_dashboards import dashboards
from tests.unit.storage.batches import device_type, field
from tests.unit.storage.dashboard_promises import DAY, HOUR, LAMP, MIDNIGHT, MINUTE, NOW, TYPES, City, lamp

Rows = Sequence[tuple[Any, ...]]
PASSWORD = "made up 'for' a test"  # noqa: S105 -- of a database that is thrown away


@pytest.fixture
async def city(database: Database) -> City:
    """Return a city of which readings are kept for a month, and rollups of hours for a year."""
    await prepare(database, TYPES)
    kept = Retention({"readings": timedelta(days=30), "rollups_1h": timedelta(days=365)})
    upkeep = Upkeep(database, TYPES, lambda: NOW, UpkeepConfig(retention=kept))

    async def refresh() -> None:
        assert (await upkeep.round()).left == 0

    return City(
        sink=Writer(database, "worker-1"),
        registry=Registry(database),
        dashboards=lambda kept: dashboards(database, kept),
        refresh=refresh,
    )


@pytest.fixture
async def guest(database: Database, dsn: str, city: City) -> AsyncIterator[psycopg.Connection[Any]]:
    """Who logs in as the role."""
    del city
    await reader.let_log_in(database, PASSWORD)
    with psycopg.connect(make_conninfo(dsn, user=reader.ROLE, password=PASSWORD), autocommit=True) as connection:
        yield connection


def ask(guest: psycopg.Connection[Any], query: str, **values: object) -> Rows:
    return guest.execute(query.encode(), values).fetchall()


async def test_the_reader_sees_its_schema_and_nothing_else(guest: psycopg.Connection[Any], database: Database) -> None:
    """Each relation of the schema can be read; no table of any other schema of ours can."""
    ours = await database.fetch(
        SQL(
            "select n.nspname, c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace"
            " where c.relkind in ('r', 'p', 'v', 'm') and n.nspname not like 'pg\\_%%'"
            " and n.nspname not like '%%timescaledb%%' and n.nspname <> 'information_schema'"
        )
    )
    outside = 0
    for schema, name in ours:
        query = SQL("select 1 from {} limit 1").format(Identifier(schema, name))
        if schema == reader.SCHEMA:
            guest.execute(query)
            continue
        outside += 1
        with pytest.raises(errors.InsufficientPrivilege):
            guest.execute(query)
    assert outside > 20


@pytest.mark.parametrize(
    "command",
    [
        "insert into grafana.device (id) values ('x')",
        "update grafana.alarm set rule = 'x'",
        "delete from grafana.readings_lamp",
        "drop view grafana.device",
        "create table grafana.mine (n integer)",
        "create table public.mine (n integer)",
        "create schema mine",
        "select penfeld.nothing()",
        "select pg_read_file('/etc/hostname')",
        "copy grafana.device to program 'true'",
    ],
)
async def test_the_reader_changes_nothing(guest: psycopg.Connection[Any], command: str) -> None:
    """Not even if it turns off that its transactions only read."""
    guest.execute("set default_transaction_read_only = off")
    with pytest.raises(
        (
            errors.InsufficientPrivilege,
            errors.ObjectNotInPrerequisiteState,
            errors.FeatureNotSupported,
            errors.WrongObjectType,
        )
    ):
        guest.execute(command.encode())


async def test_the_reader_is_kept_from_what_takes_too_long(guest: psycopg.Connection[Any]) -> None:
    """The role has a limit of time for a statement, and reads only."""
    assert ask(guest, "show statement_timeout") == [("15s",)]
    assert ask(guest, "show transaction_read_only") == [("on",)]


async def test_a_view_follows_its_type(guest: psycopg.Connection[Any], database: Database) -> None:
    """A field more is a column more, at once; who saw the view before sees it still."""
    more = device_type("lamp", *LAMP.fields, field("volts", Kind.FLOAT, "V"))

    await prepare(database, [more])
    await prepare(database, [more])

    columns = guest.execute("select * from grafana.readings_lamp").description or ()
    assert [column.name for column in columns][-2:] == ["role", "volts"]
    assert ask(guest, "select title_fr from grafana.field where device_type = 'lamp' and name = 'volts'") == [
        ("Le volts",)
    ]


async def test_a_view_that_others_build_upon_stays(
    guest: psycopg.Connection[Any], database: Database, dsn: str
) -> None:
    """It is told what stands in the way; nothing else stops for it."""
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("create view public.mine as select * from grafana.readings_lamp")
    more = device_type("lamp", *LAMP.fields, field("volts", Kind.FLOAT, "V"))

    done = await prepare(database, [more])

    assert "view grafana.readings_lamp stays as it was: drop what depends on it, then migrate again" in done
    assert ask(guest, "select volts from grafana.latest_lamp") == []


async def test_a_user_who_may_make_no_roles_is_told(dsn: str, guest: psycopg.Connection[Any]) -> None:
    """The password of a role that is not ours to change: an error with what to do, no trace of a driver."""
    del guest
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("drop role if exists penfeld_poor")
        admin.execute("create role penfeld_poor login password 'x'")
        admin.execute("grant pg_read_all_data to penfeld_poor")
        try:
            async with Database(make_conninfo(dsn, user="penfeld_poor", password="x")) as poor:  # noqa: S106
                with pytest.raises(ConfigError, match="permission denied"):
                    await reader.let_log_in(poor, PASSWORD)
        finally:
            admin.execute("drop role penfeld_poor")


@pytest.mark.parametrize(
    ("since", "lasts", "interval_ms", "level"),
    [
        ("1 day", "6 hours", 10_000, "raw"),
        ("20 days", "20 days", 3_600_000, "1h"),
        ("20 days", "20 days", 3_599_999, "raw"),
        ("300 days", "300 days", 86_400_000, "1d"),
        ("40 days", "1 day", 10_000, "1h"),  # the readings are gone: the finest that is left
        ("3000 days", "1 day", 10_000, "1d"),
        ("300 days", "300 days", 1, "1h"),  # no more than 4,000 points, whatever is asked for
    ],
)
async def test_the_rollup_that_fits_is_taken(
    guest: psycopg.Connection[Any], city: City, since: str, lasts: str, interval_ms: int, level: str
) -> None:
    """As coarse as a point of the chart, and as far back as it is asked for."""
    await city.hear([lamp("a")], [("a", MIDNIGHT, {"power_w": 4.0})])

    found = ask(
        guest,
        "select grafana.level('lamp', now() - %(since)s::interval, now() - %(since)s::interval + %(lasts)s::interval,"
        " %(interval)s)",
        since=since,
        lasts=lasts,
        interval=interval_ms,
    )

    assert found == [(level,)]


SERIES = (
    "select time, value, low, high from grafana.series('lamp', %(field)s, '{a}', %(since)s, %(until)s, %(interval)s)"
)


async def test_a_curve_is_the_same_from_readings_and_rollups(guest: psycopg.Connection[Any], city: City) -> None:
    """Of a value its mean, lowest and highest; of a counter what it grew; of a state the share of the time."""
    said = [
        ("a", MIDNIGHT + n * 15 * MINUTE, {"power_w": float(n), "energy_kwh": 2.0 * n, "lamp_on": n % 4 == 0})
        for n in range(-4, 96)
    ]
    await city.hear([lamp("a")], said)

    def curve(field: str, interval_ms: int) -> Rows:
        values = {"since": MIDNIGHT, "until": MIDNIGHT + DAY, "interval": interval_ms}
        return ask(guest, SERIES, field=field, **values)

    fine = ask(guest, SERIES, field="power_w", since=NOW - HOUR, until=NOW, interval=1000)
    hours = curve("power_w", 3_600_000)

    assert fine == []
    assert hours[0] == (MIDNIGHT, 1.5, 0.0, 3.0)
    assert len(hours) == 24
    assert [row[1] for row in curve("energy_kwh", 3_600_000)] == [8.0] * 24
    assert {row[1] for row in curve("lamp_on", 3_600_000)} == {0.25}


async def test_districts_are_summed_up_by_hour_and_by_day(guest: psycopg.Connection[Any], city: City) -> None:
    """A mean is of all readings; what counters grew is of all devices; districts and experiments are chosen."""
    await city.hear(
        [lamp("a"), lamp("b"), lamp("c", "Bellevue")],
        [
            (name, MIDNIGHT + n * HOUR, {"power_w": power + n, "energy_kwh": 10.0 * n})
            for name, power in (("a", 1.0), ("b", 3.0), ("c", 100.0))
            for n in range(3)
        ],
    )
    query = (
        "select time, district, value, increase, devices from grafana.by_district('lamp', %(field)s, %(districts)s,"
        " %(experiments)s, %(since)s, %(until)s, %(interval)s)"
    )
    values = {"since": MIDNIGHT, "until": MIDNIGHT + DAY, "interval": 3_600_000.0, "experiments": ["*"]}

    every = ask(guest, query, field="power_w", districts=["*"], **values)
    energy = ask(guest, query, field="energy_kwh", districts=["Europe"], **values)
    none = ask(guest, query, field="power_w", districts=["*"], **{**values, "experiments": ["that is not"]})
    alone = ask(guest, query, field="power_w", districts=["*"], **{**values, "experiments": [""]})

    assert every[:2] == [(MIDNIGHT, "Bellevue", 100.0, None, 1), (MIDNIGHT, "Europe", 2.0, None, 2)]
    assert [row[3] for row in energy] == [0.0, 20.0, 20.0]
    assert none == []
    assert [row[:3] for row in alone] == [row[:3] for row in every]


@pytest.mark.parametrize(
    ("field", "says"),
    [("nothing", 'device type "lamp" has no field "nothing"'), ("role", 'field "role" of "lamp" is a text')],
)
async def test_a_curve_of_nothing_says_what_to_do(guest: psycopg.Connection[Any], field: str, says: str) -> None:
    """The error names type and field, and where to look; a name with quotes in it is a name."""
    with pytest.raises(errors.RaiseException, match=says) as error:
        ask(guest, SERIES, field=field, since=NOW - HOUR, until=NOW, interval=1.0)
    assert "grafana." in str(error.value.diag.message_hint)
    with pytest.raises(errors.RaiseException, match="has no field"):
        ask(guest, SERIES, field="x'); drop table penfeld.device; --", since=NOW - HOUR, until=NOW, interval=1.0)
