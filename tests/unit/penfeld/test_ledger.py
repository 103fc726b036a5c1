"""``penfeld ledger`` and ``penfeld quarantine``: how they sum up, what they say is off, and what a frame would mean."""

from datetime import UTC, datetime, timedelta

import pytest

from model.batch import Replayed
from model.errors import ConfigError, Reason
from model.status import IngestStatus
from model.views import Interpretation, LedgerRow, ReadingRow
from penfeld.commands.ledger import Books, lines_of, problems_of
from penfeld.commands.quarantine import meaning
from penfeld.config import load
from penfeld.replays import replays, told
from penfeld.workers import oldest_s
from tests.fakes.memory import Memory
from tests.fakes.quarantine import Quarantine
from tests.unit.ingest.scene import LORA, lora
from tests.unit.ingest.test_replay import scene

NOON = datetime(2026, 10, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def row(hour: datetime, source: str = "sigfox", *, lost: int = 0, stored: int = 1) -> LedgerRow:
    return LedgerRow(hour=hour, source=source, received=stored + lost, stored=stored, duplicate=0, quarantined=0)


def test_a_day_of_25_hours_is_one_line() -> None:
    """Local days, local hours: the hour that comes twice stands twice, and all 25 count in their day."""
    rows = [row(datetime(2026, 10, 24, 22, tzinfo=UTC) + n * HOUR) for n in range(26)][::-1]

    hours = lines_of(rows, "hour", "Europe/Paris")
    days = lines_of(rows, "day", "Europe/Paris")
    everything = lines_of(rows, "source", "Europe/Paris")

    assert len(hours) == 26
    assert [(line.when.date().isoformat(), line.received) for line in days if line.when] == [
        ("2026-10-26", 1),
        ("2026-10-25", 25),
    ]
    assert [(line.source, line.received) for line in everything] == [("sigfox", 26)]


def test_what_is_off_is_told_with_what_to_do() -> None:
    """An hour that does not balance, books that are off elsewhere, a worker whose frames the ledger has not."""
    fine = Books([row(NOON)], {}, {"ingest": 0}, 0)

    assert problems_of(fine) == []
    [hour] = problems_of(fine._replace(rows=[row(NOON, lost=3), row(NOON)], off=3))
    assert "the hour 2026-10-25T12:00:00+00:00 of sigfox does not balance: received 4, accounted for 1" in hour
    [elsewhere] = problems_of(fine._replace(off=2))
    assert "off by 2 frames" in elsewhere
    [worker] = problems_of(fine._replace(forgotten={"ingest": 7, "other": 0}))
    assert "worker ingest stored 7 frames that the ledger does not have" in worker


def test_the_age_of_the_oldest_frame_grows_while_a_worker_is_silent() -> None:
    """A worker that died holds its frames in the broker: they get older with every second."""
    status = IngestStatus(worker="w", time=NOON, unacknowledged=3, oldest_unacknowledged_s=2.5)

    assert oldest_s(status, NOON + timedelta(seconds=10)) == 12.5
    assert oldest_s(IngestStatus(worker="w", time=NOON), NOON + HOUR) == 0.0


def test_what_a_frame_would_mean_is_told_in_lines() -> None:
    """Readings with values and flags; a frame that says nothing; a reason to stay."""
    reading = ReadingRow(device="d", time=NOON, received_at=NOON, values={"power_w": 4.0}, flags=("power_w:range",))

    assert meaning(Interpretation(device="d", device_type="lamp", rows=(reading,))) == [
        "a reading of d (lamp)",
        "  2026-10-25T12:00:00+00:00  power_w 4.0 [power_w:range]",
    ]
    assert meaning(Interpretation(device="d", device_type="lamp")) == ["a frame of d (lamp) without readings"]
    assert meaning(Interpretation(device="d", device_type=None, reason=Reason.UNKNOWN_DEVICE, detail="who?")) == [
        "in quarantine again: unknown_device: who?"
    ]


async def test_what_waits_is_replayed_beside_ingest(caplog: pytest.LogCaptureFixture) -> None:
    """The first step marks what waits for a type that is known now; what was taken is one line in the log."""
    caplog.set_level("INFO")
    there = scene()
    await there.receive(*(lora("09c405", f_cnt=number) for number in range(3)))
    await there.register(LORA, device_type="missing")
    await there.replay()
    await there.register(LORA, device_type="missing")
    there.memory.devices[LORA] = there.memory.devices[LORA].__class__(id=LORA, type="probe")
    step = replays(there.replayer(at_once=2), there.quarantine, ["probe"])

    more = [await step() for _ in range(3)]

    assert more == [True, True, False]
    assert await there.totals() == (3, 3, 0, 0)
    assert [record.getMessage() for record in caplog.records] == [
        "replay: 3 frames stored, 0 duplicates, 0 still in quarantine (3 messages)"
    ]


async def test_nothing_waiting_is_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A quiet quarantine is quiet."""
    caplog.set_level("INFO")

    assert not await replays(scene().replayer(), Quarantine(Memory()), [])()
    assert caplog.records == []
    assert told(Replayed(lines=1200, stored=1000)).startswith("1,000 frames stored")


def test_no_worker_is_called_like_the_replays() -> None:
    """The ledger keeps replays under that name."""
    with pytest.raises(ConfigError, match="keeps replays"):
        load(environ={"PENFELD_INGEST_WORKER": "replay"})
