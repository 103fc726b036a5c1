"""``penfeld ledger`` and ``penfeld quarantine`` on a real database, as a person uses them."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from psycopg.sql import SQL

from decoders.catalogue import Catalogue
from ingest.pipeline import Pipeline, default_sources
from model.device import Device
from model.uplink import Message
from penfeld.cli import main
from penfeld.clock import utc_now
from storage.connection import Database
from storage.registry import Registry
from storage.tables import prepare
from storage.writer import Writer
from tests.unit.ingest.scene import lora

LAMP, OTHER = "70b3d50000000001", "70b3d50000000002"
LIT = "8046019000303908fc1f5f"
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Return what runs a command on the database: exit code, what it printed, what it remarked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENFELD_DATABASE_URL", dsn)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        return (code, *capsys.readouterr())

    return run


def on(dsn: str, *commands: str) -> None:
    """Run commands on the database."""

    async def execute() -> None:
        async with Database(dsn) as database, database.connection() as connection:
            for command in commands:
                await connection.execute(SQL(command))

    asyncio.run(execute())


def receive(dsn: str, *messages: Message, devices: Sequence[Device] = ()) -> None:
    """Store messages as ingest does, as if they had come now."""

    async def write() -> None:
        async with Database(dsn) as database:
            known = Catalogue.builtin()
            await prepare(database, [known["penfeld_streetlight"].type])
            if devices:
                await Registry(database).register(devices)
            pipeline = Pipeline(known, default_sources(), Registry(database))
            now = utc_now()
            arrived = [Message(topic=one.topic, payload=one.payload, received_at=now) for one in messages]
            await Writer(database, "ingest").write((await pipeline.process(arrived)).batch)

    asyncio.run(write())


def lamp(id_: str = LAMP) -> Device:
    return Device(id=id_, type="penfeld_streetlight")


def answer(text: str) -> Any:  # noqa: ANN401 -- JSON is what it is
    return json.loads(text)


def test_the_ledger_is_a_table_that_balances(dsn: str, said: Said) -> None:
    """By hour, day or source, with totals; who keeps no broker is told so, and it is no failure."""
    receive(dsn, lora(LIT), lora(LIT), lora("80"), devices=[lamp()])

    code, table, remarks = said("ledger")
    by_day = said("ledger", "--by", "day", "--from", "-7d", "--json")
    nothing = said("ledger", "--from", "2020-01-01", "--to", "2020-02-01")

    heads, line, total, *_ = table.splitlines()
    assert code == 0
    assert heads.split() == ["hour", "source", "received", "stored", "duplicate", "quarantined", "replayed", "balanced"]
    assert line.split()[3:] == ["chirpstack", "3", "1", "1", "1", "0", "yes"]
    assert total.split() == ["total", "3", "1", "1", "1", "0", "yes"]
    assert "workers cannot be asked: no broker runs" in remarks
    assert answer(by_day[1])["totals"] == {
        "received": 3, "stored": 1, "duplicate": 1, "quarantined": 1, "replayed": 0, "balanced": True,
    }  # fmt: skip
    assert (nothing[0], nothing[1].splitlines()[0]) == (0, "nothing arrived in this time")


def test_a_ledger_that_is_off_is_exit_code_one(dsn: str, said: Said) -> None:
    """An hour that does not balance is named, and so is a quarantine that holds more than was counted."""
    receive(dsn, lora("80"), devices=[lamp()])
    on(dsn, "update penfeld.quarantine set times = 3")
    more = said("ledger")
    on(
        dsn,
        "update penfeld.quarantine set times = 1",
        "alter table penfeld.ledger drop constraint balanced",
        "update penfeld.ledger set received = 5",
    )
    lost = said("ledger", "--json")

    assert more[0] == lost[0] == 1
    assert "penfeld: the books are off by 2 frames" in more[2]
    [problem] = answer(lost[1])["problems"]
    assert "of chirpstack does not balance: received 5, accounted for 1" in problem


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("ledger", "--from", "soon"), "penfeld: 'soon' is no time: write 2026-07-01"),
        (("ledger", "--from", "-1h", "--to", "-2h"), "does not lie behind --from"),
        (("quarantine", "show", "99"), "penfeld: no frame 99 is in quarantine"),
        (("quarantine", "list", "--to", "2020-01-01", "--from", "today"), "does not lie behind --from"),
    ],
)
def test_a_mistake_is_one_line(said: Said, words: Sequence[str], line: str) -> None:
    """Exit code 1, and what would make sense."""
    code, printed, remarks = said(*words)

    assert (code, printed) == (1, "")
    assert line in remarks
    assert len(remarks.splitlines()) == 1


def test_frames_come_back_after_a_fix(dsn: str, said: Said) -> None:
    """List, look, try, replay: the fixed frame is stored, the other stays, and the ledger says so."""
    receive(dsn, lora(LIT), lora("80", f_cnt=8), lora(LIT, device=OTHER))
    listed = answer(said("quarantine", "list", "--device", "70-B3-D5-00-00-00-00-01", "--json")[1])
    pending = said("quarantine", "show", str(listed["items"][0]["id"]))[1]
    receive(dsn, devices=[lamp()])

    shown = answer(said("quarantine", "show", str(listed["items"][1]["id"]), "--json")[1])
    tried = answer(said("quarantine", "replay", "--dry-run", "--json")[1])
    still = answer(said("quarantine", "list", "--json")[1])["sums"]
    taken = said("quarantine", "replay", "--device", LAMP)
    left = said("quarantine", "list")[1]
    again = said("quarantine", "replay", "--reason", "bad_payload", "--json")
    none = said("quarantine", "replay", "--source", "sigfox")

    assert [item["reason"] for item in listed["items"]] == ["unknown_device"] * 2
    assert "penfeld devices add 70b3d50000000001 --type TYPE" in pending
    assert "in quarantine again: pending_device" in pending
    assert shown["today"][0]["rows"][0]["values"]["power_w"] == 40.0
    assert tried == {"taken": 1, "kept": {"bad_payload": 1, "pending_device": 1}}
    assert [(one["frames"], one["waiting"]) for one in still] == [(3, 2)]
    assert taken[0] == 0
    assert taken[1].startswith("1 frames stored, 0 duplicates, 1 still in quarantine (2 messages)")
    assert "bad_payload" in left
    assert OTHER in left
    assert answer(again[1])["kept"] == 1
    assert none[1] == "nothing in quarantine is like that\n"
    totals = answer(said("ledger", "--json")[1])["totals"]
    assert totals == {
        "received": 3, "stored": 1, "duplicate": 0, "quarantined": 2, "replayed": 1, "balanced": True,
    }  # fmt: skip
