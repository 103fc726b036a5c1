"""The queries that dashboards make, over a city of streetlights that has run for weeks.

Rules:

1. Each figure ``query.<name>`` is the 95th percentile of the time of a whole call of ``storage.dashboards``, rows made
   into values included, over devices and ranges that chance chooses; caches are warm, as those of a dashboard are.
2. Beside it stands the 95th percentile of the same question asked of the readings themselves in SQL, in the same
   database and the same run, in turns; the slow ones less often. For the map it is ``Queries.latest``, which tells all.
3. On TimescaleDB, where there is one, older chunks are in the columnstore; figures of plain PostgreSQL end in
   ``.postgresql``.
"""

import asyncio
import contextlib
import math
import os
import random
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.sql import SQL

from decoders.catalogue import Catalogue
from model.device import DeviceType
from storage.connection import Database
from storage.dashboards import Dashboards, DashboardsConfig
from storage.queries import Queries
from tests.bench import lamps
from tests.bench.figure import Figure, Size
from tests.bench.lamps import PERIOD, ZONE, Lamps
from tests.bench.progress import tell
from tests.bench.servers import SETTINGS, temporary_folder
from tests.integration.fix_database import Cluster, admin, bindir_with_timescaledb, make_cluster

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WARM = 5
"""Calls before those that count."""
SIZES = {Size.TINY: (20, 3.0, 5), Size.SHORT: (1000, 10.4, 50), Size.FULL: (5000, 41.7, 100)}
"""Lamps, days of readings, and calls of each question."""
_DATABASE = "city"
Ask = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Question:
    """One query of a dashboard, and the same asked of the readings, in a ``share`` of the calls."""

    name: str
    ask: Ask
    beside: str
    other: Ask
    share: float = 1.0


def figures(size: Size) -> Iterator[Figure]:
    """Yield what each question takes on each engine that is there."""
    count, days, calls = SIZES[size]
    now = datetime.now(UTC)
    city = Lamps(count=count, days=days, end=now - (now - datetime(2020, 1, 1, tzinfo=UTC)) % PERIOD)
    there = os.environ.get("PENFELD_TEST_DSN") or bindir_with_timescaledb()
    engines = [("timescaledb", "")] if there else []
    engines += [("embedded", ".postgresql" if engines else "")]
    for kind, ending in engines:
        with temporary_folder() as folder:
            cluster = make_cluster(kind, folder, SETTINGS)
            try:
                yield from asyncio.run(measure(cluster, city, calls, ending))
                admin(cluster, SQL("drop database {} with (force)"), _DATABASE)
            finally:
                with contextlib.suppress(subprocess.CalledProcessError):
                    cluster.stop()


async def measure(cluster: Cluster, city: Lamps, calls: int, ending: str) -> list[Figure]:
    """Make the city, ask, and return the figures."""
    device_type = Catalogue.builtin()["penfeld_streetlight"].type
    admin(cluster, SQL("drop database if exists {} with (force)"), _DATABASE)
    admin(cluster, SQL("create database {}"), _DATABASE)
    async with Database(cluster.dsn(_DATABASE), max_size=2) as database:
        await lamps.build(database, cluster.dsn(_DATABASE), city, device_type)
        found = []
        for question in questions(_Asking(database, city, device_type), city.days):
            times, others = await asked(question, calls)
            tell(
                f"query.{question.name}{ending}: p50 {_at(times, 0.5):.1f} ms, p95 {_at(times, 0.95):.1f} ms,"
                f" beside p50 {_at(others, 0.5):.1f} ms"
            )
            found.append(
                Figure(f"query.{question.name}{ending}", _at(times, 0.95), "ms", question.beside, _at(others, 0.95))
            )
        return found


async def asked(question: Question, calls: int) -> tuple[list[float], list[float]]:
    """Return how long each call took, of the question and of the other one, in ms."""
    for _ in range(WARM):
        await question.ask()
    every = max(1, round(1 / question.share))
    times, others = [], []
    for number in range(calls):
        times.append(await _timed(question.ask))
        if number % every == 0:
            others.append(await _timed(question.other))
    return times, others


