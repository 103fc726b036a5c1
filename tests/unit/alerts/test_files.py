"""Promises of rule files: what is written is what is read, and what is wrong has its line."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.files import located, rules_in, text_of
from model.device import Text
from model.errors import ConfigError
from model.rule import (
    All,
    AnyOf,
    Circle,
    Condition,
    Escalation,
    Geofence,
    Group,
    Is,
    Not,
    Range,
    Rate,
    Rule,
    Schedule,
    Scope,
    Silence,
    Stuck,
    Threshold,
    Usual,
    Where,
    rule_json,
)
from model.spans import Span

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
some = st.none() | numbers
spans = st.sampled_from(["0 s", "1.5 s", "90 s", "10 min", "2 h", "1 d", "4 weeks"]).map(Span.parse)
values = st.lists(st.booleans() | st.integers(-(2**63), 2**63 - 1) | numbers | words, max_size=3).map(tuple)
texts = st.builds(Text, en=words, fr=words)
lists = st.lists(words, max_size=2).map(tuple)
lasting: dict[str, st.SearchStrategy[Any]] = {
    "for_": st.none() | spans,
    "repeat": st.integers(1, 9),
    "clear_for": st.none() | spans,
    "hold": st.none() | spans,
    "flagged": st.booleans(),
}
units = st.none() | st.sampled_from(["V", "kV", "°C"])
points = st.lists(st.tuples(numbers, numbers), max_size=4).map(tuple)
wheres = st.none() | st.builds(Where, field=words, above=some, below=some, values=values)
leaves = st.one_of(
    st.builds(Threshold, field=words, above=some, below=some, clear=some, unit=units, **lasting),
    st.builds(Range, field=words, low=numbers, high=numbers, margin=numbers, unit=units, **lasting),
    st.builds(Is, field=words, values=values, **lasting),
    st.builds(Rate, field=words, per=spans, above=some, below=some, beyond=some, clear=some, unit=units, **lasting),
    st.builds(Stuck, field=words, tolerance=numbers, **lasting),
    st.builds(
        Silence,
        of=st.sampled_from(["device", "gateway", "source"]),
        field=st.none() | words,
        after=st.none() | spans,
        times=numbers,
        by=st.sampled_from(["period", "cadence"]),
    ),
    st.builds(
        Geofence,
        circle=st.none() | st.builds(Circle, latitude=numbers, longitude=numbers, radius_m=numbers),
        polygon=points,
        inside=st.booleans(),
        latitude=words,
        longitude=words,
        **lasting,
    ),
    st.builds(
        Group,
        measure=st.sampled_from(["mean", "min", "max", "sum", "count", "share"]),
        every=spans,
        by=st.sampled_from(["district", "experiment", "all"]),
        field=st.none() | words,
        where=wheres,
        above=some,
        below=some,
        clear=some,
        **lasting,
    ),
    st.builds(Usual, field=words, weeks=st.integers(1, 9), beyond=some, beyond_percent=some, **lasting),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(All, of=st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, of=st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, of=inner),
    ),
    max_leaves=6,
)
days = st.lists(st.sampled_from(["mon", "sun"]), max_size=2).map(tuple)
rules = st.builds(
    Rule,
    name=words,
    title=texts,
    when=conditions,
    scope=st.builds(
        Scope,
        type=lists,
        device=lists,
        district=lists,
        experiment=lists,
        network=lists,
        tags=st.dictionaries(words, words, max_size=2),
    ),
    severity=st.sampled_from(["info", "warning", "critical"]),
    text=st.none() | texts,
    schedule=st.none()
    | st.builds(
        Schedule, sun=st.sampled_from([None, "day", "night"]), start=st.none() | words, end=st.none() | words, days=days
    ),
    notify=lists,
    escalate=st.lists(st.builds(Escalation, after=spans, notify=lists), max_size=2).map(tuple),
    simulated=st.booleans(),
    enabled=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(rules, max_size=3, unique_by=lambda one: one.name))
def test_what_is_written_is_what_is_read(each: list[Rule]) -> None:
    """Whatever rules say, their file says exactly that, and writing it again changes no letter."""
    text = text_of(each)

    found = rules_in(text, "rules.toml")

    assert found == sorted(each, key=lambda one: one.name)
    assert [rule_json(one) for one in found] == [rule_json(one) for one in sorted(each, key=lambda one: one.name)]
    assert text_of(found) == text


def test_a_file_reads_as_a_person_writes_it() -> None:
    """Short forms are enough: no kinds, a single text for a list, joined conditions by their word."""
    [rule] = rules_in(
        """
