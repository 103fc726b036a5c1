"""Readings as lines of a chart: points in time, with a hole wherever the device said nothing. Pure.

A point is ``[milliseconds since 1970, value]``; a value of ``None`` breaks the line. A line breaks where two readings
are further apart than ``gap``: nothing is drawn that nobody measured.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from api.console.formats import milliseconds
from model.device import DeviceType, Field, Kind
from model.uplink import Value
from model.views import ReadingRow

Point = list[float | None]

_SHORTEST_GAP = timedelta(seconds=5)
_PLACE = frozenset({"latitude", "longitude"})
_FIRST_CHOICE = ("power", "power_kw", "speed", "fill_level", "volume_flow", "temperature", "battery_level", "voltage")


def gap_of(period: timedelta, thinned_to: timedelta | None = None) -> timedelta:
    """Return how far apart two readings may be to be joined by a line: two and a half periods, as drawn."""
    return max(2.5 * max(period, thinned_to or period), _SHORTEST_GAP)


def drawable(field: Field) -> bool:
    """Whether a field can be drawn over time."""
    return field.kind is not Kind.TEXT and field.quantity not in _PLACE


def first_choice(device_type: DeviceType) -> list[str]:
    """Return the two fields drawn before somebody chooses others: the most telling ones."""
    fields = [f for f in device_type.fields if drawable(f) and f.kind is not Kind.BOOL]
    ranks = {quantity: rank for rank, quantity in enumerate(_FIRST_CHOICE)}
    fields.sort(key=lambda f: ranks.get(f.quantity, len(ranks)))
    return [f.name for f in fields[:2]]


def as_number(value: Value) -> float | None:
    """Return what is drawn for a value: true as 1, false as 0, texts and nulls not at all."""
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    return float(value) if isinstance(value, int | float) else None


class Line:
    """One field's line, which grows: it knows where it ended."""

    def __init__(self, gap: timedelta) -> None:
        self._gap_ms = gap // timedelta(milliseconds=1)
        self._last_ms: int | None = None

    def add(self, time: datetime, value: Value) -> list[Point]:
        """Return the points that one more reading adds: a hole before it where there is one; none for an older one."""
        now_ms = milliseconds(time)
        if self._last_ms is not None and now_ms <= self._last_ms:
            return []
        points: list[Point] = []
        if self._last_ms is not None and now_ms - self._last_ms > self._gap_ms:
            points.append([self._last_ms + 1, None])
        self._last_ms = now_ms
        points.append([now_ms, as_number(value)])
        return points


def lines(rows: Iterable[ReadingRow], fields: Sequence[str], gap: timedelta) -> tuple[list[list[Point]], list[Line]]:
    """Return the points of each field over rows in order of time, and the lines that go on from there.

    Rows that do not carry a field at all (another kind of frame) do not break its line.
    """
    growing = [Line(gap) for _ in fields]
    points: list[list[Point]] = [[] for _ in fields]
    for row in rows:
        for line, into, name in zip(growing, points, fields, strict=True):
            value = row.values.get(name)
            if value is not None:
                into.extend(line.add(row.time, value))
    return points, growing
