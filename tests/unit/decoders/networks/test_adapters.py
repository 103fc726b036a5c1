"""What every network adapter promises, those not yet written included."""

import json
from datetime import UTC
from math import isfinite

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decoders.networks import Adapter, adapters
from model.device import Kind
from model.errors import EnvelopeError
from model.told import FACTS, Downlink, Told
from model.uplink import Uplink
from tests.unit.decoders.networks.events import EVENTS, MAIN, PROTOBUF, encoded

NAMES = sorted(adapters())
IN_JSON = [name for name in NAMES if name != "native"]
CASES = [(name, kind) for name, kinds in EVENTS.items() for kind in kinds]
TEXTS = st.text('0179afFx-+.eE:/#%"\\ \0\n\x7f\u00e9\u2028\ufeff\U0001f600', max_size=40)
"""Letters that may matter: all of Unicode would be for the most part of no interest here."""
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=8
)
TOPICS = sorted({topic for kinds in EVENTS.values() for topic, _ in kinds.values()})
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Hypothesis reads the whole project before its first example, and the library of Protocol Buffers is loaded in one."""
KINDS = {Kind.FLOAT: float, Kind.INT: int, Kind.BOOL: bool, Kind.TEXT: str}


@pytest.fixture(params=NAMES)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return adapters()[request.param]


def test_names() -> None:
    """Each module of the folder is an adapter under its own name, with examples here."""
    assert sorted(EVENTS) == NAMES
    assert NAMES == ["chirpstack", "liveobjects", "loriot", "native", "sigfox", "thethingsstack", "thingpark", "wanesy"]


def test_callbacks(adapter: Adapter) -> None:
    """What a network pushes over HTTP comes on a topic of its name; native devices push nothing."""
    assert (f"penfeld/v1/callbacks/{adapter.name}" in adapter.topics) == (adapter.name != "native")


def test_good(adapter: Adapter) -> None:
    """An event as the server sends it gives one uplink of that network first, with time in UTC."""
    topic, document = EVENTS[adapter.name][MAIN]
    uplink = adapter.uplinks(topic, encoded(document))[0]

    assert isinstance(uplink, Uplink)
    assert uplink.network == adapter.name
    assert uplink.time is not None
    assert uplink.time.tzinfo is UTC


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_kinds(name: str, kind: str) -> None:
    """Every documented event is understood, and names the device in its canonical form."""
    topic, document = EVENTS[name][kind]
    for found in adapters()[name].uplinks(topic, encoded(document)):
        assert (found.network, found.device) in {
            (name, "70b3d50000000001"),
            ("sigfox", "00b5f3c1"),
            ("native", "board-7"),
            ("liveobjects", "board-7"),
        }
        _sound(found)


@UNHURRIED
@given(payload=st.binary(max_size=200), topic=TEXTS | st.sampled_from(TOPICS))
@pytest.mark.parametrize("name", NAMES)
def test_any_bytes(name: str, topic: str, payload: bytes) -> None:
    """Any bytes on any topic give a tuple or EnvelopeError, and nothing else."""
    _ = _understood(name, topic, payload)


@UNHURRIED
@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_any_change(name: str, data: st.DataObject) -> None:
    """An event with anything in the place of any of its parts gives a tuple or EnvelopeError, and nothing else."""
    topic, document = EVENTS[name][data.draw(st.sampled_from(sorted(EVENTS[name])))]
    event = json.loads(encoded(document))
    for _ in range(data.draw(st.integers(1, 2))):
        _change(event, data)

    _ = _understood(name, topic, encoded(event))


@UNHURRIED
@given(data=st.data())
def test_any_change_of_protobuf(data: st.DataObject) -> None:
    """An event in Protocol Buffers with any bytes in the place of any others gives no other surprise."""
    name = data.draw(st.sampled_from(sorted(PROTOBUF)))
    payload = bytearray(PROTOBUF[name])
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(payload)))
        payload[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))

    _ = _understood("chirpstack", f"application/x/device/y/event/{name}", bytes(payload))


@pytest.mark.parametrize("name", IN_JSON)
def test_any_cut(name: str) -> None:
    """An event that breaks off at any byte is refused."""
    topic, document = EVENTS[name][MAIN]
    whole = encoded(document)

    assert not any(_understood(name, topic, whole[:end]) for end in range(len(whole)))


@pytest.mark.parametrize("name", IN_JSON)
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
        adapters()[name].uplinks(EVENTS[name][MAIN][0], payload)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("chirpstack", '"time": "2026-05-04T06:12:09.120+00:00"'),
        ("liveobjects", '"timestamp": "2026-05-04T06:12:09.120Z"'),
        ("loriot", '"ts": 1777875129120'),
        ("sigfox", '"time": 1777875129'),
        ("thethingsstack", '"received_at": "2026-05-04T06:12:09.5Z"'),
        ("thingpark", '"Time": "2026-05-04T08:12:09.120+02:00"'),
        ("wanesy", '"recvTime": 1777875130500'),
    ],
)
@pytest.mark.parametrize("number", ["253402300800", "-62135596801", "1e300", '"253402300800"', "9e15"])
def test_times_beyond_all_years(name: str, part: str, number: str) -> None:
    """A number in the place of a time that no calendar has is refused, or is no time; nothing else happens."""
    topic, document = EVENTS[name][MAIN]
    whole = json.dumps(document)
    assert part in whole

    _ = _understood(name, topic, whole.replace(part, f"{part.partition(':')[0]}: {number}").encode())


@pytest.mark.parametrize("name", IN_JSON)
def test_empty(name: str) -> None:
    """An empty object is refused with the name of a field that is missing."""
    with pytest.raises(EnvelopeError, match=r"^[\w.]+: missing$"):
        adapters()[name].uplinks(EVENTS[name][MAIN][0], b"{}")


def _change(event: object, data: st.DataObject) -> None:
    """Put anything in the place of a part of the event, or take the part away."""
    place = event
    while isinstance(place, dict | list) and place:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            if data.draw(st.booleans()):
                place[key] = data.draw(ANYTHING)
            else:
                del place[key]
            return
        place = inner


def _understood(name: str, topic: str, payload: bytes) -> bool:
    try:
        every = adapters()[name].uplinks(topic, payload)
    except EnvelopeError as error:
        assert str(error).isprintable(), "a message is one line without control characters"
        return False
    assert isinstance(every, tuple)
    for found in every:
        _sound(found)
    return bool(every)


def _sound(found: Uplink | Told) -> None:
    """Check what holds for all that adapters give."""
    assert found.time is None or found.time.tzinfo is UTC
    assert found.f_cnt is None or 0 <= found.f_cnt <= 0xFFFFFFFF
    if isinstance(found, Uplink):
        assert (found.payload is None) != (found.values is None)
        return
    assert found.facts
    for fact, value in found.facts.items():
        assert type(value) is KINDS[FACTS[fact].kind], fact
        assert not isinstance(value, float) or isfinite(value)
        assert not isinstance(value, str) or (value.isprintable() and 0 < len(value) <= 500)
    assert str(found.facts.get("downlink", "sent")).partition(":")[0] in list(Downlink)
