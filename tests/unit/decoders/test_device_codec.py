"""A device file names a maker's script or a format, and says where in their answers its fields stand."""

from pathlib import Path

import pytest

from decoders.catalogue import Catalogue
from decoders.device import Definition
from model.device import Kind
from model.errors import ConfigError, DecodeError, EncodeError

SCRIPT = "function decodeUplink(input) { return { data: { t: input.bytes[0] / 10, mv: 3000 + input.bytes[1], s: 1 } } }"
FILE = """\
title = { en = "Probe", fr = "Sonde" }
vendor = "Example"
model = "Probe 1"
domain = "environment"
networks = ["lorawan"]
period = "15 min"
source = "the maker's codec"

[codec]
script = "probe.js"

[field.temperature_c]
path = "t"
kind = "float"
quantity = "temperature"
range = [-40, 85]

[field.battery_v]
path = "mv"
unit = "mV"
kind = "float"
quantity = "voltage"

[[example]]
name = "mild"
f_port = 1
payload = "d700"
values = { temperature_c = 21.5, battery_v = 3.0 }
"""


def definition(text: str = FILE, script: str = SCRIPT) -> Definition:
    return Definition.read("probe", text, {"probe.js": script}.get)


def problems(text: str) -> str:
    with pytest.raises(ConfigError) as wrong:
        definition(text)
    return str(wrong.value)


def test_a_type_with_a_script_is_a_type_like_any_other() -> None:
    """It has fields with units, decodes a payload, and its examples hold."""
    probe = definition()
    assert [(one.name, one.kind, one.unit) for one in probe.type.fields] == [
        ("temperature_c", Kind.FLOAT, "Cel"),
        ("battery_v", Kind.FLOAT, "V"),
    ]
    assert probe.decode(b"\xd7\x05", f_port=1).records[0].values == {"temperature_c": 21.5, "battery_v": 3.005}
    assert probe.check() == ()


def test_what_a_script_says_beyond_its_fields_is_told() -> None:
    """`mapped` gives what no field takes, by path."""
    probe = definition()
    assert probe.mapped(probe.output(b"\xd7\x05", f_port=1)).rest == {"s": 1}


def test_the_version_changes_with_script_and_mapping() -> None:
    """What a payload decodes to is told by the version: another script, path or unit is another; a comment is not."""
    version = definition().type.version
    assert definition(script=SCRIPT + " ").type.version != version
    assert definition(FILE.replace('path = "t"', 'path = "s"')).type.version != version
    assert definition(FILE.replace('unit = "mV"', 'unit = "V"')).type.version != version
    assert definition(FILE.replace("[codec]", "[codec]\nvariables = { a = 'b' }")).type.version != version
    assert definition(FILE + "# a comment\n").type.version == version


def test_an_error_of_the_script_is_a_decode_error() -> None:
    """A throw, with the script's line and the payload."""
    with pytest.raises(DecodeError, match=r"probe\.js:1: Error: short \(payload d7"):
        definition(script="function decodeUplink() { throw new Error('short') }").decode(b"\xd7")


def test_a_script_that_remembers_says_the_same_every_time() -> None:
    """Where its examples show that answers depend on earlier calls, each call has a realm of its own."""
    second = FILE + '[[example]]\nname = "again"\npayload = "d700"\nvalues = { temperature_c = 1.0 }\n'
    probe = definition(second, "var n = 0; function decodeUplink() { return { data: { t: ++n } } }")
    assert [probe.decode(b"\1").records[0].values["temperature_c"] for _ in range(3)] == [1.0, 1.0, 1.0]


def test_a_script_that_cannot_be_loaded_is_found_when_it_is_used() -> None:
    """Reading the file needs no engine; using it says what is wrong with the script."""
    broken = definition(script="function (")
    with pytest.raises(ConfigError, match=r"probe\.js:1: SyntaxError"):
        broken.decode(b"\1")


def test_nothing_can_be_encoded_by_a_script_that_only_decodes() -> None:
    """Encoding says that there is no layout."""
    with pytest.raises(EncodeError, match="no layout"):
        definition().encode({"temperature_c": 1.0})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('script = "probe.js"', 'script = "../probe.js"', "probe.toml:10: script must name a file beside this one"),
        ('script = "probe.js"', "", "probe.toml:9: a codec has a script or a format"),
        ('script = "probe.js"', 'format = "morse"', "probe.toml:10: 'morse' is no format: "),
        ('script = "probe.js"', 'script = "probe.js"\nkeys = "flat"', "probe.toml:11: 'keys' is no key here"),
        (
            'script = "probe.js"',
            'format = "cayenne"\nkeys = "round"',
            "probe.toml:11: keys = 'round' is not understood",
        ),
        ('script = "probe.js"', 'script = "probe.js"\ntime = 7', "probe.toml:11: time must be a path"),
        ('script = "probe.js"', 'script = "probe.js"\nvariables = 7', "probe.toml:11: variables must be a table"),
        ('script = "probe.js"', 'script = "other.js"', "there is no script other.js beside it"),
        ('path = "t"\n', "", "where does the codec say temperature_c?"),
        ('path = "t"', 'path = "a..b"', "probe.toml:13: where does the codec say temperature_c?"),
        ('unit = "mV"', 'unit = "kg"', "probe.toml:20: 'kg' cannot become V; it can be V, mV"),
        ('kind = "float"\nquantity = "temperature"', 'quantity = "temperature"', "say its kind"),
        ("[codec]", '[[frame]]\nlayout = "temperature_c i8"\n[codec]', "a [codec] or [[frame]]s, not both"),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, expected: str) -> None:
    """Each mistake names the line and what would be right."""
    assert old in FILE
    assert expected in problems(FILE.replace(old, new, 1))


def test_path_and_unit_belong_to_a_codec() -> None:
    """In a file with a layout they are refused: a layout has its own words for both."""
    layout = FILE.replace('[codec]\nscript = "probe.js"', '[[frame]]\nlayout = "temperature_c u8\\nbattery_v u8"')
    assert "path and unit are for what a [codec] says" in problems(layout)


def test_a_format_needs_no_script() -> None:
    """Cayenne LPP: decoded one by one and many at once, and encoded, with the units of the fields."""
    text = FILE.replace('script = "probe.js"', 'format = "cayenne"').replace('"t"', '"temperature_1"')
    text = text.replace('"mv"\nunit = "mV"', '"analog_in_2"').replace(
        'payload = "d700"', 'payload = "016700d7 0202012c"'
    )
    probe = definition(text)
    assert probe.check() == ()
    sent = probe.encode({"temperature_c": 21.5, "battery_v": 3.0}).payload
    assert probe.decode(sent).records[0].values == {"temperature_c": 21.5, "battery_v": 3.0}
    batch = probe.decode_batch([sent] * 3 + [b"\x01\x67"], [1] * 4)
    assert batch.columns["temperature_c"].values.tolist() == [21.5] * 3
    assert list(batch.errors) == [3]


def test_catalogues_find_scripts_beside_their_files(tmp_path: Path) -> None:
    """A catalogue is given scripts by their names, and reads one when its type is first asked for."""
    (tmp_path / "probe.js").write_text(SCRIPT)
    found = Catalogue({"probe": FILE}, {"probe.js": tmp_path / "probe.js"})
    assert found["probe"].script is not None
    assert found["probe"].script.source == SCRIPT
    with pytest.raises(ConfigError, match=r"no script probe\.js"):
        Catalogue({"probe": FILE})["probe"]
