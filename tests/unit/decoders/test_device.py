"""Device files and what they define: every mistake told at once, frames chosen, named values checked."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from decoders.catalogue import Catalogue
from decoders.device import Definition, Record
from model.device import Kind
from model.errors import ConfigError, DecodeError, EncodeError, UnknownTypeError
from model.quantities import QUANTITIES

GOOD = """\
title = { en = "Probe", fr = "Sonde" }
vendor = "Example"
model = "Probe 1"
domain = "environment"
networks = ["lorawan"]
period = "15 min"
source = "data sheet"

[[frame]]
name = "measurement"
f_port = [1, 4]
layout = \"\"\"
_kind          u8 = 2   # selects
temperature_c  i16 / 100   null 0x7fff
wet            flag
_              u7
mode           u8 {0 = off, 1 = on}
pulse_count    u16
\"\"\"

[[frame]]
name = "alarm"
f_port = 2
layout = "temperature_c i8"

[field.temperature_c]
title = { en = "Soil temperature", fr = "Température du sol" }
quantity = "temperature"
range = [-40, 85]

[field.wet]
quantity = "state"

[field.mode]
quantity = "state"

[field.pulse_count]
quantity = "pulse_count"

[[example]]
name = "frost"
f_port = 1
payload = "02 ff9c 80 01 0005"
values = { temperature_c = -1.0, wet = true, mode = "on", pulse_count = 5 }

