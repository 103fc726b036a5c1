"""``penfeld rules`` and ``penfeld alarms`` on a real database, as a person uses them."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from decoders.catalogue import Catalogue
from ingest.pipeline import Pipeline, default_sources
from model.alarm import Episode, Opening, Subject, Verdict
from model.device import Device
from model.instants import microseconds
from model.uplink import Message
from penfeld.cli import main
from penfeld.clock import utc_now
from storage.alerts import AlertStore
from storage.connection import Database
from storage.registry import Registry
from storage.tables import prepare
from storage.writer import Writer
from tests.unit.ingest.scene import lora

LAMP = "70b3d50000000001"
LIT = "8046019000303908fc1f5f"
Said = Callable[..., tuple[int, str, str]]

RULES = """\
[rule."lamps/failed"]
title = { en = "Lamp failed", fr = "Lampe en panne" }
severity = "critical"
scope = { type = "penfeld_streetlight" }
when = { field = "lamp_failure", values = [true] }
notify = "team"

[rule."lamps/lit"]
title = { en = "Lamp lit", fr = "Lampe allumée" }
when = { field = "dimming_percent", above = 10, clear = 5 }
"""
SETTINGS = """\
[[channel]]
name = "team"
kind = "mqtt"
"""


@pytest.fixture
def said(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Return what runs a command on the database: exit code, what it printed, what it remarked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENFELD_DATABASE_URL", dsn)
    (tmp_path / "penfeld.toml").write_text(SETTINGS)
    (tmp_path / "lamps.toml").write_text(RULES)
    asyncio.run(_prepared(dsn))

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        return (code, *capsys.readouterr())

    return run


async def _prepared(dsn: str) -> None:
    async with Database(dsn) as database:
        await prepare(database, [Catalogue.builtin()["penfeld_streetlight"].type])
        await Registry(database).register([Device(id=LAMP, type="penfeld_streetlight", district="Siam")])


def receive(dsn: str, message: Message) -> None:
    """Store a message as ingest does, as if it had come now."""

    async def write() -> None:
        async with Database(dsn) as database:
            pipeline = Pipeline(Catalogue.builtin(), default_sources(), Registry(database))
            arrived = Message(topic=message.topic, payload=message.payload, received_at=utc_now())
            await Writer(database, "ingest").write((await pipeline.process([arrived])).batch)

    asyncio.run(write())


def raise_alarm(dsn: str) -> int:
    """Store an open alarm as the evaluator does; return its number."""

    async def write() -> int:
        async with Database(dsn) as database:
            store = AlertStore(database)
            [rule] = [one for one in await store.rules() if one.rule.name == "lamps/failed"]
            [member] = await store.members()
            at_us = microseconds(utc_now() - timedelta(minutes=5))
            verdict = Verdict()
            verdict.openings.append(
                Opening(
                    rule=rule.rule.name,
                    version=rule.version,
                    severity="critical",
                    subject=Subject(name=LAMP, device=member.key, device_type=member.type),
                    episode=Episode(start_us=at_us, raised_us=at_us, first=True),
                )
            )
            [notice] = await store.commit(verdict, utc_now())
            return notice.alarm.id

    return asyncio.run(write())


def answer(text: str) -> Any:  # noqa: ANN401 -- JSON is what it is
    return json.loads(text)


def test_rules_go_from_files_into_the_database_and_back(said: Said, tmp_path: Path) -> None:
    """Applied, listed, exported: what comes out says what went in, and applying it again changes nothing."""
    dry = said("rules", "apply", "lamps.toml", "--dry-run")
    before = answer(said("rules", "list", "--json")[1])
    applied = said("rules", "apply", "lamps.toml", "--by", "anna")
    listed = answer(said("rules", "list", "--json")[1])
    exported = said("rules", "export")
    (tmp_path / "all.toml").write_text(exported[1])
    again = said("rules", "apply", "all.toml", "--json")

    assert dry[:2] == (
        0,
        "added  lamps/failed\nadded  lamps/lit\n2 would be added, 0 would be changed, 0 would be removed, 0 same\n",
    )
    assert not [one for one in before if one["origin"] == "file"]
    assert applied[0] == 0
    assert [(one["rule"]["name"], one["origin"], one["changed_by"]) for one in listed if one["origin"] == "file"] == [
        ("lamps/failed", "file", "anna"),
        ("lamps/lit", "file", "anna"),
    ]
    assert exported[1].startswith('[rule."lamps/failed"]\n')
    assert answer(again[1])["same"] == ["lamps/failed", "lamps/lit"]


def test_rules_are_exported_by_where_they_are_from(said: Said) -> None:
    """``--origin`` takes those of files or of the console alone; where there are none, it says so."""
    said("rules", "apply", "lamps.toml")
    said("rules", "disable", "lamps/lit")

    files, console = (said("rules", "export", "--origin", origin) for origin in ("file", "console"))

    assert '[rule."lamps/failed"]' in files[1]
    assert console == (
        0,
        "",
        "no such rules are stored; `penfeld rules list` shows all, --origin device gets those of device files\n",
    )


def test_a_rule_that_no_clock_can_count_is_refused_at_its_line(said: Said, tmp_path: Path) -> None:
    """The command ends with 1, names file, line and place, and stores none of the file's rules."""
    (tmp_path / "odd.toml").write_text(RULES.replace("clear = 5 }", 'clear = 5, for = "9999 weeks" }'))

    code, _, remarks = said("rules", "apply", "odd.toml")

    assert code == 1
    assert "odd.toml:10: rule 'lamps/lit': when.for: 9999 weeks is more than a year; write 366 d or less" in remarks
    assert "no such rules" in said("rules", "export", "--origin", "file")[2]


