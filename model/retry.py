"""How long to wait before the next attempt: doubling, bounded, and spread by chance. Pure.

Spread, so that many workers do not come back to a restarted server in the same instant. Never less than half of the
step, so that a server in trouble is left alone.
"""

from dataclasses import dataclass
from typing import Protocol


class Chance(Protocol):
    """What spreads: ``random.Random``, or one that always answers the same."""

    def uniform(self, a: float, b: float, /) -> float:
        """Return a number from a to b."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """``first_s``: the step after the first failure; ``longest_s``: no step is longer. Seconds."""

    first_s: float = 0.5
    longest_s: float = 30.0

    def wait_s(self, failures: int, random: Chance) -> float:
        """Return the seconds to wait after so many failures in a row (1 or more)."""
        step = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return step * random.uniform(0.5, 1.0)
