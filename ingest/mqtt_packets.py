"""The packets of MQTT 3.1.1 and 5 that a subscriber needs: bytes in, messages out, and the other way. Pure.

Rules:

1. A line is read in pieces as they come, cut anywhere. PUBLISH becomes a ``Message`` in one step, without an object
   between: it is the only packet that comes often. All others are rare, and are returned as what they say.
2. What is no MQTT raises ``MalformedError``, and the line must end: nobody knows where the next packet begins.
3. A PUBLISH larger than ``largest`` keeps only its first bytes (``Message.cut`` tells): it must be acknowledged like
   any other, or it would come for ever; and it must not fill the memory.
4. We subscribe with QoS 1 at most, offer no topic aliases and publish with QoS 0 only, so the packets of QoS 2, an
   empty topic, PUBACK and AUTH are mistakes here.

Sections in comments are those of the standards (OASIS MQTT Version 3.1.1 and 5.0).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from model.broker import Protocol
from model.errors import PenfeldError
from model.uplink import Message

MIDS = 1 << 16
"""Packet identifiers are below; a ``Message.token`` is one of them above a multiple of this, which tells the line."""
LARGEST = 1 << 20
KEPT = 1 << 16
UNREADABLE = "(not UTF-8)"
"""The topic of a message whose topic is no text that can be stored."""

PING = b"\xc0\0"
DISCONNECT = b"\xe0\0"
_TOPICS = 20_000
_CONNACK, _PUBLISH, _SUBACK, _UNSUBACK, _PONG, _DISCONNECT = 2, 3, 9, 11, 13, 14
_KINDS: tuple[str, ...] = (
    "a reserved packet",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
)
_KINDS += ("SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH")
_SHORT_PUBLISH = "a PUBLISH that ends before its payload"
_FAILURE = 0x80
_MORE = 0x80
_SHORTEST = 2
_QOS, _QOS_1 = 0x06, 0x02
_ACK = np.dtype([("head", ">u2"), ("mid", ">u2")])


class MalformedError(PenfeldError):
    """What came is no MQTT: end the line."""


class Connack(NamedTuple):
    """The answer to CONNECT. ``properties``: of MQTT 5, by identifier (``RECEIVE_MAXIMUM`` …)."""

    session_present: bool
    code: int
    properties: Mapping[int, int | str]


class Suback(NamedTuple):
    """The answer to SUBSCRIBE: a code for each filter, in order; ``reason``: what the broker adds in words."""

    codes: tuple[int, ...]
    reason: str


class Unsuback(NamedTuple):
    """The answer to UNSUBSCRIBE; whether there was something to take back is not told."""


class Pong(NamedTuple):
    """The answer to a ping."""


class Disconnect(NamedTuple):
    """The broker ends the line (MQTT 5), and says why."""

    code: int
    reason: str


_EMPTY: Mapping[int, Unsuback | Pong] = {_UNSUBACK: Unsuback(), _PONG: Pong()}
Packet = Connack | Suback | Unsuback | Pong | Disconnect

SESSION_EXPIRY, SERVER_KEEP_ALIVE, REASON, RECEIVE_MAXIMUM = 0x11, 0x13, 0x1F, 0x21
RETAIN_AVAILABLE, WILDCARD_AVAILABLE, SHARED_AVAILABLE = 0x25, 0x28, 0x2A

_BYTE, _SHORT, _LONG, _VARINT, _TEXT, _BINARY, _PAIR = range(7)
_WIDTHS = {_BYTE: 1, _SHORT: 2, _LONG: 4}
PROPERTIES = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), _BYTE),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), _SHORT),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), _LONG),
    0x0B: _VARINT,
    **dict.fromkeys((0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, 0x1F), _TEXT),
    **dict.fromkeys((0x09, 0x16), _BINARY),
    0x26: _PAIR,
}
"""Kind of each property (5.0, 2.2.2.2)."""

_WORDS_311 = {
    1: "unacceptable protocol version",
    2: "client id refused",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}
_WORDS = {
    0x00: "normal disconnection",
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "unsupported protocol version",
    0x85: "client id not valid",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8C: "bad authentication method",
    0x8D: "keep alive timeout",
    0x8E: "session taken over by another client of the same client id",
    0x8F: "topic filter invalid",
    0x90: "topic name invalid",
    0x93: "receive maximum exceeded",
    0x94: "topic alias invalid",
    0x95: "packet too large",
    0x96: "message rate too high",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x99: "payload format invalid",
    0x9A: "retain not supported",
    0x9B: "QoS not supported",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9E: "shared subscriptions not supported",
    0x9F: "connection rate exceeded",
    0xA0: "maximum connect time",
    0xA1: "subscription identifiers not supported",
    0xA2: "wildcard subscriptions not supported",
}


def words(code: int, reason: str = "") -> str:
    """Return a reason code in words, with what the broker adds."""
    known = _WORDS.get(code) or _WORDS_311.get(code) or f"reason code {code:#04x}"
    return f"{known} ({reason[:200]!r})" if reason else known


def refused(code: int) -> bool:
    """Whether a code of SUBACK says no."""
    return code >= _FAILURE


class Reader:
    """Reads one line. ``feed`` it what came, then ``take`` what is in it."""

    def __init__(self, version: Protocol, *, line: int = 0, largest: int = LARGEST, kept: int = KEPT) -> None:
        self._version = version
        self._base = line * MIDS
        self._largest = largest
        self._kept = min(kept, largest)
        self._pieces: list[bytes] = []
        self._size = 0
        self._need = _SHORTEST
        self._skip = 0
        self._topics: dict[bytes, str] = {}

    def feed(self, data: bytes | memoryview) -> None:
        """Add what came; it is copied once."""
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        self._size += len(data)
        if self._size >= self._need:
            self._pieces = [b"".join((*self._pieces, data))]
        else:
            self._pieces.append(bytes(data))

    def take(self, limit: int, received_at: datetime, messages: list[Message]) -> list[Packet]:
        """Add the messages that came to ``messages``, at most ``limit``; return what else came.

        What lies behind the last of ``limit`` messages stays for the next time. Raise ``MalformedError``.
        """
        packets: list[Packet] = []
        if self._size < self._need:
            return packets
        data = self._pieces[0]
        at = self._walk(data, len(messages) + limit, received_at, messages, packets)
        self._pieces = [data[at:]] if at < len(data) else []
        self._size = max(0, len(data) - at)
        return packets

    def _walk(
        self, data: bytes, full: int, received_at: datetime, messages: list[Message], packets: list[Packet]
    ) -> int:
        """Read packets until they end or the messages are ``full``; return where the rest begins."""
        at, end = 0, len(data)
        self._need = _SHORTEST
        while end - at >= _SHORTEST:
            head, length, body = data[at], data[at + 1], at + 2
            if length & _MORE:
                length, body = _varint(data, at + 1)
                if not body:
                    self._need = end - at + 1
                    break
            if head >> 4 != _PUBLISH:
                if length > self._largest:
                    raise MalformedError(f"{_KINDS[head >> 4]} of {length} bytes")
                if body + length > end:
                    self._need = body + length - at
                    break
                packets.append(_packet(head, data[body : body + length], self._version))
            elif len(messages) >= full:
                break
            elif body + length <= end:
                messages.append(self._message(data, head, body, body + length, received_at))
            elif not self._cut(data[body:], head, length, received_at, messages):
                self._need = body - at + (length if length <= self._largest else self._kept)
                break
            at = body + length
        return at

    def _cut(self, data: bytes, head: int, length: int, received_at: datetime, messages: list[Message]) -> bool:
        """Take the beginning of a PUBLISH that is too large, and pass over the rest; ``False`` if that must wait."""
        if length <= self._largest or len(data) < self._kept:
            return False
        message = self._message(data[: self._kept], head, 0, self._kept, received_at)
        messages.append(msgspec.structs.replace(message, cut=length - self._kept))
        self._skip = length - len(data)
        return True

    def _message(self, data: bytes, head: int, start: int, stop: int, received_at: datetime) -> Message:
        """Return what a PUBLISH says (3.1.1 and 5.0, section 3.3)."""
        try:
            name = start + 2
            place = name + (data[start] << 8 | data[start + 1])
            topic = self._topics.get(data[name:place]) or self._topic(data[name:place])
            token = 0
            if head & _QOS:
                if head & _QOS != _QOS_1:
                    raise MalformedError("a PUBLISH of QoS 2, which nobody asked for")
                token = self._base + (data[place] << 8 | data[place + 1])
                place += 2
            if self._version == "5":
                skip = data[place]
                skip, place = (skip, place + 1) if skip < _MORE else _varint(data, place)
                place += skip
        except IndexError:
            raise MalformedError(_SHORT_PUBLISH) from None
        if place > stop:
            raise MalformedError(_SHORT_PUBLISH)
        return Message(
            topic=topic, payload=data[place:stop], received_at=received_at, token=token, redelivered=head & 8 != 0
        )

    def _topic(self, raw: bytes) -> str:
        """Return a topic as text, and remember it: few topics come often."""
        try:
            topic = raw.decode()
        except UnicodeDecodeError:
            topic = UNREADABLE
        if not topic:
            raise MalformedError("a PUBLISH without a topic")
        if "\0" in topic:
            topic = UNREADABLE
        if len(self._topics) >= _TOPICS:
            self._topics.clear()
        self._topics[raw] = topic
        return topic


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a variable byte integer and where it ends, (0, 0) when it goes on behind the data (5.0, 1.5.5)."""
    value = shift = 0
    for byte in data[at : at + 4]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, at
        shift += 7
    if shift > 21:  # noqa: PLR2004 four bytes of seven bits are the longest
        raise MalformedError("a length of more than four bytes")
    return 0, 0


