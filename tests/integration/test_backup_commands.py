"""``penfeld backup`` and ``penfeld restore`` on both engines, as a person uses them."""

import asyncio
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from decoders.catalogue import Catalogue
from penfeld.cli import main
from storage.connection import Database
from tests.integration.rollup_days import city, write

LAMP = "penfeld_streetlight"
DAY = datetime(2026, 3, 1, tzinfo=UTC)
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Return what runs a command on the database: exit code, what it printed, what it remarked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENFELD_DATABASE_URL", dsn)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        return (code, *capsys.readouterr())

    return run


def store(dsn: str, start: datetime, *, first: bool) -> None:
    """Store a day of readings of three lamps."""

    async def readings() -> None:
        async with Database(dsn) as database:
            of = Catalogue.builtin()[LAMP].type
            if first:
                await city(database, of)
            times = [start + timedelta(minutes=15 * number) for number in range(96)]
            await write(
                database, of, [{"device": key, "time": time, "power_w": 40.0} for key in (1, 2, 3) for time in times]
            )

    asyncio.run(readings())


def everything(dsn: str) -> dict[str, list[Any]]:
    """Return every row of every table and view of ours, in an order of their own."""
    tables = """
        select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname not like 'pg\\_%' and n.nspname not like '%timescaledb%' and n.nspname <> 'information_schema'
              and c.relkind in ('r', 'p', 'v') order by 1, 2"""
    with psycopg.connect(dsn) as connection:
        return {
            f"{schema}.{name}": connection.execute(
                SQL("select to_jsonb(t)::text from {} t order by 1").format(Identifier(schema, name))
            ).fetchall()
            for schema, name in connection.execute(tables).fetchall()
        }


def test_what_was_backed_up_is_there_again_row_by_row_and_takes_more(dsn: str, said: Said, tmp_path: Path) -> None:
    """Restored over other data, each table is what it was; the old database stays; ingest goes on."""
    assert said("db", "migrate")[0] == 0
    store(dsn, DAY, first=True)
    before = everything(dsn)
    code, printed, trouble = said("backup", "--out", "one.tar")
    assert (code, (tmp_path / "one.tar").stat().st_mode & 0o777) == (0, 0o600), trouble
    assert "one.tar" in printed
    store(dsn, DAY + timedelta(days=1), first=False)
    changed = everything(dsn)
    assert changed != before

    refused = said("restore", "one.tar")
    assert (refused[0], "--replace" in refused[2]) == (1, True), refused
    assert everything(dsn) == changed
    code, printed, trouble = said("restore", "one.tar", "--replace", "--json")

    assert code == 0, trouble
    assert sum(map(len, before.values())) > 288
    assert everything(dsn) == before
    kept = json.loads(printed)["kept"]
    old = psycopg.conninfo.make_conninfo(dsn, dbname=kept)
    assert everything(old) == changed
    store(dsn, DAY + timedelta(days=1), first=False)
    assert sum(map(len, everything(dsn).values())) > sum(map(len, before.values()))
    with psycopg.connect(psycopg.conninfo.make_conninfo(dsn, dbname="postgres"), autocommit=True) as server:
        server.execute(SQL("drop database {} with (force)").format(Identifier(kept)))


def test_a_damaged_backup_changes_nothing(dsn: str, said: Said, tmp_path: Path) -> None:
    """A backup of which one byte is wrong, or that ends early, is refused with its name; the database stays."""
    store(dsn, DAY, first=True)
    assert said("backup", "--out", "one.tar")[0] == 0
    before = everything(dsn)
    data = bytearray((tmp_path / "one.tar").read_bytes())
    with tarfile.open(tmp_path / "one.tar") as archive:
        entry = archive.getmember("database.dump")
    data[entry.offset_data + entry.size // 2] ^= 1
    (tmp_path / "bent.tar").write_bytes(data)
    (tmp_path / "short.tar").write_bytes(data[:700])

    bent, short = said("restore", "bent.tar", "--replace"), said("restore", "short.tar", "--replace")

    assert (bent[0], short[0]) == (1, 1)
    assert "database.dump is not what the manifest says" in bent[2]
    assert "short.tar" in short[2]
    assert everything(dsn) == before


def test_a_database_in_use_is_not_taken_away(dsn: str, said: Said) -> None:
    """While somebody is connected, a restore says so and changes nothing."""
    store(dsn, DAY, first=True)
    assert said("backup", "--out", "one.tar")[0] == 0

    with psycopg.connect(dsn):
        code, _, trouble = said("restore", "one.tar", "--replace")

    assert code == 1
    assert "stop Penfeld's services" in trouble
