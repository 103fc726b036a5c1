"""Lengths of time as rules say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.spans import Span


@given(st.integers(0, 10**12 - 1))
def test_what_a_length_of_time_says_is_read_as_the_same(ms: int) -> None:
    """Whatever its size, to the millisecond: a rule that is exported and applied again is the same rule."""
    span = Span(ms * 1_000)

    assert Span.parse(str(span)) == span


@pytest.mark.parametrize("text", ["1000001 s", "1234567.891 s", "0.001 s", "90 s", "90 min", "36 h", "10 d", "3 weeks"])
def test_people_read_digits_and_no_powers_of_ten(text: str) -> None:
    """Long and small ones are written as they are typed."""
    assert str(Span.parse(text)) == text