[[example]]
name = "cut short"
f_port = 1
payload = "02 08"
error = "temperature_c"
"""


def definition(text: str = GOOD) -> Definition:
    return Definition.read("example_probe", text)


def problems(text: str, name: str = "example_probe") -> tuple[str, ...]:
    """Return what is wrong with a file."""
    with pytest.raises(ConfigError) as caught:
        Definition.read(name, text)
    return caught.value.problems


def test_a_file_says_what_a_device_type_is() -> None:
    """Everything but the bytes is a value of the model, with units from the quantities and kinds from the layouts."""
    probe = definition().type
    assert (probe.name, probe.title.fr, probe.domain, probe.period) == (
        "example_probe",
        "Sonde",
        "environment",
        timedelta(minutes=15),
    )
    assert [(field.name, field.kind, field.unit) for field in probe.fields] == [
        ("temperature_c", Kind.FLOAT, "Cel"),
        ("wet", Kind.BOOL, ""),
        ("mode", Kind.TEXT, ""),
        ("pulse_count", Kind.INT, ""),
    ]
    temperature, mode = probe.field("temperature_c"), probe.field("mode")
    assert temperature is not None
    assert mode is not None
    assert (temperature.minimum, temperature.maximum, mode.choices) == (-40, 85, ("off", "on"))
    assert (mode.title.fr, probe.fields[3].title.fr) == ("État (mode)", QUANTITIES["pulse_count"].title.fr)


def test_the_version_is_that_of_the_meaning() -> None:
    """The version changes with layout, ranges and quantities, and not with titles, comments or examples."""
    version = definition().type.version
    same = GOOD.replace("Soil temperature", "Ground").replace("# selects", "").replace("frost", "cold")
    assert definition(same).type.version == version
    for change in [("i16 / 100", "i16 / 10"), ("[-40, 85]", "[-40, 80]"), ('name = "alarm"', 'name = "alert"')]:
        assert Definition.read("example_probe", GOOD.replace(*change)).type.version != version


def test_examples_are_checked() -> None:
    """``check`` names every example that does not hold, and every difference."""
    assert definition().check() == ()
    wrong = GOOD.replace("-1.0, wet = true", "-1.5").replace('error = "temperature_c"', 'error = "humidity"')
    assert definition(wrong).check() == (
        "example 'frost': temperature_c is -1.0 and not -1.5",
        "example 'frost': wet is True and not None",
        "example 'cut short': fails with 'temperature_c needs 2 bytes, 1 left' and not with 'humidity'",
    )
    assert "decodes, but should fail" in definition(GOOD.replace('"02 08"', '"02 ff9c 80 01 0005"')).check()[0]
    assert "does not decode" in definition(GOOD.replace('"02 ff9c 80', '"03 ff9c 80')).check()[0]
    assert "warns: mode: raw value 7" in definition(GOOD.replace("80 01 0005", "80 07 0005")).check()[-1]


def test_the_example_of_the_documentation_holds() -> None:
    """The device file in docs/layout-language.md is one, and its examples hold."""
    page = (Path(__file__).parents[3] / "docs" / "layout-language.md").read_text(encoding="utf-8")
    text = page.split("```toml\n", maxsplit=1)[1].split("```", maxsplit=1)[0]
    assert Definition.read("example_soil_probe", text).check() == ()


def test_frames_say_what_they_carry() -> None:
    """A frame tells its ports and fields, so that a simulator can send it."""
    first, second = definition().frames
    assert (first.name, first.f_ports, first.own_time, first.log) == ("measurement", (1, 4), False, None)
    assert first.fields == ("temperature_c", "wet", "mode", "pulse_count")
    assert (second.f_ports, second.fields) == ((2,), ("temperature_c",))


def test_a_field_of_integers_and_floats_is_a_float() -> None:
    """A field that one frame gives as an integer and another as a float is a float in both."""
    value = definition().decode(b"\x05", f_port=2).records[0].values["temperature_c"]
    assert repr(value) == "5.0"


def test_encoding_takes_the_first_frame_that_carries_all() -> None:
    """Encoding takes the first frame with every given field; a named frame, a port, or none that fits is told."""
    probe = definition()
    assert probe.encode({"temperature_c": 20, "wet": False, "mode": "off", "pulse_count": 1}).f_port == 1
    assert probe.encode({"temperature_c": 20}, frame="alarm") == probe.encode({"temperature_c": 20}, f_port=2)
    assert probe.encode({"temperature_c": 20}, f_port=2).payload == b"\x14"
    for values, choice, message in [
        ({"temperature_c": 1, "humidity_percent": 2}, {}, "humidity_percent: example_probe has no such field"),
        ({"temperature_c": 500}, {"f_port": 2}, "goes from -128 to 127"),
        ({"mode": "on"}, {"frame": "alarm"}, "mode: not in frame 'alarm'"),
        ({"mode": "on"}, {"frame": "alert"}, "no frame 'alert'"),
        ({"mode": "on"}, {"f_port": 9}, "on port 9; there are measurement, alarm"),
    ]:
        with pytest.raises(EncodeError, match=message):
            probe.encode(values, **choice)  # type: ignore[arg-type] # a table of calls
    with pytest.raises(EncodeError, match="no record"):
        probe.encode([])


def test_encoding_makes_no_payload_that_reads_as_another_frame() -> None:
    """Two frames of one port that cannot be told apart: what would be read as the other one is refused."""
    twice = GOOD.replace("f_port = 2", "f_port = 1").replace('"temperature_c i8"', '"_k u8\\ntemperature_c i48"')
    with pytest.raises(EncodeError, match="read as frame 'measurement'"):
        Definition.read("example_probe", twice).encode({"temperature_c": 1, "_k": 2}, frame="alarm")


def test_a_port_that_a_device_has_not() -> None:
    """A payload on a strange port is an error that names the known ones; without a port every frame is tried."""
    with pytest.raises(DecodeError, match="no frame on port 7: this device type uses 1, 4, 2"):
        definition().decode(b"\x05", f_port=7)
    assert definition().decode(b"\x05").frame == "alarm"


def test_named_values_are_checked() -> None:
    """Values that come with names must have a field's name and kind; null is always allowed."""
    probe = definition()
    values = {"temperature_c": 21, "wet": None, "mode": "on", "pulse_count": 5.0}
    assert repr(probe.record_of(values)) == repr(
        Record({"temperature_c": 21.0, "wet": None, "mode": "on", "pulse_count": 5})
    )
    assert probe.record_of({"temperature_c": float("nan")}).values == {"temperature_c": None}
    for name, value in [
        ("temperature_c", "21"),
        ("temperature_c", True),
        ("temperature_c", 10**400),
        ("wet", 1),
        ("mode", "maybe"),
        ("mode", 1),
        ("pulse_count", 5.5),
        ("pulse_count", 2**63),
        ("wind_ms", 3),
    ]:
        with pytest.raises(DecodeError, match=f"^{name}: "):
            probe.record_of({name: value})


