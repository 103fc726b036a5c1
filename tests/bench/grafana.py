"""Every panel of the generated boards, over the city of streetlights of ``tests.bench.queries``.

Rules:

1. Each figure ``grafana.<board>.<view>`` is the 95th percentile of the slowest panel of a board, asked as Grafana asks:
   as the role that only reads, over its own connection, macros and choices put in. Standard error tells each panel.
2. Views: a day, a week and a month by district, a week of one district, a day and a month of three devices.
3. Beside it stands the goal: 100 ms.
"""

import asyncio
import contextlib
import os
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL

from dashboards.board import Setting
from dashboards.generated import boards
from decoders.catalogue import Catalogue
from model.device import DeviceType
from storage import reader
from storage.connection import Database
from tests.bench import lamps
from tests.bench.figure import Figure, Size
from tests.bench.lamps import DISTRICTS, PERIOD, Lamps
from tests.bench.progress import tell
from tests.bench.queries import SIZES
from tests.bench.servers import SETTINGS, temporary_folder
from tests.fakes.grafana_macros import View, expand
from tests.integration.fix_database import Cluster, admin, bindir_with_timescaledb, make_cluster
from tests.unit.dashboards.asked import Asked, asked

GOAL_MS = 100.0
CALLS = {Size.TINY: 3, Size.SHORT: 12, Size.FULL: 20}
WARM = 2
WIDTH = 1000
"""Points that a panel asks for."""
_DATABASE = "boards"
_PASSWORD = "of a database that is thrown away"  # noqa: S105
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_ALL = {"district": "'*'", "experiment": "'*'"}


def figures(size: Size) -> Iterator[Figure]:
    """Yield what the slowest panel of each board takes, on each engine that is there."""
    count, days, _ = SIZES[size]
    now = datetime.now(UTC)
    city = Lamps(count=count, days=days, end=now - (now - datetime(2020, 1, 1, tzinfo=UTC)) % PERIOD)
    there = os.environ.get("PENFELD_TEST_DSN") or bindir_with_timescaledb()
    engines = [("timescaledb", "")] if there else []
    engines += [("embedded", ".postgresql" if engines else "")]
    for kind, ending in engines:
        with temporary_folder() as folder:
            cluster = make_cluster(kind, folder, SETTINGS)
            try:
                device_type = asyncio.run(_build(cluster, city))
                with psycopg.connect(
                    make_conninfo(cluster.dsn(_DATABASE), user=reader.ROLE, password=_PASSWORD), autocommit=True
                ) as guest:
                    yield from measured(guest, city, device_type, CALLS[size], ending)
                admin(cluster, SQL("drop database {} with (force)"), _DATABASE)
            finally:
                with contextlib.suppress(subprocess.CalledProcessError):
                    cluster.stop()


def measured(
    guest: psycopg.Connection[Any], city: Lamps, device_type: DeviceType, calls: int, ending: str
) -> Iterator[Figure]:
    """Ask every panel in every view; yield a figure for each board and view."""
    chance = random.Random(2026)  # noqa: S311 -- chance, no secret
    names = [device.id for device in city.devices()]
    for board in boards([device_type], Setting("fr")):
        every = list(asked(board))
        for name, view in views(city):
            times = {one.where: _p95(guest, one, view, names, chance, calls) for one in every}
            where, slowest = max(times.items(), key=lambda each: each[1])
            for panel, took in sorted(times.items(), key=lambda each: -each[1]):
                tell(f"{board.uid} {name}{ending}: {took:.1f} ms  {panel}")
            yield Figure(f"grafana.{board.uid}.{name}{ending}", slowest, "ms", f"the goal; slowest: {where}", GOAL_MS)


def views(city: Lamps) -> Sequence[tuple[str, View]]:
    """Return what people look at."""
    month = min(30.0, city.days - 1)
    found = []
    for name, days, by, district in (
        ("day", 1.0, "district", None),
        ("week", min(7.0, month), "district", None),
        ("week_one_district", min(7.0, month), "district", DISTRICTS[1]),
        ("month", month, "district", None),
        ("day_devices", 1.0, "device", None),
        ("month_devices", month, "device", None),
    ):
        width = timedelta(days=days)
        wanted = width.total_seconds() / WIDTH
        step = next((each for each in _STEPS_S if each >= wanted), _STEPS_S[-1])
        raw = _ALL if district is None else {"experiment": "'*'"}
        values: dict[str, str | Sequence[str]] = {"by": by, "type": "penfeld_streetlight", "field": "power_w"}
        if district is not None:
            values["district"] = [district]
        found.append((name, View(city.end - width, city.end, timedelta(seconds=step), values, raw)))
    return found


async def _build(cluster: Cluster, city: Lamps) -> DeviceType:
    device_type = Catalogue.builtin()["penfeld_streetlight"].type
    admin(cluster, SQL("drop database if exists {} with (force)"), _DATABASE)
    admin(cluster, SQL("create database {}"), _DATABASE)
    async with Database(cluster.dsn(_DATABASE), max_size=2) as database:
        await lamps.build(database, cluster.dsn(_DATABASE), city, device_type)
        await reader.let_log_in(database, _PASSWORD)
    return device_type


def _p95(
    guest: psycopg.Connection[Any],
    one: Asked,
    view: View,
    names: Sequence[str],
    chance: random.Random,
    calls: int,
) -> float:
    """Return the 95th percentile of the time of one query, ms; each call is of other devices."""
    times = []
    for number in range(WARM + calls):
        alone = one.board == "penfeld-device"
        devices = names[chance.randrange(len(names))] if alone else chance.sample(names, min(3, len(names)))
        sql = expand(one.sql, replace(view, values={**view.values, "device": devices})).encode()
        began = time.perf_counter()
        guest.execute(sql).fetchall()
        if number >= WARM:
            times.append((time.perf_counter() - began) * 1e3)
    return sorted(times)[max(0, -(-95 * len(times) // 100) - 1)]
