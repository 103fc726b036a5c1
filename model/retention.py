"""How long readings and rollups are kept: ages as people write them, and the rules that they keep to. Pure.

Rules:

1. An age has a unit ("90 days", "2 years"); "none" keeps for ever, and so does an age that nobody gives. A month has
   30 days, a year 365.
2. Rollups are made of readings and of finer rollups, so all of these stay for as long as late data may still change
   what is made of them: ``SETTLED``.
3. What is said of one device type wins over what is said of all; what penfeld.toml says wins over a device file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

Age = timedelta | None
LEVELS = ("1min", "15min", "1h", "1d")
KEYS = ("readings", *(f"rollups_{level}" for level in LEVELS))
"""What an age can be given for, of one device type."""
SETTLED = timedelta(days=3)
"""Two local days, and a refresh after them."""
FORMS = '"90 days", "2 years", or "none" to keep for ever'
_AGE = re.compile(r"(\d{1,6})\s*([a-z]+)")
_HOURS = {"h": 1, "hour": 1, "d": 24, "day": 24, "week": 168, "month": 720, "year": 8760}


def age(value: object) -> Age:
    """Return the age that a setting says; raise ``ValueError`` with what would be right."""
    if value == "none":
        return None
    match = _AGE.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    hours = match and (_HOURS.get(match[2]) or _HOURS.get(match[2].removesuffix("s")))
    if match and hours and int(match[1]):
        return timedelta(hours=int(match[1]) * hours)
    if isinstance(value, int | str) and re.fullmatch(r"\s*\d+\s*", str(value)):
        raise ValueError(f'has no unit: write "{str(value).strip()} days", or hours, weeks, months, years')
    raise ValueError(f"must be {FORMS}")


def too_short(of: Age) -> str | None:
    """Return what is wrong with an age of readings or rollups, ``None`` if nothing is."""
    if of is None or of >= SETTLED:
        return None
    return f"must be {said(SETTLED)} at least: rollups are made of it, and late data still changes them"


def said(of: Age) -> str:
    """Return an age as a person writes it."""
    if of is None:
        return "for ever"
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if not of % length and of >= length:
            return f"{of // length} {unit}{'s' if of // length > 1 else ''}"
    return f"{of.total_seconds():g} seconds"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is of one device type is kept, by ``KEYS``; what is absent is kept for ever."""

    ages: Mapping[str, Age] = field(default_factory=dict)

    @property
    def readings(self) -> Age:
        """How long readings are kept."""
        return self.ages.get("readings")

    def rollup(self, level: str) -> Age:
        """Return how long the rollups of a level ("1h") are kept."""
        return self.ages.get(f"rollups_{level}")

    def over(self, other: Self) -> Self:
        """Return these ages, and the other's where nothing is said here."""
        return type(self)({**other.ages, **self.ages})
