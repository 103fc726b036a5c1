"""Cayenne LPP: every type, both styles of keys, what is not known, one payload like many, and writing."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.formats import Format, formats
from decoders.formats._lpp import TYPES
from decoders.output import Output
from model.errors import ConfigError, DecodeError, EncodeError

FLAT = formats()["cayenne"].make({})
NESTED = formats()["cayenne"].make({"keys": "nested"})
EVERY_TYPE = [
    ("0000 05", "digital_in_0", "digitalInput.0", 5),
    ("0101 00", "digital_out_1", "digitalOutput.1", 0),
    ("0202 ff9c", "analog_in_2", "analogInput.2", -1.0),
    ("0303 7fff", "analog_out_3", "analogOutput.3", 327.67),
    ("0464 ffffffff", "generic_4", "genericSensor.4", 4294967295),
    ("0565 ffff", "luminosity_5", "illuminanceSensor.5", 65535),
    ("0666 01", "presence_6", "presenceSensor.6", 1),
    ("0767 ffd7", "temperature_7", "temperatureSensor.7", -4.1),
    ("0868 65", "relative_humidity_8", "humiditySensor.8", 50.5),
    ("0971 04d2 fb2e 0000", "accelerometer_9", "accelerometer.9", {"x": 1.234, "y": -1.234, "z": 0.0}),
    ("0a73 2795", "barometric_pressure_10", "barometer.10", 1013.3),
    ("0b74 014a", "voltage_11", "voltage.11", 3.3),
    ("0c75 05dc", "current_12", "current.12", 1.5),
    ("0d76 33be27a0", "frequency_13", "frequency.13", 868100000),
    ("0e78 64", "percentage_14", "percentage.14", 100),
    ("0f79 ff38", "altitude_15", "altitude.15", -200),
    ("107d 0320", "concentration_16", "concentration.16", 800),
    ("1180 0bb8", "power_17", "power.17", 3000),
    ("1282 000004d2", "distance_18", "distance.18", 1.234),
    ("1383 0012d687", "energy_19", "energy.19", 1234.567),
    ("1484 010e", "direction_20", "direction.20", 270),
    ("1585 69f83a3f", "unix_time_21", "unix_time.21", 1777875519),
    ("1686 0064 ff9c 0001", "gyrometer_22", "gyrometer.22", {"x": 1.0, "y": -1.0, "z": 0.01}),
    ("1787 ff8000", "color_23", "color.23", {"r": 255, "g": 128, "b": 0}),
    (
        "1888 06765f f2960a 0003e8",
        "gps_24",
        "gpsLocation.24",
        {"latitude": 42.3519, "longitude": -87.9094, "altitude": 10.0},
    ),
    ("ff8e 01", "switch_255", "switch.255", 1),
]


def nested(path: str, value: object) -> dict[str, object]:
    """Return the object that has a value under a type and a channel."""
    name, channel = path.split(".")
    return {name: {channel: value}}


def test_every_type_is_here() -> None:
    """The examples below are of all 26 types, each once."""
    assert [bytes.fromhex(payload)[1] for payload, *_ in EVERY_TYPE] == list(TYPES)
    assert len(TYPES) == 26


@pytest.mark.parametrize(("payload", "flat", "path", "value"), EVERY_TYPE)
def test_type(payload: str, flat: str, path: str, value: object) -> None:
    """A value is read with sign and scale under either server's name, and written again."""
    content = bytes.fromhex(payload)

    assert FLAT.decode(content) == Output({flat: value})
    assert NESTED.decode(content) == Output(nested(path, value))
    assert FLAT.encode({flat: value}) == content
    assert NESTED.encode(nested(path, value)) == content


def test_all_types_at_once() -> None:
    """Values follow each other in one payload, in their order."""
    content = bytes.fromhex("".join(payload for payload, *_ in EVERY_TYPE))

    assert dict(FLAT.decode(content).data) == {flat: value for _, flat, _, value in EVERY_TYPE}


