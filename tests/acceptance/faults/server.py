"""A PostgreSQL of our own that can fail: the embedded one with the settings it ships with, or TimescaleDB.

It is our child, so that it can be stopped as if its machine had failed (``stop``), and found when it fails by itself.
Every database is a copy of one that ``penfeld`` itself has made and filled with lamps.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from penfeld.embedded.postgres import Postgres
from tests.acceptance.command import penfeld
from tests.acceptance.faults.load import register
from tests.integration.fix_database import bindir_with_timescaledb

EMBEDDED, TIMESCALEDB = "embedded", "timescaledb"
_START_S = 60.0
_TEMPLATE = "template_city"
_NUMBERS = count(1)


@dataclass
class Server:
    """``command`` is run as ``user``; ``sockets``: the folder of its socket; ``prefix`` goes before the command."""

    engine: str
    folder: Path
    sockets: Path
    command: tuple[str, ...]
    superuser: str
    user: int | None = None
    group: int | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def dsn(self, database: str) -> str:
        """Return the address of a database, by the socket."""
        return f"postgresql://{self.superuser}@/{database}?host={self.sockets}"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.sockets / ".s.PGSQL.5432"

    @property
    def log(self) -> Path:
        """What it said."""
        return self.folder / "server.log"

    def start(self) -> None:
        """Start it and return when it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self.user,
                group=self.group,
                extra_groups=() if self.user else None,
            )
        deadline = time.monotonic() + _START_S
        while True:
            try:
                psycopg.connect(self.dsn("postgres")).close()
            except psycopg.OperationalError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it; without another word at once, as if its machine had failed."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(_START_S)
            self.process = None

    def database(self, tablespace: str = "pg_default") -> str:
        """Make a database with all tables and all lamps; return its name."""
        name = f"city_{next(_NUMBERS)}"
        parts = map(Identifier, (name, _TEMPLATE, tablespace))
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(SQL("create database {} template {} tablespace {}").format(*parts))
        return name

    def drop(self, database: str) -> None:
        """Drop a database, whoever uses it."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(SQL("drop database {} with (force)").format(Identifier(database)))

    def make_template(self, folder: Path) -> None:
        """Let ``penfeld`` make the tables and register the lamps, once."""
        (folder / "lamps.csv").write_text(register())
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(SQL("create database {}").format(Identifier(_TEMPLATE)))
            address = self.dsn(_TEMPLATE)
            for words in (("db", "migrate"), ("devices", "import", "lamps.csv")):
                done = penfeld(*words, folder=folder, PENFELD_DATABASE_URL=address)
                assert done.returncode == 0, done.stderr
            # TimescaleDB's workers would hold a connection, and PostgreSQL does not copy a database in use
            connection.execute(SQL("alter database {} allow_connections false").format(Identifier(_TEMPLATE)))
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [_TEMPLATE])


def made(engine: str, folder: Path) -> Server:
    """Return a server with its data in the folder; skip the test where TimescaleDB is not to be had."""
    return _embedded(folder) if engine == EMBEDDED else _timescaledb(folder)


def _embedded(folder: Path) -> Server:
    postgres = Postgres(folder)
    postgres.make()
    program = postgres.program()
    return Server(
        engine=EMBEDDED,
        folder=folder,
        sockets=postgres.socket_dir,
        command=program.command,
        superuser="penfeld",
        user=program.user,
        group=program.group,
    )


def _timescaledb(folder: Path) -> Server:
    if (bindir := bindir_with_timescaledb()) is None:
        pytest.skip("no TimescaleDB: install the extension beside pg_config")
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    uid, gid = (user.pw_uid, user.pw_gid) if user else (None, None)
    if user:
        shutil.chown(folder, user.pw_uid)
    data = folder / "data"
    subprocess.run(
        (bindir / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"),
        check=True,
        capture_output=True,
        cwd=folder,
        user=uid,
        group=gid,
    )
    settings = {
        "listen_addresses": "",
        "shared_preload_libraries": "timescaledb",
        "timescaledb.telemetry_level": "off",
        "max_connections": "40",
        "max_worker_processes": "20",
        "log_min_messages": "fatal",
    }
    options = tuple(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
    return Server(
        engine=TIMESCALEDB,
        folder=folder,
        sockets=folder,
        command=(str(bindir / "postgres"), "-D", str(data), "-k", str(folder), *options),
        superuser="postgres",
        user=uid,
        group=gid,
    )
