"""What is known of each device's frames and values: it spares looking things up, and never hides a duplicate."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pytest
from psycopg.sql import SQL

from model.batch import Batch
from storage import heard
from storage.connection import Database
from storage.heard import Hearing
from storage.migrate import migrate, migrations
from storage.queries import Queries
from storage.registry import Registry
from storage.rows import Frames
from storage.tables import prepare
from storage.writer import Writer
from tests.unit.storage.batches import HOUR, MINUTE, NOON, PROBE, TYPES, Builder, device


@pytest.fixture
async def house(database: Database) -> Database:
    await prepare(database, TYPES)
    await Registry(database).register([device("lamp-1"), device("lamp-2")])
    return database


async def frames(house: Database, *said: tuple[datetime, int | None], session: str = "one") -> Batch:
    """Return frames of one lamp at these times with these counters."""
    batch = Builder(await Registry(house).identify(["lamp-1"]))
    for number, (time, f_cnt) in enumerate(said):
        batch.frame("lamp-1", time, {"steps": number}, f_cnt=f_cnt, session=session)
    return batch.build()


async def doubtful(house: Database, batch: Batch) -> Sequence[int]:
    """Return which frames would be looked up."""
    frames = Frames(batch.frames)
    rows = heard.chosen(batch.readings, frames, np.ones(len(frames), dtype=np.bool_))
    async with house.transaction(keep=False) as connection:
        known = await heard.look(connection, frames, batch.readings, Hearing.of(frames, rows))
        if known.going_on.all():
            return []
        assert not known.going_on.any()  # they are all of one device
        suspects, _ = await heard._suspects(connection, frames, batch.readings, ~known.going_on)
    return sorted(suspects.tolist())


async def test_frames_that_go_on_are_surely_new(house: Database) -> None:
    """A higher counter of the same session, or a newer time without a counter, needs no look at what is stored."""
    writer = Writer(house, "w")
    await writer.write(await frames(house, (NOON, 7), (NOON + MINUTE, 8)))

    assert await doubtful(house, await frames(house, (NOON + 2 * MINUTE, 9), (NOON - 30 * MINUTE, 10))) == []
    assert await doubtful(house, await frames(house, (NOON + 2 * MINUTE, None))) == []
    assert await doubtful(house, await frames(house, (NOON + 2 * MINUTE, 8))) == [0]
    assert await doubtful(house, await frames(house, (NOON + MINUTE, None))) == [0]
    assert await doubtful(house, await frames(house, (NOON + 2 * MINUTE, 9), session="two")) == [0]
    assert await doubtful(house, await frames(house, (NOON + 2 * HOUR, 1), session="two")) == []


async def test_a_counter_that_begins_again_is_looked_up_for_an_hour(house: Database) -> None:
    """After a new session or a restart, frames are compared with what is stored, and then with the counter again."""
    writer = Writer(house, "w")
    await writer.write(await frames(house, (NOON, 900)))
    await writer.write(await frames(house, (NOON + MINUTE, 1)))

    assert await doubtful(house, await frames(house, (NOON + 2 * MINUTE, 2))) == [0]
    assert await doubtful(house, await frames(house, (NOON + 61 * MINUTE, 2))) == []
    assert await doubtful(house, await frames(house, (NOON + 61 * MINUTE, 1))) == [0]


async def test_late_frames_of_an_older_session_do_not_hide_duplicates(house: Database) -> None:
    """Whatever order sessions come in, together or apart, a frame that comes again is a duplicate."""
    writer = Writer(house, "w")
    batches = [
        await frames(house, (NOON, 5), session="new"),
        await frames(house, (NOON - 10 * MINUTE, 3), (NOON - 20 * MINUTE, 4), session="old"),
    ]
    mixed = Builder(await Registry(house).identify(["lamp-1"]))
    for session, f_cnt in (("old", 9), ("new", 6), ("old", 1)):
        mixed.frame("lamp-1", NOON + 5 * MINUTE, {"steps": f_cnt}, f_cnt=f_cnt, session=session)
    batches.append(mixed.build())
    for batch in batches:
        assert len((await writer.write(batch)).stored) == len(batch.frames)

    again = [await writer.write(batch) for batch in reversed(batches)]

    assert [written.stored for written in again] == [(), (), ()]


async def test_hours_of_readings_that_changed_are_noted(house: Database) -> None:
    """Each hour (UTC, of event time) of readings that were written is noted; duplicates note nothing."""
    batch = Builder(await Registry(house).identify(["lamp-1"]))
    batch.frame("lamp-1", NOON, [(NOON - n * HOUR / 2, {"steps": n}) for n in range(4)])
    for _ in range(2):
        await Writer(house, "w").write(batch.build())

    noted = await house.fetch(SQL("select device_type, hour from penfeld.changed_hour order by hour"))

    assert noted == [("probe", NOON - 2 * HOUR), ("probe", NOON - HOUR), ("probe", NOON)]


async def test_a_table_of_latest_values_is_filled_from_the_readings(house: Database) -> None:
    """Made where readings are already, it holds what it would if it had been there; a new field has its columns."""
    batch = Builder(await Registry(house).identify(["lamp-1", "lamp-2"]))
    batch.frame("lamp-1", NOON, {"steps": 1, "power_w": 1.5}).frame("lamp-1", NOON + HOUR, {"steps": 2})
    batch.frame("lamp-2", NOON, {"role": "solar", "lamp_on": False})
    await Writer(house, "w").write(batch.build())
    before = await Queries(house).latest()
    async with house.connection() as connection:
        await connection.execute(SQL("drop table latest.probe cascade"))

    await prepare(house, [PROBE])

    assert await Queries(house).latest() == before
    assert {name for latest in before for name in latest.values} == {"steps", "power_w", "role", "lamp_on"}


async def test_what_older_versions_knew_of_devices_is_kept(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrating keeps when devices were heard, and looks their next frames up."""
    async with Database(empty_dsn) as house:
        monkeypatch.setattr("storage.migrate.migrations", lambda engine: migrations(engine)[:2])
        await migrate(house)
        monkeypatch.undo()
        await house.fetch(
            SQL(
                "with device as (insert into penfeld.device (id, type, state) values ('lamp-1', 'probe', 'active')"
                " returning key) insert into penfeld.latest (device, first_seen, last_seen, time)"
                " select key, %(noon)s, %(noon)s, %(noon)s from device returning device"
            ),
            {"noon": NOON},
        )
        await migrate(house)
        await prepare(house, TYPES)

        assert (await Registry(house).device("lamp-1")).last_seen == NOON
        assert await doubtful(house, await frames(house, (NOON + MINUTE, 1))) == [0]
        assert await doubtful(house, await frames(house, (NOON + 2 * HOUR, 1))) == []
