"""Orange Live Objects' data messages, from queues, the router and HTTP pushes."""

from datetime import UTC, datetime

import pytest

from decoders.networks import liveobjects
from model.errors import EnvelopeError
from model.told import Told
from model.uplink import Uplink
from tests.unit.decoders.networks.events import EUI, EVENTS, MAIN, encoded, frame, told

MESSAGE = dict(EVENTS["liveobjects"][MAIN][1])
METADATA = dict(MESSAGE["metadata"])  # type: ignore[call-overload]  # an object, as the events file shows
LORA = dict(METADATA["network"]["lora"])
TIME = datetime(2026, 5, 4, 6, 12, 9, 120_000, tzinfo=UTC)


def read(lora: dict[str, object] | None = None, **changes: object) -> tuple[Uplink | Told, ...]:
    """Return what a LoRaWAN device's message gives."""
    network = {"lora": without({**LORA, **(lora or {})})}
    message = {**MESSAGE, "metadata": {**METADATA, "network": network}, **changes}
    return liveobjects.uplinks("fifo/x", encoded(without(message)))


def values(**changes: object) -> tuple[Uplink | Told, ...]:
    """Return what the message of a device that speaks MQTT gives."""
    topic, document = EVENTS["liveobjects"]["mqtt"]
    return liveobjects.uplinks(topic, encoded(without({**document, **changes})))


def without(document: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in document.items() if value is not ...}


def test_whole() -> None:
    """Every part of a message finds its place; when it was stored does not count."""
    assert frame(read()) == Uplink(
        network="liveobjects",
        device=EUI,
        time=TIME,
        payload=b"\1\2\3\4",
        f_port=2,
        f_cnt=41,
        rssi_dbm=-97.0,
        snr_db=7.5,
    )


def test_told() -> None:
    """The network tells how many gateways heard it, what was lost before, how good the link is and where it was."""
    found = read()

    assert told(found) == {
        "radio": {"gateways": 2, "lost_frames": 3, "link_quality": "5/5"},
        "location": {
            "latitude": 48.39,
            "longitude": -4.486,
            "altitude_m": 10.0,
            "position_radius_m": 500.0,
            "position_source": "lora",
        },
    }
    assert {(one.time, one.f_cnt) for one in found} == {(TIME, 41)}


def test_decoded_values_beside_the_payload() -> None:
    """What Live Objects decoded itself does not matter: the payload is decoded here."""
    decoded = {"payload": "01020304", "temperature": 21.5, "nested": {"a": [1]}}

    assert frame(read(value=decoded)) == frame(read())


def test_redelivered() -> None:
    """A queue that delivers again delivers the same frame, whatever id and time of storing it has."""
    later = datetime(2026, 5, 4, 7, tzinfo=UTC)
    again = frame(read(id="other", created="2026-05-04T06:59:00Z"))

    assert again.frame_key(later) == frame(read()).frame_key(TIME)


def test_left_out() -> None:
    """Without radio, position and payload there is still a frame, of port 0."""
    lora = dict.fromkeys(("port", "rssi", "snr", "missingFcnt", "gatewayCnt", "signalLevel"), ...)
    found = read(dict(lora), value=..., location=..., timestamp=...)

    assert found == (Uplink(network="liveobjects", device=EUI, payload=b"", f_port=0, f_cnt=41),)


@pytest.mark.parametrize("location", ["here", {"lat": 0, "lon": 0}, {"lat": 91, "lon": 1}, {"lat": "x"}, []])
def test_no_position(location: object) -> None:
    """A position that is none is not told, and costs no frame."""
    assert "location" not in told(read(location=location))


def test_texts_as_numbers() -> None:
    """Numbers may be texts."""
    found = read({"port": "2", "fcnt": "41", "rssi": "-97", "snr": "7.5", "missingFcnt": "3", "gatewayCnt": "2"})

    assert found == read()


def test_mqtt() -> None:
    """A device that speaks MQTT to Live Objects gives its values by name."""
    assert values() == (
        Uplink(
            network="liveobjects",
            device="board-7",
            time=TIME,
            values={"temperature_c": 21.5, "lamp_on": True},
        ),
    )
    assert frame(values(metadata={"connector": "mqtt"}, streamId="urn:lo:nsid:sensor:b")).device == "b"


def test_simulated() -> None:
    """A message that carries the simulator's tag is simulated, and what it tells too."""
    assert {one.simulated for one in read(tags=["penfeld-simulated"])} == {True}
    assert frame(values(tags=["penfeld-simulated"])).simulated
    assert not frame(values(tags="penfeld-simulated")).simulated


@pytest.mark.parametrize(
    ("lora", "changes", "message"),
    [
        ({}, {"metadata": ...}, "^metadata: missing"),
        ({}, {"metadata": {}}, "metadata.connector: missing"),
        ({}, {"metadata": {"connector": "sms"}}, "metadata.connector: 'sms' is not read: lora gives frames"),
        ({}, {"metadata": {"connector": "lora"}}, "metadata.network.lora: missing"),
        ({"devEUI": ...}, {}, "metadata.network.lora.devEUI: missing"),
        ({"devEUI": "b20s039"}, {}, "metadata.network.lora.devEUI: 'b20s039' is no DevEUI"),
        ({"fcnt": ...}, {}, "metadata.network.lora.fcnt: missing"),
        ({"fcnt": -1}, {}, "metadata.network.lora.fcnt: Expected `int` >= 0"),
        ({"port": 300}, {}, "metadata.network.lora.port: Expected `int` <= 255"),
        ({}, {"value": ...}, "value.payload: missing"),
        ({}, {"value": {}}, "value.payload: missing"),
        ({}, {"value": {"payload": 12}}, "value.payload: Expected `str"),
        ({}, {"value": {"payload": "0g"}}, "value.payload: not hexadecimal: '0g'"),
        ({}, {"value": [1]}, "value: Expected `object"),
        ({}, {"timestamp": "today"}, "timestamp: Invalid RFC3339"),
    ],
)
def test_wrong(lora: dict[str, object], changes: dict[str, object], message: str) -> None:
    """A field that is missing or wrong is named by its path."""
    with pytest.raises(EnvelopeError, match=message):
        read(lora, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": {"a": 1, "b": {"c": 2}}}, "value: 'b' must be a number, text, true, false or null; let the device"),
        ({"value": {"b": [1]}}, "value: 'b' must be a number"),
        ({"value": ...}, "value: Expected `object`, got `null`"),
        ({"value": 7}, "value: Expected `object`, got `int`"),
        ({"metadata": {"connector": "mqtt"}, "streamId": ...}, "metadata.source: missing"),
        ({"metadata": {"connector": "mqtt", "source": "urn:a b"}}, "metadata.source: 'a b' is no device name"),
    ],
)
def test_wrong_values(changes: dict[str, object], message: str) -> None:
    """Values that are not named one by one are refused, with what would do."""
    with pytest.raises(EnvelopeError, match=message):
        values(**changes)
