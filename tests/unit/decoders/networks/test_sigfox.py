"""Sigfox callbacks, from the bodies that customers write."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from decoders.networks import sigfox
from model.errors import EnvelopeError
from model.told import Event, Told
from model.uplink import Uplink
from tests.unit.decoders.networks.events import EVENTS, MAIN, encoded, frame, told

BODY: dict[str, object] = {"device": "B5F3C1", "time": 1777875129, "data": "0102ff", "seqNumber": 4095}


def read(**changes: object) -> Uplink:
    body = {key: value for key, value in {**BODY, **changes}.items() if value is not ...}
    return frame(sigfox.uplinks("", json.dumps(body).encode()))


def of(kind: str, **changes: object) -> tuple[Uplink | Told, ...]:
    topic, document = EVENTS["sigfox"][kind]
    return sigfox.uplinks(topic, encoded({k: v for k, v in {**document, **changes}.items() if v is not ...}))


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


TEMPLATES = re.findall(
    r"^```\n(\{ \"callback\".*?\})\n```",
    (Path(__file__).parents[4] / "docs" / "networks.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)
VARIABLES = {
    "device": "B5F3C1",
    "time": "1777875129",
    "data": "0102ff",
    "seqNumber": "12",
    "ack": "true",
    "lqi": "GOOD",
    "operatorName": "SIGFOX_France",
    "countryCode": "250",
    "duplicates": '[{"bsId": "1B2C", "rssi": -118.0, "snr": 17.25, "nbRep": 2}]',
    "computedLocation": '{"lat": 48.39, "lng": -4.486, "radius": 1200, "source": 2, "status": 1}',
    "batt": "3.45",
    "temp": "19.5",
    "lat": "48.39",
    "lng": "-4.486",
    "radius": "900",
    "geolocSource": "2",
    "infoCode": "0",
    "infoMessage": "Acked",
    "downlinkAck": "true",
    "downlinkOverusage": "false",
    "severity": "WARN",
    "info": "trouble",
}


def test_documented_templates() -> None:
    """Each template of docs/networks.md, filled in by the backend, gives what its callback is for."""
    bodies = [re.sub(r"\{(\w+)\}", lambda match: VARIABLES[match[1]], template) for template in TEMPLATES]
    every = [sigfox.uplinks("", body.encode()) for body in bodies]

    assert [sum(isinstance(one, Uplink) for one in found) for found in every] == [1, 1, 1, 0, 0, 0, 0]
    assert [set(told(found)) for found in every] == [
        set(),
        {"downlink"},
        {"radio", "location"},
        {"status"},
        {"location"},
        {"downlink"},
        {"notice"},
    ]


def test_advanced() -> None:
    """DATA_ADVANCED of the same message gives the same frame key, and so counts as a duplicate."""
    later = datetime(2026, 5, 4, 6, 12, 40, tzinfo=UTC)

    assert frame(of("advanced")).frame_key(later) == frame(of(MAIN)).frame_key(later)
    assert frame(of("advanced")).time == frame(of(MAIN)).time


def test_advanced_tells() -> None:
    """DATA_ADVANCED tells the link, who heard it, and where the device is, of that message and its time."""
    _, radio, location = of("advanced")

    assert radio == Told(
        network="sigfox",
        device="00b5f3c1",
        event=Event.RADIO,
        facts={
            "link_quality": "GOOD",
            "operator": "SIGFOX_France",
            "country": "250",
            "gateways": 2,
            "rssi_dbm": -118.0,
            "snr_db": 17.25,
            "gateway": "1B2C",
        },
        time=datetime(2026, 5, 4, 6, 12, 9, tzinfo=UTC),
        f_cnt=12,
    )
    assert location == Told(
        network="sigfox",
        device="00b5f3c1",
        event=Event.LOCATION,
        facts={"latitude": 48.39, "longitude": -4.486, "position_radius_m": 1200.0, "position_source": "2"},
        time=datetime(2026, 5, 4, 6, 12, 9, tzinfo=UTC),
        f_cnt=12,
    )


def test_advanced_alone() -> None:
    """Where only DATA_ADVANCED is set up, the base station that heard best is known from it."""
    uplink = frame(of("advanced"))

    assert (uplink.gateway, uplink.rssi_dbm, uplink.snr_db) == ("1B2C", -118.0, 17.25)


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"lqi": ..., "operatorName": ..., "countryCode": ..., "duplicates": []}, {"link_quality": "GOOD"}),
        ({"lqi": "NA", "operatorName": "", "countryCode": None, "duplicates": "x"}, {"link_quality": "NA"}),
        ({"lqi": ..., "linkQuality": "7", "operatorName": 5, "duplicates": {}}, {"operator": "5", "country": "250"}),
    ],
)
def test_advanced_in_part(changes: dict[str, object], facts: dict[str, object]) -> None:
    """What DATA_ADVANCED leaves out, or has of another kind, is not told; its frame is there."""
    found = of("advanced", computedLocation={"status": 0, "lat": 1.5, "lng": 2.5}, **changes)

    assert frame(found).payload == b"\1\2"
    assert told(found) == {"radio": facts}


def test_no_computed_location() -> None:
    """A computed location that is none is not told."""
    assert "location" not in told(of("advanced", computedLocation={"status": 1, "lat": 0, "lng": 0}))
    assert "location" not in told(of("advanced", computedLocation="none"))


def test_bidir() -> None:
    """A device that waits for an answer is known to."""
    assert told(of("bidir")) == {"downlink": {"downlink": "requested"}}
    assert [told(of("bidir", ack=ack)) for ack in (False, "false", "", None)] == [{}, {}, {}, {}]


def test_status() -> None:
    """STATUS tells the battery and the temperature of the modem, known by its keys or by its name."""
    expected = {"status": {"battery_v": 3.45, "temperature_c": 19.5}}

    assert told(of("status")) == told(of("status", callback=...)) == told(of("status", seqNumber=4)) == expected
    assert told(of("status", batt=...)) == {"status": {"temperature_c": 19.5}}


def test_an_event_of_ones_own() -> None:
    """``event`` names the callback too; what it names otherwise is somebody's own, and the keys decide."""
    expected = {"status": {"battery_v": 3.45, "temperature_c": 19.5}}

    assert told(of("status", callback=..., event="STATUS")) == expected
    assert told(of("status", callback=..., event="opened")) == told(of("status", callback=..., event=7)) == expected