def test_what_differs_is_shown_line_by_line_and_what_left_the_files_goes(said: Said, tmp_path: Path) -> None:
    """``diff`` ends with 1 where asked to; ``apply --prune`` removes rules of files only."""
    said("rules", "apply", "lamps.toml")
    same = said("rules", "diff", "lamps.toml", "--exit-code")
    (tmp_path / "lamps.toml").write_text(RULES[RULES.index('[rule."lamps/lit"]') :].replace("above = 10", "above = 20"))

    differs = said("rules", "diff", "lamps.toml", "--prune", "--exit-code")
    harmless = said("rules", "diff", "lamps.toml")
    pruned = said("rules", "apply", "lamps.toml", "--prune", "--json")

    assert (same[0], same[1]) == (0, "")
    assert differs[0] == 1
    assert '-when = { field = "dimming_percent", above = 10, clear = 5 }' in differs[1]
    assert '+when = { field = "dimming_percent", above = 20, clear = 5 }' in differs[1]
    assert '-[rule."lamps/failed"]' in differs[1]
    assert harmless[0] == 0
    assert '[rule."lamps/failed"]' not in harmless[1]
    assert (answer(pruned[1])["changed"], answer(pruned[1])["removed"]) == (["lamps/lit"], ["lamps/failed"])


def test_a_file_with_a_rule_that_cannot_work_changes_nothing(said: Said, tmp_path: Path) -> None:
    """Every problem has its file and line, in ``check`` as in ``apply``, and none of the rules is stored."""
    (tmp_path / "lamps.toml").write_text(RULES.replace("clear = 5", "clear = 15").replace('"team"', '"taem"'))
    (tmp_path / "more.toml").write_text(RULES)

    for words in (("check",), ("apply",), ("check", "--offline")):
        code, _, remarks = said("rules", *words, "lamps.toml", "more.toml", "gone.toml")

        assert code == 1
        assert "penfeld: lamps.toml:6: rule 'lamps/failed': notify[0]: there is no channel 'taem'" in remarks
        assert "penfeld: lamps.toml:10: rule 'lamps/lit': when.clear: 15 lies above the limit" in remarks
        assert "penfeld: more.toml:1: rule 'lamps/failed': name: is in lamps.toml too; choose another name" in remarks
        assert "penfeld: gone.toml: cannot be read" in remarks
    assert not [one for one in answer(said("rules", "list", "--json")[1]) if one["origin"] == "file"]


def test_a_rule_is_shown_switched_off_and_removed(said: Said) -> None:
    """``show`` says it as a file does, with who changed it; a name that is none tells the nearest."""
    said("rules", "apply", "lamps.toml")

    off = said("rules", "disable", "lamps/lit", "--by", "anna")
    shown = said("rules", "show", "lamps/lit")
    on = said("rules", "enable", "lamps/lit")
    gone = said("rules", "remove", "lamps/lit")
    unknown = said("rules", "show", "lamps/lid")

    assert off[:2] == (0, "lamps/lit is off\n")
    assert '[rule."lamps/lit"]\n' in shown[1]
    assert "enabled = false\n" in shown[1]
    assert ["anna", "rule.switched_off"] in [line.split()[3:] for line in shown[1].splitlines()]
    assert on[:2] == (0, "lamps/lit is on\n")
    assert gone[:2] == (0, "lamps/lit is removed\n")
    assert unknown[0] == 1
    assert "penfeld: there is no rule 'lamps/lid'; " in unknown[2]


