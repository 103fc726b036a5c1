"""What the API's door to the broker promises, on real brokers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path

import aiomqtt
import pytest

from api.mqtt import MqttConfig, MqttDoor
from model.alarm import LIVE_ALARMS_TOPIC
from model.broker import BrokerAddress
from model.errors import UnavailableError
from model.status import ALERTS_STATUS_TOPIC
from tests.integration.fix_brokers import (  # noqa: F401  fixtures are found by their names
    PASSWORD,
    USER,
    Broker,
    amqtt_broker,
    broker,
    free_port,
    locked_broker,
    mosquitto,
    mosquitto_broker,
)

WAIT_S = 15


def config_of(address: BrokerAddress, **more: float) -> MqttConfig:
    settings = {"first_pause_s": 0.05, "longest_pause_s": 0.2, "patience_s": 5.0, **more}
    return MqttConfig(broker=address, **settings)  # type: ignore[arg-type]  # all of them are floats


async def first(count: int, source: AsyncIterator[object]) -> list[object]:
    """Return the first things that come, waiting for each."""
    found = []
    async with asyncio.timeout(WAIT_S):
        async for one in source:
            found.append(one)
            if len(found) == count:
                break
    return found


async def publish(address: BrokerAddress, messages: Iterable[tuple[str, bytes, bool]]) -> None:
    """Publish (topic, payload, retained) as an ingest worker does."""
    async with aiomqtt.Client(address.host, address.port) as client:
        for topic, payload, retain in messages:
            await client.publish(topic, payload, qos=1, retain=retain)


async def connected(door: MqttDoor) -> None:
    """Wait until the door is open."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await door.publish("penfeld/v1/probe", b"")
            except UnavailableError:
                await asyncio.sleep(0.05)
            else:
                return


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_a_publication_arrives(mosquitto_broker: Broker, protocol: str) -> None:  # noqa: F811  the fixture
    """What is published reaches who subscribed, byte for byte, with either version of MQTT."""
    address = replace(mosquitto_broker.address, protocol=protocol)  # type: ignore[arg-type]  # one of the two
    payload = bytes(range(256))
    async with aiomqtt.Client(address.host, address.port) as listener, MqttDoor(config_of(address)) as door:
        await listener.subscribe("penfeld/v1/callbacks/sigfox", qos=1)
        await door.publish("penfeld/v1/callbacks/sigfox", payload)

        (message,) = await first(1, listener.messages)

    assert isinstance(message, aiomqtt.Message)
    assert (message.payload, message.qos) == (payload, 1)


async def test_live_readings_and_statuses(broker: Broker) -> None:  # noqa: F811  the fixture
    """Live readings come with their device type; states that the broker kept come to who arrives later."""
    await publish(broker.address, [("penfeld/v1/status/w1", b"kept", True)])
    async with MqttDoor(config_of(broker.address)) as door:
        await connected(door)
        await publish(
            broker.address,
            [
                ("penfeld/v1/live/lamp", b"[1]", False),
                ("penfeld/v1/live/bin", b"[2]", False),
                ("penfeld/v1/status/w1", b"new", True),
                ("penfeld/v1/status/w2", b"", True),
            ],
        )

        assert await first(2, door.readings()) == [("lamp", b"[1]"), ("bin", b"[2]")]
        assert await first(2, door.statuses()) == [b"kept", b"new"]


async def test_alarms_and_the_evaluator(broker: Broker) -> None:  # noqa: F811  the fixture
    """Changes of alarms come as they are told; how the evaluator is comes to who arrives later, too."""
    await publish(broker.address, [(ALERTS_STATUS_TOPIC, b"kept", True)])
    async with MqttDoor(config_of(broker.address)) as door:
        await connected(door)
        await publish(
            broker.address,
            [
                (LIVE_ALARMS_TOPIC, b"[1]", False),
                (ALERTS_STATUS_TOPIC, b"new", True),
                ("penfeld/v1/live/lamp", b"[2]", False),
                (LIVE_ALARMS_TOPIC, b"[3]", False),
            ],
        )

        assert await first(2, door.alarms()) == [b"[1]", b"[3]"]
        assert await first(2, door.alerts()) == [b"kept", b"new"]
        assert await first(1, door.readings()) == [("lamp", b"[2]")]


