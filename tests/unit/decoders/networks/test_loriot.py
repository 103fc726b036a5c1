"""LORIOT's messages, told apart by ``cmd``."""

from datetime import UTC, datetime

import pytest

from decoders.networks import loriot
from model.errors import EnvelopeError
from model.told import Event, Told
from model.uplink import Uplink
from tests.unit.decoders.networks.events import EUI, EVENTS, MAIN, encoded, frame, told

TIME = datetime(2026, 5, 4, 6, 12, 9, 120_000, tzinfo=UTC)


def of(kind: str, **changes: object) -> tuple[Uplink | Told, ...]:
    """Return what a message gives with these fields changed (``...``: left out)."""
    topic, document = EVENTS["loriot"][kind]
    return loriot.uplinks(topic, encoded({k: v for k, v in {**document, **changes}.items() if v is not ...}))


def test_whole() -> None:
    """Every part of ``rx`` finds its place; the battery's level and the server's marks are told."""
    assert of(MAIN) == (
        Uplink(
            network="loriot",
            device=EUI,
            time=TIME,
            payload=b"\1\2\3\4",
            f_port=2,
            f_cnt=41,
            rssi_dbm=-97.0,
            snr_db=7.5,
        ),
        Told(network="loriot", device=EUI, event=Event.RADIO, facts={"late": False}, time=TIME, f_cnt=41),
        Told(
            network="loriot",
            device=EUI,
            event=Event.STATUS,
            facts={"external_power": False, "battery_percent": 100.0},
            time=TIME,
            f_cnt=41,
        ),
    )


def test_gw_is_the_same_frame() -> None:
    """``gw`` comes later with another time and every gateway: the same frame, hence a duplicate, and facts."""
    later = of("gw")

    assert frame(later).frame_key(TIME) == frame(of(MAIN)).frame_key(TIME)
    assert told(later) == {"radio": {"gateways": 2, "rssi_dbm": -95.0, "snr_db": 8.5, "gateway": "7276FF0000000002"}}


def test_gw_alone() -> None:
    """Where only ``gw`` is sent, the frame and the gateway that heard it best come from it."""
    uplink = frame(of("gw"))

    assert (uplink.payload, uplink.gateway, uplink.rssi_dbm, uplink.snr_db) == (
        b"\1\2\3\4",
        "7276FF0000000002",
        -95.0,
        8.5,
    )


@pytest.mark.parametrize("gws", [[], None, ..., [{}]])
def test_no_gateway(gws: object) -> None:
    """A ``gw`` that names no gateway gives the frame all the same."""
    uplink = frame(of("gw", gws=gws))

    assert (uplink.payload, uplink.gateway, uplink.rssi_dbm) == (b"\1\2\3\4", None, None)


@pytest.mark.parametrize("eui", [EUI.upper(), "70-B3-D5-00-00-00-00-01", "70:b3:d5:00:00:00:00:01"])
def test_eui(eui: str) -> None:
    """However an EUI is written, the device has one id."""
    assert frame(of(MAIN, EUI=eui)).device == EUI


@pytest.mark.parametrize(
    ("bat", "facts"),
    [
        (0, {"external_power": True}),
        ("127", {"external_power": False, "battery_percent": 50.0}),
        (1, {"external_power": False, "battery_percent": 0.4}),
        (255, None),
        (300, None),
        (-1, None),
        (..., None),
        (True, None),
    ],
)
def test_battery(bat: object, facts: dict[str, object] | None) -> None:
    """The level of the battery is on LoRaWAN's scale: 0 is mains, 255 not known."""
    assert told(of(MAIN, bat=bat)).get("status") == facts


@pytest.mark.parametrize("ts", [1777875129120, "1777875129120", 1777875129120.0, "2026-05-04T06:12:09.120Z"])
def test_time(ts: object) -> None:
    """The time is in milliseconds, or a text."""
    assert frame(of(MAIN, ts=ts)).time == TIME


def test_no_time() -> None:
    """A message that tells no time leaves it to the arrival."""
    assert frame(of(MAIN, ts=...)).time is None


def test_late() -> None:
    """A frame that came from a gateway's memory is told to be late."""
    assert told(of(MAIN, offline=True))["radio"] == {"late": True}


def test_no_payload() -> None:
    """A frame without payload is of port 0."""
    uplink = frame(of(MAIN, data=..., port=...))

    assert (uplink.payload, uplink.f_port) == (b"", 0)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("sent", {"downlink": {"downlink": "sent"}}),
        ("join", {"join": {"joined": True, "session": "260B1F3A"}}),
        (
            "geo",
            {"location": {"latitude": 48.39, "longitude": -4.486, "altitude_m": 40.0, "position_source": "TDOA"}},
        ),
        ("answer", {}),
    ],
)
def test_told(kind: str, facts: dict[str, object]) -> None:
    """Downlinks sent, joins and positions are told; LORIOT's answers to applications tell nothing of a device."""
    found = of(kind)

    assert told(found) == facts
    assert {one.time for one in found} <= {TIME}


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (MAIN, {"cmd": ...}, "^cmd: missing"),
        (MAIN, {"cmd": "mx"}, "cmd: 'mx' is not read: rx, gw, txd, geo and join are"),
        (MAIN, {"EUI": ...}, "EUI: missing"),
        (MAIN, {"EUI": "lamp"}, "EUI: 'lamp' is no DevEUI"),
        (MAIN, {"fcnt": ...}, "fcnt: missing"),
        (MAIN, {"fcnt": 2**32}, "fcnt: Expected `int` <= 4294967295"),
        (MAIN, {"data": "AQIDBA=="}, "data: not hexadecimal: 'AQIDBA=='"),
        (MAIN, {"data": ..., "encdata": "01"}, "encdata: the payload is still encrypted; give LORIOT"),
        (MAIN, {"ts": 1e30}, "ts: must be milliseconds since 1970"),
        ("gw", {"gws": [{"rssi": "loud"}]}, r"gws\[0\].rssi: Expected `float"),
        ("gw", {"gws": 7}, "gws: Expected `array"),
        ("geo", {"lat": None}, "lat, lon: no position: latitude None"),
    ],
)
def test_wrong(kind: str, changes: dict[str, object], message: str) -> None:
    """A field that is missing or wrong is named by its path."""
    with pytest.raises(EnvelopeError, match=message):
        of(kind, **changes)
