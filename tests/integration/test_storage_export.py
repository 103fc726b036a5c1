"""Exports and sums of the real database, on every engine: the same rows as pages tell, whatever the slices."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pyarrow as pa
import pytest

from model.errors import ConfigError, UnavailableError
from model.questions import Aggregation
from model.resolution import Resolution
from model.views import Bucket, ReadingRow
from storage.connection import Database
from storage.dashboards import Dashboards, DashboardsConfig
from storage.export import ExportConfig, Exports
from storage.queries import Queries
from storage.upkeep import Upkeep
from tests.integration.rollup_days import PARIS, SLOW, city, write

START = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)  # an hour before the day of 23 hours begins in Paris
NOW = START + timedelta(days=3)
SMALL = ExportConfig(slice_rows=10, most_rows=15)


async def filled(database: Database) -> None:
    """Write two days of three meters, every quarter of an hour, with gaps, flags, texts and simulated rows."""
    await city(database, SLOW)
    readings: list[dict[str, Any]] = [
        {
            "device": device,
            "time": START + timedelta(minutes=15 * step),
            "received_at": START + timedelta(minutes=15 * step, seconds=2, microseconds=5),
            "simulated": device == 3,
            "power_w": None if step % 7 == 0 else device * 100.0 + step / 4,
            "steps": step if step % 5 else None,
            "lamp_on": step % 2 == 0,
            "role": 'köln, "quoted"' if step % 3 == 0 else None,
            "energy_kwh": step * 0.5,
            "pulses": step,
            "flags": ["power_w:range", "time:implausible"] if step % 11 == 0 else None,
        }
        for device, step in product((1, 2, 3), range(192))
        if (device, step % 50) != (2, 3)
    ]
    await write(database, SLOW, readings)
    async with database.connection() as connection:
        await connection.execute("insert into penfeld.codec (device_type, version) values ('meter', 'v1')")


async def exported(database: Database, config: ExportConfig = SMALL, **asked: Any) -> list[ReadingRow]:  # noqa: ANN401  as the port
    """Return what an export tells, as rows."""
    with Exports(database, config) as exports:
        batches = [pa.record_batch(batch) async for batch in exports.batches(SLOW, **asked)]
    names = asked.get("fields") or [field.name for field in SLOW.fields]
    return [
        ReadingRow(
            device=row["device"],
            time=row["time"],
            received_at=row["received_at"],
            values={name: row[name] for name in names},
            flags=tuple(row["flags"] or ()),
            simulated=row["simulated"],
            version=row["version"],
        )
        for batch in batches
        for row in batch.to_pylist()
    ]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"start": START + timedelta(hours=5), "end": START + timedelta(hours=9)},
        {"devices": ["device-2", "device-0"]},
        {"simulated": True},
        {"simulated": False, "fields": ["role", "power_w"]},
        {"start": NOW + timedelta(days=400)},
    ],
)
async def test_an_export_tells_what_pages_tell(database: Database, asked: dict[str, Any]) -> None:
    """Every row once, in order of time, then device, with flags, texts, gaps and versions, in slices and in one."""
    await filled(database)
    paged = await Queries(database).readings(SLOW, limit=10_000, **asked)

    assert await exported(database, **asked) == list(paged.rows)
    assert await exported(database, ExportConfig(), **asked) == list(paged.rows)


async def test_no_batch_is_larger_than_it_may_be(database: Database) -> None:
    """However dense readings are, a slice that holds more than expected is read again in smaller ones."""
    await filled(database)
    config = ExportConfig(slice_rows=200, most_rows=20)

    with Exports(database, config) as exports:
        sizes = [pa.record_batch(batch).num_rows async for batch in exports.batches(SLOW)]

    assert sum(sizes) == 3 * 192 - 4
    assert max(sizes) <= 20


async def test_an_export_of_nobody_is_empty(database: Database) -> None:
    """No devices are not all devices."""
    await filled(database)

    assert await exported(database, devices=[]) == []


async def test_a_missing_table_says_what_to_do(database: Database) -> None:
    """A type whose table was never made is a matter of configuration, said so before any row."""
    with pytest.raises(ConfigError, match="db migrate"):
        await exported(database)


async def test_all_readers_busy_is_told(database: Database) -> None:
    """Who gets no reader in time is told so."""
    await filled(database)

    with pytest.raises(UnavailableError, match="0 exports"):
        await exported(database, ExportConfig(readers=0, wait_s=0.01))


@pytest.mark.parametrize("resolution", [Resolution.HOUR, Resolution.DAY])
@pytest.mark.parametrize("aggregation", ["mean", "min", "max", "sum", "count", "last"])
async def test_buckets_are_reckoned_from_readings(
    database: Database, resolution: Resolution, aggregation: Aggregation
) -> None:
    """Each bucket of each device, page by page, is what its readings give; a day is one of Paris, of 23 hours here."""
    await filled(database)
    assert (await Upkeep(database, [SLOW], lambda: NOW).round()).left == 0
    rows = (await Queries(database).readings(SLOW, limit=10_000)).rows

    found: list[Bucket] = []
    cursor = None
    while cursor or not found:
        page = await dashboards(database).aggregated(
            SLOW,
            start=START,
            end=NOW,
            resolution=resolution,
            aggregation=aggregation,
            fields=["power_w", "steps"],
            limit=7,
            cursor=cursor,
        )
        found += page.rows
        cursor = page.next_cursor

    expected = reckoned(rows, resolution, aggregation)
    assert [(row.time, row.device) for row in found] == [(row.time, row.device) for row in expected]
    for told, plain in zip(found, expected, strict=True):
        assert told.values == pytest.approx(dict(plain.values))


async def test_buckets_of_some_devices(database: Database) -> None:
    """Devices and mark choose whose buckets come."""
    await filled(database)
    assert (await Upkeep(database, [SLOW], lambda: NOW).round()).left == 0

    async def devices(**asked: Any) -> set[str]:  # noqa: ANN401  as the port
        page = await dashboards(database).aggregated(
            SLOW, start=START, end=NOW, resolution=Resolution.HOUR, aggregation="max", **asked
        )
        return {row.device for row in page.rows}

    assert await devices(devices=["device-1"]) == {"device-1"}
    assert await devices(devices=[]) == set()
    assert await devices(simulated=True) == {"device-2"}


def dashboards(database: Database) -> Dashboards:
    """Return dashboards whose clock stands behind the readings."""
    return Dashboards(database, clock=lambda: NOW, config=DashboardsConfig(zone=PARIS))


def reckoned(rows: Sequence[ReadingRow], resolution: Resolution, aggregation: Aggregation) -> list[Bucket]:
    """Return the buckets, reckoned one by one."""
    said: dict[tuple[datetime, str], dict[str, list[Any]]] = {}
    for row in rows:
        local = row.time.astimezone(PARIS).replace(minute=0, second=0, microsecond=0)
        start = local.replace(hour=0) if resolution is Resolution.DAY else local
        values = said.setdefault((start.astimezone(UTC), row.device), {"power_w": [], "steps": []})
        for name, some in values.items():
            if row.values[name] is not None:
                some.append(row.values[name])
    ways: dict[str, Callable[[list[Any]], Any]] = {
        "mean": lambda some: sum(some) / len(some),
        "min": min,
        "max": max,
        "sum": sum,
        "count": len,
        "last": lambda some: some[-1],
    }
    how = ways[aggregation]
    return [
        Bucket(
            device=device,
            time=time,
            values={name: how(some) if some or how is len else None for name, some in values.items()},
        )
        for (time, device), values in sorted(said.items())
    ]