async def test_the_connection_comes_back(broker: Broker) -> None:  # noqa: F811  the fixture
    """When the broker is gone a publication is refused with the reason; when it is back, all goes on by itself."""
    async with MqttDoor(config_of(broker.address, patience_s=0.2)) as door:
        await connected(door)
        broker.stop()
        with pytest.raises(UnavailableError, match=str(broker.address.port)):  # noqa: PT012  one of many raises it
            for _ in range(100):  # the first ones may still find the line open
                await door.publish("penfeld/v1/probe", b"")
        broker.start()
        await connected(door)
        await publish(broker.address, [("penfeld/v1/live/lamp", b"[3]", False)])

        assert await first(1, door.readings()) == [("lamp", b"[3]")]


async def test_no_broker() -> None:
    """Opening does not wait for a broker; publishing says which one does not answer."""
    address = BrokerAddress(host="127.0.0.1", port=free_port())
    async with MqttDoor(config_of(address, patience_s=0.5)) as door:
        with pytest.raises(UnavailableError, match=f"127.0.0.1:{address.port}: .*refused"):
            await door.publish("penfeld/v1/probe", b"")


async def test_a_wrong_password(locked_broker: Broker, caplog: pytest.LogCaptureFixture) -> None:  # noqa: F811  the fixture
    """A wrong password is named, in the error and once in the log, and shown nowhere; the right one opens."""
    wrong = replace(locked_broker.address, username=USER, password="Kermorvan")  # noqa: S106  made up here
    with caplog.at_level(logging.WARNING):
        async with MqttDoor(config_of(wrong, patience_s=1.0)) as door:
            with pytest.raises(UnavailableError, match=r"(?i)not authorized") as error:
                await door.publish("penfeld/v1/probe", b"")
    warnings = [record.getMessage() for record in caplog.records if record.name == "api.mqtt"]
    assert len(warnings) == 1
    assert "Kermorvan" not in str(error.value) + caplog.text

    async with MqttDoor(config_of(replace(wrong, password=PASSWORD))) as door:
        await door.publish("penfeld/v1/probe", b"")


@pytest.mark.parametrize("missing", ["ca_file", "cert_file"])
async def test_certificates_that_are_not_there(missing: str) -> None:
    """A certificate file that is not there is told as a reason, not as a crash."""
    address = replace(BrokerAddress(host="127.0.0.1", port=1, tls=True), **{missing: "/nowhere.pem"})  # type: ignore[arg-type]  # a path
    async with MqttDoor(config_of(address, patience_s=0.5)) as door:
        with pytest.raises(UnavailableError, match="No such file"):
            await door.publish("penfeld/v1/probe", b"")


async def test_a_refused_publication(tmp_path: Path) -> None:
    """A publication that the broker does not allow (MQTT 5 tells) is refused, not taken for delivered."""
    rights = tmp_path / "rights"
    rights.write_text("topic read penfeld/#\ntopic write penfeld/v1/probe\n")
    rights.chmod(0o600)
    strict = mosquitto(tmp_path, f"acl_file {rights}")
    strict.start()
    try:
        address = replace(strict.address, protocol="5")
        async with MqttDoor(config_of(address, publish_timeout_s=0.5)) as door:
            await door.publish("penfeld/v1/probe", b"")
            with pytest.raises(UnavailableError, match="timed out"):
                await door.publish("penfeld/v1/callbacks/sigfox", b"{}")
            await door.publish("penfeld/v1/probe", b"")
    finally:
        strict.stop()


async def test_what_nobody_takes_is_dropped_oldest_first(mosquitto_broker: Broker) -> None:  # noqa: F811  the fixture
    """Live messages that nobody takes do not pile up: the newest are kept."""
    settings = replace(config_of(mosquitto_broker.address), waiting=3)
    async with MqttDoor(settings) as door:
        await connected(door)
        for number in range(10):
            await publish(mosquitto_broker.address, [("penfeld/v1/live/lamp", b"%d" % number, False)])
            await door.publish("penfeld/v1/probe", b"")

        assert await first(3, door.readings()) == [("lamp", b"7"), ("lamp", b"8"), ("lamp", b"9")]