def test_texts_must_be_storable() -> None:
    """A text with characters that no database keeps is refused."""
    text = GOOD.replace("mode           u8 {0 = off, 1 = on}", "mode ascii[2]\n_ u8")
    probe = Definition.read("example_probe", text.replace('mode = "on", ', "").replace("80 01 0005", "80 0000 01 0005"))
    assert probe.record_of({"mode": "café"}).values == {"mode": "café"}
    for bad in ("a\0b", "\ud800"):
        with pytest.raises(DecodeError, match="cannot be printed"):
            probe.record_of({"mode": bad})


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('domain = "environment"', 'domain = "weather"', ":4: 'weather' is no domain"),
        ('["lorawan"]', '["wifi"]', ":5: networks must be a list of lorawan"),
        ('"15 min"', '"often"', ":6: 'often' is no time"),
        ('vendor = "Example"\n', "", ":1: 'vendor' must be a text"),
        ('title = { en = "Probe", fr = "Sonde" }', 'title = "Probe"', ":1: a title is needed"),
        ('source = "data sheet"', 'sauce = "data sheet"', ":7: 'sauce' is no key here"),
        ("period", 'reference = "yes"\nperiod', ":6: reference must be true or false"),
        ("[1, 4]", "[1, 999]", ":11: f_port must be a number"),
        ("i16 / 100", "i99 / 100", ":14: 'i99' is no type"),
        ('name = "alarm"', 'name = "measurement"', ":22: another frame is called 'measurement'"),
        ("[field.wet]", "[field.dry]", ":15: [field.wet] is missing"),
        ("[field.wet]", "[field.dry]", ":31: no layout has a field 'dry'"),
        ('quantity = "temperature"', 'quantity = "warmth"', ":28: 'warmth' is no quantity"),
        ('quantity = "temperature"', 'quantity = "voltage"', ":26: 'temperature_c' must end in _v"),
        ("[-40, 85]", "[85, -40]", ":29: the range goes from 85 to -40"),
        ("[-40, 85]", "[-40]", ":29: range must be two numbers"),
        ("[-40, 85]", "[-300, 85]", ":29: temperature goes from -273.15"),
        (
            '[field.wet]\nquantity = "state"',
            '[field.wet]\nquantity = "state"\nrange = [0, 1]',
            ":33: a bool has no range",
        ),
        (
            '[field.wet]\nquantity = "state"',
            '[field.wet]\nquantity = "voltage"',
            ":32: 'wet' is bool and cannot be in V",
        ),
        ('"temperature_c i8"', '"temperature_c ascii[2]"', ":26: 'temperature_c' is float and text at once"),
        ('"02 08"', '"0g"', ":49: payload must be hex digits"),
        ('error = "temperature_c"', "", ":46: an example has values, or records, or an error"),
        ("wet = true", "wet = [1]", ":44: 'wet' must be a number"),
        ("values = {", "values = { time = 5, ", ":44: time must be a date with time"),
        ("vendor =", "vendor", "line 2"),
    ],
)
def test_mistakes_are_told_with_their_line(old: str, new: str, problem: str) -> None:
    """Every mistake in a device file is told with file, line, and what would be right."""
    assert old in GOOD
    found = problems(GOOD.replace(old, new, 1))
    assert any(problem in one for one in found), found
    assert all(one.startswith("example_probe.toml") for one in found)


def test_all_mistakes_are_told_at_once() -> None:
    """One ``ConfigError`` holds every mistake, in the order of the file."""
    found = problems(GOOD.replace("environment", "x").replace("i16 /", "i99 /").replace("[-40, 85]", "[1]"))
    assert [one.split(":")[1] for one in found] == ["4", "14", "29"]


def test_a_file_needs_frames_examples_and_a_name() -> None:
    """A file without frames or examples is told so, and so is a name that could not be a table's."""
    head = GOOD.split("[[frame]]", maxsplit=1)[0]
    assert [one.split(": ", 1)[1] for one in problems(head)] == [
        "at least one [[frame]] is needed",
        "at least one [[example]] is needed",
    ]
    assert "the file's name must be lower-case" in problems(GOOD, "Example-Probe")[0]
    assert "cannot be a field's name" in problems(GOOD.replace("wet", "device"))[0]


