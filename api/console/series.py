"""Readings as lines of a chart: points in time, with a hole wherever the device said nothing. Pure.

A point is ``[milliseconds since 1970, value]``; a value of ``None`` breaks the line. A line breaks where two readings
are further apart than ``gap``: nothing is drawn that nobody measured.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from api.console.formats import milliseconds
from model.device import DeviceType, Field, Kind
from model.uplink import Value
from model.views import ReadingRow

Point = list[float | None]

_SHORTEST_GAP = timedelta(seconds=5)
_GAPS = 2.5
_HABIT = 3
_PLACE = frozenset({"latitude", "longitude"})
_FIRST_CHOICE = ("power", "power_kw", "speed", "fill_level", "volume_flow", "temperature", "battery_level", "voltage")


def gap_of(period: timedelta, thinned_to: timedelta | None = None) -> timedelta:
    """Return how far apart two readings may be to be joined by a line: two and a half periods, as drawn."""
    return max(_GAPS * max(period, thinned_to or period), _SHORTEST_GAP)


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

    Rows that do not carry a field at all (another kind of frame) do not break its line; and a field that comes in every
    eighth frame only is joined over that distance: its own usual one counts where it is longer than ``gap`` expects.
    """
    all_points: list[list[Point]] = []
    growing: list[Line] = []
    known = list(rows)
    for name in fields:
        said = [(row.time, row.values[name]) for row in known if row.values.get(name) is not None]
        line = Line(max(gap, _GAPS * _usual_distance([time for time, _ in said])))
        all_points.append([point for time, value in said for point in line.add(time, value)])
        growing.append(line)
    return all_points, growing


def _usual_distance(times: Sequence[datetime]) -> timedelta:
    """Return the median distance of neighbours; nothing for fewer than four times, which show no habit."""
    distances = sorted(b - a for a, b in pairwise(times))
    return distances[len(distances) // 2] if len(distances) >= _HABIT else timedelta()
