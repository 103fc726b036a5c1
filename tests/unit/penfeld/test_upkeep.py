"""What runs beside ingest: what it goes by, and that its failures are its own."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from model.errors import ConfigError, UnavailableError
from model.retention import Retention
from penfeld.config import Config, RetentionSettings, TypeRetention
from penfeld.upkeep import Repeated, told, upkeep_config
from storage.upkeep import Round
from tests.unit.storage.batches import METER, PROBE


def days(number: int) -> timedelta:
    return timedelta(days=number)


def test_the_narrowest_word_counts() -> None:
    """What penfeld.toml says of a type wins over its device file, and that over what penfeld.toml says of all."""
    config = Config(
        retention=RetentionSettings(readings=days(30), rollups_1h=days(300), uplink=days(9)),
        retention_types={"probe": TypeRetention(ages={"readings": days(60)}, place="")},
    )
    probe = replace(PROBE, retention=Retention({"readings": days(90), "rollups_1h": None}))

    found = upkeep_config(config, [probe, METER])

    assert (found.of("probe").readings, found.of("probe").rollup("1h")) == (days(60), None)
    assert (found.of("meter").readings, found.of("meter").rollup("1h")) == (days(30), days(300))
    assert (found.uplink, found.of("meter").rollup("1d")) == (days(9), None)


def test_a_type_that_there_is_not_is_told_with_its_line() -> None:
    """A mistyped device type must not silently keep for ever."""
    config = Config(retention_types={"lampp": TypeRetention(ages={}, place="penfeld.toml:7")})

    with pytest.raises(ConfigError, match=r"penfeld.toml:7: 'lampp' is no device type"):
        upkeep_config(config, [PROBE])


async def test_a_step_that_fails_is_one_line_and_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """The same trouble is told once, also trouble of our own making; then that it works again."""
    caplog.set_level(logging.INFO)
    failures: list[Exception] = [UnavailableError("gone"), UnavailableError("gone"), ZeroDivisionError("ours\nno")]
    done = asyncio.Event()

    async def step() -> bool:
        if failures:
            raise failures.pop(0)
        done.set()
        return True

    running = asyncio.create_task(Repeated("upkeep", step, every_s=0).run())
    await done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert [record.message for record in caplog.records] == [
        "upkeep fails, and is tried again: gone",
        "upkeep fails, and is tried again: ZeroDivisionError: ours no",
        "upkeep works again",
    ]


async def test_a_step_waits_until_ingest_has_caught_up() -> None:
    """Rollups must not take from frames that wait the time they need."""
    behind = [2.0, 0.6, 0.1]
    begun = asyncio.Event()

    async def step() -> bool:
        begun.set()
        return False

    running = asyncio.create_task(Repeated("upkeep", step, behind_s=lambda: behind.pop(0)).run())
    await begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert behind == []


def test_what_is_new_takes_one_line() -> None:
    """A first start makes dozens of rollups and parts: a person who reads the log wants to know that, not each."""
    made = (
        *(f"rollup rollups.lamp_{level}" for level in ("1min", "15min", "1h", "1d")),
        "part partitions.lamp_2026_12",
    )
    old = "part partitions.lamp_2024_01 dropped: older than it is kept"

    assert told(Round(made=(*made, old), too_old=2)) == [
        "new rollups: rollups.lamp_1min, rollups.lamp_15min, rollups.lamp_1h and 1 more",
        "new parts: partitions.lamp_2026_12",
        old,
        "2 hours changed that are older than readings are kept: rollups stay as they are",
    ]
