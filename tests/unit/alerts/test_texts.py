"""What alarms say: in two languages, with values and local times, and never more than words."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.texts import (
    PLACEHOLDERS,
    Facts,
    News,
    about,
    body,
    clean,
    duration,
    field_of,
    filled,
    line,
    moment,
    one_line,
    placeholders_of,
    problems,
    sentence,
    span,
    subject,
    value,
    values_of,
)
from model.alarm import AlarmState, EventKind
from model.device import Field, Kind, Language, Text
from model.rule import Rule, rule_of
from model.spans import Span
from tests.unit.alerts.post import HOT, NIGHT, PARIS, alarm_of

HEAT = Field(
    name="heat_c", kind=Kind.FLOAT, quantity="temperature", unit="Cel", title=Text(en="Heat", fr="Température")
)
FACTS = Facts(name="Rue de Siam 12", field=HEAT)


def news(kind: EventKind = EventKind.OPENED, rule: Rule = HOT, facts: Facts = FACTS, **more: object) -> News:
    """Return what there is to tell of a lamp that is too hot."""
    return News(kind=kind, alarm=alarm_of(17, **more), rule=rule, facts=facts)


def saying(en: str, fr: str = "") -> Rule:
    """Return a rule with a text of its own."""
    return rule_of({**RULE, "text": {"en": en, "fr": fr or en}})


RULE: dict[str, object] = {
    "name": "lamps/hot",
    "title": {"en": "Lamp too hot", "fr": "Lampe trop chaude"},
    "when": {"kind": "threshold", "field": "heat_c", "above": 60.5},
}


def rule_when(**when: object) -> Rule:
    """Return a rule with this condition."""
    return rule_of({**RULE, "when": when})


def test_an_alarm_says_what_is_wrong_where_and_since_when() -> None:
    """In English: the first line is enough to act on; below stands all that is known."""
    assert subject(news(), "en") == "Warning: Lamp too hot – Rue de Siam 12"
    assert body(news(), "en", PARIS).splitlines() == [
        "Rue de Siam 12: 71.25 °C, limit 60.5.",
        "",
        "About: Rue de Siam 12 (lamp-17)",
        "District: Siam",
        "Value: 71.25 °C (limit 60.5)",
        "Since: 2026-11-23 03:12 CET",
        "Severity: warning",
        "Rule: Lamp too hot (lamps/hot)",
        "Alarm: 17",
    ]


def test_the_same_in_french() -> None:
    """Numbers with a comma, the date as it is written here, a space before the colon."""
    said = body(news(severity="critical"), "fr", PARIS)

    assert subject(news(severity="critical"), "fr") == "Critique : Lampe trop chaude – Rue de Siam 12"
    assert "Rue de Siam 12 : 71,25 °C, limite 60,5." in said
    assert "Depuis\u00a0: 23/11/2026 03:12 CET" in said


def test_times_are_those_of_the_city() -> None:
    """In summer the same hour of UTC is an hour later on the clocks."""
    assert moment(NIGHT.replace(month=7), "fr", PARIS) == "23/07/2026 04:12 CEST"


@pytest.mark.parametrize(
    ("kind", "en", "fr"),
    [
        (EventKind.CLEARED, "Over: Lamp too hot – Rue de Siam 12", "Terminé : Lampe trop chaude – Rue de Siam 12"),
        (
            EventKind.WITHDRAWN,
            "No alarm after all: Lamp too hot – Rue de Siam 12",
            "Fausse alerte : Lampe trop chaude – Rue de Siam 12",
        ),
        (
            EventKind.ESCALATED,
            "Nobody has answered, warning: Lamp too hot – Rue de Siam 12",
            "Sans réponse, avertissement : Lampe trop chaude – Rue de Siam 12",
        ),
    ],
)
def test_each_event_has_its_words(kind: EventKind, en: str, fr: str) -> None:
    """What happened stands first in the subject."""
    assert subject(news(kind), "en") == en
    assert subject(news(kind), "fr") == fr


def test_the_end_says_how_long_it_was() -> None:
    """An alarm that is over says until when, and for how long."""
    ended = NIGHT + timedelta(hours=2, minutes=5)
    said = body(news(EventKind.CLEARED, state=AlarmState.CLEARED, ended_at=ended), "en", PARIS)

    assert "Until: 2026-11-23 05:17 CET (2 h 5 min)" in said


def test_a_withdrawn_alarm_says_that_nothing_has_to_be_done() -> None:
    """Who was woken by it is told that it was none, and why."""
    said = body(news(EventKind.WITHDRAWN, state=AlarmState.WITHDRAWN, reason="late_data"), "fr", PARIS)

    assert "ce n’était pas une alarme ; il n’y a rien à faire" in said


def test_an_alarm_that_ended_for_another_reason_says_which() -> None:
    """A rule that was changed ends its alarms, and they say so."""
    ended = news(EventKind.CLEARED, state=AlarmState.CLEARED, ended_at=NIGHT, reason="rule_changed")

    assert "Ended because: the rule was changed" in body(ended, "en", PARIS)


def test_simulated_devices_are_marked() -> None:
    """Where a rule tells of simulated devices, the message says that it is one."""
    assert "This device is simulated." in body(news(simulated=True), "en", PARIS)


def test_a_rule_says_it_in_its_own_words() -> None:
    """Every placeholder is replaced, in each language."""
    text = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)

    assert sentence(news(rule=saying(text)), "en", PARIS) == (
        "lamp-17 Rue de Siam 12 Siam 71.25 °C 60.5 2026-11-23 03:12 CET Lamp too hot warning"
    )
    assert sentence(news(rule=saying("", "{value} {unit} > {limit}")), "fr", PARIS) == "71,25 °C > 60,5"


def test_what_a_device_is_called_is_never_read_as_a_placeholder() -> None:
    """A name with braces stays a name with braces: texts are replaced once, and never evaluated."""
    sly = Facts(name="{value} {0.__class__} %s ${x} <b>", field=HEAT)

    assert sentence(news(rule=saying("{name}!"), facts=sly), "en", PARIS) == "{value} {0.__class__} %s ${x} <b>!"


def test_braces_are_written_twice() -> None:
    """``{{`` and ``}}`` are braces, around a placeholder, too."""
    assert filled("{{name}} {{{name}}}", {"name": "x"}) == "{name} {x}"


def test_a_wrong_placeholder_is_told_with_the_nearest_name() -> None:
    """All that is wrong at once, in which language, and what would be right."""
    assert problems(Text(en="{devise} is {temperature!r}", fr="{value")) == (
        "text.en: {devise} is no placeholder; did you mean {device}?",
        f"text.en: {{temperature!r}} is no placeholder; there are {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}",
        "text.fr: a single { stands at no placeholder; write {{ for a brace",
    )
    assert problems(Text(en="{{{value}}} {unit}", fr="")) == ()
    assert problems(None) == ()
    assert placeholders_of("{value} {{unit}} {since}") == ("value", "since")


@given(st.text(), st.dictionaries(st.sampled_from(list(PLACEHOLDERS)), st.text()))
def test_any_text_can_be_filled(text: str, values: dict[str, str]) -> None:
    """No text of a rule makes it fail, and a text without braces comes out as it was."""
    said = filled(text, values)

    assert said == text or "{" in text or "}" in text


@given(st.text(st.characters()), st.text(), st.sampled_from(["fr", "en"]))
def test_no_text_from_outside_breaks_a_line_or_turns_it_around(name: str, rule_text: str, language: Language) -> None:
    """Whatever a device is called and a rule says: one printable line as subject, no control characters in the body."""
    told = news(rule=saying(rule_text), facts=Facts(name=name, field=HEAT), last_value=name, district=name)

    said = subject(told, language)
    assert said.isprintable()
    assert len(said) <= 200
    assert not {"\r", "\0", "\x1b", "\u202e", "\u2028"} & set(body(told, language, PARIS) + line(told, language, PARIS))


def test_what_stands_in_a_subject_is_one_line() -> None:
    """Ends of lines and controls become spaces; a text that is too long ends in an ellipsis."""
    assert one_line("a\r\nBcc: x@y\x00\tb") == "a Bcc: x@y b"
    assert one_line("x" * 300) == "x" * 199 + "…"
    assert clean("a\r\nb\x07") == "a\nb "


@pytest.mark.parametrize(
    ("subject_name", "en", "fr"),
    [
        ("gateway:brest-1", "gateway brest-1", "passerelle brest-1"),
        ("district:Siam", "district Siam", "quartier Siam"),
        ("source:lamps", "source lamps", "source lamps"),
        ("all", "the whole city", "toute la ville"),
    ],
)
def test_an_alarm_of_no_device_says_what_it_is_about(subject_name: str, en: str, fr: str) -> None:
    """Gateways, sources, districts and the city have words of their own."""
    alarm = alarm_of(1, subject=subject_name, device=None)

    assert (about(alarm, "en"), about(alarm, "fr")) == (en, fr)


@pytest.mark.parametrize(
    ("when", "limit", "unit"),
    [
        ({"kind": "range", "field": "heat_c", "low": -5, "high": 40}, "−5 – 40", "°C"),
        ({"kind": "threshold", "field": "heat_c", "below": 0, "above": 1200}, "0 or 1,200", "°C"),
        ({"kind": "is", "field": "heat_c", "values": ["stuck", True]}, "stuck, yes", "°C"),
        ({"kind": "silence", "after": "2 h"}, "2 h", ""),
        ({"kind": "silence"}, "3 ×", ""),
        ({"kind": "group", "measure": "share", "every": "1 h", "above": 20}, "20", "%"),
        ({"kind": "group", "measure": "count", "every": "1 h", "above": 20}, "20", ""),
        ({"kind": "usual", "field": "heat_c", "beyond_percent": 30}, "30 %", "°C"),
        ({"kind": "stuck", "field": "heat_c", "for": "1 d"}, "1 d", "°C"),
        (
            {"kind": "geofence", "circle": {"latitude": 48.4, "longitude": -4.5, "radius_m": 500}},
            "500 m",
            "",
        ),
        (
            {"kind": "all", "of": [{"kind": "silence"}, {"kind": "threshold", "field": "heat_c", "above": 7}]},
            "7",
            "°C",
        ),
    ],
)
def test_every_condition_has_a_limit_to_tell(when: dict[str, object], limit: str, unit: str) -> None:
    """The limit that people set, in the unit of its field."""
    rule = rule_when(**when)
    facts = Facts(field=HEAT if field_of(rule) else None)

    values = values_of(news(rule=rule, facts=facts), "en", PARIS)

    assert (values["limit"], values["unit"]) == (limit, unit)


def test_a_silence_says_since_when_nothing_has_come() -> None:
    """Without a text of its own, a rule of silence says the time, not a value."""
    silent = news(rule=rule_when(kind="silence", after="2 h"), facts=Facts(), last_value=None)

    assert sentence(silent, "en", PARIS) == "lamp-17: nothing has come since 2026-11-23 03:12 CET."


def test_values_of_every_kind_have_words() -> None:
    """Yes and no, texts, nothing, and numbers that are none."""
    assert [value(one, "fr") for one in (True, False, None, "ok", 1234.5, float("inf"))] == [
        "oui",
        "non",
        "–",
        "ok",
        "1\u202f234,5",
        "inf",
    ]


def test_lengths_of_time_are_told_in_two_units() -> None:
    """As people say them, in both languages."""
    assert duration(timedelta(days=2, hours=3, minutes=4), "fr") == "2 j 3 h"
    assert duration(timedelta(seconds=59), "en") == "59 s"
    assert duration(timedelta(), "en") == "0 s"
    assert duration(timedelta(days=1, minutes=4), "en") == "1 d"
    assert [span(Span.parse(text), "fr") for text in ("2 d", "1 week", "4 weeks", "10 min")] == [
        "2 j",
        "1 semaine",
        "4 semaines",
        "10 min",
    ]
