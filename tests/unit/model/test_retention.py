"""Ages as people write them."""

from datetime import timedelta

import pytest

from model.retention import Retention, age, said, too_short


@pytest.mark.parametrize(
    ("text", "days"), [("90 days", 90), ("1 day", 1), ("2y", None), ("2 years", 730), ("72h", 3), ("3 Months", 90)]
)
def test_units(text: str, days: int | None) -> None:
    """An age is a whole number and a unit; a year has 365 days, a month 30."""
    if days is None:
        with pytest.raises(ValueError, match='must be "90 days"'):
            age(text)
    else:
        assert age(text) == timedelta(days=days)


def test_for_ever() -> None:
    """What is kept for ever says so; nothing else means it."""
    assert age("none") is None
    for value in ("", "for ever", 0, "0 days", None, 1.5, True, ["1 day"]):
        with pytest.raises(ValueError, match=r"must be|has no unit"):
            age(value)


def test_what_is_said() -> None:
    """Ages are told as people write them."""
    ages = [None, timedelta(days=1), timedelta(hours=36), timedelta(minutes=1), timedelta(seconds=1.5)]

    assert [said(one) for one in ages] == ["for ever", "1 day", "36 hours", "1 minute", "1.5 seconds"]


def test_too_short() -> None:
    """What rollups are made of is kept for three days at least."""
    assert too_short(None) is None
    assert too_short(timedelta(days=3)) is None
    assert "3 days at least" in str(too_short(timedelta(hours=71)))


def test_over() -> None:
    """What is said closer by wins, also when it says for ever."""
    wide = Retention({"readings": timedelta(days=30), "rollups_1h": timedelta(days=90)})

    found = Retention({"readings": None}).over(wide)

    assert (found.readings, found.rollup("1h"), found.rollup("1d")) == (None, timedelta(days=90), None)
