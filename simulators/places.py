"""Where things stand: quarters, streets, tram line and gateways of Brest, from the files in ``simulators/city``."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import msgspec
import numpy as np

from simulators.chance import Floats, draw, key

_METRES_A_DEGREE = 111_195.0
_COS_LATITUDE = 0.6640  # of 48.39 degrees north: the city is small enough for one number


class Quarter(msgspec.Struct, frozen=True):
    """A quarter of the city and its rough centre."""

    name: str
    latitude: float
    longitude: float


class Gateway(msgspec.Struct, frozen=True):
    """A radio gateway; ``id`` is its EUI in hex."""

    id: str
    name: str
    latitude: float
    longitude: float


class Street(msgspec.Struct, frozen=True):
    """A street as a polyline of (latitude, longitude), with the name of its lamps' dimming profile."""

    name: str
    district: str
    dimming: str
    line: tuple[tuple[float, float], ...]


class Stop(msgspec.Struct, frozen=True):
    """A tram stop. ``limit_kmh``: speed limit towards the next one; ``boarding``: how busy it is, 1 is usual."""

    name: str
    latitude: float
    longitude: float
    limit_kmh: float
    boarding: float


class _Districts(msgspec.Struct, frozen=True):
    districts: tuple[Quarter, ...]
    gateways: tuple[Gateway, ...]


class _Streets(msgspec.Struct, frozen=True):
    streets: tuple[Street, ...]


class _Line(msgspec.Struct, frozen=True):
    stops: tuple[Stop, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where one device is: WGS 84 degrees. ``street`` is the position in ``streets()``, -1 where it is none."""

    name: str
    latitude: float
    longitude: float
    district: str
    street: int = -1


def _text(name: str) -> bytes:
    return files("simulators").joinpath("city", name).read_bytes()


@lru_cache(maxsize=1)
def _districts() -> _Districts:
    return msgspec.json.decode(_text("districts.json"), type=_Districts)


def quarters() -> tuple[Quarter, ...]:
    """Return the quarters of the city."""
    return _districts().districts


def gateways() -> tuple[Gateway, ...]:
    """Return the radio gateways."""
    return _districts().gateways


@lru_cache(maxsize=1)
def streets() -> tuple[Street, ...]:
    """Return the streets that have lamps."""
    return msgspec.json.decode(_text("streets.json"), type=_Streets).streets


@lru_cache(maxsize=1)
def tram_stops() -> tuple[Stop, ...]:
    """Return the stops of the tram line from west to north-east."""
    return msgspec.json.decode(_text("line_a.json"), type=_Line).stops


def metres(lines: Sequence[tuple[float, float]]) -> Floats:
    """Return how far along a polyline of (latitude, longitude) each of its points is."""
    points = np.array(lines)
    north = np.diff(points[:, 0]) * _METRES_A_DEGREE
    east = np.diff(points[:, 1]) * _METRES_A_DEGREE * _COS_LATITUDE
    return np.concatenate(([0.0], np.cumsum(np.hypot(north, east))))


def distance_m(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the distance of two places of the city."""
    north = (latitude - other_latitude) * _METRES_A_DEGREE
    east = (longitude - other_longitude) * _METRES_A_DEGREE * _COS_LATITUDE
    return float(np.hypot(north, east))


def along_streets(seed: int, count: int) -> tuple[Site, ...]:
    """Return ``count`` lamp posts: evenly spaced, on both sides of the streets, more where the street is longer."""
    lines = [(street, metres(street.line)) for street in streets()]
    ends = np.cumsum([line[-1] for _, line in lines])
    stream = key(seed, "lamp posts")
    sites = []
    for number, (place, lot) in enumerate(
        zip((np.arange(count) + 0.5) / count * ends[-1], _lots(stream, count), strict=True)
    ):
        index = int(np.searchsorted(ends, place, side="right"))
        street, line = lines[index]
        here = place - (ends[index - 1] if index else 0.0) + 6.0 * (lot - 0.5)
        points = np.array(street.line)
        side = (1 if number % 2 else -1) * 7.0 / _METRES_A_DEGREE
        sites.append(
            Site(
                name=f"{street.name} {number + 1}",
                latitude=round(float(np.interp(here, line, points[:, 0])) + side, 6),
                longitude=round(float(np.interp(here, line, points[:, 1])) - side, 6),
                district=street.district,
                street=index,
            )
        )
    return tuple(sites)


def around_quarters(seed: int, count: int, names: Sequence[str], what: str) -> tuple[Site, ...]:
    """Return ``count`` places of the kinds ``names`` beside streets all over the city; ``what`` makes the seed."""
    posts = along_streets(seed, 997)
    stream = key(seed, what)
    where, north, east = (_lots(stream + salt, count) for salt in (1, 2, 3))
    sites = []
    for number in range(count):
        post = posts[int((number + where[number]) / count * len(posts))]
        sites.append(
            Site(
                name=f"{names[number % len(names)]} – {post.name.rsplit(' ', 1)[0]} {number + 1}",
                latitude=round(post.latitude + (north[number] - 0.5) * 0.0016, 6),
                longitude=round(post.longitude + (east[number] - 0.5) * 0.0024, 6),
                district=post.district,
            )
        )
    return tuple(sites)


def _lots(stream: int, count: int) -> Floats:
    return draw(stream, np.arange(count))
