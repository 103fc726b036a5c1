"""The embedded database: made once, kept, started again after anything, and nobody else's business."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from model.errors import ConfigError, UnavailableError
from penfeld.embedded.postgres import Postgres, alone
from penfeld.processes import alive
from penfeld.runtime import DataFolder


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder outside pytest's, which locks out the user as whom root's database runs."""
    with tempfile.TemporaryDirectory(prefix="penfeld-", ignore_cleanup_errors=True) as name:
        yield Path(name)


async def test_data_outlives_a_restart(folder: Path) -> None:
    """What one run wrote is there in the next."""
    async with alone(folder) as url, await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("create table kept as select 'Penfeld' as river")

    async with alone(folder) as url, await psycopg.AsyncConnection.connect(url) as connection:
        rows = await (await connection.execute("select river from kept")).fetchall()

    assert rows == [("Penfeld",)]


async def test_a_server_that_was_killed_recovers(folder: Path) -> None:
    """After ``kill -9`` of the server the next start works, with what was committed."""
    async with alone(folder) as url:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute("create table kept as select 1 as one")
        pid = Postgres(folder).server_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    async with alone(folder) as url, await psycopg.AsyncConnection.connect(url) as connection:
        assert await (await connection.execute("select one from kept")).fetchall() == [(1,)]


async def test_a_stale_pid_file_stops_nobody(folder: Path) -> None:
    """The pid file of a dead server may name a process that is somebody else's now; it is left alone."""
    postgres = Postgres(folder)
    postgres.make()
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        (postgres.cluster / "postmaster.pid").write_text(f"{stranger.pid}\n{postgres.cluster}\n0\n5432\n\n\n\nready\n")

        async with alone(folder) as url, await psycopg.AsyncConnection.connect(url) as connection:
            assert await (await connection.execute("select 1")).fetchall() == [(1,)]
        assert alive(stranger.pid)
    finally:
        stranger.kill()
        await stranger.wait()


async def test_being_killed_while_it_is_made_leaves_nothing_half_made(folder: Path) -> None:
    """A cluster that was begun and not finished is begun anew."""
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "PG_VERSION").write_text("18\n")

    async with alone(folder) as url, await psycopg.AsyncConnection.connect(url) as connection:
        assert await (await connection.execute("select 1")).fetchall() == [(1,)]


async def test_only_its_user_may_enter(folder: Path) -> None:
    """There is no network door, and the socket is in a folder that only its user may open."""
    async with alone(folder) as url, await psycopg.AsyncConnection.connect(url) as connection:
        addresses = await (await connection.execute("show listen_addresses")).fetchall()
        mode = Postgres(folder).socket_dir.stat().st_mode & 0o077

    assert addresses == [("",)]
    assert mode == 0


async def test_a_long_path_is_no_obstacle(folder: Path) -> None:
    """Where the folder's path is too long for a socket, the socket is elsewhere."""
    deep = folder / ("long" * 15) / ("longer" * 10)
    deep.mkdir(parents=True)

    async with alone(deep) as url, await psycopg.AsyncConnection.connect(url) as connection:
        assert await (await connection.execute("select 1")).fetchall() == [(1,)]


async def test_a_cluster_of_another_version_is_refused(folder: Path) -> None:
    """It says which versions meet, and changes nothing."""
    postgres = Postgres(folder)
    postgres.make()
    (postgres.cluster / "PG_VERSION").write_text("9\n")

    with pytest.raises(ConfigError, match=r"is of PostgreSQL 9, this is 18: dump it with the old one"):
        postgres.make()


async def test_a_broken_cluster_is_one_error(folder: Path) -> None:
    """A server that cannot start says why, and is not waited for."""
    postgres = Postgres(folder)
    postgres.make()
    (postgres.cluster / "global" / "pg_control").unlink()

    with pytest.raises(UnavailableError, match="the embedded database did not start: database ended"):
        async with alone(folder):
            pass


def test_two_cannot_hold_one_folder(folder: Path) -> None:
    """The second who locks a folder is told; a folder is free again when its holder is gone."""
    data = DataFolder(folder)
    with data.lock(), pytest.raises(ConfigError, match="Penfeld already runs on"):
        DataFolder(folder).lock()

    with data.lock():
        pass
