"""SenML in JSON and CBOR: base values, units, times, sums, names, what is refused, and writing."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.formats import _cbor, formats
from decoders.formats._senml import LABELS
from decoders.output import Output
from model.errors import ConfigError, DecodeError, EncodeError

FULL = formats()["senml"].make({})
SHORT = formats()["senml"].make({"names": "short"})
BINARY = formats()["senml"].make({"encoding": "cbor"})
NOON = 1_777_896_000


def read(*records: Mapping[str, object]) -> Output:
    """Return what a pack says; in CBOR it says the same."""
    output = FULL.decode(json.dumps(records).encode())
    codes = {label: code for code, label in LABELS.items()}
    binary = _cbor.write([{codes.get(label, label): value for label, value in record.items()} for record in records])
    assert FULL.decode(binary) == output
    return output


def test_single() -> None:
    """One record is a name with its value; the unit stands under ``_units``."""
    assert read({"n": "urn:dev:a:temp", "u": "Cel", "v": 23.1}) == Output(
        {"urn:dev:a:temp": 23.1, "_units": {"urn:dev:a:temp": "Cel"}}
    )


def test_kinds_of_values() -> None:
    """Numbers, texts and truth values are what they are."""
    output = read({"bn": "a:", "n": "t", "v": 2}, {"n": "label", "vs": "Room"}, {"n": "open", "vb": False})

    assert output.data == {"a:t": 2, "a:label": "Room", "a:open": False}


def test_data_values() -> None:
    """Bytes are hex digits, from JSON's base64 in the URL-safe alphabet and from CBOR's bytes."""
    assert FULL.decode(b'[{"n":"a","vd":"aGkgCg"},{"n":"b","vd":"-_8="}]').data == {"a": "6869200a", "b": "fbff"}
    assert FULL.decode(bytes.fromhex("81 a2 00 6161 08 42 fbff")).data == {"a": "fbff"}


def test_bases() -> None:
    """Base values count for their record and those behind, until others come; a record's own unit goes before."""
    output = read(
        {"bn": "a:", "bt": NOON, "bu": "Cel", "bv": 20, "n": "x", "v": 1},
        {"n": "y", "u": "%RH", "v": -2.5},
        {"n": "z"},
        {"bn": "b:"},
        {"bv": 0, "n": "x", "v": 7},
    )

    assert output.data == {
        "a:x": 21,
        "a:y": 17.5,
        "a:z": 20,
        "b:x": 7,
        "time": NOON,
        "_units": {"a:x": "Cel", "a:y": "%RH", "a:z": "Cel", "b:x": "Cel"},
    }


def test_several_times() -> None:
    """Of several times each has an object, the oldest first; the whole has the newest value of each name."""
    output = read(
        {"bn": "a:", "bt": NOON, "n": "t", "v": 20.5},
        {"n": "t", "t": -120, "v": 20.1},
        {"n": "t", "t": -60, "v": 20.3},
        {"n": "battery", "t": -60, "v": 98},
    )

    assert output.data == {
        "a:t": 20.5,
        "a:battery": 98,
        "time": NOON,
        "records": [
            {"a:t": 20.1, "time": NOON - 120},
            {"a:t": 20.3, "a:battery": 98, "time": NOON - 60},
            {"a:t": 20.5, "time": NOON},
        ],
    }


def test_always_records() -> None:
    """With ``records = "always"`` all values stand in records, also those of a single time, or of none."""
    always = formats()["senml"].make({"records": "always"})

    assert always.decode(b'[{"n":"t","u":"Cel","v":1}]').data == {"records": [{"t": 1}], "_units": {"t": "Cel"}}
    assert always.decode(b'[{"n":"t","t":-5,"v":1},{"n":"t","v":2}]').data == {
        "records": [{"t": 1, "time": -5}, {"t": 2}],
    }
    assert always.decode(b"[]").data == {"records": []}
    assert always.decode(always.encode({"records": [{"t": 1}]})).data == {"records": [{"t": 1}]}


def test_relative_times() -> None:
    """Times below 2**28 are relative to now, which the pack does not know: they stay as they are, and now has none."""
    output = read({"n": "t", "t": -5, "v": 1}, {"n": "t", "t": -2.5, "v": 2}, {"n": "t", "v": 3})

    assert output.data == {
        "t": 3,
        "records": [{"t": 1, "time": -5}, {"t": 2, "time": -2.5}, {"t": 3}],
    }
    assert read({"n": "t", "t": -5, "v": 1}).data == {"t": 1, "time": -5}


def test_relative_is_newer() -> None:
    """What is relative to now is newer than what is absolute."""
    records = read({"n": "t", "t": -5, "v": 1}, {"n": "t", "t": NOON, "v": 2}).data

    assert records["t"] == 1
    assert records["records"] == [{"t": 2, "time": NOON}, {"t": 1, "time": -5}]


