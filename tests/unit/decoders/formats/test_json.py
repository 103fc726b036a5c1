"""JSON in payloads: what is read, what is null with a warning, what is refused, and where."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.formats import formats
from decoders.formats._base import DEEPEST
from decoders.output import Output
from model.errors import DecodeError, EncodeError

JSON = formats()["json"].make({})
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=5)


def read(text: str) -> Output:
    """Return what a text says."""
    return JSON.decode(text.encode())


def test_object() -> None:
    """An object is read as it is, with what stands in it."""
    assert read('{"t": 21.5, "n": -3, "on": true, "probe": {"m": [1, null, "é"]}}') == Output(
        {"t": 21.5, "n": -3, "on": True, "probe": {"m": [1, None, "é"]}}
    )


def test_end_of_a_c_string() -> None:
    """NULs and blanks around the text are passed over."""
    assert JSON.decode(b' {"a":1}\n\0\0') == Output({"a": 1})


@given(data=OBJECTS)
def test_written_again(data: dict[str, object]) -> None:
    """What is written is read again."""
    assert JSON.decode(JSON.encode(data)) == Output(data)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9223372036854775808", "-" + "9" * 5000])
def test_no_number(number: str) -> None:
    """A number that cannot be kept is null with a warning that names it, and the other values stand."""
    output = read(f'{{"probe": [{{"a.b": {number}}}], "t": 1}}')

    assert output.data == {"probe": [{"a.b": None}], "t": 1}
    assert output.warnings == ("probe.0.a\\.b: NaN, infinite, or an integer of more than 64 bits with sign: null",)


def test_limits_of_integers() -> None:
    """Integers of 64 bits with sign are kept exactly."""
    assert read('{"a": 9223372036854775807, "b": -9223372036854775808}').data == {"a": 2**63 - 1, "b": -(2**63)}


@pytest.mark.parametrize("text", ['"a\\u0000b"', '"\\ud800"'])
def test_no_text(text: str) -> None:
    """A text that no database can hold is null with a warning; as a key it is refused."""
    assert read(f'{{"a": {text}}}') == Output({"a": None}, ("a: the text has a character that no text holds: null",))
    with pytest.raises(DecodeError, match="has a character that no text holds"):
        read(f"{{{text}: 1}}")


def test_surrogate_pair() -> None:
    """A surrogate pair in escapes is one character."""
    assert read('{"a": "\\ud83d\\ude80"}').data == {"a": "🚀"}


@pytest.mark.parametrize(
    ("payload", "message", "offset"),
    [
        (b"", "not JSON: Expecting value", 0),
        (b"[1]", "a JSON object is needed", 0),
        (b"21.5", "a JSON object is needed", 0),
        ('{"é": x}'.encode(), "not JSON: Expecting value", 7),
        (b'{"a":1', "not JSON: Expecting ',' delimiter", 6),
        (b'{"a":1}{', "not JSON: Extra data", 7),
        (b'{"a":"\xff"}', "not JSON: byte 6 is not UTF-8", 6),
        (b'{"a":1,"b":{"a":2,"a":3}}', "the key a stands twice in one object", 18),
        (b'{"a\n":1}', "Invalid control character", 3),
    ],
)
def test_refused(payload: bytes, message: str, offset: int) -> None:
    """What is no JSON object is refused in words, with the byte at which reading stopped."""
    with pytest.raises(DecodeError, match=message) as caught:
        JSON.decode(payload)

    assert caught.value.offset == offset


def test_depth() -> None:
    """Objects and lists stand in each other up to a limit; brackets in texts do not count."""
    deep = '{"a":' * DEEPEST + "1" + "}" * DEEPEST
    brackets = {"a": '[{\\"' * 40, "]": ["[" * 40]}

    assert read(deep).data["a"]
    assert read(json.dumps(brackets)).data == brackets
    with pytest.raises(DecodeError, match=f"nested more than {DEEPEST} deep") as caught:
        read(f'{{"b": {deep}}}')
    assert caught.value.offset == 6 + 5 * (DEEPEST - 1)
    with pytest.raises(DecodeError, match="nested more than"):
        read("[" * 16_000)
    with pytest.raises(DecodeError, match="not JSON"):
        read("[]" * 8_000)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": float("nan")}, "a: NaN, infinite"),
        ({"a": [{"b": 2**63}]}, r"a\.0\.b: NaN, infinite, or an integer of more than 64 bits with sign"),
        ({"a": b"x"}, "a: a bytes cannot be written"),
        ({"a": "\0"}, "a: '.x00' has a character that no text holds"),
        ({"a": {1: 2}}, "a: 1 cannot be a key"),
        ({"\ud800": 2}, "the whole: '.ud800' cannot be a key"),
    ],
)
def test_not_written(data: Mapping[str, object], message: str) -> None:
    """What JSON cannot say is refused in words that name the path."""
    with pytest.raises(EncodeError, match=message):
        JSON.encode(data)


def test_circle_is_not_written() -> None:
    """An object that holds itself is refused."""
    circle: dict[str, object] = {}
    circle["a"] = circle

    with pytest.raises(EncodeError, match=f"nested more than {DEEPEST} deep"):
        JSON.encode(circle)
