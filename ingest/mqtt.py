"""The door to the broker: ``FrameSource`` and ``LiveFeed`` over MQTT 3.1.1 or 5.

Rules:

1. QoS 1 on a persistent session under a stable client id: what is not acknowledged comes again, however often the line
   breaks. An acknowledgement is sent when the batch is safe, and only on the line that brought the message.
2. The socket is read when something is there, then not again for a moment: many frames at once cost less. When much is
   there it is read on at once, for a full socket costs the broker more than it saves us.
3. At most ``window`` messages (and ``window_bytes``) are held that nobody has acknowledged; beyond that the socket is
   left alone and the broker keeps them. Nothing is queued without bound, in neither direction.
4. The first connection is made by the one who asks (``UnavailableError`` says why not); a lost one is made again in the
   background, with growing pauses.
5. Each connection is a new ``_Line``; what goes over it is the business of ``ingest.mqtt_packets``.
   docs/decisions/0001-mqtt-client.md says why there is no MQTT library here.
"""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from random import Random
from typing import TypeVar

import numpy as np

from ingest import mqtt_packets as packets
from ingest.batching import Batching, Limits, Window
from model.broker import BrokerAddress
from model.errors import ConfigError, UnavailableError
from model.readings import Ints
from model.retry import Backoff
from model.status import LIVE_TOPIC, STATUS_TOPIC
from model.uplink import Message

logger = logging.getLogger(__name__)

_AT_ONCE = 1 << 20
"""Bytes read in one turn of the loop: many, so that decoding beside it does not keep them waiting."""
_MUCH = 1 << 16
_UNSENT = 1 << 18
_SUBSCRIPTION, _UNSUBSCRIPTION = 1, 2
_SHARE = "$share/"

_USER, _ID, _VERSION = "check user and password", "set another client_id", "set protocol to the other version"
_HINTS = {
    **dict.fromkeys((4, 5, 0x86, 0x87, 0x8C), f"{_USER} in [broker]"),
    **dict.fromkeys((2, 0x85), f"{_ID} in [broker]"),
    **dict.fromkeys((1, 0x84), f"{_VERSION} in [broker]"),
    **dict.fromkeys((3, 0x88, 0x89, 0x97, 0x9F), "look into the broker's limits and log"),
}
"""What to do about a refusal, by its code."""

T = TypeVar("T")

