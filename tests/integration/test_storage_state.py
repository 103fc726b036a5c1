"""What networks tell of devices, in the database: frames completed, writers that meet, batches that tell nothing."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import structs
from psycopg.sql import SQL

from storage.connection import Database
from storage.migrate import TIMESCALEDB
from storage.queries import Queries
from storage.registry import Registry
from storage.tables import engine, prepare
from storage.writer import Writer
from tests.integration.test_storage_ageing import compressed
from tests.unit.storage.batches import MINUTE, NOON, SECOND, TYPES, Builder, Values, device

SILENT: dict[str, Any] = {"rssi_dbm": None, "gateway": None}
RADIO: Values = {"rssi_dbm": -117.5, "snr_db": 4.25, "gateway": "roof"}
NAMES = tuple(f"lamp-{number}" for number in range(20))


@pytest.fixture
async def writer(database: Database) -> Writer:
    await prepare(database, TYPES)
    await Registry(database).register([*map(device, NAMES), device("toy", simulated=True)])
    return Writer(database, "w")


async def builder(database: Database) -> Builder:
    """Return a builder for the devices that there are."""
    return Builder(await Registry(database).identify([*NAMES, "toy"]))


async def radio(database: Database, name: str = "lamp-0") -> list[tuple[Any, ...]]:
    """Return what a device's frames say of their radio, in order of time."""
    query = SQL(
        "select rssi_dbm, snr_db, gateway from penfeld.uplink where device ="
        " (select key from penfeld.device where id = %s) order by time"
    )
    return await database.fetch(query, (name,))


@pytest.mark.parametrize("together", [False, True])
async def test_what_comes_later_completes_the_frame(database: Database, writer: Writer, *, together: bool) -> None:
    """Signal and gateway that are told after a frame stand with it, whether both come in one batch or not."""
    batch = (await builder(database)).frame("lamp-0", NOON, {"steps": 1}, f_cnt=7, **SILENT)
    batch.frame("lamp-0", NOON + MINUTE, {"steps": 1}, f_cnt=8, **SILENT)
    if not together:
        await writer.write(batch.build())
        batch = await builder(database)

    written = await writer.write(batch.told("lamp-0", NOON + SECOND, RADIO, f_cnt=7).build())

    assert len(written.stored) == 2 * together
    assert await radio(database) == [(-117.5, 4.25, "roof"), (None, None, None)]
    assert (await Queries(database).state("lamp-0"))["gateway"].value == "roof"


async def test_a_repeat_completes_the_frame(database: Database, writer: Writer) -> None:
    """A repeat that comes with facts about the frame brings what the first did not say; it stays a duplicate."""
    await writer.write((await builder(database)).frame("lamp-0", NOON, {"steps": 1}, f_cnt=7, **SILENT).build())
    batch = (await builder(database)).frame("lamp-0", NOON, {"steps": 1}, f_cnt=7, rssi_dbm=-117.5, gateway="roof")

    written = await writer.write(batch.told("lamp-0", NOON, {"link_quality": "GOOD"}, f_cnt=7).build())

    assert (written.stored, written.duplicates) == ((), 1)
    assert await radio(database) == [(-117.5, None, "roof")]


async def test_what_a_frame_says_stays(database: Database, writer: Writer) -> None:
    """Only what is empty is filled: the first word stays."""
    batch = (await builder(database)).frame("lamp-0", NOON, {"steps": 1}, f_cnt=7, rssi_dbm=-90.0, gateway=None)
    batch.frame("lamp-1", NOON, {"steps": 1}, f_cnt=7)
    for name in NAMES[:2]:
        batch.told(name, NOON, RADIO, f_cnt=7)

    await writer.write(batch.build())

    assert await radio(database) == [(-90.0, 4.25, "roof")]
    assert await radio(database, "lamp-1") == [(-101.5, 4.25, "gateway-1")]


@pytest.mark.parametrize(
    ("network", "apart", "f_cnt", "filled"),
    [
        ("sigfox", SECOND, 7, True),
        ("sigfox", -SECOND, 7, True),
        ("sigfox", 1.001 * SECOND, 7, False),
        ("loriot", -10 * SECOND, 7, True),
        ("loriot", 10.001 * SECOND, 7, False),
        ("loriot", timedelta(0), 8, False),
        ("loriot", timedelta(0), 2**63, False),
    ],
)
async def test_only_the_frame_that_is_meant(
    database: Database, writer: Writer, *, network: str, apart: timedelta, f_cnt: int, filled: bool
) -> None:
    """The counter must be the same and the time near: one second for Sigfox, ten for others. Else nothing happens."""
    await writer.write((await builder(database)).frame("lamp-0", NOON, {"steps": 1}, f_cnt=7, **SILENT).build())

    batch = (await builder(database)).told("lamp-0", NOON + apart, RADIO, f_cnt=f_cnt, network=network)
    await writer.write(batch.build())

    assert await radio(database) == [(-117.5, 4.25, "roof") if filled else (None, None, None)]


