"""What a codec says, by names of its own, becomes fields; what no field takes is not lost."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.codec_batch import by_columns, by_rows
from decoders.formats import OutputBatch, OutputGroup
from decoders.layout_shape import Record
from decoders.mapping import MOST_RESTS, FieldMap, Mapped, Place, path_of, steps
from decoders.output import Output
from model.device import Kind
from model.errors import DecodeError, EncodeError
from model.instants import microseconds, moment
from model.value import Value

TEMPERATURE = Place("temperature_c", Kind.FLOAT, "temp")


def mapped(data: dict[str, object], *places: Place, times: tuple[str, ...] = ()) -> Mapped:
    return FieldMap(places, times).read(Output(data))


def values(data: dict[str, object], *places: Place) -> dict[str, Value]:
    """Return the one record's values."""
    [record] = mapped(data, *places).records
    return record.values


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("temp", {"temp": 21.5}),
        ("a.b.temp", {"a": {"b": {"temp": 21.5}}}),
        ("list.1", {"list": [0, 21.5]}),
        ("list.0.t", {"list": [{"t": 21.5}]}),
        (r"T\. ext", {"T. ext": 21.5}),
        ("Temperature (°C)", {"Temperature (°C)": 21.5}),
        ("m.name=temp.v", {"m": [{"name": "co2", "v": 1}, {"name": "temp", "v": 21.5}]}),
        ("l.on=true.t", {"l": [{"on": False, "t": 1}, {"t": 2}, {"on": True, "t": 21.5}]}),
        ("data.channel=3.v", {"data": [{"channel": 3, "v": 21.5}]}),
        ("7", {"7": 21.5}),
    ],
)  # fmt: skip
def test_a_path_leads_to_its_value(path: str, data: dict[str, object]) -> None:
    """Names, positions, named elements of a list, and dots within names."""
    assert values(data, Place("temperature_c", Kind.FLOAT, path)) == {"temperature_c": 21.5}


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_a_path_is_read_as_it_was_written(names: list[str]) -> None:
    """Whatever a codec calls its values, there is a path to them."""
    assert steps(path_of(names)) == tuple(names)


def test_a_path_with_an_empty_step_is_refused() -> None:
    """Two dots in a row lead nowhere, and that is said."""
    with pytest.raises(ValueError, match="empty step"):
        steps("a..b")


def test_units_become_that_of_the_quantity() -> None:
    """Millivolts become volts and degrees Fahrenheit degrees Celsius, without noise in the last digits."""
    found = values(
        {"battery": 3601, "f": 212},
        Place("battery_v", Kind.FLOAT, "battery", 0.001),
        Place("temperature_c", Kind.FLOAT, "f", 5 / 9, -160 / 9),
    )
    assert found["battery_v"] == 3.601
    assert found["temperature_c"] == pytest.approx(100)


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (Kind.FLOAT, 21, 21.0),
        (Kind.FLOAT, "21.5", 21.5),
        (Kind.FLOAT, None, None),
        (Kind.FLOAT, float("nan"), None),
        (Kind.INT, 21.0, 21),
        (Kind.INT, "21", 21),
        (Kind.INT, "9007199254740993", 9_007_199_254_740_993),
        (Kind.BOOL, True, True),
        (Kind.BOOL, 0, False),
        (Kind.BOOL, 1.0, True),
        (Kind.BOOL, "ON", True),
        (Kind.BOOL, "no", False),
        (Kind.TEXT, "open", "open"),
        (Kind.TEXT, 7, "7"),
        (Kind.TEXT, True, "true"),
        (Kind.TEXT, "a\0b\ud800", "a\ufffdb\ufffd"),
    ],
)
def test_values_become_what_their_field_is(kind: Kind, raw: object, expected: Value) -> None:
    """A value is taken as the field's kind where it can only mean one thing."""
    found = values({"x": raw}, Place("x", kind, "x"))["x"]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "raw", "said"),
    [
        (Kind.FLOAT, "hot", "'hot' is no number"),
        (Kind.FLOAT, True, "true is no number"),
        (Kind.FLOAT, {"value": 1}, "let the path go on"),
        (Kind.INT, 1.5, "no integer"),
        (Kind.FLOAT, "1_000", "no number"),
        (Kind.FLOAT, "nan", "no number"),
        (Kind.INT, 2**64, "no integer"),
        (Kind.BOOL, "ajar", "neither true nor false"),
        (Kind.TEXT, [1], "let the path go on"),
    ],
)
def test_a_value_that_does_not_fit_is_warned_of_and_kept(kind: Kind, raw: object, said: str) -> None:
    """The other fields stand; the value is among what nobody took."""
    found = mapped({"x": raw, "temp": 1}, Place("x", kind, "x"), TEMPERATURE)
    assert [record.values for record in found.records] == [{"temperature_c": 1.0}]
    assert said in found.warnings[0]
    assert any(path.split(".")[0] == "x" for path in found.rest)


