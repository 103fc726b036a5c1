"""Decoding history again beside COPY of the same rows, and beside putting the frames in once.

1. Frames are those of ``penfeld_streetlight``, one every 15 minutes and lamp; the device file is changed in the scale
   of one field, so nearly every reading changes.
2. ``redecode``: readings changed a second, from the raw frames to the commit of the last step, with what they said
   before kept and newest values found again. ``redecode.columnstore``: the same with all chunks in the columnstore.
   ``redecode.survey``: frames a second that are decoded and compared, nothing changed.
3. COPY takes the same rows into an empty table made like that of the readings, as many in a transaction.
"""

import asyncio
import struct
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import numpy as np
from psycopg.sql import SQL, Literal

from decoders.catalogue import Catalogue
from decoders.networks import Adapter
from ingest.history import AT_ONCE, Redecoding
from ingest.pipeline import Pipeline, Source
from model.device import Device
from model.history import Scope
from model.uplink import Message, Uplink
from penfeld.clock import utc_now
from storage.cells import HEAD, TAIL
from storage.connection import Database
from storage.history import History
from storage.migrate import TIMESCALEDB, migrate
from storage.registry import Registry
from storage.tables import engine, prepare, table
from storage.upkeep import Upkeep
from storage.writer import Writer
from tests.bench.figure import Figure, Size
from tests.bench.progress import tell
from tests.bench.servers import cluster, temporary_folder
from tests.integration.fix_database import admin, stop_jobs

SIZES: Mapping[Size, tuple[int, int]] = {Size.TINY: (5, 40), Size.SHORT: (100, 200), Size.FULL: (500, 2000)}
"""Lamps, and frames of each."""
TYPE = "penfeld_streetlight"
_TEXT = (files("decoders.devices") / f"{TYPE}.toml").read_text("utf-8")
_MENDED = _TEXT.replace("power_w               u16 / 10 ", "power_w               u16 / 8 ")
_START = datetime(2026, 3, 1, tzinfo=UTC)
_SCOPE = Scope(device_type=TYPE)


def figures(size: Size) -> Iterator[Figure]:
    """Yield how fast history is decoded again, from rows and from the columnstore."""
    with temporary_folder() as folder, cluster(folder / "database") as server:
        for packed in (False, True):
            if packed and server.engine != TIMESCALEDB:
                tell("redecode.columnstore needs TimescaleDB")
                return
            admin(server, SQL("drop database if exists city with (force)"))
            admin(server, SQL("create database city"))
            yield from asyncio.run(_measure(server.dsn("city"), *SIZES[size], packed=packed))
            admin(server, SQL("drop database city with (force)"))


async def _measure(dsn: str, lamps: int, each: int, *, packed: bool) -> list[Figure]:
    async with Database(dsn) as database:
        await migrate(database)
        if timescaledb := await engine(database) == TIMESCALEDB:
            stop_jobs(dsn)  # they would put the same chunks into the columnstore
        catalogue = Catalogue({TYPE: _TEXT})
        await prepare(database, catalogue.types())
        registry = Registry(database)
        await registry.register([Device(id=_name(lamp), type=TYPE) for lamp in range(lamps)])
        await Upkeep(database, catalogue.types(), utc_now).round()
        await _fill(database, catalogue, lamps, each)
        copy = await _copy(database, hypertable=timescaledb)
        if packed:
            await _pack(database)
        again = Redecoding(History(database), Catalogue({TYPE: _MENDED})[TYPE])
        began = time.monotonic()
        survey = await again.survey(_SCOPE)
        looked = survey.counts.frames / (time.monotonic() - began)
        began = time.monotonic()
        done = await again.change(await again.begin(survey), stop=lambda: False)
        changed = done.counts.changed / (time.monotonic() - began)
    tell(f"{done.counts}")
    name = "redecode.columnstore" if packed else "redecode"
    return [
        Figure(name, changed, "readings/s", "COPY of the same rows", copy),
        Figure(f"{name}.survey", looked, "frames/s", "COPY of the same rows", copy),
    ]


async def _fill(database: Database, catalogue: Catalogue, lamps: int, each: int) -> None:
    """Take frames in by the way that all go, in order of time."""
    chance = np.random.default_rng(2026)
    spoken: list[Uplink] = []
    adapter = Adapter(name="bench", topics=("bench",), uplinks=lambda _, payload: (spoken[int(payload)],))
    pipeline = Pipeline(catalogue, [Source(name="bench", adapter=adapter)], Registry(database))
    writer = Writer(database, "bench")
    at_once = max(1, AT_ONCE // lamps)
    for start in range(0, each, at_once):
        spoken[:] = [
            _uplink(chance, lamp, number)
            for number in range(start, min(start + at_once, each))
            for lamp in range(lamps)
        ]
        messages = [
            Message(topic="bench", payload=b"%d" % place, received_at=(one.time or _START) + timedelta(seconds=1))
            for place, one in enumerate(spoken)
        ]
        await writer.write((await pipeline.process(messages)).batch)


def _uplink(chance: np.random.Generator, lamp: int, number: int) -> Uplink:
    energy = (12_345 + number).to_bytes(3, "big")
    dimming, power, volts = chance.integers((0, 0, 2250), (101, 1500, 2350)).tolist()
    return Uplink(
        network="bench",
        device=_name(lamp),
        time=_START + number * timedelta(minutes=15) + lamp * timedelta(seconds=0.1),
        payload=struct.pack(">BBH3sHbB", 0x80, dimming, power, energy, volts, 31, 95),
        f_port=1,
        f_cnt=number,
    )


def _name(lamp: int) -> str:
    return f"{0x70B3D50000000000 + lamp:016x}"


async def _copy(database: Database, *, hypertable: bool) -> float:
    """Return how many of the readings COPY alone takes a second."""
    async with database.connection() as connection:
        await connection.execute(SQL("create table public.alone (like readings.penfeld_streetlight including all)"))
        if hypertable:
            await connection.execute(
                SQL(
                    "select create_hypertable('public.alone', by_range('time', interval '10 days'),"
                    " create_default_indexes => false)"
                )
            )
        cursor = connection.cursor()
        parts: list[bytes] = []
        ordered = SQL("copy (select * from {} order by time) to stdout (format binary)").format(table(TYPE))
        async with cursor.copy(ordered) as out:
            parts.extend([bytes(part) async for part in out])  # a row each; the head before the first, the tail alone
        given = parts[0].removeprefix(HEAD), *parts[1:-1]
        began = time.monotonic()
        for start in range(0, len(given), AT_ONCE):
            async with cursor.copy(SQL("copy public.alone from stdin (format binary)")) as copy:
                await copy.write(HEAD + b"".join(given[start : start + AT_ONCE]) + TAIL)
        took = time.monotonic() - began
        await connection.execute(SQL("drop table public.alone"))
        return len(given) / took


async def _pack(database: Database) -> None:
    """Put all chunks of frames and readings into the columnstore."""
    async with database.connection() as connection:
        for name in ("penfeld.uplink", f"readings.{TYPE}"):
            await connection.execute(
                SQL("select compress_chunk(c, true) from show_chunks({}) as c").format(Literal(name))
            )
