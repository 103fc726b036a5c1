"""Events are what network servers send: our adapters, written apart, read back what went in."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from decoders.networks import adapters
from model.uplink import Uplink
from simulators.envelopes import NETWORKS, Event, Frame, Heard, Sender, event

TIME = 1795368607.25
HEARD = (
    Heard("7276ff002e0605a2", "gw-liberte", 48.39, -4.486, -97, 7.5),
    Heard("7276ff002e0605a1", "gw-recouvrance", 48.38, -4.499, -113, -2.25),
)
IDS = {
    "chirpstack": "70b3d50000000a01",
    "thethingsstack": "70b3d50000000a01",
    "sigfox": "0075a812",
    "native": "tram-1001",
}


def _frame(network: str, **changes: object) -> Frame:
    sender = Sender(
        id=IDS[network],
        name="Rue de Siam 7",
        device_type="penfeld_tramunit",
        network=network,
        address="260b1f3a",
        session="AX8=",
        heard=() if network == "native" else HEARD,
    )
    frame = Frame(sender=sender, time=TIME, counter=4101, payload=b"\x01\x02\xff", f_port=2)
    return msgspec.structs.replace(frame, **changes)


def _read(sent: Event) -> Uplink:
    found = adapters()[sent.source].uplinks(sent.topic, sent.payload)
    (frame,) = (one for one in found if isinstance(one, Uplink))
    return frame


@pytest.mark.parametrize("network", NETWORKS)
def test_what_goes_in_comes_out(network: str) -> None:
    """Device, payload, port, counter, time and radio survive the way, as far as the network tells them."""
    sent = event(_frame(network))
    found = _read(sent)
    assert sent.source == found.network == network
    assert found.device == IDS[network]
    assert found.payload == b"\x01\x02\xff"
    assert found.simulated
    if network == "native":
        assert (found.device_type, found.time, found.f_cnt) == ("penfeld_tramunit", None, None)
        return
    lorawan = network != "sigfox"
    assert found.time == datetime.fromtimestamp(TIME if lorawan else int(TIME), UTC)
    assert found.f_cnt == (4101 if lorawan else 5)
    assert found.f_port == (2 if lorawan else None)
    assert (found.rssi_dbm, found.snr_db) == (-97, 7.5)
    assert found.session == {"chirpstack": "260b1f3a", "thethingsstack": "AX8=", "sigfox": ""}[network]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_copy_is_the_same_frame(network: str) -> None:
    """A second delivery has the same frame key; ChirpStack and The Things Stack give it an id of its own."""
    one, other = event(_frame(network)), event(_frame(network), copy=1)
    arrived = datetime.fromtimestamp(TIME, UTC)
    assert _read(one).frame_key(arrived) == _read(other).frame_key(arrived)
    assert (one.payload != other.payload) == (network in {"chirpstack", "thethingsstack"})


def test_zeros_are_left_out_where_the_servers_leave_them_out() -> None:
    """The Things Stack omits empty fields, ChirpStack only in what gateways report; both are read back."""
    quiet = (Heard("7276ff002e0605a2", "gw-liberte", 48.39, -4.486, 0, 0.0),)
    for network in ("chirpstack", "thethingsstack"):
        sender = msgspec.structs.replace(_frame(network).sender, heard=quiet)
        sent = event(_frame(network, sender=sender, counter=0))
        body = json.loads(sent.payload)
        if network == "chirpstack":
            assert body["fCnt"] == 0
            assert not {"rssi", "snr"} & body["rxInfo"][0].keys()
        else:
            assert "f_cnt" not in body["uplink_message"]
            assert not {"rssi", "snr"} & body["uplink_message"]["rx_metadata"][0].keys()
        found = _read(sent)
        assert (found.f_cnt, found.rssi_dbm, found.snr_db) == (0, 0.0, 0.0)


def test_values_go_as_json() -> None:
    """A native frame of named values carries them with time and mark in one JSON object."""
    found = _read(event(_frame("native", values={"speed_kmh": 31.5, "doors_open": False})))
    assert found.values == {"speed_kmh": 31.5, "doors_open": False}
    assert found.time == datetime.fromtimestamp(TIME, UTC)
    assert found.simulated
