"""Rows for open data out of the real database, on every engine: raw, by bucket, and of many devices together."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.sql import SQL

from model.dataset import Aggregate, Cell, Extent, Slice
from model.resolution import Resolution
from storage.connection import Database
from storage.frozen import FrozenRows
from tests.integration.rollup_days import PARIS, SLOW, city, write

DAY = datetime(2026, 3, 28, 23, tzinfo=UTC)
"""The beginning of Sunday, 29 March 2026, in Paris: a day of 23 hours."""
HOURS = 23
NAMES = ("device-0", "device-1", "device-2")


async def filled(database: Database) -> None:
    """Write three days of three meters, by the quarter of an hour; each counts up by its number at each step."""
    await city(database, SLOW)
    start, steps = DAY - timedelta(days=1), 3 * 96
    readings: list[dict[str, Any]] = [
        {
            "device": device,
            "time": start + timedelta(minutes=15 * step, seconds=1),
            "received_at": start + timedelta(minutes=15 * step, seconds=3),
            "simulated": device == 3,
            "power_w": device * 100.0 + step % 4,
            "lamp_on": step % 4 == 0,
            "energy_kwh": device * float(step),
            "flags": ["power_w:range"] if step % 4 == 1 else None,
        }
        for device in (1, 2, 3)
        for step in range(steps)
    ]
    await write(database, SLOW, readings)
    async with database.connection() as connection:
        await connection.execute("insert into penfeld.codec (device_type, version) values ('meter', 'v1')")
        await connection.execute(
            SQL("update penfeld.device set district = case id when 'device-0' then 'Recouvrance' else 'Siam' end")
        )


def asked(
    resolution: Resolution = Resolution.RAW,
    aggregate: Aggregate | None = None,
    *,
    devices: Sequence[str] = NAMES,
    fields: Sequence[str] = ("power_w", "lamp_on", "energy_kwh"),
    simulated: bool | None = None,
) -> Slice:
    """Ask for that day."""
    found = [SLOW.field(name) for name in fields]
    return Slice(
        device_type=SLOW,
        fields=tuple(field for field in found if field is not None),
        devices=tuple(devices),
        start=DAY,
        end=DAY + timedelta(hours=HOURS),
        resolution=resolution,
        aggregate=aggregate,
        simulated=simulated,
        zone=PARIS.key,
    )


async def rows(database: Database, of: Slice) -> list[tuple[Cell, ...]]:
    """Return all rows of a slice."""
    return [tuple(row) async for part in FrozenRows(database).rows(of) for row in part]


async def test_raw_rows_are_those_of_the_day_in_order(database: Database) -> None:
    """A day of 23 hours has 92 quarters of an hour, each reading once, with flags, version and mark."""
    await filled(database)

    found = await rows(database, asked())

    assert len(found) == 3 * 4 * HOURS
    assert found == sorted(found, key=lambda row: (str(row[0]), row[1]))
    assert found[1] == (
        "device-0",
        DAY + timedelta(minutes=15, seconds=1),
        DAY + timedelta(minutes=15, seconds=3),
        101.0,
        False,
        97.0,
        "power_w:range",
        "v1",
        False,
    )


async def test_hours_have_means_extremes_and_what_a_counter_grew(database: Database) -> None:
    """The increase of an hour counts its first step, from the reading before the hour."""
    await filled(database)

    found = await rows(database, asked(Resolution.HOUR, devices=("device-1",)))

    assert [row[1] for row in found] == [DAY + timedelta(hours=hour) for hour in range(HOURS)]
    assert found[0] == ("device-1", DAY, 201.5, 200.0, 203.0, 0.25, 2.0 * 99, 8.0, 4, 1, "v1", False)


async def test_a_day_of_the_city_is_one_bucket(database: Database) -> None:
    """A local day is one bucket, however long it is."""
    await filled(database)

    [row] = await rows(database, asked(Resolution.DAY, devices=("device-0",), fields=("energy_kwh",)))

    assert row[:4] == ("device-0", DAY, 96.0 + 91, 92.0)


async def test_what_too_few_have_is_not_told(database: Database) -> None:
    """Together three meters are a row; a district of one is none, and of two none where three are asked for."""
    await filled(database)

    [whole] = await rows(database, asked(Resolution.DAY, Aggregate("all", 3), fields=("energy_kwh",)))
    districts = await rows(database, asked(Resolution.DAY, Aggregate("district", 2), fields=("energy_kwh",)))

    assert whole[:3] == (DAY, 3, 92.0 + 184.0 + 276.0)
    assert [row[:4] for row in districts] == [("Siam", DAY, 2, 184.0 + 276.0)]
    assert await rows(database, asked(Resolution.DAY, Aggregate("district", 3))) == []


async def test_a_field_that_too_few_have_is_empty_in_a_row_that_is_told(database: Database) -> None:
    """Three meters spoke, one of them of its lamp: its share would be that one's."""
    await filled(database)
    async with database.connection() as connection:
        await connection.execute("update readings.meter set lamp_on = null where device <> 1")

    [row] = await rows(database, asked(Resolution.DAY, Aggregate("all", 3), fields=("power_w", "lamp_on")))

    assert row[:2] == (DAY, 3)
    assert row[2] is not None
    assert row[3] is None


async def test_simulated_readings_are_left_out_or_marked(database: Database) -> None:
    """Without them the third meter is not there; with them each row says so."""
    await filled(database)

    real = await rows(database, asked(Resolution.DAY, simulated=False))
    every = await rows(database, asked(Resolution.DAY))

    assert [(row[0], row[-1]) for row in real] == [("device-0", False), ("device-1", False)]
    assert [(row[0], row[-1]) for row in every] == [("device-0", False), ("device-1", False), ("device-2", True)]


async def test_the_extent_tells_when_anything_has_changed(database: Database) -> None:
    """Another late reading, and the same readings decoded again, have another extent."""
    await filled(database)
    before = await FrozenRows(database).extent(asked())
    async with database.connection() as connection:
        await connection.execute("insert into penfeld.codec (device_type, version) values ('meter', 'v2')")
        await connection.execute(
            "update readings.meter set codec = (select max(key) from penfeld.codec) where device = 1"
        )

    after = await FrozenRows(database).extent(asked())

    newest = DAY + timedelta(hours=HOURS, minutes=-15, seconds=3)
    assert before == Extent(3 * 92, 3, newest, before.codecs)
    assert after == Extent(3 * 92, 3, newest, after.codecs)
    assert after.codecs != before.codecs
