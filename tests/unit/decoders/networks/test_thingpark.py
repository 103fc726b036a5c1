"""Actility ThingPark's reports, with numbers or texts, bare or with the address they came to."""

from datetime import UTC, datetime

import pytest

from decoders.networks import thingpark
from model.errors import EnvelopeError
from model.told import Event, Told
from model.uplink import Uplink
from tests.unit.decoders.networks.events import EUI, EVENTS, MAIN, encoded, frame, told

TIME = datetime(2026, 5, 4, 6, 12, 9, 120_000, tzinfo=UTC)


def of(kind: str, **changes: object) -> tuple[Uplink | Told, ...]:
    """Return what a report gives with these fields changed (``...``: left out)."""
    topic, document = EVENTS["thingpark"][kind]
    ((root, report),) = document.items()
    assert isinstance(report, dict)
    changed = {key: value for key, value in {**report, **changes}.items() if value is not ...}
    return thingpark.uplinks(topic, encoded({root: changed}))


def test_whole() -> None:
    """Every part of a report finds its place; numbers are texts here, as in the XML of old."""
    assert frame(of(MAIN)) == Uplink(
        network="thingpark",
        device=EUI,
        time=TIME,
        payload=b"\1\2\3\4",
        f_port=2,
        f_cnt=41,
        session="260B1F3A",
        rssi_dbm=-97.0,
        snr_db=7.5,
        gateway="004A18E3",
    )


def test_numbers() -> None:
    """Numbers may be numbers."""
    numbers = {
        "FPort": 2,
        "FCntUp": 41,
        "LrrRSSI": -97.0,
        "LrrSNR": 7.5,
        "DevLrrCnt": 2,
        "Late": 0,
        "LostUplinksAS": -2,
    }

    assert of(MAIN, **numbers) == of(MAIN)


@pytest.mark.parametrize(
    "lrr",
    [{"Lrrid": "near", "LrrRSSI": "-90.5", "LrrSNR": "3"}, [{"Lrrid": "far"}, {"Lrrid": "near", "LrrRSSI": -90.5}]],
)
def test_gateways(lrr: object) -> None:
    """One gateway may be an object, several are a list; the best of them stands where the report names none itself."""
    found = of(MAIN, Lrrs={"Lrr": lrr}, Lrrid=..., DevLrrCnt=...)

    assert (frame(found).gateway, frame(found).rssi_dbm) == ("near", -90.5)
    assert told(found)["radio"]["gateways"] == (1 if isinstance(lrr, dict) else 2)


def test_no_gateway() -> None:
    """Without gateways nothing is known of the radio."""
    found = of(MAIN, Lrrs=..., Lrrid=..., DevLrrCnt=..., Late=..., LostUplinksAS=...)

    assert (frame(found).gateway, frame(found).rssi_dbm, told(found)) == (None, None, {})


@pytest.mark.parametrize(("late", "fact"), [("1", True), (1, True), ("0", False), (0, False)])
def test_late(late: object, fact: object) -> None:
    """A frame that a gateway kept is told to be late, at the radio's time; so is what was lost before it."""
    found = of(MAIN, Late=late, LostUplinksAS=4)

    assert told(found) == {"radio": {"gateways": 2, "late": fact, "lost_frames": 4}}
    assert {one.time for one in found} == {TIME}


def test_left_out() -> None:
    """A frame without port and payload is of port 0."""
    uplink = frame(of(MAIN, FPort=..., payload_hex=..., DevAddr=...))

    assert (uplink.f_port, uplink.payload, uplink.session) == (0, b"", "")


def test_wrapped() -> None:
    """A report comes alone, or with the address that it was sent to."""
    topic, document = EVENTS["thingpark"]["wrapped"]
    body = document["body"]
    assert isinstance(body, dict)

    assert thingpark.uplinks(topic, encoded(document)) == thingpark.uplinks(topic, encoded(body))
    assert frame(thingpark.uplinks(topic, encoded(document))).f_cnt == 41


def test_position_of_a_frame() -> None:
    """A position that comes with a frame is told."""
    assert told(of(MAIN, DevLAT="48.39", DevLON="-4.486", DevLocRadius="80.5"))["location"] == {
        "latitude": 48.39,
        "longitude": -4.486,
        "position_radius_m": 80.5,
    }


