"""What writers tell of what they store: in its transaction, only what is wanted, all of it, and never too much."""

import asyncio
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from model.alarm import Verdict
from model.alert_ports import News
from model.errors import WriteRejectedError
from model.instants import microseconds
from model.value import Value
from storage.connection import Database
from storage.news import Bound
from storage.writer import Writer
from tests.integration.fix_alerts import MINUTE_US, AlertHouse, T
from tests.integration.fix_database import blocked
from tests.unit.storage.batches import NOON, SECOND

ALL: dict[str, list[str]] = {"probe": ["power_w", "steps", "lamp_on", "role"]}
Told = list[tuple[str, int, dict[str, Value]]]


@pytest.fixture
async def house(database: Database) -> AlertHouse:
    """Make a house with three lamps."""
    made = AlertHouse(database)
    await made.begin()
    return made


def told(house: AlertHouse, news: News) -> Told:
    """Return what is told as (lamp, minute, values)."""
    names = {key: name for name, key in house.keys.items()}
    rows: Told = []
    for part in news.parts:
        for i in range(len(part)):
            values = {name: column.values[i] for name, column in part.columns.items() if column.valid[i]}
            plain: dict[str, Any] = {
                name: one.item() if isinstance(one, np.generic) else one for name, one in values.items()
            }
            rows.append((names[int(part.device[i])], (int(part.time_us[i]) - T) // MINUTE_US, plain))
    return rows


async def test_what_is_stored_is_told_as_it_was_until_it_is_taken(house: AlertHouse) -> None:
    """Values of every kind, in order of device and time over several transactions; taken, they are gone."""
    full: dict[str, Value] = {"power_w": 61.25, "steps": 2**60, "lamp_on": False, "role": "sólar"}
    await house.store.want(ALL)
    await house.write(("lamp-2", 5, full), ("lamp-1", 3, {"steps": 1}))
    await house.write(("lamp-1", 1, {"lamp_on": True, "role": ""}))
    news = await house.store.news()

    assert told(house, news) == [
        ("lamp-1", 1, {"lamp_on": True, "role": ""}),
        ("lamp-1", 3, {"steps": 1}),
        ("lamp-2", 5, full),
    ]
    assert told(house, await house.store.news()) == told(house, news)
    await house.store.commit(Verdict(taken=news.ids), NOON)
    assert await house.store.news() == News()


async def test_without_rules_nothing_is_told(house: AlertHouse) -> None:
    """Nothing is wanted: no row is written, before as after."""
    await house.write(("lamp-1", 0, {"power_w": 1.0}))
    await house.store.want(ALL)
    await house.store.want({})
    await house.write(("lamp-1", 1, {"power_w": 1.0}))

    assert await house.count("news") == 0


async def test_only_what_is_wanted_is_told(house: AlertHouse) -> None:
    """Other fields and other device types are not in it."""
    await house.store.want({"meter": ["power_w"]})
    await house.write(("lamp-1", 0, {"power_w": 1.0}))
    await house.store.want({"probe": ["steps", "unheard_of"]})
    await house.write(("lamp-1", 1, {"power_w": 1.0, "steps": 3}), ("lamp-2", 1, {"power_w": 1.0}))

    assert told(house, await house.store.news()) == [("lamp-1", 1, {"steps": 3}), ("lamp-2", 1, {})]


async def test_duplicates_are_not_told_again(house: AlertHouse) -> None:
    """The same frame twice is told once."""
    await house.store.want(ALL)
    for _ in range(2):
        await house.write(("lamp-1", 0, {"power_w": 1.0}))

    assert told(house, await house.store.news()) == [("lamp-1", 0, {"power_w": 1.0})]


async def test_what_is_rolled_back_is_not_told(house: AlertHouse) -> None:
    """A batch with a frame that the database refuses leaves no news of the others in it."""
    await house.store.want(ALL)
    batch = house.builder().frame("lamp-1", NOON, {"power_w": 1.0}).frame("lamp-2", NOON, {"role": "\x00"}).build()
    with pytest.raises(WriteRejectedError):
        await house.writer.write(batch)

    assert await house.store.news() == News()


async def test_flagged_values_are_told_as_such_and_read_as_such(house: AlertHouse) -> None:
    """Field by field, at the rows where they are, in news as in what is read."""
    await house.store.want(ALL)
    builder = house.builder()
    builder.frame("lamp-2", NOON, {"power_w": 9e9, "steps": 1}, flags=("power_w:range",))
    builder.frame("lamp-1", NOON, {"power_w": 1.0, "steps": 1})
    builder.frame("lamp-1", NOON + SECOND, {"power_w": 9e9, "steps": -1}, flags=("power_w:range", "steps:range"))
    await house.writer.write(builder.build())
    [part] = (await house.store.news()).parts
    read = await house.store.stretch("probe", ["power_w", "steps"], dict.fromkeys(house.keys.values(), 0))

    for each in (part, read):
        assert {name: rows.tolist() for name, rows in each.flagged.items()} == {"power_w": [1, 2], "steps": [1]}


async def test_news_say_who_brought_them(house: AlertHouse) -> None:
    """The newest arrival of each source and each gateway; a frame without gateway has none."""
    await house.store.want(ALL)
    builder = house.builder()
    builder.frame("lamp-1", NOON, {"power_w": 1.0}, gateway="north", received_at=NOON + SECOND)
    builder.frame("lamp-2", NOON, {"power_w": 1.0}, gateway=None, source="sigfox", received_at=NOON + SECOND)
    await house.writer.write(builder.build())
    at_us = microseconds(NOON + SECOND)

    assert (await house.store.news()).heard == {
        "gateway:north": at_us,
        "source:chirpstack": at_us,
        "source:sigfox": at_us,
    }


async def test_a_long_backlog_comes_in_pieces_of_which_none_is_lost(house: AlertHouse) -> None:
    """As many rows as are asked for, about, the oldest first, until there is no more."""
    await house.store.want(ALL)
    for minute in range(20):
        await house.write(*((f"lamp-{i}", minute, {"power_w": float(minute)}) for i in (1, 2, 3)))
    minutes, pieces, more = [], 0, True
    while more:
        news = await house.store.news(12)
        await house.store.commit(Verdict(taken=news.ids), NOON)
        minutes += sorted({minute for _, minute, _ in told(house, news)})
        more, pieces = news.more, pieces + 1

    assert minutes == list(range(20))
    assert pieces >= 4


async def test_a_writer_that_did_not_tell_yet_is_waited_for(house: AlertHouse) -> None:
    """Whatever is stored while somebody begins to ask is either told, or there to be read when asking is over."""
    asked = asyncio.Event()

    async def write() -> None:
        for minute in range(200):
            await house.write(("lamp-1", minute, {"power_w": float(minute)}))
            if asked.is_set():
                return

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.1)
    await house.store.want(ALL)
    read = await house.store.stretch("probe", ["power_w"], {house.keys["lamp-1"]: 0})
    asked.set()
    await writing
    minutes = {(one - T) // MINUTE_US for one in read.time_us.tolist()}
    minutes |= {minute for _, minute, _ in told(house, await house.store.news())}
    everything = await house.store.stretch("probe", ["power_w"], {house.keys["lamp-1"]: 0})

    assert minutes == {(one - T) // MINUTE_US for one in everything.time_us.tolist()}


async def test_who_asks_waits_for_transactions_that_have_looked(house: AlertHouse) -> None:
    """A writer that found nothing wanted is about to commit: asking is over when its readings can be read."""
    async with house.database.transaction() as connection:
        await connection.execute("select pg_advisory_xact_lock_shared(hashtext('penfeld.news'))")
        asking = asyncio.create_task(house.store.want(ALL))
        await blocked(house.database)
        assert not asking.done()
    await asking
    async with house.database.transaction() as connection:
        await connection.execute("select pg_advisory_xact_lock_shared(hashtext('penfeld.news'))")
        await house.store.want(ALL)  # nothing more is wanted than before: nobody waits


@pytest.mark.parametrize("bound", [Bound(size=1_000, every_s=0.0), Bound(age=timedelta(0), every_s=0.0)])
async def test_news_that_nobody_takes_are_let_go(house: AlertHouse, bound: Bound) -> None:
    """Beyond the bound they go and writers tell no more; who comes later learns since when, and begins anew."""
    await house.store.want(ALL)
    house.writer = Writer(house.database, "worker-1", bound)
    for minute in range(20):
        await house.write(("lamp-1", minute, {"power_w": 1.0, "role": "x" * 100}))
    news = await house.store.news()
    assert await house.count("news") == 0
    assert news.lost_us == microseconds(NOON + SECOND), "when the first of them arrived"

    await house.store.commit(Verdict(regained_us=news.lost_us), NOON)
    assert (await house.store.news()).lost_us == news.lost_us, "nobody asked yet, so nobody can have read everything"
    await house.store.want(ALL)
    house.writer = Writer(house.database, "worker-1")
    await house.write(("lamp-2", 0, {"power_w": 1.0}))
    again = await house.store.news()
    assert told(house, again) == [("lamp-2", 0, {"power_w": 1.0})]
    assert again.lost_us == news.lost_us
    await house.store.commit(Verdict(taken=again.ids, regained_us=again.lost_us), NOON)
    assert await house.store.news() == News()


async def test_what_had_arrived_long_ago_and_is_not_told_is_not_forgotten(house: AlertHouse) -> None:
    """It left quarantine, or waited for the database, while nothing is told: news are lost from its arrival on."""
    await house.store.want(ALL)
    house.writer = Writer(house.database, "worker-1", Bound(size=0, every_s=0.0))
    for minute in range(3):
        await house.write(("lamp-1", minute, {"power_w": 1.0}))
    arrived = NOON - timedelta(days=9)
    await house.writer.write(house.builder().frame("lamp-2", arrived, {}, received_at=arrived).build())

    assert (await house.store.news()).lost_us == microseconds(arrived)
    await house.store.want(ALL)
    await house.store.commit(Verdict(regained_us=microseconds(NOON)), NOON)
    assert (await house.store.news()).lost_us == microseconds(arrived), "who read from noon on did not read it"


async def test_what_arrived_while_nothing_was_told_is_found(house: AlertHouse) -> None:
    """The oldest reading of each device among those that arrived since, however late they were."""
    builder = house.builder()
    builder.frame("lamp-1", NOON, {"power_w": 1.0}, received_at=NOON)
    builder.frame("lamp-1", NOON - timedelta(days=3), {"power_w": 1.0}, received_at=NOON + timedelta(hours=2))
    builder.frame("lamp-2", NOON, {"power_w": 1.0}, received_at=NOON)
    builder.frame("lamp-2", NOON + timedelta(hours=1), {"power_w": 1.0}, received_at=NOON + timedelta(hours=1))
    await house.writer.write(builder.build())

    assert await house.store.arrived("probe", microseconds(NOON + timedelta(hours=1))) == {
        house.keys["lamp-1"]: microseconds(NOON - timedelta(days=3)),
        house.keys["lamp-2"]: microseconds(NOON + timedelta(hours=1)),
    }
    assert await house.store.arrived("unheard_of", 0) == {}


async def test_news_that_cannot_be_read_stop_nothing(house: AlertHouse) -> None:
    """Of a type or a version that is unknown, cut, or no news at all: what can be read is told, the rest is lost."""
    await house.store.want(ALL)
    await house.write(("lamp-1", 0, {"power_w": 1.0}))
    async with house.database.connection() as connection:
        await connection.execute("insert into penfeld.news (body) values ('\\x00'), ('')")
        await connection.execute("insert into penfeld.news (body) select substr(body, 1, 40) from penfeld.news limit 1")
    await house.write(("lamp-1", 1, {"power_w": 1.0}))
    news = await house.store.news()
    await house.store.commit(Verdict(taken=news.ids, regained_us=news.lost_us), NOON)

    assert [row[1] for row in told(house, news)] == [0, 1]
    assert len(news.ids) == 5
    assert news.lost_us is not None
    assert await house.store.news() == News()
