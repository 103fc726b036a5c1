"""What counts as the same when a codec's answer is held against what its maker promised."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.corpora.comparison import difference, instants, same
from decoders.corpora.published import NOTHING, Expected
from model.script import Result


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ("2026-05-04T06:12:09.120Z", "2026-05-04T06:12:09.120999Z"),
        ("2026-05-04T06:12:09Z", "2026-05-04T08:12:09.000+02:00"),
        ("2026-05-04T06:12:09", "2026-05-04 06:12:09Z"),
        ("5/4/2026, 6:12:09 AM", "2026-05-04T06:12:09Z"),
        ("04/05/2026 06:12:09", "2026-05-04T06:12:09Z"),
        ("5/4/2026, 12:12:09 AM", "2026-05-04T00:12:09Z"),
        ("Mon May 04 2026 06:12:09 GMT+0000 (Coordinated Universal Time)", "2026-05-04T06:12:09Z"),
        ("Mon, 04 May 2026 06:12:09 GMT", "2026-05-04T06:12:09Z"),
        ("XXXX-XX-XXTXX:XX:XX.XXXZ", "2026-05-04T06:12:09Z"),
        ("SKIP_NUMBER", 17),
        (1.0000005, 1),
        (0.1 + 0.2, 0.3),
        (math.nan, None),
        (None, math.inf),
        ("", ""),
    ],
)
def test_one_thing_said_in_two_ways_is_the_same(expected: object, got: object) -> None:
    """Moments are compared as instants and numbers to a millionth; what JSON has no word for is null."""
    assert same(expected, got)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ("2026-05-04T06:12:09.120Z", "2026-05-04T06:12:09.121Z"),
        ("2026-05-04T06:12:09Z", "2026-05-04T06:12:09+02:00"),
        ("2026-13-04T06:12:09Z", "2026-13-04T06:12:10Z"),
        ("XXXX-XX-XXTXX:XX:XX.XXXZ", "soon"),
        ("SKIP_NUMBER", "17"),
        (1.00001, 1),
        (1, True),
        (0, False),
        ("1", 1),
        (None, 0),
        ("a", "b"),
        ([], {}),
    ],
)
def test_what_differs_differs(expected: object, got: object) -> None:
    """A text is no number, true is no one, and a millisecond counts."""
    assert not same(expected, got)


def test_a_difference_is_named_by_its_path() -> None:
    """The first difference is told with its path, what was got and what was expected."""
    expected = Expected({"a": {"b": [1, 2]}, "c": 1})
    assert difference(expected, Result({"a": {"b": [1, 3]}, "c": 2})) == "data.a.b.1 is 3 and not 2"
    assert difference(expected, Result({"a": {"b": [1]}, "c": 1})) == "data.a.b has 1 entries and not 2"
    assert difference(expected, Result({"a": {"b": [1, 2]}, "c": 1, "d": 0})) == "data.d is 0 and not nothing"
    assert difference(expected, Result({"a": {"b": [1, 2]}})) == "data.c is nothing and not 1"
    assert difference(Expected("x" * 100), Result("y")) == f"data is 'y' and not '{'x' * 58}…"


def test_keys_without_a_value_are_as_good_as_none() -> None:
    """A key whose value is null, and a key that is not there, say the same."""
    assert difference(Expected({"a": None}), Result({})) is None
    assert difference(Expected({}), Result({"a": None})) is None


def test_keys_are_texts() -> None:
    """YAML's keys may be numbers; a script's are texts."""
    assert difference(Expected({1: "a"}), Result({"1": "a"})) is None
    assert difference(Expected({1: "a"}), Result({"1": "b"})) == "data.1 is 'b' and not 'a'"


def test_any_error_satisfies_an_expected_one() -> None:
    """Error texts are those of the engine in which they were written: that there is one counts."""
    promised = Expected(NOTHING, errors=("bad length",))
    assert difference(promised, Result(errors=("a.js:3: RangeError",))) is None
    assert difference(promised, Result({"a": 1})) == "gives no error, but should: 'bad length'"
    assert difference(Expected({"a": 1}), Result(errors=("a.js:3: RangeError",))) == "fails: a.js:3: RangeError"


def test_warnings_are_compared_and_empty_lists_are_none() -> None:
    """A codec's own warnings must be those promised; what the engine adds does not count."""
    assert difference(Expected({}, warnings=("w",)), Result({}, warnings=("w",))) is None
    assert difference(Expected({}), Result({}, warnings=("the answer has no `data`: taken as it is",))) is None
    assert difference(Expected({}), Result({}, warnings=("w",))) == "warnings has 1 entries and not 0"
    assert difference(Expected(NOTHING), Result({"a": 1})) is None


def test_a_downlinks_port_counts_where_it_is_promised() -> None:
    """An example that names no port does not ask for one; a port may be written as a text."""
    sent = Result({"bytes": [1], "fPort": 2})
    assert difference(Expected({"bytes": [1]}), sent) is None
    assert difference(Expected({"bytes": [1], "fPort": "2"}), sent) is None
    assert difference(Expected({"bytes": [1], "fPort": 3}), sent) == "data.fPort is 2 and not 3"


def test_day_and_month_may_be_meant_either_way() -> None:
    """A date with slashes is two moments where it can be read in two ways, one where it cannot, none where never."""
    assert instants("4/5/2026 06:00") == {datetime(2026, 5, 4, 6, tzinfo=UTC), datetime(2026, 4, 5, 6, tzinfo=UTC)}
    assert instants("4/15/2026 06:00") == {datetime(2026, 4, 15, 6, tzinfo=UTC)}
    assert instants("14/15/2026 06:00") == set()


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.datetimes().map(str)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
)


@given(values, values)
def test_anything_is_the_same_as_itself(one: object, other: object) -> None:
    """Comparing raises nothing, finds no difference between a thing and itself, and finds what it finds either way."""
    assert difference(Expected(one), Result(one)) is None
    assert (difference(Expected(one), Result(other)) is None) == (difference(Expected(other), Result(one)) is None)
