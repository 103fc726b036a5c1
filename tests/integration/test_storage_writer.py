"""The writer against the model in memory, against other writers, and against what no database takes."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs
from psycopg.sql import SQL

from model.batch import Batch
from model.device import DeviceRef
from model.errors import ConfigError, Reason, WriteRejectedError
from model.readings import Column
from model.uplink import Value
from storage import rows
from storage.connection import Database
from storage.connection import rows as fetch
from storage.queries import Queries
from storage.registry import Registry
from storage.statements import statement
from storage.tables import prepare
from storage.writer import Writer
from tests.fakes.memory import Memory
from tests.fakes.queries import Queries as FakeQueries
from tests.fakes.registry import Registry as FakeRegistry
from tests.integration.fix_database import blocked
from tests.unit.storage.batches import HOUR, MINUTE, NOON, PROBE, SECOND, TYPES, Builder, Values, device

NAMES = ("lamp-1", "lamp-2", "lamp-3", "toy")
DEVICES = (*(device(name) for name in NAMES[:3]), device("toy", simulated=True))

DrawnFrame = tuple[str, datetime, dict[str, Any]]
DrawnAside = tuple[bytes, str | None, Reason, bool]
DrawnTold = tuple[str, datetime, Values, bool]
DrawnBatch = tuple[tuple[list[DrawnFrame], list[DrawnAside], list[DrawnTold]], bool]

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
numbers = st.floats(-1e15, 1e15)
values: st.SearchStrategy[Values] = st.fixed_dictionaries(
    {},
    optional={
        "power_w": numbers,
        "steps": st.integers(-(2**63), 2**63 - 1),
        "lamp_on": st.booleans(),
        "role": texts,
    },
)
# Few devices, times, counters and payloads, so that frames meet each other often.
times = st.builds(
    lambda quarters, late: NOON + timedelta(minutes=15 * quarters, days=-40 if late else 0),
    st.integers(0, 8),
    st.sampled_from([False] * 5 + [True]),
)


@st.composite
def frames(draw: st.DrawFn) -> DrawnFrame:
    time = draw(times)
    rows: Values | list[tuple[datetime, Values]] = draw(values)
    if draw(st.sampled_from([False] * 4 + [True])):
        rows = [(time - n * 15 * MINUTE, draw(values)) for n in range(draw(st.integers(0, 4)))]
    options: dict[str, Any] = {
        "values": rows,
        "f_cnt": draw(st.sampled_from([None, None, 1, 2, 3])),
        "session": draw(st.sampled_from(["", "", "other"])),
        "payload": draw(st.sampled_from([b"", b"a", b"b"])),
        "received_at": time + draw(st.sampled_from([SECOND, 30 * MINUTE, 5 * HOUR])),
        "source": draw(st.sampled_from(["chirpstack", "sigfox"])),
        "simulated": draw(st.sampled_from([False, False, True])),
        "flags": draw(st.sampled_from([(), (), ("power_w:range",), ("steps:range", "time:implausible")])),
    }
    return draw(st.sampled_from(NAMES)), time, options


asides = st.tuples(
    st.sampled_from([b"", b"\xff", b"\0x"]),
    st.sampled_from([None, "lamp-1", "new-1", "new-2", "toy"]),
    st.sampled_from([Reason.BAD_PAYLOAD, Reason.UNKNOWN_DEVICE, Reason.PENDING_DEVICE]),
    st.booleans(),
)
facts: st.SearchStrategy[Values] = st.dictionaries(
    st.sampled_from(["battery_v", "gateways", "joined", "gateway", "no_fact"]),
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | st.text(max_size=8),
)
tellings = st.tuples(st.sampled_from([*NAMES, "nobody", "new-1"]), times, facts, st.booleans())
batches = st.lists(
    st.tuples(
        st.tuples(st.lists(frames(), max_size=8), st.lists(asides, max_size=2), st.lists(tellings, max_size=4)),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


async def wipe(database: Database) -> None:
    """Empty all tables, so that one database serves many examples."""
    async with database.connection() as connection:
        await connection.execute(
            SQL(
                "truncate penfeld.uplink, penfeld.heard, penfeld.changed_hour, penfeld.device, penfeld.ledger,"
                " penfeld.device_state, penfeld.quarantine, readings.probe, latest.probe restart identity cascade"
            )
        )


def test_any_mixture_of_batches_leaves_what_the_model_leaves(dsn: str) -> None:
    """Whatever is written, in whatever order and how often: all that can be asked is as in the model, purged or not."""

    # Shrinking would write thousands of batches; the failing one is small enough to read.
    @settings(max_examples=20, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(batches)
    def check(drawn: list[DrawnBatch]) -> None:
        asyncio.run(compare(dsn, drawn))

    async def set_up() -> None:
        async with Database(dsn) as database:
            await prepare(database, TYPES)

    asyncio.run(set_up())
    check()


async def compare(dsn: str, drawn: list[DrawnBatch]) -> None:
    async with Database(dsn) as database:
        await wipe(database)
        memory = Memory()
        real, model = Registry(database), FakeRegistry(memory)
        await real.register(DEVICES)
        await model.register(DEVICES)
        writer = Writer(database, "w")
        for parts, again in drawn:
            batch, model_batch = [build(await registry.identify(NAMES), *parts) for registry in (real, model)]
            for _ in range(2 if again else 1):
                assert await writer.write(batch) == await memory.write(model_batch)
        await same(database, memory)
        assert await real.purge_simulated() == {
            "readings.meter": 0,
            "readings.probe": 0,
            **await model.purge_simulated(),
        }
        await same(database, memory)


def build(
    refs: Mapping[str, DeviceRef],
    drawn_frames: list[DrawnFrame],
    drawn_asides: list[DrawnAside],
    drawn_tellings: list[DrawnTold],
) -> Batch:
    builder = Builder(refs)
    for name, time, options in drawn_frames:
        builder.frame(name, time, **options)
    for message, sender, reason, simulated in drawn_asides:
        builder.aside(message, device=sender, reason=reason, simulated=simulated)
    for name, time, told, simulated in drawn_tellings:
        builder.told(name, time, told, simulated=simulated)
    return builder.build()


async def same(database: Database, memory: Memory) -> None:
    """Compare all that can be asked."""
    real, model = Queries(database), FakeQueries(memory)
    assert (await real.readings(PROBE)).rows == (await model.readings(PROBE)).rows
    assert await real.latest() == await model.latest()
    assert await real.ledger() == await model.ledger()
    real_rows, model_rows = [(await queries.quarantine()).rows for queries in (real, model)]
    assert [replace(row, id=0) for row in real_rows] == [replace(row, id=0) for row in model_rows]
    assert await Registry(database).devices() == await FakeRegistry(memory).devices()
    for name in (*NAMES, "nobody", "new-1"):
        assert await real.state(name) == await model.state(name)


@pytest.fixture
async def house(database: Database) -> Database:
    """Give a database with tables and devices."""
    await prepare(database, TYPES)
    await Registry(database).register(DEVICES)
    return database


async def refs(database: Database) -> Builder:
    return Builder(await Registry(database).identify(NAMES))


async def test_writers_at_once_never_store_a_frame_twice(house: Database) -> None:
    """Four writers get overlapping batches of the same frames, with times that differ: each frame is stored once."""
    template = await Registry(house).identify(NAMES)

    def batch(seed: int) -> Batch:
        builder = Builder(template)
        random = np.random.default_rng(seed)
        for number in random.permutation(60)[:45].tolist():
            apart = int(random.integers(0, 3)) * SECOND if number % 2 else timedelta(0)
            name, counter = NAMES[number % 3], number if number % 2 else None
            builder.frame(
                name, NOON + number * MINUTE + apart, {"steps": number}, f_cnt=counter, payload=bytes([number])
            )
        builder.aside(b"same")
        return builder.build()

    writers = [Writer(house, f"worker-{number}") for number in range(4)]
    async with asyncio.TaskGroup() as group:  # should one fail, no other goes on behind the test
        tasks = [
            group.create_task(writer.write(batch(10 * number + turn)))
            for turn in range(3)
            for number, writer in enumerate(writers)
        ]
    written = [task.result() for task in tasks]

    found = (await Queries(house).readings(PROBE)).rows
    stored = sum(len(each.stored) for each in written)
    assert max(Counter(row.values["steps"] for row in found).values()) == 1
    assert len(found) == stored == 60
    ledger = await Queries(house).ledger()
    assert all(line.balanced for line in ledger)
    assert sum(line.received for line in ledger) == 12 * 46
    assert (await Queries(house).quarantine()).rows[0].times == 12


async def test_a_batch_is_made_ready_while_the_one_before_is_written(house: Database) -> None:
    """What was made ready too early to know of a frame, or of a reading of its time, is made again where they meet."""
    writer = Writer(house, "w")
    first = (await refs(house)).frame("lamp-1", NOON, {"steps": 1}, f_cnt=1, payload=b"a")
    first.frame("lamp-2", NOON, {"steps": 2}, f_cnt=1, payload=b"a")
    second = (await refs(house)).frame("lamp-1", NOON, {"steps": 1}, f_cnt=1, payload=b"a")
    second.frame("lamp-1", NOON, {"steps": 9, "power_w": 1.5}, f_cnt=2, payload=b"b")
    second.frame("lamp-2", NOON + MINUTE, {"steps": 3}, f_cnt=2, payload=b"b")

    ready = [await writer.ready(batch.build()) for batch in (first, second)]
    written = [await writer.write(batch) for batch in ready]
    again = await writer.write(ready[1])

    assert [(one.stored, one.duplicates) for one in (*written, again)] == [((0, 1), 0), ((1, 2), 1), ((), 3)]
    found = {(row.device, row.time): row.values for row in (await Queries(house).readings(PROBE)).rows}
    assert {key: (values["steps"], values["power_w"]) for key, values in found.items()} == {
        ("lamp-1", NOON): (1, 1.5),
        ("lamp-2", NOON): (2, None),
        ("lamp-2", NOON + MINUTE): (3, None),
    }


async def test_writers_that_meet_a_new_version_at_once_agree_on_its_number(house: Database) -> None:
    """A worker waits for another one that just writes down the same version of a device type, and takes its number."""
    version = {"type": "probe", "version": "brand-new"}
    async with house.transaction() as connection:
        [(first,)] = await fetch(connection, statement("codec_key"), version)
        task = asyncio.create_task(house.fetch(statement("codec_key"), version))
        await blocked(house)
    [(second,)] = await task

    assert first == second


async def test_a_writer_behind_the_lock_is_stopped_by_the_constraint(house: Database) -> None:
    """Somebody who writes past the locks collides with a unique constraint; the writer tries again and counts right."""
    builder = await refs(house)
    batch = builder.frame("lamp-1", NOON, {"steps": 1}).build()
    frame = batch.frames[0]
    writer = Writer(house, "w")
    await writer.write((await refs(house)).frame("lamp-2", NOON, {"steps": 1}).build())
    ready = await writer.ready(batch)
    async with house.transaction() as connection:
        await connection.execute(
            SQL(
                "insert into penfeld.uplink"
                " (device, time, key, received_at, source, network, session, codec, simulated, payload)"
                " values (%s, %s, %s, now(), 's', 'n', '', 1, false, '')"
            ),
            (frame.device, frame.time, frame.key),
        )
        task = asyncio.create_task(writer.write(ready))
        await blocked(house)  # it waits at the constraint
    written = await task

    assert (written.stored, written.duplicates) == ((), 1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"gateway": "nul\0"}, "0x00"),
        ({"session": "\ud800"}, "surrogates"),
        ({"f_cnt": 2**70}, ""),
        ({"f_port": 2**64}, ""),
        ({"values": {"x": "\0"}, "payload": None}, ""),
    ],
    ids=["nul", "surrogate", "counter", "port", "json"],
)
async def test_frames_that_the_database_refuses_are_named(house: Database, change: dict[str, Value], why: str) -> None:
    """Each frame that can never be stored is found among the others; without it the rest is stored."""
    batch = (await refs(house)).aside(b"kept")
    for number in range(40):
        batch.frame(NAMES[number % 3], NOON + number * SECOND, {"steps": number}, payload=bytes([number]))
    bad = batch.build()
    for number in (7, 23):
        frame = bad.frames[number]
        uplink = structs.replace(frame.uplink, **change)
        bad.frames[number] = structs.replace(frame, uplink=uplink)
    writer = Writer(house, "w")

    with pytest.raises(WriteRejectedError) as caught:
        await writer.write(bad)

    assert sorted(caught.value.rejected) == [7, 23]
    assert all(why in text for text in caught.value.rejected.values())
    assert (await Queries(house).readings(PROBE)).rows == []
    assert await Queries(house).ledger() == []
    good = rows.part(bad, [number for number in range(40) if number not in caught.value.rejected])
    assert len((await writer.write(good)).stored) == 38


async def test_a_text_that_no_column_takes_names_its_frame(house: Database) -> None:
    """A value with NUL inside a reading is found, too."""
    batch = await refs(house)
    for number in range(5):
        batch.frame(
            "lamp-1", NOON + number * SECOND, {"role": "bad\0" if number == 3 else "good"}, payload=bytes([number])
        )

    with pytest.raises(WriteRejectedError) as caught:
        await Writer(house, "w").write(batch.build())

    assert list(caught.value.rejected) == [3]


async def test_whole_numbers_go_into_a_column_of_numbers(house: Database) -> None:
    """An array of integers for a float field is stored as the numbers that it holds, never as their bits."""
    batch = (await refs(house)).frame("lamp-1", NOON, {"power_w": 1.0}).build()
    batch.readings[0].columns["power_w"] = Column(np.array([42], dtype=np.int64), np.array([True]))

    await Writer(house, "w").write(batch)

    assert (await Queries(house).readings(PROBE)).rows[0].values["power_w"] == 42.0


async def test_values_of_another_kind_are_refused(house: Database) -> None:
    """Numbers for a text field name their frame; the database would have taken their bits."""
    batch = (await refs(house)).frame("lamp-1", NOON, {"steps": 1}).build()
    batch.readings[0].columns["steps"] = Column(np.array([1.5]), np.array([True]))

    with pytest.raises(WriteRejectedError, match="steps holds bigint, not float64"):
        await Writer(house, "w").write(batch)


async def test_a_field_without_a_column_says_what_to_do(house: Database) -> None:
    """A device file that is newer than the table stops the writer with the command to run."""
    batch = (await refs(house)).frame("lamp-1", NOON, {"steps": 1}).build()
    batch.readings[0].columns["new_v"] = Column(np.array([1.5]), np.array([True]))

    with pytest.raises(ConfigError, match=r"readings.probe has no column new_v.*penfeld db migrate"):
        await Writer(house, "w").write(batch)
    assert await Queries(house).ledger() == []


async def test_quarantine_takes_every_text(house: Database) -> None:
    """What PostgreSQL cannot keep in a text is escaped: quarantine refuses nothing, and the bytes are as they came."""
    batch = Builder({}).aside(
        b"\0\xff", topic="a\0b", device="d\ud800", detail="\0", reason=Reason.UNKNOWN_DEVICE, received_at=NOON
    )

    await Writer(house, "w").write(batch.build())

    [row] = (await Queries(house).quarantine()).rows
    assert (row.topic, row.device, row.detail, row.message) == ("a\\x00b", "d\\ud800", "\\x00", b"\0\xff")


async def test_a_batch_of_thousands_is_one_batch(house: Database) -> None:
    """Many frames with many rows of many devices and days go in at once, and are all there."""
    names = [f"n-{number:04d}" for number in range(500)]
    await Registry(house).register([device(name) for name in names])
    batch = Builder(await Registry(house).identify(names))
    for number in range(3000):
        batch.frame(names[number % 500], NOON + number * 10 * MINUTE, {"power_w": number / 8}, f_cnt=number)

    written = await Writer(house, "w").write(batch.build())

    found = (await Queries(house).readings(PROBE, limit=5000)).rows
    assert len(written.stored) == 3000
    assert [row.values["power_w"] for row in found] == [number / 8 for number in range(3000)]
