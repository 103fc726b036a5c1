"""The sun goes where it goes over Brest."""

from datetime import UTC, datetime

import numpy as np
import pytest

from simulators import sun
from simulators.chance import Floats
from simulators.days import calendar


def _at(year: int, month: int, day: int) -> Floats:
    return np.array([datetime(year, month, day, tzinfo=UTC).timestamp()])


def test_height_at_noon_is_geometry() -> None:
    """At the solstices the sun culminates at 90° - latitude ± the tilt of the earth's axis; by night it is below."""
    day = _at(2026, 6, 21)[0] + np.arange(0, 86_400, 60.0)
    assert sun.height_deg(day).max() == pytest.approx(90 - 48.39 + 23.436, abs=0.02)
    winter = _at(2026, 12, 21)[0] + np.arange(0, 86_400, 60.0)
    assert sun.height_deg(winter).max() == pytest.approx(90 - 48.39 - 23.436, abs=0.02)
    assert sun.height_deg(winter).min() == pytest.approx(-(90 - 48.39 + 23.436), abs=0.02)


def test_passing_is_where_the_height_is() -> None:
    """Dawn and dusk of every day are when the sun has that height, and day length follows the season."""
    rise, sink = sun.passing(calendar().midnight_s[:800], -4.0)
    assert np.abs(sun.height_deg(rise) + 4.0).max() < 0.001
    assert np.abs(sun.height_deg(sink) + 4.0).max() < 0.001
    length = (sink - rise) / 3600.0
    assert (rise > calendar().midnight_s[:800]).all()
    assert length[171] == length[:365].max() == pytest.approx(17.0, abs=0.3)
    assert length[354] == pytest.approx(length[:365].min(), abs=0.01)


def test_a_panel_gets_most_where_it_faces() -> None:
    """East roofs peak before noon, west roofs after it; nothing shines by night, or more than a clear sky."""
    day = _at(2026, 6, 21)[0] + np.arange(0, 86_400, 300.0)
    east, south, west = (sun.on_panel(day, tilt_deg=25.0, south_by_deg=turn) for turn in (-55.0, 0.0, 55.0))
    assert day[east.argmax()] < day[south.argmax()] < day[west.argmax()]
    assert (south[sun.height_deg(day) < 0.0] == 0.0).all()
    assert 0.7 < south.max() < 1.0
