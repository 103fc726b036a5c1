"""Pictures of a dataset as SVG text: where its devices are, and how its first measure went. Pure, and all escaped.

Colours are classes of the style sheet, so that dark pages have dark pictures. Nothing is loaded from anywhere.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

WIDTH, HEIGHT = 720, 400
_EDGE = 28
_LEFT, _BOTTOM, _TOP, _RIGHT = 64, 34, 14, 16
_METRES = 111_320.0
"""A degree of latitude."""
_LEAST_M = 400.0
"""The shortest side of a map: one device alone is not blown up."""
_TICKS = 5
_DOTS = 6000
"""A map shows no more devices than that; the list of devices has all."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A device on the map, degrees of WGS 84."""

    name: str
    latitude: float
    longitude: float


def box(spots: Sequence[Spot]) -> tuple[float, float, float, float] | None:
    """Return west, south, east and north of some places, ``None`` of none."""
    if not spots:
        return None
    longitudes = [spot.longitude for spot in spots]
    latitudes = [spot.latitude for spot in spots]
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def map_of(spots: Sequence[Spot], label: str) -> str:
    """Return a map of places with a scale, nothing for no place."""
    around = box(spots)
    if around is None:
        return ""
    west, south, east, north = around
    middle = math.cos(math.radians((south + north) / 2))
    width = max((east - west) * _METRES * middle, _LEAST_M)
    height = max((north - south) * _METRES, _LEAST_M)
    scale = min((WIDTH - 2 * _EDGE) / width, (HEIGHT - 2 * _EDGE) / height)  # pixels a metre
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="map" aria-label="{escape(label)}">',
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>',
        *_grid(scale),
    ]
    size = 4.5 if len(spots) < 200 else 3  # noqa: PLR2004 -- what can be told apart
    for spot in spots[:_DOTS]:
        x = WIDTH / 2 + (spot.longitude - (west + east) / 2) * _METRES * middle * scale
        y = HEIGHT / 2 - (spot.latitude - (south + north) / 2) * _METRES * scale
        title = f"<title>{escape(spot.name)}</title>" if spot.name else ""
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{size}">{title}</circle>')
    parts += [*_scale_bar(scale), _north(), "</svg>"]
    return "".join(parts)


def _grid(scale: float) -> list[str]:
    step = _nice(WIDTH / 6 / scale) * scale
    across = [f'<line class="grid" x1="{at:.1f}" y1="0" x2="{at:.1f}" y2="{HEIGHT}"/>' for at in _steps(WIDTH, step)]
    along = [f'<line class="grid" x1="0" y1="{at:.1f}" x2="{WIDTH}" y2="{at:.1f}"/>' for at in _steps(HEIGHT, step)]
    return [*across, *along]


def _steps(length: float, step: float) -> list[float]:
    first = (length / 2) % step
    return [first + number * step for number in range(math.ceil((length - first) / step))]


def _scale_bar(scale: float) -> list[str]:
    metres = _nice(WIDTH / 6 / scale)
    pixels = metres * scale
    text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"  # noqa: PLR2004 -- a kilometre
    y = HEIGHT - 14
    return [
        f'<path class="scale" d="M16 {y - 5}V{y}H{16 + pixels:.1f}V{y - 5}"/>',
        f'<text class="label" x="{24 + pixels:.1f}" y="{y + 1}">{text}</text>',
    ]


def _north() -> str:
    return (
        f'<path class="north" d="M{WIDTH - 22} 34v-20l-5 7m5-7l5 7"/>'
        f'<text class="label" x="{WIDTH - 22}" y="48" text-anchor="middle">N</text>'
    )


def chart_of(points: Sequence[tuple[datetime, float]], title: str, unit: str, zone: ZoneInfo) -> str:
    """Return a line over time with both axes, nothing for fewer than two points."""
    if len(points) < 2:  # noqa: PLR2004 -- a line has two ends
        return ""
    least, step, steps = _axis([value for _, value in points])
    most = least + step * steps
    start, end = points[0][0], points[-1][0]
    span = (end - start).total_seconds() or 1.0

    def x_of(when: datetime) -> float:
        return _LEFT + (when - start).total_seconds() / span * (WIDTH - _LEFT - _RIGHT)

    def y_of(value: float) -> float:
        return HEIGHT - _BOTTOM - (value - least) / (most - least) * (HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="chart" aria-label="{escape(title)}">',
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>',
    ]
    for number in range(steps + 1):
        value = least + step * number
        y = y_of(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="label" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_figure(value, step)}</text>'
        )
    parts += _times(points, zone, x_of)
    line = " ".join(f"{x_of(when):.1f},{y_of(value):.1f}" for when, value in points)
    parts.append(f'<polyline class="line" points="{line}"/>')
    parts.append(f'<text class="label unit" x="8" y="{_TOP + 4}">{escape(unit)}</text></svg>')
    return "".join(parts)


def _times(points: Sequence[tuple[datetime, float]], zone: ZoneInfo, x_of: Callable[[datetime], float]) -> list[str]:
    """Return labels under the chart: hours of one day, else days."""
    span = (points[-1][0] - points[0][0]).total_seconds()
    hours = span <= 48 * 3600
    parts, last = [], -math.inf
    every = 6 if hours else 24
    for when, _ in points:
        local = when.astimezone(zone)
        if local.hour % every or local.minute:
            continue
        x = x_of(when)
        if x - last < (48 if hours else 64):
            continue
        last = x
        text = f"{local:%H:%M}" if hours else f"{local:%d/%m}"
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text class="label" x="{x:.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle">{text}</text>')
    return parts


def _axis(values: Sequence[float]) -> tuple[float, float, int]:
    """Return where an axis begins, its step and how many there are; from 0 where that is near."""
    least, most = min(values), max(values)
    if 0 < least < most / 2:
        least = 0.0
    step = _nice((most - least) / _TICKS or abs(most) / _TICKS or 1.0)
    begin = math.floor(least / step) * step
    return begin, step, max(1, math.ceil((most - begin) / step - 1e-9))


def _nice(length: float) -> float:
    """Return 1, 2 or 5 times a power of ten, about ``length`` and not below its half."""
    power = 10.0 ** math.floor(math.log10(length))
    return next(factor * power for factor in (1, 2, 5, 10) if length <= factor * power)


def _figure(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step)))
    return f"{value:,.{digits}f}".replace(",", "\u202f")