def _packet(head: int, body: bytes, version: Protocol) -> Packet:
    """Return a packet that is no PUBLISH."""
    kind, is_5 = head >> 4, version == "5"
    try:
        if kind == _CONNACK:
            # a broker that does not know MQTT 5 refuses in the words of 3.1.1, without properties
            return Connack(bool(body[0] & 1), body[1], _properties(body, 2)[0] if is_5 and len(body) > 2 else {})  # noqa: PLR2004
        if kind == _SUBACK:
            known, at = _properties(body, 2) if is_5 else ({}, 2)
            return Suback(tuple(body[at:]), str(known.get(REASON, "")))
        if kind in _EMPTY:
            return _EMPTY[kind]
        if kind == _DISCONNECT and is_5:
            known = _properties(body, 1)[0] if len(body) > 1 else {}
            return Disconnect(body[0] if body else 0, str(known.get(REASON, "")))
    except (IndexError, UnicodeDecodeError):
        raise MalformedError(f"{_KINDS[kind]} that ends too soon or holds no text") from None
    raise MalformedError(f"{_KINDS[kind]}, which nobody asked for")


def _properties(body: bytes, at: int) -> tuple[dict[int, int | str], int]:
    """Return the properties at ``at`` that are numbers or texts, and where they end (5.0, 2.2.2)."""
    length, at = _varint(body, at)
    if not at or at + length > len(body):
        raise IndexError
    end, found = at + length, dict[int, int | str]()
    while at < end:
        identifier = body[at]
        kind = PROPERTIES.get(identifier)
        if kind is None:
            raise MalformedError(f"an unknown property {identifier:#04x}")
        value, at = _property(kind, body, at + 1)
        if at > end:
            raise IndexError
        if value is not None:
            found[identifier] = value
    return found, end


