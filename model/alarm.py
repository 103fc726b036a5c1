"""Alarms: what a rule found, for whom, from when to when, and what people and Penfeld did about it. Values.

Rules:

1. An alarm is one *episode* of one rule on one subject. Times that begin with ``started``, ``raised``, ``ended`` and
   ``last`` are event times; ``opened_at`` and ``closed_at`` are when Penfeld came to know.
2. There is at most one open alarm of a rule and a subject.
3. An alarm that late data proves wrong is ``WITHDRAWN``: it stays, with what was done about it, and counts nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from model.rule import Rule
from model.severity import Severity
from model.value import Value
from model.weekly import Weekly, holds_until

LIVE_ALARMS_TOPIC = "penfeld/v1/alarms"
"""JSON arrays of ``AlarmNotice``, QoS 0: what changed just now."""

Origin = Literal["device", "file", "console"]
"""Where a rule comes from: a device file, a file of rules that was applied, the console or the API."""


class AlarmState(StrEnum):
    """Where an alarm is in its life."""

    OPEN = "open"
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"


class EventKind(StrEnum):
    """What can happen to an alarm."""

    OPENED = "opened"
    CHANGED = "changed"
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"
    FOLDED = "folded"
    UNFOLDED = "unfolded"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    ESCALATED = "escalated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """From when to when a rule holds, as its evaluation finds it. Microseconds since 1970 UTC, event time.

    ``start_us``: since when it has been so; ``raised_us``: when it had been so for long enough; ``end_us``: when it was
    over, ``None`` while it goes on. ``first``: the value at ``start_us``; ``last``: the newest value of the episode,
    or the one that ended it.
    """

    start_us: int
    raised_us: int
    end_us: int | None = None
    first: Value | None = None
    last: Value | None = None
    last_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an alarm is about. ``name``: a device's id, or ``district:Siam``, ``gateway:…``, ``source:…``, ``all``."""

    name: str
    device: int | None = None
    device_type: str | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An alarm as the evaluator needs it: what is stored of one episode."""

    id: int
    rule: str
    version: str
    subject: str
    episode: Episode
    late: bool = False
    folded_into: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An alarm to store. ``late``: the episode was over, or long begun, when it became known: nobody is paged.

    ``folded_into``: the id of the open alarm that explains this one. ``notify``: channels to tell.
    """

    rule: str
    version: str
    severity: Severity
    subject: Subject
    episode: Episode
    late: bool = False
    folded_into: int | None = None
    notify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What becomes of a stored alarm: its episode as it is known now. ``state`` tells what it is from now on.

    ``reason``: why it ended, where that is not what the data says: ``rule_changed``, ``rule_removed``,
    ``device_left``, ``late_data``. ``tell``: channels to tell, if any.
    """

    id: int
    episode: Episode
    state: AlarmState
    kind: EventKind
    reason: str = ""
    folded_into: int | None = None
    notify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Since when one condition of a joined rule holds for a subject; ``end_us`` ``None`` while it does."""

    rule: str
    leaf: int
    subject: str
    start_us: int
    raised_us: int
    end_us: int | None


@dataclass(slots=True, kw_only=True)
class Verdict:
    """All that one look at the news changes: one transaction.

    ``taken``: the news that it is made of; ``signals``: (rule, leaf, subject, from when) -> what holds instead of what
    was stored from there on. ``heard``: gateway or source subject -> newest arrival (µs). ``regained_us``: it is made
    of all that is stored of what arrived since then, so no news are missing any more.
    """

    taken: Sequence[int] = ()
    openings: list[Opening] = field(default_factory=list)
    revisions: list[Revision] = field(default_factory=list)
    newest: list["Newest"] = field(default_factory=list)
    signals: dict[tuple[str, int, str, int], list[Signal]] = field(default_factory=dict)
    heard: dict[str, "Heard"] = field(default_factory=dict)
    regained_us: int | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        some = self.taken or self.openings or self.revisions or self.newest or self.signals or self.heard
        return bool(some) or self.regained_us is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest value of an alarm that is open still. ``time_us``: of the reading, microseconds since 1970 UTC."""

    id: int
    value: Value
    time_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A gateway or a source: its newest frame by arrival, and how far apart its frames usually are (µs, 0: unknown)."""

    last_us: int
    usual_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRule:
    """A rule with where it is from. ``version``: a hash of what it says."""

    rule: Rule
    version: str
    origin: Origin
    changed_at: datetime
    changed_by: str


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm as people see it.

    ``folded``: how many open alarms it explains. ``silenced_until``: while nobody is told; ``None``: people are.
    """

    id: int
    rule: str
    version: str
    severity: Severity
    state: AlarmState
    subject: str
    device: str | None
    device_type: str | None
    district: str | None
    simulated: bool
    started_at: datetime
    raised_at: datetime
    ended_at: datetime | None
    opened_at: datetime
    closed_at: datetime | None
    first_value: Value | None = None
    last_value: Value | None = None
    last_at: datetime | None = None
    reason: str = ""
    late: bool = False
    folded_into: int | None = None
    folded: int = 0
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    assigned_to: str | None = None
    silenced_until: datetime | None = None


class AlarmEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an alarm, when, by whom ("" for Penfeld itself), with what was said."""

    at: datetime
    kind: EventKind
    who: str = ""
    text: str = ""


class AlarmNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an alarm, as it is told live."""

    kind: EventKind
    alarm: Alarm


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmFilter:
    """Which alarms are meant. Empty: all; of each list, one must fit. ``start`` to ``end``: open at any time in it.

    ``devices``: only alarms of these devices, which may be none; ``None``: of whatever.
    """

    state: tuple[AlarmState, ...] = ()
    severity: tuple[Severity, ...] = ()
    rule: str | None = None
    subject: str | None = None
    device_type: str | None = None
    district: str | None = None
    acknowledged: bool | None = None
    folded: bool | None = None
    simulated: bool | None = None
    start: datetime | None = None
    end: datetime | None = None
    devices: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmPage:
    """Alarms, those that opened last first; ``next_before`` goes on behind the last one."""

    alarms: Sequence[Alarm]
    next_before: int | None


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody is told of alarms that fit, from ``starts_at`` to ``ends_at``; they are recorded as ever.

    What is ``None`` fits all. ``maintenance``: planned work, shown as such. ``weekly``: between ``starts_at`` and
    ``ends_at`` it holds in these hours only. ``id`` 0: not stored yet.
    """

    starts_at: datetime
    ends_at: datetime
    reason: str
    by: str
    id: int = 0
    rule: str | None = None
    subject: str | None = None
    device_type: str | None = None
    district: str | None = None
    maintenance: bool = False
    weekly: Weekly | None = None

    def until(self, at: datetime) -> datetime | None:
        """Return until when people are not told, if it holds at a moment; ``None`` where it does not."""
        if not self.starts_at <= at < self.ends_at:
            return None
        if self.weekly is None:
            return self.ends_at
        end = holds_until(self.weekly, at)
        return None if end is None else min(end, self.ends_at)


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed what, when: ``what`` such as ``rule.saved``, ``target`` such as a rule's name."""

    id: int
    at: datetime
    who: str
    what: str
    target: str
    detail: dict[str, object] = {}
