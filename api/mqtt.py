"""The door to the broker: ``Publisher`` and ``LiveSource`` over one connection (aiomqtt).

Rules:

1. The connection comes back by itself, waiting longer each time up to half a minute; what broke it is logged once.
2. ``publish`` returns when the broker has acknowledged (QoS 1), and raises ``UnavailableError`` otherwise: while there
   is no connection, when the acknowledgement does not come in time, when the broker refuses.
3. Live messages that nobody takes in time are dropped, oldest first: the database has the readings.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import aiomqtt

from model.alarm import LIVE_ALARMS_TOPIC
from model.broker import BrokerAddress
from model.errors import UnavailableError
from model.status import ALERTS_STATUS_TOPIC, LIVE_TOPIC, PROBE_TOPIC, STATUS_TOPIC

T = TypeVar("T")

log = logging.getLogger(__name__)

_PROTOCOLS = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttConfig:
    """Settings of the connection; times in seconds.

    ``patience_s``: how long a publication waits for a connection. ``waiting``: live messages that may wait.
    """

    broker: BrokerAddress
    publish_timeout_s: float = 5.0
    patience_s: float = 1.0
    keepalive_s: int = 30
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    waiting: int = 10_000


class MqttDoor:
    """Keeps one connection from ``open`` to ``close``, and is a ``Publisher`` and a ``LiveSource`` on it.

    ``open`` does not wait for the broker: a service that starts before its broker serves what it can.
    """

    def __init__(self, config: MqttConfig) -> None:
        self._config = config
        self._client: _Client | None = None
        self._connected = asyncio.Event()
        self._trouble = "not connected yet"
        self._readings: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(config.waiting)
        self._statuses: asyncio.Queue[bytes] = asyncio.Queue(config.waiting)
        self._alarms: asyncio.Queue[bytes] = asyncio.Queue(config.waiting)
        self._alerts: asyncio.Queue[bytes] = asyncio.Queue(config.waiting)
        self._probes: asyncio.Queue[str] = asyncio.Queue(config.waiting)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Open the door."""
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the door."""
        await self.close()

    async def open(self) -> None:
        """Begin to connect, and go on connecting until ``close``."""
        self._task = asyncio.create_task(self._keep(), name="api broker connection")

    async def close(self) -> None:
        """Disconnect."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return when the broker has acknowledged; raise ``UnavailableError`` with the reason otherwise."""
        try:
            async with asyncio.timeout(self._config.patience_s):
                await self._connected.wait()
        except TimeoutError:
            raise UnavailableError(f"broker {self._config.broker}: {self._trouble}") from None
        client = self._client
        if client is None:
            raise UnavailableError(f"broker {self._config.broker}: {self._trouble}")
        try:
            await client.publish(topic, payload, qos=1, timeout=self._config.publish_timeout_s)
        except aiomqtt.MqttError as error:
            raise UnavailableError(f"broker {self._config.broker}: {error}") from error

    async def readings(self) -> AsyncIterator[tuple[str, bytes]]:
        """Yield (device type, JSON array of readings) as they are published."""
        while True:
            yield await self._readings.get()

    async def statuses(self) -> AsyncIterator[bytes]:
        """Yield the ingest workers' states, first those that the broker kept."""
        while True:
            yield await self._statuses.get()

    async def alarms(self) -> AsyncIterator[bytes]:
        """Yield JSON arrays of changes of alarms as they are published."""
        while True:
            yield await self._alarms.get()

    async def alerts(self) -> AsyncIterator[bytes]:
        """Yield the evaluator's states, first the one that the broker kept."""
        while True:
            yield await self._alerts.get()

    async def round_trip(self, name: str, patience_s: float) -> None:
        """Return when a message of ours is back; raise ``UnavailableError`` as ``publish``, ``TimeoutError``."""
        await self.publish(f"{PROBE_TOPIC}/{name}", b"-")
        async with asyncio.timeout(patience_s):
            while await self._probes.get() != name:
                pass

    async def _keep(self) -> None:
        """Connect, read, and connect again, for ever."""
        pause = self._config.first_pause_s
        while True:
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError, ValueError) as error:  # ValueError: TLS files that are none
                if str(error) != self._trouble:
                    log.warning("broker %s: %s; trying again", self._config.broker, error)
                self._trouble = str(error)
            if self._connected.is_set():
                pause = self._config.first_pause_s
            self._client = None
            self._connected.clear()
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._config.longest_pause_s)

    async def _session(self) -> None:
        """Connect once and read until the connection breaks."""
        async with self._new_client() as client:
            topics = (f"{LIVE_TOPIC}+", f"{STATUS_TOPIC}+", LIVE_ALARMS_TOPIC, ALERTS_STATUS_TOPIC, f"{PROBE_TOPIC}/+")
            await client.subscribe([(topic, 0) for topic in topics])
            log.info("broker %s: connected", self._config.broker)
            self._client, self._trouble = client, "connection lost"
            self._connected.set()
            async for message in client.messages:
                self._take(str(message.topic), message.payload)

    def _take(self, topic: str, payload: object) -> None:
        if not isinstance(payload, bytes) or not payload:  # an empty retained message only clears the one before
            return
        if topic == LIVE_ALARMS_TOPIC:
            _put(self._alarms, payload)
        elif topic == ALERTS_STATUS_TOPIC:
            _put(self._alerts, payload)
        elif topic.startswith(PROBE_TOPIC):
            _put(self._probes, topic.removeprefix(f"{PROBE_TOPIC}/"))
        elif topic.startswith(LIVE_TOPIC):
            _put(self._readings, (topic.removeprefix(LIVE_TOPIC), payload))
        else:
            _put(self._statuses, payload)

    def _new_client(self) -> "_Client":
        broker = self._config.broker
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
            keepalive=self._config.keepalive_s,
            timeout=self._config.publish_timeout_s,
            max_queued_incoming_messages=self._config.waiting,
            tls_context=context,
        )


class _Client(aiomqtt.Client):
    """aiomqtt's client, but a publication that the broker refuses (MQTT 5 tells) counts as not acknowledged."""

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:  # noqa: ANN401  paho's callback
        if reason_code.is_failure:
            log.error("the broker refuses a publication: %s; check the topic rights of this user", reason_code)
            return
        super()._on_publish(client, userdata, mid, reason_code, properties)


def _put(queue: asyncio.Queue[T], item: T) -> None:
    """Put an item into a queue; when it is full, the oldest makes room."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(item)
