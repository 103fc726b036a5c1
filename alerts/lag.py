"""How far behind the clock readings are that come now: what the clock tells must not overtake them. No I/O."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from alerts.runs import Floats
from model.alert_ports import Stretch

_KEPT_US = 60_000_000
_SAMPLE = 100


class Lag:
    """The lag of most readings of the last minute. A few late ones among many that are in time do not count."""

    def __init__(self) -> None:
        self._lags: deque[tuple[int, Floats]] = deque()

    def note(self, now_us: int, parts: Sequence[Stretch]) -> None:
        """Note what came."""
        while self._lags and self._lags[0][0] < now_us - _KEPT_US:
            self._lags.popleft()
        for part in parts:
            if len(part):
                step = -(-len(part) // _SAMPLE)
                self._lags.append((now_us, (now_us - part.time_us[::step]).astype(np.float64)))

    def us(self, now_us: int) -> int:
        """Return the median lag of the last minute; 0 where nothing came."""
        some = [lags for at, lags in self._lags if at >= now_us - _KEPT_US]
        if not some:
            return 0
        lags = np.concatenate(some)
        middle = len(lags) // 2
        return max(0, int(np.partition(lags, middle)[middle]))
