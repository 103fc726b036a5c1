"""Memory and recovery when the database goes away under load: stopped at once, started again some seconds later.

Frames go on coming at half of the rate that was measured end to end. Every one must be stored exactly once; those whose
commit was not answered any more come again, and count as duplicates.
"""

import time
from collections.abc import Iterator, Mapping

from tests.acceptance.command import Service
from tests.bench import processes
from tests.bench.figure import Figure, Size
from tests.bench.latency import prepare
from tests.bench.progress import tell
from tests.bench.rig import Rig

SECONDS: Mapping[Size, tuple[float, float]] = {Size.TINY: (1.0, 0.3), Size.SHORT: (8.0, 5.0), Size.FULL: (90.0, 60.0)}
"""For how long frames are sent, and how much of it the database is away."""
_BEFORE = 0.2
"""What part of the load comes before the outage."""


def measure(city: Rig, running: Service, rate: float, size: Size, *, beside_mb: float) -> Iterator[Figure]:
    """Yield the most memory of ``penfeld ingest`` in an outage, and how long it takes to catch up."""
    sending_s, away_s = SECONDS[size]
    count = max(int(rate * sending_s), 1)
    load = prepare(city, count, rate)
    with city.publishing(city.folder / "frames", load.start_s, rate):
        time.sleep(max(0.0, load.start_s + _BEFORE * sending_s - time.time()))
        city.cluster.stop()
        time.sleep(away_s)
        city.cluster.start()
        back = time.time()
        caught_up = [moment for moment, _ in city.watched(count, running, again=True)][-1]
    peak_mb = processes.peak_mb(running.process.pid)
    city.check(count, again=True)
    over = max(load.start_s + count * load.step_s, back)
    tell(
        f"database away for {away_s:.0f} s: {peak_mb:.0f} MB; caught up {caught_up - over:.1f} s after load and outage"
    )
    yield Figure("rss_peak.outage", peak_mb, "MB", "rss_peak", beside_mb)
