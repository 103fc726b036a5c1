"""Which rollups a device type has, what each is made of, and which buckets hang on an hour. Pure.

Rules:

1. A level is a view, a table (plain PostgreSQL) or a continuous aggregate (TimescaleDB). What was once more than a view
   stays so, also when the device type's period grows.
2. A level is made of the next finer one that is more than a view, else of readings.
3. Hours are those of UTC. Days are the city's; every zone in use is whole hours from UTC, so hours fit into days.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from model.device import DeviceType
from storage.rollups import DAY, LEVELS, MINUTE, QUARTER, Level, is_view, name

ONE_HOUR = timedelta(hours=1)
VIEW, TABLE, AGGREGATE, GROUP = "view", "table", "aggregate", "group"
READINGS = "readings"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Planned:
    """One level of a device type. ``finer``: the level it is made of, ``None`` for readings."""

    level: Level
    kind: str
    finer: Level | None

    @property
    def source(self) -> str:
        """Return what it is made of, by name."""
        return self.finer.name if self.finer else READINGS


@dataclass(frozen=True, slots=True)
class Made:
    """A rollup that is there, as ``penfeld.rollup`` says."""

    kind: str
    source: str
    zone: str


def plan(device_type: DeviceType, made: Mapping[str, Made], *, timescaledb: bool) -> tuple[Planned, ...]:
    """Return all levels of a type, from fine to coarse."""
    found: list[Planned] = []
    finer: Level | None = None
    for level in LEVELS:
        there = made.get(name(device_type.name, level))
        if is_view(device_type, level) and (there is None or there.kind == VIEW):
            found.append(Planned(level, VIEW, None))
            continue
        source = finer if there is None or there.kind == VIEW else _level(there.source)
        found.append(Planned(level, AGGREGATE if timescaledb else TABLE, source))
        finer = level
    return tuple(found)


def real(levels: Iterable[Planned]) -> tuple[Planned, ...]:
    """Return the levels that are more than views."""
    return tuple(planned for planned in levels if planned.kind != VIEW)


def counted_by(levels: Sequence[Planned]) -> Level | None:
    """Return the level by which the increase of counters is found; ``None``: by readings, where they are few."""
    return next((planned.level for planned in real(levels) if planned.level in {MINUTE, QUARTER}), None)


def floor(level: Level, time: datetime, zone: ZoneInfo) -> datetime:
    """Return the beginning of the bucket in which a time lies, UTC."""
    if level is DAY:
        local = time.astimezone(zone)
        return datetime(local.year, local.month, local.day, tzinfo=zone).astimezone(UTC)
    return time.astimezone(UTC) - (time - _EPOCH) % level.width


def following(level: Level, bucket: datetime, zone: ZoneInfo) -> datetime:
    """Return the beginning of the next bucket."""
    if level is DAY:
        return floor(DAY, bucket + timedelta(hours=36), zone)
    return bucket + level.width


def merged(starts: Iterable[datetime], level: Level, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Return windows (from, to) of adjacent buckets, in order of time."""
    windows: list[tuple[datetime, datetime]] = []
    for start in sorted(set(starts)):
        end = following(level, start, zone)
        if windows and windows[-1][1] == start:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return windows


def by_day(hours: Iterable[datetime], zone: ZoneInfo) -> dict[datetime, list[datetime]]:
    """Return local day -> its hours, in order of time."""
    days: dict[datetime, list[datetime]] = {}
    for hour in sorted(hours):
        days.setdefault(floor(DAY, hour, zone), []).append(hour)
    return days


def whole_hours(zone: ZoneInfo) -> bool:
    """Whether a zone is whole hours from UTC, in all years that matter."""
    times = (datetime(year, month, 1, tzinfo=UTC) for year in range(1990, 2040) for month in (1, 7))
    return not any((time.astimezone(zone).utcoffset() or timedelta()) % ONE_HOUR for time in times)


def _level(source: str) -> Level | None:
    return next((level for level in LEVELS if level.name == source), None)
