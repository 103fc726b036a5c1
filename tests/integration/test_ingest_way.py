"""The whole way of a frame: real brokers, the worker, a real database. Nothing is lost, whatever goes down."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random

import aiomqtt
import pytest
from msgspec import structs
from psycopg.sql import SQL

from decoders.networks import Adapter
from ingest.batching import Limits
from ingest.mqtt import MqttConfig, MqttSource
from ingest.pipeline import Pipeline, Source, default_sources
from ingest.service import Ingest, IngestConfig
from model.device import Device
from model.errors import Reason
from model.ports import DeviceLookup, FrameSink
from model.retry import Backoff
from model.told import Event, Told
from model.uplink import Message, Uplink
from storage.connection import Database
from storage.queries import Queries
from storage.registry import Registry
from storage.tables import prepare
from storage.writer import Writer
from tests.fakes.memory import Memory
from tests.fakes.registry import Registry as FakeRegistry
from tests.fakes.sink import FrameSink as FakeSink
from tests.integration.fix_brokers import Broker
from tests.unit.ingest.scene import BOARD, LORA, SIGFOX, catalogue, lora, message, native

WAIT_S = 60
BACKOFF = Backoff(first_s=0.05, longest_s=0.2)


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def working(broker: Broker, sink: FrameSink, lookup: DeviceLookup, *more: Source) -> AsyncIterator[Ingest]:
    """Run a worker meanwhile, with ``more`` sources than there are; stop it as ``penfeld`` does."""
    sources = (*default_sources(), *more)
    filters = tuple(topic for one in sources for topic in one.filters)
    random = Random(1)  # noqa: S311 chance, not secrecy
    config = MqttConfig(
        broker=broker.address, client_id="worker", filters=filters, limits=Limits(age_s=0.02), backoff=BACKOFF
    )
    source = MqttSource(config, clock=now, random=random)
    worker = Ingest(
        source=source,
        pipeline=Pipeline(catalogue(), sources, lookup),
        sink=sink,
        live=source,
        clock=now,
        config=IngestConfig(worker="w1", backoff=BACKOFF),
        random=random,
    )
    await source.open()
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await asyncio.wait_for(task, WAIT_S)
        await source.close()


async def publish(broker: Broker, *messages: Message) -> None:
    async with aiomqtt.Client(broker.address.host, broker.address.port) as client:
        for one in messages:
            await client.publish(one.topic, one.payload, qos=1)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 the worker tells by no event
            await asyncio.sleep(0.02)


async def test_way(broker: Broker, database: Database) -> None:
    """Frames of every network are readings in the database, what is wrong is in quarantine, and the ledger balances."""
    probe = catalogue()["probe"].type
    registry, queries = Registry(database), Queries(database)
    await prepare(database, [probe])
    await registry.register([Device(id=name, type="probe", network="x") for name in (LORA, SIGFOX, BOARD)])
    time = now().replace(microsecond=0) - timedelta(minutes=1)
    callback = b'{"device":"B5F3C1","time":%d,"data":"09c601","seqNumber":"3"}' % time.timestamp()
    sent = [
        lora("09c405", time=time),
        lora("09c405", time=time),
        message("penfeld/v1/callbacks/sigfox", callback),
        native({"time": time.isoformat(), "values": {"temperature_c": 99.5, "lit_on": True}}),
        native(b"\0\0\0", device="stranger"),
        lora("09", f_cnt=8, time=time),
        message("penfeld/v1/callbacks/sigfox", b"{}"),
    ]

    async with working(broker, Writer(database, "w1"), registry) as worker:
        await publish(broker, *sent)
        await until(lambda: worker.status().received == len(sent))
        status = worker.status()

    page = await queries.readings(probe)
    ledger = await queries.ledger()
    quarantine = await queries.quarantine()
    assert {row.device: (row.time, dict(row.values), row.flags) for row in page.rows} == {
        LORA: (time, {"temperature_c": 25.0, "door_count": 5, "lit_on": None, "state_text": None}, ()),
        SIGFOX: (time, {"temperature_c": 25.02, "door_count": 1, "lit_on": None, "state_text": None}, ()),
        BOARD: (
            time,
            {"temperature_c": 99.5, "door_count": None, "lit_on": True, "state_text": None},
            ("temperature_c:range",),
        ),
    }
    assert {one.reason for one in quarantine.rows} == {
        Reason.UNKNOWN_DEVICE,
        Reason.BAD_PAYLOAD,
        Reason.BAD_ENVELOPE,
    }
    assert all(row.balanced for row in ledger)
    assert (status.received, status.stored, status.duplicate, status.quarantined) == (7, 3, 1, 3)
    assert sum(row.received for row in ledger) == 7
    assert (await registry.device("stranger")).state == "pending"


async def test_facts(broker: Broker, database: Database) -> None:
    """What a network tells beside a frame, and alone, is the device's state; the ledger counts the frame only."""
    time = now().replace(microsecond=0) - timedelta(minutes=1)
    told = Told(
        network="n", device=LORA, event=Event.STATUS, facts={"battery_percent": 54.5, "rssi_dbm": -97.0}, f_cnt=3
    )
    frame = Uplink(network="n", device=LORA, f_port=1, f_cnt=3, time=time, payload=b"\x09\xc4\x05")

    def uplinks(topic: str, payload: bytes) -> tuple[Uplink | Told, ...]:
        assert topic == "told"
        return (structs.replace(told, time=time), frame) if payload == b"frame" else (told,)

    source = Source(name="n", adapter=Adapter(name="n", topics=("told",), uplinks=uplinks))
    registry, queries = Registry(database), Queries(database)
    await prepare(database, [catalogue()["probe"].type])
    await registry.register([Device(id=LORA, type="probe")])

    async with working(broker, Writer(database, "w1"), registry, source) as worker:
        await publish(broker, message("told", b"alone"), message("told", b"frame"))
        await until(lambda: worker.status().received == 1)

    state = await queries.state(LORA)
    assert {fact: one.value for fact, one in state.items()} == {"battery_percent": 54.5, "rssi_dbm": -97.0}
    assert all(one.time > time for one in state.values())
    assert [(row.received, row.stored) for row in await queries.ledger()] == [(1, 1)]
    assert await database.fetch(SQL("select rssi_dbm from penfeld.uplink")) == [(-97.0,)]


