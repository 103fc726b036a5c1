"""A field more in a device file that somebody else wrote."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.device import Definition
from decoders.device_edit import with_field
from model.device import Kind, NewField, Text
from model.errors import BadRequestError, ConflictError

FILE = """\
# Bought in 2025.
title = { en = "Probe", fr = "Sonde" }
vendor = "Lab"
model = "Probe"
domain = "environment"
networks = ["lorawan"]
period = "15 min"
source = "made up"

[codec]  # the maker's
format = "cayenne"

[field.temperature_c]
path = "temperature_1"   # in the shade
kind = "float"
quantity = "temperature"
# range = [-40, 60]

# What it sent on the first day.
[[example]]
name = "cold"
payload = "0167ff9c"
values = { temperature_c = -10.0 }
"""
HUMIDITY = NewField(path="humidity_2", name="humidity_percent", kind=Kind.FLOAT, quantity="humidity")


def test_a_field_goes_behind_the_others() -> None:
    """The field stands behind the last one, before the examples and what is remarked on them."""
    changed = with_field(FILE, HUMIDITY)

    put = '[field.humidity_percent]\npath = "humidity_2"\nkind = "float"\nquantity = "humidity"\n\n'
    where = FILE.index("# What it sent")
    assert changed == FILE[:where] + put + FILE[where:]
    assert [field.name for field in Definition.read("probe", changed).type.fields] == [
        "temperature_c",
        "humidity_percent",
    ]


def test_unit_and_title_are_written_where_they_are_given() -> None:
    """What the codec says in millivolts is read in volts, under the title that somebody gave it."""
    title = Text(en='Battery "A"', fr="Pile « A »")
    field = NewField(path="bat\\.mv", name="battery_v", kind=Kind.FLOAT, quantity="voltage", unit="mV", title=title)

    definition = Definition.read("probe", with_field(FILE, field))

    assert definition.type.fields[-1].title == title
    assert definition.codec is not None
    assert (definition.codec.places[-1].path, definition.codec.places[-1].unit) == ("bat\\.mv", "mV")


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (FILE[: FILE.index("[field")], 'quantity = "humidity"\n\n'),
        (FILE[: FILE.index("\n# What")], 'quantity = "humidity"\n'),
        (FILE[: FILE.index("\n# range")], 'quantity = "humidity"\n'),
        (FILE.replace("\n", "\r\n"), "values = { temperature_c = -10.0 }\r\n"),
        (FILE.replace("[field.temperature_c]", "[ field . temperature_c ]"), "values = { temperature_c = -10.0 }\n"),
        (FILE.replace('"made up"', "'''\n[field.no_field]\n'''"), "values = { temperature_c = -10.0 }\n"),
        (FILE + 'warning = """\n[field.x]\n"""\n', 'quantity = "humidity"\n'),
        ("[codec]\n[[example]]\nname = 1", "name = 1"),
    ],
)
def test_a_field_finds_its_place_however_the_file_is_written(text: str, end: str) -> None:
    """Without fields, without a last line end, with other line ends, with what looks like a field: all else stays."""
    changed = with_field(text, HUMIDITY)

    old, new = tomllib.loads(text), tomllib.loads(changed)
    assert new["field"].pop("humidity_percent") == {"path": "humidity_2", "kind": "float", "quantity": "humidity"}
    assert {**old, "field": old.get("field", {})} == new
    assert changed.endswith(end)
    assert ("\r\n" in text) == ("\r\n" in changed)
    assert changed.count("\r") in {0, changed.count("\n")}


@pytest.mark.parametrize(
    ("path", "name", "says"),
    [
        ("humidity_2", "temperature_c", "'temperature_c' already"),
        ("temperature_1", "warmth_c", "'temperature_1' is what the field 'temperature_c' takes already"),
    ],
)
def test_a_name_or_a_path_that_is_taken_is_refused(path: str, name: str, says: str) -> None:
    """Two fields of one name, or of one path, would be one too many."""
    with pytest.raises(ConflictError, match=says):
        with_field(FILE, NewField(path=path, name=name, kind=Kind.FLOAT, quantity="temperature"))


@pytest.mark.parametrize(
    ("field", "says"),
    [
        (NewField(path="a..b", name="x_c", kind=Kind.FLOAT, quantity="temperature"), "empty step"),
        (NewField(path="", name="x_c", kind=Kind.FLOAT, quantity="temperature"), "empty step"),
        (NewField(path="a\ud800", name="x_c", kind=Kind.FLOAT, quantity="temperature"), "cannot hold"),
        (NewField(path="a", name="x y", kind=Kind.FLOAT, quantity="temperature"), "cannot hold"),
        (NewField(path="a", name="x]\n[codec", kind=Kind.FLOAT, quantity="temperature"), "cannot hold"),
    ],
)
def test_what_no_file_can_hold_is_refused(field: NewField, says: str) -> None:
    """A path with an empty step leads nowhere; names and paths cannot say more than they are."""
    with pytest.raises(BadRequestError, match=says):
        with_field(FILE, field)


def test_a_layout_has_no_paths() -> None:
    """A file with a layout names its fields there: it takes none by path."""
    with pytest.raises(BadRequestError, match="layout"):
        with_field('[[frame]]\nlayout = "temperature_c i8"\n', HUMIDITY)


def test_a_file_that_leaves_no_place_is_left_alone() -> None:
    """Where fields are written in one line, nothing is put in; the lines are told to be put there by hand."""
    with pytest.raises(ConflictError, match="by hand") as caught:
        with_field("field = { a = { path = 'b' } }\n[codec]\n", HUMIDITY)
    assert "[field.humidity_percent]" in str(caught.value)


@pytest.mark.parametrize("text", ["[codec", "field = 1\n[codec]\n"])
def test_a_file_that_is_broken_is_left_alone(text: str) -> None:
    """What cannot be read is not written to."""
    with pytest.raises(ConflictError, match="correct it first"):
        with_field(text, HUMIDITY)


PIECES = st.lists(
    st.sampled_from(
        [
            "", "# remark", "[codec]", "[field.a_c]", "[[example]]", "name = 'x'", 'text = """', '"""', "[storage]",
            "path = 'a' # [field.b]", "[field.b_c] # b", "  ", "list = [", "]", "[field.sub.deep]",
        ]
    ),
    max_size=12,
)  # fmt: skip


@given(PIECES, st.text(max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_whatever_is_written_the_file_says_all_that_it_said_and_the_field(
    pieces: list[str], path: str, newline: str
) -> None:
    """Of any file and any path comes a file with its lines in their order and the field, or a refusal."""
    text = newline.join(["[codec]", *pieces])
    field = NewField(path=path, name="new_c", kind=Kind.FLOAT, quantity="temperature")
    try:
        changed = with_field(text, field)
    except (BadRequestError, ConflictError):
        return

    old, new = tomllib.loads(text), tomllib.loads(changed)
    assert new["field"].pop("new_c")["path"] == path
    assert {**old, "field": old.get("field", {})} == new
    rest = iter(changed.splitlines())
    assert [line for line in text.rstrip().splitlines() if line not in rest] == []
