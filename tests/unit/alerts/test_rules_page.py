"""What docs/rules.md shows works as it stands there."""

import re
from pathlib import Path

from alerts.check import Known, problems
from alerts.files import rules_in
from decoders.catalogue import Catalogue
from model.rule import All, leaves
from tests.unit.alerts.city import member

PAGE = Path(__file__).parents[3] / "docs" / "rules.md"


def test_every_rule_of_the_page_works() -> None:
    """Each kind of condition has an example, and nothing is wrong with any of them."""
    known = Known(
        types={one.name: one for one in Catalogue.builtin().types()},
        members=[member(1, district="Siam")],
        channels=["duty", "chief"],
    )
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)

    rules = rules_in("\n".join(blocks), "rules.md")

    assert {rule.name: problems(rule, known) for rule in rules if problems(rule, known)} == {}
    assert {type(leaf).__name__ for rule in rules for leaf in leaves(rule.when)} == {
        "Threshold", "Range", "Is", "Rate", "Stuck", "Silence", "Geofence", "Group", "Usual",
    }  # fmt: skip
    assert any(isinstance(rule.when, All) for rule in rules)