BY_NAME = """\
title = { en = "Lab board", fr = "Carte de labo" }
vendor = "Example"
model = "Board"
domain = "environment"
networks = ["native"]
period = "1 min"
source = "a school"

[field.temperature_c]
quantity = "temperature"
kind = "float"
range = [-40, 85]

[field.door_open]
quantity = "state"
kind = "bool"
"""


def test_a_board_that_speaks_json_needs_no_layout() -> None:
    """Fields with their kind are enough for a device whose values come by name; bytes are refused with the reason."""
    board = Definition.read("lab_board", BY_NAME)
    assert [(field.name, field.kind) for field in board.type.fields] == [
        ("temperature_c", Kind.FLOAT),
        ("door_open", Kind.BOOL),
    ]
    assert board.record_of({"temperature_c": 21, "door_open": False}).values == {
        "temperature_c": 21.0,
        "door_open": False,
    }
    with pytest.raises(DecodeError, match="by name, in JSON"):
        board.decode(b"\x01")
    assert set(board.decode_batch([b"\x01", b""], [None, 1]).errors) == {0, 1}
    with pytest.raises(EncodeError, match="by name, in JSON"):
        board.encode({"temperature_c": 21.0})


def test_fields_of_one_quantity_without_titles_are_told_apart_by_their_names() -> None:
    """Of two temperatures, one titled by its maker, the other is plain; of two plain ones each says its name."""
    one = BY_NAME + '[field.outer_shell_temperature_c]\nquantity = "temperature"\nkind = "float"\n'
    titled = one + 'title = { en = "Shell", fr = "Coque" }\n'

    assert [field.title.en for field in Definition.read("lab_board", titled).type.fields] == [
        "Temperature",
        "State",
        "Shell",
    ]
    fields = Definition.read("lab_board", one).type.fields
    assert [field.title.fr for field in fields] == [
        "Température (temperature)",
        "État",
        "Température (outer shell temperature)",
    ]


def test_a_kind_is_told_once_and_right() -> None:
    """A kind that means nothing, one beside a layout, and a file without any field are mistakes."""
    assert "'warm' is no kind: float, int" in problems(BY_NAME.replace('"float"', '"warm"'))[0]
    beside = problems(GOOD.replace("range = [-40, 85]", 'kind = "float"'))
    assert "the layout says what kind 'temperature_c' is" in beside[0]
    assert "at least one [field.NAME] is needed" in problems(BY_NAME.split("[field", maxsplit=1)[0])[0]


def test_the_catalogue_finds_files() -> None:
    """The catalogue knows the package's types by their files, and those given to it; others are unknown."""
    catalogue = Catalogue.builtin({"example_probe": GOOD})
    assert "penfeld_streetlight" in catalogue
    assert catalogue["example_probe"].type.name == "example_probe"
    assert catalogue["example_probe"] is catalogue["example_probe"]
    assert list(catalogue) == sorted(catalogue.names())
    assert len(catalogue) == len(catalogue.names()) == len(catalogue.types())
    assert catalogue.get("nothing") is None
    with pytest.raises(UnknownTypeError, match="no device type 'nothing'"):
        catalogue["nothing"]


def test_the_catalogue_reads_files_when_asked() -> None:
    """A wrong file stops only who asks for it, or for all types: then with the problems of all files."""
    catalogue = Catalogue({"a": "title = 1", "b": GOOD, "c": "period = 2"})
    assert catalogue["b"].type.name == "b"
    with pytest.raises(ConfigError) as caught:
        catalogue.types()
    assert {problem.split(".toml")[0] for problem in caught.value.problems} == {"a", "c"}


def test_decoding_one_payload_needs_no_numpy() -> None:
    """The command line decodes one payload without loading numpy, which would cost more than all the rest."""
    script = (
        "import sys; from decoders.catalogue import Catalogue; "
        "Catalogue.builtin()['penfeld_streetlight'].decode(bytes(11), f_port=1); sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