_payload = attrgetter("payload")
_token = attrgetter("token")


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttConfig:
    """``filters``: topics to subscribe to; ``window``: messages held unacknowledged at most; times in seconds.

    ``client_id`` names the session that the broker keeps: one worker, one id, the same after a restart.
    ``share``: name of the group of workers that divide the messages among them; empty: this one gets all.
    """

    broker: BrokerAddress
    client_id: str
    filters: tuple[str, ...]
    share: str = ""
    worker: str = "ingest"
    limits: Limits = field(default_factory=Limits)
    window: int = 30_000
    window_bytes: int = 64 << 20
    read_every_s: float = 0.01
    keepalive_s: int = 30
    answer_within_s: float = 10.0
    session_expiry_s: int = 7 * 86_400
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The filters as they are subscribed to."""
        return tuple(f"{_SHARE}{self.share}/{one}" if self.share else one for one in self.filters)


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
        self._bytes = 0
        self._line: _Line | None = None
        self._lines = 0
        self._keeper: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
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
            await self._line.close()
            self._line = None
        self._trouble = "closed"
        self._drop(all_of_it=True)
        self._changed.set()

    def trouble(self) -> str:
        """Return what keeps the line from being up, empty when it is."""
        return self._trouble

    def waiting(self) -> tuple[int, datetime | None]:
        """Return how many messages came and are in no batch yet, and when the first of them did."""
        return len(self._buffer), self._buffer[0].received_at if self._buffer else None

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
        self._bytes -= sum(map(len, map(_payload, batch)))
        tokens = np.array(list(map(_token, batch)), dtype=np.int64)
        tokens = tokens[tokens > 0]
        sent = self._line.acknowledge(tokens) if self._line is not None else 0
        if self._line is not None:
            self._line.go_on()
        if sent < len(tokens):
            raise UnavailableError(f"the line that brought {len(tokens) - sent} messages is gone")

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
        line = _Line(self._config, self._lines, self._receive)
        try:
            await line.open(self._tls)
        except BaseException:
            line.abort()
            self._drop()
            raise
        self._line, self._trouble = line, ""
        logger.info("connected to %s as %s%s", self._config.broker, self._config.client_id, line.terms)
        if self._lines > 1 and not line.session_present:
            logger.warning("%s has forgotten the session: what was sent meanwhile is lost", self._config.broker)

    def _receive(self, reader: packets.Reader, window: Window) -> tuple[Sequence[packets.Packet], bool]:
        """Take what came, as far as there is room; return what else came, and whether there is room for more."""
        held = len(self._buffer)
        came = reader.take(self._room(), self._clock(), self._buffer)
        fresh = self._buffer[held:]
        room = self._room() > 0
        if fresh:
            self._bytes += sum(map(len, map(_payload, fresh)))
            self._batching.add(len(fresh), self._now())
            if window.came(sum(map(bool, map(_token, fresh)))) or not room:
                self._batching.hurry()
            self._changed.set()
        return came, room

    def _room(self) -> int:
        if self._bytes >= self._config.window_bytes:
            return 0
        return max(0, self._config.window - len(self._buffer) - self._given)

    def _drop(self, *, all_of_it: bool = False) -> None:
        """Forget what waits and comes again on the next line; what came with QoS 0 never does."""
        kept = [] if all_of_it else [message for message in self._buffer if not message.token]
        self._bytes -= sum(map(len, map(_payload, self._buffer))) - sum(map(len, map(_payload, kept)))
        self._buffer = kept
        self._batching.drop(len(kept))

    async def _keep(self) -> None:
        """Make a new line whenever the one there is breaks."""
        while True:
            if self._line is None:
                await self._reconnect()
                continue
            self._trouble = await self._line.lost()
            self._line = None
            self._drop()
            logger.warning("%s", self._trouble)

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


class _Line(asyncio.BufferedProtocol):
    """One connection, from CONNECT to its end. ``receive`` takes what came, and says whether more may come."""

    def __init__(
        self,
        config: MqttConfig,
        number: int,
        receive: Callable[[packets.Reader, Window], tuple[Sequence[packets.Packet], bool]],
    ) -> None:
        self.session_present = False
        self.terms = ""
        self._config = config
        self._version = config.broker.protocol
        self._number = number
        self._receive = receive
        self._reader = packets.Reader(self._version, line=number)
        self._window = Window()
        self._came = memoryview(bytearray(_AT_ONCE))
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._connack: asyncio.Future[packets.Connack] = self._loop.create_future()
        self._suback: asyncio.Future[packets.Suback] = self._loop.create_future()
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._ping_every_s = config.keepalive_s / 2
        self._pinging: asyncio.TimerHandle | None = None
        self._pinged = False
        self._full = self._leaving = False
        self._may_retain = True

    async def open(self, tls: ssl.SSLContext | None) -> None:
        """Connect and subscribe, or raise ``UnavailableError``."""
        broker, seconds = self._config.broker, self._config.answer_within_s
        request = packets.subscribe(self._version, _SUBSCRIPTION, self._config.subscriptions)
        try:
            async with asyncio.timeout(seconds):
                await self._reach(tls)
                self._agree(await self._answer(self._connect(), self._connack))
                if self.session_present and self._config.share:  # it may still hold what this worker asked for alone
                    self._write(packets.unsubscribe(self._version, _UNSUBSCRIPTION, self._config.filters))
                if self.session_present:
                    # What waited comes before the answer, and may fill the window: who waited here would wait for ever.
                    self._suback.add_done_callback(self._check_later)
                    self._write(request)
                else:
                    self._check(await self._answer(request, self._suback))
        except TimeoutError:
            raise UnavailableError(f"{broker} gives no answer within {seconds:g} s; is it an MQTT broker?") from None
        except ssl.SSLError as error:
            raise UnavailableError(f"{broker}: {_tls_trouble(error)}") from error
        except OSError as error:
            raise UnavailableError(f"{broker} does not answer: {_why(error)}; is it running there?") from error
        self._pinging = self._loop.call_later(self._ping_every_s, self._ping)

    async def lost(self) -> str:
        """Return, when the line is broken, why in one line."""
        return f"{self._config.broker} has broken the line: {await asyncio.shield(self._lost)}"

    async def close(self) -> None:
        """End the connection politely: the broker closes it, once it has read what was acknowledged."""
        if self._transport is not None and not self._transport.is_closing():
            self._leaving = True
            self._transport.write(packets.DISCONNECT)
            self._transport.resume_reading()  # bytes left unread would reset the line, and with it what we acknowledged
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await asyncio.shield(self._lost)
        self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        if self._pinging is not None:
            self._pinging.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._connack.cancel()
        self._suback.cancel()

    def acknowledge(self, tokens: Ints) -> int:
        """Acknowledge what came on this line; return how many that were, 0 when it is gone."""
        if self._transport is None or self._transport.is_closing():
            return 0
        mine = tokens[tokens // packets.MIDS == self._number]
        self._window.left(len(mine))
        self._transport.write(packets.acknowledgements(mine % packets.MIDS))
        return len(mine)

    def send(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Send with QoS 0; ``False`` when the line cannot take it now."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > _UNSENT:
            return False
        transport.write(packets.publish(self._version, topic, payload, retain=retain and self._may_retain))
        return True

    def go_on(self) -> None:
        """Read on, where there is room again."""
        if self._full:
            self._read_on()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 TCP and TLS are streams
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 asyncio's signature
        """Return where to put what comes."""
        return self._came

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came; then leave the socket alone for a moment, unless there is much."""
        self._pinged = False
        if self._leaving:
            return
        self._reader.feed(self._came[:nbytes])
        if self._take() and nbytes < _MUCH and self._transport is not None:
            self._transport.pause_reading()
            self._loop.call_later(self._config.read_every_s, self._read_on)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait."""
        if isinstance(exc, ssl.SSLError):
            self._end(_tls_trouble(exc))
        else:
            self._end(_why(exc) if isinstance(exc, OSError) else "connection lost")

    def _read_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing() and self._take():
            self._transport.resume_reading()

    def _take(self) -> bool:
        """Take what came; return whether there is room for more. Without room the socket is left alone."""
        try:
            came, room = self._receive(self._reader, self._window)
        except packets.MalformedError as error:
            self._end(f"it sent what is no MQTT: {error}")
            return False
        for packet in came:
            self._hear(packet)
        self._full = not room
        if self._full and self._transport is not None:
            self._transport.pause_reading()
        return room

    def _hear(self, packet: packets.Packet) -> None:
        match packet:
            case packets.Connack():
                _settle(self._connack, packet)
            case packets.Suback():
                _settle(self._suback, packet)
            case packets.Disconnect():
                self._end(packets.words(packet.code, packet.reason))
            case packets.Pong() | packets.Unsuback():
                pass

    def _end(self, why: str) -> None:
        """Break the line; the first reason counts."""
        if not self._lost.done():
            self._lost.set_result(why)
            self.abort()

    def _ping(self) -> None:
        """Give a sign of life, and miss the broker's. While the socket is left alone, none can be seen."""
        if self._transport is None or self._lost.done():
            return
        if self._pinged and not self._full:
            self._end(f"no sign of life for {self._ping_every_s:g} s")
            return
        self._pinged = True
        self._transport.write(packets.PING)
        self._pinging = self._loop.call_later(self._ping_every_s, self._ping)

    def _connect(self) -> bytes:
        config = self._config
        return packets.connect(
            self._version,
            config.client_id,
            keepalive_s=config.keepalive_s,
            session_expiry_s=config.session_expiry_s,
            receive_maximum=min(config.window, packets.MIDS - 1),
            username=config.broker.username,
            password=config.broker.password,
        )

    def _agree(self, connack: packets.Connack) -> None:
        """Take the broker's terms, or raise ``UnavailableError``."""
        broker, told = self._config.broker, connack.properties
        if connack.code:
            why = packets.words(connack.code, str(told.get(packets.REASON, "")))
            raise UnavailableError(f"{broker} refuses us: {why}; {_HINTS.get(connack.code, 'check [broker]')}")
        if self._config.share and told.get(packets.SHARED_AVAILABLE) == 0:
            raise UnavailableError(
                f"{broker} has no shared subscriptions; take share out of [ingest], or run one worker"
            )
        self.session_present = connack.session_present
        self._may_retain = told.get(packets.RETAIN_AVAILABLE) != 0
        keepalive_s = int(told.get(packets.SERVER_KEEP_ALIVE, self._config.keepalive_s))
        self._ping_every_s = min(keepalive_s or self._config.keepalive_s, self._config.keepalive_s) / 2
        expiry_s = int(told.get(packets.SESSION_EXPIRY, self._config.session_expiry_s))
        if expiry_s < self._config.session_expiry_s:
            self.terms += f"; it keeps the session for {expiry_s} s without us"
        if packets.RECEIVE_MAXIMUM in told:
            self.terms += f"; it takes {told[packets.RECEIVE_MAXIMUM]} unacknowledged messages at most"

    def _check(self, suback: packets.Suback) -> None:
        """Raise ``UnavailableError`` for filters that the broker does not let us have."""
        answers = zip(self._config.subscriptions, suback.codes, strict=False)
        refused = [f"{one} ({packets.words(code)})" for one, code in answers if packets.refused(code)]
        if len(suback.codes) != len(self._config.subscriptions):
            refused = [f"{len(suback.codes)} codes for {len(self._config.subscriptions)} filters"]
        if refused:
            more = f"; {suback.reason[:200]!r}" if suback.reason else ""
            hint = ", and whether the broker shares subscriptions" if self._config.share else ""
            what = f"{self._config.broker} refuses the topics {', '.join(refused)}{more}"
            raise UnavailableError(f"{what}; check what the user may read{hint}")

    def _check_later(self, suback: asyncio.Future[packets.Suback]) -> None:
        """Break a line on which the broker does not let us have what we ask for."""
        if suback.cancelled():
            return
        try:
            self._check(suback.result())
        except UnavailableError as error:
            self._end(str(error))

    async def _reach(self, tls: ssl.SSLContext | None) -> None:
        """Make the connection to one of the host's addresses."""
        broker, failure = self._config.broker, OSError("it has no address")
        found = await self._loop.getaddrinfo(broker.host, broker.port, type=socket.SOCK_STREAM)
        for family, _, _, _, address in found:
            try:
                await self._loop.create_connection(
                    lambda: self,
                    str(address[0]),
                    broker.port,
                    family=family,
                    ssl=tls,
                    server_hostname=broker.host if tls else None,
                )
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
            else:
                return
        raise failure

    async def _answer(self, request: bytes, answer: asyncio.Future[T]) -> T:
        """Send, and return what the broker answers; raise ``UnavailableError`` when it ends the line instead."""
        self._write(request)
        await asyncio.wait((answer, self._lost), return_when=asyncio.FIRST_COMPLETED)
        if answer.cancelled() or not answer.done():
            raise UnavailableError(await self.lost() + self._suspicion())
        return answer.result()

    def _suspicion(self) -> str:
        """Return what may be the matter with a broker that hangs up before it has said anything."""
        broker = self._config.broker
        if self._connack.done() and not self._connack.cancelled():
            return ""
        if not broker.tls:
            return "; does it speak TLS there (mqtts://…)?"
        return "" if broker.cert_file else "; does it ask for a certificate (cert_file and key_file in [broker])?"

    def _write(self, packet: bytes) -> None:
        if self._transport is not None:
            self._transport.write(packet)


def _settle(future: asyncio.Future[T], packet: T) -> None:
    if not future.done():
        future.set_result(packet)


def _why(error: OSError) -> str:
    """Return why a connection failed, without the address, which stands before it."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error) or type(error).__name__


def _tls_trouble(error: ssl.SSLError) -> str:
    reason = error.reason or ""
    why = getattr(error, "verify_message", "") or reason.replace("_", " ").lower() or str(error)
    if "ALERT" in reason:  # the broker's own word
        return f"TLS fails: the broker says {why}; check cert_file and key_file"
    return f"TLS fails: {why}; " + ("is this its port for TLS?" if "VERSION" in reason else "check ca_file")


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
