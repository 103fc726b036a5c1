"""Inside or outside: circles and polygons on the globe, for a city's size. Pure numpy."""

import numpy as np

from alerts.runs import Floats
from model.readings import Bools
from model.rule import Geofence

_EARTH_M = 6_371_008.8
"""Mean radius (IUGG)."""


def inside(fence: Geofence, latitude: Floats, longitude: Floats) -> Bools:
    """Return which places (WGS 84 degrees) are inside of a fence. A polygon's sides are straight on a plain map."""
    if fence.circle is not None:
        middle = np.radians(fence.circle.latitude)
        north = np.radians(latitude - fence.circle.latitude)
        east = np.radians(longitude - fence.circle.longitude)
        half = np.sin(north / 2) ** 2 + np.cos(middle) * np.cos(np.radians(latitude)) * np.sin(east / 2) ** 2
        near: Bools = 2 * _EARTH_M * np.arcsin(np.sqrt(np.clip(half, 0, 1))) <= fence.circle.radius_m
        return near
    within = np.zeros(len(latitude), dtype=np.bool_)
    corners = fence.polygon
    for (here_north, here_east), (next_north, next_east) in zip(corners, (*corners[1:], corners[0]), strict=True):
        crosses = (here_north > latitude) != (next_north > latitude)
        if next_north != here_north:
            slope = (next_east - here_east) / (next_north - here_north)
            within ^= crosses & (longitude < slope * (latitude - here_north) + here_east)
    return within
