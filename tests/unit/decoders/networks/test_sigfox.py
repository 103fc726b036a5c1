"""Sigfox callbacks, from the bodies that customers write."""

import json
from datetime import UTC, datetime

import pytest

from decoders.networks import sigfox
from model.errors import EnvelopeError
from model.uplink import Uplink

BODY: dict[str, object] = {"device": "B5F3C1", "time": 1777875129, "data": "0102ff", "seqNumber": 4095}


def read(**changes: object) -> Uplink:
    body = {key: value for key, value in {**BODY, **changes}.items() if value is not ...}
    (uplink,) = sigfox.uplinks("", json.dumps(body).encode())
    return uplink


def test_whole() -> None:
    """Our own template gives device, time, bytes and number; the id gets its leading zeros back."""
    expected = Uplink(
        network="sigfox",
        device="00b5f3c1",
        time=datetime(2026, 5, 4, 6, 12, 9, tzinfo=UTC),
        payload=b"\1\2\xff",
        f_cnt=4095,
    )

    assert read() == expected


def test_all_texts() -> None:
    """A template that quotes everything says the same."""
    assert read(**{key: str(value) for key, value in BODY.items()}) == read()


def test_unquoted_device() -> None:
    """An id made of decimal digits that came without quotes, and so without its zeros, is whole again."""
    assert read(device=4121).device == "00004121"


@pytest.mark.parametrize(("data", "expected"), [("", b""), ("00" * 12, bytes(12)), (" 0A ", b"\n")])
def test_data(data: str, expected: bytes) -> None:
    """A message has 0 to 12 bytes."""
    assert read(data=data).payload == expected


def test_only_what_must_be() -> None:
    """Device and data are enough."""
    uplink = read(time=..., seqNumber=...)

    assert (uplink.time, uplink.f_cnt) == (None, None)


def test_radio() -> None:
    """The radio's metadata are taken where they are numbers, and passed over where the backend has none."""
    heard = read(station="1A2B", rssi="-120.5", snr=12)
    silent = read(station="", rssi="{rssi}", snr="nan")

    assert (heard.gateway, heard.rssi_dbm, heard.snr_db) == ("1A2B", -120.5, 12.0)
    assert (silent.gateway, silent.rssi_dbm, silent.snr_db) == (None, None, None)


def test_advanced() -> None:
    """DATA_ADVANCED of the same message gives the same frame key, and so counts as a duplicate."""
    later = datetime(2026, 5, 4, 6, 12, 40, tzinfo=UTC)
    advanced = read(lqi="Good", linkQuality=2, duplicates=[{"bsId": "x"}], computedLocation={"status": 0})

    assert advanced.frame_key(later) == read().frame_key(later)


def test_simulated() -> None:
    """The simulator's mark is kept."""
    assert (read(simulated=True).simulated, read().simulated) == (True, False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": ...}, "device: missing"),
        ({"device": "xyz"}, "device: 'xyz' is no Sigfox id"),
        ({"device": "123456789"}, "device: '123456789' is no Sigfox id"),
        ({"data": ...}, "data: missing"),
        ({"data": "012"}, "data: must be 0 to 12 bytes in hex, got '012'"),
        ({"data": "00" * 13}, "data: must be 0 to 12 bytes"),
        ({"data": "0g"}, "data: must be 0 to 12 bytes"),
        ({"data": 12}, "data: Expected `str`"),
        ({"time": "now"}, "time: Expected `float"),
        ({"time": 1e300}, "time: must be seconds since 1970"),
        ({"seqNumber": 4096}, "seqNumber: Expected `int` <= 4095"),
        ({"station": "\0"}, "station: .*NUL"),
    ],
)
def test_wrong(changes: dict[str, object], message: str) -> None:
    """A field that is missing or wrong is named."""
    with pytest.raises(EnvelopeError, match=message):
        read(**changes)
