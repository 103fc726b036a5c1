"""Shapes on the earth: from well-known text and GeoJSON, and what may be asked of two of them.

Shapes are plane figures in degrees, longitude first, as FROST and PostGIS' ``geometry`` take them: a distance is one in
degrees. shapely does the geometry.
"""

from collections.abc import Callable
from functools import lru_cache

import shapely

from model.terms import Geography

MAX_SHAPE = 100_000
"""Characters of well-known text."""

Relation = Callable[[shapely.Geometry, shapely.Geometry], object]
RELATIONS: dict[str, Relation] = {
    "geo.distance": shapely.distance,
    "geo.intersects": shapely.intersects,
    "st_intersects": shapely.intersects,
    "st_within": shapely.within,
    "st_contains": shapely.contains,
    "st_equals": shapely.equals,
    "st_disjoint": shapely.disjoint,
    "st_touches": shapely.touches,
    "st_overlaps": shapely.overlaps,
    "st_crosses": shapely.crosses,
}


@lru_cache(maxsize=64)
def shape_of(geography: Geography) -> shapely.Geometry:
    """Return the shape; raise ``ValueError`` for what is none."""
    if len(geography.wkt) > MAX_SHAPE:
        raise ValueError(f"this shape is longer than {MAX_SHAPE:,} characters")
    try:
        shape = shapely.from_wkt(geography.wkt)
    except (shapely.errors.ShapelyError, ValueError, UnicodeError) as error:
        raise ValueError(f"this is no shape in well-known text, as in POINT (-4.49 48.39): {error}") from None
    shapely.prepare(shape)
    return shape


def point(longitude: float, latitude: float) -> dict[str, object]:
    """Return a place as GeoJSON."""
    return {"type": "Point", "coordinates": [longitude, latitude]}


def shape_in(value: object) -> shapely.Geometry | None:
    """Return the shape that a value is: a geography or a GeoJSON point; ``None`` for anything else."""
    if isinstance(value, Geography):
        return shape_of(value)
    if isinstance(value, dict) and value.get("type") == "Point":
        return shapely.Point(value["coordinates"])
    return None


def ask(name: str, left: object, right: object, pattern: object = None) -> object:
    """Return what a function says of two shapes, ``None`` where one is none."""
    one, other = shape_in(left), shape_in(right)
    if one is None or other is None:
        return None
    try:
        if name == "st_relate":
            return bool(shapely.relate_pattern(one, other, str(pattern)))
        answer = RELATIONS[name](one, other)
    except shapely.errors.ShapelyError:  # a polygon that crosses itself, a pattern that is none
        return None
    return float(answer) if name == "geo.distance" else bool(answer)  # type: ignore[arg-type]  # numpy's numbers


def length(value: object) -> float | None:
    """Return a shape's length in degrees."""
    shape = shape_in(value)
    return None if shape is None else float(shapely.length(shape))
