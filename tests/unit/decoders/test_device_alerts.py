"""Alert rules that device files bring with them."""

import pytest

from decoders.catalogue import Catalogue
from decoders.device import Definition
from model.errors import ConfigError
from model.rule import All, Is, Rule, Scope, Silence, Threshold
from model.spans import Span

TYPE = "lab_bin"
FILE = """\
title = { en = "Bin", fr = "Bac" }
vendor = "Lab"
model = "Bin"
domain = "waste"
networks = ["lorawan"]
period = "15 min"
source = "made up"

[[frame]]
layout = \"\"\"
level_percent  u8
heat_c         i8
mode           u8 {0 = off, 1 = on}
open           flag
_              u7
\"\"\"

[field.level_percent]
quantity = "fill_level"
range = [0, 100]

[field.heat_c]
quantity = "temperature"
range = [-30, 60]

[field.mode]
quantity = "state"

[field.open]
quantity = "state"

[[example]]
name = "half full"
payload = "32 14 01 00"
values = { level_percent = 50, heat_c = 20, mode = "on", open = false }
"""
TITLE = 'title = { en = "Full", fr = "Plein" }\n'
FULL = f'[alert.full]\n{TITLE}when = {{ field = "level_percent", above = 90 }}\n'
LAST = FILE.count("\n")


def rules(text: str) -> dict[str, Rule]:
    """Return the rules of a file by their names."""
    return {rule.name: rule for rule in Definition.read(TYPE, f"{FILE}{text}").alerts}


def problems(text: str, file: str = FILE) -> list[str]:
    """Return what is wrong with a file."""
    with pytest.raises(ConfigError) as caught:
        _ = Definition.read(TYPE, f"{file}{text}").alerts
    return list(caught.value.problems)


def alert(condition: str) -> str:
    """Return an alert's table with this condition; it stands three lines behind the rest of the file."""
    return f"[alert.full]\n{TITLE}when = {condition}\n"


def test_an_alert_becomes_a_rule_for_all_devices_of_the_type() -> None:
    """It is called after type and table, watches the type, and says what the table says; nobody is told."""
    text = """\
[alert.full]
title = { en = "Full", fr = "Plein" }
when = { field = "level_percent", above = 90, clear = 50, for = "30 min" }
severity = "critical"
schedule = { sun = "day" }
text = { en = "{name}: {value}", fr = "{name} : {value}" }
"""

    rule = rules(text)[f"{TYPE}/full"]

    assert rule.when == Threshold(field="level_percent", above=90, clear=50, for_=Span.parse("30 min"))
    assert (rule.scope, rule.severity, rule.title.fr) == (Scope(type=(TYPE,)), "critical", "Plein")
    assert rule.schedule is not None
    assert rule.text is not None
    assert (rule.schedule.sun, rule.text.en, rule.notify) == ("day", "{name}: {value}", ())


def test_conditions_may_be_joined_and_written_in_tables_of_their_own() -> None:
    """All that a rule can wait for can stand in a device file, in every way that TOML writes it."""
    text = f'[alert.hot]\n{TITLE}[[alert.hot.when.all]]\nfield = "heat_c"\nabove = 40\n'
    text += '[[alert.hot.when.all]]\nfield = "mode"\nvalues = ["on"]\n'

    hot = rules(text)[f"{TYPE}/hot"]

    assert hot.when == All(of=(Threshold(field="heat_c", above=40), Is(field="mode", values=("on",))))


def test_every_type_is_watched_for_silence() -> None:
    """Without a word in its file, a type has a rule for devices that say nothing for three times as long as usual."""
    assert rules("")[f"{TYPE}/silent"].when == Silence(of="device", by="cadence", times=3)


@pytest.mark.parametrize("text", ["[alert]\nsilent = false\n", "[alert]\nsilent = false\n" + FULL])
def test_silence_can_be_switched_off(text: str) -> None:
    """A file that says so has no rule for silence, and keeps its others."""
    assert f"{TYPE}/silent" not in rules(text)
    assert (f"{TYPE}/full" in rules(text)) == ("full" in text)


