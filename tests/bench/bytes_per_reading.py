"""What a reading takes on disk, with its index, before and after the columnstore of TimescaleDB.

1. Rows are those of ``penfeld_streetlight`` with all columns, arrival times included; the tables, the order and the
   segments of the columnstore are those that ``penfeld db migrate`` makes.
2. ``bytes_per_reading``: what lamps of the simulated city say. ``….noise``: a city whose every value has the noise of
   its measurement, every lamp seconds early or late. ``….random``: the worst there can be, each value drawn by itself
   from all that its field may hold.
3. The row store beside it is measured in the same run, after the same COPY. The chunks at both ends are not full.
"""

import asyncio
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.sql import SQL

from decoders.catalogue import Catalogue
from penfeld.clock import utc_now
from simulators.chance import Floats, Ints
from simulators.world import World
from storage.connection import Database
from storage.migrate import migrate
from storage.registry import Registry
from storage.tables import prepare
from storage.upkeep import Upkeep
from tests.bench.figure import Figure, Size
from tests.bench.frames import PERIOD_S, TYPE, devices
from tests.bench.lamps import POSTGRES_EPOCH_US, Lamps, as_copy, copy_statement, empty_rows
from tests.bench.progress import tell
from tests.bench.servers import cluster, temporary_folder
from tests.integration.fix_database import admin, stop_jobs

SIZES: Mapping[Size, tuple[int, int]] = {Size.TINY: (4, 12), Size.SHORT: (100, 30), Size.FULL: (1000, 60)}
"""Lamps, and days of their readings."""
_LAMP = Catalogue.builtin()[TYPE]
_STEPS = {"power_w": 10, "energy_kwh": 100, "voltage_v": 10, "power_factor": 100}
"""Steps in one unit, as the frame has them."""
_SAID = (*_STEPS, "lamp_on", "lamp_failure", "driver_failure", "dimming_percent", "driver_temperature_c")
_DATABASE = "city"
_CODEC = 1
Values = Callable[[Ints, Floats], Mapping[str, npt.NDArray[np.generic]]]
Blocks = Iterator[tuple[bytes, int]]


def figures(size: Size) -> Iterator[Figure]:
    """Yield the size of a reading in the columnstore beside its size in rows; nothing without TimescaleDB."""
    count, days = SIZES[size]
    end = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    with temporary_folder() as folder, cluster(folder / "database") as server:
        if server.engine != "timescaledb":
            tell("bytes_per_reading needs TimescaleDB")
            return
        admin(server, SQL("drop database if exists {} with (force)"), _DATABASE)
        admin(server, SQL("create database {}"), _DATABASE)
        asyncio.run(_prepare(server.dsn(_DATABASE)))
        noisy = Lamps(count=count, days=days, end=end)
        city = World(1).things(TYPE, count).values
        for figure, blocks in (
            ("bytes_per_reading", _blocks(city, count, days, end, jitter_s=0.0)),
            ("bytes_per_reading.noise", noisy.blocks(np.arange(1, count + 1), _CODEC)),
            ("bytes_per_reading.random", _blocks(_anything, count, days, end, jitter_s=5.0)),
        ):
            with psycopg.connect(server.dsn(_DATABASE), autocommit=True) as connection:
                rows, columns = _measure(connection, blocks)
            tell(f"{figure}: {rows:.1f} bytes as rows, {columns:.1f} in columns: {rows / columns:.1f} times smaller")
            yield Figure(figure, columns, "bytes", "row store with its index", rows)
        admin(server, SQL("drop database {} with (force)"), _DATABASE)


async def _prepare(dsn: str) -> None:
    async with Database(dsn) as database:
        await migrate(database)
        stop_jobs(dsn)  # they would put chunks into the columnstore before they are measured as rows
        await prepare(database, [_LAMP.type])
        await Registry(database).register(devices()[:1])
        await Upkeep(database, [_LAMP.type], utc_now).round()


def _measure(connection: psycopg.Connection, blocks: Blocks) -> tuple[float, float]:
    """Return bytes a reading as rows, and in the columnstore."""
    table = f"readings.{TYPE}"
    connection.execute(SQL("truncate readings.penfeld_streetlight"))
    count = 0
    for block, rows in blocks:
        with connection.cursor() as cursor, cursor.copy(copy_statement(_LAMP.type)) as copy:
            copy.write(block)
        count += rows
    sizes = []
    for _ in range(2):
        (size,) = connection.execute("select hypertable_size(%s::regclass)", (table,)).fetchone() or (0,)
        sizes.append(int(size) / count)
        connection.execute("select compress_chunk(chunk, true) from show_chunks(%s::regclass) as chunk", (table,))
    return sizes[0], sizes[1]


def _blocks(values: Values, count: int, days: int, end: datetime, *, jitter_s: float) -> Blocks:
    """Yield day by day what COPY takes, and how many rows that is."""
    chance = np.random.default_rng(2026)
    slots = int(timedelta(days=1).total_seconds() / PERIOD_S)
    start = end.replace(tzinfo=UTC).timestamp() - days * 86_400
    phase = chance.uniform(0, PERIOD_S, count)
    who = np.tile(np.arange(count), slots)
    for day in range(days):
        at = start + day * 86_400 + np.arange(slots)[:, None] * PERIOD_S + phase
        at += chance.uniform(-jitter_s, jitter_s, at.shape)
        rows = empty_rows(slots, count)
        rows["device"] = np.arange(1, count + 1)
        rows["time"] = np.rint(at * 1e6) - POSTGRES_EPOCH_US
        rows["received_at"] = rows["time"] + chance.integers(200_000, 2_000_000, at.shape)
        rows["simulated"], rows["codec"] = 1, _CODEC
        found = values(who, at.ravel())
        for name in _SAID:
            step = _STEPS.get(name, 1)
            rows[name] = (np.rint(found[name].astype(np.float64) * step) / step).reshape(at.shape)
        yield as_copy(rows), rows.size


def _anything(who: Ints, at: Floats) -> Mapping[str, npt.NDArray[np.generic]]:
    """Return anything that the fields may hold."""
    chance = np.random.default_rng(zlib.crc32(at.tobytes()))
    fields = {name: _LAMP.type.field(name) for name in _SAID}
    return {
        name: chance.uniform((field and field.minimum) or 0.0, (field and field.maximum) or 1.0, len(who))
        for name, field in fields.items()
    }
