"""What the MQTT client costs, driven in different ways.

A Mosquitto of its own holds messages of 900 bytes (QoS 1) for a session; each way then takes them all, in batches, and
acknowledges each batch 5 ms after it was taken, as after a commit. Broker and client share the machine.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from ingest.batching import Limits
from ingest.mqtt import MqttConfig, MqttSource
from model.broker import BrokerAddress
from tests.bench.figure import Figure, Size
from tests.integration.fix_brokers import mosquitto

COUNT, ROUNDS, BATCH = 20_000, 3, 1000
COMMIT_S, WAIT_S = 0.005, 0.02
PAYLOAD = b"x" * 900

Way = Callable[[BrokerAddress, int], Coroutine[None, None, None]]


def fill(address: BrokerAddress, count: int) -> None:
    """Make the session, leave, and let messages wait for it."""
    session = _client("bench", clean=False)
    session.connect(address.host, address.port)
    session.loop_start()
    granted = Event()

    def on_subscribe(_client: paho.Client, _data: object, _mid: int, _codes: list[ReasonCode], _: object) -> None:
        granted.set()

    session.on_subscribe = on_subscribe
    session.subscribe("bench/#", 1)
    granted.wait(10)
    session.disconnect()
    session.loop_stop()
    publisher = _client("publisher", clean=True)
    publisher.max_inflight_messages_set(500)
    publisher.connect(address.host, address.port)
    publisher.loop_start()
    sent = [publisher.publish(f"bench/{number % 500}", PAYLOAD, 1) for number in range(count)]
    sent[-1].wait_for_publish()
    publisher.disconnect()
    publisher.loop_stop()


async def ours(address: BrokerAddress, count: int) -> None:
    """Take them with ``MqttSource``: paho turned by the event loop."""
    config = MqttConfig(
        broker=address, client_id="bench", filters=("bench/#",), limits=Limits(count=BATCH, age_s=WAIT_S)
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


async def thread(address: BrokerAddress, count: int) -> None:
    """Take them with paho's own thread, each message handed over to the loop."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[paho.MQTTMessage]()
    client = _client("bench", clean=False)

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
    """Yield what a message costs in ``MqttSource``, beside paho's own thread: processor time, then time on the wall."""
    rounds, count = (ROUNDS, COUNT) if size is not Size.TINY else (1, 200)
    ways = (ours, thread)
    best = [[float("inf"), float("inf")] for _ in ways]
    with tempfile.TemporaryDirectory() as folder:
        broker = mosquitto(Path(folder))
        broker.start()
        try:
            for _ in range(rounds):
                for costs, way in zip(best, ways, strict=True):
                    fill(broker.address, count)
                    for kind, cost in enumerate(_costs(way, broker.address, count)):
                        costs[kind] = min(costs[kind], cost)
        finally:
            broker.stop()
    for kind, name in enumerate(("cpu", "time")):
        yield Figure(f"mqtt_client.{name}", best[0][kind], "µs/message", "paho's own thread and a queue", best[1][kind])


def _costs(way: Way, address: BrokerAddress, count: int) -> tuple[float, float]:
    """Return processor time and time on the wall, in microseconds for one message."""
    wall, cpu = time.perf_counter(), time.process_time()
    asyncio.run(way(address, count))
    return (time.process_time() - cpu) / count * 1e6, (time.perf_counter() - wall) / count * 1e6
