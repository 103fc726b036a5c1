"""Whatever a rule says, it is refused or evaluated: one rule never keeps the others from being looked at."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alerts.backtest import trial
from alerts.check import Known, problems
from alerts.compiled import Place
from model.alarm import StoredRule
from model.device import DeviceType
from model.instants import moment
from model.rule import Rule
from model.rule_text import rule_from
from tests.unit.alerts.city import DAY, LAMP, RULES, START, TYPE, City, history, member

KNOWN = Known(types={TYPE: LAMP}, members=[member(1), member(2)], channels=["team"])
READINGS = history(Random(7), 2, 4)  # noqa: S311 -- the same lamps each time
END = START + 5 * DAY
FOR_EVER = "999999999 weeks"
HOT: Mapping[str, object] = {"field": "heat", "above": 50}
MEAN: Mapping[str, object] = {"measure": "mean", "field": "heat", "every": "12 h", "above": 30}


def rule(when: Mapping[str, object], **more: Any) -> Rule:  # noqa: ANN401 -- as people write it
    return rule_from("odd", {"title": {"en": "Odd", "fr": "Étrange"}, "when": when, **more})


async def evaluated(one: Rule) -> City:
    """Return a city in which this rule was looked at beside one that is well known."""
    stored = StoredRule(rule=one, version="1", origin="file", changed_at=moment(0), changed_by="")
    city = City(2, [stored, RULES[0]])
    await city.live([(row[1] + 60_000_000, row) for row in READINGS], END)
    await trial(one, moment(START), moment(END), store=city.store, world=KNOWN.world, place=Place())
    return city


async def alone() -> list[object]:
    city = City(2, [RULES[0]])
    await city.live([(row[1] + 60_000_000, row) for row in READINGS], END)
    return [row for row in city.store.episodes() if row[0] == RULES[0].rule.name]


@pytest.mark.parametrize(
    ("when", "place"),
    [
        ({**HOT, "repeat": 10**30}, "when.repeat"),
        ({**HOT, "repeat": 1001}, "when.repeat"),
        ({**HOT, "for": FOR_EVER}, "when.for"),
        ({**HOT, "clear_for": FOR_EVER}, "when.clear_for"),
        ({**HOT, "hold": "367 d"}, "when.hold"),
        ({"kind": "silence", "after": FOR_EVER}, "when.after"),
        ({"kind": "silence", "times": 1e300}, "when.times"),
        ({"kind": "silence", "of": "gateway", "times": 1e300}, "when.times"),
        ({"field": "heat", "per": FOR_EVER, "above": 3}, "when.per"),
        ({**MEAN, "repeat": 10**12}, "when.repeat"),
        ({**MEAN, "every": "1 s"}, "when.every"),
        ({**MEAN, "every": "30 min", "for": "30 d"}, "when.for"),
        ({"polygon": [[48, -4]] * 1001}, "when.polygon"),
        ({"any": [HOT, {"not": {**HOT, "repeat": 10**30}}]}, "when.of[1].of.repeat"),
    ],
)
def test_what_no_clock_can_count_is_refused(when: Mapping[str, object], place: str) -> None:
    """Numbers and lengths of time that are beyond all meaning are problems of their place, however they are written."""
    assert [line for line in problems(rule(when), KNOWN) if line.startswith(f"{place}: ")], problems(rule(when), KNOWN)


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"title": {"en": "a\0b", "fr": "c"}}, "title.en"),
        ({"text": {"en": "a", "fr": "\ud800"}}, "text.fr"),
        ({"scope": {"tags": {"a": "\0"}}}, "scope.tags.a"),
        ({"scope": {"tags": {"\0": "a"}}}, "scope.tags"),
        ({"title": {"en": "a" * 201, "fr": "c"}}, "title.en"),
        ({"text": {"en": "a", "fr": "c" * 2001}}, "text.fr"),
        ({"notify": "team", "escalate": {"after": "32 d", "notify": "team"}}, "escalate[0].after"),
        ({"schedule": {"start": "²:00", "end": "3:00"}}, "schedule.start"),
        ({"schedule": {"start": "007:00", "end": "3:00"}}, "schedule.start"),
    ],
)
def test_what_no_database_or_clock_can_hold_is_refused(more: Mapping[str, Any], place: str) -> None:
    """Characters that cannot be stored, texts without end and times of no day are problems of their place."""
    assert [line for line in problems(rule(HOT, **more), KNOWN) if line.startswith(f"{place}: ")]


@pytest.mark.parametrize("name", ["/", "..", "../..", "a//b", "a/", "/a", ".", "a/../b", ".hidden"])
def test_a_name_is_no_way_through_addresses(name: str) -> None:
    """What a browser would take for a way up, or for nothing, is no name: the rule could not be asked for."""
    one = rule_from(name, {"title": {"en": "Odd", "fr": "Étrange"}, "when": HOT})

    assert [line for line in problems(one, KNOWN) if line.startswith("name: ")]


def test_a_comparison_with_weeks_before_is_of_one_type_that_speaks_every_hour() -> None:
    """Only one type's windows would be looked at, and hours without a reading have no mean."""
    when = {"kind": "usual", "field": "heat", "beyond": 5}
    quick = Known(
        types={name: _type(name, minutes) for name, minutes in (("quick", 15), ("other", 15), ("slow", 180))},
        channels=["team"],
    )

    assert problems(rule(when, scope={"type": "quick"}), quick) == []
    assert problems(rule(when, scope={"type": ["quick", "other"]}), quick) == [
        "scope.type: a comparison with weeks before is of one device type, and here are 2 (quick, other); name one"
    ]
    assert problems(rule(when, scope={"type": "slow"}), quick) == [
        "when: compares the means of hours, and slow speaks every 3 h only; write a threshold or a range"
    ]