def test_a_rule_is_tried_on_stored_history(dsn: str, said: Said) -> None:
    """One of a file before it is stored, and a stored one: alarms, hours, subjects, what other limits would do."""
    receive(dsn, lora(LIT, f_port=1))

    told = said("rules", "test", "lamps.toml", "--rule", "lamps/lit", "--from", "2020-01-01")
    which = said("rules", "test", "lamps.toml")
    said("rules", "apply", "lamps.toml")
    stored = answer(said("rules", "test", "lamps/lit", "--from", "2020-01-01", "--json")[1])
    backwards = said("rules", "test", "lamps/lit", "--from", "now", "--to", "-1d")

    assert told[0] == 0
    assert "1 alarm of 1 subject, 1 still open at the end" in told[1]
    assert LAMP in told[1]
    assert "with a limit of" in told[1]
    assert (stored["alarms"], stored["open"], stored["found"][0]["subject"]) == (1, 1, LAMP)
    assert sum(stored["by_hour"]) == 1
    assert (which[0], "say which one with --rule: lamps/failed, lamps/lit" in which[2]) == (1, True)
    assert (backwards[0], "does not lie behind the start" in backwards[2]) == (1, True)


def test_channels_are_listed_and_a_test_message_waits_for_who_sends(said: Said) -> None:
    """Without `penfeld alerts` it waits, and that is said; a channel that is none is refused with the nearest."""
    channels = answer(said("rules", "channels", "--json")[1])
    waits = said("rules", "notify", "team", "--wait", "0")
    unknown = said("rules", "notify", "taem")

    assert [(one["name"], one["kind"]) for one in channels] == [("team", "mqtt")]
    assert (waits[0], "does `penfeld alerts` (or `penfeld run`) run?" in waits[2]) == (1, True)
    assert (unknown[0], "there is no channel 'taem'; did you mean team?" in unknown[2]) == (1, True)


def test_an_alarm_is_listed_acknowledged_commented_and_assigned(dsn: str, said: Said) -> None:
    """All that people do about it stands in its history, with who did it."""
    said("rules", "apply", "lamps.toml")
    quiet = said("alarms", "list")
    number = str(raise_alarm(dsn))

    listed = answer(said("alarms", "list", "--device", "70-B3-D5-00-00-00-00-01", "--json")[1])["items"]
    acknowledged = said("alarms", "ack", number, "--by", "anna", "--text", "on my way")
    said("alarms", "comment", number, "the fuse is gone", "--by", "ben")
    said("alarms", "assign", number, "carla", "--by", "anna")
    shown = said("alarms", "show", number)
    nobody = said("alarms", "list", "--unacknowledged")
    unknown = said("alarms", "ack", "4711")

    assert quiet[:2] == (0, "no alarm is open\n")
    assert [(one["id"], one["rule"], one["subject"]) for one in listed] == [(int(number), "lamps/failed", LAMP)]
    assert acknowledged[:2] == (0, f"alarm {number} (lamps/failed, {LAMP}) is looked after by anna\n")
    events = [line.split(maxsplit=3)[3].split() for line in shown[1].split("\n\n")[1].splitlines()[1:]]
    assert events == [
        ["opened", "Penfeld"],
        ["acknowledged", "anna", "on", "my", "way"],
        ["commented", "ben", "the", "fuse", "is", "gone"],
        ["assigned", "anna", "carla"],
    ]
    assert nobody[1] == "no alarm is open\n"
    assert unknown[0] == 1
    assert "penfeld: there is no alarm 4711" in unknown[2]


def test_a_silence_says_what_it_is_of_and_until_when(said: Said) -> None:
    """It is listed until it ends; one of nothing, of what is not there, or without an end is refused."""
    district = ("alarms", "silence", "--reason", "cables", "--maintenance", "--district")
    made = said(*district, "Siam", "--for", "4 h", "--by", "anna", "--json")
    listed = answer(said("alarms", "silences", "--json")[1])
    ended = said("alarms", "end", str(answer(made[1])["id"]))
    after = said("alarms", "silences")

    assert made[0] == 0
    assert [(one["district"], one["by"], one["maintenance"]) for one in listed] == [("Siam", "anna", True)]
    assert ended[0] == 0
    assert after[1] == "there are no silences\n"
    for words, line in (
        (("--for", "1 h"), "say which alarms are meant"),
        (("--all", "--device", LAMP, "--for", "1 h"), "say which alarms are meant"),
        (("--district", "Saim", "--for", "1 h"), "there is no district 'Saim'; did you mean Siam?"),
        (("--device", "ffffffffffffffff", "--for", "1 h"), "there is no device 'ffffffffffffffff'"),
        (("--rule", "gone", "--for", "1 h"), "there is no rule 'gone'"),
        (("--district", "Siam"), "say until when"),
        (("--district", "Siam", "--for", "soon"), "'soon' is no length of time"),
        (("--district", "Siam", "--from", "now", "--to", "-1d"), "does not lie behind"),
    ):
        code, _, remarks = said("alarms", "silence", "--reason", "x", *words)
        assert (code, line in remarks) == (1, True), remarks
