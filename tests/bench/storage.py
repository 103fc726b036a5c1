"""Writing batches into the database, beside binary COPY of the same rows alone.

1. A batch is as large as ingest makes them under load: 10,000 frames of 5,000 lamps, in any order, each lamp twice.
2. Beside it the rows of raw frames and readings, laid out beforehand in the order of their arrival, go by COPY into
   tables of the same columns, constraints and indexes, in one transaction a batch: what is not COPY is left out.
   ``copy`` is of batches that are laid out beforehand, too, as ingest does while it writes the one before;
   ``copy.laid_out`` counts the laying out, one thing after the other.
3. Batches go to both in turns, into the same database. The database is that of ``tests.bench.servers``.
"""

import asyncio
import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from psycopg.sql import SQL, Identifier, Literal

from decoders.catalogue import Catalogue
from model.batch import Batch, Frame
from model.device import Device, DeviceRef, Kind
from model.instants import microseconds, moment
from model.readings import Column, Readings
from model.uplink import Uplink
from storage import rows
from storage.connection import Database
from storage.intake import copy
from storage.migrate import TIMESCALEDB, migrate
from storage.registry import Registry
from storage.rows import Frames
from storage.tables import engine, prepare
from storage.writer import Writer
from tests.bench.figure import Figure, Size, middle
from tests.bench.frames import PERIOD_S, TYPE
from tests.bench.progress import tell
from tests.bench.servers import cluster, temporary_folder
from tests.integration.fix_database import admin

SIZES: Mapping[Size, tuple[int, int]] = {Size.TINY: (20, 2), Size.SHORT: (5000, 12), Size.FULL: (5000, 60)}
"""Lamps, and batches that count."""
_DATABASE = "copy"
_WARM = 3
_START_US = microseconds(datetime(2026, 7, 1, tzinfo=UTC))
_PERIOD_US = int(PERIOD_S * 1e6)
_LAMP = Catalogue.builtin()[TYPE].type
_RARELY = ("operating_time_h",)


def figures(size: Size) -> Iterator[Figure]:
    """Yield frames written a second."""
    lamps, count = SIZES[size]
    with temporary_folder() as folder, cluster(folder / "database") as server:
        admin(server, SQL("drop database if exists {} with (force)"), _DATABASE)
        admin(server, SQL("create database {}"), _DATABASE)
        written, both, beside = asyncio.run(_measure(server.dsn(_DATABASE), lamps, count))
        admin(server, SQL("drop database {} with (force)"), _DATABASE)
    yield Figure("copy", written, "frames/s", f"binary COPY alone, {server.engine}", beside)
    yield Figure("copy.laid_out", both, "frames/s", f"binary COPY alone, {server.engine}", beside)


async def _measure(dsn: str, lamps: int, count: int) -> tuple[float, ...]:
    """Return frames a second through the writer, without and with laying out, and by COPY alone."""
    async with Database(dsn) as database:
        await migrate(database)
        await prepare(database, [_LAMP])
        names = [f"{number:016x}" for number in range(lamps)]
        registry = Registry(database)
        await registry.register([Device(id=name, type=TYPE) for name in names])
        refs = await registry.identify(names)
        writer = Writer(database, "bench")
        await _make_bare_tables(database)
        times: tuple[list[float], ...] = ([], [], [])
        cpu = []
        gc.collect()
        gc.freeze()
        for number in range(_WARM + count):
            batch = _batch(number, names, refs)
            frames, codecs = Frames(batch.frames), {(TYPE, _LAMP.version): 1}
            uplinks = b"".join(rows.uplink_rows(frames, np.arange(len(frames)), codecs))
            columns, readings = rows.reading_rows(batch.readings[0], frames, 1)
            began, worked = time.perf_counter(), time.process_time()
            ready = await writer.ready(batch)
            laid_out = time.perf_counter()
            await writer.write(ready)
            cpu.append(time.process_time() - worked)
            times[0].append(time.perf_counter() - laid_out)
            times[1].append(time.perf_counter() - began)
            began = time.perf_counter()
            async with database.transaction() as connection:
                await copy(connection, ("bare", "uplink"), rows.UPLINK_COLUMNS, [uplinks])
                await copy(connection, ("bare", TYPE), columns, [readings])
            times[2].append(time.perf_counter() - began)
        frames_each = 2 * lamps
        tell(f"copy: {middle(cpu[_WARM:]) / frames_each * 1e6:.1f} µs of the writer's own processor time a frame")
        return tuple(frames_each / middle(each[_WARM:]) for each in times)


async def _make_bare_tables(database: Database) -> None:
    """Make tables like those of raw frames and readings, in the schema ``bare``."""
    hypertables = await engine(database) == TIMESCALEDB
    async with database.connection() as connection:
        await connection.execute(SQL("create schema bare"))
        for name, like, interval in (("uplink", "penfeld", "1 day"), (TYPE, "readings", "7 days")):
            table = Identifier("bare", name)
            parts = SQL("") if hypertables else SQL(" partition by range (time)")
            await connection.execute(
                SQL("create table {} (like {} including all){}").format(table, Identifier(like, name), parts)
            )
            if hypertables:
                command = SQL(
                    "select create_hypertable({}, by_range('time', {}::interval), create_default_indexes => false)"
                )
                await connection.execute(command.format(Literal(f"bare.{name}"), Literal(interval)))
            else:
                command = SQL("create table {} partition of {} for values from ('2026-01-01') to ('2028-01-01')")
                await connection.execute(command.format(Identifier("bare", f"{name}_2026"), table))


def _batch(number: int, names: Sequence[str], refs: Mapping[str, DeviceRef]) -> Batch:
    """Return the frames of two periods, in each of which every lamp speaks once, at any moment."""
    random = np.random.default_rng(number)
    frames, times = [], []
    arrived = _START_US + number * 1_000_000
    for period in (2 * number, 2 * number + 1):
        for lamp in random.permutation(len(names)).tolist():
            time_us = _START_US + period * _PERIOD_US + int(random.integers(_PERIOD_US))
            when = moment(time_us)
            uplink = Uplink(
                network="chirpstack",
                device=names[lamp],
                time=when,
                payload=random.bytes(11),
                f_port=2,
                f_cnt=period,
                session=f"{lamp:08x}",
                rssi_dbm=-100.0 + lamp % 40,
                snr_db=5.5,
                gateway=f"gateway-{lamp % 20}",
            )
            frame = Frame(
                uplink=uplink,
                key=uplink.frame_key(when),
                source="chirpstack",
                device=refs[names[lamp]].key,
                device_type=TYPE,
                time_us=time_us,
                received_us=arrived,
                network_us=time_us,
                simulated=False,
                decoded_with=_LAMP.version,
            )
            frames.append(frame)
            times.append(time_us)
    return Batch(frames=frames, readings=[_readings(np.array(times), random)])


def _readings(time_us: np.typing.NDArray[np.int64], random: np.random.Generator) -> Readings:
    """Return a reading of each frame; what a lamp says only once a day is absent, as in its other frames."""
    count = len(time_us)
    columns = {}
    for field in _LAMP.fields:
        if field.name not in _RARELY and field.kind is not Kind.TEXT:
            values = {
                Kind.BOOL: random.random(count) < 0.5,
                Kind.INT: random.integers(100, size=count),
                Kind.FLOAT: random.random(count).round(2),
            }[field.kind]
            columns[field.name] = Column(values, np.ones(count, dtype=np.bool_))
    return Readings(device_type=TYPE, version=_LAMP.version, frame=np.arange(count), time_us=time_us, columns=columns)
