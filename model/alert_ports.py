"""The doors of alerts, as promises. As in ``model.ports``: one real implementation each, and a fake in ``tests/fakes``.

All raise ``UnavailableError`` when what is behind them does not answer.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from model.alarm import (
    Alarm,
    AlarmEvent,
    AlarmFilter,
    AlarmNotice,
    AlarmPage,
    AuditLine,
    Heard,
    Origin,
    Signal,
    Silence,
    Standing,
    StoredRule,
    Verdict,
)
from model.notification import Due, Notification, NotificationState, Outcome
from model.readings import Column, Ints
from model.rule import Rule
from model.trial import Trial
from model.value import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A registered device, as rules see it. Times in microseconds since 1970 UTC, 0 for none.

    ``since_us``: when it was registered or first heard; ``newest_us``: its newest reading by event time;
    ``cadence_us``: how far apart its readings usually are, as far as that is learnt.
    """

    key: int
    id: str
    type: str
    district: str | None
    experiment: str | None
    network: str | None
    tags: Mapping[str, str]
    simulated: bool
    latitude: float | None
    longitude: float | None
    since_us: int = 0
    newest_us: int = 0
    cadence_us: int = 0


@dataclass(slots=True, kw_only=True)
class Stretch:
    """Readings of one device type, sorted by device, then time. ``flagged``: field -> rows where it is implausible.

    ``told``: of news, the number of the transaction that stored each row. ``through``: of what was read, all that
    transactions of lower numbers stored is in it.
    """

    device_type: str
    device: Ints
    time_us: Ints
    columns: dict[str, Column]
    flagged: Mapping[str, Ints] = field(default_factory=dict)
    told: Ints | None = None
    through: int = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.device)


@dataclass(slots=True, kw_only=True)
class News:
    """What was stored since the last look, each row once. ``parts`` are sorted; ``heard``: as in ``Verdict``, arrivals.

    ``more``: there is more than was asked for. ``lost_us``: of what arrived from then on some is not told; ``want``
    has writers tell again, then what is stored says it all, and a ``Verdict`` with it as ``regained_us`` ends this.
    """

    ids: Sequence[int] = ()
    parts: list[Stretch] = field(default_factory=list)
    heard: Mapping[str, int] = field(default_factory=dict)
    more: bool = False
    lost_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Measures to compute: windows of ``every_us`` that begin at ``starts``, of one device type's field, by group.

    ``group``: the column of ``penfeld.device`` that groups ("district", "experiment", "device"), ``None`` for one group
    of all. ``devices``: keys of those that count. ``where``: (field, "above" | "below" | "in", value or values).
    ``flagged``: readings whose value is flagged as implausible count, too.
    """

    device_type: str
    devices: Sequence[int]
    measure: str
    group: str | None
    starts_us: Sequence[int]
    every_us: int
    field: str | None = None
    where: tuple[str, str, object] | None = None
    flagged: bool = False


class AlertStore(Protocol):
    """What the evaluator asks and tells the database."""

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Be the only evaluator; raise ``ConflictError`` when another process is."""
        ...

    async def stamp(self) -> int:
        """Return a number that changes whenever rules, registered devices or cadences did."""
        ...

    async def rules(self) -> Sequence[StoredRule]:
        """Return all rules that are not removed."""
        ...

    async def members(self) -> Sequence[Member]:
        """Return all active devices."""
        ...

    async def want(self, fields: Mapping[str, Sequence[str]]) -> None:
        """Say of which device types and fields writers are to tell; types that are absent are not told of.

        What was not told before this returns can be read.
        """
        ...

    async def news(self, rows: int = 20_000) -> News:
        """Return what was stored and is not taken yet, about so many rows of it, the oldest first."""
        ...

    async def arrived(self, device_type: str, since_us: int) -> Mapping[int, int]:
        """Return device -> time of the oldest of its readings that arrived at this time or later (all in µs)."""
        ...

    async def stretch(
        self, device_type: str, fields: Sequence[str], since_us: Mapping[int, int], until_us: int | None = None
    ) -> Stretch:
        """Return stored readings of these devices, each from its own time on (inclusive), until before ``until_us``."""
        ...

    async def before(
        self, device_type: str, field: str | None, since_us: Mapping[int, int]
    ) -> Mapping[int, tuple[int, Value]]:
        """Return device -> time and value of the newest reading before its time that has the field (``None``: any)."""
        ...

    def history(
        self,
        device_type: str,
        fields: Sequence[str],
        devices: Sequence[int],
        start_us: int,
        end_us: int,
        *,
        within: tuple[str, float, float] | None = None,
    ) -> AsyncIterator[tuple[float, Stretch]]:
        """Yield (share done, readings with start <= time < end) in parts; all of a device is in one part.

        ``within``: a field, and from where to where its values are of no interest. Long stretches of such readings may
        be left out, but never the first one behind a reading that is of interest.
        """
        ...

    async def windows(self, wanted: Windows) -> Mapping[str, Mapping[int, float]]:
        """Return group (a district, an experiment, a device's key as text, "all") -> start of window -> value."""
        ...

    async def standing(self) -> Sequence[Standing]:
        """Return all open alarms."""
        ...

    async def since(self, wanted: Sequence[tuple[str, str, int]]) -> Sequence[Standing]:
        """Return alarms (open or cleared) of (rule, subject) that are open or ended at or after the time (µs)."""
        ...

    async def signals(self, wanted: Sequence[tuple[str, str, int]]) -> Sequence[Signal]:
        """Return signals of (rule, subject) that are open or ended at or after the time (µs)."""
        ...

    async def heard(self) -> Mapping[str, Heard]:
        """Return what is known of gateways and sources."""
        ...

    async def heard_by(self, devices: Sequence[int]) -> Mapping[int, tuple[str, Sequence[str]]]:
        """Return device -> source of its newest frame and the gateways of its newest frames (ten at most)."""
        ...

    async def commit(self, verdict: Verdict, at: datetime) -> Sequence[AlarmNotice]:
        """Write all of it in one transaction with its events and notifications; return what changed for people."""
        ...


