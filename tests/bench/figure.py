"""A measured figure, how much is measured for it, and the way times are taken.

Rules:

1. Two things that are compared are measured in turns, so that what else the machine does hits both alike.
2. Of what computes alone, CPU time of this thread counts, and the best round, the one that was disturbed least. Of what
   needs several processes, time on the wall counts, and the median of the rounds.
3. ``ratio`` is always value / beside_value: of rates more than 1 is better than what stands beside, of times and sizes
   less than 1.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

_ROUND_S = 0.01


class Size(StrEnum):
    """How much is measured: ``short`` is ``make bench``; ``tiny`` only shows that a benchmark runs."""

    TINY = "tiny"
    SHORT = "short"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Figure:
    """A value beside another of the same unit, measured in the same run."""

    figure: str
    value: float
    unit: str
    beside: str
    beside_value: float

    @property
    def ratio(self) -> float:
        """``value`` / ``beside_value``, to three significant digits; 0 where nothing was measured beside."""
        return _digits(self.value / self.beside_value, 3) if self.beside_value else 0.0

    def line(self) -> Mapping[str, object]:
        """Return what is printed."""
        return {
            "figure": self.figure,
            "value": _digits(self.value, 4),
            "unit": self.unit,
            "beside": self.beside,
            "beside_value": _digits(self.beside_value, 4),
            "ratio": self.ratio,
        }


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
    return Figure(figure, value, "µs/frame", beside, beside_value)


def middle(values: list[float]) -> float:
    """Return the median."""
    return float(median(values))


def _digits(value: float, count: int) -> float:
    """Return a value with so many significant digits; whole numbers of more digits stay whole."""
    rounded = float(f"{value:.{count}g}")
    return rounded if abs(value) < 10**count else float(round(value))


def _once(work: Callable[[], object]) -> float:
    work()
    start = time.thread_time()
    work()
    return max(time.thread_time() - start, 1e-9)
