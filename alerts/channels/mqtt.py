"""The door to MQTT: messages of a channel, and what is told live of alarms.

A channel's message is a JSON document at QoS 1, over a connection of its own: alarms are rare, and nothing has to be
watched over between them. It counts as sent when the broker has acknowledged it, and has not refused it (MQTT 5 tells).

What is told live goes at QoS 0 over one connection that is kept; while there is none, it is dropped.
"""

import asyncio
import logging
import ssl
from typing import Any

import aiomqtt

from alerts.messages import Message
from alerts.texts import one_line
from model.alarm import LIVE_ALARMS_TOPIC
from model.broker import BrokerAddress
from model.errors import UnavailableError
from model.retry import Backoff, Chance
from model.status import ALERTS_STATUS_TOPIC

log = logging.getLogger(__name__)

_PROTOCOLS = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}
_TIMEOUT_S = 15.0


class Mqtt:
    """Publishes messages on ``topic``."""

    def __init__(self, broker: BrokerAddress, topic: str) -> None:
        self._broker = broker
        self._topic = topic

    async def send(self, message: Message) -> str:
        """Publish a message. As ``Door.send``."""
        try:
            async with asyncio.timeout(_TIMEOUT_S), _client(self._broker) as client:
                await client.publish(self._topic, message.document, qos=1, timeout=_TIMEOUT_S)
                refused = client.refused
        except TimeoutError:
            raise UnavailableError(f"the broker {self._broker} does not answer in time") from None
        except (aiomqtt.MqttError, OSError, ValueError) as error:  # ValueError: TLS files that are none
            raise UnavailableError(f"the broker {self._broker} does not take it: {one_line(str(error))}") from error
        if refused:
            raise UnavailableError(
                f"the broker {self._broker} refuses it on {self._topic}: {one_line(refused)}; check this user's rights"
            )
        return ""


class Feed:
    """``model.alert_ports.AlarmFeed``: ``run`` keeps the connection, until it is cancelled."""

    def __init__(self, broker: BrokerAddress, random: Chance) -> None:
        self._broker = broker
        self._random = random
        self._client: _Client | None = None
        self._pauses = Backoff()

    async def run(self) -> None:
        """Connect, and again whenever the connection is lost."""
        failures, trouble = 0, ""
        while True:
            try:
                async with _client(self._broker) as client:
                    self._client = client
                    failures, trouble = 0, ""
                    async for _ in client.messages:  # none is subscribed to: this ends with the connection
                        pass
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                failures += 1
                if str(error) != trouble:
                    log.warning("alarms are not told live: broker %s: %s", self._broker, one_line(str(error)))
                trouble = str(error)
            finally:
                self._client = None
            await asyncio.sleep(self._pauses.wait_s(max(failures, 1), self._random))

    async def alarms(self, notices: bytes) -> None:
        """Send a JSON array of ``AlarmNotice``; raise ``UnavailableError``."""
        await self._publish(LIVE_ALARMS_TOPIC, notices, retain=False)

    async def status(self, status: bytes) -> None:
        """Send the evaluator's state, kept by the broker; raise ``UnavailableError``."""
        await self._publish(ALERTS_STATUS_TOPIC, status, retain=True)

    async def _publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        if self._client is None:
            raise UnavailableError(f"no connection to the broker {self._broker}")
        try:
            await self._client.publish(topic, payload, qos=0, retain=retain, timeout=_TIMEOUT_S)
        except aiomqtt.MqttError as error:
            raise UnavailableError(f"the broker {self._broker} does not take it: {one_line(str(error))}") from error


def _client(broker: BrokerAddress) -> "_Client":
    context = None
    if broker.tls:
        context = ssl.create_default_context(cafile=broker.ca_file)
        if broker.cert_file is not None:
            context.load_cert_chain(broker.cert_file, broker.key_file)
    return _Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        protocol=_PROTOCOLS[broker.protocol],
        timeout=_TIMEOUT_S,
        tls_context=context,
    )


class _Client(aiomqtt.Client):
    """aiomqtt's client; ``refused``: why the broker did not want a publication."""

    refused = ""

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:  # noqa: ANN401  paho's callback
        if reason_code.is_failure:
            self.refused = str(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)
