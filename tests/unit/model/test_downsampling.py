"""What downsampling promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.downsampling import lttb, thinned

LINES = st.integers(1, 300).flatmap(
    lambda count: st.tuples(
        st.lists(st.integers(0, 10**12), min_size=count, max_size=count, unique=True).map(sorted),
        st.lists(st.floats(-1e6, 1e6), min_size=count, max_size=count),
    )
)


@given(LINES, st.integers(3, 50))
def test_so_many_points_stay_and_both_ends(line: tuple[list[int], list[float]], points: int) -> None:
    """As many points as asked for stay, all where there are no more, in order, the first and the last among them."""
    time, value = np.array(line[0]), np.array(line[1])

    kept = lttb(time, value, points)

    assert len(kept) == min(points, len(time))
    assert (kept[0], kept[-1]) == (0, len(time) - 1)
    assert (np.diff(kept) > 0).all()


@given(st.integers(20, 500), st.data())
def test_an_outlier_stays(count: int, data: st.DataObject) -> None:
    """One point far above a flat line is kept, wherever it stands."""
    peak = data.draw(st.integers(0, count - 1))
    value = np.zeros(count)
    value[peak] = 1000.0

    assert peak in lttb(np.arange(count), value, 10).tolist()


def test_the_largest_triangle() -> None:
    """Of a bucket that point stays which spans the largest triangle with its neighbours: worked out by hand."""
    time = np.array([0, 1, 2, 3, 4, 5])
    value = np.array([0.0, 5.0, 1.0, 0.0, -7.0, 0.0])

    assert lttb(time, value, 4).tolist() == [0, 1, 4, 5]


def test_each_device_and_column_for_itself() -> None:
    """Rows of several devices in one table: each keeps its own ends and peaks; what has no value counts for nothing."""
    device = np.tile([1, 2], 50)
    time = np.repeat(np.arange(50), 2)
    power = np.zeros(100)
    power[20] = 9.0  # of device 1
    volts = np.zeros(100)
    volts[61] = 9.0  # of device 2
    never = np.zeros(100, dtype=np.bool_)

    kept = thinned(device, time, [(power, np.ones(100, dtype=np.bool_)), (volts, device == 2)], 5).tolist()

    assert {0, 1, 98, 99, 20, 61} <= set(kept)
    assert len(kept) <= 2 * 5 + 5
    assert thinned(device, time, [(power, never)], 5).tolist() == []


@pytest.mark.parametrize("points", [0, 1, 2])
def test_fewer_than_three_are_three(points: int) -> None:
    """A line has two ends and something between."""
    assert len(lttb(np.arange(10), np.arange(10), points)) == 3
