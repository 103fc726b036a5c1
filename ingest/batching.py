"""When is a batch ready: when it is full, or when its first message has waited long enough. Pure: time is passed in.

Batches are what makes ingest fast (one transaction for many frames); waiting for one is what makes it late. Times are
seconds of any clock that never goes back.
"""

from dataclasses import dataclass

_A_WINDOW = 10
"""Fewer messages at once are chance, not somebody's limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``count``: messages in a batch at most; ``age_s``: how long the first of them may wait for others."""

    count: int = 1000
    age_s: float = 0.05


class Batching:
    """Counts the messages that wait and knows when they should go."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._count = 0
        self._since = 0.0
        self._hurried = False

    def add(self, count: int, now: float) -> None:
        """Tell of messages that came in at ``now``."""
        if count and not self._count:
            self._since = now
        self._count += count

    def hurry(self) -> None:
        """Tell that no more messages will come before some leave: what waits is ready."""
        self._hurried = True

    def take(self, now: float) -> int:
        """Return how many messages go into the batch that leaves now; those left behind begin to wait again."""
        self._hurried = False
        taken = min(self._count, self._limits.count)
        self._count -= taken
        self._since = now
        return taken

    def drop(self, left: int) -> None:
        """Tell that only ``left`` messages still wait."""
        self._count = left

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until a batch is ready: 0 when one is, ``None`` when nothing waits."""
        if not self._count:
            return None
        if self._hurried or self._count >= self._limits.count:
            return 0.0
        return max(0.0, self._since + self._limits.age_s - now)


class Window:
    """Learns how many messages the broker lets us have without acknowledgement, which it tells to nobody.

    When as many are held as ever were on one line, no more will come, and to wait for them is to lose time.
    """

    def __init__(self) -> None:
        self._held = 0
        self._most = 0

    def came(self, count: int) -> bool:
        """Tell of messages that came; return whether no more will before some are acknowledged."""
        self._held += count
        full = count > 0 and self._held == self._most >= _A_WINDOW
        self._most = max(self._most, self._held)
        return full

    def left(self, count: int) -> None:
        """Tell of messages that were acknowledged."""
        self._held -= count
