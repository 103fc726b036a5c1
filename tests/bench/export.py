"""Readings taken away in large numbers, beside COPY of the same rows.

1. ``export.arrow`` and ``export.parquet``: readings a second from the question to the last byte of an Arrow stream or a
   Parquet file, all columns, in order of time, through ``storage.export`` and the encoders of the API.
2. Beside them the same rows and columns by binary ``COPY … TO``, as fast as the driver hands them over. In turns,
   median of the rounds. None lies in the columnstore.
3. ``export.rss.…``: most memory that the process of the API (``penfeld serve``) ever held while it sent all of them in
   each format to a client that takes them as they come, beside what it held before, having answered a page.
4. ``export.together``: the same with as many clients at once as the API takes, each of which asks for Arrow.
"""

import asyncio
import contextlib
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
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
from tests.acceptance.command import get, service, until
from tests.bench import lamps
from tests.bench.figure import Figure, Size, middle
from tests.bench.lamps import Lamps
from tests.bench.processes import held_mb, peak_mb
from tests.bench.progress import tell
from tests.bench.servers import SETTINGS, broker, temporary_folder, url_of
from tests.integration.fix_brokers import free_port
from tests.integration.fix_database import admin, bindir_with_timescaledb, make_cluster

SIZES: Mapping[Size, tuple[int, float, int]] = {
    Size.TINY: (20, 1.0, 1),
    Size.SHORT: (5000, 2.1, 3),
    Size.FULL: (5000, 21.0, 3),
}
"""Lamps, days of readings, and rounds."""
_DATABASE, _TYPE = "export", "penfeld_streetlight"
_TOGETHER = 4
"""Exports that the API sends at the same time, by its settings."""
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
            with temporary_folder() as home, _api(home, dsn) as (address, process):
                yield from _memory(address, process)
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


@contextlib.contextmanager
def _api(folder: Path, dsn: str) -> Iterator[tuple[str, int]]:
    """Run ``penfeld serve`` as a person does; give its address and its process."""
    with broker(folder / "broker") as mosquitto:
        (folder / "penfeld.toml").write_text(
            f'[broker]\nurl = "mqtt://127.0.0.1:{mosquitto.address.port}"\n[database]\nurl = "{url_of(dsn)}"\n',
            encoding="utf-8",
        )
        port = free_port()
        with service("serve", "--port", str(port), folder=folder) as running:
            until(lambda: get(f"http://127.0.0.1:{port}/readyz")["ready"], running)
            yield f"http://127.0.0.1:{port}", running.process.pid


def _memory(address: str, process: int) -> Iterator[Figure]:
    """Yield the most memory of the API's process for each format, and for many at once."""
    for name in (*_KINDS, "ndjson", "csv"):
        before = _forget_peak(address, process)
        began = time.monotonic()
        size = _fetched(address, name)
        tell(f"{name}: {size / 1e6:,.0f} MB in {time.monotonic() - began:.0f} s")
        yield Figure(f"export.rss.{name}", peak_mb(process), "MB", "the process before", before)
    before = _forget_peak(address, process)
    with ThreadPoolExecutor(_TOGETHER) as clients:
        list(clients.map(lambda _: _fetched(address, "arrow"), range(_TOGETHER)))
    yield Figure("export.together", peak_mb(process), "MB", "the process before", before)


def _forget_peak(address: str, process: int) -> float:
    """Begin to look for the most memory anew; return what the process holds, having answered a page."""
    get(f"{address}/api/v1/readings?device_type={_TYPE}&limit=1")
    Path(f"/proc/{process}/clear_refs").write_text("5", encoding="ascii")
    return held_mb(process)


def _fetched(address: str, kind: str) -> int:
    """Take everything in a format, throw it away, and return how many bytes it was."""
    size = 0
    with urllib.request.urlopen(f"{address}/api/v1/readings?device_type={_TYPE}&format={kind}") as answer:  # noqa: S310 our own service
        while piece := answer.read(1 << 16):
            size += len(piece)
    return size
