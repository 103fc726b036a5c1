"""Dashboards of the real database: they keep the promises, and agree with the fake on a city of chance."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from model.ports import Dashboards as AnyDashboards
from model.resolution import Kept, Resolution
from model.uplink import Value
from model.views import Chart, Gap, GapReport, Ranking
from storage.connection import Database
from storage.dashboards import Dashboards, DashboardsConfig
from storage.registry import Registry
from storage.tables import prepare
from storage.upkeep import Upkeep
from storage.writer import Writer
from tests.fakes.dashboards import Dashboards as FakeDashboards
from tests.fakes.memory import Memory
from tests.fakes.registry import Registry as FakeRegistry
from tests.unit.storage.batches import SECOND
from tests.unit.storage.dashboard_promises import (
    BALLAST,
    DAY,
    FOR_EVER,
    HOUR,
    LAMP,
    MIDNIGHT,
    MINUTE,
    NOW,
    PARIS,
    TYPES,
    City,
    DashboardPromises,
    Question,
    Said,
    lamp,
)


@pytest.fixture
async def city(database: Database) -> City:
    await prepare(database, TYPES)
    upkeep = Upkeep(database, TYPES, lambda: NOW)

    async def refresh() -> None:
        assert (await upkeep.round()).left == 0

    return City(
        sink=Writer(database, "worker-1"),
        registry=Registry(database),
        dashboards=lambda kept: dashboards(database, kept),
        refresh=refresh,
    )


def dashboards(database: Database, kept: Kept = FOR_EVER, *, scanned: int = 150_000, now: datetime = NOW) -> Dashboards:
    config = DashboardsConfig(zone=PARIS, kept=lambda _type: kept, most_scanned=scanned)
    return Dashboards(database, clock=lambda: now, config=config)


class TestPostgreSQL(DashboardPromises):
    """Everything in PostgreSQL, with and without TimescaleDB."""


async def test_the_answer_names_what_it_was_read_from(city: City) -> None:
    """Readings, the rollup of the device, that of the group; a second type is named beside."""
    await city.hear(
        [lamp("a"), lamp("b", of="ballast")],
        [("a", MIDNIGHT, {"power_w": 1.0}), ("b", MIDNIGHT, {"power_w": 1.0})],
    )
    end = MIDNIGHT + DAY

    async def sources(resolution: Resolution) -> Sequence[str]:
        chart = await city.ask.series(LAMP, devices=["a"], start=MIDNIGHT, end=end, resolution=resolution)
        return chart.sources

    groups = await city.ask.groups([LAMP, BALLAST], start=MIDNIGHT, end=end, fields=["power_w"])

    assert [await sources(each) for each in (Resolution.RAW, Resolution.HOUR)] == [
        ("readings.lamp",),
        ("rollups.lamp_1h",),
    ]
    assert groups.sources == ("rollups.lamp_1h_group", "rollups.ballast_1h_group")


async def test_gaps_of_many_devices_are_found_by_rollups(city: City, database: Database) -> None:
    """Where readings are too many, days and hours tell how complete the devices are, and when they were silent."""
    quarter = 15 * MINUTE
    said: list[Said] = [("good", MIDNIGHT + n * quarter, {"steps": n}) for n in range(-1, 3 * 96)]
    silent = range(96, 96 + 9 * 4)
    said += [("bad", time, values) for name, time, values in said if values["steps"] not in silent]
    said += [("more", MIDNIGHT + n * quarter / 3, {"steps": n}) for n in range(-1, 3 * 96)]
    await city.hear([lamp("good"), lamp("bad"), lamp("more")], said)
    by_day = dashboards(database, scanned=2 * 72)
    by_hour = dashboards(database, scanned=2 * 3 * 72)
    end = MIDNIGHT + 3 * DAY

    coarse = await by_day.gaps(LAMP, start=MIDNIGHT + HOUR, end=end)
    fine = await by_hour.gaps(LAMP, start=MIDNIGHT, end=end)
    mixed = await by_day.gaps(LAMP, start=MIDNIGHT, end=end, limit=1)
    yesterday = dashboards(database, scanned=2 * 72, now=MIDNIGHT + 2 * DAY + 5 * HOUR)
    until_now = await yesterday.gaps(LAMP, start=MIDNIGHT, end=end)

    assert (coarse.resolution, coarse.widened, coarse.sources) == (Resolution.DAY, True, ("rollups.lamp_1d",))
    assert [(each.device, each.expected, each.received) for each in coarse.worst] == [
        ("more", 288, 96),
        ("bad", 288, 252),
        ("good", 288, 288),
    ]
    assert [each.gaps for each in coarse.worst] == [[Gap(start=MIDNIGHT + DAY, end=end, missing=192)], [], []]
    assert (fine.resolution, fine.sources) == (Resolution.HOUR, ("rollups.lamp_1h",))
    assert [(each.device, each.received, each.gaps) for each in fine.worst[1:]] == [
        ("bad", 252, [Gap(start=MIDNIGHT + DAY, end=MIDNIGHT + DAY + 9 * HOUR, missing=36)]),
        ("good", 288, []),
    ]
    assert (until_now.resolution, until_now.end) == (Resolution.DAY, MIDNIGHT + 2 * DAY)
    assert mixed.resolution is Resolution.HOUR
    assert [each.device for each in mixed.worst] == ["more"]


async def test_a_day_of_23_hours_expects_less(city: City, database: Database) -> None:
    """On the day when summer time begins, whoever spoke all day is complete."""
    saturday, tuesday = (datetime(2026, 3, day, tzinfo=PARIS).astimezone(UTC) for day in (28, 31))
    quarters = (tuesday - saturday) // (15 * MINUTE)
    await city.hear([lamp("a")], [("a", saturday + n * 15 * MINUTE, {"steps": n}) for n in range(quarters)])

    report = await dashboards(database, scanned=2).gaps(LAMP, start=saturday, end=tuesday)

    assert (report.resolution, report.start, report.end) == (Resolution.DAY, saturday, tuesday)
    assert [(each.expected, each.received, each.gaps) for each in report.worst] == [(284, 284, [])]


async def test_a_city_of_chance_reads_as_the_fake_reckons(city: City) -> None:
    """Values, absences, counters that start again, late frames, both marks: every chart is that of the readings."""
    chance = random.Random(2026)  # noqa: S311 -- chance, no secret
    memory = Memory()
    fake = FakeDashboards(memory, now=lambda: NOW)
    other = City(sink=memory, registry=FakeRegistry(memory), dashboards=lambda _: fake, refresh=nothing)
    devices = [lamp(f"lamp-{n}", chance.choice([None, "Bellevue", "Europe"]), simulated=n == 0) for n in range(5)]
    said = said_by_chance(chance, [each.id for each in devices], days=2)
    for part in (said[::2], said[1::2]):
        await city.hear(devices, part)
        await other.hear(devices, part)

    for _ in range(15):
        for given, expected in await ask_both(chance, city.ask, fake, [each.id for each in devices]):
            assert flat(given) == flat(expected)
    start = MIDNIGHT + chance.randrange(24 * 60) * MINUTE
    assert flat(await city.ask.gaps(LAMP, start=start, end=start + DAY)) == flat(
        await fake.gaps(LAMP, start=start, end=start + DAY)
    )
    assert await city.ask.newest(LAMP) == await fake.newest(LAMP)


async def ask_both(
    chance: random.Random, real: AnyDashboards, fake: AnyDashboards, names: Sequence[str]
) -> list[tuple[Chart | Ranking, Chart | Ranking]]:
    """Return what both answer to the same three questions."""
    start = MIDNIGHT + chance.randrange(2 * 24 * 60) * MINUTE
    question: Question = {
        "start": start,
        "end": start + chance.choice([HOUR, 7 * HOUR, DAY, 3 * DAY]),
        "simulated": chance.choice([None, True, False]),
        "resolution": chance.choice([None, *Resolution]),
    }
    fields = chance.sample(["power_w", "energy_kwh", "switch_count", "steps", "lamp_on"], 2)
    some = chance.sample(names, 2)
    places: Question = {"districts": chance.choice([(), ("Europe",), ("", "Bellevue")])}
    by_district = chance.random() < 0.5
    found: list[list[Chart | Ranking]] = [
        [
            await each.series(LAMP, devices=some, fields=fields, **question),
            await each.groups([LAMP], fields=fields, by_district=by_district, **question, **places),
            await each.top(LAMP, "energy_kwh", limit=3, **question, **places),
        ]
        for each in (real, fake)
    ]
    return list(zip(*found, strict=True))


async def nothing() -> None:
    """Leave the fake as it is: it has no rollups."""


def said_by_chance(chance: random.Random, names: Sequence[str], *, days: int) -> list[Said]:
    """Return days of what devices say: counters grow, and start again once."""
    energy = dict.fromkeys(names, 5000.0)
    again = {name: chance.randrange(days * 96) for name in names}
    said: list[Said] = []
    for number in range(days * 96):
        for name in names:
            energy[name] = 0.0 if number == again[name] else energy[name] + chance.randrange(8) / 4
            values: dict[str, Value] = {
                "power_w": chance.randrange(-40, 400) / 4,
                "energy_kwh": energy[name],
                "switch_count": number,
                "steps": chance.randrange(10),
                "lamp_on": chance.random() < 0.3,
            }
            if chance.random() < 0.9:
                kept = {key: value for key, value in values.items() if chance.random() < 0.8}
                said.append((name, MIDNIGHT + number * 15 * MINUTE + chance.randrange(300) * SECOND, kept))
    return said


def flat(answer: Chart | Ranking | GapReport) -> list[object]:
    """Return all values of an answer, floats approximate, without the names of tables."""
    return [
        pytest.approx(value, abs=1e-9) if isinstance(value, float) else value
        for value in _values(msgspec.to_builtins(answer) | {"sources": ()})
    ]


def _values(node: object) -> Iterator[object]:
    match node:
        case dict():
            for value in node.values():
                yield from _values(value)
        case list() | tuple():
            yield len(node)
            for value in node:
                yield from _values(value)
        case _:
            yield node