class AlarmFeed(Protocol):
    """Where changes of alarms are told to those who watch. Losing one is no loss: the database has it."""

    async def alarms(self, notices: bytes) -> None:
        """Send a JSON array of ``AlarmNotice`` to the live topic."""
        ...

    async def status(self, status: bytes) -> None:
        """Send the evaluator's state (``AlertsStatus`` as JSON), kept by the broker for who comes later."""
        ...


class Alarms(Protocol):
    """Alarms for people, and what they do about them. ``who`` is written down. All raise ``NotFoundError``."""

    async def page(self, wanted: AlarmFilter, *, limit: int = 100, before: int | None = None) -> AlarmPage:
        """Return alarms, the newest first, with ids below ``before``."""
        ...

    async def counts(self) -> Mapping[tuple[str, bool], int]:
        """Return (severity, acknowledged) -> open alarms that are neither folded nor simulated."""
        ...

    async def alarm(self, alarm_id: int) -> Alarm:
        """Return one alarm."""
        ...

    async def events(self, alarm_id: int) -> Sequence[AlarmEvent]:
        """Return what happened to it, the oldest first."""
        ...

    async def acknowledge(self, alarm_ids: Sequence[int], who: str, text: str = "") -> Sequence[Alarm]:
        """Note that somebody looks after them; acknowledging again changes nothing."""
        ...

    async def comment(self, alarm_id: int, who: str, text: str) -> Alarm:
        """Note what somebody says."""
        ...

    async def assign(self, alarm_id: int, who: str, to: str | None) -> Alarm:
        """Note whose it is."""
        ...

    async def silences(self, *, ended: bool = False) -> Sequence[Silence]:
        """Return silences that have not ended, or all."""
        ...

    async def silence(self, silence: Silence) -> Silence:
        """Store a silence and return it with its id; raise ``BadRequestError`` for one that ends before it starts."""
        ...

    async def unsilence(self, silence_id: int, who: str) -> None:
        """End a silence now."""
        ...


