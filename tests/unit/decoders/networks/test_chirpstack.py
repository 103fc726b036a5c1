"""ChirpStack v4 ``up`` events, as servers of several versions write them."""

import json
from datetime import UTC, datetime

import pytest

from decoders.networks import chirpstack
from model.errors import EnvelopeError
from model.uplink import Uplink

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
    (uplink,) = chirpstack.uplinks("", json.dumps(event).encode())
    return uplink


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
