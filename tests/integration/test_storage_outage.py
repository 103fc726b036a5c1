"""When the database is not there, wrong, or goes away: one clear line, nothing half-written, and on it goes."""

import asyncio
import getpass
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Literal

from model.errors import ConfigError, PenfeldError, UnavailableError, WriteRejectedError
from storage.connection import Database
from storage.migrate import migrate
from storage.queries import Queries
from storage.registry import Registry
from storage.tables import prepare
from storage.writer import Writer
from tests.integration.fix_database import Cluster, Embedded, admin, blocked
from tests.unit.storage.batches import HOUR, NOON, PROBE, Builder, device

RIGHT, WRONG = "right", "wrong"


@pytest.fixture(scope="module")
def mortal() -> Iterator[Embedded]:
    """Start a server that the tests here may stop."""
    with tempfile.TemporaryDirectory(prefix="penfeld-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = Embedded(Path(folder) / "mortal")
        yield server
        server.stop()


async def test_a_stopped_database_is_unavailable_and_works_again_after_its_start(mortal: Embedded) -> None:
    """Whoever asks during the outage is told so, quickly; the first to ask afterwards is answered; nothing is lost."""
    admin(mortal, SQL("create database {}"), "outage")
    async with Database(mortal.dsn("outage"), min_size=3) as database:
        await migrate(database)
        await prepare(database, [PROBE])
        registry, writer, queries = Registry(database), Writer(database, "w"), Queries(database)
        await registry.register([device("lamp-1")])
        refs = await registry.identify(["lamp-1"])
        await writer.write(Builder(refs).frame("lamp-1", NOON, {"steps": 1}).build())
        late = Builder(refs).frame("lamp-1", NOON + HOUR, {"steps": 2}).build()

        await asyncio.to_thread(mortal.stop)
        try:
            for ask in (writer.write(late), queries.facts(), registry.devices(), registry.identify(["lamp-1"])):
                with pytest.raises(UnavailableError) as caught:
                    await ask
                assert "\n" not in str(caught.value)
        finally:
            await asyncio.to_thread(mortal.start)

        written = await writer.write(late)
        rows = (await queries.readings(PROBE)).rows
        ledger = await queries.ledger()

    assert written.stored == (0,)
    assert [row.values["steps"] for row in rows] == [1, 2]
    assert sum(line.received for line in ledger) == 2


def with_(dsn: str, **change: str | None) -> str:
    """Return the address with some parts changed; ``None`` takes one away."""
    return make_conninfo("", **{**conninfo_to_dict(dsn), **change})


async def test_a_connection_lost_within_a_batch_leaves_nothing(database: Database) -> None:
    """A transaction whose connection is cut is as if it had never been; written again, all of it is there."""
    await prepare(database, [PROBE])
    registry, writer = Registry(database), Writer(database, "w")
    await registry.register([device("lamp-1")])
    batch = Builder(await registry.identify(["lamp-1"])).frame("lamp-1", NOON, {"steps": 1}).aside(b"x").build()
    async with database.transaction() as blocker:
        # The batch has its frame and reading in the transaction when it waits here, at the ledger.
        await blocker.execute(SQL("lock table penfeld.ledger in access exclusive mode"))
        task = asyncio.create_task(writer.write(batch))
        await database.fetch(SQL("select pg_terminate_backend(%s)"), (await blocked(database),))
        with pytest.raises(UnavailableError):
            await task

    queries = Queries(database)
    assert (await queries.readings(PROBE)).rows == []
    assert (await queries.quarantine()).rows == []
    assert await queries.latest() == []
    written = await writer.write(batch)
    assert (written.stored, written.quarantined) == ((0,), 1)


@pytest.mark.parametrize(
    ("code", "expected"), [("internal_error", UnavailableError), ("raise_exception", WriteRejectedError)]
)
async def test_an_error_within_the_database_is_no_end(
    database: Database, code: str, expected: type[PenfeldError]
) -> None:
    """An internal error is waited out, what a trigger will not have is refused; neither is a mistake of ours."""
    await prepare(database, [PROBE])
    registry, writer = Registry(database), Writer(database, "w")
    await registry.register([device("lamp-1")])
    batch = Builder(await registry.identify(["lamp-1"])).frame("lamp-1", NOON, {"steps": 1}).build()
    body = SQL("begin raise exception using errcode = {}, message = 'no'; end")
    async with database.connection() as connection:
        await connection.execute(
            SQL("create function public.trip() returns trigger language plpgsql as $$ {} $$").format(
                body.format(Literal(code))
            )
        )
        await connection.execute(
            SQL("create trigger trip before insert on penfeld.uplink for each statement execute function public.trip()")
        )

    with pytest.raises(expected):
        await writer.write(batch)
    async with database.connection() as connection:
        await connection.execute(SQL("drop function public.trip cascade"))

    assert (await writer.write(batch)).stored == (0,)


async def test_a_cancelled_batch_leaves_nothing_and_the_connection_is_good(database: Database) -> None:
    """Stopping a worker in the middle of a batch rolls it back; others go on."""
    await prepare(database, [PROBE])
    registry, writer = Registry(database), Writer(database, "w")
    await registry.register([device("lamp-1")])
    batch = Builder(await registry.identify(["lamp-1"])).frame("lamp-1", NOON, {"steps": 1}).build()
    async with database.transaction() as blocker:
        await blocker.execute(SQL("lock table penfeld.ledger in access exclusive mode"))
        task = asyncio.create_task(writer.write(batch))
        await blocked(database)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert (await Queries(database).readings(PROBE)).rows == []
    assert (await writer.write(batch)).stored == (0,)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"host": "127.0.0.1", "port": "1"}, "nothing listens there: start PostgreSQL"),
        ({"host": "/nowhere"}, "nothing listens there: start PostgreSQL, or correct the socket folder"),
        ({"host": "no-such-host.invalid"}, "the host name is not known: correct it"),
        ({"dbname": "no_such_database"}, "there is no such database: create it with CREATE DATABASE"),
        ({"user": "nobody_here"}, "there is no such user: create it with CREATE ROLE"),
    ],
    ids=["refused", "socket", "host", "database", "user"],
)
async def test_an_address_that_leads_nowhere_says_why_and_what_to_do(
    empty_dsn: str, change: dict[str, str], says: str
) -> None:
    """One line: where, what failed, what to do; never the password."""
    with pytest.raises(UnavailableError) as caught:
        await Database(with_(empty_dsn, **{"password": "secret", **change})).open()

    text = str(caught.value)
    assert says in text
    assert "\n" not in text
    assert "secret" not in text


