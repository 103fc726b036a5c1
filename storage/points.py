"""Points of lines, made of rows of the database. Pure.

Columns of a field stand in the order in which ``storage.sources`` lists them; a bucket without a value gives no point.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from model.device import Field
from model.views import Point
from storage.sources import Statistics, increase

Row = Sequence[Any]
_GIVEN = 2
"""Columns that stand before those of the fields."""
_EACH = 6
"""Columns of a field."""


def readings(rows: Iterable[Row], position: int) -> Iterator[tuple[datetime, Statistics]]:
    """Yield time and value of the field at this position, where the reading has one."""
    for row in rows:
        if (value := row[_GIVEN + position]) is not None:
            yield row[1], Statistics(1, value, value, value, value, value)


def buckets(rows: Iterable[Row], position: int) -> Iterator[tuple[datetime, Statistics]]:
    """Yield bucket and statistics of the field at this position."""
    at = _GIVEN + _EACH * position
    for row in rows:
        if row[at]:
            yield row[1], Statistics(*row[at : at + _EACH])


def points_of(field: Field, some: Iterable[tuple[datetime, Statistics]], before: float | None) -> list[Point]:
    """Return a line's points; ``before`` is the counter's last value before them."""
    found = []
    for time, of in some:
        grown = None
        if field.counter and of.first is not None and of.last is not None:
            grown = increase(before, of.first, of.last, of.least, of.greatest)
            before = of.last
        found.append(
            Point(
                time=time,
                count=of.count,
                mean=of.total / of.count,
                minimum=of.least,
                maximum=of.greatest,
                total=of.total,
                increase=grown,
            )
        )
    return found


def group_points(rows: Iterable[Row], position: int) -> Iterator[Point]:
    """Yield the points of a line over many devices."""
    at = _GIVEN + _EACH * position
    for row in rows:
        devices, values, total, least, greatest, grown = row[at : at + _EACH]
        if values:
            yield Point(
                time=row[1],
                count=values,
                mean=total / values,
                minimum=least,
                maximum=greatest,
                total=total,
                increase=grown,
                devices=devices,
            )
