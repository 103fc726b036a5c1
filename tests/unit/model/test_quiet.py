"""Quiet hours: which they are, when they end, whom they spare."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.quiet import Quiet

PARIS = ZoneInfo("Europe/Paris")
NIGHT = Quiet(time(22), time(7))


@pytest.mark.parametrize(
    ("said", "quiet"),
    [
        ({"from": "22:00", "to": "07:00"}, Quiet(time(22), time(7), "critical")),
        ({"from": "12:30", "to": "14:00", "except": "warning"}, Quiet(time(12, 30), time(14), "warning")),
        ({"from": "22:00", "to": "07:00", "except": "none"}, Quiet(time(22), time(7), None)),
    ],
)
def test_quiet_hours_are_written_as_a_table(said: object, quiet: Quiet) -> None:
    """From, to, and from which severity on messages come nonetheless."""
    assert Quiet.parse(said) == quiet


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("22:00-07:00", "must be a table"),
        ({"from": "22:00"}, "must be a table"),
        ({"from": "22:00", "to": "07:00", "excpt": "critical"}, "must be a table"),
        ({"from": "late", "to": "07:00"}, "'late' where a time"),
        ({"from": 22, "to": "07:00"}, "22 where a time"),
        ({"from": "22:00Z", "to": "07:00"}, "where a time"),
        ({"from": "07:00", "to": "07:00"}, "end at another time"),
        ({"from": "22:00", "to": "07:00", "except": "grave"}, '"info", "warning", "critical", "none"'),
        ({"from": "22:00", "to": "07:00", "except": ["critical"]}, '"info", "warning", "critical", "none"'),
    ],
)
def test_what_are_no_quiet_hours_is_refused_with_what_would_be_right(said: object, words: str) -> None:
    """The error shows how they are written."""
    with pytest.raises(ValueError, match=words):
        Quiet.parse(said)


def test_they_spare_what_is_bad_enough() -> None:
    """What is as bad as the exception, or worse; with none, nothing."""
    assert [NIGHT.spares(one) for one in ("info", "warning", "critical")] == [False, False, True]
    assert [Quiet(time(22), time(7), "warning").spares(one) for one in ("info", "warning", "critical")] == [
        False,
        True,
        True,
    ]
    assert not Quiet(time(22), time(7), None).spares("critical")


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-01-10T21:00+01:00", None),
        ("2026-01-10T22:00+01:00", "2026-01-11T07:00+01:00"),
        ("2026-01-11T06:59+01:00", "2026-01-11T07:00+01:00"),
        ("2026-01-11T07:00+01:00", None),
        ("2026-07-10T23:30+02:00", "2026-07-11T07:00+02:00"),
        ("2026-03-28T23:00+01:00", "2026-03-29T07:00+02:00"),  # the night that lacks an hour
        ("2026-10-24T23:00+02:00", "2026-10-25T07:00+01:00"),  # the night that has one more
    ],
)
def test_they_end_by_the_clocks_of_the_city(now: str, ends: str | None) -> None:
    """Over midnight, in summer and winter, and in the nights between."""
    expected = datetime.fromisoformat(ends) if ends else None

    assert NIGHT.until(datetime.fromisoformat(now), PARIS) == expected


def test_within_one_day() -> None:
    """A break at noon is over in the afternoon."""
    noon = Quiet(time(12), time(14))

    assert noon.until(datetime(2026, 1, 10, 12, 30, tzinfo=UTC), PARIS) == datetime(2026, 1, 10, 13, tzinfo=UTC)
    assert noon.until(datetime(2026, 1, 10, 14, 0, tzinfo=UTC), PARIS) is None


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 its zone comes next
    st.times(),
    st.times(),
)
def test_their_end_is_always_to_come_and_within_a_day(now: datetime, start: time, end: time) -> None:
    """Whatever the hours and the season: nobody waits for a moment that has passed, or for longer than a day."""
    ends = Quiet(start, end).until(now.replace(tzinfo=UTC), PARIS)

    assert ends is None or timedelta() < ends - now.replace(tzinfo=UTC) <= timedelta(hours=25)
