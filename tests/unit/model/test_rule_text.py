"""Promises of the short forms: what a person leaves out is found, and what cannot be read says what to write."""

# ruff: noqa: E501  a case a line

from collections.abc import Mapping
from typing import Any

import pytest

from model.rule import rule_of
from model.rule_text import expanded, rule_from

TITLE = {"en": "One", "fr": "Un"}


@pytest.mark.parametrize(
    ("short", "kind"),
    [
        ({"field": "a", "above": 1}, "threshold"),
        ({"field": "a", "below": 1}, "threshold"),
        ({"field": "a", "low": 1, "high": 2}, "range"),
        ({"field": "a", "values": [1]}, "is"),
        ({"field": "a", "per": "1 h", "above": 1}, "rate"),
        ({"field": "a", "tolerance": 1}, "stuck"),
        ({"polygon": [[1, 2]]}, "geofence"),
        ({"circle": {"latitude": 1, "longitude": 2, "radius_m": 3}}, "geofence"),
        ({"measure": "count", "every": "1 h", "above": 1}, "group"),
        ({"field": "a", "weeks": 2, "beyond": 1}, "usual"),
        ({"field": "a", "beyond_percent": 1}, "usual"),
    ],
)
def test_the_kind_of_a_condition_follows_from_its_keys(short: Mapping[str, object], kind: str) -> None:
    """Written in full it is the same; joined ones go down to the last condition."""
    assert expanded({"when": short}) == {"when": {"kind": kind, **short}}
    assert expanded({"when": {"all": [{"any": [short]}, {"not": short}]}}) == {
        "when": {
            "kind": "all",
            "of": [
                {"kind": "any", "of": [{"kind": kind, **short}]},
                {"kind": "not", "of": {"kind": kind, **short}},
            ],
        }
    }
    assert expanded({"when": {"kind": "all", "of": [short]}})["when"] == {
        "kind": "all",
        "of": [{"kind": kind, **short}],
    }


def test_a_single_text_is_a_list_of_one() -> None:
    """In scope, for channels, and in each step of the escalation; tags stay as they are."""
    short = {
        "title": TITLE,
        "when": {"field": "a", "above": 1},
        "scope": {"type": "lamp", "district": ["Siam"], "tags": {"type": "old"}},
        "notify": "team",
        "escalate": {"after": "1 h", "notify": "chief"},
    }
    full = {
        "name": "one",
        "title": TITLE,
        "when": {"kind": "threshold", "field": "a", "above": 1},
        "scope": {"type": ["lamp"], "district": ["Siam"], "tags": {"type": "old"}},
        "notify": ["team"],
        "escalate": [{"after": "1 h", "notify": ["chief"]}],
    }

    assert rule_from("one", short) == rule_of(full)


def _deep(levels: int) -> dict[str, Any]:
    when: dict[str, Any] = {"field": "a", "above": 1}
    for _ in range(levels):
        when = {"not": when}
    return when


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (3, "a rule is a table: write its title and its condition (when) below its name"),
        ({"name": "two"}, "name: the rule is called 'one' by the head of its table: leave this out"),
        ({"when": _deep(1)}, 'title is missing: write title = { en = "…", fr = "…" }'),
        ({"title": TITLE}, 'when is missing: write when = { field = "…", above = … }'),
        ({"title": TITLE, "when": {"field": "a"}}, "when: it is not clear what this waits for; write kind, one of group"),
        ({"title": TITLE, "when": {"kind": "thresold"}}, "when.kind: 'thresold' is unknown; there are group, rate"),
        ({"title": TITLE, "when": {"all": [{"field": "a", "above": "1"}]}}, "when.of[0].above: write a number, not a text"),
        ({"title": TITLE, "when": {"field": "a", "above": 1, "for": "ages"}}, "when.for: 'ages' is no length of time: write"),
        ({"title": TITLE, "when": {"field": "a", "above": 1, "claer": 0}}, "when: 'claer' is unknown; did you mean clear?"),
        ({"title": TITLE, "when": {"field": "a", "above": 1, "margin": 0}}, "when: margin has no place here: leave it out"),
        ({"title": TITLE, "when": _deep(0), "severity": "bad"}, "severity: 'bad' is unknown; there are info, warning, critical"),
        ({"title": TITLE, "when": "hot"}, "when: write a table, not a text"),
        ({"title": TITLE, "when": _deep(5_000)}, "when: conditions are nested far too deep"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_where_and_what_to_write(table: object, said: str) -> None:
    """The place in the rule first, then what would be right."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        rule_from("one", table)

    assert str(caught.value).startswith(said)
