"""What ledger and quarantine pages say: totals, workers, and what a frame would be today."""

from datetime import UTC, datetime, timedelta

import pytest

from api.console.formats import moment
from api.console.meaning import meaning
from api.console.pages.ledger import ledger_rows, worker_row
from api.console.pages.quarantine import shown_text
from api.console.texts import Words
from decoders.catalogue import Catalogue
from model.device import Language
from model.errors import Reason
from model.status import IngestStatus
from model.views import Interpretation, LedgerRow, ReadingRow
from tests.unit.api.console.samples import NOON
from tests.unit.api.scene import LAMP_FILE

EN, FR = Words("en"), Words("fr")
LAMPS = Catalogue({"lamp": LAMP_FILE})


def row(source: str, *, hours: int = 0, lost: int = 0, replayed: int = 0) -> LedgerRow:
    return LedgerRow(
        hour=NOON - timedelta(hours=hours),
        source=source,
        received=10 + lost,
        stored=9 + replayed,
        duplicate=0,
        quarantined=1 - replayed,
        replayed=replayed,
    )


def test_totals_come_first() -> None:
    """The total, then each hour with its sources; what left quarantine is told beside what is in it."""
    shown = list(ledger_rows([row("a"), row("b", replayed=4), row("a", hours=1, lost=2)], EN))

    assert [[cell.text for cell in line.cells][1:] for line in shown] == [
        ["all sources", "32", "31", "0", "\u22121", "2 missing"],
        ["all sources", "20", "22", "0", "\u22122", "balanced"],
        ["a", "10", "9", "0", "1", "balanced"],
        ["b", "10", "13", "0", "\u22123", "balanced"],
        ["a", "12", "9", "0", "1", "2 missing"],
    ]
    assert [line.cells[5].note for line in shown] == [
        "4 taken out again",
        "4 taken out again",
        "",
        "4 taken out again",
        "",
    ]
    assert [line.tone for line in shown] == ["bad", "total", "", "", "bad"]
    assert list(ledger_rows([], EN)) == []


@pytest.mark.parametrize(
    ("status", "forgotten", "expected"),
    [
        ({}, 0, ["none", "0", "well"]),
        ({"unacknowledged": 1200, "oldest_unacknowledged_s": 1.26}, 0, ["3.3\u00a0s", "1,200", "well"]),
        ({"unacknowledged": 1, "oldest_unacknowledged_s": 300.0}, 0, ["5\u00a0min", "1", "well"]),
        ({"trouble": "broker lost"}, 0, ["none", "0", "broker lost"]),
        ({}, 7, ["none", "0", "7 frames that it stored are not in the ledger: was the database restored?"]),
    ],
)
def test_a_worker_tells_how_it_is(status: dict[str, object], forgotten: int, expected: list[str]) -> None:
    """The oldest frame gets older while nothing is heard of the worker; what is wrong stands out."""
    told = IngestStatus(worker="w", time=NOON - timedelta(seconds=2), **status)  # type: ignore[arg-type]  # its fields

    shown = worker_row(told, NOON, forgotten, EN)

    assert [shown.cells[i].text for i in (1, 2, 4)] == expected
    assert (shown.cells[4].mark == "ok") == (expected[-1] == "well")


def test_a_silent_worker_is_told_as_one() -> None:
    """A worker that has said nothing for long is no longer well, whatever it said last."""
    shown = worker_row(IngestStatus(worker="w", time=NOON - timedelta(minutes=5)), NOON, 0, FR)

    assert shown.cells[4].text == "muet depuis 5\u00a0min : relancez-le s’il doit tourner"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Stored: Mon 2026-06-01, 14:00:00 CEST: Power 41.5\u00a0W, Lamp on (power_w:range)"),
        ("fr", "Stockée : lun. 01/06/2026, 14:00:00 CEST : Puissance 41,5\u00a0W, Lampe on (power_w:range)"),
    ],
)
def test_what_would_be_stored_is_told_with_titles_and_units(language: Language, expected: str) -> None:
    """As a person reads it, in both languages, with its flags; of a type that is gone, by the fields' names."""
    reading = ReadingRow(
        device="d", time=NOON, received_at=NOON, values={"power_w": 41.5, "lamp_on": "on"}, flags=("power_w:range",)
    )
    known = Interpretation(device="d", device_type="lamp", rows=(reading,))
    gone = Interpretation(device="d", device_type="gone", rows=(reading,))

    assert list(meaning([known], Words(language), LAMPS)) == [(expected, True)]
    [(text, _)] = meaning([gone], EN, LAMPS)
    assert "power_w 41.5, lamp_on on" in text


def test_what_would_stay_says_why() -> None:
    """A reason of today; a frame without readings; a long log is cut short, and says so."""
    stays = Interpretation(device="d", device_type=None, reason=Reason.UNKNOWN_DEVICE, detail="who?")
    empty = Interpretation(device="d", device_type="lamp")
    one = ReadingRow(device="d", time=NOON, received_at=NOON, values={"power_w": 1.0})
    log = Interpretation(device="d", device_type="lamp", rows=(one,) * 25)

    assert list(meaning([stays, empty], EN, LAMPS)) == [
        ("Stays: Unknown device: who?", False),
        ("Stored: a frame of d without readings", True),
    ]
    lines = list(meaning([log], EN, LAMPS))
    assert (len(lines), lines[-1][0]) == (21, "… and 5 more readings")


def test_only_text_is_shown_as_text() -> None:
    """JSON is; bytes and control characters are left to the dump."""
    assert shown_text(b'{"a": "\xc3\xa9"}') == '{"a": "é"}'
    assert shown_text(b"\xff") == shown_text(b"a\x1b[2J") == ""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-03-29T08:00", datetime(2026, 3, 29, 6, tzinfo=UTC)),
        ("2026-01-01T08:00", datetime(2026, 1, 1, 7, tzinfo=UTC)),
        ("", None),
        ("0001-01-01T00:00", None),
        ("soon", None),
    ],
)
def test_a_moment_is_of_paris(written: str, expected: datetime | None) -> None:
    """What a field for day and time holds is local, summer and winter."""
    assert moment(written) == expected