[rule."lamps/hot-by-day"]
title = { en = "Hot by day", fr = "Chaude le jour" }
scope = { type = "vendor_lamp", tags = { street = "rue de Siam" } }
notify = "team"
when = { all = [
  { field = "heat", above = 60, clear = 50, for = "10 min" },
  { not = { field = "lit", values = [true] } },
] }
escalate = { after = "30 min", notify = "chief" }
""",
        "lamps.toml",
    )

    assert rule == Rule(
        name="lamps/hot-by-day",
        title=Text(en="Hot by day", fr="Chaude le jour"),
        scope=Scope(type=("vendor_lamp",), tags={"street": "rue de Siam"}),
        notify=("team",),
        when=All(
            of=(
                Threshold(field="heat", above=60, clear=50, for_=Span.parse("10 min")),
                Not(of=Is(field="lit", values=(True,))),
            )
        ),
        escalate=(Escalation(after=Span.parse("30 min"), notify=("chief",)),),
    )
    assert (
        text_of([rule])
        == """[rule."lamps/hot-by-day"]
title = { en = "Hot by day", fr = "Chaude le jour" }
scope = { type = "vendor_lamp", tags = { street = "rue de Siam" } }
when = { all = [
  { field = "heat", above = 60, clear = 50, for = "10 min" },
  { not = { field = "lit", values = [true] } },
] }
notify = "team"
escalate = [
  { after = "30 min", notify = "chief" },
]
"""
    )


KINDS = "group, rate, usual, geofence, stuck, range, is, threshold, silence, all, any, not"
FAULTY = """
[rule."one"]
title = { en = "One", fr = "Un" }
when = { field = "heat", above = "60" }

[rule."two"]
title = { en = "Two" }
when = { field = "heat" }

[rule."three"]
title = { en = "Three", fr = "Trois" }
severity = "info"

[rule."three".when]
field = "heat"
abov = 3

[rules]
"""


def test_every_problem_of_a_file_has_its_line() -> None:
    """All that is wrong is told at once: which file, which line, which rule, which place, and what to write."""
    with pytest.raises(ConfigError) as caught:
        rules_in(FAULTY, "lamps.toml")

    assert caught.value.problems == (
        "lamps.toml:18: 'rules' is unknown here; a rule begins with [rule.\"its/name\"]",
        "lamps.toml:4: rule 'one': when.above: write a number, not a text",
        "lamps.toml:7: rule 'two': title: fr is missing: write fr = …",
        "lamps.toml:14: rule 'three': when: it is not clear what this waits for; write kind, one of " + KINDS,
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[rule", "x.toml:1: this is no TOML: Expected ']' at the end of a table declaration"),
        ("rule = 3", 'x.toml:1: rules are tables; write [rule."its/name"]'),
        (
            "\n[rule]\nlamp = 3",
            "x.toml:3: rule 'lamp': a rule is a table: write its title and its condition (when) below",
        ),
        ("[rule.a]\nname = 'b'", "x.toml:2: rule 'a': name: the rule is called 'a' by the head of its table"),
        (f"a = {'[' * 3000}", "x.toml"),
        (
            f"[rule.a]\nwhen = {'{ not = ' * 60}1{' }' * 60}",
            "x.toml:2: rule 'a': when: conditions are nested far too deep: write fewer levels",
        ),
    ],
)
def test_what_is_no_file_of_rules_says_so(text: str, problem: str) -> None:
    """Broken TOML, other tables, nests without end: refused with what to write, never a crash."""
    with pytest.raises(ConfigError) as caught:
        rules_in(text, "x.toml")

    assert caught.value.problems[0].startswith(problem)


def test_a_problem_that_is_found_later_has_its_line_too() -> None:
    """The line is that of the last word of the place that stands once in the rule, else that of its head."""
    assert located(FAULTY, "a.toml", "three", "when.field: no such field") == (
        "a.toml:15: rule 'three': when.field: no such field"
    )
    assert located(FAULTY, "a.toml", "two", "notify[0]: no such channel").startswith("a.toml:6: ")
    assert located(FAULTY, "a.toml", "four", "when: no").startswith("a.toml:1: ")
