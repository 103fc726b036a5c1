"""What the console says of alarms."""

from datetime import timedelta

import pytest

from api.console.alarm_lines import (
    Known,
    Wanted,
    by_urgency,
    event_text,
    event_words,
    leaf_of,
    limits_of,
    line_of,
    open_ones,
    span_of,
    unacknowledged,
)
from api.console.bell import Bell
from api.console.texts import Words
from model.alarm import Alarm, AlarmEvent, AlarmState, EventKind
from model.rule import rule_of
from tests.fakes.alarms import Alarms
from tests.unit.api.console.samples import LAMP, NOON

EN, FR = Words("en"), Words("fr")
RULE = rule_of(
    {
        "name": "lamp/power",
        "title": {"en": "Too much", "fr": "Trop"},
        "when": {"kind": "threshold", "field": "power_w", "above": 60, "for": "30 min"},
    }
)
KNOWN = Known(
    rules={"lamp/power": RULE}, types={"lamp": LAMP}, name=lambda device: {"lamp-1": "Quai 1"}.get(device, "")
)


def alarm(number: int = 1, **more: object) -> Alarm:
    said: dict[str, object] = {
        "id": number,
        "rule": "lamp/power",
        "version": "1",
        "severity": "warning",
        "state": AlarmState.OPEN,
        "subject": "lamp-1",
        "device": "lamp-1",
        "device_type": "lamp",
        "district": "Europe",
        "simulated": False,
        "started_at": NOON - timedelta(hours=2),
        "raised_at": NOON - timedelta(hours=1),
        "ended_at": None,
        "opened_at": NOON,
        "closed_at": None,
        "first_value": 61.5,
    }
    return Alarm(**{**said, **more})  # type: ignore[arg-type]  # as the fields say


def test_line() -> None:
    """A line says the rule's title, the device's name, since when, and the value with its unit."""
    line = line_of(alarm(folded=4, acknowledged_at=NOON, acknowledged_by="Anne"), KNOWN, NOON, EN)
    assert (line.title, line.subject, line.href) == ("Too much", "Quai 1", "/devices/lamp-1")
    assert (line.since, line.value) == ("for 2\u00a0h", "61.5\u00a0W")
    assert line.marks == ("explains 4 others",)
    assert line.notes == ("acknowledged by Anne",)
    assert line_of(alarm(), KNOWN, NOON, FR).value == "61,5\u00a0W"


def test_what_is_not_known() -> None:
    """A rule that is gone is shown by its name, a nameless device by its id, a gateway without a link."""
    line = line_of(alarm(rule="gone", device="lamp-9", subject="lamp-9"), KNOWN, NOON, EN)
    assert (line.title, line.subject, line.value) == ("gone", "lamp-9", "61.5")
    gateway = line_of(alarm(device=None, subject="gateway:gw-1"), KNOWN, NOON, EN)
    assert (gateway.subject, gateway.href) == ("Gateway gw-1", "")


def test_withdrawn() -> None:
    """What late data withdrew says so, and why."""
    line = line_of(alarm(state=AlarmState.WITHDRAWN, ended_at=NOON, reason="late_data"), KNOWN, NOON, EN)
    assert line.marks == ("proved wrong by late data",)
    assert line.notes == ("late data",)


def test_order() -> None:
    """Unacknowledged alarms come first, of these the worst, of these the newest."""
    some = [
        alarm(1, severity="info"),
        alarm(2, severity="critical", acknowledged_at=NOON),
        alarm(3, severity="critical"),
        alarm(4, severity="critical"),
    ]
    assert [one.id for one in by_urgency(some)] == [4, 3, 1, 2]


async def test_the_worst_are_never_left_out() -> None:
    """However many warnings are open, a critical alarm that is older is among those shown."""
    alarms = Alarms(lambda: NOON)
    alarms.add(alarm(1, severity="critical"))
    for number in range(2, 30):
        alarms.add(alarm(number))
    wanted = Wanted().open
    assert wanted is not None
    found, more = await open_ones(alarms, wanted, most=10)
    assert (found[0].id, len(found), more) == (1, 10, True)


@pytest.mark.parametrize(
    ("state", "open_", "over"),
    [
        ("", True, (AlarmState.CLEARED, AlarmState.WITHDRAWN)),
        ("open", True, None),
        ("withdrawn", False, (AlarmState.WITHDRAWN,)),
    ],
)
def test_filters(state: str, open_: bool, over: tuple[AlarmState, ...] | None) -> None:  # noqa: FBT001
    """The state chosen decides which of both lists there are."""
    wanted = Wanted(state=state, severity="critical", simulated="exclude")
    assert (wanted.open is not None) == open_
    past = wanted.over
    assert (past.state if past is not None else None) == over
    either = past or wanted.open
    assert either is not None
    assert (either.severity, either.simulated) == (("critical",), False)


async def test_bell() -> None:
    """The badge counts open alarms that nobody looks after, and asks once however many pages are open."""
    assert unacknowledged({("critical", True): 3, ("warning", False): 2}) == (2, False)
    clock = [NOON]
    alarms = Alarms(lambda: clock[0])
    alarms.add(alarm(1, severity="critical"))
    bell = Bell(alarms, lambda: clock[0])
    assert await bell.ringing() == (1, True)
    alarms.add(alarm(2))
    assert await bell.ringing() == (1, True)
    clock[0] += timedelta(seconds=2)
    assert await bell.ringing() == (2, True)


def test_events() -> None:
    """What somebody said stands beside who said it, as it was said; Penfeld's own reasons are put into words."""
    said = AlarmEvent(at=NOON, kind=EventKind.COMMENTED, who="Anne", text="<b>{x}")
    assert (event_words(said, EN), event_text(said, EN)) == ("Anne says", "<b>{x}")
    own = AlarmEvent(at=NOON, kind=EventKind.CLEARED, text="rule_changed")
    assert (event_words(own, EN), event_text(own, EN)) == ("Penfeld: over", "its rule was changed")


def test_chart() -> None:
    """The chart shows the episode with some time beside it, never the future."""
    start, end = span_of(alarm(), NOON, timedelta(minutes=15))
    assert (start, end) == (NOON - timedelta(hours=5), NOON)
    start, end = span_of(alarm(ended_at=NOON - timedelta(hours=1)), NOON, timedelta(seconds=1))
    assert (start, end) == (NOON - timedelta(hours=3), NOON)
    assert limits_of(leaf_of(RULE)) == [60]
