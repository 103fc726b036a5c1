"""What canonical ids promise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BadRequestError
from model.identity import canonical_id, possible_ids


@pytest.mark.parametrize(
    ("text", "technology", "expected"),
    [
        ("70B3D50000000001", "lorawan", "70b3d50000000001"),
        (" 70-b3-D5-00-00-00-00-01 ", "lorawan", "70b3d50000000001"),
        ("70:b3:d5:00:00:00:00:01", "lorawan", "70b3d50000000001"),
        ("B5F3C1", "sigfox", "00b5f3c1"),
        ("00b5f3c1", "sigfox", "00b5f3c1"),
        (" Tram-12.a ", "native", "Tram-12.a"),
    ],
)
def test_one_form(text: str, technology: str, expected: str) -> None:
    """An id has one form, however it is written."""
    assert canonical_id(text, technology=technology) == expected


@pytest.mark.parametrize(
    ("text", "technology", "example"),
    [
        ("70b3d5000000001", "lorawan", "70b3d50000000001"),
        ("g0b3d50000000001", "lorawan", "70b3d50000000001"),
        ("123456789", "sigfox", "00b5f3c1"),
        ("", "sigfox", "00b5f3c1"),
        ("tram 12", "native", "tram-12"),
        ("x" * 65, "native", "tram-12"),
        ("é", "native", "tram-12"),
    ],
)
def test_what_is_no_id(text: str, technology: str, example: str) -> None:
    """What cannot be an id is refused by a message that shows one."""
    with pytest.raises(BadRequestError, match=example):
        canonical_id(text, technology=technology)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tram-12", ("tram-12",)),
        ("70-B3-D5-00-00-00-00-01", ("70-B3-D5-00-00-00-00-01", "70b3d50000000001")),
        ("B5F3C1", ("B5F3C1", "00b5f3c1")),
        ("00b5f3c1", ("00b5f3c1",)),
        ("not an id!", ()),
    ],
)
def test_what_somebody_may_mean(text: str, expected: tuple[str, ...]) -> None:
    """Whoever writes an id without saying of which network may mean each of these, the likeliest first."""
    assert possible_ids(text) == expected


@given(st.text(), st.sampled_from(["lorawan", "sigfox", "native"]))
def test_any_text(text: str, technology: str) -> None:
    """Any text has a canonical form, which is its own, or is refused."""
    try:
        found = canonical_id(text, technology=technology)
    except BadRequestError:
        return
    assert canonical_id(found, technology=technology) == found
