"""What a rule waits for, in words."""

import pytest

from alerts.words import waits_for
from decoders.catalogue import Catalogue
from model.rule_text import rule_from

CATALOGUE = Catalogue.builtin()
LAMP = CATALOGUE["penfeld_streetlight"].type
TITLE = {"en": "A", "fr": "B"}

CASES: list[tuple[dict[str, object], str, str]] = [
    ({"field": "power_w", "above": 50}, "power_w above 50 W", "power_w au-dessus de 50 W"),
    (
        {"field": "power_w", "below": 5.5, "for": "2 d", "repeat": 3},
        "power_w below 5.5 W at 3 readings in a row for 2 d",
        "power_w en dessous de 5,5 W sur 3 mesures de suite pendant 2 j",
    ),
    (
        {"field": "voltage_v", "low": 207, "high": 253},
        "voltage_v outside 207 to 253 V",
        "voltage_v hors de 207 à 253 V",
    ),
    ({"field": "lamp_on", "values": [True, False]}, "lamp_on = yes or no", "lamp_on = oui ou non"),
    (
        {"field": "power_w", "per": "1 h", "beyond": 20},
        "power_w changes in 1 h by more than 20 W",
        "power_w varie en 1 h de plus de 20 W",
    ),
    (
        {"field": "power_w", "tolerance": 0.5, "for": "6 h"},
        "power_w stands still for 6 h",
        "power_w ne varie plus pendant 6 h",
    ),
    (
        {"field": "power_w", "weeks": 4, "beyond_percent": 30},
        "power_w differs from the same hours of 4 weeks before by more than 30 %",
        "power_w diffère des mêmes heures de 4 semaines avant de plus de 30 %",
    ),
    ({"kind": "silence", "after": "1 h"}, "nothing comes for 1 h", "rien n’arrive pendant 1 h"),
    (
        {"kind": "silence", "field": "power_w", "times": 4, "by": "period"},
        "no power_w comes for 4 times its period",
        "aucun power_w n’arrive pendant 4 fois sa période",
    ),
    (
        {"kind": "silence", "of": "gateway", "times": 20},
        "nothing comes through a gateway for 20 times as long as is usual for it",
        "rien ne passe par une passerelle pendant 20 fois la durée habituelle",
    ),
    (
        {"circle": {"latitude": 48.4, "longitude": -4.5, "radius_m": 300}, "inside": True},
        "inside of 300 m around 48.4, -4.5",
        "dans d’un rayon de 300 m autour de 48.4, -4.5",
    ),
    (
        {"measure": "share", "every": "1 h", "where": {"field": "lamp_on", "values": [False]}, "above": 20},
        "share of the devices with lamp_on = no, per district, every 1 h, above 20 %",
        "part de capteurs avec lamp_on = non, par quartier, chaque 1 h, au-dessus de 20 %",
    ),
    (
        {"measure": "mean", "every": "1 h", "field": "power_w", "by": "all", "below": 20},
        "mean of power_w, per city, every 1 h, below 20 W",
        "moyenne de power_w, par ville, chaque 1 h, en dessous de 20 W",
    ),
    (
        {"all": [{"field": "lamp_on", "values": [True]}, {"any": [{"field": "power_w", "below": 1}, {"not": {
            "field": "dimming_percent", "above": 5}}]}]},
        "lamp_on = yes and (power_w below 1 W or not (dimming_percent above 5 %))",
        "lamp_on = oui et (power_w en dessous de 1 W ou non (dimming_percent au-dessus de 5 %))",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("when", "english", "french"), CASES)
def test_a_condition_in_words(when: dict[str, object], english: str, french: str) -> None:
    """Every kind of condition is said in both languages, with the units of the device type."""
    rule = rule_from("a", {"title": TITLE, "when": when})

    assert (waits_for(rule, LAMP), waits_for(rule, LAMP, "fr")) == (english, french)


def test_when_it_counts() -> None:
    """Sun, hours and days of the schedule follow."""
    schedule = {"sun": "night", "start": "22:00", "end": "05:00", "days": ["sat", "sun"]}
    rule = rule_from("a", {"title": TITLE, "when": {"field": "power_w", "above": 5}, "schedule": schedule})

    assert waits_for(rule) == "power_w above 5, by night, from 22:00 to 05:00, Sat Sun"
