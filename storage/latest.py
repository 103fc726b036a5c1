"""The newest values of each device in a batch, ready to be merged with those stored. Pure.

Per device: the newest value of each field by event time, the newest row's time, arrival and flags, and when the device
was heard. Of two rows of one time the earlier in the batch counts, as in the tables of readings.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from model.readings import Array, Ints, Readings
from storage.arrays import POSTGRES_EPOCH_US, ArrayParameter, Int4s, Texts, Times
from storage.rows import Frames

_encode = msgspec.json.Encoder().encode
_LARGE = 1e15
_NEVER_US = -(2**63) + POSTGRES_EPOCH_US
"""What becomes PostgreSQL's ``-infinity``: there was no reading."""


def parameters(frames: Frames, kept: Ints, readings: Sequence[Readings]) -> dict[str, ArrayParameter]:
    """Return the columns of ``merge_latest``: one element for each device of the kept frames.

    ``readings``: what was stored of these frames.
    """
    devices, index = np.unique(frames.device[kept], return_inverse=True)
    first = np.full(len(devices), np.iinfo(np.int64).max)
    last = np.full(len(devices), np.iinfo(np.int64).min)
    np.minimum.at(first, index, frames.received_us[kept])
    np.maximum.at(last, index, frames.received_us[kept])
    time_us = np.full(len(devices), _NEVER_US)
    received_us = last.copy()
    oldest = np.full(len(devices), np.iinfo(np.int64).max)
    flags = [b""] * len(devices)
    fields: list[dict[str, tuple[Any, int]]] = [{} for _ in range(len(devices))]
    for some in readings:
        place = np.searchsorted(devices, frames.device[some.frame])
        # Per device the newest row last; of one time, the earliest row last.
        order = np.lexsort((-np.arange(len(some)), some.time_us, place))
        newest = _lasts(order, place)
        newer = newest[some.time_us[newest] > time_us[place[newest]]]
        time_us[place[newer]] = some.time_us[newer]
        received_us[place[newer]] = frames.received_us[some.frame[newer]]
        for row in newer.tolist():
            flags[place[row]] = ",".join(some.flags.get(row, ())).encode()
        for name, column in some.columns.items():
            rows = _lasts(order[column.valid[order]], place)
            times = some.time_us[rows]
            np.minimum.at(oldest, place[rows], times)
            for at, value, when in zip(place[rows].tolist(), _values(column.values[rows]), times.tolist(), strict=True):
                known = fields[at].get(name)
                if known is None or known[1] < when:
                    fields[at][name] = (value, when)
    oldest = np.where(oldest == np.iinfo(np.int64).max, first, oldest)  # without fields it is not looked at
    return {
        "devices": Int4s(devices),
        "first_seen": Times(first),
        "last_seen": Times(last),
        "times": Times(time_us),
        "oldest": Times(oldest),
        "received": Times(received_us),
        "flags": Texts(flags),
        "fields": Texts([_encode(each) for each in fields]),
    }


def _values(values: Array) -> list[Any]:
    """Return values for JSON; a large float gets a fraction, since PostgreSQL writes it back without an exponent."""
    found: list[Any] = values.tolist()
    if values.dtype.kind == "f":
        for place in np.flatnonzero(np.abs(values) >= _LARGE).tolist():
            found[place] = msgspec.Raw(f"{found[place]:.1f}".encode())
    return found


def _lasts(order: Ints, place: Ints) -> Ints:
    """Return, of rows in order, the last one of each device."""
    if not len(order):
        return order
    device = place[order]
    found: Ints = order[np.append(device[1:] != device[:-1], True)]
    return found
