"""The evaluator: in whatever order readings come, alarms are those of the readings in order."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from alerts.backtest import trial
from alerts.compiled import Place, World
from model.alarm import AlarmState, EventKind
from model.errors import ConflictError
from model.instants import moment
from tests.unit.alerts.city import (
    DAY,
    HOUR,
    LAMP,
    MINUTE,
    PERIOD,
    RULES,
    START,
    TYPE,
    City,
    Reading,
    history,
    member,
    stored,
    told,
)

DAYS = 30
DEVICES = 2


@pytest.mark.parametrize("seed", range(200))
def test_order_does_not_matter(seed: int) -> None:
    """A month shuffled, delayed, doubled, with kills and failures in between: alarms are those of all in order."""
    random = Random(seed)  # noqa: S311 -- makes a history, guards nothing
    rules = random.sample(RULES, 4)
    readings = history(random, DEVICES, DAYS)
    end_us = START + (DAYS + 6) * DAY
    calm, rough = City(DEVICES, rules), City(DEVICES, rules)
    asyncio.run(calm.live([(one[1], one) for one in readings], end_us))
    arrivals = []
    for one in readings:
        delay = random.choice([0, 0, random.randrange(12 * HOUR), random.randrange(4 * DAY)])
        arrivals.append((one[1] + delay, one))
        if random.random() < 0.1:
            arrivals.append((one[1] + random.randrange(5 * DAY), one))
    asyncio.run(rough.live(arrivals, end_us, random))
    assert told(rough.store) == told(calm.store)
    assert told(calm.store)


@pytest.mark.parametrize("seed", range(40))
def test_lost_news_do_not_matter(seed: int) -> None:
    """Nobody evaluates for days, so news are let go and readings not told, late ones too: alarms are the same."""
    random = Random(seed)  # noqa: S311 -- makes a history, guards nothing
    rules = random.sample(RULES, 5)
    readings = history(random, DEVICES, DAYS)
    end_us = START + (DAYS + 6) * DAY
    calm, rough = City(DEVICES, rules), City(DEVICES, rules)
    asyncio.run(calm.live([(one[1], one) for one in readings], end_us))
    arrivals = [(one[1] + random.choice([0, 0, random.randrange(4 * DAY)]), one) for one in readings]
    asyncio.run(rough.live(arrivals, end_us, random, loses=random))
    assert told(rough.store) == told(calm.store)


def test_known_episodes() -> None:
    """What is known to be hot, silent or stuck in a month is found, from when to when it was, and nothing else."""
    hot = {10: 14, 40: 41, 100: 160}
    silent = {60: 70, 200: 203}
    rows: list[Reading] = []
    for step in range(DAYS * 8):
        if any(low <= step < high for low, high in silent.items()):
            continue
        heat = 70.0 if any(low <= step < high for low, high in hot.items()) else 40.0
        rows.append((1, START + step * PERIOD, {"heat": heat, "volts": 230.0 + step % 7}))
    names = ["hot", "hot/long", "silent", "stuck"]
    city = City(1, [one for one in RULES if one.rule.name in names])
    asyncio.run(city.live([(row[1], row) for row in rows], START + DAYS * DAY))
    at = {step: moment(START + step * PERIOD) for step in range(DAYS * 8)}
    nine_hours = timedelta(hours=9)
    eight_hours = timedelta(hours=8)
    assert told(city.store) == [
        ("hot", "lamp-1", at[10], at[10], at[14], 70.0),
        ("hot", "lamp-1", at[40], at[40], at[41], 70.0),
        ("hot", "lamp-1", at[100], at[100], at[160], 70.0),
        ("hot/long", "lamp-1", at[10], at[10] + eight_hours, at[14], 70.0),
        ("hot/long", "lamp-1", at[100], at[100] + eight_hours, at[160], 70.0),
        ("silent", "lamp-1", at[59], at[59] + nine_hours, at[70], None),
        ("silent", "lamp-1", at[199], at[199] + nine_hours, at[203], None),
    ]


def test_after_an_outage() -> None:
    """While a backlog comes in, no device counts as silent whose readings are still to come; who is silent does."""
    city = City(3, [stored("silent", {"kind": "silence", "times": 3})])

    async def days() -> None:
        for step in range(8):
            city.now_us = START + step * PERIOD
            city.store.add(TYPE, [(key, city.now_us, {"heat": 40.0}) for key in (1, 2, 3)])
            await city.look()
        city.now_us = START + 40 * PERIOD
        for step in range(8, 40):  # what was said in four days comes within half a minute, without lamp 3
            city.now_us += 1_000_000
            city.store.add(TYPE, [(key, START + step * PERIOD, {"heat": 40.0}) for key in (1, 2)])
            await city.look()
        assert [kept.opening.subject.name for kept in city.store.alarms.values()] == ["lamp-3"]
        city.now_us += 2 * MINUTE
        await city.look()

    asyncio.run(days())
    assert [row[:2] for row in told(city.store)] == [("silent", "lamp-3")]
    assert len(city.store.alarms) == 1


def test_only_one_evaluates() -> None:
    """A second evaluator of one database is told that there is one; when that is gone, it may."""

    async def both() -> None:
        city = City(1)
        async with city.evaluator.alone():
            with pytest.raises(ConflictError, match="another process"):
                async with city.new().alone():
                    raise AssertionError
        async with city.new().alone():
            pass

    asyncio.run(both())


def test_simulated_devices_page_nobody() -> None:
    """An alarm of a simulated device is recorded like any other and told to nobody, unless its rule wants that."""
    rules = [
        stored("hot", {"kind": "threshold", "field": "heat", "above": 60}, notify=["ops"]),
        stored("drill", {"kind": "threshold", "field": "heat", "above": 60}, notify=["ops"], simulated=True),
    ]
    city = City(2, rules)
    city.store.member_list = [member(1, simulated=True), member(2)]
    rows: list[Reading] = [(1, START + PERIOD, {"heat": 70.0}), (2, START + PERIOD, {"heat": 70.0})]
    asyncio.run(city.live([(row[1], row) for row in rows], START + DAY))
    assert [row[:2] for row in told(city.store)] == [
        ("drill", "lamp-1"),
        ("drill", "lamp-2"),
        ("hot", "lamp-1"),
        ("hot", "lamp-2"),
    ]
    called = [
        (city.store.alarms[one].opening.rule, city.store.alarms[one].opening.subject.name)
        for one, *_ in city.store.told_people
    ]
    assert sorted(called) == [("drill", "lamp-1"), ("drill", "lamp-2"), ("hot", "lamp-2")]


def test_late_and_over_pages_nobody() -> None:
    """An episode that was long over when its readings came is recorded, marked as late, and pages nobody."""
    city = City(1, [stored("hot", {"kind": "threshold", "field": "heat", "above": 60}, notify=["ops"])])
    on_time: list[Reading] = [(1, START + step * PERIOD, {"heat": 40.0}) for step in (1, 4, 5, 6)]
    late: list[Reading] = [(1, START + step * PERIOD, {"heat": 70.0}) for step in (2, 3)]
    arrivals = [(row[1], row) for row in on_time] + [(START + 6 * PERIOD, row) for row in late]
    asyncio.run(city.live(arrivals, START + 2 * DAY))
    [alarm] = city.store.alarms.values()
    assert alarm.opening.late
    assert (alarm.episode.start_us, alarm.episode.end_us) == (START + 2 * PERIOD, START + 4 * PERIOD)
    assert city.store.told_people == []


def test_devices_behind_a_quiet_gateway() -> None:
    """When a gateway goes quiet one alarm says so, with the silences behind it; who is silent after that is told."""
    rules = [
        stored("silent", {"kind": "silence", "after": "9 h"}, notify=["ops"]),
        stored("gateway", {"kind": "silence", "of": "gateway", "after": "4 h"}, notify=["ops"]),
    ]
    city = City(3, rules)
    city.store.through |= {1: ("lns", ["g1"]), 2: ("lns", ["g1"]), 3: ("lns", ["g1", "g2"])}

    async def days() -> None:
        for step in range(40):
            city.now_us = START + step * PERIOD
            some: list[Reading] = []
            if step < 8 or step >= 24:
                some = [(key, city.now_us, {"heat": 40.0}) for key in (1, 2) if key == 1 or step < 8]
            some += [(3, city.now_us, {"heat": 40.0})] if step < 12 else []
            heard = {"gateway:g2": city.now_us} | ({"gateway:g1": city.now_us} if step < 8 or step >= 24 else {})
            city.store.add(TYPE, some, heard=heard)
            await city.look()

    asyncio.run(days())
    by_subject = {one.opening.subject.name: one for one in city.store.alarms.values()}
    gateway = by_subject["gateway:g1"]
    assert gateway.episode.end_us == START + 24 * PERIOD
    assert by_subject["lamp-1"].events == [EventKind.OPENED, EventKind.CLEARED]
    assert by_subject["lamp-2"].events == [EventKind.OPENED, EventKind.UNFOLDED]
    assert by_subject["lamp-3"].folded_into is None
    told_of = [(city.store.alarms[one].opening.subject.name, kind) for one, kind, _ in city.store.told_people]
    assert told_of == [
        ("gateway:g1", EventKind.OPENED),
        ("lamp-3", EventKind.OPENED),
        ("gateway:g1", EventKind.CLEARED),
        ("lamp-2", EventKind.UNFOLDED),
    ]


def test_a_burst_is_no_measure_of_what_is_usual() -> None:
    """After a gateway told at once what it had held back, a pause of minutes is no silence; one of an hour is."""
    city = City(1, [stored("gateway", {"kind": "silence", "of": "gateway", "times": 20})])

    async def told_at_once() -> list[int]:
        for step in range(100):
            city.now_us = START + step * 100_000
            city.store.add(TYPE, [], heard={"gateway:g1": city.now_us})
            await city.look()
        counts = []
        for pause in (10 * MINUTE, HOUR):
            city.now_us = START + pause
            await city.look()
            counts.append(len(city.store.alarms))
        return counts

    assert asyncio.run(told_at_once()) == [0, 1]


def test_a_device_that_never_spoke() -> None:
    """A device that died right after it was installed is silent from its registration on."""
    city = City(1, [stored("silent", {"kind": "silence", "times": 3})])
    asyncio.run(city.live([], START + 2 * DAY))
    assert told(city.store) == [
        ("silent", "lamp-1", moment(START), moment(START + 3 * PERIOD), None, None),
    ]


def test_a_changed_rule() -> None:
    """An alarm that a changed rule still finds stays the same; one that it does not ends, and says why."""
    city = City(2, [stored("hot", {"kind": "threshold", "field": "heat", "above": 60})])
    rows: list[Reading] = [(1, START + PERIOD, {"heat": 65.0}), (2, START + PERIOD, {"heat": 80.0})]
    asyncio.run(city.live([(row[1], row) for row in rows], START + 2 * PERIOD))
    city.store.rule_list = [replace(stored("hot", {"kind": "threshold", "field": "heat", "above": 70}), version="2")]
    city.store.version += 1
    asyncio.run(city.look())
    first, second = sorted(city.store.alarms.values(), key=lambda one: one.opening.subject.name)
    assert (first.state, first.reason) == (AlarmState.CLEARED, "rule_changed")
    assert (second.state, second.events) == (AlarmState.OPEN, [EventKind.OPENED])


@pytest.mark.parametrize("gone", ["rule", "device"])
def test_what_is_gone_ends(gone: str) -> None:
    """The alarms of a rule that was removed, or of a device that was retired, end and say why."""
    city = City(1, [stored("hot", {"kind": "threshold", "field": "heat", "above": 60})])
    rows: list[Reading] = [(1, START + PERIOD, {"heat": 65.0})]
    asyncio.run(city.live([(row[1], row) for row in rows], START + 2 * PERIOD))
    if gone == "rule":
        city.store.rule_list = []
    else:
        city.store.member_list = []
    city.store.version += 1
    asyncio.run(city.look())
    [alarm] = city.store.alarms.values()
    assert (alarm.state, alarm.reason) == (AlarmState.CLEARED, "rule_removed" if gone == "rule" else "device_left")


@pytest.mark.parametrize("after", [False, True])
def test_a_failed_commit(*, after: bool) -> None:
    """Whether a transaction was lost or only its answer: the alarm is there, once."""
    city = City(1, [stored("hot", {"kind": "threshold", "field": "heat", "above": 60})])

    async def days() -> None:
        await city.look()
        city.now_us = START + PERIOD
        city.store.add(TYPE, [(1, city.now_us, {"heat": 65.0})])
        city.store.fail, city.store.after = 1, after
        await city.look()

    asyncio.run(days())
    assert told(city.store) == [("hot", "lamp-1", moment(START + PERIOD), moment(START + PERIOD), None, 65.0)]


def test_flagged_readings() -> None:
    """A value that is flagged as implausible raises nothing, unless the rule wants such values."""
    rules = [
        stored("hot", {"kind": "threshold", "field": "heat", "above": 60}),
        stored("broken", {"kind": "threshold", "field": "heat", "above": 60, "flagged": True}),
    ]
    city = City(1, rules)
    city.now_us = START + PERIOD
    city.store.add(TYPE, [(1, city.now_us, {"heat": 6550.9})], flagged={(1, city.now_us): {"heat"}})
    asyncio.run(city.look())
    assert [row[0] for row in told(city.store)] == ["broken"]


@pytest.mark.parametrize("seed", range(10))
def test_trial_is_what_was_raised(seed: int) -> None:
    """A rule tried on a month finds the alarms that the evaluator raised in that month, each with the same times."""
    random = Random(1000 + seed)  # noqa: S311 -- makes a history, guards nothing
    readings = history(random, DEVICES, DAYS)
    end_us = START + DAYS * DAY
    city = City(DEVICES)
    asyncio.run(city.live([(one[1], one) for one in readings], end_us))
    city.now_us = end_us + 2 * MINUTE  # what came last lags behind no more
    asyncio.run(city.look())
    world = World({TYPE: LAMP}, asyncio.run(city.store.members()))
    for one in RULES:
        found = asyncio.run(
            trial(one.rule, moment(START), moment(end_us), store=city.store, world=world, place=Place())
        )
        times = [(each.subject, moment(e.start_us), moment(e.raised_us)) for each in found.found for e in each.episodes]
        raised = [row[1:4] for row in told(city.store) if row[0] == one.rule.name and row[3] < moment(end_us)]
        assert sorted(times) == raised, one.rule.name
        assert found.alarms == len(times) == sum(found.by_hour) == sum(count for _, count in found.by_day)


def test_open_alarms_go_on_with_their_value() -> None:
    """Once a minute an open alarm has the newest value; a late reading and what is not open are passed over."""
    city = City(2, [stored("hot", {"kind": "threshold", "field": "heat", "above": 60.0})])
    said = []

    async def hours() -> None:
        readings = [(0, 70.0), (20, 71.0), (40, 72.0), (90, 73.0), (30, 99.0), (160, 74.0), (240, 50.0)]
        for at_s, heat in readings:
            city.now_us = max(city.now_us, START + at_s * 1_000_000)
            rows: list[Reading] = [(1, START + at_s * 1_000_000, {"heat": heat})]
            city.store.add(TYPE, [*rows, (2, START + at_s * 1_000_000, {"heat": 40.0})])
            await city.look()
            said.append([value for _, value in city.store.newest.values()])

    asyncio.run(hours())
    assert said == [[], [], [], [73.0], [73.0], [74.0], [74.0]]
