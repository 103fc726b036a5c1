"""Devices that speak MQTT themselves: raw bytes or JSON on one topic."""

import json
from datetime import UTC, datetime

import pytest

from decoders.networks import native
from model.errors import EnvelopeError
from model.uplink import Uplink

TOPIC = "penfeld/v1/example_probe/board-7/up"


def read(payload: bytes | dict[str, object], topic: str = TOPIC) -> Uplink:
    (uplink,) = native.uplinks(topic, payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    return uplink


def test_raw() -> None:
    """Bytes are a payload as it stands; the topic names device type and device."""
    expected = Uplink(network="native", device="board-7", device_type="example_probe", payload=b"\1\2")

    assert read(b"\1\2") == expected


def test_raw_simulated() -> None:
    """Simulated bytes come on a topic of their own."""
    assert read(b"\1\2", TOPIC + "/simulated").simulated


@pytest.mark.parametrize("payload", [b"", b"{", b"{}", b"{}\0", b"{\0\1\2\3}", b'{"\0', b"[1]", b"12"])
def test_raw_like_json(payload: bytes) -> None:
    """Bytes that happen to begin as JSON does are a payload as any other."""
    assert read(payload).payload == payload


def test_json() -> None:
    """A JSON object gives named values, with what else it says."""
    uplink = read(
        {
            "time": "2026-05-04T08:12:09.5+02:00",
            "values": {"count": 3, "level_m": 1.5, "on": True, "state": "12", "unknown": None},
            "f_port": 4,
            "f_cnt": 9,
            "simulated": True,
        }
    )

    expected = Uplink(
        network="native",
        device="board-7",
        device_type="example_probe",
        time=datetime(2026, 5, 4, 6, 12, 9, 500_000, tzinfo=UTC),
        values={"count": 3, "level_m": 1.5, "on": True, "state": "12", "unknown": None},
        f_port=4,
        f_cnt=9,
        simulated=True,
    )
    assert uplink == expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (1777875129, datetime(2026, 5, 4, 6, 12, 9, tzinfo=UTC)),
        (1777875129.25, datetime(2026, 5, 4, 6, 12, 9, 250_000, tzinfo=UTC)),
        ("2026-05-04T06:12:09", datetime(2026, 5, 4, 6, 12, 9, tzinfo=UTC)),
        (None, None),
    ],
)
def test_time(time: object, expected: datetime | None) -> None:
    """A time is a text or seconds since 1970; without zone it is UTC."""
    assert read({"values": {"a": 1}, "time": time}).time == expected


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b'{"values": {"a": 1}', "not an event in JSON"),
        (b'{"values": {"a": "\xff"}}', "the event is not UTF-8 text"),
        (b'{"value": 1}', "values: missing"),
        (b'{"values": 1}', "values: Expected `object`"),
        (b'{"values": {"a": 1, "b": [2]}}', "values: 'b' must be a number"),
        (b'{"values": {"a": {"b": 2}}}', "values: 'a' must be a number"),
        (b'{"values": {}, "time": "noon"}', "time: Invalid RFC3339"),
        (b'{"values": {}, "time": 1e300}', "time: "),
        (b'{"values": {}, "time": true}', "time: Expected"),
        (b'{"values": {}, "f_cnt": "7"}', "f_cnt: Expected `int"),
        (b'{"values": {}, "f_port": 300}', "f_port: Expected `int` <= 255"),
        (b'{"values": {}, "simulated": "yes"}', "simulated: Expected `bool`"),
    ],
)
def test_wrong(payload: bytes, message: str) -> None:
    """What was meant as JSON and is wrong names what is."""
    with pytest.raises(EnvelopeError, match=message):
        read(payload)


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("penfeld/v1/x/up", "topic: must be penfeld/v1/<device type>/<device>/up"),
        ("penfeld/v1/Probe/board-7/up", "topic: a device type is named with a-z"),
        ("penfeld/v1/probe//up", "topic: '' is no device name"),
        ("penfeld/v1/probe/plage du Moulin/up", "topic: .* is no device name"),
        (f"penfeld/v1/probe/{'x' * 65}/up", "topic: .* is no device name"),
    ],
)
def test_wrong_topic(topic: str, message: str) -> None:
    """A topic that names no device says how it should look."""
    with pytest.raises(EnvelopeError, match=message):
        read(b"\1", topic)
