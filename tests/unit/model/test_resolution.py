"""Charts: which resolution answers, and where its buckets begin."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.resolution import Kept, Resolution, after, begin, choose, reaching, whole

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
FOR_EVER: Kept = dict.fromkeys(Resolution)
FADING: Kept = {
    Resolution.RAW: 30 * DAY,
    Resolution.MINUTE: 30 * DAY,
    Resolution.QUARTER: 90 * DAY,
    Resolution.HOUR: 730 * DAY,
    Resolution.DAY: None,
}
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- Hypothesis adds the zone
ZONES = st.sampled_from([PARIS, ZoneInfo("UTC"), ZoneInfo("America/Santiago"), ZoneInfo("Pacific/Auckland")])


def chosen(span: timedelta, kept: Kept = FOR_EVER, *, period: timedelta = 15 * MINUTE, points: int = 500) -> Resolution:
    return choose(kept, start=NOW - span, end=NOW, now=NOW, period=period, points=points)


@pytest.mark.parametrize(
    ("span", "period", "resolution"),
    [
        (DAY, 15 * MINUTE, "raw"),
        (DAY, timedelta(seconds=10), "1min"),
        (7 * DAY, 5 * MINUTE, "15min"),
        (30 * DAY, 15 * MINUTE, "1h"),
        (365 * DAY, 15 * MINUTE, "1d"),
        (365 * DAY, DAY, "raw"),
        (timedelta(seconds=1), 15 * MINUTE, "raw"),
        (40_000 * DAY, 15 * MINUTE, "1d"),
    ],
    ids=str,
)
def test_a_line_has_about_as_many_points_as_a_screen_shows(span: timedelta, period: timedelta, resolution: str) -> None:
    """A day is drawn from readings, a month by hour, a year by day; slow devices by their readings."""
    assert chosen(span, period=period) == resolution


def test_a_small_chart_is_coarser() -> None:
    """Who asks for thirty points of a month gets days."""
    assert chosen(30 * DAY, points=30) is Resolution.DAY


@pytest.mark.parametrize(
    ("asked", "age", "given"),
    [
        ("raw", 29 * DAY, "raw"),
        ("raw", 31 * DAY, "15min"),
        ("1min", 91 * DAY, "1h"),
        ("1h", 731 * DAY, "1d"),
        ("1d", 9999 * DAY, "1d"),
        (None, 31 * DAY, "1h"),
        (None, 800 * DAY, "1d"),
    ],
    ids=str,
)
def test_what_is_not_kept_so_long_is_answered_by_a_coarser_one(asked: str | None, age: timedelta, given: str) -> None:
    """No line begins later than asked because its rollup was cut off."""
    resolution = None if asked is None else Resolution(asked)

    assert choose(FADING, start=NOW - age, end=NOW, now=NOW, period=15 * MINUTE, resolution=resolution) is Resolution(
        given
    )


def test_where_nothing_is_kept_so_long_the_one_kept_longest_answers() -> None:
    """The answer begins when there was something."""
    kept: Kept = {Resolution.RAW: 10 * DAY, Resolution.HOUR: 90 * DAY, Resolution.DAY: 90 * DAY}

    assert reaching(kept, NOW - 100 * DAY, NOW) == (Resolution.DAY,)


def test_an_age_that_no_calendar_reaches_is_for_ever() -> None:
    """A retention of ten thousand years is no error."""
    assert reaching({Resolution.DAY: timedelta.max}, NOW, NOW) == (Resolution.DAY,)


def test_days_of_summer_time_have_23_and_25_hours() -> None:
    """A local day begins and ends at midnight of the city, whatever the clocks did."""
    spring, autumn = datetime(2026, 3, 29, 12, tzinfo=PARIS), datetime(2026, 10, 25, 12, tzinfo=PARIS)

    days = [begin(Resolution.DAY, noon, PARIS) for noon in (spring, autumn)]

    assert days == [datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)]
    assert [after(Resolution.DAY, day, PARIS) - day for day in days] == [23 * HOUR, 25 * HOUR]


def test_a_range_is_widened_to_whole_buckets() -> None:
    """Half hours become hours, whole hours stay, readings are as they are."""
    half = NOW + 30 * MINUTE

    assert whole(Resolution.HOUR, half - HOUR, half, PARIS) == (NOW - HOUR, NOW + HOUR)
    assert whole(Resolution.HOUR, NOW - HOUR, NOW, PARIS) == (NOW - HOUR, NOW)
    assert whole(Resolution.RAW, half, half + MINUTE, PARIS) == (half, half + MINUTE)


@given(TIMES, st.sampled_from(list(Resolution)[1:]), ZONES)
def test_every_time_lies_in_the_bucket_that_begins_there(
    time: datetime, resolution: Resolution, zone: ZoneInfo
) -> None:
    """Buckets neither overlap nor leave anything out."""
    bucket = begin(resolution, time, zone)
    behind = after(resolution, bucket, zone)

    assert bucket <= time < behind
    assert begin(resolution, bucket, zone) == bucket
    assert begin(resolution, behind, zone) == behind
    assert begin(resolution, behind - timedelta(microseconds=1), zone) == bucket
