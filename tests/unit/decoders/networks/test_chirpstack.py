"""ChirpStack v4 events, as servers of several versions write them, in both encodings."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decoders.networks import chirpstack
from model.errors import EnvelopeError
from model.told import Event, Told
from model.uplink import Uplink
from tests.unit.decoders.networks.events import EUI, EVENTS, MAIN, PROTOBUF, encoded, frame, protobuf, told

TOPIC = "application/x/device/y/event/"
CALLBACK = "penfeld/v1/callbacks/chirpstack"

EVENT: dict[str, object] = {
    "deduplicationId": "5f4d5bd8-0a14-4ef6-8ae6-3ee8a2f1c1d1",
    "time": "2026-05-04T06:12:09.120+00:00",
    "deviceInfo": {"devEui": "70b3d50000000001", "applicationId": "x", "tags": {}},
    "devAddr": "260b1f3a",
    "dr": 5,
    "fCnt": 41,
    "fPort": 2,
    "data": "AQIDBA==",
    "rxInfo": [
        {"gatewayId": "far", "rssi": -110, "snr": -3.5},
        {"gatewayId": "near", "rssi": -97, "snr": 7.5},
    ],
}


def read(**changes: object) -> Uplink:
    event = {key: value for key, value in {**EVENT, **changes}.items() if value is not ...}
    return frame(chirpstack.uplinks(TOPIC + "up", json.dumps(event).encode()))


def of(kind: str, **changes: object) -> Told:
    """Return what an event in JSON tells."""
    topic, document = EVENTS["chirpstack"][kind]
    (found,) = chirpstack.uplinks(topic, encoded({k: v for k, v in {**document, **changes}.items() if v is not ...}))
    assert isinstance(found, Told)
    return found


def test_whole() -> None:
    """Every part of an event finds its place; the gateway is the one that heard best."""
    expected = Uplink(
        network="chirpstack",
        device="70b3d50000000001",
        time=datetime(2026, 5, 4, 6, 12, 9, 120_000, tzinfo=UTC),
        payload=b"\1\2\3\4",
        f_port=2,
        f_cnt=41,
        session="260b1f3a",
        rssi_dbm=-97.0,
        snr_db=7.5,
        gateway="near",
    )

    assert read() == expected


def test_omitted_zeros() -> None:
    """A counter that is left out is 0, and so are the rssi and snr of a gateway."""
    uplink = read(fCnt=..., rxInfo=[{"gatewayId": "g"}])

    assert (uplink.f_cnt, uplink.rssi_dbm, uplink.snr_db, uplink.gateway) == (0, 0.0, 0.0, "g")


def test_no_data() -> None:
    """A frame without data is of port 0, which no application uses."""
    uplink = read(data=..., fPort=...)

    assert (uplink.payload, uplink.f_port) == (b"", 0)


def test_data_without_port() -> None:
    """A frame with data and without a port may be of any."""
    assert read(fPort=...).f_port is None


def test_port_0() -> None:
    """Port 0 is a port when it is told, with data too: it is never taken for an unknown one."""
    assert read(fPort=0).f_port == 0


def test_no_gateway() -> None:
    """Without gateways nothing is known of the radio."""
    uplink = read(rxInfo=...)

    assert (uplink.rssi_dbm, uplink.snr_db, uplink.gateway) == (None, None, None)


def test_nulls() -> None:
    """A null is as good as a field left out."""
    uplink = read(time=None, fCnt=None, rxInfo=None, devAddr=None, joinServerContext=None)

    assert (uplink.time, uplink.f_cnt, uplink.session, uplink.gateway) == (None, 0, "", None)


def test_numbers_as_texts() -> None:
    """Numbers may be written as texts."""
    uplink = read(fCnt="41", fPort="2", rxInfo=[{"gatewayId": "g", "rssi": "-97", "snr": "7.5"}])

    assert (uplink.f_cnt, uplink.f_port, uplink.rssi_dbm, uplink.snr_db) == (41, 2, -97.0, 7.5)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-05-04T06:12:09.123456789Z", datetime(2026, 5, 4, 6, 12, 9, 123_457, tzinfo=UTC)),
        ("2026-05-04T08:12:09+02:00", datetime(2026, 5, 4, 6, 12, 9, tzinfo=UTC)),
        ("2026-05-04T06:12:09", datetime(2026, 5, 4, 6, 12, 9, tzinfo=UTC)),
        (..., None),
    ],
)
def test_time(time: object, expected: datetime | None) -> None:
    """A time may have nanoseconds, an offset, no zone (UTC then), or be absent."""
    assert read(time=time).time == expected


@pytest.mark.parametrize("data", ["+/8BAg==", "+/8BAg", "-_8BAg==", "-_8BAg"])
def test_base64(data: str) -> None:
    """Data are read in the standard or the URL-safe alphabet, padded or not."""
    assert read(data=data).payload == b"\xfb\xff\1\2"


@pytest.mark.parametrize("eui", ["70B3D50000000001", "70-B3-D5-00-00-00-00-01", "70:b3:d5:00:00:00:00:01"])
def test_dev_eui(eui: str) -> None:
    """However a DevEUI is written, the device has one id."""
    assert read(deviceInfo={"devEui": eui}).device == "70b3d50000000001"


def test_simulated() -> None:
    """A device that carries the simulator's tag is simulated."""
    tagged = read(deviceInfo={"devEui": "70b3d50000000001", "tags": {"penfeld-simulated": "true"}})

    assert (tagged.simulated, read().simulated) == (True, False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deviceInfo": ...}, "deviceInfo: missing"),
        ({"deviceInfo": {}}, "deviceInfo.devEui: missing"),
        ({"deviceInfo": {"devEui": "70b3"}}, "deviceInfo.devEui: '70b3' is no DevEUI"),
        ({"deviceInfo": {"devEui": 7}}, "deviceInfo.devEui: Expected `str`"),
        ({"time": "yesterday"}, "time: Invalid RFC3339"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "time: .* out of range"),
        ({"fCnt": -1}, "fCnt: Expected `int` >= 0"),
        ({"fCnt": 2**32}, "fCnt: Expected `int` <= 4294967295"),
        ({"fPort": 256}, "fPort: Expected `int` <= 255"),
        ({"data": "AQI*"}, "data: not base64: 'AQI\\*'"),
        ({"data": "A"}, "data: not base64"),
        ({"rxInfo": {}}, "rxInfo: Expected `array"),
        ({"rxInfo": [{"rssi": "loud"}]}, r"rxInfo\[0\].rssi: Expected `float"),
        ({"rxInfo": [{"gatewayId": "a\0b"}]}, "rxInfo.gatewayId: .*NUL"),
        ({"devAddr": "\0"}, "devAddr: .*NUL"),
        ({"joinServerContext": {"sessionKeyId": "x"}}, "joinServerContext: the payload is still encrypted"),
    ],
)
def test_wrong(changes: dict[str, object], message: str) -> None:
    """A field that is missing or wrong is named."""
    with pytest.raises(EnvelopeError, match=message):
        read(**changes)


