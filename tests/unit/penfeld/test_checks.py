"""What ``penfeld doctor`` says of ledger, quarantine and workers."""

from datetime import UTC, datetime, timedelta

import pytest

from model.batch import SetAside
from model.device import Device
from model.errors import Reason
from model.status import IngestStatus
from model.views import QuarantinedFrame, QuarantineFilter
from penfeld.checks import Finding, Level, ledger_findings, push_findings, quarantine_findings, worker
from penfeld.config import ApiSettings, Config, SourceSettings
from tests.fakes.memory import Memory
from tests.fakes.quarantine import Quarantine
from tests.fakes.queries import Queries
from tests.fakes.registry import Registry

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def aside(message: bytes, reason: Reason, device: str | None = None) -> SetAside:
    return SetAside(
        source="sigfox", reason=reason, detail="?", topic="t", message=message, received_at=NOON, device=device
    )


@pytest.mark.parametrize("reason", Reason)
async def test_quarantine_is_told_by_reason_with_a_remedy(reason: Reason) -> None:
    """Every reason has something to do about it; what nobody needs to mend is no warning."""
    memory = Memory()
    memory._set_aside(aside(b"a", reason))
    memory._set_aside(aside(b"a", reason))

    [found] = await quarantine_findings(Queries(memory), Quarantine(memory), NOON)

    assert found.text == f"2 frames in 1 messages: {reason.value}"
    assert found.remedy
    assert found.level is (Level.OK if reason is Reason.RETIRED_DEVICE else Level.WARN)


async def test_frames_of_registered_devices_that_nobody_takes_are_told() -> None:
    """What waits for a moment is being taken; what waits for long needs an ingest worker."""
    memory = Memory()
    memory._set_aside(aside(b"a", Reason.UNKNOWN_DEVICE, "lamp"))
    await Registry(memory).register([Device(id="lamp", type="probe")])
    [line] = memory.lines(QuarantineFilter())
    assert line.replay_requested_at is not None

    async def found(after: timedelta) -> Finding:
        assert line.replay_requested_at is not None
        now = line.replay_requested_at + after
        return (await quarantine_findings(Queries(memory), Quarantine(memory), now))[-1]

    assert (await found(timedelta(seconds=5))).level is Level.OK
    late = await found(timedelta(minutes=2))
    assert (late.what, late.level) == ("replay", Level.WARN)
    assert "start `penfeld run` or `penfeld ingest`" in late.remedy


async def test_books_that_are_off_fail() -> None:
    """A ledger that balances says so with its numbers; one that does not is a failure with what to do."""
    memory = Memory()
    memory.ledger[NOON, "sigfox"] = [5, 1, 0]
    [well] = await ledger_findings(Queries(memory))
    memory.quarantine["t", None, b"a"] = QuarantinedFrame(
        id=1, source="sigfox", reason=Reason.BAD_PAYLOAD, detail="", topic="t", message=b"a", device=None,
        device_type=None, received_at=NOON, last_received_at=NOON, times=3, simulated=False,
    )  # fmt: skip
    [off] = await ledger_findings(Queries(memory))

    assert (well.level, well.text) == (Level.OK, "balances: 6 frames received, 0 of them in quarantine")
    assert (off.level, off.text) == (Level.FAIL, "does not balance by 3 frames")
    assert "penfeld ledger" in off.remedy


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [
        ({"received": 5, "latency_p99_ms": 12.0}, Level.OK, "5 frames since its start, 99 % stored within 12 ms"),
        ({"unacknowledged": 9, "oldest_unacknowledged_s": 90.0}, Level.WARN, "waits for 91 s to be stored, with 9"),
        (
            {"unacknowledged": 9, "oldest_unacknowledged_s": 4.0, "trouble": "database db: wait"},
            Level.FAIL,
            "database db: wait; the oldest frame waits for 5 s",
        ),
    ],
)
def test_a_worker_whose_frames_wait_is_told(status: dict[str, object], level: Level, words: str) -> None:
    """The age of the oldest frame without commit stands with the worker."""
    found = worker(IngestStatus(worker="w", time=NOON, **status), NOON + timedelta(seconds=1))  # type: ignore[arg-type]  # its fields

    assert found.level is level
    assert words in found.text


def test_a_worker_that_is_gone_is_told() -> None:
    """With what it had in hand, which the broker has again."""
    found = worker(IngestStatus(worker="w", time=NOON, unacknowledged=7), NOON + timedelta(minutes=5))

    assert found.level is Level.WARN
    assert "last heard of at 2026-07-01T12:00:00+00:00; 7 frames waited in its hands" in found.text


@pytest.mark.parametrize(
    ("api", "level", "words"),
    [
        (ApiSettings(), Level.OK, "without: "),
        (ApiSettings(host="::1"), Level.OK, "from this machine only"),
        (ApiSettings(host="0.0.0.0"), Level.WARN, "to who reaches 0.0.0.0:8080"),  # noqa: S104 -- looked at only
        (ApiSettings(host="city.example"), Level.WARN, "without: "),
        (ApiSettings(host="::", callback_tokens={"sigfox": "hush"}), None, "with a token: sigfox"),
        (ApiSettings(callback_tokens={"sigfoks": "hush"}), Level.FAIL, "did you mean sigfox?"),
    ],
)
def test_pushes_without_a_token_are_told(api: ApiSettings, level: Level | None, words: str) -> None:
    """Who may push without a token is told, and is a warning where other machines reach the API."""
    found = push_findings(Config(api=api))[-1]

    assert words in found.text
    assert level in (None, found.level)
    assert "hush" not in str(found)
    assert found.remedy or found.level is Level.OK


def test_a_token_of_a_network_that_nobody_takes_is_told() -> None:
    """What would be pushed into the void is a warning; sources of one's own may take what they like."""
    api = ApiSettings(callback_tokens={"sigfox": "hush"})
    lamps = SourceSettings(name="lamps", network="chirpstack", topic="application/7/device/+/event/up")
    all_of_it = SourceSettings(name="all", network="sigfox", topic="penfeld/v1/callbacks/#")

    lost = push_findings(Config(api=api, sources=(lamps,)))
    there = push_findings(Config(api=api, sources=(lamps, all_of_it)))

    assert (lost[0].level, lost[0].text) == (Level.WARN, "sigfox has a token, but no [[source]] takes what it pushes")
    assert all(one.level is Level.OK for one in there)
