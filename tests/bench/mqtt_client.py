"""What the MQTT client costs: ours by both versions of the protocol, paho in a thread, and a client that only takes.

A Mosquitto of its own holds messages of 1,000 bytes (QoS 1) for a session. ``ingest/mqtt.py`` and paho take them in
batches and acknowledge each batch 5 ms after it was taken, as after a commit; the bare client (``tests.bench.drain``)
acknowledges at once and forgets. Broker and client share the machine. Best of the rounds, in turns.

``mqtt_client.codec``: the packets alone, without a line: ours beside the package ``mqtt5`` (Rust), if it is installed.
"""

import asyncio
import random
import socket
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Event

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from ingest import mqtt_packets as packets
from ingest.batching import Limits
from ingest.mqtt import MqttConfig, MqttSource
from model.broker import BrokerAddress, Protocol
from model.uplink import Message
from tests.bench import drain
from tests.bench.figure import Figure, Size, compare
from tests.bench.topics import topic_filter
from tests.integration.fix_brokers import mosquitto

SIZES: Mapping[Size, tuple[int, int]] = {Size.TINY: (1, 200), Size.SHORT: (2, 10_000), Size.FULL: (5, 20_000)}
"""Rounds, and messages in each."""
BATCH = 1000
COMMIT_S, WAIT_S = 0.005, 0.02
PAYLOAD = b"x" * 1000
FILTER = topic_filter("bare")
SESSION = drain.NAME

Way = Callable[[BrokerAddress, int], Coroutine[None, None, None]]


def fill(address: BrokerAddress, count: int) -> None:
    """Make the session, leave, and let messages wait for it."""
    session = _client(SESSION, clean=False)
    session.connect(address.host, address.port)
    session.loop_start()
    granted = Event()

    def on_subscribe(_client: paho.Client, _data: object, _mid: int, _codes: list[ReasonCode], _: object) -> None:
        granted.set()

    session.on_subscribe = on_subscribe
    session.subscribe(FILTER, 1)
    granted.wait(10)
    session.disconnect()
    session.loop_stop()
    published = [_published(number) for number in range(1, count + 1)]
    with socket.create_connection((address.host, address.port)) as line:
        line.sendall(b"\x10\x15\x00\x04MQTT\x04\x02\x00\x00\x00\x09publisher")
        line.sendall(b"".join(published))
        expected = 4 + 4 * count  # CONNACK, and a PUBACK each
        while expected > 0:
            expected -= len(line.recv(65536)) or expected
        line.sendall(b"\xe0\x00")


def _published(number: int) -> bytes:
    """Return a PUBLISH with QoS 1 by MQTT 3.1.1."""
    topic = FILTER.replace("+", f"{number % 500:03}").encode()
    body = len(topic).to_bytes(2, "big") + topic + number.to_bytes(2, "big") + PAYLOAD
    return b"\x32" + bytes([len(body) % 128 | 128, len(body) // 128]) + body


async def ours(address: BrokerAddress, count: int, protocol: Protocol) -> None:
    """Take them with ``MqttSource``."""
    config = MqttConfig(
        broker=replace(address, protocol=protocol),
        client_id=SESSION,
        filters=(FILTER,),
        limits=Limits(count=BATCH, age_s=WAIT_S),
    )
    source = MqttSource(config, clock=lambda: datetime.now(UTC), random=random.Random(1))  # noqa: S311 chance
    got = 0
    async for batch in source.batches():
        await asyncio.sleep(COMMIT_S)
        await source.acknowledge(batch)
        got += len(batch)
        if got >= count:
            break
    await source.close()


async def bare(address: BrokerAddress, count: int) -> None:
    """Take them, and nothing else."""
    await drain.drain(address.host, address.port, count)


async def thread(address: BrokerAddress, count: int) -> None:
    """Take them with paho's own thread, each message handed over to the loop."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[paho.MQTTMessage]()
    client = _client(SESSION, clean=False)

    def on_message(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, message)

    client.on_message = on_message
    client.connect(address.host, address.port)
    client.loop_start()
    got = 0
    while got < count:
        batch = [await queue.get()]
        await asyncio.sleep(WAIT_S)
        while not queue.empty() and len(batch) < BATCH:
            batch.append(queue.get_nowait())
        await asyncio.sleep(COMMIT_S)
        for message in batch:
            client.ack(message.mid, 1)
        got += len(batch)
    client.disconnect()
    client.loop_stop()


def _client(client_id: str, *, clean: bool) -> paho.Client:
    return paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=clean, manual_ack=True)


def figures(size: Size) -> Iterator[Figure]:
    """Yield processor time and time on the wall for one message, then what the packets cost alone."""
    rounds, count = SIZES[size]
    ways: dict[str, Way] = {
        "ours": partial(ours, protocol="3.1.1"),
        "ours by MQTT 5": partial(ours, protocol="5"),
        "paho's own thread and a queue": thread,
        "a bare client": bare,
    }
    best = {name: (float("inf"), float("inf")) for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        broker = mosquitto(Path(folder))
        broker.start()
        try:
            for _ in range(rounds):
                for name, way in ways.items():
                    fill(broker.address, count)
                    cpu, wall = _costs(way, broker.address, count)
                    best[name] = min(best[name][0], cpu), min(best[name][1], wall)
        finally:
            broker.stop()
    for figure, one, other in (
        ("", "ours", "paho's own thread and a queue"),
        (".mqtt_5", "ours by MQTT 5", "ours"),
        (".bare", "a bare client", "ours"),
    ):
        for kind, unit in enumerate(("cpu", "time")):
            yield Figure(f"mqtt_client.{unit}{figure}", best[one][kind], "µs/message", other, best[other][kind])
    yield from _codec(5 if size is Size.TINY else 30)


def _codec(rounds: int) -> Iterator[Figure]:
    """Yield what it costs to read a packet, beside another codec."""
    if find_spec("mqtt5") is None:
        return
    theirs = import_module("mqtt5")
    topic = FILTER.replace("+", "001").encode()
    body = len(topic).to_bytes(2, "big") + topic + b"\x00\x01\x00" + PAYLOAD
    line = (b"\x32" + bytes([len(body) % 128 | 128, len(body) // 128]) + body) * BATCH
    now = datetime.now(UTC)

    def read() -> None:
        reader, messages = packets.Reader("5"), list[Message]()
        reader.feed(line)
        reader.take(BATCH, now, messages)

    def read_theirs() -> None:
        place, view, messages = 0, memoryview(line), []
        while place < len(line):
            packet, length = theirs.read(view[place:])
            messages.append(
                Message(topic=packet.topic, payload=packet.payload, received_at=now, token=packet.packet_id)
            )
            place += length

    yield compare("mqtt_client.codec", read, "the package mqtt5", read_theirs, count=BATCH, rounds=rounds)


def _costs(way: Way, address: BrokerAddress, count: int) -> tuple[float, float]:
    """Return processor time and time on the wall, in microseconds for one message."""
    wall, cpu = time.perf_counter(), time.process_time()
    asyncio.run(way(address, count))
    return (time.process_time() - cpu) / count * 1e6, (time.perf_counter() - wall) / count * 1e6
