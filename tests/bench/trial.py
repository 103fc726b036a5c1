"""A rule tried on a month of lamps at fifteen minutes, beside COPY of the columns that it reads.

1. ``trial``: one threshold on one field over all lamps (power above 120 W for half an hour: the strongest ones, every
   night), from the question to the answer, other limits included. ``trial.all``: a rule for which every reading
   matters. Seconds; median of the rounds.
2. Beside it the same rows and columns by binary ``COPY … TO``, as fast as the driver hands them over: less cannot be
   read. In turns.
"""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from alerts.backtest import trial
from alerts.compiled import Place, World
from decoders.catalogue import Catalogue
from model.rule import rule_of
from storage.alerts import AlertStore
from storage.connection import Database
from tests.bench import lamps
from tests.bench.figure import Figure, Size, middle
from tests.bench.lamps import Lamps
from tests.bench.progress import tell
from tests.bench.servers import temporary_folder
from tests.integration.fix_database import SETTINGS, admin, bindir_with_timescaledb, make_cluster

FULL_ONLY = True
"""`make bench` is to end within five minutes."""
SIZES: Mapping[Size, tuple[int, float, int]] = {
    Size.TINY: (20, 2.0, 1),
    Size.SHORT: (500, 6.0, 3),
    Size.FULL: (5_000, 30.0, 5),
}
"""Lamps, days, rounds."""
_DATABASE = "trial"
_TYPE = "penfeld_streetlight"
_FIELD = "power_w"
_RULE = {"name": "voltage", "title": {"en": "Voltage", "fr": "Tension"}, "scope": {"type": [_TYPE]}}
PERIOD = timedelta(minutes=15)


def figures(size: Size) -> Iterator[Figure]:
    """Yield what a trial takes."""
    count, days, rounds = SIZES[size]
    now = datetime.now(UTC)
    city = Lamps(count=count, days=days, end=now - (now - datetime(2020, 1, 1, tzinfo=UTC)) % PERIOD)
    there = os.environ.get("PENFELD_TEST_DSN") or bindir_with_timescaledb()
    engines = [("timescaledb", "")] if there else []
    engines += [("embedded", ".postgresql" if engines else "")] if size is not Size.SHORT or not engines else []
    for kind, ending in engines:
        with temporary_folder() as folder:
            cluster = make_cluster(kind, folder, SETTINGS)
            try:
                admin(cluster, SQL("drop database if exists {} with (force)"), _DATABASE)
                admin(cluster, SQL("create database {}"), _DATABASE)
                yield from asyncio.run(_measure(cluster.dsn(_DATABASE), city, rounds, ending))
                admin(cluster, SQL("drop database {} with (force)"), _DATABASE)
            finally:
                with contextlib.suppress(subprocess.CalledProcessError):
                    cluster.stop()


async def _measure(dsn: str, city: Lamps, rounds: int, ending: str) -> list[Figure]:
    device_type = Catalogue.builtin()[_TYPE].type
    rules = {
        "": {"kind": "threshold", "field": _FIELD, "above": 120.0, "clear": 110.0, "for": "30 min"},
        ".all": {"kind": "rate", "field": _FIELD, "per": "1 h", "beyond": 400.0},
    }
    async with Database(dsn, max_size=4) as database:
        await lamps.build(database, dsn, city, device_type)
        took: dict[str, list[float]] = {name: [] for name in rules}
        copied = []
        for _ in range(rounds):
            for name, when in rules.items():
                rule = rule_of({**_RULE, "when": when})
                store = AlertStore(database)
                began = time.monotonic()
                world = World({_TYPE: device_type}, await store.members())
                found = await trial(rule, city.start, city.end, store=store, world=world, place=Place())
                took[name].append(time.monotonic() - began)
                tell(f"trial{name}: {found.readings:,} readings read, {found.alarms:,} alarms: {took[name][-1]:.2f} s")
            copied.append(await asyncio.to_thread(_copied, dsn, city))
            tell(f"COPY {copied[-1]:.2f} s")
    beside = "COPY of the same columns"
    return [Figure(f"trial{name}{ending}", middle(some), "s", beside, middle(copied)) for name, some in took.items()]


def _copied(dsn: str, city: Lamps) -> float:
    query = SQL(
        "copy (select device, time, {} from {} where time >= {} and time < {}) to stdout (format binary)"
    ).format(
        Identifier(_FIELD),
        Identifier("readings", _TYPE),
        Literal(city.start.isoformat()),
        Literal(city.end.isoformat()),
    )
    began = time.monotonic()
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor, cursor.copy(query) as copy:
        for _ in copy:
            pass
    return time.monotonic() - began
