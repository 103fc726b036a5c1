"""Times as people write them on the command line: ``--from yesterday --to 2026-07-01T12:00``.

A day or time without a zone is local (of the city); everything is returned in UTC. A day begins at its midnight.
"""

import argparse
import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from model.errors import BadRequestError

FORMS = "2026-07-01, 2026-07-01T12:00 (local), 2026-07-01T12:00Z, today, yesterday, now, -90min, -24h or -7d"
_AGO = re.compile(r"-(\d{1,6})\s*(min|h|d|w)")
_UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def moment_of(text: str, *, now: datetime, zone: str = "Europe/Paris") -> datetime:
    """Return the moment that a person means, UTC; raise ``BadRequestError`` with the forms there are."""
    local = ZoneInfo(zone)
    word = text.strip().lower()
    if word == "now":
        return now.astimezone(UTC)
    if word in {"today", "yesterday"}:
        day = now.astimezone(local).date() - timedelta(days=word == "yesterday")
        return datetime.combine(day, time(), local).astimezone(UTC)
    try:
        if ago := _AGO.fullmatch(word):
            return (now - int(ago[1]) * _UNITS[ago[2]]).astimezone(UTC)
        when = datetime.fromisoformat(text.strip())
        return (when if when.tzinfo else when.replace(tzinfo=local)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequestError(f"{text!r} is no time: write {FORMS}") from None


def take_spans(parser: argparse.ArgumentParser) -> None:
    """Let options take ``-24h`` as their value: argparse would look for an option of that name."""
    parser._negative_number_matcher = re.compile(r"-\d+(\.\d+)?(min|h|d|w)?$")  # noqa: SLF001 -- there is no public way