def test_location() -> None:
    """DevEUI_location tells where the device is, and from which frame that is known."""
    assert of("location") == (
        Told(
            network="thingpark",
            device=EUI,
            event=Event.LOCATION,
            facts={"latitude": 48.39, "longitude": -4.486, "altitude_m": 12.0, "position_radius_m": 80.0},
            time=TIME,
            f_cnt=41,
        ),
    )


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("sent", {"downlink": {"downlink": "sent"}}),
        ("failed", {"downlink": {"downlink": "failed: B0, DA"}}),
        ("rejected", {"downlink": {"downlink": "failed: counter used"}}),
        ("joined", {"join": {"joined": True, "session": "260B1F3A"}}),
        ("reset", {"notice": {"notice": "reset: admin_reset", "notice_level": "info"}}),
        ("status", {"status": {"battery_percent": 50.0, "external_power": False, "margin_db": -3.0}}),
        ("join_request", {"notice": {"notice": "join request", "notice_level": "info"}}),
        ("multicast", {}),
    ],
)
def test_told(kind: str, facts: dict[str, object]) -> None:
    """What other reports tell becomes facts, at the time they tell; a summary of many devices tells nothing of one."""
    found = of(kind)

    assert told(found) == facts
    assert {one.time for one in found} <= {TIME}


@pytest.mark.parametrize(
    ("level", "facts"),
    [
        (0, {"external_power": True}),
        ("254", {"external_power": False, "battery_percent": 100.0}),
        (255, {}),
        ("", {}),
    ],
)
def test_battery(level: object, facts: dict[str, object]) -> None:
    """The level of the battery is on LoRaWAN's scale: 0 is mains, 255 not known."""
    assert told(of("status", Var1=level, Var2=0)) == {"status": {**facts, "margin_db": 0.0}}


def test_simulated() -> None:
    """A device that carries the simulator's tag is simulated."""
    assert {one.simulated for one in of(MAIN, CustomerData={"tags": ["penfeld-simulated"]})} == {True}
    assert {one.simulated for one in of(MAIN, CustomerData='{"tags": ["penfeld-simulated"]}')} == {False}


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (MAIN, {"DevEUI": ...}, "DevEUI_uplink.DevEUI: missing"),
        (MAIN, {"DevEUI": "0x12"}, "DevEUI_uplink.DevEUI: '0x12' is no DevEUI"),
        (MAIN, {"FCntUp": ...}, "DevEUI_uplink.FCntUp: missing"),
        (MAIN, {"FCntUp": "many"}, "DevEUI_uplink.FCntUp: Expected `int"),
        (MAIN, {"FPort": "256"}, "DevEUI_uplink.FPort: Expected `int` <= 255"),
        (MAIN, {"payload_hex": "0"}, "DevEUI_uplink.payload_hex: not hexadecimal: '0'"),
        (MAIN, {"Time": "soon"}, "DevEUI_uplink.Time: Invalid RFC3339"),
        (MAIN, {"PayloadEncryption": "1"}, "PayloadEncryption: the payload is still encrypted; give ThingPark the"),
        (MAIN, {"Lrrid": "\0"}, "DevEUI_uplink.Lrrid: .*NUL"),
        ("location", {"DevLAT": ...}, "DevEUI_location: no position in DevLAT and DevLON: None, '-4.486'"),
        ("sent", {"DeliveryStatus": ...}, "DevEUI_downlink_Sent.DeliveryStatus: missing"),
        ("joined", {"Type": ...}, "DevEUI_notification.Type: missing"),
        ("status", {"Var1": 255, "Var2": ...}, "DevEUI_notification.Var1: missing"),
    ],
)
def test_wrong(kind: str, changes: dict[str, object], message: str) -> None:
    """A field that is missing or wrong is named by its path."""
    with pytest.raises(EnvelopeError, match=message):
        of(kind, **changes)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"body": {}}, "DevEUI_uplink: missing"),
        ({"body": 3}, "body: Expected `object`"),
        ({"body": {"DevEUI_uplink": {}}}, "body.DevEUI_uplink.DevEUI: missing"),
        ({"DevEUI_uplink": []}, "DevEUI_uplink: Expected `object"),
    ],
)
def test_wrong_document(document: dict[str, object], message: str) -> None:
    """A document that holds no report is refused with the path of what is missing in it."""
    with pytest.raises(EnvelopeError, match=message):
        thingpark.uplinks("", encoded(document))
