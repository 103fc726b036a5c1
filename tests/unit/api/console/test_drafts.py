"""The rule editor's boxes, and the rules that they make."""

import pytest

from api.console.drafts import (
    Draft,
    DraftError,
    draft_of,
    name_of,
    prefilled,
    rule_of_draft,
    sorts_of,
    span_of,
    titled,
)
from api.console.who import NOBODY, known_name, said_name
from model.rule import Is, Range, Rate, Silence, Stuck, Threshold, rule_of
from model.spans import Span
from tests.unit.api.console.samples import LAMP

TYPES = {"lamp": LAMP}
WHENS: list[dict[str, object]] = [
    {"kind": "threshold", "field": "power_w", "below": 5.5, "clear": 6, "for": "10 min", "hold": "1 h", "unit": "W"},
    {"kind": "range", "field": "voltage_v", "low": 207, "high": 253, "margin": 2, "flagged": True, "repeat": 3},
    {"kind": "is", "field": "lamp_failure", "values": [True]},
    {"kind": "is", "field": "mode", "values": ["a", 3]},
    {"kind": "rate", "field": "power_w", "per": "1 h", "beyond": 10},
    {"kind": "stuck", "field": "power_w", "for": "2 d", "tolerance": 0.5},
    {"kind": "silence", "field": "power_w", "after": "1 d", "by": "period"},
    {"kind": "silence", "of": "gateway", "times": 5},
    {"kind": "not", "of": {"kind": "stuck", "field": "power_w", "for": "1 h"}},
    {"kind": "group", "measure": "mean", "every": "1 h", "field": "power_w", "above": 60},
]
MORE: dict[str, object] = {
    "scope": {"type": ["lamp"], "device": ["a", "b"], "tags": {"street": "Siam"}},
    "schedule": {"start": "22:00", "end": "06:00", "days": ["mon"]},
    "notify": ["duty"],
    "escalate": [{"after": "30 min", "notify": ["chief"]}],
    "text": {"en": "{name}", "fr": "{name}"},
    "simulated": True,
    "enabled": False,
    "severity": "critical",
}


@pytest.mark.parametrize("when", WHENS, ids=lambda when: f"{when['kind']}")
@pytest.mark.parametrize("more", [{}, MORE, {"schedule": {"sun": "night"}}, {"schedule": {"days": ["sat", "sun"]}}])
def test_kept(when: dict[str, object], more: dict[str, object]) -> None:
    """A rule that is opened and saved unchanged is the same rule, whatever has no box included."""
    rule = rule_of({"name": "x/y", "title": {"en": "a", "fr": "b"}, "when": when, **more})
    assert rule_of_draft(draft_of(rule)) == rule


def test_written() -> None:
    """Boxes make a rule; numbers may have a comma, times be French."""
    draft = Draft(type="lamp", field="power_w", limit="60,5", clear="58", for_="2 j", repeat="3", when="night")
    draft.name, draft.title_en, draft.title_fr, draft.devices = "a", "b", "c", "lamp-1, lamp-2 ,"
    rule = rule_of_draft(draft)
    assert rule.when == Threshold(field="power_w", above=60.5, clear=58.0, for_=Span.parse("2 d"), repeat=3)
    assert rule.scope.device == ("lamp-1", "lamp-2")
    assert rule.schedule is not None
    assert rule.schedule.sun == "night"


@pytest.mark.parametrize(
    ("draft", "kind"),
    [
        (Draft(field="f", sort="range", low="1", high="2"), Range),
        (Draft(field="f", sort="is", values="true, off"), Is),
        (Draft(field="f", sort="rate", limit="2", side="beyond"), Rate),
        (Draft(field="f", sort="stuck", for_="1 h"), Stuck),
        (Draft(sort="silence"), Silence),
    ],
)
def test_kinds(draft: Draft, kind: type) -> None:
    """Each kind that can be chosen makes its condition."""
    assert isinstance(rule_of_draft(draft).when, kind)


@pytest.mark.parametrize(
    ("draft", "box"),
    [
        (Draft(), "field"),
        (Draft(field="f"), "limit"),
        (Draft(field="f", limit="many"), "limit"),
        (Draft(field="f", limit="nan"), "limit"),
        (Draft(field="f", limit="1e999"), "limit"),
        (Draft(field="f", limit="1", for_="soon"), "for_"),
        (Draft(field="f", limit="1", repeat="0"), "repeat"),
        (Draft(field="f", limit="1", repeat="1.5"), "repeat"),
        (Draft(field="f", sort="is", values=" , "), "values"),
        (Draft(field="f", sort="rate", limit="1", per=""), "per"),
        (Draft(sort="kept"), "sort"),
    ],
)
def test_unreadable(draft: Draft, box: str) -> None:
    """What cannot be read names its box."""
    with pytest.raises(DraftError) as caught:
        rule_of_draft(draft)
    assert caught.value.box == box


def test_kinds_offered() -> None:
    """Only conditions that make sense for a field are offered."""
    assert sorts_of(LAMP.field("lamp_failure")) == ("is", "stuck", "silence")
    assert "threshold" in sorts_of(LAMP.field("power_w"))
    assert sorts_of(None) == ("silence",)


def test_prefilled() -> None:
    """An address chooses type, field and device; what is unknown in it is left out."""
    draft = prefilled({"type": "lamp", "field": "lamp_failure", "device": "lamp-1"}, TYPES)
    assert (draft.type, draft.field, draft.sort, draft.values) == ("lamp", "lamp_failure", "is", "true")
    assert draft.devices == "lamp-1"
    wrong = prefilled({"type": "<b>", "field": "x"}, TYPES)
    assert (wrong.type, wrong.field) == ("", "")


def test_titles_and_names() -> None:
    """Titles and name say what the boxes say, in both languages; a name is free."""
    draft = Draft(type="lamp", field="power_w", limit="60.5")
    assert titled(draft, TYPES) == ("Power w above 60.5 W", "power_w (fr) au-dessus de 60,5 W")
    assert name_of(draft, {"lamp/power_w-above"}) == "lamp/power_w-above-2"


def test_spans() -> None:
    """No length of time is none."""
    assert span_of(" ", "for_") is None
    assert span_of("2 semaines", "for_") == Span.parse("2 weeks")


def test_who() -> None:
    """A name is one line of sensible length; who gives none is the console."""
    assert said_name("Anne\nMarie\x00 ") == "Anne Marie"
    assert said_name("x" * 500) == "x" * 100
    assert said_name("  ") == NOBODY
    assert known_name({"penfeld-name": "Ann%C3%A9"}) == "Anné"
    assert known_name({}) == ""
