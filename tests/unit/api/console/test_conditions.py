"""Rules in words, and what a trial of one says."""

from datetime import timedelta

import pytest

from api.console.conditions import waited_for, watched
from api.console.drafts import Draft
from api.console.texts import Words
from api.console.trials import bars, lately, sentence, taken, worst
from model.alarm import Episode
from model.rule import Rule, rule_of
from model.trial import Alternative, SubjectEpisodes, Trial
from tests.unit.api.console.samples import LAMP, NOON

EN, FR = Words("en"), Words("fr")
TYPES = {"lamp": LAMP}


def rule(when: dict[str, object], **more: object) -> Rule:
    return rule_of({"name": "a", "title": {"en": "a", "fr": "b"}, "when": when, **more})


@pytest.mark.parametrize(
    ("when", "english", "french"),
    [
        (
            {"kind": "threshold", "field": "power_w", "above": 60.5, "for": "2 d"},
            "Power w above 60.5\u00a0W for 2\u00a0d",
            "power_w (fr) au-dessus de 60,5\u00a0W pendant 2\u00a0j",
        ),
        ({"kind": "is", "field": "lamp_on", "values": [False]}, "Lamp on: no", "lamp_on (fr) : non"),
        (
            {"kind": "range", "field": "voltage_v", "low": 207, "high": 253, "repeat": 3},
            "Voltage v outside of 207 to 253\u00a0V at 3 readings in a row",
            "voltage_v (fr) hors de 207 à 253\u00a0V sur 3 mesures de suite",
        ),
        (
            {"kind": "silence"},
            "nothing comes for 3 times as long as usual",
            "rien n’arrive pendant 3 fois la durée habituelle",
        ),
        (
            {"kind": "group", "measure": "share", "every": "1 h", "where": {"field": "lamp_on"}, "above": 5},
            "share of devices by Lamp on every 1\u00a0h above 5\u00a0%",
            "part des appareils selon lamp_on (fr) par 1\u00a0h au-dessus de 5\u00a0%",
        ),
        ({"kind": "usual", "field": "gone", "beyond_percent": 20}, None, None),
        ({"kind": "geofence", "circle": {"latitude": 48, "longitude": -4, "radius_m": 9}}, None, None),
        ({"kind": "rate", "field": "power_w", "per": "1 h", "beyond": 5}, None, None),
        ({"kind": "stuck", "field": "power_w", "for": "1 h"}, None, None),
    ],
)
def test_in_words(when: dict[str, object], english: str | None, french: str | None) -> None:
    """Each kind of condition has its words in both languages, with titles and units of the fields."""
    found = waited_for(rule(when), TYPES, EN), waited_for(rule(when), TYPES, FR)
    assert found[0] != found[1]
    if english is not None:
        assert found == (english, french)


def test_joined() -> None:
    """Joined conditions say how, one within another in brackets, and when they count."""
    off: dict[str, object] = {"kind": "is", "field": "lamp_on", "values": [False]}
    when: dict[str, object] = {"kind": "all", "of": [off, {"kind": "any", "of": [off, {"kind": "not", "of": off}]}]}
    said = waited_for(rule(when, schedule={"start": "22:00", "end": "06:00", "days": ["mon"]}), TYPES, EN)
    assert said == "Lamp on: no and (Lamp on: no or not (Lamp on: no)), from 22:00 to 06:00, Mon"


def test_watched() -> None:
    """Whom a rule watches is said with the titles of its types."""
    silent: dict[str, object] = {"kind": "silence"}
    scope = {"type": ["lamp", "gone"], "district": ["Siam"], "tags": {"street": "a"}}
    assert watched(rule(silent, scope=scope), TYPES, EN) == "lamp, gone · in Siam · street: a"
    assert watched(rule({**silent, "of": "gateway"}), TYPES, EN) == "all gateways"
    assert watched(rule(silent), TYPES, EN) == "all devices that have this"


def trial(alarms: int, **more: object) -> Trial:
    one = Episode(start_us=0, raised_us=1)
    said: dict[str, object] = {
        "start": NOON - timedelta(days=7),
        "end": NOON,
        "readings": 10,
        "subjects": 3,
        "found": [
            SubjectEpisodes(subject="a", episodes=[one]),
            SubjectEpisodes(subject="b", episodes=[one] * (alarms - 1)),
        ],
        "alarms": alarms,
        "open": 1,
        "raised_s": 60.0,
        "longest_s": 7200.0,
        "by_hour": [0] * 22 + [2, 4],
        "by_day": [],
        **more,
    }
    return Trial(**said)  # type: ignore[arg-type]  # as the fields say


def test_trial() -> None:
    """A trial says how many alarms, of how many devices, how long, at which hours, and whose they are."""
    assert sentence(trial(8), EN) == (
        "8 alarms in 7 days, from 2 of 3 devices. The longest lasted 2\u00a0h. 1 would be open now."
    )
    assert sentence(trial(0, found=[]), EN) == "No alarm in 7 days, for 3 devices."
    assert [(one.label, one.count, one.share) for one in bars(trial(8))][-2:] == [("22", 2, 50), ("23", 4, 100)]
    assert worst(trial(8)) == [("b", 7), ("a", 1)]
    assert lately(trial(7), EN) == "In the last 1\u00a0week it would have raised 7 alarms, 1 a day."


@pytest.mark.parametrize(("clear", "then"), [("50", "60"), ("", ""), ("?", "")])
def test_alternative(clear: str, then: str) -> None:
    """Another limit takes the value to come back to along."""
    draft = Draft(limit="55", clear=clear)
    taken(draft, Alternative(limit=65.0, alarms=1, subjects=1))
    assert (draft.limit, draft.clear) == ("65", then)
