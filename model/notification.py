"""Messages to people about alarms: what waits in the outbox, and what became of it. Values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from model.alarm import Alarm, EventKind
from model.rule import Rule


class NotificationState(StrEnum):
    """``HELD_BACK``: nobody is told, and why stands in ``detail`` (a silence, an alarm that was withdrawn in time)."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    HELD_BACK = "held_back"


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the outbox. ``alarm`` ``None``: a test message. ``step``: of the escalation, 0 for the first call.

    ``due_at``: not before; ``attempts``: so far; ``detail``: what went wrong last, or why it is held back.
    """

    id: int
    channel: str
    kind: EventKind | None
    alarm: int | None
    step: int = 0
    state: NotificationState = NotificationState.WAITING
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    sent_at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A notification whose turn it is, its alarm as it is now, the rule as it was (``None``: a test message)."""

    notification: Notification
    alarm: Alarm | None
    rule: Rule | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a notification. ``due_at``: when to try again, where it goes on waiting."""

    id: int
    state: NotificationState
    detail: str = ""
    due_at: datetime | None = None
    attempted: bool = True
