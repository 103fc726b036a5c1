"""When a device was silent, and how much of the expected it brought."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from model.resolution import Resolution
from model.views import Gap
from storage.silence import Expectation, Known, Spoken, brought, finest, percent, worst

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALL = tuple(Resolution)


def expectation(
    *, start: datetime = NOON, span: timedelta = 6 * HOUR, resolution: Resolution = Resolution.RAW
) -> Expectation:
    return Expectation(start=start, end=start + span, period=15 * MINUTE, resolution=resolution, zone=PARIS)


def spoken(of: Expectation, *times: datetime) -> list[Spoken]:
    """Return what the database tells of a device that spoke then: what lies around silences."""
    befores, afters = (None, *times), (*times[1:], None)
    found = [Spoken(time, before, behind) for time, before, behind in zip(times, befores, afters, strict=False)]
    return [each for each in found if each.before is None or each.after is None or each.after - each.time > of.apart]


def known(name: str = "lamp", first_seen: datetime | None = None) -> Known:
    return Known(1, name, "", None, first_seen)


def test_two_readings_too_far_apart_have_a_gap_between() -> None:
    """An hour without a reading lacks three, between the readings around it; jitter is no gap."""
    of = expectation(span=2 * HOUR)
    minutes = (1, 15, 36, 45, 105, 119)

    gaps = list(of.gaps(spoken(of, *(NOON + minute * MINUTE for minute in minutes))))

    assert gaps == [Gap(start=NOON + 45 * MINUTE, end=NOON + 105 * MINUTE, missing=3)]


def test_silence_at_the_ends_of_the_range_is_a_gap() -> None:
    """Before the first reading and behind the last one, as far as the range goes."""
    of = expectation()

    gaps = list(of.gaps(spoken(of, NOON + HOUR, NOON + HOUR + 15 * MINUTE)))

    assert gaps == [
        Gap(start=NOON, end=NOON + HOUR, missing=4),
        Gap(start=NOON + 75 * MINUTE, end=NOON + 6 * HOUR, missing=18),
    ]


def test_a_device_that_never_spoke_lacks_everything() -> None:
    """One gap, as long as the range; a range shorter than a period expects nothing."""
    assert list(expectation().gaps([])) == [Gap(start=NOON, end=NOON + 6 * HOUR, missing=24)]
    assert list(expectation(span=MINUTE).gaps([])) == []


def test_by_hour_only_silent_hours_are_gaps() -> None:
    """From rollups a gap has whole buckets, and lacks what they should have held."""
    of = expectation(resolution=Resolution.HOUR)

    gaps = list(of.gaps(spoken(of, NOON, NOON + HOUR, NOON + 4 * HOUR)))

    assert gaps == [
        Gap(start=NOON + 2 * HOUR, end=NOON + 4 * HOUR, missing=8),
        Gap(start=NOON + 5 * HOUR, end=NOON + 6 * HOUR, missing=4),
    ]


def test_days_of_summer_time_are_no_gaps() -> None:
    """Days that follow each other are 23, 24 or 25 hours apart; a silent one is as long as it is."""
    saturday, sunday, monday = (datetime(2026, 10, day, tzinfo=PARIS).astimezone(UTC) for day in (24, 25, 26))
    of = expectation(start=saturday, span=monday + DAY - saturday, resolution=Resolution.DAY)

    assert list(of.gaps(spoken(of, saturday, sunday, monday))) == []
    assert list(of.gaps(spoken(of, saturday, monday))) == [Gap(start=sunday, end=monday, missing=100)]
    assert [number for _, number in of.by_bucket()] == [96, 100, 96]


def test_the_bucket_of_now_expects_no_more_than_until_now() -> None:
    """A day that is not over lacks nothing that has yet to come."""
    morning = datetime(2026, 7, 1, tzinfo=PARIS).astimezone(UTC)
    of = expectation(start=morning, span=6 * HOUR, resolution=Resolution.DAY)

    assert list(of.by_bucket()) == [(morning, 24)]


@pytest.mark.parametrize(
    ("first_seen", "first", "start"),
    [
        (None, None, NOON),
        (NOON - DAY, NOON + HOUR, NOON),
        (NOON + 2 * HOUR, NOON + 2 * HOUR, NOON + 2 * HOUR),
        (NOON + 2 * HOUR, NOON + HOUR, NOON + HOUR),
        (NOON + DAY, None, NOON + 6 * HOUR),
    ],
    ids=["never heard", "known before", "new", "new, with its memory", "heard later only"],
)
def test_a_new_device_is_expected_from_when_it_was_heard(
    first_seen: datetime | None, first: datetime | None, start: datetime
) -> None:
    """What came before a device was there is no gap; what a logger brought from before counts."""
    assert expectation().of(known(first_seen=first_seen), first).start == start


def test_the_worst_come_first_and_nobody_is_more_than_complete() -> None:
    """In order of completeness, then of id; a device that was not expected at all is complete."""
    some = [brought(known("b"), 96, 90), brought(known("a"), 96, 90), brought(known("c"), 96, 200)]

    assert [(each.known.device, each.completeness) for each in worst(some, 2)] == [("a", 93.75), ("b", 93.75)]
    assert some[2].completeness == 100
    assert percent(0, 0) == 100


@pytest.mark.parametrize(
    ("devices", "span", "period", "resolution"),
    [
        (1, 365 * DAY, 15 * MINUTE, "raw"),
        (5000, HOUR, 15 * MINUTE, "raw"),
        (5000, DAY, 15 * MINUTE, "1h"),
        (5000, 30 * DAY, 15 * MINUTE, "1d"),
        (5000, 365 * DAY, 15 * MINUTE, "1d"),
        (5000, 30 * DAY, 12 * HOUR, "1d"),
        (50_000, 365 * DAY, 30 * DAY, "raw"),
    ],
    ids=str,
)
def test_gaps_are_looked_for_as_finely_as_can_be_afforded(
    devices: int, span: timedelta, period: timedelta, resolution: str
) -> None:
    """One device by its readings, all of a month by day; never in buckets that a device may leave empty."""
    found = finest(ALL, devices=devices, span=span, period=period, most=150_000)

    assert found is Resolution(resolution)