@pytest.mark.parametrize("kind", sorted(PROTOBUF))
def test_both_encodings(kind: str) -> None:
    """An event in JSON and in Protocol Buffers gives the same."""
    topic, document = EVENTS["chirpstack"][MAIN if kind == "up" else kind]

    found = chirpstack.uplinks(topic, PROTOBUF[kind])

    assert found == chirpstack.uplinks(topic, encoded(document))
    assert bool(found) == (kind != "integration")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first example loads a library
@given(
    f_cnt=st.integers(0, 2**32 - 1),
    f_port=st.integers(0, 255),
    data=st.binary(max_size=20),
    rssi=st.integers(-200, 50),
    snr=st.floats(-40, 40, width=32),
    nanos=st.integers(0, 999_999_999),
    seconds=st.integers(-(2**31), 2**33),
    marked=st.booleans(),
)
def test_both_encodings_of_any_frame(
    f_cnt: int, f_port: int, data: bytes, rssi: int, snr: float, nanos: int, seconds: int, *, marked: bool
) -> None:
    """Whatever a frame says, it is the same in both encodings; what is zero may be left out of either."""
    tag = protobuf((1, "penfeld-simulated"), (2, "true" if marked else "no"))
    reception = protobuf((1, "g"), (6, rssi), (7, snr))
    in_protobuf = protobuf(
        (2, protobuf(*((n, v) for n, v in ((1, seconds), (2, nanos)) if v))),
        (3, protobuf((8, EUI), (9, tag))),
        *((n, v) for n, v in ((7, f_cnt), (8, f_port), (10, data)) if v),
        (12, reception),
    )
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    in_json = {
        "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{nanos:09}Z",
        "deviceInfo": {"devEui": EUI, "tags": {"penfeld-simulated": "true" if marked else "no"}},
        "fCnt": f_cnt,
        "fPort": f_port,
        "data": b64encode(data).decode(),
        "rxInfo": [{"gatewayId": "g", "rssi": rssi, "snr": float(str(np.float32(snr)))}],
    }

    assert chirpstack.uplinks(TOPIC + "up", in_protobuf) == chirpstack.uplinks(TOPIC + "up", encoded(in_json))