def test_several_units() -> None:
    """A name with several units holds a value of each, at each time."""
    output = read(
        {"bn": "urn:dev:a", "bt": NOON, "bu": "%RH", "v": 20},
        {"u": "lon", "v": 24.3},
        {"u": "%EL", "t": 60, "v": 98},
        {"bu": "", "v": 5},
    )

    assert output.data == {
        "urn:dev:a": {"%RH": 20, "lon": 24.3, "%EL": 98, "value": 5},
        "time": NOON + 60,
        "records": [
            {"urn:dev:a": {"%RH": 20, "lon": 24.3, "value": 5}, "time": NOON},
            {"urn:dev:a": {"%EL": 98}, "time": NOON + 60},
        ],
    }


def test_sums() -> None:
    """Sums stand beside values, with their base; a record may have nothing else."""
    output = read({"bs": 1000, "n": "a", "v": 5, "s": 20}, {"n": "b", "s": -1}, {"n": "c", "v": 1})

    assert output.data == {"a": 5, "c": 1, "_sums": {"a": 1020, "b": 999, "c": 1000}}


def test_repeats() -> None:
    """A name that stands twice for one time: the last one counts, with a warning."""
    assert read({"n": "a", "v": 1}, {"n": "a", "v": 2}) == Output(
        {"a": 2}, ("'a' stands twice for one time: the last one counts",)
    )


def test_names_of_our_own() -> None:
    """Sensors called ``time`` and ``records`` do not stand in the way of what has these names here."""
    assert read({"n": "time", "t": NOON, "v": 1}, {"n": "records", "t": NOON, "v": 2}).data == {
        "_time": 1,
        "_records": 2,
        "time": NOON,
    }


def test_null() -> None:
    """A number that cannot be kept is null, with the warning of its encoding."""
    output = FULL.decode(b'[{"n":"a","u":"W","v":NaN},{"n":"b","bv":4,"v":null}]')

    assert output.data == {"a": None, "b": None, "_units": {"a": "W"}}
    assert output.warnings == ("0.v: NaN, infinite, or an integer of more than 64 bits with sign: null",)


def test_decimal_fractions() -> None:
    """In CBOR numbers may be decimal fractions."""
    assert FULL.decode(bytes.fromhex("81 a2 00 6161 02 c48221196ab3")).data == {"a": 273.15}


def test_short_names() -> None:
    """Short names leave the base name and separators out; a record that has the base name only is ``value``."""
    pack = [{"bn": "urn:dev:a", "n": ":t", "v": 1}, {"n": "/3/0", "v": 2}, {"v": 3}, {"n": "_x", "v": 4}]

    assert SHORT.decode(json.dumps(pack).encode()).data == {"t": 1, "3/0": 2, "value": 3, "x": 4}


def test_short_names_twice() -> None:
    """Where short names would be the same, all names stay whole."""
    pack = [{"bn": "a:", "n": "t", "v": 1}, {"n": "u", "v": 2}, {"bn": "b:", "n": "t", "v": 3}]
    output = SHORT.decode(json.dumps(pack).encode())

    assert output == Output({"a:t": 1, "a:u": 2, "b:t": 3}, ("several sensors are called 't': names stay whole",))


def test_passed_over() -> None:
    """Update times and fields that nobody knows are passed over; an empty pack says nothing; blanks may come first."""
    assert read({"n": "a", "v": 1, "ut": 60, "bver": 10, "colour": "red"}).data == {"a": 1}
    assert read({"n": "a", "v": 1, "bver": 26}).data == {"a": 1}
    assert read() == FULL.decode(b" \n[]\0") == Output({})


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{"n": "a"}], "record 1: 'a' has no value"),
        ([{"n": "a", "v": 1}, {"n": "b", "t": 5}], "record 2: 'b' has no value"),
        ([{"v": 1}], "record 1: '' is no name: letters, digits and -:./_"),
        ([{"n": "_a", "v": 1}], "'_a' is no name"),
        ([{"n": "a b", "v": 1}], "'a b' is no name"),
        ([{"n": "a", "v": 1, "vs": "x"}], "record 1: v and vs cannot stand together"),
        ([{"n": 5, "v": 1}], "record 1: 'n' must be a text"),
        ([{"n": "a", "v": "1"}], "record 1: 'v' must be a number"),
        ([{"n": "a", "v": True}], "record 1: 'v' must be a number"),
        ([{"n": "a", "vb": 1}], "record 1: 'vb' must be true or false"),
        ([{"n": "a", "v": 1, "t": "now"}], "record 1: 't' must be a number"),
        ([{"n": "a", "v": 1, "bt": None}], "record 1: 'bt' must be a number"),
        ([{"n": "a", "v": 1e308, "bv": 1e308}], "record 1: 'v' and its base are too large together"),
        ([{"n": "a", "v": 2**62, "bv": 2**62}], "record 1: 'v' and its base are too large together"),
        ([{"n": "a", "v": 1, "bver": 11}], "record 1: version 11 of SenML is not understood"),
        ([{"n": "a", "v": 1, "bver": 0}], "version 0 of SenML"),
        ([{"n": "a", "v": 1, "colour_": 1}], "record 1: 'colour_' must be understood, and is not known"),
        (["a"], "record 1 is no object"),
    ],
)
def test_refused(records: list[object], message: str) -> None:
    """A pack that is wrong is refused, and the record named."""
    with pytest.raises(DecodeError, match=message):
        FULL.decode(json.dumps(records).encode())


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b'{"n":"a","v":1}', "a SenML pack is needed: a list of records"),
        (bytes.fromhex("a1006161"), "a SenML pack is needed: a list of records"),
        (bytes.fromhex("81a3006161 616e6162 0201"), "record 1: a label stands twice, as an integer and as a text"),
        (b'[{"n":"a","vd":"a"}]', "record 1: 'vd' is not base64"),
        ('[{"n":"a","vd":"é"}]'.encode(), "record 1: 'vd' is not base64"),
        (b"[", "not JSON"),
        (b"", "the payload ends too early"),
        (b"\xff", "a break where an item is needed"),
    ],
)
def test_no_pack(payload: bytes, message: str) -> None:
    """What is no pack at all is refused in the words of its encoding."""
    with pytest.raises(DecodeError, match=message):
        FULL.decode(payload)


