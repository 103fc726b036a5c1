"""The door to the broker: ``FrameSource`` and ``LiveFeed`` over MQTT 3.1.1 or 5.

Rules:

1. QoS 1 on a persistent session under a stable client id: what is not acknowledged comes again, however often the line
   breaks. An acknowledgement is sent when the batch is safe, and only on the line that brought the message.
2. The socket is read when something is there, then not again for a moment: many frames at once cost less.
3. At most ``window`` messages are held that nobody has acknowledged; beyond that the socket is left alone and the
   broker keeps them. Nothing is queued without bound. The worker's status is then the line's sign of life.
4. The first connection is made by the one who asks (``UnavailableError`` says why not); a lost one is made again in the
   background, with growing pauses.
5. paho's client is driven by the event loop, without a thread; docs/decisions/0001-mqtt-client.md says why. Each
   connection is a new ``_Line``.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Protocol

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.batching import Batching, Limits
from ingest.retry import Backoff
from model.broker import BrokerAddress
from model.errors import ConfigError, UnavailableError
from model.status import LIVE_TOPIC, STATUS_TOPIC
from model.uplink import Message

logger = logging.getLogger(__name__)

_FAILURE = 0x80
_SLICE = 250
_MIDS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttConfig:
    """``filters``: topics to subscribe to; ``window``: messages held unacknowledged at most; times in seconds.

    ``client_id`` names the session that the broker keeps: one worker, one id, the same after a restart.
    """

    broker: BrokerAddress
    client_id: str
    filters: tuple[str, ...]
    worker: str = "ingest"
    limits: Limits = field(default_factory=Limits)
    window: int = 5000
    read_every_s: float = 0.02
    keepalive_s: int = 30
    answer_within_s: float = 10.0
    session_expiry_s: int = 7 * 86_400
    backoff: Backoff = field(default_factory=Backoff)


class MqttSource:
    """``FrameSource`` and ``LiveFeed``. ``open`` it, or let ``batches`` do so; ``close`` it at the end."""

    def __init__(self, config: MqttConfig, *, clock: Callable[[], datetime], random: Random) -> None:
        self._config = config
        self._clock = clock
        self._random = random
        self._tls = _tls_context(config.broker)
        self._batching = Batching(config.limits)
        self._buffer: list[Message] = []
        self._given = 0
        self._line: _Line | None = None
        self._lines = 0
        self._keeper: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._trouble = "not connected yet"

    async def open(self) -> None:
        """Connect and subscribe; raise ``UnavailableError`` in one line that says what to look at."""
        if self._keeper is None:
            await self._connect()
            self._keeper = asyncio.create_task(self._keep())
            self._keeper.add_done_callback(lambda _: self._changed.set())

    async def close(self) -> None:
        """Say goodbye. The broker keeps what is not acknowledged, and what comes meanwhile, for the next time."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        if self._line is not None:
            self._line.close()
            self._line = None
        self._trouble = "closed"
        self._buffer.clear()
        self._changed.set()

    def trouble(self) -> str:
        """Return what keeps the line from being up, empty when it is."""
        return self._trouble

    async def batches(self) -> AsyncIterator[Sequence[Message]]:
        """Yield batches until ``close``; raise ``UnavailableError`` when the first connection cannot be made."""
        await self.open()
        while self._keeper is not None:
            if self._keeper.done():
                self._keeper.result()
            wait = self._batching.wait_s(self._now())
            if wait == 0:
                count = self._batching.take(self._now())
                batch, self._buffer = self._buffer[:count], self._buffer[count:]
                self._given += count
                yield batch
                continue
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    async def acknowledge(self, batch: Sequence[Message]) -> None:
        """Acknowledge; raise ``UnavailableError`` when the line that brought some is gone: they come again."""
        self._given -= len(batch)
        self._room.set()
        line = self._line
        lost = 0
        for message in batch:
            if message.token and (line is None or not line.acknowledge(message.token)):
                lost += 1
        if lost:
            raise UnavailableError(f"the line that brought {lost} messages is gone")

    async def publish(self, device_type: str, readings: bytes) -> None:
        """Send live readings, QoS 0; raise ``UnavailableError`` when the line is down or full."""
        self._send(LIVE_TOPIC + device_type, readings, retain=False)

    async def status(self, status: bytes) -> None:
        """Send this worker's state, QoS 0, kept by the broker."""
        self._send(STATUS_TOPIC + self._config.worker, status, retain=True)

    def _send(self, topic: str, payload: bytes, *, retain: bool) -> None:
        if self._line is None or not self._line.send(topic, payload, retain=retain):
            raise UnavailableError(self._trouble or "the line to the broker is full")

    async def _connect(self) -> None:
        self._lines += 1
        line = _Line(self._config, self._tls, self._lines, self._receive)
        try:
            await line.open()
        except BaseException:
            line.close()
            raise
        self._line, self._trouble = line, ""
        logger.info("connected to %s as %s", self._config.broker, self._config.client_id)
        if self._lines > 1 and not line.session_present:
            logger.warning("%s has forgotten the session: what was sent meanwhile is lost", self._config.broker)

    def _receive(self, line: int, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(not UTF-8)"
        self._buffer.append(
            Message(
                topic=topic,
                payload=bytes(message.payload),
                received_at=self._clock(),
                token=line * _MIDS + message.mid if message.qos else 0,
                redelivered=message.dup,
            )
        )
        self._batching.add(1, self._now())
        self._changed.set()

    async def _keep(self) -> None:
        """Read from the line; make a new one whenever it breaks."""
        while True:
            line = self._line
            if line is None:
                await self._reconnect()
                continue
            try:
                await self._read(line)
            except UnavailableError as error:
                line.close()
                self._line, self._trouble = None, str(error)
                # what came with QoS 1 comes again on the next line; what came with QoS 0 never does
                self._buffer = [message for message in self._buffer if not message.token]
                self._batching.drop(len(self._buffer))
                logger.warning("%s", error)

    async def _read(self, line: "_Line") -> None:
        """Read from this line until it breaks (``UnavailableError``)."""
        while True:
            await line.readable(1.0)
            held = len(self._buffer)
            room = self._config.window - held - self._given
            line.turn(min(room, _SLICE))
            came = len(self._buffer) - held
            if room <= came:
                self._room.clear()
                await self._room.wait()
            elif came < _SLICE:
                await asyncio.sleep(self._config.read_every_s)
            else:
                await asyncio.sleep(0)

    async def _reconnect(self) -> None:
        failures = 1
        while True:
            await asyncio.sleep(self._config.backoff.wait_s(failures, self._random))
            try:
                await self._connect()
            except UnavailableError as error:
                failures += 1
                if str(error) != self._trouble:
                    logger.warning("%s", error)
                self._trouble = str(error)
            else:
                return

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class _Socket(Protocol):
    """What is needed of paho's socket here."""

    def fileno(self) -> int:
        """Return its descriptor."""
        ...


class _Line:
    """One connection, from CONNECT to its end: paho's client, turned by whoever waits for it."""

    def __init__(
        self,
        config: MqttConfig,
        tls: ssl.SSLContext | None,
        number: int,
        receive: Callable[[int, paho.MQTTMessage], None],
    ) -> None:
        self.session_present = False
        self._config = config
        self._number = number
        self._came = 0
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._end = ""
        self._ready = asyncio.Event()
        self._version_5 = version_5 = config.broker.protocol == "5"
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=config.client_id,
            clean_session=None if version_5 else False,
            protocol=paho.MQTTv5 if version_5 else paho.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self._client.connect_timeout = config.answer_within_s
        if config.broker.username is not None:
            self._client.username_pw_set(config.broker.username, config.broker.password)
        if tls is not None:
            self._client.tls_set_context(tls)

        def on_message(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
            self._came += 1
            receive(number, message)

        self._client.on_message = on_message
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_socket_close = self._on_socket_close

    async def open(self) -> None:
        """Connect and subscribe, or raise ``UnavailableError``."""
        config = self._config
        properties = None
        if self._version_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's types stop here
            properties.SessionExpiryInterval = config.session_expiry_s
            properties.ReceiveMaximum = min(config.window, _MIDS - 1)
        try:
            await asyncio.to_thread(  # it resolves names, connects and shakes hands without giving way
                self._client.connect,
                config.broker.host,
                config.broker.port,
                config.keepalive_s,
                clean_start=False if self._version_5 else paho.MQTT_CLEAN_START_FIRST_ONLY,
                properties=properties,
            )
        except ssl.SSLError as error:
            raise UnavailableError(f"{config.broker}: TLS fails: {error.reason or error}; check ca_file") from error
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
            raise UnavailableError(f"{config.broker} does not answer: {why}; is it running there?") from error
        await self._answer(self._connected)
        if self._version_5:
            self._client.subscribe([(one, SubscribeOptions(qos=1)) for one in config.filters])
        else:
            self._client.subscribe([(one, 1) for one in config.filters])
        await self._answer(self._subscribed)

    async def _answer(self, future: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(self._config.answer_within_s):
                while not future.done():
                    await self.readable(0.1)
                    self.turn(1)
        except TimeoutError:
            broker, seconds = self._config.broker, self._config.answer_within_s
            raise UnavailableError(f"{broker} gives no answer within {seconds:g} s; is it an MQTT broker?") from None
        future.result()

    async def readable(self, at_most_s: float) -> None:
        """Return when there is something to read, or after that time."""
        sock = self._client.socket()
        if sock is None or _pending(sock):
            return
        self._ready.clear()
        self._loop.add_reader(sock.fileno(), self._ready.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.read_every_s if self._client.want_write() else at_most_s):
                await self._ready.wait()
        if self._client.socket() is sock:
            self._loop.remove_reader(sock.fileno())

    def turn(self, at_most: int) -> None:
        """Read what is there, up to so many messages; write what waits; keep the line alive. Raise when it broke."""
        goal, idle = self._came + at_most, 0
        while idle <= 1 and self._came < goal:  # paho does not tell an empty socket from a packet without message
            before = self._came
            self._client.loop_read()
            idle = 0 if self._came > before else idle + 1
            if self._client.socket() is None:
                break
        if self._client.want_write():
            self._client.loop_write()
        if at_most > 0:  # while nothing is read, no answer to a ping is either
            self._client.loop_misc()
        if self._client.socket() is None:
            if self._connected.done() and not self._connected.cancelled() and self._connected.exception():
                self._connected.result()
            raise UnavailableError(f"{self._config.broker} has broken the line: {self._end or 'connection lost'}")

    def acknowledge(self, token: int) -> bool:
        """Acknowledge one message; ``False`` when it came on another line, or this one is gone."""
        number, mid = divmod(token, _MIDS)
        if number != self._number or self._client.socket() is None:
            return False
        return self._client.ack(mid, 1) == paho.MQTT_ERR_SUCCESS

    def send(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Send with QoS 0; ``False`` when the line cannot take it now."""
        if self._client.socket() is None or self._client.want_write():
            return False
        return self._client.publish(topic, payload, qos=0, retain=retain).rc == paho.MQTT_ERR_SUCCESS

    def close(self) -> None:
        """End the connection, as politely as it allows."""
        self._client.on_disconnect = None
        self._client.disconnect()
        for future in (self._connected, self._subscribed):
            if future.done() and not future.cancelled():
                future.exception()  # seen, so that asyncio does not report it as forgotten
            future.cancel()

    def _on_connect(
        self, _client: paho.Client, _data: object, flags: paho.ConnectFlags, code: ReasonCode, _: Properties | None
    ) -> None:
        self.session_present = flags.session_present
        if not code.is_failure:
            self._settle(self._connected, None)
            return
        hint = "check user and password" if code.value in (0x86, 0x87) else "check [broker]"
        self._settle(self._connected, UnavailableError(f"{self._config.broker} refuses us: {code}; {hint}"))

    def _on_subscribe(
        self, _client: paho.Client, _data: object, _mid: int, codes: list[ReasonCode], _: Properties | None
    ) -> None:
        refused = [one for one, code in zip(self._config.filters, codes, strict=False) if code.value >= _FAILURE]
        problem = f"{self._config.broker} refuses the topics {', '.join(refused)}; check what the user may read"
        self._settle(self._subscribed, UnavailableError(problem) if refused else None)

    def _on_disconnect(
        self, _client: paho.Client, _data: object, _flags: paho.DisconnectFlags, code: ReasonCode, _: Properties | None
    ) -> None:
        self._end = str(code)

    def _on_socket_close(self, _client: paho.Client, _data: object, sock: _Socket) -> None:
        self._loop.remove_reader(sock.fileno())
        self._ready.set()

    @staticmethod
    def _settle(future: asyncio.Future[None], problem: Exception | None) -> None:
        if future.done():
            return
        if problem is None:
            future.set_result(None)
        else:
            future.set_exception(problem)


def _pending(sock: object) -> bool:
    """Whether TLS holds bytes that it has decrypted and nobody has read."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _tls_context(broker: BrokerAddress) -> ssl.SSLContext | None:
    """Return how to speak TLS; raise ``ConfigError`` when a file cannot be used."""
    if not broker.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
        if broker.cert_file:
            context.load_cert_chain(broker.cert_file, broker.key_file)
    except OSError as error:  # ssl.SSLError is one
        files = [file for file in (broker.ca_file, broker.cert_file, broker.key_file) if file]
        raise ConfigError([f"[broker] {', '.join(files)}: cannot be used for TLS: {error}"]) from error
    return context