@pytest.fixture
def locked(mortal: Embedded) -> Iterator[str]:
    """Make a user whose password is ``right``; give the address without it."""
    hba = Path(mortal.setting("hba_file"))
    before = hba.read_text()
    admin(mortal, SQL("create role {} login password 'right'"), "locked")
    hba.write_text("local all locked scram-sha-256\n" + before)
    admin(mortal, SQL("select pg_reload_conf()"))
    yield make_conninfo(mortal.dsn("postgres"), user="locked")
    hba.write_text(before)
    admin(mortal, SQL("select pg_reload_conf()"))


async def test_a_wrong_password_is_said_so(locked: str) -> None:
    """The server asks for a password, and ours is not it."""
    with pytest.raises(UnavailableError, match="the password is wrong"):
        await Database(with_(locked, password=WRONG)).open()
    with pytest.raises(UnavailableError, match="it wants a password"):
        await Database(with_(locked, password=None)).open()
    async with Database(with_(locked, password=RIGHT)) as database:
        assert await database.fetch(SQL("select 1")) == [(1,)]


async def test_a_user_who_may_not_make_tables_is_told(cluster: Cluster, empty_dsn: str) -> None:
    """Rights are a matter of settings: a person must act, and reads which right is missing."""
    role = f"guest_{getpass.getuser()}_{conninfo_to_dict(empty_dsn)['dbname']}"
    admin(cluster, SQL("create role {} login password 'right'"), role)
    try:
        async with Database(with_(empty_dsn, user=role, password=RIGHT)) as database:
            with pytest.raises(ConfigError, match=r"permission denied.*give this user the right"):
                await migrate(database)
    finally:
        admin(cluster, SQL("drop role {}"), role)


async def test_a_server_without_a_free_connection_says_so(cluster: Cluster, empty_dsn: str) -> None:
    """When all connections of the server are taken, that is what is said."""
    role = f"crowd_{conninfo_to_dict(empty_dsn)['dbname']}"
    admin(cluster, SQL("create role {} login password 'right' connection limit 1"), role)
    dsn = with_(empty_dsn, user=role, password=RIGHT)
    try:
        with psycopg.connect(dsn), pytest.raises(UnavailableError, match="too many connections"):
            await Database(dsn).open()
    finally:
        admin(cluster, SQL("drop role {}"), role)


async def test_a_connection_in_use_at_the_close_is_closed_by_who_gives_it_back(empty_dsn: str) -> None:
    """Closing closes every connection, also those lent at that moment: none is left open for the server to keep."""
    database = Database(empty_dsn, min_size=2)
    await database.open()
    async with database.connection() as lent:
        await database.close()
        assert (await lent.execute(SQL("select 1"))).rowcount == 1

    assert lent.closed


async def test_a_connection_whose_check_is_cancelled_is_closed(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is stopped while a connection is looked at before its use leaves none open."""
    monkeypatch.setattr("storage.connection._FRESH_S", 0.0)
    async with Database(empty_dsn) as database:
        async with database.connection() as first:
            pass
        asking = asyncio.create_task(database.fetch(SQL("select 1")))
        while not first.lock.locked():  # noqa: ASYNC110 the check is under way then, and tells nobody
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        assert first.closed


async def test_busy_connections_are_said_to_be_busy(empty_dsn: str) -> None:
    """Who gets no connection in time is told that this process has them all, not that the server is down."""
    async with Database(empty_dsn, max_size=1, wait_s=0.05) as database, database.connection():
        with pytest.raises(UnavailableError, match="all 1 connections of this process are busy"):
            await database.fetch(SQL("select 1"))


def test_an_address_that_cannot_be_read_is_a_matter_of_settings() -> None:
    """Nonsense in place of an address is refused before anything is asked."""
    with pytest.raises(ConfigError, match="write postgresql://user:password@host/database"):
        Database("postgresql://[nonsense")
