"""What every network adapter promises, those not yet written included."""

import json
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.networks import Adapter, adapters
from model.errors import EnvelopeError
from model.told import Told

NAMES = sorted(adapters())
TOPICS = {
    "chirpstack": "application/1/device/70b3d50000000001/event/up",
    "native": "penfeld/v1/example_probe/board-7/up",
    "sigfox": "penfeld/v1/callbacks/sigfox",
    "thethingsstack": "v3/city@ttn/devices/lamp-7/up",
}
GOOD = {
    "chirpstack": {
        "time": "2026-05-04T06:12:09.120+00:00",
        "deviceInfo": {"devEui": "70b3d50000000001", "tags": {"a": "b"}},
        "devAddr": "260b1f3a",
        "fCnt": 41,
        "fPort": 2,
        "data": "AQIDBA==",
        "rxInfo": [{"gatewayId": "7276ff0000000001", "rssi": -97, "snr": 7.5}],
    },
    "native": {"values": {"a": 1, "b": True}, "time": "2026-05-04T06:12:09Z", "f_port": 1, "f_cnt": 7},
    "sigfox": {"device": "00b5f3c1", "time": 1777875129, "data": "0102", "seqNumber": 12, "rssi": -120.5},
    "thethingsstack": {
        "end_device_ids": {"dev_eui": "70B3D50000000001", "dev_addr": "260B1F3A"},
        "received_at": "2026-05-04T06:12:09.5Z",
        "uplink_message": {
            "session_key_id": "AX",
            "f_port": 2,
            "f_cnt": 41,
            "frm_payload": "AQIDBA==",
            "rx_metadata": [{"gateway_ids": {"gateway_id": "gw-1"}, "rssi": -97, "snr": 7.5}],
            "settings": {"time": "2026-05-04T06:12:09.1Z"},
            "received_at": "2026-05-04T06:12:09.3Z",
        },
    },
}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=8
)


@pytest.fixture(params=NAMES)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return adapters()[request.param]


def test_names() -> None:
    """Each module of the folder is an adapter under its own name."""
    assert NAMES == ["chirpstack", "native", "sigfox", "thethingsstack"]


def test_good(adapter: Adapter) -> None:
    """An event as the server sends it gives one uplink of that network, with time in UTC."""
    (uplink,) = adapter.uplinks(TOPICS[adapter.name], json.dumps(GOOD[adapter.name]).encode())

    assert uplink.network == adapter.name
    assert uplink.time is not None
    assert uplink.time.tzinfo is UTC


@given(payload=st.binary(max_size=200), topic=st.text(max_size=40) | st.sampled_from(sorted(TOPICS.values())))
@pytest.mark.parametrize("name", NAMES)
def test_any_bytes(name: str, topic: str, payload: bytes) -> None:
    """Any bytes on any topic give uplinks or EnvelopeError, and nothing else."""
    _ = _understood(name, topic, payload)


@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_any_change(name: str, data: st.DataObject) -> None:
    """An event with anything in the place of any of its parts gives uplinks or EnvelopeError, and nothing else."""
    event = json.loads(json.dumps(GOOD[name]))
    place: dict[str, object] | list[object] = event
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]  # type: ignore[call-overload,index]  # a key of this very container
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        place = inner
    place[key] = data.draw(ANYTHING)  # type: ignore[call-overload,index]  # the same

    _ = _understood(name, TOPICS[name], json.dumps(event).encode())


@pytest.mark.parametrize("name", ["chirpstack", "sigfox", "thethingsstack"])
def test_any_cut(name: str) -> None:
    """An event that breaks off at any byte is refused."""
    whole = json.dumps(GOOD[name]).encode()

    assert not any(_understood(name, TOPICS[name], whole[:end]) for end in range(len(whole)))


@pytest.mark.parametrize("name", ["chirpstack", "sigfox", "thethingsstack"])
@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "not an event in JSON"),
        (b"[]", "not an event in JSON"),
        (b'{"x":"\xff"}', "UTF-8|missing"),
        (b'{"x":' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_no_event(name: str, payload: bytes, message: str) -> None:
    """What is no event at all is refused in words, however deep it is nested."""
    with pytest.raises(EnvelopeError, match=message):
        adapters()[name].uplinks(TOPICS[name], payload)


def _understood(name: str, topic: str, payload: bytes) -> bool:
    try:
        uplinks = adapters()[name].uplinks(topic, payload)
    except EnvelopeError as error:
        assert str(error).isprintable(), "a message is one line without control characters"
        return False
    for uplink in uplinks:
        assert uplink.time is None or uplink.time.tzinfo is UTC
        assert isinstance(uplink, Told) or (uplink.payload is None) != (uplink.values is None)
    return bool(uplinks)