@pytest.mark.parametrize("snr", [7.1, -0.30000001192092896, 1.1754943508222875e-38, 8.5899346e9, 1015.20654296875])
def test_short_numbers(snr: float) -> None:
    """A number of 32 bits is the shortest that it can stand for, as JSON writes it."""
    payload = protobuf((3, protobuf((8, EUI))), (12, protobuf((7, snr))))

    assert frame(chirpstack.uplinks(TOPIC + "up", payload)).snr_db == float(str(np.float32(snr)))


def test_best_gateway_in_protobuf() -> None:
    """The gateway is the one that heard best, and the first of equals, in Protocol Buffers too."""
    heard = [protobuf((1, name), (6, rssi)) for name, rssi in (("far", -110), ("near", -97), ("twin", -97))]
    payload = protobuf((3, protobuf((8, EUI))), *((12, one) for one in heard))

    assert frame(chirpstack.uplinks(TOPIC + "up", payload)).gateway == "near"


@pytest.mark.parametrize(
    ("kind", "payload", "message"),
    [
        ("up", b"\x0a\x05a", "not an event in Protocol Buffers"),
        ("up", protobuf((2, b"\x08\x01")), "deviceInfo: missing"),
        ("join", protobuf((3, b"")), "deviceInfo.devEui: missing"),
        ("up", protobuf((3, protobuf((8, "xyz")))), "deviceInfo.devEui: 'xyz' is no DevEUI"),
        ("up", protobuf((3, b"\x42\x01\xff")), "not an event in Protocol Buffers"),
        ("up", protobuf((3, protobuf((8, EUI))), (8, 256)), "fPort: must be at most 255"),
        ("up", protobuf((3, protobuf((8, EUI))), (15, b"\n\0")), "joinServerContext: .* encrypted"),
        ("up", protobuf((2, protobuf((1, 2**62))), (3, protobuf((8, EUI)))), "time: .* out of range"),
        ("location", protobuf((3, protobuf((8, EUI)))), "location: missing"),
        ("unheard-of", PROTOBUF["up"], "topic: must end in the event's name"),
    ],
)
def test_wrong_protobuf(kind: str, payload: bytes, message: str) -> None:
    """What is wrong in Protocol Buffers is named as it is in JSON."""
    with pytest.raises(EnvelopeError, match=message):
        chirpstack.uplinks(TOPIC + kind, payload)


def test_protobuf_over_http() -> None:
    """Over HTTP nothing says which event Protocol Buffers hold: the error says what to set."""
    with pytest.raises(EnvelopeError, match="let ChirpStack send JSON"):
        chirpstack.uplinks(CALLBACK, PROTOBUF["up"])


@pytest.mark.parametrize("kind", sorted(EVENTS["chirpstack"]))
def test_by_keys(kind: str) -> None:
    """Where the topic does not name the event, its keys do."""
    topic, document = EVENTS["chirpstack"][kind]

    assert chirpstack.uplinks(CALLBACK, encoded(document)) == chirpstack.uplinks(topic, encoded(document))


def test_no_keys() -> None:
    """An object that says nothing of an event is refused as an ``up`` that misses its device."""
    with pytest.raises(EnvelopeError, match="deviceInfo: missing"):
        chirpstack.uplinks(CALLBACK, b"{}")


