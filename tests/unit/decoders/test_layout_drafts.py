"""First device files with a layout: each reads, its examples hold, and it says what its source says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.device import Definition
from decoders.device_lines import About
from decoders.drafts import Draft
from decoders.layout_drafts import blank, by_name, of_grammar
from model.errors import ConfigError

ABOUT = About(title="Lab probe", french="Sonde du labo", vendor="Lab", model="Probe", source="the lab", domain="waste")
SIGFOX = About(title="Lab bin", vendor="Lab", model="Bin", source="the lab", networks=("sigfox",))


def definition(text: str) -> Definition:
    """Return the device type, whose examples hold."""
    found = Definition.read("lab_probe", text)
    assert found.check() == ()
    return found


def of(grammar: str, *payloads: str) -> Draft:
    """Return the draft of a grammar that a layout can say."""
    made = of_grammar(SIGFOX, grammar, [bytes.fromhex(payload) for payload in payloads])
    assert made is not None
    return made


@pytest.mark.parametrize("networks", [("lorawan",), ("sigfox",), ("lorawan", "sigfox")])
def test_a_layout_to_begin_with_is_a_device_as_it_stands(networks: tuple[str, ...]) -> None:
    """It reads, decodes and fails where it says so; only a device on LoRaWAN has a port."""
    found = definition(blank(About(title="Probe", vendor="Lab", model="Probe", source="x", networks=networks)))
    assert [example.error is None for example in found.examples] == [True, True, False]
    assert found.frames[0].f_ports == ((1,) if "lorawan" in networks else ())
    assert found.type.networks == networks


def test_what_is_told_of_the_device_is_what_the_file_says() -> None:
    """Titles, maker, model, domain, period and source stand in the file, and nothing says that it was guessed."""
    text = blank(About(title="A", french="B", vendor="C", model="D", source="E", domain="waste", period="5 min"))
    told = definition(text).type
    assert (told.title.en, told.title.fr, told.vendor, told.model) == ("A", "B", "C", "D")
    assert (told.domain, told.period.total_seconds(), told.source) == ("waste", 300, "E")
    assert "guessed" not in text
    assert "translated" not in text


def test_a_board_by_name_has_fields_and_no_frames() -> None:
    """Its topic stands in a remark."""
    text = by_name("lab_board", About(title="A", vendor="C", model="D", source="E", networks=("native",)))
    assert Definition.read("lab_board", text).frames == ()
    assert "penfeld/v1/lab_board/" in text


def test_a_grammar_becomes_a_layout_with_fields_named_by_their_units() -> None:
    """Names tell quantities, marked as guessed; units in names are converted; what nothing is known of is a state."""
    made = of("temperature::int:16:/10 battery_mv::uint:16 open:4:bool:7 foo:5:uint:8", "00d70e1080ff")
    found = definition(made.text)

    assert {field.name: field.quantity for field in found.type.fields} == {
        "temperature_c": "temperature",
        "battery_v": "voltage",
        "open": "state",
        "foo": "state",
    }
    assert found.examples[0].records[0].values == {"temperature_c": 21.5, "battery_v": 3.6, "open": True, "foo": 255}
    assert "[field.temperature_c]  # guessed" in made.text
    assert "[field.open]\n" in made.text
    assert [one.path for one in made.fields] == ["temperature", "battery_mv", "open", "foo"]


def test_payloads_become_examples_and_one_is_cut_short() -> None:
    """Given payloads are examples with what they mean or why they fail; without any there is one to be replaced."""
    given_ = definition(of("t::uint:8 x::uint:8", "0102", "01").text)
    invented = definition(of("t::uint:8 x::uint:8").text)
    assert [(one.name, one.payload.hex(), one.error is None) for one in given_.examples] == [
        ("payload 1", "0102", True),
        ("payload 2", "01", False),
        ("cut short", "01", False),
    ]
    assert invented.examples[0].name.startswith("all zero: put a payload here")


@pytest.mark.parametrize(
    ("grammar", "names"),
    [
        ("time::uint:32 when::uint:8", ["time_value", "when_value"]),
        ("temp::int:8 Temp2::int:8 temperature::int:8", ["temperature_c", "temperature_2_c", "temperature_3_c"]),
        ("mass_kg::char:3", ["mass_kg_value"]),
        ("a_c::uint:8", ["a_c_value"]),
        ("temp_f::uint:8", ["temperature_c"]),
    ],
)
def test_names_are_such_as_a_file_takes(grammar: str, names: list[str]) -> None:
    """Words of the language, endings of units and names that are there already are got out of the way."""
    assert [field.name for field in definition(of(grammar).text).type.fields] == names


def test_a_grammar_that_no_layout_says_has_none() -> None:
    """A float that does not begin on a byte cannot be said; what is no grammar is told as such."""
    assert of_grammar(SIGFOX, "a::float:32:big-endian:3", []) is None
    with pytest.raises(ConfigError, match="grammar: "):
        of_grammar(SIGFOX, "a::b", [])


def test_a_field_beyond_any_payload_leaves_an_example_that_fails() -> None:
    """Where no payload of zeros is long enough, the file says so, and can be read all the same."""
    [example] = definition(of("a:300:uint:8").text).examples
    assert (example.payload, example.error) == (b"", "_ needs 300 bytes, 0 left")


words = st.sampled_from(
    ["temperature", "humi", "bat_mV", "pressure", "open", "lat", "x", "count", "Time", "flags", "Δt"]
)
types = st.sampled_from(
    ["uint:8", "int:16", "uint:16:little-endian", "float:32", "char:3", "uint:16::/100", "int:8:-40"]
)


@given(st.lists(st.tuples(words, types), min_size=1, max_size=8), st.binary(max_size=12))
def test_any_grammar_gives_a_device_file(fields: list[tuple[str, str]], payload: bytes) -> None:
    """Whatever names and types stand in a grammar: the file reads, and its examples hold."""
    grammar = " ".join(f"{name}{number}::{kind}" for number, (name, kind) in enumerate(fields))
    try:
        made = of_grammar(SIGFOX, grammar, [payload])
    except ConfigError:
        return
    assert made is None or len(definition(made.text).type.fields) == len(fields)
