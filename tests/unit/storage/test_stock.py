"""What there is to choose from, and how far back it goes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from model.resolution import Kept, Resolution
from model.retention import Retention
from storage.connection import Database
from storage.retention import UpkeepConfig
from storage.stock import Stock, common, config_of
from tests.unit.storage.batches import PROBE

NOW = datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
RAW, MINUTE, QUARTER, HOUR, DAYS = Resolution


def stock() -> Stock:
    ages = Retention({"readings": 90 * DAY, "rollups_15min": 180 * DAY, "rollups_1h": 730 * DAY})
    config = config_of(UpkeepConfig(zone="Europe/Lisbon", types={"probe": ages}))
    return Stock(Database("postgresql://nobody@localhost/none"), lambda: NOW, config)


def test_what_upkeep_keeps_can_be_asked() -> None:
    """Days are those of the city; each level goes back as far as its retention, the readings' views as they do."""
    of = stock()

    assert of.config.zone == ZoneInfo("Europe/Lisbon")
    assert of.kept(PROBE) == {RAW: 90 * DAY, MINUTE: 90 * DAY, QUARTER: 90 * DAY, HOUR: 730 * DAY, DAYS: None}
    often = replace(PROBE, period=timedelta(minutes=1))
    assert of.kept(often) == {RAW: 90 * DAY, MINUTE: 90 * DAY, QUARTER: 180 * DAY, HOUR: 730 * DAY, DAYS: None}


def test_groups_are_kept_by_hour_and_day() -> None:
    """Also of devices that speak so seldom that their hours are views of the readings."""
    assert stock().kept(replace(PROBE, period=DAY), group=True) == {HOUR: 730 * DAY, DAYS: None}


def test_a_domain_goes_back_as_far_as_all_its_types() -> None:
    """The shortest retention counts; what one type lacks, the domain lacks."""
    offers: list[Kept] = [{HOUR: None, DAYS: 9 * DAY}, {RAW: None, HOUR: 5 * DAY, DAYS: None}]

    assert common(offers) == {HOUR: 5 * DAY, DAYS: 9 * DAY}


def test_a_window_says_when_it_is_more_than_was_asked() -> None:
    """Whole days of the city."""
    noon = NOW + timedelta(hours=12)

    window = stock().window({DAYS: None}, noon, noon + DAY, timedelta(minutes=15), DAYS)

    assert (window.start, window.end) == (NOW - timedelta(hours=1), NOW + timedelta(hours=47))
    assert window.widened
