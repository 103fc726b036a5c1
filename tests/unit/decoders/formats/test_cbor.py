"""CBOR maps in payloads: every kind of item, tags that do nothing, what is refused, and where; writing it short."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.formats import formats
from decoders.formats._base import DEEPEST
from decoders.output import Output
from model.errors import DecodeError
from tests.unit.decoders.formats.test_json import OBJECTS

CBOR = formats()["cbor"].make({})


def value(item: str) -> object:
    """Return what an item, in hex, says as the only value of a map; there must be no warning."""
    output = CBOR.decode(bytes.fromhex("a16161" + item))
    assert output.warnings == ()
    return output.data["a"]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("00", 0),
        ("17", 23),
        ("1818", 24),
        ("1903e8", 1000),
        ("1a000f4240", 1_000_000),
        ("1b7fffffffffffffff", 2**63 - 1),
        ("20", -1),
        ("3863", -100),
        ("3b7fffffffffffffff", -(2**63)),
        ("f90000", 0.0),
        ("f93e00", 1.5),
        ("f90001", 2.0**-24),
        ("fa47c35000", 100_000.0),
        ("fb3ff199999999999a", 1.1),
        ("f97e00", None),
        ("fa7f800000", None),
        ("fbfff0000000000000", None),
        ("f4", False),
        ("f5", True),
        ("f6", None),
        ("f7", None),
        ("60", ""),
        ("62c3a9", "é"),
        ("7f6161 62c3a9 ff", "aé"),
        ("43010203", "010203"),
        ("5f41014202 03ff", "010203"),
        ("80", []),
        ("83010203", [1, 2, 3]),
        ("9f0182f5f6ff", [1, [True, None]]),
        ("a2010261620c", {"1": 2, "b": 12}),
        ("a12005", {"-1": 5}),
        ("a142ff0005", {"ff00": 5}),
        ("bf6161 9f ff ff", {"a": []}),
        ("c11a514b67b0", 1363896240),
        ("c0 74 323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z"),
        ("c2 43 010000", 65536),
        ("c3 43 010000", -65537),
        ("c2 40", 0),
        ("c4 82 21 196ab3", 273.15),
        ("c4 82 1b7fffffffffffffff 01", None),
        ("c4 82 3b7fffffffffffffff 01", 0.0),
        ("c5 82 20 03", 1.5),
        ("c5 82 1a7fffffff 01", None),
        ("d8184100", "00"),
        ("d82550" + "00" * 16, "00" * 16),
        ("d9d9f7 01", 1),
    ],
)
def test_item(item: str, expected: object) -> None:
    """Each kind of item means what RFC 8949 says, as JSON has it."""
    found = value(item)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("item", "expected", "warning"),
    [
        ("1b8000000000000000", None, "the integer at byte 3 has more than 64 bits with sign: null"),
        ("3b8000000000000000", None, "the integer at byte 3 has more than 64 bits with sign: null"),
        ("c249010000000000000000", None, "the integer at byte 3 has more than 64 bits with sign: null"),
        ("c48200c249010000000000000000", None, "the integer at byte 6 has more than 64 bits with sign: null"),
        ("e0", None, "the simple value 0 at byte 3 has no meaning: null"),
        ("f8ff", None, "the simple value 255 at byte 3 has no meaning: null"),
        ("6100", None, "the text at byte 3 has a character that no text holds: null"),
        ("d903e705", 5, "tag 999 at byte 3 is not known: its content is kept"),
    ],
)
def test_warning(item: str, expected: object, warning: str) -> None:
    """What cannot be kept is null, with a warning that says where; a tag that is not known does nothing."""
    assert CBOR.decode(bytes.fromhex("a16161" + item)) == Output({"a": expected}, (warning,))


@pytest.mark.parametrize(
    ("payload", "message", "offset"),
    [
        ("", "the payload ends too early: 1 bytes needed, 0 left", 0),
        ("01", "a CBOR map is needed", 0),
        ("8101", "a CBOR map is needed", 0),
        ("a1", "1 items cannot stand in what is left", 0),
        ("a161", "the payload ends too early: 1 bytes needed, 0 left", 2),
        ("a16161", "the payload ends too early", 3),
        ("a16161 19 03", "the payload ends too early: 2 bytes needed, 1 left", 4),
        ("a16161 5bffffffffffffffff", "the payload ends too early: 18446744073709551615 bytes needed", 12),
        ("a16161 9bffffffffffffffff", "18446744073709551615 items cannot stand in what is left", 3),
        ("a16161 9f01", "the payload ends too early", 5),
        ("a16161 1c", "0x1c is no CBOR", 3),
        ("a16161 1f", "0x1f is no CBOR", 3),
        ("a16161 df", "0xdf is no CBOR", 3),
        ("a16161 ff", "a break where an item is needed", 3),
        ("a16161 61ff", "the text is not UTF-8", 3),
        ("a16161 7f41 00ff", "a string is made of strings of its own kind", 4),
        ("a16161 7f7f6161ffff", "a string is made of strings of its own kind", 4),
        ("a1f501", "a key must be a text, an integer or bytes", 1),
        ("a1810101", "a key must be a text, an integer or bytes", 1),
        ("a1610001", "the key has a character that no text holds", 1),
        ("a2616101616102", "the key a stands twice in one map", 4),
        ("a20101613102", "the key 1 stands twice in one map", 3),
        ("a1616101 00", "1 bytes too many", 4),
        ("a16161c201", "tag 2 needs bytes", 3),
        ("a16161c26130", "tag 2 needs bytes", 3),
        ("a16161c2", "the payload ends too early", 4),
        ("a16161c401", "tag 4 needs an exponent and a mantissa", 3),
        ("a16161c4820161 31", "tag 4 needs an exponent and a mantissa", 3),
        ("a16161c582f501", "tag 5 needs an exponent and a mantissa", 3),
        ("a16161d81d00", "tag 29: references are not followed", 3),
        ("a16161d81900", "tag 25: references are not followed", 3),
    ],
)
def test_refused(payload: str, message: str, offset: int) -> None:
    """What is no CBOR map is refused in words, with the byte at which reading stopped."""
    with pytest.raises(DecodeError, match=message) as caught:
        CBOR.decode(bytes.fromhex(payload))

    assert caught.value.offset == offset


@pytest.mark.parametrize("nest", [b"\x81", b"\xa1\x61a", b"\x9f", b"\xd9\x03\xe7"])
def test_depth(nest: bytes) -> None:
    """Containers and tags stand in each other up to a limit."""
    end = b"\xff" if nest == b"\x9f" else b""
    deepest = DEEPEST - 1  # the map around is one

    assert CBOR.decode(b"\xa1\x61a" + nest * deepest + b"\x01" + end * deepest).data["a"]
    with pytest.raises(DecodeError, match=f"nested more than {DEEPEST} deep"):
        CBOR.decode(b"\xa1\x61a" + nest * (deepest + 1) + b"\x01" + end * (deepest + 1))


def test_a_tag_runs_nothing() -> None:
    """A sender's regular expression stays a text."""
    assert value("d823 62 2829") == "()"


@given(data=OBJECTS)
def test_written_again(data: dict[str, object]) -> None:
    """What is written is read again."""
    assert CBOR.decode(CBOR.encode(data)) == Output(data)


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        ({}, "a0"),
        ({"a": 1.5}, "a1 6161 f93e00"),
        ({"a": 100_000.0}, "a1 6161 fa47c35000"),
        ({"a": 1.1}, "a1 6161 fb3ff199999999999a"),
        ({"1": 23, "-25": -500}, "a2 01 17 3818 3901f3"),
        ({"01": None, "-0": True, "x": False}, "a3 623031 f6 622d30 f5 6178 f4"),
        ({"a": [70_000, 2**40]}, "a1 6161 82 1a00011170 1b0000010000000000"),
    ],
)
def test_written_short(data: dict[str, object], payload: str) -> None:
    """Values take as few bytes as keep them; a key that is an integer in digits is written as an integer."""
    assert CBOR.encode(data) == bytes.fromhex(payload)


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_floats_keep_their_sign(number: float) -> None:
    """A float keeps every bit, the sign of zero included."""
    found = CBOR.decode(CBOR.encode({"a": number})).data["a"]

    assert isinstance(found, float)
    assert (found, math.copysign(1, found)) == (number, math.copysign(1, number))