def test_channels() -> None:
    """Several channels of one type stand beside each other."""
    content = bytes.fromhex("0167 0110 0267 00ff")

    assert FLAT.decode(content).data == {"temperature_1": 27.2, "temperature_2": 25.5}
    assert NESTED.decode(content).data == {"temperatureSensor": {"1": 27.2, "2": 25.5}}


def test_trailing_byte() -> None:
    """A single byte at the end is left alone, as network servers do; an empty payload says nothing."""
    assert FLAT.decode(bytes.fromhex("0167 0110 00")) == Output({"temperature_1": 27.2})
    assert FLAT.decode(b"\x01") == FLAT.decode(b"") == Output({})


def test_unknown_type() -> None:
    """What stands before a type that is not known is kept; a warning names type, channel, place and what is lost."""
    output = FLAT.decode(bytes.fromhex("0167 0110 02f0 01 0367 0110"))

    assert output.data == {"temperature_1": 27.2}
    assert output.warnings == ("type 240 on channel 2 at byte 4 is not known: the last 7 bytes unread",)


def test_same_channel_twice() -> None:
    """A type and channel that stand twice: the last one counts, with a warning."""
    output = FLAT.decode(bytes.fromhex("0167 0110 0167 0111"))

    assert output.data == {"temperature_1": 27.3}
    assert output.warnings == ("temperature on channel 1 stands again at byte 4: the last one counts",)


@pytest.mark.parametrize(
    ("payload", "message", "offset"),
    [
        ("0167", "temperature on channel 1 needs 2 bytes, 0 left", 2),
        ("0367 0110 0288 000000", "gps on channel 2 needs 9 bytes, 3 left", 6),
        ("0768", "relative_humidity on channel 7 needs 1 byte, 0 left", 2),
    ],
)
def test_cut_short(payload: str, message: str, offset: int) -> None:
    """A value that is cut short is an error that names type and channel, and where the value begins."""
    with pytest.raises(DecodeError, match=f"^{message}$") as caught:
        FLAT.decode(bytes.fromhex(payload))

    assert caught.value.offset == offset


def test_columns() -> None:
    """Payloads that divide alike become columns under dotted paths, whatever stands between them."""
    place, heat = bytes.fromhex("0188 06765f f2960a 0003e8"), bytes.fromhex("0367 0110")
    batch = NESTED.decode_batch([place, heat, b"\x01\x67"] * 8, [None] * 24)

    heats, places = batch.groups
    assert heats.positions.tolist() == list(range(1, 24, 3))
    assert list(heats.columns) == ["temperatureSensor.3"]
    assert places.positions.tolist() == list(range(0, 24, 3))
    assert list(places.columns) == [f"gpsLocation.1.{name}" for name in ("latitude", "longitude", "altitude")]
    assert places.columns["gpsLocation.1.longitude"].tolist() == [-87.9094] * 8
    assert sorted(batch.errors) == list(range(2, 24, 3))
    assert not batch.outputs


def test_kinds_of_columns() -> None:
    """A number with a scale is a column of floats, one without a column of integers."""
    (group,) = FLAT.decode_batch([bytes.fromhex("0167 0110 0266 01")] * 8, [1] * 8).groups

    assert [column.dtype for column in group.columns.values()] == [np.float64, np.int64]


ENTRIES = st.sampled_from(sorted(TYPES)).flatmap(
    lambda code: st.tuples(
        st.integers(0, 2).map(lambda channel: bytes((channel, code))),
        st.binary(min_size=TYPES[code].size, max_size=TYPES[code].size),
    )
)
PAYLOADS = st.lists(ENTRIES, max_size=3).map(lambda entries: b"".join(map(b"".join, entries)))


@given(data=st.data(), style=st.sampled_from([FLAT, NESTED]))
def test_batch_is_one_by_one(data: st.DataObject, style: Format) -> None:
    """Many payloads of few kinds, with other values, cut ends and garbage among them, say what they say one by one."""
    kinds = data.draw(st.lists(PAYLOADS, min_size=1, max_size=3))
    payloads = []
    for kind in data.draw(st.lists(st.sampled_from(kinds), min_size=10, max_size=40)):
        content = bytearray(kind)
        if content and data.draw(st.integers(0, 4)) == 0:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        payloads.append(bytes(content[: data.draw(st.sampled_from([len(content), len(content), len(content) - 1]))]))

    found = style.decode_batch(payloads, [None] * len(payloads)).rows()

    for payload, one in zip(payloads, found, strict=True):
        try:
            assert one == formats()["cayenne"].make({"keys": "flat" if style is FLAT else "nested"}).decode(payload)
        except DecodeError as error:
            assert isinstance(one, DecodeError)
            assert (str(one), one.offset) == (str(error), error.offset)