def test_silence_can_be_told_otherwise() -> None:
    """A file's own rule for silence takes the place of the one that every type has."""
    found = rules(f'[alert.silent]\n{TITLE}when = {{ kind = "silence", after = "2 h" }}\n')

    assert [rule.when for rule in found.values()] == [Silence(after=Span.parse("2 h"))]


def test_alerts_do_not_change_what_a_type_decodes_to() -> None:
    """With other alerts a type has the same version: what is stored stays as it is, and is decoded no second time."""
    versions = {Definition.read(TYPE, FILE + text).type.version for text in ("", FULL, "[alert]\nsilent = false\n")}

    assert len(versions) == 1


def test_a_catalogue_has_the_rules_of_all_its_types() -> None:
    """One for each type at least, all with names of their own."""
    catalogue = Catalogue({"lab_bin": FILE + FULL, "lab_bucket": FILE})

    assert [rule.name for rule in catalogue.rules()] == ["lab_bin/silent", "lab_bin/full", "lab_bucket/silent"]


def test_a_catalogue_tells_of_wrong_alerts_with_all_else_that_is_wrong() -> None:
    """Who asks for its types hears of them at once, before anything is stored."""
    catalogue = Catalogue({"lab_bin": FILE + alert("{ above = 90 }"), "lab_bucket": FILE.replace("waste", "west")})

    with pytest.raises(ConfigError) as caught:
        catalogue.types()

    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["lab_bin.toml", "lab_bucket.toml"]


def test_a_wrong_alert_keeps_no_payload_from_being_decoded() -> None:
    """Decoding reads no alerts."""
    wrong = Definition.read(TYPE, FILE + alert("{ above = 90 }"))

    assert wrong.decode(bytes((50, 20, 1, 0))).records[0].values["level_percent"] == 50


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('{ field = "levl_percent", above = 9 }', "when.field: 'levl_percent' is no field of this file; did you mean"),
        ('{ field = "level_percent" }', "when: it is not clear what this waits for; write kind"),
        ('{ field = "level_percent", above = "much" }', "when.above: write a number, not a text"),
        ('{ field = "level_percent", above = 90, fro = "1 h" }', "when: 'fro' is unknown; did you mean for?"),
        ('{ field = "level_percent", above = 90, for = "an hour" }', "when.for: 'an hour' is no length of time"),
        ('{ field = "level_percent", above = 90, for = "5 min" }', "when.for: 5 min is shorter than the period"),
        ('{ field = "level_percent", above = 90, hold = "5 min" }', "when.hold: 5 min is shorter than the period"),
        ('{ field = "level_percent", above = 100 }', "when.above: can never hold"),
        ('{ field = "heat_c", below = -30 }', "when.below: can never hold"),
        ('{ field = "heat_c", low = -40, high = 70 }', "when.high: can never hold"),
        ('{ field = "level_percent", above = 90, clear = -5 }', "when.clear: can never be reached"),
        ('{ field = "open", above = 1 }', "when.field: 'open' is bool and has no limits"),
        ('{ field = "open", values = ["yes"] }', "when.values: 'open' is true or false"),
        ('{ field = "mode", values = ["of"] }', "when.values: 'of' is no value of 'mode', which has off, on"),
        ("{ circle = { latitude = 48, longitude = -4, radius_m = 9 } }", "when.latitude: 'latitude_deg' is no field"),
        ('{ kind = "silence", of = "gateway" }', "when.of: a gateway is no part of a device type"),
        ('{ kind = "silence", after = "1 min" }', "when.after: 1 min is shorter than the period"),
        ('{ any = [{ field = "heat", above = 1 }, { field = "open", values = [true] }] }', "when: 'heat' is no field"),
    ],
)  # fmt: skip
def test_a_condition_that_cannot_work_is_told_with_its_line(condition: str, said: str) -> None:
    """The problem names file, line and place, and says what to write."""
    found = problems(alert(condition))

    assert found[0].startswith(f"{TYPE}.toml:{LAST + 3}: {said}")


