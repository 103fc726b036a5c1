"""How long what is kept: plain values, and the rules that they have to keep. Pure.

``None`` means for ever. Rollups are made of readings or of finer rollups, so these must stay for as long as late data
may still change what is made of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from storage.rollups import LEVELS, Level

Age = timedelta | None
SETTLED = timedelta(days=3)
"""How long readings and rollups must stay at least: two local days, and a refresh after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Of one device type: how long its readings and each level of its rollups are kept. Absent level: for ever."""

    readings: Age = None
    rollups: Mapping[str, timedelta] = field(default_factory=dict)

    def rollup(self, level: Level) -> Age:
        """Return how long a level is kept."""
        return self.rollups.get(level.name)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield the key (``readings``, ``rollups_1h`` …) and what is wrong of each age that is too short."""
        ages = {"readings": self.readings} | {f"rollups_{level.name}": self.rollup(level) for level in LEVELS}
        for key, age in ages.items():
            if age is not None and age < SETTLED:
                yield key, f"must be {said(SETTLED)} at least: rollups are made of it, of late data too"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepConfig:
    """``zone``: of the city's days. ``types``: what is kept otherwise than ``retention`` says; ``uplink``: raw frames.

    ``columnstore``, ``uplink_columnstore``: the age at which chunks go into the columnstore (TimescaleDB).
    """

    zone: str = "Europe/Paris"
    retention: Retention = Retention()
    types: Mapping[str, Retention] = field(default_factory=dict)
    uplink: timedelta | None = None
    columnstore: timedelta = timedelta(days=7)
    uplink_columnstore: timedelta = timedelta(days=2)

    def of(self, device_type: str) -> Retention:
        """Return how long what is of this type is kept."""
        return self.types.get(device_type, self.retention)


def said(age: timedelta) -> str:
    """Return an age as a person writes it."""
    for unit, seconds in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count, rest = divmod(int(age.total_seconds()), seconds)
        if count and not rest:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{age.total_seconds():g} seconds"