class _Asking:
    """What dashboards ask of one city: each call is of a device and a range that chance chooses."""

    def __init__(self, database: Database, city: Lamps, device_type: DeviceType) -> None:
        self._database = database
        self._city = city
        self._type = device_type
        self._names = [device.id for device in city.devices()]
        self._chance = random.Random(2026)  # noqa: S311 -- chance, no secret
        self._ask = Dashboards(database, clock=lambda: city.end, config=DashboardsConfig(zone=ZONE))
        self._queries = Queries(database)
        self.month = min(timedelta(days=30), timedelta(days=city.days - 2))

    def window(self, span: timedelta) -> dict[str, Any]:
        """Return a range of that length for which there are readings."""
        end = self._city.end - self._chance.random() * max(timedelta(0), timedelta(days=self._city.days - 1) - span)
        return {"start": end - span, "end": end}

    def device(self) -> str:
        """Return the id of a device."""
        return self._chance.choice(self._names)

    def by_hand(self, query: SQL, span: timedelta) -> Ask:
        """Return the call of this SQL."""
        return lambda: self._database.fetch(query, {**self.window(span), "device": self.device()})

    def series(self, span: timedelta, *fields: str) -> Ask:
        """Return the call for fields of one device."""
        return lambda: self._ask.series(self._type, devices=[self.device()], fields=fields, **self.window(span))

    def groups(self, span: timedelta, field: str, *, by_district: bool = False) -> Ask:
        """Return the call for a field of the city or its districts."""
        return lambda: self._ask.groups([self._type], fields=[field], by_district=by_district, **self.window(span))

    def top(self) -> Awaitable[object]:
        """Ask for the largest consumers of a month."""
        return self._ask.top(self._type, "energy_kwh", **self.window(self.month))

    def gaps(self, span: timedelta) -> Ask:
        """Return the call for silences of all devices."""
        return lambda: self._ask.gaps(self._type, **self.window(span))

    def map(self) -> Awaitable[object]:
        """Ask for two fields of every device."""
        return self._ask.newest(self._type, fields=["power_w", "lamp_on"])

    def latest(self) -> Awaitable[object]:
        """Ask for all that is newest of every device."""
        return self._queries.latest(device_type=self._type.name)


def questions(of: _Asking, days: float) -> Sequence[Question]:
    """Return what is measured over so many days of readings."""
    grouped = "grouped from the readings"
    month, day = of.month, timedelta(days=1)
    return (
        Question("device_day", of.series(day, "power_w"), "the rows of the readings alone", of.by_hand(_DAY, day)),
        Question("device_month", of.series(month, "power_w"), grouped, of.by_hand(_DEVICE, month), 0.2),
        Question("city_month", of.groups(month, "power_w"), grouped, of.by_hand(_CITY, month), 0.03),
        Question(
            "districts_year",
            of.groups(timedelta(days=365), "energy_kwh", by_district=True),
            f"from the readings of {days:.0f} days",
            of.by_hand(_DISTRICTS, timedelta(days=days)),
            0.01,
        ),
        Question("map", of.map, "all fields, by Queries.latest", of.latest, 0.2),
        Question("top_month", of.top, "largest less smallest of the readings", of.by_hand(_TOP, month), 0.03),
        Question("gaps_day", of.gaps(day), "neighbouring readings, too far apart", of.by_hand(_GAPS, day), 0.05),
        Question("gaps_month", of.gaps(month), "neighbouring readings, too far apart", of.by_hand(_GAPS, month), 0.01),
    )


async def _timed(ask: Ask) -> float:
    began = time.perf_counter()
    await ask()
    return (time.perf_counter() - began) * 1e3


def _at(times: Sequence[float], share: float) -> float:
    """Return the time that this share of the calls did not exceed."""
    return sorted(times)[max(0, math.ceil(share * len(times)) - 1)]


_DAY = SQL(
    """select time, power_w from readings.penfeld_streetlight
    where device = (select key from penfeld.device where id = %(device)s) and time >= %(start)s and time < %(end)s
    order by time"""
)
_DEVICE = SQL(
    """select date_trunc('hour', time), count(power_w), avg(power_w), min(power_w), max(power_w)
    from readings.penfeld_streetlight
    where device = (select key from penfeld.device where id = %(device)s) and time >= %(start)s and time < %(end)s
    group by 1 order by 1"""
)
_CITY = SQL(
    """select date_trunc('hour', time), count(power_w), avg(power_w), min(power_w), max(power_w)
    from readings.penfeld_streetlight where time >= %(start)s and time < %(end)s group by 1 order by 1"""
)
_DISTRICTS = SQL(
    """select date_trunc('day', time, 'Europe/Paris'), d.district,
        sum(case when now >= before then now - before else now end)
    from (
        select device, time, energy_kwh as now, lag(energy_kwh) over (partition by device order by time) as before
        from readings.penfeld_streetlight where time >= %(start)s and time < %(end)s
    ) as r join penfeld.device as d on d.key = r.device where before is not null group by 1, 2 order by 1, 2"""
)
_TOP = SQL(
    """select d.id, d.name, d.district, t.grown from (
        select device, max(energy_kwh) - min(energy_kwh) as grown
        from readings.penfeld_streetlight where time >= %(start)s and time < %(end)s group by device
    ) as t join penfeld.device as d on d.key = t.device order by grown desc limit 20"""
)
_GAPS = SQL(
    """select device, before, time from (
        select device, time, lag(time) over (partition by device order by time) as before
        from readings.penfeld_streetlight where time >= %(start)s and time < %(end)s
    ) as t where time - before > interval '22.5 minutes'"""
)
