"""What can be asked of dashboards: questions that make no sense are refused with what would make some. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from model.device import DeviceType, Field, Kind
from model.errors import BadRequestError
from model.resolution import POINTS, Resolution, count

Aggregation = Literal["mean", "min", "max", "sum", "count", "last"]
"""What becomes of the values in a bucket."""
MOST_POINTS = 200_000
"""The largest chart."""
MOST_LISTED = 10_000
"""The longest list."""
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def check_range(start: datetime, end: datetime, points: int = POINTS) -> None:
    """Raise ``BadRequestError`` for a range that is none, or a line of no points."""
    for name, when in (("start", start), ("end", end)):
        if when.tzinfo is None:
            raise BadRequestError(f"{name} {when.isoformat()} has no zone: write {when.isoformat()}Z for UTC")
        if not _FIRST <= when <= _LAST:
            raise BadRequestError(f"{name} {when.isoformat()} is not between 1970 and 2200")
    if start >= end:
        raise BadRequestError(f"the range ends at {end.isoformat()}, before it begins: give an end after the start")
    if points < 1:
        raise BadRequestError(f"a line of {points} points is none: ask for 1 or more")


def check_limit(limit: int) -> None:
    """Raise ``BadRequestError`` for a list of nothing, or of too much."""
    if not 1 <= limit <= MOST_LISTED:
        raise BadRequestError(f"limit {limit} is not between 1 and {MOST_LISTED}")


def check_known(device_type: DeviceType, fields: Sequence[str]) -> None:
    """Raise ``BadRequestError`` naming fields that the type does not have."""
    known = [field.name for field in device_type.fields]
    if unknown := [name for name in fields if name not in known]:
        raise BadRequestError(f"{device_type.name} has no field {', '.join(unknown)}; it has {', '.join(known)}")


def check_fields(device_type: DeviceType, fields: Sequence[str]) -> list[Field]:
    """Return the fields asked for, or all that have statistics; raise ``BadRequestError`` naming those without."""
    check_known(device_type, fields)
    chosen = [field for name in dict.fromkeys(fields) if (field := device_type.field(name))]
    if texts := [field.name for field in chosen if field.kind is Kind.TEXT]:
        raise BadRequestError(
            f"{', '.join(texts)} of {device_type.name} is text, which has no statistics: ask for numbers"
        )
    return chosen or [field for field in device_type.fields if field.kind is not Kind.TEXT]


def check_counter(device_type: DeviceType, name: str) -> Field:
    """Return the counter of that name; raise ``BadRequestError`` if it is none."""
    check_known(device_type, [name])
    counters = [field for field in device_type.fields if field.counter]
    for field in counters:
        if field.name == name:
            return field
    known = ", ".join(field.name for field in counters) or "none"
    raise BadRequestError(f"{name} of {device_type.name} is no counter; its counters: {known}")


def check_common(device_types: Sequence[DeviceType], fields: Sequence[str]) -> list[DeviceType]:
    """Return the types that have some of these fields; raise ``BadRequestError`` for fields that none has."""
    if not fields:
        raise BadRequestError("no field was asked for: name one or more")
    having = {name: [each for each in device_types if each.field(name)] for name in fields}
    if unknown := [name for name, types in having.items() if not types]:
        names = ", ".join(each.name for each in device_types) or "no device type"
        raise BadRequestError(f"no field {', '.join(unknown)} in {names}")
    for name, types in having.items():
        for each in types:
            check_fields(each, [name])
    return [each for each in device_types if any(each in types for types in having.values())]


def check_size(resolution: Resolution, span: timedelta, period: timedelta, lines: int) -> None:
    """Raise ``BadRequestError`` for a chart that nobody can look at."""
    points = lines * count(resolution, span, period)
    if points > MOST_POINTS:
        raise BadRequestError(
            f"{lines} lines at {resolution} would have {points:,.0f} points, more than {MOST_POINTS:,}:"
            " ask for a coarser resolution, a shorter range or fewer devices"
        )
