from datetime import UTC, datetime, timedelta

import pytest

from api.console.formats import age, clock_time, hour, milliseconds, position, value
from model.device import Language
from model.uplink import Value
from tests.unit.api.console.samples import LAMP, TRAM


@pytest.mark.parametrize(
    ("of", "field", "shown"),
    [
        (48.3, LAMP.field("power_w"), "48,3\u00a0W"),
        (True, LAMP.field("lamp_on"), "oui"),
        (None, LAMP.field("power_w"), "inconnu"),
        ("building", None, "building"),
        (48.390512, TRAM.field("latitude_deg"), "48,39051°"),
        (7, None, "7"),
    ],
)
def test_values(of: Value, field: object, shown: str) -> None:
    """A value is shown with its unit, true and false as words, null as unknown and never as zero."""
    assert value(of, field, "fr", yes="oui", no="non", nothing="inconnu") == shown  # type: ignore[arg-type]  # a Field


@pytest.mark.parametrize(
    ("at", "language", "shown"),
    [
        (datetime(2026, 1, 15, 11, 0, 5, tzinfo=UTC), "en", "Thu 2026-01-15, 12:00:05 CET"),
        (datetime(2026, 7, 15, 22, 30, tzinfo=UTC), "fr", "jeu. 16/07/2026, 00:30:00 CEST"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "en", "Sun 2026-10-25, 02:30:00 CEST"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "en", "Sun 2026-10-25, 02:30:00 CET"),
    ],
)
def test_times(at: datetime, language: Language, shown: str) -> None:
    """Times are those of Paris with the zone's name, so that the hour that comes twice can be told apart."""
    assert clock_time(at, language) == shown


def test_hours() -> None:
    """An hour of the ledger is named by its day, its start and its zone."""
    at = datetime(2026, 7, 15, 22, 0, tzinfo=UTC)
    assert hour(at, "fr") == "jeu. 16/07, 00:00 CEST"
    assert hour(at, "en") == "Thu 07-16, 00:00 CEST"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0\u00a0s"), (59, "59\u00a0s"), (60, "1\u00a0min"), (7199, "1\u00a0h"), (259200, "3\u00a0j")],
)
def test_ages(seconds: int, shown: str) -> None:
    """An age is told in its largest unit, and is never negative."""
    assert age(timedelta(seconds=seconds), "fr") == shown


def test_places() -> None:
    """A place is told with the points of the compass in the reader's language."""
    assert position(48.39, -4.486, "en") == "48.39000° N, 4.48600° W"
    assert position(-21.1, 55.5, "fr") == "21,10000° S, 55,50000° E"
    assert position(48.39, -4.486, "fr") == "48,39000° N, 4,48600° O"


def test_milliseconds() -> None:
    """Times reach the browser as milliseconds since 1970."""
    assert milliseconds(datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)) == 1500
