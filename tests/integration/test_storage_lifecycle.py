"""Rollups, columnstore and retention, on every engine: the same names, the same contents."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from psycopg.sql import SQL

from model.device import DeviceType
from storage.connection import Database, rows
from storage.rollups import DAY, GROUP_LEVELS, HOUR, LEVELS
from storage.statements import statement
from storage.upkeep import Round, Upkeep
from tests.integration.rollup_days import FAST, SLOW, city, clock, plain, plain_group, stored, write

DISTRICTS = {1: "north", 2: "south", 3: ""}
SPRING = datetime(2026, 3, 28, 12, tzinfo=UTC)
"""The night after has an hour less."""
AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC)
"""The night after has an hour more."""


def days_of(start: datetime, step: timedelta, *, hours: int, seed: int) -> list[dict[str, Any]]:
    """Return readings of three devices, with gaps, flags, absent values, and counters that start again."""
    random = Random(seed)  # noqa: S311 -- test data
    found = []
    for device in (1, 2, 3):
        energy, pulses = 1000.0 * device, 50 * device
        for number in range(int(timedelta(hours=hours) / step)):
            time = start + number * step + timedelta(seconds=device, milliseconds=random.randrange(400))
            energy += random.randrange(9) / 8
            pulses += random.randrange(4)
            if random.random() < 0.01:
                energy, pulses = random.randrange(3) / 8, 0
            if random.random() < 0.2:
                continue
            found.append(
                {
                    "device": device,
                    "time": time,
                    "simulated": device == 2,
                    "flags": ["power_w:range"] if random.random() < 0.1 else None,
                    "power_w": random.randrange(800) / 8 if random.random() < 0.9 else None,
                    "steps": random.randrange(100),
                    "lamp_on": random.random() < 0.5 if random.random() < 0.7 else None,
                    "role": "street",
                    "energy_kwh": energy if random.random() < 0.8 else None,
                    "pulses": pulses,
                }
            )
    return found


async def check(database: Database, of: DeviceType, readings: Sequence[dict[str, Any]]) -> None:
    """Compare all rollups of a type with those computed plainly."""
    for level in LEVELS:
        assert plain(of, level, readings) == await stored(database, of, level), level
    for level in GROUP_LEVELS:
        assert plain_group(of, level, readings, DISTRICTS) == await stored(database, of, level, group=True), level


@pytest.mark.parametrize("start", [SPRING, AUTUMN], ids=["spring", "autumn"])
async def test_rollups(database: Database, start: datetime) -> None:
    """All rollups hold what their readings say, on both engines, through days of 23 and 25 hours."""
    await city(database, SLOW)
    readings = days_of(start, timedelta(minutes=15), hours=72, seed=1)
    await write(database, SLOW, readings)

    done = await Upkeep(database, [SLOW], clock(start + timedelta(hours=60))).round()

    assert done.left == 0
    assert done.hours > 60
    await check(database, SLOW, readings)
    buckets = {row["bucket"] for row in await stored(database, SLOW, DAY)}
    lengths = {(b - a) for a, b in zip(sorted(buckets), sorted(buckets)[1:], strict=False)}
    assert timedelta(hours=23 if start is SPRING else 25) in lengths


async def test_fast_type(database: Database) -> None:
    """Types that send often have their finest rollups for real, and all rollups say what their readings say."""
    await city(database, FAST)
    readings = days_of(SPRING + timedelta(hours=9), timedelta(seconds=150), hours=5, seed=2)
    await write(database, FAST, readings)

    await Upkeep(database, [FAST], clock(SPRING + timedelta(hours=16))).round()

    for level in LEVELS:
        assert plain(FAST, level, readings) == await stored(database, FAST, level), level
    found = await stored(database, FAST, HOUR, group=True)
    expected = plain_group(FAST, HOUR, readings, DISTRICTS)
    for row in (*found, *expected):  # restarts within a bucket of the finest level are seen, not measured
        del row["energy_kwh_delta"], row["pulses_delta"]
    assert found == expected


async def test_late_readings(database: Database) -> None:
    """Readings that come late are in all rollups after the next round, and in the counters of the hours behind them."""
    await city(database, SLOW)
    readings = days_of(SPRING, timedelta(minutes=15), hours=60, seed=3)
    late = [r for r in readings if r["time"].hour in {3, 4} or (r["device"] == 3 and r["time"].day == 29)]
    upkeep = Upkeep(database, [SLOW], clock(SPRING + timedelta(hours=60)))
    await write(database, SLOW, [r for r in readings if r not in late])
    await upkeep.round()
    await write(database, SLOW, late)

    done = await upkeep.round()

    assert 0 < done.hours < 60
    await check(database, SLOW, readings)


async def test_nothing_to_do(database: Database) -> None:
    """A round without changes computes nothing; while one process is at it, others leave it alone."""
    await city(database, SLOW)
    upkeep = Upkeep(database, [SLOW], clock(SPRING))
    await write(database, SLOW, days_of(SPRING - timedelta(hours=6), timedelta(minutes=15), hours=3, seed=4))
    await upkeep.round()

    assert (await upkeep.round()) == Round()

    async with database.connection() as connection:
        await rows(connection, statement("lock_upkeep"))
        assert (await upkeep.round()).elsewhere
        await connection.execute(statement("unlock_upkeep"))
    assert not (await upkeep.round()).elsewhere


async def test_unused_types(database: Database) -> None:
    """Rollups are made for types that are in use: with a device or with readings, and for no other."""
    other = replace(SLOW, name="other")
    orphaned = replace(SLOW, name="orphaned")
    await city(database, SLOW, other, orphaned)
    await write(database, orphaned, days_of(SPRING, timedelta(hours=1), hours=3, seed=5))
    await database.fetch(SQL("delete from penfeld.changed_hour returning 1"))

    done = await Upkeep(database, [SLOW, other, orphaned], clock(SPRING + timedelta(days=1))).round()

    made = {line.split(".")[1].split("_")[0] for line in done.made if line.startswith("rollup ")}
    assert made == {"meter", "orphaned"}
    assert len(await stored(database, orphaned, DAY, group=True)) == 3


async def test_district_changes(database: Database) -> None:
    """What was computed keeps the district that a device was in then, until it is asked to be computed again."""
    await city(database, SLOW)
    readings = days_of(SPRING, timedelta(minutes=15), hours=12, seed=6)
    upkeep = Upkeep(database, [SLOW], clock(SPRING + timedelta(days=3)))
    await write(database, SLOW, readings)
    await upkeep.round()
    async with database.transaction() as connection:
        await connection.execute("update penfeld.device set district = 'west' where key = 1")

    await upkeep.round()
    await check(database, SLOW, readings)
    hours = await upkeep.refresh("meter", SPRING, SPRING + timedelta(hours=12))
    await upkeep.round()

    assert hours == 12
    moved = {**DISTRICTS, 1: "west"}
    for level in GROUP_LEVELS:
        assert plain_group(SLOW, level, readings, moved) == await stored(database, SLOW, level, group=True)


async def test_narrow_form(database: Database) -> None:
    """One view has all values of all types in use, a row each: numbers, states as 0 and 1, texts."""
    await city(database, SLOW)
    reading = {"device": 1, "time": SPRING, "power_w": 1.5, "steps": 2, "lamp_on": True, "role": "street"}
    await write(database, SLOW, [reading])
    await Upkeep(database, [SLOW], clock(SPRING)).round()

    found = await database.fetch(SQL("select * from penfeld.reading_values order by field"))

    assert found == [
        (1, "meter", SPRING, "lamp_on", 1.0, None, False),
        (1, "meter", SPRING, "power_w", 1.5, None, False),
        (1, "meter", SPRING, "role", None, "street", False),
        (1, "meter", SPRING, "steps", 2.0, None, False),
    ]
