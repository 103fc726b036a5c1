"""The rule editor's boxes, and the rules that they make."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alerts.files import rules_in
from alerts.shipped import RULES
from api.console.drafts import (
    Draft,
    DraftError,
    Step,
    as_written,
    condition_text,
    draft_of,
    name_of,
    prefilled,
    rule_of_draft,
    sorts_of,
    span_of,
    titled,
)
from api.console.who import NOBODY, known_name, said_name
from decoders.catalogue import Catalogue
from model.device import Text
from model.rule import (
    Escalation,
    Is,
    Leaf,
    Range,
    Rate,
    Rule,
    Schedule,
    Silence,
    Stuck,
    Threshold,
    rule_of,
)
from model.spans import Span
from tests.unit.alerts.test_files import leaves, rules
from tests.unit.api.console.samples import LAMP

MANUAL = Path(__file__).parents[4] / "docs" / "rules.md"
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


EXAMPLES = [
    one for text in re.findall(r"```toml\n(.*?)```", MANUAL.read_text(), re.DOTALL) for one in rules_in(text, "")
]
SHIPPED = [*RULES, *Catalogue.builtin().rules()]


@pytest.mark.parametrize("rule", [*EXAMPLES, *SHIPPED], ids=lambda rule: str(rule.name))
def test_examples_kept(rule: Rule) -> None:
    """Every rule of the manual and of the device files keeps all it says when one box of each part is changed."""
    draft = draft_of(rule)
    draft.severity = "info"
    draft.title_en += " now"
    draft.devices += ", one-more"
    draft.days = ["mon"]
    schedule = rule.schedule or Schedule()
    assert rule_of_draft(draft) == msgspec.structs.replace(
        rule,
        severity="info",
        title=Text(en=f"{rule.title.en} now", fr=rule.title.fr),
        scope=msgspec.structs.replace(rule.scope, device=(*rule.scope.device, "one-more")),
        schedule=msgspec.structs.replace(schedule, days=("mon",)),
    )


@given(rules)
@settings(max_examples=400)
def test_any_rule_kept(rule: Rule) -> None:
    """Whatever a rule says, opened and saved it says the same, and a change of one part leaves all others."""
    assert repr(rule_of_draft(draft_of(rule))) == repr(rule)
    draft = draft_of(rule)
    draft.name, draft.enabled = "other", not draft.enabled
    assert repr(rule_of_draft(draft)) == repr(msgspec.structs.replace(rule, name="other", enabled=draft.enabled))


@given(leaves, st.sampled_from(["for_", "clear_for", "hold"]))
@settings(max_examples=400)
def test_any_condition_kept(leaf: Leaf, box: str) -> None:
    """A box of a condition that is changed leaves all digits of the others, whatever they are."""
    assume(hasattr(leaf, "for_") and getattr(leaf, box) != Span.parse("11 min"))
    draft = draft_of(Rule(name="a", title=Text(en="a", fr="a"), when=leaf))
    assume(draft.sort != "written")
    setattr(draft, box, "11 min")
    wanted = msgspec.structs.replace(leaf, **{box: Span.parse("11 min")})
    try:
        made = rule_of_draft(draft).when
    except DraftError as error:
        assert error.key in {"editor.missing", "editor.no_number"}  # a condition that could not work
    else:
        sides = [side for side in ("above", "below", "beyond") if getattr(leaf, side, None) is not None]
        if len(sides) < 2:  # of two limits no condition can be made
            assert repr(made) == repr(wanted)


@given(rules)
@settings(max_examples=200)
def test_written_as_in_a_file(rule: Rule) -> None:
    """The text of any condition makes that condition again, on one line or many."""
    draft = Draft(sort="written", written=condition_text(rule), name="a", title_en="a", title_fr="a")
    assert repr(rule_of_draft(draft).when) == repr(rule.when)


def test_written_on_many_lines() -> None:
    """Lines of a written condition may end anywhere, with or without its key before it."""
    many = 'when = { all = [\n { field = "power_w",\n above = 20 },\n { not = { field = "on", values = [true] } } ]\n}'
    made = rule_of_draft(Draft(sort="written", written=many)).when
    assert rule_of_draft(Draft(sort="written", written=" ".join(many.split()).removeprefix("when ="))).when == made
    assert as_written(Draft(field="f", limit="2"), "threshold") == '{ field = "f", above = 2 }'


def test_a_unit_goes_with_its_field() -> None:
    """A condition that is moved to another field loses the unit of the one before."""
    rule = rule_of({"name": "x", "title": {"en": "a", "fr": "b"}, "when": WHENS[0]})
    draft = draft_of(rule)
    draft.field = "voltage_v"
    assert rule_of_draft(draft).when == msgspec.structs.replace(rule.when, field="voltage_v", unit=None)


def test_all_parts_written() -> None:
    """Tags, days, hours, steps, texts and how long it is over are boxes as any other."""
    draft = Draft(field="power_w", limit="60", name="a", title_en="b", title_fr="c", tags="street = Siam, side=left")
    draft.days, draft.start, draft.end, draft.sun = ["sun", "mon"], "22:00", "06:00", "night"
    draft.steps = [Step("30 min", ["chief"])]
    draft.text_en, draft.text_fr, draft.clear_for, draft.hold, draft.flagged = "{name}", "{name} !", "1 h", "2 h", True
    draft.experiments, draft.networks = "e1", "ttn , chirpstack"
    rule = rule_of_draft(draft)
    assert rule.scope.tags == {"street": "Siam", "side": "left"}
    assert (rule.scope.experiment, rule.scope.network) == (("e1",), ("ttn", "chirpstack"))
    assert rule.schedule == Schedule(sun="night", start="22:00", end="06:00", days=("mon", "sun"))
    assert rule.escalate == (Escalation(after=Span.parse("30 min"), notify=("chief",)),)
    assert rule.text == Text(en="{name}", fr="{name} !")
    hour, two = Span.parse("1 h"), Span.parse("2 h")
    assert rule.when == Threshold(field="power_w", above=60, clear_for=hour, hold=two, flagged=True)
    assert rule_of_draft(draft_of(rule)) == rule


def test_written() -> None:
    """Boxes make a rule; numbers may have a comma, times be French."""
    draft = Draft(type="lamp", field="power_w", limit="60,5", clear="58", for_="2 j", repeat="3", sun="night")
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
        (Draft(sort="written"), "written"),
        (Draft(sort="written", written="{ field = "), "written"),
        (Draft(sort="written", written="{ above = 3 }"), "written"),
        (Draft(sort="written", written="{ not = " * 60 + "{}" + " }" * 60), "written"),
        (Draft(field="f", limit="1", tags="street"), "tags"),
        (Draft(field="f", limit="1", text_en="a"), "text_fr"),
        (Draft(field="f", limit="1", steps=[Step("soon")]), "step_after"),
        (Draft(field="f", limit="1", steps=[Step()]), "step_after"),
    ],
)
def test_unreadable(draft: Draft, box: str) -> None:
    """What cannot be read names its box."""
    with pytest.raises(DraftError) as caught:
        rule_of_draft(draft)
    assert caught.value.box == box


def test_kinds_offered() -> None:
    """Only conditions that make sense for a field are offered."""
    assert sorts_of(LAMP.field("lamp_failure")) == ("is", "stuck", "silence", "written")
    assert "threshold" in sorts_of(LAMP.field("power_w"))
    assert sorts_of(None) == ("silence", "written")


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
