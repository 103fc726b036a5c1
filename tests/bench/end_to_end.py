"""From the broker to the database: what ``penfeld ingest`` stores, beside what a bare client can only take.

1. ``end_to_end`` beside ``drain``: a load generator publishes as fast as the broker takes it, and the one or the other
   takes the frames meanwhile; all on this machine. ``backlog`` beside ``drain.backlog``: the frames wait in the broker,
   as after an outage, and nobody publishes.
2. The same frames go to both, in turns. Median of the rounds.
3. Both are timed from the first frame that comes in to the end of the last: the bare client's when it has read it,
   ours when another connection sees it committed. Ours comes in when the worker says so (the earliest ``received_at``
   that it stored). The start of the process is not in it; looking up devices and acknowledging are.
4. Every frame must be stored exactly once, or there is no figure.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path

from tests.bench import latency, outage, processes, workers
from tests.bench.figure import Figure, Size, middle
from tests.bench.frames import DEVICES, PERIOD_S, Load, copy, write
from tests.bench.progress import tell
from tests.bench.rig import Program, Rig, rig
from tests.bench.servers import temporary_folder

ROUNDS: Mapping[Size, tuple[int, int, int]] = {
    Size.TINY: (1, 0, 300),
    Size.SHORT: (3, 1, 150_000),
    Size.FULL: (7, 5, 200_000),
}
"""How many rounds with a load generator, how many with a backlog, of how many frames."""
_LAMPS: Mapping[Size, int] = {Size.TINY: 50, Size.SHORT: DEVICES, Size.FULL: DEVICES}
_SCRIPTS = (("plain_script", 500, 0.3), ("plain_script.row_by_row", 1, 0.02))
"""Frames in a batch, and what part of a round's frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """A round: rates in frames a second, processor times in µs a frame, memory in MB."""

    rate: float
    ingest_us: float
    postgres_us: float
    broker_us: float
    peak_mb: float
    idle_mb: float
    drain: float = 0.0
    bare_us: float = 0.0
    bare_broker_us: float = 0.0

    @classmethod
    def median(cls, rounds: Sequence["Costs"]) -> "Costs":
        """Return the medians of rounds."""
        return cls(**{one.name: middle([getattr(each, one.name) for each in rounds]) for one in fields(cls)})


def figures(size: Size) -> Iterator[Figure]:
    """Yield throughput, what it costs each process, memory, and latency at half of that throughput."""
    with temporary_folder() as folder, rig(folder, _LAMPS[size]) as city:
        live, waiting, count = ROUNDS[size]
        first, *rest = _loads((city.lamps, *[count] * (live + waiting + workers.rounds(size))), city.lamps)
        loads = iter(rest)
        _run_in(city, first, size)
        one = Costs.median([_round(city, number, next(loads), waiting=False) for number in range(live)])
        yield Figure("end_to_end", one.rate, "frames/s", "drain", one.drain)
        yield Figure("cpu.ingest", one.ingest_us, "µs/frame", "bare client", one.bare_us)
        yield Figure("cpu.broker", one.broker_us, "µs/frame", "broker with the bare client", one.bare_broker_us)
        if one.postgres_us:
            yield Figure("cpu.postgres", one.postgres_us, "µs/frame", "cpu.ingest", one.ingest_us)
        peak_mb = one.peak_mb
        if waiting:
            late = Costs.median([_round(city, number, next(loads), waiting=True) for number in range(waiting)])
            peak_mb = max(peak_mb, late.peak_mb)
            yield Figure("backlog", late.rate, "frames/s", "drain.backlog", late.drain)
        yield from _scripts(city, count, one.rate, size)
        yield from workers.measure(city, loads, lambda *words: _stored(*words).rate, size)
        yield Figure("rss_peak", peak_mb, "MB", "the same process before its first frame", one.idle_mb)
        with city.ingest() as running:
            latency.warm(city, running)
            if size is not Size.TINY:
                city.kept_up(running)
            yield from latency.measure(city, running, one.rate / 2, size)
            if city.cluster.stoppable:
                yield from outage.measure(city, running, one.rate / 2, size, beside_mb=peak_mb)


def _loads(counts: Sequence[int], lamps: int) -> Iterator[Load]:
    """Yield loads of so many frames: what the lamps said up to now, at their own pace."""
    step_s = PERIOD_S / lamps
    start_s = time.time() - sum(counts) * step_s
    first = 0
    for count in counts:
        yield Load(count=count, start_s=start_s + first * step_s, step_s=step_s, first=first, lamps=lamps)
        first += count


