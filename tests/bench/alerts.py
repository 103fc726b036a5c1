"""Alert rules beside ingest: what they cost it.

1. 1,000 rules on 5,000 lamps: 20 that watch all of them, 980 that watch eight lamps each, of all kinds that readings
   can fulfil. The news that ``penfeld alerts`` takes, the looks and its share of the processors are all in it.
2. ``alerts.ingest``: frames stored a second as fast as they come (as ``end_to_end``), with rules and ``penfeld alerts``
   beside, next to the same without both; in turns, median of the rounds. ``alerts.cpu``: processor time of ``penfeld
   alerts`` at 5,000 frames a second, in percent of one core, beside that of ingest.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from tests.acceptance.command import service, until
from tests.bench import latency, processes
from tests.bench.end_to_end import _loads, _run_in, _stored
from tests.bench.figure import Figure, Size, middle
from tests.bench.frames import DEVICES, TYPE, devices, write
from tests.bench.progress import tell
from tests.bench.rig import Rig, rig
from tests.bench.servers import temporary_folder

FULL_ONLY = True
"""`make bench` is to end within five minutes."""
SIZES: Mapping[Size, tuple[int, int, int, float]] = {
    Size.TINY: (50, 20, 1, 0.5),
    Size.SHORT: (DEVICES, 1_000, 1, 6.0),
    Size.FULL: (DEVICES, 1_000, 5, 60.0),
}
"""Lamps, rules, rounds, seconds at a rate."""
COUNT: Mapping[Size, int] = {Size.TINY: 300, Size.SHORT: 80_000, Size.FULL: 200_000}
RATE = 5_000.0
_EACH = 8
_SMALL = {Size.TINY: 100.0}


def figures(size: Size) -> Iterator[Figure]:
    """Yield what rules cost."""
    count, rules, rounds, seconds = SIZES[size]
    rate = _SMALL.get(size, RATE)
    with temporary_folder() as folder, rig(folder, count) as city:
        first, *rest = _loads((count, *[COUNT[size]] * (2 * rounds)), count)
        loads = iter(rest)
        _run_in(city, first, size)
        with_rules, without = [], []
        for number in range(rounds):
            for way in ("without", "with") if number % 2 else ("with", "without"):
                load = next(loads)
                write(load, folder / "frames")
                with ExitStack() as stack:
                    if way == "with":
                        _put(city, rules)
                        running = stack.enter_context(service("alerts", folder=folder))
                        _ready(city, running, rules)
                        with_rules.append(_stored(city, load).rate)
                    else:
                        _put(city, 0)
                        without.append(_stored(city, load).rate)
                tell(f"{way} rules: {(with_rules if way == 'with' else without)[-1]:.0f} frames/s")
        yield Figure("alerts.ingest", middle(with_rules), "frames/s", "the same without rules", middle(without))
        yield from _share(city, rules, rate, seconds)


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


def _put(city: Rig, count: int) -> None:
    """Have so many rules and no others, and no alarms of before."""
    with city.connect() as connection:
        connection.execute("delete from penfeld.rule")
        connection.execute("delete from penfeld.alarm")
        connection.execute("delete from penfeld.news_wanted")
        for rule in _rules(count):
            connection.execute(
                "insert into penfeld.rule (name, shipped, origin, version, definition, changed_at, changed_by)"
                " values (%s, false, 'file', '1', %s, now(), '')",
                (rule["name"], json.dumps(rule)),
            )


def _ready(city: Rig, running: object, count: int) -> None:
    """Return when the evaluator has begun: it has said what it wants to be told of."""
    with city.connect() as connection:
        until(lambda: connection.execute("select from penfeld.news_wanted").rowcount > 0, running)  # type: ignore[arg-type]
    time.sleep(1.5)  # writers look once a second
    tell(f"{count} rules are at work")


def _share(city: Rig, rules: int, rate: float, seconds: float) -> Iterator[Figure]:
    """Yield what the evaluator takes of the processors at a rate."""
    _put(city, rules)
    with city.ingest() as running, service("alerts", folder=city.folder) as evaluating:
        _ready(city, evaluating, rules)
        load = latency.prepare(city, max(int(rate * seconds), 1), rate)
        before = [processes.cpu_s(one.process.pid) for one in (evaluating, running)]
        with city.publishing(city.folder / "frames", load.start_s, rate):
            list(city.watched(load.count, running))
        after = [processes.cpu_s(one.process.pid) for one in (evaluating, running)]
        city.check(load.count)
    shares = [(later - earlier) / (load.count / rate) * 100 for later, earlier in zip(after, before, strict=True)]
    yield Figure("alerts.cpu", shares[0], "% of a core", "penfeld ingest", shares[1])
