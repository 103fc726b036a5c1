"""What Kerlink's Wanesy Management Center pushes."""

from datetime import UTC, datetime

import pytest

from decoders.networks import wanesy
from model.errors import EnvelopeError
from model.told import Event, Told
from model.uplink import Uplink
from tests.unit.decoders.networks.events import EUI, EVENTS, MAIN, encoded, frame, told

TIME = datetime(2026, 5, 4, 6, 12, 9, 120_000, tzinfo=UTC)


def of(kind: str, **changes: object) -> tuple[Uplink | Told, ...]:
    """Return what a push gives with these fields changed (``...``: left out)."""
    topic, document = EVENTS["wanesy"][kind]
    return wanesy.uplinks(topic, encoded({k: v for k, v in {**document, **changes}.items() if v is not ...}))


def test_whole() -> None:
    """Every part of a push finds its place; the time is the gateway's, the gateway that which heard best."""
    assert of(MAIN) == (
        Uplink(
            network="wanesy",
            device=EUI,
            time=TIME,
            payload=b"\1\2\3\4",
            f_port=2,
            f_cnt=41,
            session="260B1F3A",
            rssi_dbm=-97.0,
            snr_db=7.5,
            gateway="7276FF0039030437",
        ),
        Told(
            network="wanesy",
            device=EUI,
            event=Event.RADIO,
            facts={"gateways": 2, "late": False},
            time=TIME,
            f_cnt=41,
        ),
    )


def test_server_time() -> None:
    """Without the gateway's time, or with one that was never set, the server's stands for it."""
    server = datetime(2026, 5, 4, 6, 12, 10, 500_000, tzinfo=UTC)

    assert {frame(of(MAIN, gwRecvTime=gateway)).time for gateway in (..., None, 0)} == {server}
    assert frame(of(MAIN, gwRecvTime=..., recvTime=...)).time is None


@pytest.mark.parametrize(
    ("encoding", "payload"), [("HEXA", "01020304"), (..., "01020304"), (None, "01020304"), ("BASE64", "AQIDBA==")]
)
def test_encoding(encoding: object, payload: str) -> None:
    """A payload is in hexadecimal unless it says that it is in base64."""
    assert frame(of(MAIN, encodingType=encoding, payload=payload)).payload == b"\1\2\3\4"


def test_replayed() -> None:
    """What the server could not push and sends again later is the same frame, late and with another id."""
    again = of(MAIN, id="other", delayed=True)

    assert frame(again).frame_key(TIME) == frame(of(MAIN)).frame_key(TIME)
    assert told(again) == {"radio": {"gateways": 2, "late": True}}


def test_payload_level() -> None:
    """At the detail level "payload" nothing is told of the radio, and all else is there."""
    found = of(MAIN, gwCnt=..., gwInfo=..., delayed=..., gwRecvTime=...)

    assert (frame(found).payload, frame(found).gateway, frame(found).rssi_dbm) == (b"\1\2\3\4", None, None)
    assert told(found) == {}


def test_texts_as_numbers() -> None:
    """Numbers may be texts."""
    assert of(MAIN, fPort="2", fCntUp="41", gwRecvTime="1777875129120", gwCnt="2") == of(MAIN)


def test_no_payload() -> None:
    """A frame without payload is of port 0."""
    uplink = frame(of(MAIN, payload=..., fPort=...))

    assert (uplink.payload, uplink.f_port) == (b"", 0)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("join", {"join": {"joined": True, "session": "260B1F3A"}}),
        ("sent", {"downlink": {"downlink": "sent"}}),
        ("failed", {"downlink": {"downlink": "failed: NO_GATEWAY"}}),
        ("unnamed", {}),
    ],
)
def test_told(kind: str, facts: dict[str, object]) -> None:
    """Joins and what became of downlinks are told; an event that names no device tells nothing of one."""
    assert told(of(kind)) == facts


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"endDevice": ...}, "^endDevice: missing"),
        ({"endDevice": {}}, "endDevice.devEui: missing"),
        ({"endDevice": {"devEui": "7"}}, "endDevice.devEui: '7' is no DevEUI"),
        ({"fCntUp": ...}, "fCntUp: missing"),
        ({"encrypted": True}, "encrypted: the payload is still encrypted; give Wanesy"),
        ({"payload": "0g"}, "payload: not hexadecimal: '0g'"),
        ({"payload": "?", "encodingType": "BASE64"}, "payload: not base64"),
        ({"encodingType": "UTF8"}, "encodingType: must be HEXA or BASE64, got 'UTF8'"),
        ({"recvTime": 1e300, "gwRecvTime": ...}, "recvTime: must be milliseconds since 1970"),
        ({"gwInfo": [{"rssi": "loud"}]}, r"gwInfo\[0\].rssi: Expected `float"),
        ({"gwInfo": [{"gwEui": "\0"}]}, "gwInfo.gwEui: .*NUL"),
    ],
)
def test_wrong(changes: dict[str, object], message: str) -> None:
    """A field that is missing or wrong is named by its path."""
    with pytest.raises(EnvelopeError, match=message):
        of(MAIN, **changes)
