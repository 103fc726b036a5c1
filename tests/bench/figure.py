"""A measured figure, and the way times are taken.

Rules:

1. Two things that are compared are measured in turns, so that what else the machine does hits both alike.
2. CPU time of this thread counts, not time on the clock; and the best round, the one that was disturbed least.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

_ROUND_S = 0.01


@dataclass(frozen=True, slots=True)
class Figure:
    """A value beside the one it is compared with. ``ratio``: how many times less the value is."""

    figure: str
    value: float
    unit: str
    beside: str
    beside_value: float
    ratio: float


def compare(
    figure: str, work: Callable[[], object], beside: str, other: Callable[[], object], *, count: int, rounds: int = 60
) -> Figure:
    """Return what ``work`` takes for each of the ``count`` things it does, beside what ``other`` takes for the same."""
    calls = [max(1, round(_ROUND_S / _once(each))) for each in (work, other)]
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for index, each in enumerate((work, other)):
            start = time.thread_time()
            for _ in range(calls[index]):
                each()
            best[index] = min(best[index], (time.thread_time() - start) / calls[index])
    value, beside_value = (seconds / count * 1e6 for seconds in best)
    return Figure(figure, round(value, 4), "µs", beside, round(beside_value, 4), round(beside_value / value, 1))


def _once(work: Callable[[], object]) -> float:
    work()
    start = time.thread_time()
    work()
    return time.thread_time() - start
