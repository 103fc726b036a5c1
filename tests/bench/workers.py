"""How throughput grows with workers that share one subscription; only in the long form.

Load generator, broker, database and all workers are on this machine: on two cores a second worker has only what the
first leaves over. Workers begin with new sessions: the one of a worker that is away would still get its share.
"""

from collections.abc import Callable, Iterator, Mapping

from tests.bench.figure import Figure, Size, middle
from tests.bench.frames import Load, write
from tests.bench.progress import tell
from tests.bench.rig import Rig

ROUNDS: Mapping[Size, int] = {Size.TINY: 0, Size.SHORT: 0, Size.FULL: 3}
MOST: Mapping[Size, int] = {Size.TINY: 0, Size.SHORT: 0, Size.FULL: 3}


def rounds(size: Size) -> int:
    """Return how many loads are needed."""
    return ROUNDS[size] * MOST[size]


def measure(city: Rig, loads: Iterator[Load], rate: Callable[[Rig, Load, int], float], size: Size) -> Iterator[Figure]:
    """Yield the throughput of several workers beside that of one; ``rate`` stores a load by so many workers."""
    if not rounds(size):
        return
    city.configure(share="bench")
    rates: dict[int, list[float]] = {workers: [] for workers in range(1, MOST[size] + 1)}
    for _ in range(ROUNDS[size]):
        for workers, found in rates.items():
            for number in rates:
                city.forget(number)
            load = next(loads)
            write(load, city.folder / "frames")
            found.append(rate(city, load, workers))
            tell(f"{workers} workers: {found[-1]:.0f}/s")
    for number in rates:
        city.forget(number)
    city.configure()
    for workers in range(2, MOST[size] + 1):
        yield Figure(f"workers.{workers}", middle(rates[workers]), "frames/s", "one worker", middle(rates[1]))
