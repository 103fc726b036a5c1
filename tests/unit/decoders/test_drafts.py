"""A first device file, written from what a codec said: it can be used as it stands, and its examples hold."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.device_file import read_file
from decoders.drafts import About, Draft, Said, draft, file_name, names_element
from decoders.output import Output

ABOUT = About(
    title="Lab probe",
    vendor="lab",
    model="probe",
    source="lab: probe.js",
    codec={"script": "lab_probe.js"},
)


def drafted(*outputs: Mapping[str, object], warnings: tuple[str, ...] = ()) -> Draft:
    """Return the draft for a codec that said this."""
    said = [Said(f"said {i}", bytes([i]), 1, Output(one, warnings)) for i, one in enumerate(outputs)]
    return draft("lab_probe", ABOUT, [one.output for one in said], said)


def fields_of(made: Draft) -> dict[str, str]:
    """Return the fields of a draft with their paths."""
    table = tomllib.loads(made.text)
    return {name: entry["path"] for name, entry in table.get("field", {}).items()}


def test_a_draft_is_a_device_file_as_it_stands() -> None:
    """Fields have path, kind, quantity, unit and titles; the file reads without a problem."""
    made = drafted({"soil": {"temperature": 12.5}, "battery_mV": 3600, "leak": True, "serial": "00A1"})
    file = read_file("lab_probe", made.text)

    assert [(one.name, one.kind, one.quantity) for one in file.type.fields] == [
        ("soil_temperature_c", "float", "temperature"),
        ("battery_v", "float", "voltage"),
        ("leak", "bool", "state"),
    ]
    assert file.codec is not None
    assert file.codec.script == "lab_probe.js"
    assert file.type.vendor == "lab"
    assert file.type.domain == "environment"


def test_examples_say_what_the_fields_make_of_the_output() -> None:
    """An example's values are in the units of the fields, so that it holds when the codec says the same again."""
    [example] = read_file("lab_probe", drafted({"battery_mV": 3600, "door": "open"}, warnings=("old",)).text).examples
    assert (example.payload, example.f_port, example.warnings) == (b"\x00", 1, ("old",))
    assert example.records[0].values == {"battery_v": 3.6, "door": "open"}


def test_an_example_that_says_nothing_new_is_left_out() -> None:
    """Examples are few: each says a field that those before it do not."""
    made = drafted({"temperature": 1.5}, {"temperature": 2.5}, {"humidity": 40.0}, {"nonsense": 1})
    assert [one.name for one in read_file("lab_probe", made.text).examples] == ["said 0", "said 2"]


def test_what_cannot_be_placed_stands_in_remarks() -> None:
    """A path that no field takes is told with values, and none of them is lost."""
    made = drafted({"energy": 900, "x": [1, 2], "temperature": 1.0}, {"energy": 901})
    assert list(made.unplaced) == ["energy", "x.0", "x.1"]
    assert "#   energy: 900, 901" in made.text
    assert "#   x.0: 1" in made.text


def test_what_was_guessed_says_so() -> None:
    """A unit that only values tell is marked; one that is told is not."""
    text = drafted({"battery": 3600, "temperature": 20.0}).text
    assert "[field.battery_v]  # guessed" in text
    assert "[field.temperature_c]\n" in text


def test_a_value_that_is_said_twice_is_one_field() -> None:
    """The same value under two paths is taken where it is said plainest; different ones get names that differ."""
    samples = [{"variable": "temperature", "value": 21.5, "unit": "Cel"}]
    assert fields_of(drafted({"samples": samples, "temperature": 21.5})) == {"temperature_c": "temperature"}
    assert fields_of(drafted({"a": [{"temperature": 1.0}], "temperature": 2.0})) == {
        "a_temperature_c": "a.*.temperature",
        "temperature_c": "temperature",
    }
    assert fields_of(drafted({"data": {"temperature": 1.0}, "temperature": 2.0})) == {
        "temperature_c": "data.temperature",
        "temperature_2_c": "temperature",
    }


@pytest.mark.parametrize(
    "output",
    [
        {"energy": {"value": 900, "unit": "Wh"}},
        {"energy": 900, "energy_unit": "Wh"},
        {"samples": [{"variable": "energy", "value": 900, "unit": "Wh"}]},
    ],
)
def test_a_unit_that_is_said_beside_the_value_is_taken(output: Mapping[str, object]) -> None:
    """Units that codecs say beside a value, in any of their ways, become the unit of the field."""
    made = drafted(output)
    assert [(one.name, one.unit) for one in made.fields] == [("energy_kwh", "W.h")]
    assert "energy_kwh = 0.9" in made.text


def test_times_are_offered_and_not_taken() -> None:
    """Whether a device's clock is to be trusted nobody can guess: its path stands in a remark."""
    text = drafted({"temperature": 1.5, "measured_at": "2026-05-04T06:12:09Z"}).text
    assert '# time = "measured_at"' in text
    assert "time" not in tomllib.loads(text)["codec"]


