"""Which notifications go out now, which wait, and which are held back. Pure.

Rules:

1. Nobody hears of what is over before anybody was told, unless it was critical; nor of what was never an alarm.
2. Nobody hears that something is over whose beginning was never told on the same channel.
3. What is silenced waits until the silence ends: what goes on then is told then, what is over by then never is.
4. What another alarm explains is held back; that it stands by itself again is told by a line of its own.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from model.alarm import Alarm, AlarmState, EventKind
from model.notification import Due, Notification, NotificationState

LOOK_AGAIN = timedelta(minutes=5)
"""What waits for the end of a silence is looked at again so often: silences can be ended early."""

_BEGINNINGS = (EventKind.OPENED, EventKind.UNFOLDED, EventKind.ESCALATED, EventKind.CHANGED)
_ENDS = (EventKind.CLEARED, EventKind.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Held:
    """Not now: for good where ``until`` is ``None``. ``why``: for people."""

    why: str
    until: datetime | None = None


def needs_history(due: Due) -> bool:
    """Whether it matters what was told of the alarm before."""
    return due.notification.kind in _ENDS


def held(due: Due, now: datetime, before: Sequence[Notification] = (), together: Collection[int] = ()) -> Held | None:
    """Return why a notification does not go out now, ``None`` if it does.

    ``before``: the notifications of the same alarm; ``together``: ids of those whose turn it is, too.
    """
    alarm = due.alarm
    if alarm is None:
        return None
    if alarm.simulated and due.rule is not None and not due.rule.simulated:
        return Held("the device is simulated, and the rule does not tell of such")
    if due.notification.kind in _ENDS:
        found = _end_held(due.notification, alarm, before, together)
    else:
        found = _beginning_held(due.notification, alarm, now)
    if found is None and alarm.silenced_until is not None and alarm.silenced_until > now:
        found = Held(
            f"silenced until {alarm.silenced_until:%Y-%m-%d %H:%M} UTC", min(alarm.silenced_until, now + LOOK_AGAIN)
        )
    return found


def _beginning_held(line: Notification, alarm: Alarm, now: datetime) -> Held | None:
    """Return why it is not told that something began, or goes on."""
    if alarm.state is AlarmState.WITHDRAWN:
        return Held("data that came late showed that it was no alarm, before anybody was told")
    if alarm.folded_into is not None:
        return Held(f"alarm {alarm.folded_into} explains it")
    if alarm.state is AlarmState.CLEARED:
        silenced = alarm.silenced_until is not None and alarm.silenced_until > now
        if alarm.severity != "critical" or silenced or line.kind is not EventKind.OPENED:
            return Held("it was over before anybody was told")
    if line.kind is EventKind.ESCALATED and alarm.acknowledged_at is not None:
        return Held(f"{alarm.acknowledged_by or 'somebody'} looks after it")
    return None


def _end_held(
    line: Notification, alarm: Alarm, before: Sequence[Notification], together: Collection[int]
) -> Held | None:
    """Return why it is not told that something is over."""
    same = [one for one in before if one.channel == line.channel and one.kind in _BEGINNINGS and one.id != line.id]
    if any(one.state is NotificationState.SENT for one in same):
        return None
    waiting = [one for one in same if one.state is NotificationState.WAITING]
    if waiting and line.kind is EventKind.CLEARED and alarm.severity == "critical":
        if any(one.id in together for one in waiting):
            return None
        return Held("its beginning is still to be told", max(one.due_at for one in waiting))
    return Held("it was over before anybody was told")