class RuleBook(Protocol):
    """Where rules are kept, with every change of one. Nothing is checked here."""

    async def all(self) -> Sequence[StoredRule]:
        """Return the rules that count, in order of their names: of one name, a saved one before a device file's."""
        ...

    async def put(
        self, rule: Rule, *, who: str, origin: Origin, at: datetime, version: str | None = None
    ) -> StoredRule:
        """Store a rule; raise ``ConflictError`` where ``version`` is given and another is stored."""
        ...

    async def remove(self, name: str, *, who: str, at: datetime) -> None:
        """Remove a saved rule, or switch off one of a device file; raise ``NotFoundError``."""
        ...

    async def take(self, rules: Sequence[Rule], at: datetime) -> Sequence[str]:
        """Make these the rules of the device files, all of them; return the names of those that changed."""
        ...

    async def audit(self, target: str | None = None, *, limit: int = 100) -> Sequence[AuditLine]:
        """Return who changed what of rules, alarms and silences, the newest first."""
        ...


class Rules(Protocol):
    """Rules for people. Those of device files are there too; a saved rule of the same name takes their place."""

    async def all(self) -> Sequence[StoredRule]:
        """Return all rules in order of their names."""
        ...

    async def rule(self, name: str) -> StoredRule:
        """Return one rule; raise ``NotFoundError``."""
        ...

    async def problems(self, rule: Rule) -> Sequence[str]:
        """Return what keeps a rule from working, each with what to change; none if it works."""
        ...

    async def notes(self, rule: Rule) -> Sequence[str]:
        """Return what whoever writes a rule should know: that it fits no device now, say."""
        ...

    async def save(self, rule: Rule, *, who: str, origin: Origin, version: str | None = None) -> StoredRule:
        """Store a rule that works; raise ``BadRequestError`` with its problems.

        ``version``: the one that was changed; raise ``ConflictError`` where another is stored meanwhile.
        """
        ...

    async def switch(self, name: str, who: str, *, on: bool, version: str | None = None) -> StoredRule:
        """Switch a rule on or off; raise ``NotFoundError``. What no longer works can be switched off, not on.

        ``version``: the one that was seen; raise ``ConflictError`` where another is stored meanwhile.
        """
        ...

    async def remove(self, name: str, who: str) -> None:
        """Remove a rule (one of a device file comes back as that says it); its open alarms end."""
        ...

    async def test(
        self, rule: Rule, start: datetime, end: datetime, progress: Callable[[float], None] = lambda _: None
    ) -> Trial:
        """Return what a rule would have raised; raise ``BadRequestError`` with its problems."""
        ...

    async def audit(self, target: str | None = None, *, limit: int = 100) -> Sequence[AuditLine]:
        """Return who changed what, the newest first."""
        ...


class Outbox(Protocol):
    """Notifications, for who sends them and for who looks."""

    async def due(self, now: datetime, limit: int = 100) -> Sequence[Due]:
        """Return notifications whose turn it is, the oldest first, and keep other senders from them for a minute."""
        ...

    async def settle(self, outcomes: Sequence[Outcome], at: datetime) -> None:
        """Write down what became of them, each attempt a line."""
        ...

    async def escalate(self, now: datetime) -> int:
        """Add what is to be told because nobody acknowledged; return how many notifications that makes."""
        ...

    async def test(self, channel: str, who: str, at: datetime) -> Notification:
        """Add a test message."""
        ...

    async def page(
        self,
        *,
        state: NotificationState | None = None,
        alarm: int | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> Sequence[Notification]:
        """Return notifications, the newest first."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """Return state -> how many."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """A channel as people see it: no address with a secret in it. ``trouble``: why it last failed, "" if it works."""

    name: str
    kind: str
    target: str
    trouble: str = ""


class Channels(Protocol):
    """Which ways there are to tell people."""

    def channels(self) -> Sequence[ChannelView]:
        """Return all channels in order of their names."""
        ...