def test_what_no_field_takes_is_told_by_path() -> None:
    """Unmapped values are there by the path that would map them; elements of lists by their name, or as each."""
    found = mapped(
        {
            "temp": 1,
            "hum": 40,
            "log": [{"q": 1}, {"q": 2}],
            "m": [{"name": "co2", "v": 400}],
            "raw": [7, 8],
            "T. in": 3,
        },
        TEMPERATURE,
    )
    assert found.rest == {
        "hum": 40,
        "log.*.q": 1,
        "m.name=co2.name": "co2",
        "m.name=co2.v": 400,
        "raw.0": 7,
        "raw.1": 8,
        r"T\. in": 3,
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
        max_leaves=30,
    )
)
def test_anything_a_codec_may_say_is_mapped(data: object) -> None:
    """Any JSON gives records and a rest that JSON can hold again, each path of which leads somewhere."""
    places = [TEMPERATURE, Place("x", Kind.INT, "a.*.b"), Place("y", Kind.TEXT, "0.1")]
    output = Output({"temp": data, "a": data, "rest": data})
    found = FieldMap(places, ["a.*.t", "time"]).read(output)
    json.dumps([record.values for record in found.records])
    text = json.dumps(dict(found.rest)).encode()
    assert b"\\u0000" not in text
    assert len(found.rest) <= MOST_RESTS


def test_each_element_of_a_list_is_a_record() -> None:
    """A log gives a record an element, each with its own time; what stands beside the list is a record of its own."""
    found = mapped(
        {
            "battery": 3,
            "log": [{"t": 1, "at": "2026-03-01T12:00:00Z"}, {"t": 2, "at": 1772366400000}],
            "at": 1772366400,
        },
        Place("battery_v", Kind.FLOAT, "battery"),
        Place("temperature_c", Kind.FLOAT, "log.*.t"),
        times=("at", "log.*.at"),
    )
    noon = 1_772_366_400_000_000
    assert found.records == (
        Record({"battery_v": 3.0}, noon),
        Record({"temperature_c": 1.0}, noon),
        Record({"temperature_c": 2.0}, noon),
    )
    assert (found.warnings, found.rest) == ((), {})


@pytest.mark.parametrize(
    "told",
    ["2026-03-01T12:00:00Z", "2026-03-01 13:00:00+01:00", 1772366400, "1772366400", 1772366400000, 1772366400000000],
)
def test_times_are_read_as_codecs_write_them(told: object) -> None:
    """ISO 8601 with a zone, or seconds, milliseconds, microseconds since 1970."""
    [record] = mapped({"temp": 1, "at": told}, TEMPERATURE, times=("at",)).records
    assert record.time_us is not None
    assert moment(record.time_us).isoformat() == "2026-03-01T12:00:00+00:00"
    assert microseconds(moment(record.time_us)) == record.time_us


def test_negative_times_are_ages() -> None:
    """A record of SenML 90 seconds old lies so long before its frame (RFC 8428, section 4.5.3)."""
    log = [{"t": 1, "at": -90}, {"t": 2, "at": 0}]
    found = mapped({"log": log}, Place("x_c", Kind.FLOAT, "log.*.t"), times=("log.*.at",))
    assert [(one.time_us, one.age_us) for one in found.records] == [(None, 90_000_000), (None, 0)]


