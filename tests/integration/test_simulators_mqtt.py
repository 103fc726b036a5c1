"""The door to the broker, on real brokers: what counts as sent was received."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt
import pytest

from model.broker import BrokerAddress
from model.errors import UnavailableError
from simulators.envelopes import Event
from simulators.mqtt import MqttConfig, MqttDoor
from tests.integration.fix_brokers import PASSWORD, USER, Broker, free_port


def _events(count: int) -> list[Event]:
    return [Event(("chirpstack", "native")[n % 2], f"penfeld/test/{n % 7}", b"%d" % n) for n in range(count)]


@asynccontextmanager
async def _door(address: BrokerAddress, window: int = 50) -> AsyncIterator[MqttDoor]:
    door = MqttDoor(MqttConfig(broker=address, window=window))
    await door.open()
    try:
        yield door
    finally:
        await door.close()


async def _received(client: aiomqtt.Client, count: int) -> Counter[bytes]:
    found: Counter[bytes] = Counter()
    async with asyncio.timeout(60):
        async for message in client.messages:
            found[bytes(message.payload)] += 1
            if len(found) == count:
                break
    return found


async def test_what_is_sent_is_received(broker: Broker) -> None:
    """A thousand events through a narrow window arrive once each, and are counted by source when acknowledged."""
    async with aiomqtt.Client(broker.address.host, broker.address.port) as listener:
        await listener.subscribe("penfeld/test/+", qos=1)
        async with _door(broker.address) as door:
            for event in _events(1000):
                await door.send(event)
                assert door.outstanding <= 50
            assert await door.drain(30) == 0
            assert door.sent == {"chirpstack": 500, "native": 500}
        found = await _received(listener, 1000)
    assert set(found.values()) == {1}


async def test_a_broken_line_loses_nothing(mosquitto_broker: Broker) -> None:
    """The broker goes away in the middle and comes back: every event is received, and counted once."""
    broker = mosquitto_broker
    async with _door(broker.address, window=20) as door:
        events = _events(300)
        for event in events[:100]:
            await door.send(event)
        await door.drain(30)
        await asyncio.to_thread(broker.stop)

        async def rest() -> None:
            for event in events[100:]:
                await door.send(event)

        sending = asyncio.create_task(rest())
        await asyncio.sleep(0.5)
        assert not sending.done()
        await asyncio.to_thread(broker.start)
        async with aiomqtt.Client(broker.address.host, broker.address.port) as listener:
            await listener.subscribe("penfeld/test/+", qos=1)
            found = asyncio.create_task(_received(listener, 200))
            await asyncio.wait_for(sending, 60)
            assert await door.drain(30) == 0
            assert door.sent.total() == 300
            found.cancel()


async def test_a_dead_broker_is_one_line() -> None:
    """Where nobody listens, the error says where, without a password."""
    address = BrokerAddress(host="127.0.0.1", port=free_port(), username="u", password="geheim")  # noqa: S106 none
    with pytest.raises(UnavailableError, match=rf"the broker at .*:{address.port} does not answer") as caught:
        await MqttDoor(MqttConfig(broker=address)).open()
    assert "\n" not in str(caught.value)
    assert "geheim" not in str(caught.value)


async def test_a_wrong_password_is_told(locked_broker: Broker) -> None:
    """A broker that refuses us is named, with what to look at; the right password opens."""
    wrong = BrokerAddress(host="127.0.0.1", port=locked_broker.address.port, username=USER, password="nothing")  # noqa: S106
    with pytest.raises(UnavailableError, match=r"refuses us: .*check user name and password"):
        await MqttDoor(MqttConfig(broker=wrong)).open()
    right = BrokerAddress(host="127.0.0.1", port=locked_broker.address.port, username=USER, password=PASSWORD)
    async with _door(right) as door:
        await door.send(_events(1)[0])
        assert await door.drain(10) == 0


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_both_protocols_are_spoken(mosquitto_broker: Broker, protocol: str) -> None:
    """MQTT 3.1.1 and 5 both bring events home."""
    address = BrokerAddress.parse(
        f"mqtt://127.0.0.1:{mosquitto_broker.address.port}", protocol="5" if protocol == "5" else "3.1.1"
    )
    async with _door(address) as door:
        for event in _events(10):
            await door.send(event)
        assert await door.drain(10) == 0
        assert door.sent.total() == 10
