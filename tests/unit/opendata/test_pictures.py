"""Pictures as SVG: well formed and within their frame, whatever they show."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from opendata.pictures import HEIGHT, WIDTH, Spot, box, chart_of, map_of
from tests.unit.opendata.scene import PARIS

START = datetime(2026, 11, 20, tzinfo=UTC)
spots = st.builds(
    Spot,
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=9),
    st.floats(-80, 80),
    st.floats(-170, 170),
)


@given(st.lists(spots, min_size=1, max_size=20))
def test_every_place_is_on_the_map(some: list[Spot]) -> None:
    """One device or many, near or far apart: all dots are inside, and the map is well formed."""
    picture = ET.fromstring(map_of(some, 'Where "they" are <here>'))  # noqa: S314 -- our own
    dots = [each for each in picture.iter() if each.tag == "circle"]

    assert len(dots) == len(some)
    assert all(0 <= float(dot.attrib["cx"]) <= WIDTH and 0 <= float(dot.attrib["cy"]) <= HEIGHT for dot in dots)


def test_no_place_is_no_map() -> None:
    """Nothing is drawn of nothing."""
    assert map_of([], "nowhere") == ""
    assert box([]) is None


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=60))
def test_every_value_is_within_the_chart(values: list[float]) -> None:
    """Whatever the values are, the line is inside the frame and the axis has a readable number of ticks."""
    points = [(START + timedelta(hours=number), value) for number, value in enumerate(values)]
    picture = ET.fromstring(chart_of(points, "Power", "W & more", PARIS))  # noqa: S314 -- our own
    [line] = [each for each in picture.iter() if each.tag == "polyline"]
    pairs = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]

    assert len(pairs) == len(values)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in pairs)
    assert 2 <= len([each for each in picture.iter() if each.attrib.get("text-anchor") == "end"]) <= 12


def test_hours_of_a_day_are_local() -> None:
    """Midnight in Paris is 23:00 UTC the day before."""
    points = [(START - timedelta(hours=1) + timedelta(hours=number), 1.0 + number) for number in range(24)]

    assert re.findall(r">(\d\d:\d\d)<", chart_of(points, "Power", "W", PARIS)) == ["00:00", "06:00", "12:00", "18:00"]


def test_one_point_is_no_line() -> None:
    """A chart needs two."""
    assert chart_of([(START, 1.0)], "Power", "W", PARIS) == ""
