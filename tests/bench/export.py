"""Readings taken away in large numbers, beside COPY of the same rows.

1. ``export.arrow`` and ``export.parquet``: readings a second from the question to the last byte of an Arrow stream or a
   Parquet file, all columns, in order of time, through ``storage.export`` and the encoders of the API.
2. Beside them the same rows and columns by binary ``COPY … TO``, as fast as the driver hands them over. In turns,
   median of the rounds. None lies in the columnstore.
3. ``export.rss``: most memory of a process that exports all of them to Parquet, beside the same process before.
"""

import asyncio
import contextlib
import multiprocessing
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from decoders.catalogue import Catalogue
from model.export import Encoder, arrow, parquet, schema
from storage.connection import Database
from storage.export import Exports
from storage.migrate import TIMESCALEDB, migrate
from storage.partitions import Partitions
from storage.registry import Registry
from storage.tables import engine, prepare
from tests.bench import lamps
from tests.bench.figure import Figure, Size, middle
from tests.bench.lamps import Lamps
from tests.bench.progress import tell
from tests.bench.servers import SETTINGS, temporary_folder
from tests.integration.fix_database import admin, bindir_with_timescaledb, make_cluster

SIZES: Mapping[Size, tuple[int, float, int]] = {
    Size.TINY: (20, 1.0, 1),
    Size.SHORT: (5000, 2.1, 3),
    Size.FULL: (5000, 21.0, 3),
}
"""Lamps, days of readings, and rounds."""
_DATABASE, _TYPE = "export", "penfeld_streetlight"
_KINDS: Mapping[str, Callable[[Any], Encoder]] = {"arrow": arrow, "parquet": parquet}


def figures(size: Size) -> Iterator[Figure]:
    """Yield rates and memory."""
    count, days, rounds = SIZES[size]
    city = Lamps(count=count, days=days, end=datetime(2026, 11, 1, tzinfo=UTC))
    with temporary_folder() as folder:
        cluster = make_cluster("timescaledb" if bindir_with_timescaledb() else "embedded", folder, SETTINGS)
        try:
            admin(cluster, SQL("drop database if exists {} with (force)"), _DATABASE)
            admin(cluster, SQL("create database {}"), _DATABASE)
            dsn = cluster.dsn(_DATABASE)
            asyncio.run(_fill(dsn, city))
            yield from _measured(dsn, rounds)
            admin(cluster, SQL("drop database {} with (force)"), _DATABASE)
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                cluster.stop()


def _measured(dsn: str, rounds: int) -> Iterator[Figure]:
    rates: dict[str, list[float]] = {name: [] for name in (*_KINDS, "copy")}
    for _ in range(rounds):
        for name, found in rates.items():
            began = time.monotonic()
            rows = _copied(dsn) if name == "copy" else asyncio.run(_exported(dsn, name))
            found.append(rows / (time.monotonic() - began))
            tell(f"export.{name}: {rows:,} readings, {found[-1]:,.0f} a second")
    for name in _KINDS:
        yield Figure(f"export.{name}", middle(rates[name]), "readings/s", "binary COPY TO", middle(rates["copy"]))
    with multiprocessing.get_context("spawn").Pool(1) as alone:
        before, after = alone.apply(_memory, (dsn,))
    yield Figure("export.rss", after, "MB", "the process before", before)


async def _fill(dsn: str, city: Lamps) -> None:
    device_type = Catalogue.builtin()[_TYPE].type
    async with Database(dsn) as database:
        await migrate(database)
        await prepare(database, [device_type])
        await Registry(database).register(city.devices())
        hypertables = await engine(database) == TIMESCALEDB
        if not hypertables:
            months = {(day.year - 1970) * 12 + day.month - 1 for day in (city.start, city.end - timedelta(seconds=1))}
            await Partitions(database).ensure([(_TYPE, month) for month in months])
    with psycopg.connect(dsn, autocommit=True) as connection:
        tell(f"{lamps.write(connection, city, device_type):,} readings are written")
        connection.execute("vacuum analyze")


async def _exported(dsn: str, kind: str) -> int:
    """Export everything, throw it away, and return how many readings it was."""
    device_type = Catalogue.builtin()[_TYPE].type
    writer = _KINDS[kind](schema(device_type, device_type.fields))
    rows = 0
    async with Database(dsn) as database:
        with Exports(database) as exports:
            async for batch in exports.batches(device_type):
                rows += batch.num_rows  # type: ignore[attr-defined]  # they are pyarrow's
                await asyncio.to_thread(writer.encode, batch)
    writer.end()
    return rows


def _copied(dsn: str) -> int:
    query = SQL(  # a hypertable is copied by a query only
        "copy (select * from {}) to stdout (format binary)"
    ).format(Identifier("readings", _TYPE))
    rows = -1  # behind the last row comes the tail
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor, cursor.copy(query) as copy:
        for _ in copy:
            rows += 1
    return rows


def _memory(dsn: str) -> tuple[float, float]:
    """Return the most memory of this process, in MB, before and after an export."""
    before = _peak()
    asyncio.run(_exported(dsn, "parquet"))
    return before, _peak()


def _peak() -> float:
    """Return the most memory since the process began; ``getrusage`` would tell that of its parent, too."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM:"))