def test_geoloc() -> None:
    """GEOLOC tells where the device is."""
    facts = {"latitude": 48.39, "longitude": -4.486, "position_radius_m": 900.0, "position_source": "2"}

    assert told(of("geoloc")) == told(of("geoloc", callback="geoloc")) == {"location": facts}


def test_station_is_not_the_device() -> None:
    """A latitude and longitude beside a message or a battery are those of a base station."""
    assert told(of(MAIN, lat="48.1", lng="-4.2")) == {}
    assert "location" not in told(of("status", callback=..., lat="48.1", lng="-4.2"))


@pytest.mark.parametrize(
    ("severity", "level"), [("ERROR", "error"), ("warn", "warning"), ("INFO", "info"), (..., "error")]
)
def test_error(severity: object, level: str) -> None:
    """ERROR tells what the backend worries about."""
    found = told(of("error", callback="ERROR", severity=severity))

    assert found == {"notice": {"notice": "No message received since Monday", "notice_level": level}}


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({}, "sent"),
        ({"infoCode": "3"}, "failed: Acked"),
        ({"infoCode": 4, "infoMessage": ...}, "failed: network error"),
        ({"infoCode": 5, "infoMessage": ...}, "queued"),
        ({"infoCode": ..., "downlinkAck": "true"}, "sent"),
        ({"infoCode": ..., "downlinkAck": False, "infoMessage": "no"}, "failed: no"),
        ({"infoCode": 99, "infoMessage": ...}, "sent"),
    ],
)
def test_acknowledge(changes: dict[str, object], fact: str) -> None:
    """ACKNOWLEDGE tells what became of a downlink."""
    assert told(of("acknowledge", **changes)) == {"downlink": {"downlink": fact}}


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("status", {"batt": "{batt}", "temp": ...}, r"batt: not a number of volts: '\{batt\}'"),
        ("geoloc", {"lat": "", "lng": ""}, "lat, lng: no position: latitude '', longitude ''"),
        ("error", {"info": ...}, "info: missing"),
        ("status", {"callback": "DATA"}, "data: missing"),
        ("status", {"callback": "BATTERY"}, "callback: 'BATTERY' is none of DATA, UPLINK, BIDIR"),
        ("status", {"device": "xyz"}, "device: 'xyz' is no Sigfox id"),
        ("status", {"time": 1e300}, "time: must be seconds since 1970"),
    ],
)
def test_wrong_service(kind: str, changes: dict[str, object], message: str) -> None:
    """A service callback that says nothing is refused with the field it is about."""
    with pytest.raises(EnvelopeError, match=message):
        of(kind, **changes)


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
        ({"data": 12}, "data: Expected `str"),
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