async def test_registered_later(broker: Broker, database: Database) -> None:
    """A device that is registered while it speaks is decoded from its next frame on."""
    registry, queries = Registry(database), Queries(database)
    await prepare(database, [catalogue()["probe"].type])

    async with working(broker, Writer(database, "w1"), registry) as worker:
        await publish(broker, lora("09c405", f_cnt=1))
        await until(lambda: worker.status().quarantined == 1)
        await registry.register([Device(id=LORA, type="probe")])
        await publish(broker, lora("09c505", f_cnt=2))
        await until(lambda: worker.status().stored == 1)

    assert [latest.device.id for latest in await queries.latest()] == [LORA]


async def test_database_down(broker: Broker) -> None:
    """While the database is down frames wait in the broker; when it is back, all are stored, each once."""
    memory, sink = _memory()
    sink.failures = 10**9
    sent = [lora("09c405", f_cnt=i) for i in range(300)]

    async with working(broker, sink, FakeRegistry(memory)) as worker:
        await publish(broker, *sent)
        await until(lambda: sink.attempts >= 5)
        down = worker.status()
        sink.failures = 0
        await until(lambda: worker.status().received == len(sent))
        back = worker.status()

    assert (down.stored, down.trouble) == (0, "the database does not answer")
    assert (back.stored, back.duplicate, back.trouble) == (300, 0, "")


async def test_worker_dies(broker: Broker) -> None:
    """A worker that stops while the database is down leaves its frames to the next one: none is lost, none twice."""
    memory, sink = _memory()
    sink.failures = 10**9
    sent = [lora("09c405", f_cnt=i) for i in range(300)]
    async with working(broker, sink, FakeRegistry(memory)):
        await publish(broker, *sent)
        await until(lambda: sink.attempts >= 3)
    sink.failures = 0

    async with working(broker, sink, FakeRegistry(memory)):
        await until(lambda: len(memory.frames) == len(sent))

    assert sorted(frame.uplink.f_cnt or 0 for frame in memory.frames) == list(range(300))


async def test_broker_and_database_down(mosquitto_broker: Broker) -> None:
    """A broker that restarts while the database is down delivers all again: stored once, repeats are duplicates."""
    memory, sink = _memory()
    sink.failures = 10**9
    sent = [lora("09c405", f_cnt=i) for i in range(300)]

    async with working(mosquitto_broker, sink, FakeRegistry(memory)) as worker:
        await publish(mosquitto_broker, *sent)
        await until(lambda: sink.attempts >= 3)
        mosquitto_broker.stop()
        await until(lambda: not worker.status().connected)
        mosquitto_broker.start()
        await until(lambda: worker.status().connected)
        sink.failures = 0
        await until(lambda: len(memory.frames) == len(sent))
        status = worker.status()

    assert sorted(frame.uplink.f_cnt or 0 for frame in memory.frames) == list(range(300))
    assert status.received == status.stored + status.duplicate


@pytest.mark.parametrize("hostile", [b"", b"\xff" * 5, b"[" * 100_000, b'{"values":{"a":"\\u0000"}}'])
async def test_hostile(mosquitto_broker: Broker, hostile: bytes) -> None:
    """Whatever somebody publishes on any of the topics, the worker lives and the next good frame is stored."""
    memory, sink = _memory()
    topics = [
        "application/a/device/b/event/up",
        "v3/a/devices/b/up",
        "penfeld/v1/callbacks/sigfox",
        "penfeld/v1/probe/ /up",
    ]

    async with working(mosquitto_broker, sink, FakeRegistry(memory)) as worker:
        await publish(mosquitto_broker, *(message(topic, hostile) for topic in topics), lora("09c405"))
        await until(lambda: worker.status().received == len(topics) + 1)

    assert (len(memory.frames), len(memory.quarantine)) == (1, len(topics))


def _memory() -> tuple[Memory, FakeSink]:
    memory = Memory()
    memory.add(Device(id=LORA, type="probe"))
    return memory, FakeSink(memory)
