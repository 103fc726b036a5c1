"""The door to an MQTT topic: a message as a JSON document, at QoS 1.

A connection for each message: alarms are rare, and nothing has to be watched over between them. A message counts as
sent when the broker has acknowledged it, and has not refused it (MQTT 5 tells).
"""

import asyncio
import ssl
from typing import Any

import aiomqtt

from alerts.messages import Message
from alerts.texts import one_line
from model.broker import BrokerAddress
from model.errors import UnavailableError

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
            async with asyncio.timeout(_TIMEOUT_S), self._client() as client:
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

    def _client(self) -> "_Client":
        broker = self._broker
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
