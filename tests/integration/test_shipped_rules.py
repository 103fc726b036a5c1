"""Rules that come with Penfeld and with device files, in the database."""

from datetime import UTC, datetime

from alerts.shipped import RULES
from decoders.catalogue import Catalogue
from model.rule import Rule, rule_of
from penfeld.wiring import make_ready
from storage.connection import Database
from storage.rulebook import RuleBook

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 7, 2, 12, tzinfo=UTC)
PROBE = """
title = { en = "Probe", fr = "Sonde" }
vendor = "Lab"
model = "Probe"
domain = "environment"
networks = ["native"]
period = "15 min"
source = "made up"

[field.level_percent]
kind = "float"
quantity = "fill_level"
range = [0, 100]

[alert.full]
title = { en = "Full", fr = "Plein" }
when = { field = "level_percent", above = 90 }
"""


def catalogue(text: str = PROBE) -> Catalogue:
    """Return a catalogue of one device type."""
    return Catalogue({"lab_probe": text})


async def rules(database: Database) -> dict[str, Rule]:
    """Return the rules that count."""
    return {one.rule.name: one.rule for one in await RuleBook(database).all()}


async def test_rules_of_device_files_are_there_when_the_tables_are(database: Database) -> None:
    """Making a database ready stores them and the platform's own, and says so in one line; the second time, nothing."""
    done = await make_ready(database, catalogue(), lambda: NOON)
    again = await make_ready(database, catalogue(), lambda: LATER)

    stored = await RuleBook(database).all()
    assert {one.rule.name for one in stored} == {"lab_probe/full", "lab_probe/silent", *(rule.name for rule in RULES)}
    assert {(one.origin, one.changed_at) for one in stored} == {("device", NOON)}
    assert done[-1] == (
        "shipped alert rules: 4 changed "
        "(lab_probe/full, lab_probe/silent, network/gateway_silent, network/source_silent)"
    )
    assert again == []


async def test_a_changed_device_file_changes_its_rules(database: Database) -> None:
    """A limit that changed counts; a rule that the file has no more is gone."""
    await make_ready(database, catalogue(), lambda: NOON)

    changed = PROBE.replace("above = 90", "above = 95").replace("[alert.full]", "[alert]\nsilent = false\n[alert.full]")
    done = await make_ready(database, catalogue(changed), lambda: LATER)

    found = await rules(database)
    assert done == ["shipped alert rules: 2 changed (lab_probe/full, lab_probe/silent)"]
    assert found["lab_probe/full"].when.above == 95  # type: ignore[union-attr]
    assert "lab_probe/silent" not in found


async def test_what_people_saved_wins(database: Database) -> None:
    """A saved rule of the same name stays when device files are taken again, and one removed does not come back."""
    await make_ready(database, catalogue(), lambda: NOON)
    own = rule_of(
        {
            "name": "lab_probe/full",
            "title": {"en": "Mine", "fr": "Le mien"},
            "when": {"kind": "threshold", "field": "level_percent", "above": 60},
            "scope": {"type": ["lab_probe"]},
        }
    )
    await RuleBook(database).put(own, who="someone", origin="console", at=NOON)
    await RuleBook(database).remove("lab_probe/silent", who="someone", at=NOON)

    await make_ready(database, catalogue(PROBE.replace("above = 90", "above = 95")), lambda: LATER)

    found = await rules(database)
    assert found["lab_probe/full"] == own
    assert "lab_probe/silent" not in found


async def test_a_rule_of_a_device_file_that_cannot_work_is_left_out_and_told(database: Database) -> None:
    """It is not stored, so that no evaluator stumbles over it; the others of its file are."""
    odd = PROBE.replace("above = 90", "above = 90, repeat = 1000000000000000000000")

    done = await make_ready(database, catalogue(odd), lambda: NOON)

    assert "lab_probe/silent" in await rules(database)
    assert "lab_probe/full" not in await rules(database)
    assert done[-2] == (
        "shipped alert rule lab_probe/full cannot work and is left out: when.repeat: 1e+21 is too many; "
        "write 1000 or less"
    )
