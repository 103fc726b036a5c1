"""The rules that Penfeld brings with it: its own, and those of its device files."""

import pytest

from alerts.check import problems
from alerts.known import Known
from alerts.shipped import RULES
from alerts.texts import filled, placeholders_of
from decoders.catalogue import Catalogue
from model.rule import Rule, leaves

CATALOGUE = Catalogue.builtin()
SHIPPED = [*RULES, *CATALOGUE.rules()]
KNOWN = Known(types={of.name: of for of in CATALOGUE.types()})


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.name)
def test_a_shipped_rule_works(rule: Rule) -> None:
    """Nothing keeps it from working: fields, limits, lengths of time and placeholders are those that there are."""
    assert problems(rule, KNOWN) == []


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.name)
def test_a_shipped_rule_tells_nobody(rule: Rule) -> None:
    """Its alarms are recorded and shown; who hears of them is for the city to say."""
    assert (rule.notify, rule.escalate, rule.simulated) == ((), (), False)


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.name)
def test_a_shipped_rule_says_the_same_in_both_languages(rule: Rule) -> None:
    """Each text has the same placeholders in French and English, and is not the same text."""
    assert rule.title.en != rule.title.fr
    if rule.text is not None:
        assert sorted(placeholders_of(rule.text.en)) == sorted(placeholders_of(rule.text.fr))
        assert filled(rule.text.en, {}) != filled(rule.text.fr, {})


def test_names_are_their_own() -> None:
    """No two shipped rules have the same name, so none is lost."""
    names = [rule.name for rule in SHIPPED]

    assert len(names) == len(set(names))


def test_sources_and_gateways_are_watched() -> None:
    """A source or gateway that is quiet for twenty times as long as usual is an alarm, the source's the worse one."""
    found = {rule.name: (rule.severity, [(leaf.of, leaf.times) for leaf in leaves(rule.when)]) for rule in RULES}  # type: ignore[union-attr]

    assert found == {
        "network/source_silent": ("critical", [("source", 20)]),
        "network/gateway_silent": ("warning", [("gateway", 20)]),
    }