@pytest.mark.parametrize(
    "condition",
    [
        '{ field = "level_percent", above = 100, flagged = true }',
        '{ field = "heat_c", low = -40, high = 50 }',
        '{ field = "heat_c", below = -29 }',
        '{ field = "level_percent", above = 90, for = "15 min" }',
    ],
)
def test_a_condition_that_can_hold_is_none_of_these(condition: str) -> None:
    """Limits that implausible values reach count where the rule wants those; of a range, one side is enough."""
    assert f"{TYPE}/full" in rules(alert(condition))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[alert.full]\n" + 'when = { field = "level_percent", above = 90 }\n', 1, "title is missing: write title = {"),
        (f"[alert.full]\n{TITLE}", 1, "when is missing: write when = {"),
        (FULL.replace('fr = "Plein"', 'fr = " "'), 2, "title: is empty in a language"),
        (f'{FULL}notify = ["team"]\n', 4, "notify: 'notify' is no key here: title, when, severity, schedule, text"),
        (f"{FULL}escalate = []\n", 4, "escalate: 'escalate' is no key here"),
        (f'{FULL}severity = "bad"\n', 4, "severity: 'bad' is unknown; there are info, warning, critical"),
        (f'{FULL}sevrity = "info"\n', 4, "sevrity: 'sevrity' is no key here"),
        (FULL.replace("alert.full", "alert.Full"), 1, "'Full' cannot be an alert's name"),
        ("[alert]\nfull = false\n", 2, "an alert is a table: [alert.full] with title and when"),
        ("[alert]\nsilent = true\n", 2, "an alert is a table: [alert.silent] with title and when; silent = false"),
    ],
)
def test_a_table_that_is_no_alert_is_told_with_its_line(text: str, line: int, said: str) -> None:
    """A key that means nothing is no less a problem here than elsewhere in the file."""
    found = problems(text)

    assert len(found) == 1
    assert found[0].startswith(f"{TYPE}.toml:{LAST + line}: {said}")


def test_alerts_that_are_no_tables_are_told() -> None:
    """Something else under that name is a problem, in its line."""
    assert problems("", "alert = 3\n" + FILE) == [f"{TYPE}.toml:1: alerts are tables: [alert.NAME]"]


def test_a_dotted_key_is_told_with_its_line() -> None:
    """However TOML writes it: what is said at the top of a file counts, and has a line."""
    off = Definition.read(TYPE, "alert.silent = false\n" + FILE)

    assert off.alerts == ()
    assert problems("", "\nalert.full = false\n" + FILE)[0].startswith(f"{TYPE}.toml:2: an alert is a table")


def test_all_problems_are_told_at_once() -> None:
    """Those of alerts stand among the others, in the order of their lines."""
    found = problems(alert("{ above = 90 }"), FILE.replace('domain = "waste"', 'domain = "west"'))

    assert [problem.split(":")[1] for problem in found] == ["4", str(LAST + 3)]


def test_an_alert_on_a_field_that_is_wrong_is_no_second_problem() -> None:
    """What is wrong with the field is told; that the alert cannot find it then is not."""
    found = problems(FULL, FILE.replace("[field.level_percent]", "[field.time]").replace("level_percent  u8", "_ u8"))

    assert not any("level_percent" in problem for problem in found)


@pytest.mark.parametrize("name", Catalogue.builtin().names())
def test_shipped_types_are_watched(name: str) -> None:
    """Each type of the package has a rule for silence, and all its rules watch that type and no other."""
    found = Catalogue.builtin()[name].alerts

    assert f"{name}/silent" in {rule.name for rule in found}
    assert all(rule.scope == Scope(type=(name,)) for rule in found)
