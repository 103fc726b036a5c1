"""Sigfox's custom payload grammar: what it says, the same as a layout, errors in words, and writing."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from decoders import device_file
from decoders.formats import Format, formats
from decoders.formats.sigfox import layout_names, to_layout
from decoders.layout_encoding import encode
from decoders.layout_parser import parse_layout
from decoders.layout_shape import FrameLayout, Program
from decoders.output import Output
from model.errors import ConfigError, DecodeError, EncodeError


def grammar(text: str) -> Format:
    """Return the format with that grammar."""
    return formats()["sigfox"].make({"grammar": text})


def read(text: str, payload: str) -> Mapping[str, object]:
    """Return what a payload says through a grammar."""
    return grammar(text).decode(bytes.fromhex(payload)).data


def program(text: str) -> Program:
    """Return the layout that means the same as a grammar."""
    layout = to_layout(text)
    assert layout is not None
    parsed, problems = parse_layout(layout)
    assert problems == []
    return Program([FrameLayout("frame", (), parsed)])


PUBLISHED = [
    # Sigfox's own examples
    ("int1::uint:8 int2::uint:8", "1234", {"int1": 0x12, "int2": 0x34}),
    ("b1::bool:7 b2::bool:6 i1:1:uint:16", "c01234", {"b1": True, "b2": True, "i1": 0x1234}),
    ("b1::bool:7 b2::bool:6 i1:1:uint:16:little-endian", "801234", {"b1": True, "b2": False, "i1": 0x3412}),
    (
        "b1::bool:7 b2::bool:6 i1:1:uint:16:little-endian i2::uint:8",
        "80123456",
        {"b1": True, "b2": False, "i1": 0x3412, "i2": 0x56},
    ),
    (
        "str::char:6 i1::uint:16 i2::uint:32",
        "41424344454601234567890a",
        {"str": "ABCDEF", "i1": 0x123, "i2": 0x4567890A},
    ),
    # those of Sigfox's operator in Japan, and of a platform that reads the same grammar
    ("Speed::uint:8 Direction::uint:4 Status:1:uint:4::3", "3c5a", {"Speed": 60, "Direction": 5, "Status": 10}),
    ("Speed::uint:8 Direction::uint:4 Status::uint:4", "3c5a70", {"Speed": 60, "Direction": 5, "Status": 7}),
    ("lightAmbi::uint:16 temperature:2:int:8", "171318", {"lightAmbi": 5907, "temperature": 24}),
    (
        "Battery::uint:8 pH::uint:16:little-endian level::float:32:little-endian DO::uint:16:little-endian T::uint:16",
        "1e660382ba583ff426d609",
        {"Battery": 30, "pH": 870, "level": 0.8465958833694458, "DO": 9972, "T": 0xD609},
    ),
]


@pytest.mark.parametrize(("text", "payload", "expected"), PUBLISHED)
def test_published(text: str, payload: str, expected: dict[str, object]) -> None:
    """What is published about the grammar is what it means here, and what is written says the same again."""
    assert read(text, payload) == expected
    assert read(text, grammar(text).encode(expected).hex()) == expected


def test_ambiguous_example() -> None:
    """Sigfox's last example reads 32 bits from bit 2 of the ninth of twelve bytes: by the rules they are not there.

    Its result keeps two bits of that byte, where the rules that the other examples follow begin with three.
    """
    text, payload = "str::char:6 i1::uint:16 i2::uint:32:2", "41424344454601234567890a"

    with pytest.raises(DecodeError, match="i2 needs bytes 8 to 12, counted from 0; the payload has 12") as caught:
        read(text, payload)
    assert caught.value.offset == 8
    assert read(text.replace("32:2", "27:2"), payload)["i2"] == 0x567890A


@pytest.mark.parametrize(
    ("text", "payload", "expected"),
    [
        ("a::int:8", "ff", {"a": -1}),
        ("a::int:12", "fff0", {"a": -1}),
        ("a::int:16:little-endian", "feff", {"a": -2}),
        ("a:1:uint:16:big-endian", "00 0102", {"a": 258}),
        ("a::uint:12:3", "0abc", {"a": 0xABC}),
        ("a::uint:4:3 b::uint:4", "5a c0", {"a": 10, "b": 5}),
        ("a::uint:4::7 b::uint:4::3", "5a", {"a": 5, "b": 10}),
        ("a::uint:16:little-endian:3 b::uint:4::3", "0123 45", {"a": 0x3412, "b": 5}),
        ("a::float:64", "3ff8000000000000", {"a": 1.5}),
        ("a::float:32::3", "03fc000000", {"a": 1.5}),
        ("a::float:32:little-endian:3", "00000c03f0", {"a": 1.5}),
        ("a::float:32", "7fc00000", {"a": None}),
        ("a::char:4", "4f4b2000", {"a": "OK"}),
        ("a::char:2:3", "04f4b0", {"a": "OK"}),
        ("a::char:2", "0000", {"a": None}),
        ("a::uint:8 b::bool:0 c::bool:7", "01", {"a": 1, "b": True, "c": False}),
        ("a::uint:16 b::bool:0", "0001", {"a": 1, "b": True}),
        ("b::bool:0 a::uint:8", "0105", {"b": True, "a": 5}),
        ("a:2:uint:8 b:0:uint:8 c::uint:8", "010203", {"a": 3, "b": 1, "c": 2}),
        ("t::int:16:/100", "ff38", {"t": -2.0}),
        ("t::uint:8:*10", "05", {"t": 50}),
        ("t::uint:8:-40", "05", {"t": -35}),
        ("t::uint:8:+2.5", "05", {"t": 7.5}),
        ("t::uint:8:*9:/5:+32", "64", {"t": 212.0}),
        ("t::uint:16:little-endian:/10", "eb00", {"t": 23.5}),
        ("t::uint:4:3:/2", "05", {"t": 2.5}),
        ("flag:0:bool:7 temp:1:int:13:/10", "80 1234", {"flag": True, "temp": 58.2}),
        ("a-b::uint:8\n  #c::uint:8\td$_e::uint:8", "010203", {"a-b": 1, "#c": 2, "d$_e": 3}),
        ("a::uint:8", "01ffff", {"a": 1}),
        ("a::uint:1 b:0:uint:8", "81", {"a": 1, "b": 0x81}),
    ],
)
def test_meaning(text: str, payload: str, expected: dict[str, object]) -> None:
    """Places, widths, orders, offsets and operations mean what docs/formats.md says."""
    assert read(text, payload) == expected


@pytest.mark.parametrize(
    ("text", "payload", "warning"),
    [
        ("a::uint:64", "ffffffffffffffff", "a: 18446744073709551615 is larger than 64 bits with sign can hold"),
        ("a::char:2", "4f80", "a: not a printable text"),
    ],
)
def test_warnings(text: str, payload: str, warning: str) -> None:
    """What cannot be said is null, with a warning that names the field."""
    assert grammar(text).decode(bytes.fromhex(payload)) == Output({"a": None}, (warning,))


@pytest.mark.parametrize(
    ("text", "payload", "message", "offset"),
    [
        ("a::uint:8 b::uint:8", "01", "b needs byte 1, counted from 0; the payload has 1", 1),
        ("a::uint:8 b::uint:16", "0102", "b needs bytes 1 to 2, counted from 0; the payload has 2", 1),
        ("far:9:bool:0", "0102", "far needs byte 9, counted from 0; the payload has 2", 2),
    ],
)
def test_cut_short(text: str, payload: str, message: str, offset: int) -> None:
    """A payload that ends before a field is an error that names the field and the bytes it needs."""
    with pytest.raises(DecodeError, match=f"^{message}$") as caught:
        read(text, payload)

    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["there is no field"]),
        ("ok::uint:8 long:float:32", ["'long' at character 17: the byte index is missing: write long::float"]),
        ("a", ["'a' at character 1: 'a': a type is missing"]),
        ("a:1", ["'a' at character 3: '1': a type is missing"]),
        ("a::u8", ["'a' at character 4: 'u8': a type is missing behind the byte index: bool, char, float, uint, int"]),
        ("é::uint:8", ["'é' at character 1: a name has letters"]),
        ("::uint:8", ["'' at character 1: a name has letters"]),
        ("a::uint:8 a::uint:8", ["'a' at character 11: another field has this name"]),
        ("a:x:uint:8", ["'a' at character 3: 'x' is not a byte index: a number from 0 to 16383"]),
        ("a:16384:uint:8", ["'16384' is not a byte index"]),
        ("a:16383:uint:16", ["no payload has more than 16384 bytes"]),
        ("a::uint", ["'a' at character 4: its size is missing: uint:bits"]),
        ("a::uint:", ["'a' at character 9: '' is not a count of bits"]),
        ("a::uint:65", ["'65' is not a count of bits: a number from 1 to 64"]),
        ("a::float:16", ["'a' at character 10: a float has 32 or 64 bits, not 16"]),
        ("a::bool", ["its size is missing: bool:bit"]),
        ("a::bool:8", ["'8' is not a bit: a number from 0 to 7"]),
        ("a::bool:1:2", ["'a' at character 11: '2' is too much: bool:bit"]),
        ("a::char:0", ["'0' is not a count of bytes"]),
        ("a::char:2:8", ["'a' at character 11: '8' is not an offset"]),
        ("a::char:2:1:1", ["'1' is too much: char:bytes"]),
        ("a::uint:8:middle", ["'middle' is neither big-endian nor little-endian, nor an offset from 0 to 7"]),
        ("a::uint:8:8", ["'8' is neither big-endian nor little-endian, nor an offset from 0 to 7"]),
        ("a::uint:8:big-endian:9", ["'a' at character 22: '9' is not an offset"]),
        ("a::uint:8::1:1", ["'1' is too much"]),
        ("a::uint:12:little-endian", ["little-endian needs whole bytes, and 12 bits are none"]),
        ("a::bool:1:/2", ["'a' at character 11: a bool has no arithmetic"]),
        ("a::char:1:/2", ["a char has no arithmetic"]),
        ("a::uint:8:/0", ["'/0' cannot be undone"]),
        ("a::uint:8:/x", ["'/x' is not understood: operations are like /100"]),
        ("a:: b::uint:x c::bool:9", ["'a' at character 4", "'b' at character 13", "'c' at character 23"]),
    ],
)
def test_problems(text: str, problems: list[str]) -> None:
    """Every problem of a grammar is told at once, with its field and its place in the text."""
    with pytest.raises(ConfigError) as caught:
        grammar(text)

    assert len(caught.value.problems) == len(problems)
    for problem, expected in zip(caught.value.problems, problems, strict=True):
        assert problem.startswith("grammar: ")
        assert expected in problem


def test_grammar_is_needed() -> None:
    """Without a grammar there is no format."""
    with pytest.raises(ConfigError, match="the format 'sigfox' needs grammar"):
        formats()["sigfox"].make({})


@given(text=st.text(alphabet="ab:0178 -+*/u", max_size=30) | st.text(max_size=20))
def test_any_grammar(text: str) -> None:
    """Any text is a grammar or ConfigError."""
    try:
        made = grammar(text)
    except ConfigError as error:
        assert error.problems
    else:
        assert isinstance(made, Format)


NUMBERS = st.sampled_from(["", ":/100", ":*10", ":+3", ":-40", ":*0.5", ":/2:+1.5", ":*2:-1"])
OFFSETS = st.sampled_from(["", ":0", ":3", ":7", "::5", ":big-endian", ":big-endian:6"])
TYPES = st.one_of(
    st.integers(0, 7).map("bool:{}".format),
    st.builds("char:{}{}".format, st.integers(1, 4), st.sampled_from(["", ":7", ":2"])),
    st.builds("{}:{}{}{}".format, st.sampled_from(["int", "uint"]), st.integers(1, 64), OFFSETS, NUMBERS),
    st.builds("{}:{}:little-endian{}".format, st.sampled_from(["int", "uint"]), st.sampled_from([8, 16, 24]), NUMBERS),
    st.builds("float:{}{}{}".format, st.sampled_from([32, 64]), st.sampled_from(["", ":little-endian", ":3"]), NUMBERS),
)
GRAMMARS = st.lists(st.tuples(st.sampled_from(["", "", "", "0", "1", "5", "12"]), TYPES), min_size=1, max_size=5).map(
    lambda fields: " ".join(
        f"{'aB' if index % 2 else 'time'}{index}:{at}:{of}" for index, (at, of) in enumerate(fields)
    )
)


@given(text=GRAMMARS, payload=st.binary(max_size=40))
def test_layout_means_the_same(text: str, payload: bytes) -> None:
    """Grammar and layout say the same of any payload, where the layout language can say it."""
    assume(to_layout(text) is not None)
    names = layout_names(text)

    try:
        found = grammar(text).decode(payload)
    except DecodeError:
        with pytest.raises(DecodeError):
            program(text).decode(payload, None)
    else:
        (record,) = program(text).decode(payload, None).records
        assert record.values == {names[name]: value for name, value in found.data.items()}


@given(text=GRAMMARS, payload=st.binary(min_size=64, max_size=64))
def test_layout_writes_the_same(text: str, payload: bytes) -> None:
    """Grammar and layout write the same payload for the same values, and both refuse the same."""
    assume(to_layout(text) is not None)
    values = grammar(text).decode(payload).data
    try:
        written = grammar(text).encode(values)
    except EncodeError as error:
        assume("share bits" not in str(error))
        with pytest.raises(EncodeError):
            encode(program(text).frames[0].layout, [_renamed(text, values)])
    else:
        assert encode(program(text).frames[0].layout, [_renamed(text, values)]) == written


def test_layout_text() -> None:
    """A layout passes over what no field reads, and takes fields that share bits out of a word."""
    text = (
        "Speed::uint:8 Direction::uint:4 Status:1:uint:4::3 moving:1:bool:3 temp:20:int:16:little-endian:/10 x::uint:3"
    )

    assert to_layout(text) == (
        "speed u8\n"
        "direction u4\n"
        "_bits_12 u4\n"
        "status u4 of _bits_12 bits 0..3\n"
        "moving flag of _bits_12 bits 3..3\n"
        "_ hex[18]\n"
        "temp i16le / 10\n"
        "x u3\n"
        "_ u5\n"
        "_ hex[*]\n"
    )


@pytest.mark.parametrize(
    "text",
    ["a::float:32:3", "a::char:2:1", "a::uint:16:little-endian:1", "a::float:32 b:0:bool:1", "a::uint:64 b:4:uint:64"],
)
def test_no_layout(text: str) -> None:
    """What the layout language cannot say has no layout."""
    assert to_layout(text) is None


def test_layout_names() -> None:
    """Names become those of a device file: lower case, words joined, no name that means something else there."""
    text = " ".join(
        f"{name}::bool:0" for name in ("lightAmbi", "DO", "pH-2", "light_ambi", "time", "when", "9", "#", "-")
    )

    assert layout_names(text) == {
        "lightAmbi": "light_ambi",
        "DO": "do",
        "pH-2": "p_h_2",
        "light_ambi": "light_ambi_2",
        "time": "time_value",
        "when": "when_value",
        "9": "field_9",
        "#": "field",
        "-": "field_2",
    }
    reserved = layout_names(" ".join(f"{name}::bool:0" for name in device_file.RESERVED))
    assert not set(reserved.values()) & set(device_file.RESERVED)


@pytest.mark.parametrize(
    ("text", "data", "message"),
    [
        ("a::uint:8 b:0:bool:1", {"a": 1, "b": True}, "a and b share bits: such a grammar can only be read"),
        ("a::uint:24 b:0:bool:1 c:1:bool:1", {}, "a and b share bits"),
        ("a::uint:8", {"b": 1}, "'b': the grammar has no such field"),
        ("a::uint:8", {}, "a: a value is needed"),
        ("a::uint:8", {"a": 256}, "a: 256 does not fit, it goes from 0 to 255"),
        ("a::uint:8:/10", {"a": 26}, "a: 26 does not fit, it goes from 0 to 25.5"),
        ("a::uint:8", {"a": [1]}, r"a: \[1\] is not a value"),
        ("a::bool:1", {"a": 1}, "a: 1 is not true or false"),
        ("a::float:32", {"a": 1e300}, "does not fit"),
        ("a::char:1", {"a": "xy"}, "longer than 1 characters"),
    ],
)
def test_not_written(text: str, data: Mapping[str, object], message: str) -> None:
    """What cannot be written is refused in words that name the field."""
    with pytest.raises(EncodeError, match=message):
        grammar(text).encode(data)


def test_written() -> None:
    """Values are written at their places, rounded to the nearest raw value; what no field covers is zero."""
    text = "on:0:bool:7 t:1:int:16:/10 name:4:char:3 f:8:float:32:little-endian n:12:uint:4::3"

    payload = grammar(text).encode({"on": True, "t": -1.26, "name": "ab", "f": 1.5, "n": 9})

    assert payload.hex(" ", 1) == "80 ff f3 00 61 62 00 00 00 00 c0 3f 09"
    assert grammar("f::float:32 s::char:2").encode({}) == bytes.fromhex("7fc00000 0000")


def _renamed(text: str, values: Mapping[str, object]) -> dict[str, float | int | bool | str | None]:
    names = layout_names(text)
    return {
        names[name]: value
        for name, value in values.items()
        if isinstance(value, float | int | str | None) and not (isinstance(value, float) and math.isnan(value))
    }
