"""Alert rules beside ingest: what they cost it.

1. 1,000 rules on 5,000 lamps: 20 that watch all of them, 980 that watch eight lamps each, of all kinds that readings
   can fulfil. The news that ``penfeld alerts`` takes, the looks and its share of the processors are all in it.
2. What is measured begins when the evaluator has read what was stored before.
3. ``alerts.ingest``: frames stored a second as fast as they come (as ``end_to_end``), with rules and ``penfeld alerts``
   beside, next to the same without both; in turns, median of the rounds.
   Frames are of now, as fast as they come.
4. At 5,000 frames a second: ``alerts.cpu``: processor time of ``penfeld alerts`` in percent of one core, beside that of
   ingest; ``alerts.stored_p99`` and ``alerts.told_p99``: from the frame that says that a lamp failed to its alarm in
   the database, and to a web service that heard of it (``alarm_probe``), each beside its median.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np

from tests.acceptance.command import Service, service, until
from tests.bench import latency, processes
from tests.bench.alarm_probe import Probe, fail, rule, web_service
from tests.bench.end_to_end import _loads, _run_in, _stored
from tests.bench.figure import Figure, Size, middle
from tests.bench.frames import DEVICES, TYPE, Load, devices, write
from tests.bench.progress import tell
from tests.bench.rig import Rig, rig
from tests.bench.servers import temporary_folder

FULL_ONLY = True
"""`make bench` is to end within five minutes."""
SIZES: Mapping[Size, tuple[int, int, int, float]] = {
    Size.TINY: (50, 20, 1, 0.5),
    Size.SHORT: (DEVICES, 1_000, 3, 20.0),
    Size.FULL: (DEVICES, 1_000, 7, 60.0),
}
"""Lamps, rules, rounds, seconds at a rate."""
COUNT: Mapping[Size, int] = {Size.TINY: 300, Size.SHORT: 80_000, Size.FULL: 200_000}
RATE = 5_000.0
_EACH = 8
_FASTER = 40_000.0
"""More frames a second than are stored."""
_FAILURES_A_SECOND = 15
_SMALL = {Size.TINY: 100.0}


def figures(size: Size) -> Iterator[Figure]:
    """Yield what rules cost."""
    count, rules, rounds, seconds = SIZES[size]
    rate = _SMALL.get(size, RATE)
    with temporary_folder() as folder, rig(folder, count) as city:
        [first] = _loads((count,), count)
        _run_in(city, first, size)
        with_rules, without = [], []
        for number in range(rounds):
            for way in ("without", "with") if number % 2 else ("with", "without"):
                load = _load(city, COUNT[size])
                write(load, folder / "frames")
                with ExitStack() as stack:
                    if way == "with":
                        _put(city, rules)
                        stack.enter_context(_alerts(city))
                        with_rules.append(_stored(city, load).rate)
                    else:
                        _put(city, 0)
                        without.append(_stored(city, load).rate)
                tell(f"{way} rules: {(with_rules if way == 'with' else without)[-1]:.0f} frames/s")
        yield Figure("alerts.ingest", middle(with_rules), "frames/s", "the same without rules", middle(without))
        yield from _at_rate(city, rules, rate, seconds)


def _load(city: Rig, count: int) -> Load:
    """Return frames of now: old ones would have the clock say first that all lamps are silent."""
    step_s = 1 / _FASTER
    start_s = time.time() - count * step_s
    return Load(count=count, start_s=start_s, step_s=step_s, first=city.stored, steady=True, lamps=city.lamps)


def _rules(count: int) -> list[dict[str, object]]:
    """Return so many rules, a fiftieth of them over all lamps."""
    names = [device.id for device in devices(DEVICES)]
    kinds: list[dict[str, object]] = [
        {"kind": "threshold", "field": "power_w", "above": 1000.0, "clear": 900.0, "flagged": True},
        {"kind": "range", "field": "voltage_v", "low": 207.0, "high": 253.0, "margin": 2.0, "flagged": True},
        {"kind": "is", "field": "lamp_failure", "values": [True], "for": "30 min"},
        {"kind": "rate", "field": "power_w", "per": "1 h", "beyond": 1e6},
        {"kind": "silence", "times": 3},
        {"kind": "stuck", "field": "driver_temperature_c", "for": "12 h"},
        {"kind": "threshold", "field": "driver_temperature_c", "above": 85.0, "clear": 75.0, "repeat": 3},
    ]
    found: list[dict[str, object]] = []
    for number in range(count):
        scope: dict[str, object] = {"type": [TYPE]}
        if number % 50:
            scope["device"] = [names[(number * _EACH + i) % DEVICES] for i in range(_EACH)]
        rule = {"name": f"rule/{number}", "title": {"en": "A rule", "fr": "Une règle"}, "scope": scope}
        found.append({**rule, "when": kinds[number % len(kinds)]})
    return found


def _put(city: Rig, count: int, *more: dict[str, object]) -> None:
    """Have so many rules and no others, and no alarms of before."""
    with city.connect() as connection:
        connection.execute("delete from penfeld.rule")
        connection.execute("delete from penfeld.alarm")
        connection.execute("delete from penfeld.news_wanted")
        for one in [*_rules(count), *more]:
            connection.execute(
                "insert into penfeld.rule (name, shipped, origin, version, definition, changed_at, changed_by)"
                " values (%s, false, 'file', '1', %s, now(), '')",
                (one["name"], json.dumps(one)),
            )


@contextmanager
def _alerts(city: Rig) -> Iterator[Service]:
    """Run ``penfeld alerts`` during the block, which begins when all that is stored was read."""
    (city.folder / "alerts.log").unlink(missing_ok=True)
    with service("alerts", folder=city.folder) as running:
        until(lambda: "rules are at work" in running.output, running)
        tell("rules are at work")
        yield running


def _at_rate(city: Rig, rules: int, rate: float, seconds: float) -> Iterator[Figure]:
    """Yield what the evaluator takes of the processors at a rate, and how soon it says what is wrong."""
    probe = Probe()
    count = max(int(seconds * _FAILURES_A_SECOND), 1)
    settings = (city.folder / "penfeld.toml").read_text("utf-8")
    with web_service(probe) as channel, city.ingest() as running:
        (city.folder / "penfeld.toml").write_text(settings + channel, "utf-8")
        _put(city, rules - 1, rule())
        with _alerts(city) as evaluating:
            load = latency.prepare(city, max(int(rate * seconds), 1), rate)
            before = [processes.cpu_s(one.process.pid) for one in (evaluating, running)]
            failing = threading.Thread(target=fail, args=(city, probe, count, load.start_s, seconds / count))
            failing.start()
            with city.publishing(city.folder / "frames", load.start_s, rate):
                list(city.watched(load.count + count, running))
            after = [processes.cpu_s(one.process.pid) for one in (evaluating, running)]
            failing.join()
        city.check(load.count + count)
    (city.folder / "penfeld.toml").write_text(settings, "utf-8")
    shares = [(later - earlier) / (load.count / rate) * 100 for later, earlier in zip(after, before, strict=True)]
    yield Figure("alerts.cpu", shares[0], "% of a core", "penfeld ingest", shares[1])
    for name, waits in zip(("stored", "told"), probe.waits(), strict=True):
        p50, p99 = (float(value) * 1000 for value in np.percentile(waits, (50, 99)))
        yield Figure(f"alerts.{name}_p99", p99, "ms", f"the median of {count}", p50)
