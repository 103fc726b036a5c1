"""Fewer points that look like all of them: largest triangle three buckets. Pure, by numpy.

Rules:

1. The first and the last point stay. What lies between falls into buckets of as many points each; of each bucket that
   point stays which makes the largest triangle with the one kept before it and the mean of the bucket behind it
   (Sveinn Steinarsson, Downsampling Time Series for Visual Representation, 2013).
2. Points are kept as they are, never averaged: an outlier stays one.
3. What has no value is left out before; points in order of time, each time once.
"""

import numpy as np

from model.readings import Array, Bools, Ints

FEWEST = 3


def lttb(time: Array, value: Array, points: int) -> Ints:
    """Return which points stay, as rising positions: ``points`` of them, or all if there are no more."""
    count = len(time)
    if points >= count:
        return np.arange(count)
    points = max(points, FEWEST)
    x = (time - time[0]).astype(np.float64)
    y = value.astype(np.float64)
    edges = np.linspace(1, count - 1, points - 1).astype(np.int64)
    kept = np.empty(points, dtype=np.int64)
    kept[0], kept[-1] = 0, count - 1
    starts, ends = edges[:-1], edges[1:]
    # Of each bucket the mean; behind the last one stands the last point.
    sizes = ends - starts
    mean_x = np.append(np.add.reduceat(x[: count - 1], starts) / sizes, x[-1])
    mean_y = np.append(np.add.reduceat(y[: count - 1], starts) / sizes, y[-1])
    at = 0
    for bucket, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        next_x, next_y = mean_x[bucket + 1], mean_y[bucket + 1]
        area = np.abs((x[at] - next_x) * (y[start:end] - y[at]) - (x[at] - x[start:end]) * (next_y - y[at]))
        at = start + int(area.argmax())
        kept[bucket + 1] = at
    return kept


def thinned(device: Ints, time: Ints, columns: list[tuple[Array, Bools]], points: int) -> Ints:
    """Return which rows stay, rising: those that ``lttb`` keeps of any column of any device.

    ``columns``: values, and where there are any. A device of which no column has a value keeps nothing.
    """
    kept = np.zeros(len(device), dtype=np.bool_)
    order = np.lexsort((time, device))
    breaks = np.flatnonzero(np.diff(device[order])) + 1
    for rows in np.split(order, breaks):
        for values, valid in columns:
            some = rows[valid[rows] & np.isfinite(values[rows].astype(np.float64))]
            if len(some):
                kept[some[lttb(time[some], values[some], points)]] = True
    return np.flatnonzero(kept)
