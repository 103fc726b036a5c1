"""Alarms on an MQTT topic, on real brokers."""

import asyncio
from dataclasses import replace

import aiomqtt
import pytest

from alerts.channels.mqtt import Mqtt
from model.errors import UnavailableError
from tests.integration.fix_brokers import PASSWORD, USER, Broker
from tests.integration.test_alerts_mail import MESSAGE
from tests.unit.alerts.post import Post, channel, sender

TOPIC = "city/alarms"


async def test_who_listens_gets_the_document(broker: Broker) -> None:
    """A message is the document on the topic, at QoS 1, not kept."""
    async with aiomqtt.Client(broker.address.host, broker.address.port) as listener:
        await listener.subscribe(TOPIC, qos=1)
        await Mqtt(broker.address, TOPIC).send(MESSAGE)
        async with asyncio.timeout(15):
            message = await anext(aiter(listener.messages))

    assert (message.payload, message.qos, message.retain) == (MESSAGE.document, 1, False)


async def test_a_broker_that_is_away_for_a_while_gets_it_afterwards(mosquitto_broker: Broker) -> None:
    """While it is away the message waits; when it is back it is published, once."""
    post = Post()
    working = sender(post, channel("ops", Mqtt(mosquitto_broker.address, TOPIC)))
    mosquitto_broker.stop()
    post.opened(1, "ops")
    await working.once()
    assert post.states() == ["waiting"]
    assert str(mosquitto_broker.address.port) in working.troubles()["ops"]
    mosquitto_broker.start()
    async with aiomqtt.Client(mosquitto_broker.address.host, mosquitto_broker.address.port) as listener:
        await listener.subscribe(TOPIC, qos=1)
        post.clock.go(minutes=10)
        await working.once()
        async with asyncio.timeout(15):
            message = await anext(aiter(listener.messages))

    assert b'"channel":"ops"' in bytes(message.payload)
    assert post.states() == ["sent"]


async def test_a_broker_that_does_not_let_us_in_is_told_without_the_password(locked_broker: Broker) -> None:
    """A wrong password is trouble that names the broker; the right one works."""
    wrong = replace(locked_broker.address, username=USER, password="not-" + PASSWORD)
    with pytest.raises(UnavailableError, match="does not take it") as caught:
        await Mqtt(wrong, TOPIC).send(MESSAGE)
    assert PASSWORD not in str(caught.value)

    assert await Mqtt(replace(wrong, password=PASSWORD), TOPIC).send(MESSAGE) == ""