SENSORS = st.sampled_from(["t", "urn:dev:a:x", "time", "records", "3/0"]).map(
    lambda name: f"_{name}" if name in {"time", "records"} else name
)
VALUES = st.integers(-(2**60), 2**60) | st.floats(-1e9, 1e9) | st.booleans() | st.sampled_from(["", "Room"])
MOMENTS = st.dictionaries(SENSORS, VALUES, min_size=1, max_size=3)


@given(moment=MOMENTS, time=st.none() | st.integers(1, 2**40) | st.floats(-1e6, -1), data=st.data())
def test_written_again(moment: dict[str, object], time: float | None, data: st.DataObject) -> None:
    """What is written is read again, in JSON and in CBOR."""
    values = dict(moment)
    units = data.draw(st.dictionaries(st.sampled_from(sorted(moment)), st.sampled_from(["Cel", "W"]), min_size=1))
    sums = data.draw(st.dictionaries(SENSORS, st.integers(0, 1000)))
    values["_units"] = units
    if sums:
        values["_sums"] = sums
    if time is not None:
        values["time"] = time

    assert FULL.decode(FULL.encode(values)).data == values
    assert FULL.decode(BINARY.encode(values)).data == values


@given(moments=st.lists(MOMENTS, min_size=2, max_size=4))
def test_records_are_written_again(moments: list[dict[str, object]]) -> None:
    """Objects of several times are written with their times, and read again."""
    records = [{**moment, "time": NOON + 60 * number} for number, moment in enumerate(moments)]
    newest = {key: value for record in records for key, value in record.items()}

    assert FULL.decode(FULL.encode({**newest, "records": records})).data == {**newest, "records": records}
    assert FULL.decode(BINARY.encode({"records": records})).data == {**newest, "records": records}


def test_written() -> None:
    """Values have the labels of their kinds, units come from ``_units`` or a value's own object, nulls are left out."""
    data = {"t": 21.5, "on": True, "x": None, "p": {"lon": 2.3, "value": 1}, "_units": {"t": "Cel"}, "time": -5}

    assert json.loads(FULL.encode(data)) == [
        {"n": "t", "u": "Cel", "v": 21.5, "t": -5},
        {"n": "on", "vb": True, "t": -5},
        {"n": "p", "u": "lon", "v": 2.3, "t": -5},
        {"n": "p", "v": 1, "t": -5},
    ]
    assert BINARY.encode({"t": 1}) == bytes.fromhex("81 a2 00 6174 02 01")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a b": 1}, "'a b' is no name"),
        ({"a": [1]}, r"a: \[1\] is no value of SenML"),
        ({"a": float("nan")}, "NaN"),
        ({"records": 5}, "records: a list of objects is needed"),
        ({"records": [5]}, "records: a list of objects is needed"),
        ({"_units": 5}, "_units: an object is needed"),
        ({"_sums": {"a": "x"}}, "_sums.a: 'x' is not a number"),
        ({"a": 1, "time": "now"}, "time: 'now' is not a number"),
    ],
)
def test_not_written(data: Mapping[str, object], message: str) -> None:
    """What SenML cannot say is refused in words."""
    with pytest.raises(EncodeError, match=message):
        FULL.encode(data)


def test_options() -> None:
    """Every wrong value of an option is told at once."""
    with pytest.raises(ConfigError) as caught:
        formats()["senml"].make({"names": "long", "encoding": "xml"})

    assert caught.value.problems == (
        "names = 'long' is not understood: use full or short",
        "encoding = 'xml' is not understood: use json or cbor",
    )