@pytest.mark.parametrize("told", ["yesterday", True, [1], {}, 1e300, "1e999"])
def test_a_time_that_is_none_is_warned_of(told: object) -> None:
    """The reading stands without its own time."""
    found = mapped({"temp": 1, "at": told}, TEMPERATURE, times=("at",))
    assert [record.time_us for record in found.records] == [None]
    assert "no time" in found.warnings[0]


def test_values_are_written_where_they_are_read() -> None:
    """The object for an encoder has each value at its path, in the unit of the codec."""
    places = [Place("battery_v", Kind.FLOAT, "status.battery", 0.001), TEMPERATURE, Place("x", Kind.INT, "l.*.x")]
    mapping = FieldMap(places)
    assert mapping.written({"battery_v": 3.6, "temperature_c": 20.0}) == {"status": {"battery": 3600.0}, "temp": 20.0}
    with pytest.raises(EncodeError, match="list"):
        mapping.written({"x": 1})


numbers = st.one_of(st.integers(-(2**31), 2**31), st.floats(allow_nan=True))


@given(st.lists(st.tuples(numbers, st.booleans(), st.integers(0, 9)), min_size=1, max_size=8), st.booleans())
def test_columns_say_what_rows_say(rows: list[tuple[float, bool, int]], whole: bool) -> None:  # noqa: FBT001 -- drawn
    """A batch in columns gives the values, errors, warnings and rest that its payloads give one by one."""
    places = [
        Place("temperature_c", Kind.FLOAT, "temp", 0.1),
        Place("lit_on", Kind.BOOL, "on"),
        Place("door_count", Kind.INT, "n", *((1.0, 0.0) if whole else (2.0, 0.0))),
    ]
    mapping, kinds = FieldMap(places), {place.field: place.kind for place in places}
    columns = {
        "temp": np.array([float(row[0]) for row in rows]),
        "on": np.array([row[1] for row in rows]),
        "n": np.array([row[2] for row in rows], np.int64),
        "spare": np.array([row[2] for row in rows], np.int64),
    }
    positions = np.arange(len(rows)) * 2
    batch = OutputBatch(
        2 * len(rows),
        groups=[OutputGroup(positions, columns)],
        outputs={2 * i + 1: Output({"temp": i, "other": 1}, ("odd",)) for i in range(len(rows) - 1)},
        warnings={0: ("trailing byte",)},
        errors={2 * len(rows) - 1: DecodeError("cut short")},
    )
    one, many = by_rows(mapping, kinds, batch.rows()), by_columns(mapping, kinds, batch)
    assert one.frame.tolist() == many.frame.tolist()
    assert one.errors == many.errors
    assert one.warnings == many.warnings
    assert one.rest == many.rest
    assert set(one.columns) == set(many.columns)
    for name, column in one.columns.items():
        assert column.valid.tolist() == many.columns[name].valid.tolist(), name
        assert np.array_equal(column.values[column.valid], many.columns[name].values[column.valid]), name


def test_the_time_of_all_is_that_of_each() -> None:
    """Elements of a list without times of their own have the one beside the list."""
    found = mapped({"at": 1772366400, "log": [{"t": 1}, {"t": 2}]}, Place("x_c", Kind.FLOAT, "log.*.t"), times=("at",))
    assert [one.time_us for one in found.records] == [1_772_366_400_000_000] * 2
    assert found.rest == {}


def test_answers_without_end_cost_little() -> None:
    """Of thousands of elements the first thousand are read, and what is left is looked through only so far."""
    found = mapped({"l": [{"t": 1, "q": n} for n in range(5000)], "n": 1}, Place("x_c", Kind.FLOAT, "l.*.t"))
    assert len(found.records) == 1000
    assert "5000 elements" in found.warnings[0]


def test_warnings_can_be_stored() -> None:
    """What no database takes is replaced, and what is long is cut."""
    found = FieldMap([TEMPERATURE]).read(Output({}, ("a\0b\ud800", *["x" * 999] * 30)))
    assert found.warnings[0] == "a\ufffdb\ufffd"
    assert (len(found.warnings), len(found.warnings[1])) == (20, 300)
    assert found.rest == {}