def _run_in(city: Rig, load: Load, size: Size) -> None:
    """Store a frame of each lamp, and let upkeep make the rollups, which writing costs more with than without."""
    write(load, city.folder / "frames")
    with city.ingest() as running:
        with city.publishing(city.folder / "frames"):
            list(city.watched(load.count, running))
        city.check(load.count)
        if size is not Size.TINY:
            city.kept_up(running)


def _round(city: Rig, number: int, load: Load, *, waiting: bool) -> Costs:
    file = city.folder / "frames"
    write(load, file)
    bare_file = copy(file, "bare")
    if number % 2:
        found = _stored(city, load, waiting=waiting)
        bare = _drained(city, load, bare_file, waiting=waiting)
    else:
        bare = _drained(city, load, bare_file, waiting=waiting)
        found = _stored(city, load, waiting=waiting)
    tell(
        f"{'backlog' if waiting else 'live'}: drain {bare[0]:.0f}/s, ours {found.rate:.0f}/s; µs a frame: bare client"
        f" {bare[1]:.1f}, its broker {bare[2]:.1f}, ingest {found.ingest_us:.1f}, broker {found.broker_us:.1f},"
        f" postgres {found.postgres_us:.1f}; {found.peak_mb:.0f} MB"
    )
    costs = {one.name: getattr(found, one.name) for one in fields(Costs)}
    return Costs(**{**costs, "drain": bare[0], "bare_us": bare[1], "bare_broker_us": bare[2]})


def _drained(city: Rig, load: Load, file: Path, *, waiting: bool) -> tuple[float, float, float]:
    with ExitStack() as stack:
        if waiting:
            with city.publishing(file):
                pass
        before = city.broker_cpu_s()
        bare: Program = stack.enter_context(city.bare_client(load.count))
        bare.ready()
        if not waiting:
            stack.enter_context(city.publishing(file))
        rate, cpu_us = map(float, bare.result().split())
        return rate, cpu_us, (city.broker_cpu_s() - before) / load.count * 1e6


def _stored(city: Rig, load: Load, count: int = 1, *, waiting: bool = False) -> Costs:
    """Let so many workers store the frames; return what that cost."""
    file = city.folder / "frames"
    with ExitStack() as stack:
        if waiting:
            with city.publishing(file):
                pass
        running = [stack.enter_context(city.ingest(number)) for number in range(1, count + 1)]
        pids = [one.process.pid for one in running]
        idle_mb = max(map(processes.held_mb, pids))
        if not waiting:
            stack.enter_context(city.publishing(file))
        first: tuple[int, tuple[float, ...]] | None = None
        ended = 0.0
        for moment, there in city.watched(load.count, *running):
            ended = moment
            if first is None:
                first = there, _cpu(city, pids)
        cpu, peak_mb = _cpu(city, pids), max(map(processes.peak_mb, pids))
    city.check(load.count)
    with city.connect() as connection:
        (began,) = connection.execute(
            "select extract(epoch from min(received_at))::float8 from penfeld.uplink where time >= to_timestamp(%s)",
            (load.start_s - 1e-3,),
        ).fetchone() or (0,)
    assert first is not None
    frames = max(load.count - first[0], 1)
    ingest_us, postgres_us, broker_us = ((now - then) / frames * 1e6 for now, then in zip(cpu, first[1], strict=True))
    return Costs(
        rate=load.count / (ended - began),
        ingest_us=ingest_us,
        postgres_us=postgres_us,
        broker_us=broker_us,
        peak_mb=peak_mb,
        idle_mb=idle_mb,
    )


def _scripts(city: Rig, count: int, ours: float, size: Size) -> Iterator[Figure]:
    """Yield what a plain script stores of the same frames, from the same broker into the same database."""
    script_file = copy(city.folder / "frames", "script")
    for name, batch, part in _SCRIPTS[: 1 if size is Size.TINY else None]:
        rates = []
        for _ in range(3 if size is Size.FULL else 1):
            with city.plain_script(int(count * part), batch) as script:
                script.ready()
                with city.publishing(script_file):
                    rates.append(float(script.result()))
            with city.connect() as connection:
                connection.execute("drop table plain_script")
        tell(f"{name}: {middle(rates):.0f}/s")
        yield Figure(name, middle(rates), "frames/s", "end_to_end", ours)


def _cpu(city: Rig, pids: Sequence[int]) -> tuple[float, float, float]:
    return sum(map(processes.cpu_s, pids)), city.postgres_cpu_s(), city.broker_cpu_s()