def _property(kind: int, body: bytes, at: int) -> tuple[int | str | None, int]:
    """Return a property's value (``None`` for those that nobody reads) and where it ends."""
    if kind == _VARINT:
        value, at = _varint(body, at)
        return value, at or len(body) + 1
    if kind in _WIDTHS:
        width = _WIDTHS[kind]
        return int.from_bytes(body[at : at + width], "big"), at + width
    ends = at + 2 + int.from_bytes(body[at : at + 2], "big")
    if kind == _TEXT:
        return body[at + 2 : ends].decode(), ends
    if kind == _PAIR:
        ends += 2 + int.from_bytes(body[ends : ends + 2], "big")
    return None, ends


def connect(
    version: Protocol,
    client_id: str,
    *,
    keepalive_s: int,
    session_expiry_s: int,
    receive_maximum: int,
    username: str | None = None,
    password: str | None = None,
) -> bytes:
    """Return CONNECT for a session that is kept (section 3.1). The last two before the user are of MQTT 5 only."""
    properties = b""
    if version == "5":
        expiry = bytes([SESSION_EXPIRY]) + session_expiry_s.to_bytes(4, "big")
        properties = _sized(expiry + bytes([RECEIVE_MAXIMUM]) + receive_maximum.to_bytes(2, "big"))
    flags = (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    user = b"".join(_text(part) for part in (username, password) if part is not None)
    head = _text("MQTT") + bytes([5 if version == "5" else 4, flags]) + keepalive_s.to_bytes(2, "big") + properties
    return b"\x10" + _sized(head + _text(client_id) + user)


def subscribe(version: Protocol, mid: int, filters: Sequence[str]) -> bytes:
    """Return SUBSCRIBE with QoS 1; by MQTT 5, retained messages come with a new subscription only (section 3.8)."""
    is_5 = version == "5"
    option = b"\x11" if is_5 else b"\x01"
    some = b"".join(_text(one) + option for one in filters)
    return b"\x82" + _sized(mid.to_bytes(2, "big") + (b"\0" if is_5 else b"") + some)


def unsubscribe(version: Protocol, mid: int, filters: Sequence[str]) -> bytes:
    """Return UNSUBSCRIBE (section 3.10)."""
    return b"\xa2" + _sized(mid.to_bytes(2, "big") + (b"\0" if version == "5" else b"") + b"".join(map(_text, filters)))


def publish(version: Protocol, topic: str, payload: bytes, *, retain: bool) -> bytes:
    """Return PUBLISH with QoS 0 (section 3.3)."""
    properties = b"\0" if version == "5" else b""
    return (b"\x31" if retain else b"\x30") + _sized(_text(topic) + properties + payload)


def acknowledgements(mids: npt.NDArray[np.int64]) -> bytes:
    """Return a PUBACK for each packet identifier (section 3.4), made all at once."""
    packets = np.empty(len(mids), dtype=_ACK)
    packets["head"], packets["mid"] = 0x4002, mids
    return packets.tobytes()


def _text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) >= MIDS:
        raise MalformedError(f"a text of {len(raw)} bytes, which MQTT cannot say: {text[:40]!r}…")
    return len(raw).to_bytes(2, "big") + raw


def _sized(body: bytes) -> bytes:
    """Return the body behind its length (2.2.3; 5.0, 2.1.4)."""
    length, head = len(body), bytearray()
    while length >= _MORE:
        head.append(length & 0x7F | _MORE)
        length >>= 7
    head.append(length)
    return bytes(head) + body
