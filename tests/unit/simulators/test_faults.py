"""Faults do what they say, as often as they say, and the same again by the same seed."""

import numpy as np
import pytest

from model.errors import ConfigError
from simulators.chance import Floats
from simulators.days import DAY_S
from simulators.faults import OUTAGE_S, Faults

DEVICES = np.repeat(np.arange(200), 500)
COUNTERS = np.tile(np.arange(500), 200)
MOMENTS: Floats = (COUNTERS + 1.79e9).astype(np.float64)
NOW = 1.79e9


def test_no_faults_no_trouble() -> None:
    """Without a word nothing goes wrong."""
    none = Faults.parse("")
    assert not none
    assert not none.lost(DEVICES, COUNTERS).any()
    assert not none.repeated(DEVICES, COUNTERS).any()
    assert (none.delay_s(DEVICES, MOMENTS) == 0.0).all()
    assert (none.clock_s(DEVICES, MOMENTS) == 0.0).all()
    assert (none.charge(DEVICES, MOMENTS) == 1.0).all()
    assert (none.seen_at(DEVICES, MOMENTS) == MOMENTS).all()


@pytest.mark.parametrize(("word", "ask"), [("loss", "lost"), ("duplicates", "repeated"), ("corrupt", "corrupted")])
def test_shares_are_shares(word: str, ask: str) -> None:
    """Of a hundred thousand frames the share that was asked for is hit, spread over devices, differently by seed."""
    faults = Faults.parse(f"{word}=0.05")
    assert faults
    hit = getattr(faults, ask)(DEVICES, COUNTERS)
    assert hit.mean() == pytest.approx(0.05, abs=0.003)
    assert hit.reshape(200, 500).sum(axis=1).min() > 0
    assert (hit == getattr(Faults.parse(f"{word}=0.05"), ask)(DEVICES, COUNTERS)).all()
    assert (hit != getattr(Faults.parse(f"{word}=0.05", seed=2), ask)(DEVICES, COUNTERS)).any()


def test_different_faults_hit_different_frames() -> None:
    """A frame that is lost is not for that reason also the one that would have been repeated."""
    faults = Faults.parse("loss=0.5,duplicates=0.5")
    both = faults.lost(DEVICES, COUNTERS) & faults.repeated(DEVICES, COUNTERS)
    assert both.mean() == pytest.approx(0.25, abs=0.01)


def test_late_frames_come_in_a_burst_after_the_outage() -> None:
    """A gateway is out for its share of time; what it heard meanwhile leaves within two seconds of its return."""
    faults = Faults.parse("late=0.1")
    at = NOW + np.arange(0.0, 20 * OUTAGE_S / 0.1, 1.0)
    way = np.full(len(at), 5)
    delay = faults.delay_s(way, at)
    assert (delay > 0.0).mean() == pytest.approx(0.1, abs=0.01)
    assert delay.max() <= OUTAGE_S + 2.0
    held = np.flatnonzero(delay > 0.0)
    for outage in np.split(held, np.flatnonzero(np.diff(held) > 1) + 1):
        leaves = at[outage] + delay[outage]
        assert leaves.max() - leaves.min() <= 2.0
        assert leaves.min() >= at[outage].max() - 1.0


def test_clocks_drift_and_are_set_right() -> None:
    """A clock is wrong by no more than a week's drift, both ways, and moves by seconds a day, not by jumps."""
    faults = Faults.parse("drift=5")
    devices = np.arange(300)
    wrong = faults.clock_s(devices, np.full(300, NOW))
    assert np.abs(wrong).max() <= 35.0
    assert wrong.min() < -1.0
    assert wrong.max() > 1.0
    assert np.median(np.abs(faults.clock_s(devices, np.full(300, NOW + 3600.0)) - wrong)) < 5.0 / 24


def test_stuck_devices_report_an_old_truth() -> None:
    """A stuck device shows what was true up to six hours ago; the others what is true now."""
    faults = Faults.parse("stuck=0.2")
    devices = np.arange(2000)
    seen = faults.seen_at(devices, np.full(2000, NOW))
    stuck = seen != NOW
    assert stuck.mean() == pytest.approx(0.2, abs=0.03)
    assert ((NOW - seen[stuck]) <= 6 * 3600.0).all()
    assert (faults.seen_at(devices, np.full(2000, NOW + 60.0))[stuck] == seen[stuck]).all()


def test_dying_batteries_fall_and_fall_silent() -> None:
    """A dying battery only falls during its last week, then the device says nothing more."""
    faults = Faults.parse("battery=0.3")
    hours = NOW + np.arange(0.0, 7 * DAY_S, 3600.0)
    dying = 0
    for device in range(100):
        left = faults.charge(np.full(len(hours), device), hours)
        if (left == 1.0).all():
            continue
        dying += 1
        assert np.isnan(left).mean() == pytest.approx(0.2, abs=0.03)
        assert np.nanmin(left) == pytest.approx(0.65, abs=0.02)
        falls = np.diff(left)
        assert (falls[np.isfinite(falls)] <= 0.0).sum() >= np.isfinite(falls).sum() - 1
    assert 15 <= dying <= 45


def test_damage_is_damage() -> None:
    """A damaged payload is shorter or differs in one byte, and never longer; an empty one stays."""
    faults = Faults.parse("corrupt=1")
    payload = bytes(range(20))
    damaged = [faults.damage(payload, 1, counter) for counter in range(200)]
    assert all(one != payload and len(one) <= 20 for one in damaged)
    assert 60 < sum(len(one) < 20 for one in damaged) < 140
    assert all(sum(a != b for a, b in zip(one, payload, strict=True)) == 1 for one in damaged if len(one) == 20)
    assert faults.damage(b"", 1, 1) == b""


def test_what_cannot_be_read_is_told_at_once() -> None:
    """All mistakes come in one error, and what is unknown comes with what is known."""
    with pytest.raises(ConfigError) as caught:
        Faults.parse("loss=2, gremlins=0.1, late")
    assert len(caught.value.problems) == 3
    text = str(caught.value)
    assert "loss must be between 0 and 1" in text
    assert "'gremlins' is not known" in text
    assert "duplicates (share of frames delivered twice)" in text
    assert "'late' must look like" in text