def _type(name: str, minutes: int) -> DeviceType:
    return replace(LAMP, name=name, period=timedelta(minutes=minutes))


NUMBERS = st.sampled_from([-1e308, -1e9, -60.0, -1.0, 0.0, 1e-308, 3.0, 45.0, 60.0, 1e9, 1e308])
SPANS = st.sampled_from(["3 h", "5 h", "1 d", "7 d", "52 weeks", "366 d"])
LASTING = st.fixed_dictionaries(
    {},
    optional={
        "for": SPANS,
        "hold": SPANS,
        "clear_for": SPANS,
        "repeat": st.sampled_from([1, 2, 1000]),
        "flagged": st.booleans(),
    },
)
LEAVES = st.one_of(
    st.fixed_dictionaries({"field": st.just("heat"), "above": NUMBERS}, optional={"clear": NUMBERS}),
    st.fixed_dictionaries({"field": st.just("volts"), "below": NUMBERS}, optional={"clear": NUMBERS}),
    st.fixed_dictionaries({"field": st.just("volts"), "low": NUMBERS, "high": NUMBERS}, optional={"margin": NUMBERS}),
    st.fixed_dictionaries({"field": st.just("lit"), "values": st.lists(st.booleans(), max_size=2)}),
    st.fixed_dictionaries({"field": st.just("heat"), "per": SPANS, "beyond": NUMBERS}),
    st.fixed_dictionaries({"field": st.just("heat"), "tolerance": NUMBERS, "for": SPANS}),
    st.fixed_dictionaries(
        {"circle": st.fixed_dictionaries({"latitude": NUMBERS, "longitude": NUMBERS, "radius_m": NUMBERS})}
    ),
    st.fixed_dictionaries({"polygon": st.lists(st.tuples(NUMBERS, NUMBERS).map(list), min_size=3, max_size=5)}),
)
READ = st.tuples(LEAVES, LASTING).map(lambda both: {**both[1], **both[0]})
SILENCES = st.fixed_dictionaries(
    {"kind": st.just("silence")},
    optional={"after": SPANS, "times": st.sampled_from([2.0, 1000.0]), "field": st.just("lit")},
)
JOINED = st.recursive(
    READ | SILENCES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda of: {"all": of}),
        st.lists(inner, min_size=1, max_size=3).map(lambda of: {"any": of}),
        inner.map(lambda of: {"not": of}),
    ),
    max_leaves=4,
)
GROUPS = st.tuples(
    st.fixed_dictionaries(
        {
            "measure": st.sampled_from(["mean", "min", "max", "sum"]),
            "field": st.just("heat"),
            "every": st.sampled_from(["3 h", "12 h", "1 d"]),
            "by": st.sampled_from(["district", "experiment", "all"]),
            "above": NUMBERS,
        }
    ),
    LASTING,
).map(lambda both: {**both[1], **both[0]})
SCHEDULES = st.fixed_dictionaries(
    {},
    optional={
        "schedule": st.sampled_from(
            [
                {"sun": "night"},
                {"start": "22:00", "end": "06:00"},
                {"start": "00:00", "end": "24:00", "days": ["mon"]},
                {"start": "24:00", "end": "00:00"},
            ]
        )
    },
)


@settings(max_examples=60, deadline=None)
@given(when=JOINED | GROUPS, more=SCHEDULES)
async def test_a_rule_without_problems_never_keeps_others_from_being_looked_at(
    when: Mapping[str, object], more: Mapping[str, object]
) -> None:
    """What passes the check is evaluated and tried without an error, and other rules raise what they raise alone."""
    one = rule(when, **more)
    assume(not problems(one, KNOWN))

    city = await evaluated(one)

    others = [row for row in city.store.episodes() if row[0] == RULES[0].rule.name]
    assert others == await alone()
    assert others
