"""How long after a lamp spoke its reading can be asked for, at half of the rate that was measured end to end.

1. A process publishes frame ``i`` at its own time, ``start + i / rate``: what it is late counts as latency.
2. A second connection asks the ledger every 3 ms how many frames are stored. The ledger's line is committed with the
   readings, and frames are stored in the order in which they were published (that is checked): so a frame can be asked
   for when as many are stored as were published up to it. What is measured is too long by these 3 ms at most.
"""

import time
from collections.abc import Iterator, Mapping

import numpy as np

from tests.acceptance.command import Service
from tests.bench.figure import Figure, Size
from tests.bench.frames import Load, write
from tests.bench.progress import tell
from tests.bench.rig import Rig, VoidError

SECONDS: Mapping[Size, float] = {Size.TINY: 0.5, Size.SHORT: 12.0, Size.FULL: 60.0}
_FRAME_S = 40e-6
"""What it takes to make a frame; a load begins when its frames are made."""
_LEAD_S = 3.0
_LOOK_S = 0.003


def measure(city: Rig, running: Service, rate: float, size: Size) -> Iterator[Figure]:
    """Yield p50, p95 and p99 of the time from frame to reading."""
    count = max(int(rate * SECONDS[size]), 1)
    load = prepare(city, count, rate)
    with city.publishing(city.folder / "frames", load.start_s, rate):
        seen = np.array(list(city.watched(count, running, every_s=_LOOK_S)))
    city.check(count)
    _check_order(city, load)
    stored_at = seen[np.searchsorted(seen[:, 1], np.arange(1, count + 1)), 0]
    waited_ms = (stored_at - load.start_s - np.arange(count) * load.step_s) * 1000
    p50, p95, p99 = (float(value) for value in np.percentile(waited_ms, (50, 95, 99)))
    tell(f"{rate:.0f} frames/s: p50 {p50:.0f} ms, p95 {p95:.0f}, p99 {p99:.0f}, most {waited_ms.max():.0f}")
    yield Figure("latency_p99", p99, "ms", "latency_p50", p50)
    yield Figure("latency_p95", p95, "ms", "latency_p50", p50)
    yield Figure("latency_p50", p50, "ms", "time between two transactions", _between_ms(seen))


def prepare(city: Rig, count: int, rate: float) -> Load:
    """Make frames whose time is a little ahead, so that they can be sent in time."""
    patience = _LEAD_S + count * _FRAME_S
    for _ in range(3):
        load = Load(
            count=count,
            start_s=time.time() + patience,
            step_s=1 / rate,
            first=city.stored,
            steady=True,
            lamps=city.lamps,
        )
        write(load, city.folder / "frames")
        if time.time() < load.start_s:
            return load
        patience *= 2
    raise VoidError("this machine makes frames too slowly")


def warm(city: Rig, running: Service) -> None:
    """Store a frame of each lamp, so that ``penfeld ingest`` knows them all."""
    start_s, step_s = time.time() - 1, 1 / city.lamps
    load = Load(count=city.lamps, start_s=start_s, step_s=step_s, first=city.stored, steady=True, lamps=city.lamps)
    write(load, city.folder / "frames")
    with city.publishing(city.folder / "frames"):
        list(city.watched(load.count, running))
    city.check(load.count)


def _check_order(city: Rig, load: Load) -> None:
    with city.connect() as connection:
        (wrong,) = connection.execute(
            "select count(*) from (select received_at < lag(received_at) over (order by time) as earlier"
            " from penfeld.uplink where time >= to_timestamp(%s)) as found where earlier",
            (load.start_s - load.step_s / 2,),
        ).fetchone() or (0,)
    if wrong:
        raise VoidError(f"{wrong} frames overtook others: their latencies cannot be told")


def _between_ms(seen: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    return float(np.median(np.diff(seen[:, 0]))) * 1000 if len(seen) > 1 else 0.0
