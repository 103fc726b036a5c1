"""The city's calendar agrees with the world's."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from model.errors import BadRequestError
from simulators.days import COUNT, DAY_S, SATURDAY, START_S, SUNDAY, WORKDAY, calendar, easter, holidays, local

PARIS = ZoneInfo("Europe/Paris")
FIRST = date(2025, 1, 1)


def test_wall_time_is_that_of_paris() -> None:
    """Whatever the moment, summer time and its changes included, the wall clock shows what it shows in Paris."""
    changes = [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]
    edges = [change.timestamp() + shift for change in changes for shift in (-7201, -3601, -1, 0, 1, 3600, 7200)]
    at = np.concatenate((np.random.default_rng(7).uniform(START_S, START_S + COUNT * DAY_S - 8000, 3000), edges))
    day, second = local(at)
    for moment, number, since in zip(at, day, second, strict=True):
        wall = datetime.fromtimestamp(moment, PARIS)
        assert number == (wall.date() - FIRST).days
        shown = timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
        assert since == pytest.approx(shown.total_seconds(), abs=1e-3)


def test_midnights_are_those_of_paris() -> None:
    """Every local day begins when it begins in Paris, so days of 23 and 25 hours have their length."""
    for number, midnight in enumerate(calendar().midnight_s[:COUNT]):
        day = FIRST + timedelta(days=number)
        assert midnight == datetime(day.year, day.month, day.day, tzinfo=PARIS).timestamp()


def test_kinds_of_days() -> None:
    """Weekends and public holidays are known, Easter's included."""
    kind = calendar().kind
    assert kind[(date(2026, 11, 20) - FIRST).days] == WORKDAY
    assert kind[(date(2026, 11, 21) - FIRST).days] == SATURDAY
    assert kind[(date(2026, 11, 22) - FIRST).days] == SUNDAY
    assert kind[(date(2026, 11, 11) - FIRST).days] == SUNDAY
    assert [easter(year) for year in (2025, 2026, 2038)] == [date(2025, 4, 20), date(2026, 4, 5), date(2038, 4, 25)]
    assert {date(2026, 4, 6), date(2026, 5, 14), date(2026, 5, 25)} < holidays(2026)


def test_there_is_no_city_before_its_beginning() -> None:
    """A clock that was never set is told so, in place of nonsense."""
    with pytest.raises(BadRequestError, match="check the clock"):
        local(np.array([0.0]))
