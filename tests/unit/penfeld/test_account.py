"""The account of a demonstration, and what the simulators told."""

from model.status import SimulationStatus
from penfeld.demonstration import Account, Totals, last_state

GOOD = {"sent": {"native": 3, "sigfox": 2}, "received": 5, "stored": 3, "duplicate": 1, "quarantined": 1}


def test_an_account_that_adds_up_has_no_problem() -> None:
    """Sent = received = stored + duplicate + quarantined."""
    assert Account(**GOOD, first_reading_s=1.0).problems() == []  # type: ignore[arg-type]  # one mapping for all


def test_a_frame_that_is_missing_is_told() -> None:
    """Frames that were sent and not received are a problem, and so is a ledger that does not balance."""
    lost = Account(**{**GOOD, "sent": {"native": 6}}, first_reading_s=1.0).problems()  # type: ignore[arg-type]  # the same
    unbalanced = Account(**{**GOOD, "stored": 4}, first_reading_s=1.0).problems()  # type: ignore[arg-type]  # the same

    assert lost == ["6 frames were sent and 5 received; did somebody else send meanwhile?"]
    assert unbalanced == [
        "the ledger does not balance: 5 received, but 4 stored + 1 duplicate + 1 quarantined",
    ]


def test_a_run_without_a_reading_is_told() -> None:
    """Nothing sent and nothing stored balances, and is no success."""
    assert Account().problems() == ["no reading was stored"]


def test_a_run_is_the_difference_of_two_ledgers() -> None:
    """What was there before does not count."""
    now, before = Totals(9, 6, 2, 1), Totals(4, 3, 1, 0)

    assert now - before == Totals(5, 3, 1, 1)


def test_the_newest_whole_line_counts() -> None:
    """A line that is cut off is passed over; nothing said is nothing known."""
    lines = ['{"sent": {"native": 1}}', '{"sent": {"native": 2}, "lag_s": 0.5}', '{"sent": {"nat']

    assert last_state(lines) == SimulationStatus(sent={"native": 2}, lag_s=0.5)
    assert last_state([]) is None
