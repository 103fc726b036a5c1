from datetime import timedelta

import pytest

from api.console.states import SHORTEST_SILENCE, UNKNOWN, Health, alarms, health, seen, traits
from model.uplink import Value
from tests.unit.api.console.samples import LAMP, NOON, TRAM

OF_LAMP = traits(LAMP)


@pytest.mark.parametrize(
    ("minutes", "values", "flags", "expected"),
    [
        (None, {}, (), Health.NO_DATA),
        (0, {"lamp_failure": False}, (), Health.OK),
        (45, {"lamp_failure": False}, (), Health.OK),
        (46, {"lamp_failure": False}, (), Health.SILENT),
        (1, {"lamp_failure": True}, (), Health.ALARM),
        (1, {"lamp_failure": None}, (), Health.OK),
        (1, {}, ("voltage_v:range",), Health.ALARM),
        (46, {"lamp_failure": True}, ("voltage_v:range",), Health.SILENT),
    ],
)
def test_state(minutes: int | None, values: dict[str, Value], flags: tuple[str, ...], expected: Health) -> None:
    """Silence of more than three periods hides everything else; then a flag or a reported failure is an alarm."""
    last = None if minutes is None else NOON - timedelta(minutes=minutes)
    assert health(OF_LAMP, last, values, flags, NOON) is expected


def test_short_periods() -> None:
    """A device that speaks every second is not silent for a pause that batches explain."""
    of = traits(TRAM)
    assert of.silent_after == SHORTEST_SILENCE
    assert health(of, NOON - timedelta(seconds=10), {}, (), NOON) is Health.OK
    assert health(of, NOON - timedelta(seconds=21), {}, (), NOON) is Health.SILENT


def test_traits() -> None:
    """Only true-or-false fields named after trouble report it, and only a type with both coordinates moves."""
    assert OF_LAMP.alarm_fields == ("lamp_failure",)
    assert not OF_LAMP.moving
    assert traits(TRAM).moving
    assert alarms(OF_LAMP, {"lamp_on": True, "lamp_failure": True}) == ("lamp_failure",)
    assert alarms(UNKNOWN, {"lamp_failure": True}) == ()


def test_clock_ahead() -> None:
    """A device whose clock runs ahead is not taken for fresher than its last frame."""
    assert seen(NOON + timedelta(hours=1), NOON) == NOON
    assert seen(NOON - timedelta(hours=1), NOON) == NOON - timedelta(hours=1)
