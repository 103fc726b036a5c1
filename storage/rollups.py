"""What rollups are: levels, names, columns, and the SQL expressions that make and read them. Pure.

Rules:

1. ``rollups.<type>_<level>`` has one row a bucket, device and ``simulated``, ``rollups.<type>_<level>_group`` one a
   bucket, district ('' for none) and ``simulated``. The names are the same on every engine, whatever stands behind
   them: a continuous aggregate, a table, or a view of the readings where a level is hardly coarser than the type's
   period.
2. Every column can be summed up further: a mean is ``sum(f_sum) / sum(f_count)``, never a mean of means. ``MEANING``
   says how each column of a finer rollup makes the same one of a coarser.
3. ``bucket`` is the beginning. A day is one of the city's time zone: it has 23, 24 or 25 hours.
4. A counter's ``f_first`` and ``f_last`` are its first and last value in the bucket, by event time. ``f_delta`` (groups
   only) is the increase in the bucket of all its devices, each from its last value before the bucket; a counter that
   falls has started again from 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from model.device import DeviceType, Field, Kind

SCHEMA = "rollups"
DEVICE_COLUMNS = ("bucket", "device", "simulated", "readings", "flagged")
GROUP_COLUMNS = ("bucket", "district", "simulated", "devices", "readings", "flagged")


@dataclass(frozen=True, slots=True)
class Level:
    """A size of bucket. ``width``: nominal, a day's 24 hours."""

    name: str
    width: timedelta


MINUTE = Level("1min", timedelta(minutes=1))
QUARTER = Level("15min", timedelta(minutes=15))
HOUR = Level("1h", timedelta(hours=1))
DAY = Level("1d", timedelta(days=1))
LEVELS = (MINUTE, QUARTER, HOUR, DAY)
"""From fine to coarse."""
GROUP_LEVELS = (HOUR, DAY)
"""Levels that are kept by district, too."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """A column of a field. ``ending``: what it tells, a key of ``MEANING``; ``type``: PostgreSQL's."""

    column: str
    ending: str
    type: str


def relation(device_type: str, level: Level, *, group: bool = False) -> Identifier:
    """Return the name of a rollup, safe to stand in SQL."""
    return Identifier(SCHEMA, name(device_type, level, group=group))


def name(device_type: str, level: Level, *, group: bool = False) -> str:
    """Return the name of a rollup within its schema."""
    return f"{device_type}_{level.name}{'_group' if group else ''}"


def is_view(device_type: DeviceType, level: Level) -> bool:
    """Whether this level is a plain view of the readings: a bucket would hold hardly more than one of them."""
    return level.width <= 2 * device_type.period


def statistics(field: Field, *, group: bool = False) -> tuple[Statistic, ...]:
    """Return the columns of a field; none for texts."""
    if field.kind is Kind.TEXT:
        return ()
    if field.kind is Kind.BOOL:
        return tuple(Statistic(f"{field.name}_{ending}", ending, "bigint") for ending in ("count", "true"))
    number = "double precision" if field.kind is Kind.FLOAT else "bigint"
    endings = {"count": "bigint", "sum": "double precision", "min": number, "max": number}
    if field.counter:
        endings |= {"delta": number} if group else {"first": number, "last": number}
    return tuple(Statistic(f"{field.name}_{ending}", ending, kind) for ending, kind in endings.items())


def mean(field: Field) -> Composed:
    """Return the mean of a field over all rows of a rollup that a query groups (for bool: the share of true)."""
    total = Identifier(f"{field.name}_{'true' if field.kind is Kind.BOOL else 'sum'}")
    return SQL("sum({})::double precision / nullif(sum({}), 0)").format(total, Identifier(f"{field.name}_count"))


def bucket(level: Level, time: Composable, zone: str) -> Composed:
    """Return the beginning of the bucket in which a time lies, in plain PostgreSQL."""
    if level is DAY:
        return SQL("date_trunc('day', {}, {})").format(time, Literal(zone))
    return SQL("date_bin({}::interval, {}, '2000-01-01T00:00:00Z'::timestamptz)").format(
        Literal(f"{int(level.width.total_seconds())} s"), time
    )


MEANING: Mapping[str, str] = {
    "count": "sum",
    "sum": "sum",
    "min": "min",
    "max": "max",
    "true": "sum",
    "first": "first",
    "last": "last",
    "delta": "sum",
}
"""Ending of a column -> how those of finer buckets make one (``first``, ``last``: by ``bucket``)."""
