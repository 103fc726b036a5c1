"""Promises of hours that come again every week."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.alarm import Silence
from model.said import in_language
from model.weekly import DAYS, Weekly, comes, holds_until, problem

PARIS = ZoneInfo("Europe/Paris")
NIGHT = Weekly(days=("sat",), start="22:00", end="04:00")
clocks = st.times().map(lambda at: f"{at:%H:%M}")
weeklies = st.builds(
    Weekly,
    days=st.sets(st.sampled_from(DAYS), min_size=1).map(lambda days: tuple(sorted(days))),
    start=clocks,
    end=clocks,
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- in UTC


def paris(day: str, hour: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=PARIS, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(("day", "after", "hours"), [("2026-03-28", "2026-03-29", 5), ("2026-10-24", "2026-10-25", 7)])
def test_clocks_that_change_move_no_hour(day: str, after: str, hours: int) -> None:
    """From 22:00 to 04:00 by the clocks of Paris, which lasts an hour less or more in the two nights of the year."""
    start, end = paris(day, "22:00"), paris(after, "04:00")

    assert end - start == timedelta(hours=hours)
    assert comes(NIGHT, start - timedelta(hours=3)) == (start, end)
    assert holds_until(NIGHT, start) == holds_until(NIGHT, end - timedelta(seconds=1)) == end
    assert holds_until(NIGHT, end) is None
    assert holds_until(NIGHT, start - timedelta(seconds=1)) is None


def test_a_time_that_comes_twice_or_never_is_by_standard_time() -> None:
    """So that everybody who counts finds the same moment."""
    twice = Weekly(days=("sun",), start="02:30", end="06:00")
    assert comes(twice, paris("2026-10-25", "00:00")) == (paris("2026-10-25", "02:30", 1), paris("2026-10-25", "06:00"))
    assert comes(twice, paris("2026-03-29", "00:00")) == (paris("2026-03-29", "03:30"), paris("2026-03-29", "06:00"))


@given(weeklies, moments)
def test_what_holds_is_what_comes(of: Weekly, at: datetime) -> None:
    """Hours come within eight days, and at each moment of theirs they hold until they end."""
    turn = comes(of, at)
    assert turn is not None
    assert turn[1] > at
    assert turn[0] - at <= timedelta(days=8)
    until = holds_until(of, at)
    assert (until is not None) is (turn[0] <= at)
    if turn[0] > at:
        assert holds_until(of, turn[0] - timedelta(microseconds=1)) is None or at >= turn[0]
        assert (holds_until(of, turn[0]) or at) >= turn[1]


@given(weeklies, moments)
def test_a_silence_holds_in_its_hours_between_its_ends(of: Weekly, at: datetime) -> None:
    """Never before it starts, never after it ends, in between as its hours say."""
    week = timedelta(days=7)
    silence = Silence(starts_at=at, ends_at=at + 3 * week, reason="a", by="b", weekly=of)
    turn = comes(of, at + week)
    assert turn is not None
    middle = max(turn[0], at + week)
    assert silence.until(middle) == min(holds_until(of, middle) or middle, at + 3 * week)
    assert silence.until(at - timedelta(seconds=1)) is None
    assert silence.until(at + 3 * week) is None


@pytest.mark.parametrize(
    ("of", "place"),
    [
        (Weekly(days=(), start="22:00", end="04:00"), "weekly.days"),
        (Weekly(days=("tue",), start="7:00", end="04:00"), "weekly.start"),
        (Weekly(days=("tue",), start="22:00", end="24:00"), "weekly.end"),
        (Weekly(days=("tue",), start="22:00", end="04:00", zone="Brest"), "weekly.zone"),
        (NIGHT, None),
    ],
)
def test_what_is_wrong_is_named(of: Weekly, place: str | None) -> None:
    """With its place and what to write, in both languages."""
    found = problem(of)
    assert (found is None) is (place is None)
    if found is not None:
        assert found.startswith(f"{place}: ")
        assert in_language(found, "fr") != found
