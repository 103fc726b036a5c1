"""How long a frame took from the air to the commit, over the newest of them. Pure: the time of the commit is passed in.

Rules:

1. Only frames count that arrived within a minute of their time: a late one tells of the network, not of us.
2. A time in whole seconds (Sigfox has no other) may be up to a second early; the frame then counts from its arrival, at
   most from the end of that second.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import numpy as np

from model.batch import Frame

NEWEST = 10_000
_LATE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)


class Latency:
    """Keeps the latencies of the newest frames, in milliseconds."""

    def __init__(self, newest: int = NEWEST) -> None:
        self._kept = np.zeros(newest)
        self._count = 0

    def add(self, frames: Iterable[Frame], committed_at: datetime) -> None:
        """Tell of frames that were committed."""
        known = [_base(frame) for frame in frames]
        fresh = [(committed_at - base) / timedelta(milliseconds=1) for base in known if base is not None]
        fresh = fresh[-len(self._kept) :]
        at = np.arange(self._count, self._count + len(fresh)) % len(self._kept)
        self._kept[at] = fresh
        self._count += len(fresh)

    def percentiles_ms(self, *percents: float) -> tuple[float | None, ...]:
        """Return these percentiles in milliseconds, ``None`` where no frame counts yet."""
        if not self._count:
            return tuple(None for _ in percents)
        found = np.percentile(self._kept[: min(self._count, len(self._kept))], percents)
        return tuple(round(float(value), 1) for value in found)


def _base(frame: Frame) -> datetime | None:
    """Return the moment from which the frame counts, ``None`` if it does not."""
    on_air, arrived = frame.uplink.time, frame.received_at
    if on_air is None or not timedelta(0) <= arrived - on_air < _LATE:
        return None
    return on_air if on_air.microsecond else min(arrived, on_air + _SECOND)
