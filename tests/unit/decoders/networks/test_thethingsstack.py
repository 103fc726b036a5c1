"""The Things Stack v3 events, over MQTT and as webhooks."""

import json
from datetime import UTC, datetime

import pytest

from decoders.networks import thethingsstack
from model.errors import EnvelopeError
from model.told import Event, Told
from model.uplink import Uplink
from tests.unit.decoders.networks.events import EUI, EVENTS, MAIN, encoded, frame, told

CALLBACK = "penfeld/v1/callbacks/thethingsstack"

IDS: dict[str, object] = {"device_id": "lamp-7", "dev_eui": "70B3D50000000001", "dev_addr": "260B1F3A"}
MESSAGE: dict[str, object] = {
    "session_key_id": "AXA50",
    "f_port": 2,
    "f_cnt": 41,
    "frm_payload": "AQIDBA==",
    "rx_metadata": [
        {"gateway_ids": {"gateway_id": "far"}, "rssi": -110, "snr": -3},
        {"gateway_ids": {"gateway_id": "near", "eui": "B827"}, "rssi": -97, "snr": 7.5},
    ],
    "settings": {"data_rate": {"lora": {"bandwidth": 125000}}, "frequency": "868100000"},
    "received_at": "2026-05-04T06:12:09.300Z",
}


def read(ids: dict[str, object] | None = None, **changes: object) -> Uplink:
    message = {key: value for key, value in {**MESSAGE, **changes}.items() if value is not ...}
    event = {
        "end_device_ids": IDS if ids is None else ids,
        "uplink_message": message,
        "received_at": "2026-05-04T06:12:09.5Z",
    }
    return frame(thethingsstack.uplinks("", json.dumps(event).encode()))


def at(seconds: float) -> datetime:
    return datetime(2026, 5, 4, 6, 12, 9, round(seconds * 1e6), tzinfo=UTC)


def test_whole() -> None:
    """Every part of an event finds its place; the gateway is the one that heard best."""
    expected = Uplink(
        network="thethingsstack",
        device="70b3d50000000001",
        time=at(0.3),
        payload=b"\1\2\3\4",
        f_port=2,
        f_cnt=41,
        session="AXA50",
        rssi_dbm=-97.0,
        snr_db=7.5,
        gateway="near",
    )

    assert read() == expected


def test_time_order() -> None:
    """The radio's time comes before the network server's, and that before the application server's."""
    metadata = [{"rssi": -97}, {"rssi": -99, "gps_time": "2026-05-04T06:12:09.2Z"}]

    times = [
        read(settings={"time": "2026-05-04T06:12:09.1Z"}, rx_metadata=metadata).time,
        read(rx_metadata=metadata).time,
        read().time,
        read(received_at=...).time,
    ]

    assert times == [at(0.1), at(0.2), at(0.3), at(0.5)]