def test_garbage_is_forgotten() -> None:
    """However many kinds of payloads come, what is known of each is right, and old ones are forgotten."""
    payloads = [bytes((channel, 0x67, 0, channel)) for channel in range(256)]

    for _ in range(2):
        assert [FLAT.decode(payload).data for payload in payloads] == [{f"temperature_{n}": n / 10} for n in range(256)]
    rows = FLAT.decode_batch(payloads, [1] * 256).rows()
    assert rows == [Output({f"temperature_{n}": n / 10}) for n in range(256)]


def test_long_payloads() -> None:
    """A payload longer than any radio takes is read too, alone and in a batch."""
    payload = b"".join(bytes((channel, 0x66, channel % 2)) for channel in range(256))
    expected = Output({f"presence_{channel}": channel % 2 for channel in range(256)})

    assert FLAT.decode(payload) == expected
    assert FLAT.decode_batch([payload] * 9, [1] * 9).rows() == [expected] * 9


@given(payload=PAYLOADS)
def test_written_again(payload: bytes) -> None:
    """What was read is written as it was, if nothing stood twice."""
    output = FLAT.decode(payload)

    if not output.warnings:
        assert FLAT.encode(output.data) == payload
    assert FLAT.decode(FLAT.encode(output.data)).data == output.data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"temperature_1": 4000}, "temperature_1: does not fit, it goes from -3276.8 to 3276.7"),
        ({"relative_humidity_1": -0.5}, "relative_humidity_1: does not fit, it goes from 0 to 127.5"),
        ({"temperature_1": 1e308}, "does not fit"),
        ({"temperature_1": float("inf")}, "does not fit"),
        ({"temperature_1": float("nan")}, "nan is not a number"),
        ({"temperature_1": "warm"}, "temperature_1: 'warm' is not a number"),
        ({"temperature_1": None}, "temperature_1: None is not a number"),
        ({"temperature_256": 1}, "temperature_256: a channel is a number from 0 to 255"),
        ({"temperature": 1}, "temperature: no type of Cayenne LPP has that name"),
        ({"warmth_1": 1}, "warmth_1: no type of Cayenne LPP has that name"),
        ({"gps_1": {"latitude": 1}}, "gps_1: an object is needed, of latitude, longitude, altitude"),
        ({"gps_1": 7}, "gps_1: an object is needed"),
        ({"gps_1": {"latitude": 900, "longitude": 0, "altitude": 0}}, "gps_1.latitude: does not fit"),
    ],
)
def test_not_written(data: Mapping[str, object], message: str) -> None:
    """What does not fit is refused in words that name the key and say what would fit."""
    with pytest.raises(EncodeError, match=message):
        FLAT.encode(data)


def test_nested_not_written() -> None:
    """In ChirpStack's style a type holds channels."""
    with pytest.raises(EncodeError, match="temperatureSensor: an object is needed, of channels and values"):
        NESTED.encode({"temperatureSensor": 5})
    with pytest.raises(EncodeError, match="temperatureSensor\\.x: a channel is a number"):
        NESTED.encode({"temperatureSensor": {"x": 5}})


def test_rounding() -> None:
    """Writing rounds to the nearest raw value, and takes true and false as 1 and 0."""
    assert FLAT.encode({"temperature_1": 27.16, "presence_2": True}) == bytes.fromhex("0167 0110 0266 01")


def test_style() -> None:
    """There are two styles of keys, and no other."""
    with pytest.raises(ConfigError, match="keys = 'deep' is not understood: use flat or nested"):
        formats()["cayenne"].make({"keys": "deep"})