def test_blanks_before_json() -> None:
    """A line feed before the event is the beginning of no other encoding."""
    topic, document = EVENTS["chirpstack"][MAIN]

    assert chirpstack.uplinks(topic, b"\n " + encoded(document)) == chirpstack.uplinks(topic, encoded(document))


def test_join() -> None:
    """A join tells the new session."""
    expected = Told(
        network="chirpstack",
        device=EUI,
        event=Event.JOIN,
        facts={"joined": True, "session": "260b1f3a"},
        time=datetime(2026, 5, 4, 6, 12, 9, 120_000, tzinfo=UTC),
    )

    assert of("join") == expected


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({}, {"margin_db": 9.0, "external_power": False, "battery_percent": 87.5}),
        ({"margin": ..., "batteryLevel": ...}, {"margin_db": 0.0, "external_power": False, "battery_percent": 0.0}),
        ({"batteryLevelUnavailable": True, "batteryLevel": 0}, {"margin_db": 9.0}),
        ({"externalPowerSource": True, "batteryLevel": 0}, {"margin_db": 9.0, "external_power": True}),
    ],
)
def test_status(changes: dict[str, object], facts: dict[str, object]) -> None:
    """The battery's level is told where the device knows it; a level and a margin that are left out are 0."""
    assert of("status", **changes).facts == facts


def test_location() -> None:
    """A position is told with what is known of it; zeros that are left out are zeros, but 0, 0 is no position."""
    assert of("location").facts == {
        "latitude": 48.39,
        "longitude": -4.486,
        "altitude_m": 12.5,
        "position_radius_m": 4.5,
        "position_source": "GPS",
    }
    assert of("location", location={"latitude": 51.5}).facts == {"latitude": 51.5, "longitude": 0.0}
    with pytest.raises(EnvelopeError, match="location: no position"):
        of("location", location={})
    with pytest.raises(EnvelopeError, match="location: no position: latitude 91"):
        of("location", location={"latitude": 91})


@pytest.mark.parametrize(
    ("kind", "changes", "fact"),
    [
        ("ack", {}, "acknowledged"),
        ("ack", {"acknowledged": False}, "not acknowledged"),
        ("ack", {"acknowledged": ...}, "not acknowledged"),
        ("txack", {}, "sent"),
    ],
)
def test_downlink(kind: str, changes: dict[str, object], fact: str) -> None:
    """What became of a downlink is told."""
    assert of(kind, **changes).facts == {"downlink": fact}


@pytest.mark.parametrize("code", ["UPLINK_F_CNT_RETRANSMISSION", "UPLINK_F_CNT_RESET", "OTAA"])
def test_log(code: str) -> None:
    """A notice of the server is told with its code and level; a repeat on air is such a notice, and no frame."""
    found = of("log", code=code, description="x")

    assert (found.event, found.facts) == (Event.NOTICE, {"notice": f"{code}: x", "notice_level": "warning"})


def test_log_of_many_lines() -> None:
    """A notice is one line of at most 500 letters without control characters."""
    long = of("log", description="first\r\n  second\0 " + "x" * 1000).facts["notice"]

    assert str(long).startswith("UPLINK_F_CNT_RETRANSMISSION: first second x")
    assert len(str(long)) <= 500


def test_log_without_words() -> None:
    """A notice without level, code and description is still one."""
    assert of("log", level=..., code=..., description=...).facts == {"notice": "UNKNOWN", "notice_level": "info"}


def test_unknown_codes_in_protobuf() -> None:
    """A code, level or source that a newer server has is told by its number."""
    device = (2, protobuf((8, EUI)))
    assert told(chirpstack.uplinks(TOPIC + "log", protobuf(device, (3, 9), (4, 99), (5, "new")))) == {
        "notice": {"notice": "99: new", "notice_level": "9"}
    }


def test_told_of_simulated() -> None:
    """What is told of a simulated device is simulated."""
    tagged = {"devEui": EUI, "tags": {"penfeld-simulated": "true"}}

    assert (of("join", deviceInfo=tagged).simulated, of("join").simulated) == (True, False)
