"""How long a frame took from the air to the commit, over the newest of them. Pure: the time of the commit is passed in.

Rules:

1. Only frames count that arrived within a minute of their time: a late one tells of the network, not of us.
2. A time in whole seconds (Sigfox has no other) may be up to a second early; the frame then counts from its arrival, at
   most from the end of that second.
3. Of a large batch, ``SAMPLE`` frames stand for all: they were committed in one moment.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from model.batch import Frame
from model.instants import microseconds

NEWEST = 10_000
SAMPLE = 1000
_LATE_US = 60_000_000
_SECOND_US = 1_000_000


class Latency:
    """Keeps the latencies of the newest frames, in milliseconds."""

    def __init__(self, newest: int = NEWEST) -> None:
        self._kept = np.zeros(newest)
        self._count = 0

    def add(self, frames: Sequence[Frame], committed_at: datetime) -> None:
        """Tell of frames that were committed."""
        some = frames[:: -(-len(frames) // SAMPLE) or 1]
        known = [(frame.network_us, frame.received_us) for frame in some if frame.network_us is not None]
        on_air, arrived = np.array(known, dtype=np.int64).reshape(-1, 2).T
        prompt = (on_air <= arrived) & (arrived < on_air + _LATE_US)
        on_air, arrived = on_air[prompt], arrived[prompt]
        base = np.where(on_air % _SECOND_US, on_air, np.minimum(arrived, on_air + _SECOND_US))
        fresh = (microseconds(committed_at) - base)[-len(self._kept) :] / 1000
        at = np.arange(self._count, self._count + len(fresh)) % len(self._kept)
        self._kept[at] = fresh
        self._count += len(fresh)

    def percentiles_ms(self, *percents: float) -> tuple[float | None, ...]:
        """Return these percentiles in milliseconds, ``None`` where no frame counts yet."""
        if not self._count:
            return tuple(None for _ in percents)
        found = np.percentile(self._kept[: min(self._count, len(self._kept))], percents)
        return tuple(round(float(value), 1) for value in found)