async def test_a_frame_that_tells_its_own_time_is_known_by_the_network_s(database: Database, writer: Writer) -> None:
    """Facts about a frame are told at the network's time, whatever time the payload gave the frame."""
    batch = (await builder(database)).frame("lamp-0", NOON, {"steps": 1}, f_cnt=7, **SILENT).build()
    [frame] = batch.frames
    batch.frames[0] = structs.replace(frame, time_us=frame.time_us - 600_000_000)
    batch.readings.clear()
    await writer.write(batch)

    await writer.write((await builder(database)).told("lamp-0", NOON, RADIO, f_cnt=7).build())

    assert await radio(database) == [(-117.5, 4.25, "roof")]


async def test_simulated_facts_complete_simulated_frames_only(database: Database, writer: Writer) -> None:
    """A simulator leaves no trace in a real frame."""
    batch = await builder(database)
    for name in ("lamp-0", "toy"):
        batch.frame(name, NOON, {"steps": 1}, f_cnt=7, **SILENT).told(name, NOON, RADIO, f_cnt=7, simulated=True)

    await writer.write(batch.build())

    assert await radio(database) == [(None, None, None)]
    assert await radio(database, "toy") == [(-117.5, 4.25, "roof")]


async def test_numbers_that_no_column_holds_complete_nothing(database: Database, writer: Writer) -> None:
    """Too large, too small, no number: the frame is stored, and what can be is filled."""
    batch = (await builder(database)).frame("lamp-0", NOON, {"steps": 1}, f_cnt=7, **SILENT)
    batch.told("lamp-0", NOON, {"rssi_dbm": 1e300, "snr_db": 1e-50, "gateway": "a\0b"}, f_cnt=7)

    await writer.write(batch.build())

    assert await radio(database) == [(None, 0.0, "a\\x00b")]


async def test_frames_in_the_columnstore_are_completed(database: Database, writer: Writer) -> None:
    """What is told very late finds its frame in a compressed chunk, too."""
    if await engine(database) != TIMESCALEDB:
        pytest.skip("TimescaleDB alone has a columnstore")
    batch = await builder(database)
    for number in range(50):
        for name in NAMES:
            batch.frame(name, NOON + number * MINUTE, {"steps": 1}, f_cnt=number, **SILENT)
    await writer.write(batch.build())
    async with database.connection() as connection:
        await connection.execute(
            "alter table penfeld.uplink set (timescaledb.enable_columnstore, timescaledb.segmentby = 'device')"
        )
        assert await compressed(connection, "penfeld.uplink") == 1

    batch = await builder(database)
    for name in NAMES[:3]:
        batch.told(name, NOON + 30 * MINUTE, RADIO, f_cnt=30)
    await writer.write(batch.build())

    for name, frames in (("lamp-0", 1), ("lamp-2", 1), ("lamp-3", 0)):
        assert (await radio(database, name)).count((-117.5, 4.25, "roof")) == frames
        assert len(await radio(database, name)) == 50


async def test_workers_that_tell_of_the_same_devices(database: Database, writer: Writer) -> None:
    """Two workers with the same devices in other orders wait for each other; the newest facts are there at the end."""
    other = Writer(database, "other")

    async def tell(sink: Writer, names: tuple[str, ...], times: list[datetime]) -> None:
        for time in times:
            batch = await builder(database)
            for name in names:
                batch.told(name, time, {"battery_v": float(time.minute), "margin_db": float(time.minute)})
            await sink.write(batch.build())

    times = [NOON + number * MINUTE for number in range(30)]
    await asyncio.gather(tell(writer, NAMES, times), tell(other, NAMES[::-1], times[::-1]))

    for name in NAMES:
        state = await Queries(database).state(name)
        assert [(one.value, one.time) for one in state.values()] == [(29.0, times[-1])] * 2


async def test_a_purge_beside_a_worker_takes_all(database: Database, writer: Writer) -> None:
    """Facts of simulated devices that come while these are deleted are passed over, and stop nothing."""
    batch = (await builder(database)).told("toy", NOON, {"joined": True}).told("lamp-0", NOON, {"joined": True}).build()
    laid = await writer.ready(batch)
    await Registry(database).purge_simulated()

    await writer.write(laid)

    assert (await Queries(database).state("lamp-0"))["joined"].value is True
    assert await database.fetch(SQL("select count(*) from penfeld.device_state")) == [(1,)]


async def test_a_batch_that_tells_nothing_asks_nothing(database: Database, writer: Writer) -> None:
    """A batch of frames alone does not touch the table of facts, nor does one that tells of unknown devices."""
    async with database.transaction() as connection:
        await connection.execute("lock table penfeld.device_state in access exclusive mode")
        batch = (await builder(database)).frame("lamp-0", NOON, {"steps": 1}, f_cnt=7)
        async with asyncio.timeout(30):
            written = await writer.write(batch.build())
            await writer.write(Builder({}).told("nobody", NOON, {"joined": True}).build())

    assert written.stored == (0,)