@pytest.mark.parametrize(
    ("output", "domain"),
    [
        ({"dimming": 80}, "lighting"),
        ({"latitude": 48.39, "longitude": -4.49}, "tracking"),
        ({"activeEnergy_kWh": 17.5}, "energy"),
        ({"volume_m3": 17.5}, "water"),
        ({"fillLevel": 40}, "waste"),
        ({"parkingOccupied": True}, "parking"),
        ({"battery": 3.6, "temperature": 9.5}, "environment"),
    ],
)
def test_fields_tell_the_domain(output: Mapping[str, object], domain: str) -> None:
    """What a device measures tells where in a city it belongs, until somebody says otherwise."""
    assert tomllib.loads(drafted(output).text)["domain"] == domain


def test_a_codec_that_said_nothing_is_a_device_without_fields() -> None:
    """Without examples there is a device file to go on with: it reads, and has no field yet."""
    assert read_file("lab_probe", drafted().text).type.fields == ()


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("Lab", "Probe 2"), "lab_probe_2"),
        (("milesight-iot", "em300-th"), "milesight_iot_em300_th"),
        (("milesight", "milesight-em300"), "milesight_em300"),
        (("watteco", "atm'o"), "watteco_atmo"),
        (("", "9-volt"), "codec_9_volt"),
        (("", "…"), "codec"),
        (("a" * 80, "b"), "a" * 55),
    ],
)
def test_a_codecs_name_becomes_that_of_a_file(words: tuple[str, ...], name: str) -> None:
    """Vendor and model become lower-case words, however they are written."""
    assert file_name(*words) == name


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(min_size=1), inner, max_size=3)),
)
names = st.one_of(st.sampled_from(["temperature", "Bat_mV", "open", "value", "unit", "time"]), st.text(min_size=1))


@given(st.lists(st.dictionaries(names, values, max_size=5), max_size=3), st.text())
def test_any_output_gives_a_device_file(outputs: list[dict[str, object]], title: str) -> None:
    """Whatever a codec says, under whatever names: the draft reads, and is what it says it is."""
    said = [Said(title, bytes([i]), None, Output(one, (title,))) for i, one in enumerate(outputs)]
    made = draft("lab_probe", ABOUT, [one.output for one in said], said)
    assert [one.name for one in read_file("lab_probe", made.text).type.fields] == [one.name for one in made.fields]


def test_a_payload_that_the_codec_refused_is_an_example_that_fails() -> None:
    """Its message is what the example promises; and what it gave no object for proposes no field."""
    said = [
        Said("good", b"\x01", 1, Output({"temperature": 1.5})),
        Said("bad", b"", 1, Output({}), "1 byte is needed"),
        Said("nothing of ours", b"\x02", 1, Output({"x": "y"})),
        Said("good", b"\x03", 1, Output({"temperature": 2.5})),
    ]
    made = draft("lab_probe", ABOUT, [said[0].output], said, every=True)
    examples = read_file("lab_probe", made.text).examples

    assert [(one.name, one.error, len(one.records)) for one in examples] == [
        ("good", None, 1),
        ("bad", "1 byte is needed", 0),
        ("nothing of ours", None, 0),
        ("good (4)", None, 1),
    ]


def test_what_is_told_of_the_device_is_not_guessed() -> None:
    """French title, domain and period stand as they were told; the rest of the file is the same."""
    about = About(title="A", french="B", vendor="C", model="D", source="E", domain="waste", period="5 min")
    text = draft("lab_probe", replace(about, codec={"format": "cayenne"}), [Output({"temperature": 1.5})]).text
    told = read_file("lab_probe", text).type
    assert (told.title.fr, told.domain, told.period.total_seconds()) == ("B", "waste", 300)
    assert "guessed:" not in text
    assert "licence" not in text  # a format has no maker


def test_ranges_are_written_where_the_quantity_has_two_ends() -> None:
    """Shares have theirs; of others a remark asks for it; states and texts have none."""
    text = drafted({"humidity": 40.0, "temperature": 1.5, "door": "open"}).text
    ranges = {one.name: (one.minimum, one.maximum) for one in read_file("lab_probe", text).type.fields}
    assert ranges == {"humidity_percent": (0.0, 100.0), "temperature_c": (None, None), "door": (None, None)}
    assert text.count("# range = [lowest, highest]  # plausible, in Cel") == 1


def test_what_names_an_element_is_no_value_of_its_own() -> None:
    """The key by which a path finds an element of a list needs no field, and is not listed."""
    made = drafted({"samples": [{"variable": "x", "value": 1}]})
    assert list(made.unplaced) == ["samples.variable=x.value"]
    assert names_element("samples.variable=x.variable")
    assert not names_element("variable")
