"""The door to the broker: events leave at QoS 1, and count as sent when the broker has acknowledged them.

1. At most ``window`` events are on their way; who sends more waits. So a broker that is away slows the city down, and
   nothing is lost.
2. After a broken line paho connects again by itself and repeats what was not acknowledged; an event counts once.
3. paho runs its own thread and calls back from there; its callbacks only append to deques, everything else happens in
   the caller's event loop.
"""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from model.broker import BrokerAddress
from model.errors import UnavailableError
from simulators.envelopes import Event

_LOOK_S = 0.004


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttConfig:
    """``window``: events on their way at most. ``connect_s``: patience for the first connection."""

    broker: BrokerAddress
    client_id: str = ""
    window: int = 200
    connect_s: float = 10.0
    keepalive_s: int = 30


class MqttDoor:
    """Sends events into the broker. ``sent``: acknowledged events by source."""

    def __init__(self, config: MqttConfig) -> None:
        self.sent: Counter[str] = Counter()
        self._config = config
        self._waiting: dict[int, str] = {}
        self._acknowledged: deque[int] = deque()
        self._answers: deque[str] = deque()
        version = MQTTProtocolVersion.MQTTv5 if config.broker.protocol == "5" else MQTTProtocolVersion.MQTTv311
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=config.client_id, protocol=version)
        broker = config.broker
        if broker.username is not None:
            self._client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            self._client.tls_set(broker.ca_file, broker.cert_file, broker.key_file)
        self._client.max_inflight_messages_set(config.window)
        self._client.reconnect_delay_set(1, 8)
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish

    @property
    def outstanding(self) -> int:
        """How many events are not acknowledged yet."""
        self._settle()
        return len(self._waiting)

    async def open(self) -> None:
        """Connect; raise ``UnavailableError`` with one line that says why not."""
        broker = self._config.broker
        try:
            await asyncio.to_thread(self._client.connect, broker.host, broker.port, keepalive=self._config.keepalive_s)
        except (OSError, ValueError) as error:
            raise UnavailableError(f"the broker at {broker} does not answer: {error}") from None
        self._client.loop_start()
        waited = 0.0
        while not self._answers:
            await asyncio.sleep(_LOOK_S)
            waited += _LOOK_S
            if waited > self._config.connect_s:
                await self.close()
                raise UnavailableError(f"the broker at {broker} does not answer: no reply to our greeting")
        answer = self._answers.pop()
        if answer:
            await self.close()
            raise UnavailableError(f"the broker at {broker} refuses us: {answer}; check user name and password")

    async def send(self, event: Event) -> None:
        """Put an event on its way; waits while the window is full."""
        while self.outstanding >= self._config.window:  # noqa: ASYNC110 acknowledgements come from paho's thread
            await asyncio.sleep(_LOOK_S)
        info = self._client.publish(event.topic, event.payload, qos=1)
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            raise UnavailableError(f"the broker at {self._config.broker} takes nothing: {paho.error_string(info.rc)}")
        self._waiting[info.mid] = event.source

    async def drain(self, patience_s: float) -> int:
        """Wait until everything is acknowledged, ``patience_s`` at most; return how many are not."""
        waited = 0.0
        while self.outstanding and waited < patience_s:
            await asyncio.sleep(_LOOK_S)
            waited += _LOOK_S
        return self.outstanding

    async def close(self) -> None:
        """Say goodbye and end the thread."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _settle(self) -> None:
        for _ in range(len(self._acknowledged)):
            mid = self._acknowledged.popleft()
            source = self._waiting.pop(mid, None)
            if source is None:
                self._acknowledged.append(mid)  # it came before ``send`` could note it
            else:
                self.sent[source] += 1

    def _on_connect(
        self, _client: object, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        self._answers.append(str(reason) if reason.is_failure else "")

    def _on_publish(self, _client: object, _data: object, mid: int, _reason: object, _properties: object) -> None:
        self._acknowledged.append(mid)
