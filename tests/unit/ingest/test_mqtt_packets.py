"""What goes over a line to a broker. The bytes of a broker are made by hand here, as the standards say."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import mqtt_packets as packets
from ingest.mqtt_packets import Connack, Disconnect, MalformedError, Packet, Pong, Reader, Suback
from model.broker import Protocol
from model.uplink import Message
from tests.unit.ingest.scene import NOON

VERSIONS: tuple[Protocol, ...] = ("3.1.1", "5")
both = pytest.mark.parametrize("version", VERSIONS)


def sized(head: int, body: bytes) -> bytes:
    """Return a packet as a broker sends it."""
    length, told = len(body), b""
    while length > 127:
        told += bytes([length % 128 + 128])
        length //= 128
    return bytes([head]) + told + bytes([length]) + body


def text(said: str | bytes) -> bytes:
    raw = said.encode() if isinstance(said, str) else said
    return len(raw).to_bytes(2, "big") + raw


def sent(
    version: Protocol,
    payload: bytes,
    *,
    topic: str | bytes = "a/b",
    mid: int = 0,
    dup: bool = False,
    properties: bytes = b"",
) -> bytes:
    """Return a PUBLISH, with QoS 1 where there is a packet identifier."""
    body = text(topic) + (mid.to_bytes(2, "big") if mid else b"")
    if version == "5":
        body += sized(0, properties)[1:]
    return sized(0x30 | (2 if mid else 0) | (8 if dup else 0), body + payload)


def read(version: Protocol, *pieces: bytes, limit: int = 1000, **sizes: int) -> tuple[list[Message], list[Packet]]:
    reader, messages, others = Reader(version, line=1, **sizes), list[Message](), list[Packet]()
    for piece in pieces:
        reader.feed(piece)
        others += reader.take(limit, NOON, messages)
    return messages, others


def stream(version: Protocol) -> bytes:
    """Return a line on which everything happens that a subscriber sees."""
    is_5 = version == "5"
    return b"".join(
        (
            sized(0x20, b"\x01\x00" + (b"\x03\x21\x00\x14" if is_5 else b"")),
            sized(0x90, b"\x00\x01" + (b"\x05\x1f\x00\x02no" if is_5 else b"") + b"\x01\x80"),
            sent(version, b"one", mid=1),
            sent(version, b"", topic="ü/" + "x" * 200, mid=65535, dup=True, properties=b"\x26\x00\x01k\x00\x01v"),
            sized(0xD0, b""),
            sent(version, bytes(300), properties=b"\x02\x00\x00\x00\x01" * 30),
            sent(version, b"last", mid=2),
        )
    )


def expected(version: Protocol) -> tuple[list[Message], list[Packet]]:
    is_5 = version == "5"
    return [
        Message(topic="a/b", payload=b"one", received_at=NOON, token=packets.MIDS + 1),
        Message(topic="ü/" + "x" * 200, payload=b"", received_at=NOON, token=packets.MIDS + 65535, redelivered=True),
        Message(topic="a/b", payload=bytes(300), received_at=NOON),
        Message(topic="a/b", payload=b"last", received_at=NOON, token=packets.MIDS + 2),
    ], [
        Connack(session_present=True, code=0, properties={packets.RECEIVE_MAXIMUM: 20} if is_5 else {}),
        Suback(codes=(1, 0x80), reason="no" if is_5 else ""),
        Pong(),
    ]


@both
def test_cut_anywhere(version: Protocol) -> None:
    """Wherever a line is cut in two, the same messages and answers come out, in order."""
    whole = stream(version)

    for place in range(len(whole) + 1):
        assert read(version, whole[:place], whole[place:]) == expected(version)


@both
def test_byte_by_byte(version: Protocol) -> None:
    """A line that comes a byte at a time says the same."""
    assert read(version, *(bytes([byte]) for byte in stream(version))) == expected(version)


@given(version=st.sampled_from(VERSIONS), data=st.data())
def test_round_trip(version: Protocol, data: st.DataObject) -> None:
    """Any messages, in any pieces, come out as they were sent."""
    payloads = data.draw(st.lists(st.tuples(st.binary(max_size=400), st.integers(0, 65535), st.booleans()), max_size=8))
    line = b"".join(sent(version, payload, mid=mid, dup=dup) for payload, mid, dup in payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)), max_size=5)))
    pieces = [line[start:end] for start, end in zip([0, *cuts], [*cuts, len(line)], strict=True)]

    messages, others = read(version, *pieces)

    told = [(one.payload, one.token - packets.MIDS if one.token else 0, one.redelivered) for one in messages]
    assert told == payloads
    assert others == []


@given(version=st.sampled_from(VERSIONS), line=st.binary(max_size=200))
def test_any_bytes(version: Protocol, line: bytes) -> None:
    """Any bytes are messages, wait for more, or end the line with the one error; nothing else happens."""
    try:
        messages, _ = read(version, line)
    except MalformedError as error:
        assert "\n" not in str(error)
    else:
        assert all(message.topic for message in messages)


@given(version=st.sampled_from(VERSIONS), data=st.data())
def test_damaged(version: Protocol, data: st.DataObject) -> None:
    """A line with a byte changed never brings more than was sent, nor another error."""
    line = bytearray(stream(version))
    line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))

    try:
        messages, _ = read(version, bytes(line))
    except MalformedError:
        return
    assert sum(len(message.payload) for message in messages) <= len(line)


@both
@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"\x30\xff\xff\xff\xff\x01", "a length of more than four bytes"),
        (b"\x34\x07\x00\x01a\x00\x01xy", "a PUBLISH of QoS 2"),
        (b"\x36\x07\x00\x01a\x00\x01xy", "a PUBLISH of QoS 2"),
        (b"\x30\x03\x00\x09a", "ends before its payload"),
        (b"\x32\x04\x00\x01a\x00", "ends before its payload"),
        (b"\x30\x00", "ends before its payload"),
        (b"\x30\x04\x00\x00xy", "without a topic"),
        (b"\x40\x02\x00\x01", "PUBACK, which nobody asked for"),
        (b"\x10\x02\x00\x01", "CONNECT, which nobody asked for"),
        (b"\x00\x00", "reserved packet, which nobody asked for"),
        (b"\x20\x01\x00", "CONNACK that ends too soon"),
        (b"\xd0\xff\xff\xff\x7f", "PINGRESP of 268435455 bytes"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(100), "PUBACK, which nobody asked for"),
    ],
)
def test_no_mqtt(version: Protocol, line: bytes, words: str) -> None:
    """What is no MQTT for a subscriber is named in one line."""
    with pytest.raises(MalformedError, match=words):
        read(version, line)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"\x30\x05\x00\x01a\x05x", "ends before its payload"),
        (b"\x20\x05\x00\x00\x02\x7f\x00", "unknown property 0x7f"),
        (b"\x20\x05\x00\x00\x02\x21\x00", "CONNACK that ends too soon"),
        (b"\x20\x07\x00\x00\x04\x1f\x00\x01\xff", "holds no text"),
        (b"\xe0\x03\x8e\x05\x1f", "DISCONNECT that ends too soon"),
    ],
)
def test_no_mqtt_5(line: bytes, words: str) -> None:
    """Properties that lead nowhere are named too."""
    with pytest.raises(MalformedError, match=words):
        read("5", line)


def test_disconnect() -> None:
    """By MQTT 5 the broker says why it ends the line; by 3.1.1 it has no such packet."""
    why = b"\xe0\x09\x8e\x07\x1f\x00\x04away"

    assert read("5", b"\xe0\x00", b"\xe0\x01\x8b", why)[1] == [
        Disconnect(0, ""),
        Disconnect(0x8B, ""),
        Disconnect(0x8E, "away"),
    ]
    with pytest.raises(MalformedError, match="DISCONNECT, which nobody asked for"):
        read("3.1.1", b"\xe0\x00")


def test_old_refusal() -> None:
    """A broker that does not know MQTT 5 refuses in the words of 3.1.1, and is understood."""
    assert read("5", b"\x20\x02\x00\x01")[1] == [Connack(session_present=False, code=1, properties={})]


@pytest.mark.parametrize("kind", sorted(packets.PROPERTIES))
def test_properties(kind: int) -> None:
    """Every property of the standard is read or passed over, and the message behind it is whole."""
    widths = {0x0B: b"\x80\x01", 0x26: b"\x00\x01a\x00\x01b", 0x09: b"\x00\x02\xff\xfe", 0x16: b"\x00\x01\xff"}
    short = dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), b"\x01")
    numbers = dict.fromkeys((0x13, 0x21, 0x22, 0x23), b"\x00\x01") | dict.fromkeys((0x02, 0x11, 0x18, 0x27), bytes(4))
    value = (widths | short | numbers).get(kind, b"\x00\x02ab")

    line = sized(0x20, b"\x00\x00" + sized(0, (bytes([kind]) + value) * 2)[1:])

    (connack,) = read("5", line + sent("5", b"x"))[1]
    assert isinstance(connack, Connack)
    assert set(connack.properties) <= {kind}


@both
def test_limit(version: Protocol) -> None:
    """Beyond the room there is nothing is read; what is left comes with the next room, and nothing behind it before."""
    reader, messages = Reader(version), list[Message]()
    reader.feed(sent(version, b"1") + sent(version, b"2") + b"\xd0\x00" + sent(version, b"3"))

    first = reader.take(1, NOON, messages)
    reader.feed(sent(version, b"4"))
    nothing = reader.take(0, NOON, messages)
    held = [one.payload for one in messages]
    rest = reader.take(10, NOON, messages)

    assert (first, nothing, held) == ([], [], [b"1"])
    assert (rest, [one.payload for one in messages]) == ([Pong()], [b"1", b"2", b"3", b"4"])


@both
@pytest.mark.parametrize("step", [1, 7, 64, 10_000])
def test_too_large(version: Protocol, step: int) -> None:
    """Of a message that is too large the beginning is kept, in pieces too; the next message is whole."""
    line = sent(version, b"x" * 5000, mid=3) + sent(version, b"next", mid=4)

    messages, _ = read(version, *(line[at : at + step] for at in range(0, len(line), step)), largest=1000, kept=100)

    assert [one.token % packets.MIDS for one in messages] == [3, 4]
    if step < 5000:  # what is there as a whole need not be cut
        assert len(messages[0].payload) + messages[0].cut == 5000
        assert messages[0].payload == b"x" * (5000 - messages[0].cut) != b""
        assert messages[0].cut > 4000
    assert (messages[1].payload, messages[1].cut) == (b"next", 0)


@both
@pytest.mark.parametrize("topic", [b"\xff\xfe", b"a\x00b"])
def test_unreadable_topic(version: Protocol, topic: bytes) -> None:
    """A topic that is no text, or that no database can hold, is no reason to lose the message."""
    (message,), _ = read(version, sent(version, b"x", topic=topic))

    assert message.topic == packets.UNREADABLE


@both
def test_many_topics(version: Protocol) -> None:
    """However many topics come, each message has its own."""
    topics = [f"t/{number}" for number in range(20_500)]
    line = b"".join(sent(version, b"", topic=topic) for topic in [*topics, *topics[:3]])

    messages, _ = read(version, line, limit=10**6)

    assert [one.topic for one in messages] == [*topics, *topics[:3]]


def test_connect() -> None:
    """CONNECT asks for a session that stays: by 3.1.1 with a flag, by MQTT 5 with an expiry and a window."""
    old = packets.connect("3.1.1", "me", keepalive_s=30, session_expiry_s=1, receive_maximum=2)
    new = packets.connect(
        "5",
        "me",
        keepalive_s=30,
        session_expiry_s=604800,
        receive_maximum=30000,
        username="u",
        password="ü",  # noqa: S106 made up
    )

    assert old == b"\x10\x0e\x00\x04MQTT\x04\x00\x00\x1e\x00\x02me"
    assert new == (
        b"\x10\x1e\x00\x04MQTT\x05\xc0\x00\x1e\x08\x11\x00\x09\x3a\x80\x21\x75\x30\x00\x02me\x00\x01u\x00\x02\xc3\xbc"
    )


def test_subscribe() -> None:
    """SUBSCRIBE asks for QoS 1; by MQTT 5, not again for what is retained when the session is there already."""
    assert packets.subscribe("3.1.1", 1, ["a/+", "b"]) == b"\x82\x0c\x00\x01\x00\x03a/+\x01\x00\x01b\x01"
    assert packets.subscribe("5", 258, ["a"]) == b"\x82\x07\x01\x02\x00\x00\x01a\x11"


def test_unsubscribe() -> None:
    """UNSUBSCRIBE takes filters back; its answer tells nothing."""
    assert packets.unsubscribe("3.1.1", 2, ["a", "b"]) == b"\xa2\x08\x00\x02\x00\x01a\x00\x01b"
    assert packets.unsubscribe("5", 2, ["a"]) == b"\xa2\x06\x00\x02\x00\x00\x01a"
    assert read("5", b"\xb0\x04\x00\x02\x00\x11")[1] == [packets.Unsuback()]


@given(version=st.sampled_from(VERSIONS), payload=st.binary(max_size=300), retain=st.booleans())
def test_publish(version: Protocol, payload: bytes, retain: bool) -> None:  # noqa: FBT001 drawn by hypothesis
    """What we publish is read again as what it was; the broker is asked to keep it or not."""
    line = packets.publish(version, "ü/live", payload, retain=retain)

    (message,), _ = read(version, line)

    assert (message.topic, message.payload, message.token) == ("ü/live", payload, 0)
    assert line[0] == (0x31 if retain else 0x30)


@given(mids=st.lists(st.integers(1, 65535), max_size=50))
def test_acknowledgements(mids: Sequence[int]) -> None:
    """A batch is acknowledged packet by packet, in order, in one piece."""
    line = packets.acknowledgements(np.array(mids, dtype=np.int64))

    assert line == b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids)


def test_too_long_to_say() -> None:
    """A text that no packet can hold is an error before anything is sent."""
    with pytest.raises(MalformedError, match="65536 bytes, which MQTT cannot say"):
        packets.subscribe("5", 1, ["x" * 65536])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (5, "not authorized"),
        (0x87, "not authorized"),
        (0x97, "quota exceeded"),
        (0x85, "client id not valid"),
        (0xEE, "reason code 0xee"),
    ],
)
def test_words(code: int, said: str) -> None:
    """Codes are told in words, with the broker's own beside them, shown so that no control character travels on."""
    assert packets.words(code) == said
    assert packets.words(code, "go\naway") == said + " ('go\\naway')"