@pytest.mark.parametrize("unset", ["1980-01-06T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_unset_clock(unset: str) -> None:
    """A radio's clock that was never set is passed over."""
    assert read(settings={"time": unset}).time == at(0.3)


def test_no_time() -> None:
    """An event that tells no time leaves it to the arrival."""
    event = {"end_device_ids": IDS, "uplink_message": {"frm_payload": "AQ==", "f_port": 1}}

    assert frame(thethingsstack.uplinks("", json.dumps(event).encode())).time is None


def test_omitted() -> None:
    """Left out, the counter is 0; without payload the port is too; the session is then the device's address."""
    uplink = read(f_cnt=..., f_port=..., frm_payload=..., session_key_id=..., rx_metadata=...)

    assert (uplink.f_cnt, uplink.f_port, uplink.payload, uplink.session) == (0, 0, b"", "260B1F3A")
    assert (uplink.gateway, uplink.rssi_dbm) == (None, None)


def test_port_0() -> None:
    """Port 0 is a port when it is told, with payload too; with payload and without a port it may be any."""
    assert read(f_port=0).f_port == 0
    assert read(f_port=...).f_port is None


def test_gateway_by_eui() -> None:
    """A gateway without a name is known by its EUI; one without either by nothing."""
    assert read(rx_metadata=[{"gateway_ids": {"eui": "B827"}, "rssi": -90}]).gateway == "B827"
    assert read(rx_metadata=[{"rssi": -90}]).gateway is None


def test_simulated() -> None:
    """The mark of an event simulated in the console, or by us, is kept."""
    event = {"end_device_ids": IDS, "uplink_message": MESSAGE, "simulated": True}

    assert frame(thethingsstack.uplinks("", json.dumps(event).encode())).simulated


def of(kind: str, **changes: object) -> Told:
    """Return what an event of this kind tells."""
    topic, document = EVENTS["thethingsstack"][kind]
    (found,) = thethingsstack.uplinks(topic, encoded({**document, **changes}))
    assert isinstance(found, Told)
    return found


@pytest.mark.parametrize("kind", sorted(EVENTS["thethingsstack"]))
def test_webhooks(kind: str) -> None:
    """A webhook gives what the same event gives over MQTT."""
    topic, document = EVENTS["thethingsstack"][kind]

    assert thethingsstack.uplinks(CALLBACK, encoded(document)) == thethingsstack.uplinks(topic, encoded(document))


@pytest.mark.parametrize("kind", ["normalized", "service"])
def test_nothing_new(kind: str) -> None:
    """The normalized form of a frame is no second frame, and what services say among themselves is no fact."""
    topic, document = EVENTS["thethingsstack"][kind]

    assert thethingsstack.uplinks(topic, encoded(document)) == ()


@pytest.mark.parametrize("command", ["push", "replace"])
def test_commands(command: str) -> None:
    """What applications send is no event of a device, and no error, where a filter takes it in."""
    assert thethingsstack.uplinks(f"v3/city@ttn/devices/lamp-7/down/{command}", b'{"downlinks": []}') == ()


def test_join() -> None:
    """A join tells the session that begins, which the frames behind it carry."""
    expected = Told(
        network="thethingsstack",
        device=EUI,
        event=Event.JOIN,
        facts={"joined": True, "session": "AY"},
        time=at(0.3),
    )

    assert of("join") == expected
    assert of("join", join_accept={}) == Told(
        network="thethingsstack",
        device=EUI,
        event=Event.JOIN,
        facts={"joined": True, "session": "260B1F3A"},
        time=at(0.5),
    )


@pytest.mark.parametrize(
    ("kind", "fact"),
    [
        ("queued", "queued"),
        ("sent", "sent"),
        ("ack", "acknowledged"),
        ("nack", "not acknowledged"),
        ("failed", "failed: no gateway"),
        ("invalidated", "dropped"),
    ],
)
def test_downlink(kind: str, fact: str) -> None:
    """What became of a downlink is told, with the server's reason."""
    found = of(kind)

    assert (found.event, found.facts, found.time) == (Event.DOWNLINK, {"downlink": fact}, at(0.5))


def test_failed_without_words() -> None:
    """A failure is told by its name where the server has no words for it, and without any where it has no name."""
    assert of("failed", downlink_failed={"error": {"name": "no_route"}}).facts == {"downlink": "failed: no_route"}
    assert of("failed", downlink_failed={}).facts == {"downlink": "failed"}


def test_location() -> None:
    """A position is told with what is known of it; enumerations may be numbers, and zeros left out."""
    assert of("location").facts == {
        "latitude": 48.39,
        "longitude": -4.486,
        "altitude_m": 12.0,
        "position_radius_m": 30.0,
        "position_source": "LORA_TDOA_GEOLOCATION",
    }
    assert of("location", location_solved={"location": {"latitude": 51.5, "source": 1}}).facts == {
        "latitude": 51.5,
        "longitude": 0.0,
        "position_source": "1",
    }


@pytest.mark.parametrize(
    ("solved", "message"),
    [
        ({}, "location_solved.location: missing"),
        ({"location": {}}, "location_solved.location: no position"),
        ({"location": {"latitude": "north"}}, "location_solved.location.latitude: Expected `float"),
    ],
)
def test_wrong_location(solved: dict[str, object], message: str) -> None:
    """A position that is none is refused with its path."""
    with pytest.raises(EnvelopeError, match=message):
        of("location", location_solved=solved)


def test_battery() -> None:
    """The battery's last level comes with each frame, with the time and counter of the frame that told it."""
    topic, document = EVENTS["thethingsstack"][MAIN]
    _, battery = thethingsstack.uplinks(topic, encoded(document))

    assert battery == Told(
        network="thethingsstack",
        device=EUI,
        event=Event.STATUS,
        facts={"battery_percent": 90.5},
        time=datetime(2026, 5, 4, 5, tzinfo=UTC),
        f_cnt=14,
    )


@pytest.mark.parametrize(
    ("battery", "facts"),
    [
        ({"f_cnt": 3}, {"status": {"battery_percent": 0.0}}),
        ({"value": "60.5"}, {"status": {"battery_percent": 60.5}}),
        ({"value": "full"}, {}),
        ({"received_at": "0001-01-01T00:00:00+14:00"}, {}),
        ({"received_at": 253402300800}, {}),
        ("full", {}),
        (None, {}),
    ],
)
def test_battery_never_costs_the_frame(battery: object, facts: dict[str, object]) -> None:
    """A level that is left out is 0; one that is no number is none, and the frame is there all the same."""
    event = {"end_device_ids": IDS, "uplink_message": {**MESSAGE, "last_battery_percentage": battery}}
    found = thethingsstack.uplinks("", json.dumps(event).encode())

    assert frame(found).payload == b"\1\2\3\4"
    assert told(found) == facts


def test_no_uplink() -> None:
    """An event without any message says what is missing."""
    with pytest.raises(EnvelopeError, match="uplink_message: missing"):
        thethingsstack.uplinks("", json.dumps({"end_device_ids": IDS}).encode())


@pytest.mark.parametrize(
    ("ids", "changes", "message"),
    [
        ({"device_id": "x"}, {}, "end_device_ids.dev_eui: missing"),
        ({"dev_eui": "zz"}, {}, "end_device_ids.dev_eui: 'zz' is no DevEUI"),
        (None, {"f_cnt": "many"}, "uplink_message.f_cnt: Expected `int"),
        (None, {"frm_payload": "?"}, "uplink_message.frm_payload: not base64"),
        (None, {"received_at": "late"}, "uplink_message.received_at: Invalid RFC3339"),
        (None, {"rx_metadata": [{"gateway_ids": {"gateway_id": "\0"}}]}, "gateway_ids: .*NUL"),
        (None, {"app_s_key": {"encrypted_key": "x"}}, "app_s_key: the payload is still encrypted"),
    ],
)
def test_wrong(ids: dict[str, object] | None, changes: dict[str, object], message: str) -> None:
    """A field that is missing or wrong is named."""
    with pytest.raises(EnvelopeError, match=message):
        read(ids, **changes)
