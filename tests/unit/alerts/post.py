"""A post office for tests of notifications: an outbox in memory, doors that fail when told to, a clock that is set."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from alerts import channel as channels
from alerts.channel import Channel
from alerts.messages import Message
from alerts.sender import Sender
from model.alarm import Alarm, AlarmState, EventKind
from model.errors import UnavailableError
from model.notification import Due, Notification, NotificationState, Outcome
from model.rule import Rule, rule_of

NIGHT = datetime(2026, 11, 23, 2, 12, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
LEASE = timedelta(minutes=1)
HOT = rule_of(
    {
        "name": "lamps/hot",
        "title": {"en": "Lamp too hot", "fr": "Lampe trop chaude"},
        "when": {"kind": "threshold", "field": "heat_c", "above": 60.5},
    }
)


def alarm_of(number: int, **more: object) -> Alarm:
    """Return an open alarm of a lamp."""
    said: dict[str, object] = {
        "id": number,
        "rule": HOT.name,
        "version": "1",
        "severity": "warning",
        "state": AlarmState.OPEN,
        "subject": f"lamp-{number}",
        "device": f"lamp-{number}",
        "device_type": "vendor_lamp",
        "district": "Siam",
        "simulated": False,
        "started_at": NIGHT,
        "raised_at": NIGHT,
        "ended_at": None,
        "opened_at": NIGHT,
        "closed_at": None,
        "last_value": 71.25,
    }
    return Alarm(**{**said, **more})  # type: ignore[arg-type]


@dataclass
class Clock:
    """Says what it is set to."""

    now: datetime = NIGHT

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def go(self, **length: float) -> None:
        """Let time pass."""
        self.now += timedelta(**length)


@dataclass
class Post:
    """``model.alert_ports.Outbox``. ``away``: the database does not answer. ``attempts``: (line, state, detail)."""

    clock: Clock = field(default_factory=Clock)
    lines: dict[int, Notification] = field(default_factory=dict)
    alarms: dict[int, Alarm] = field(default_factory=dict)
    rule: Rule = HOT
    away: bool = False
    attempts: list[tuple[int, NotificationState, str]] = field(default_factory=list)
    escalations: int = 0
    leases: dict[int, datetime] = field(default_factory=dict)

    def tell(self, kind: EventKind, alarm: Alarm, channel: str = "duty", *, step: int = 0) -> int:
        """Add a line for an alarm as it is from now on; return its id."""
        self.alarms[alarm.id] = alarm
        return self._add(kind, alarm.id, channel, step)

    def opened(self, number: int, channel: str = "duty", **more: object) -> int:
        """Add the line of an alarm that opened."""
        return self.tell(EventKind.OPENED, alarm_of(number, **more), channel)

    def cleared(self, number: int, channel: str = "duty") -> int:
        """Add the line of an alarm that is over."""
        alarm = msgspec.structs.replace(self.alarms[number], state=AlarmState.CLEARED, ended_at=self.clock())
        return self.tell(EventKind.CLEARED, alarm, channel)

    def withdrawn(self, number: int, channel: str = "duty") -> int:
        """Add the line of an alarm that was none."""
        alarm = msgspec.structs.replace(self.alarms[number], state=AlarmState.WITHDRAWN, reason="late_data")
        return self.tell(EventKind.WITHDRAWN, alarm, channel)

    def states(self) -> list[str]:
        """Return the states of all lines, in order."""
        return [str(self.lines[number].state) for number in sorted(self.lines)]

    def details(self) -> list[str]:
        """Return the details of all lines, in order."""
        return [self.lines[number].detail for number in sorted(self.lines)]

    async def due(self, now: datetime, limit: int = 100) -> Sequence[Due]:
        """Return lines whose turn it is."""
        await self._there()
        waiting = [
            line
            for line in self.lines.values()
            if line.state is NotificationState.WAITING and line.due_at <= now and self.leases.get(line.id, now) <= now
        ]
        found = sorted(waiting, key=lambda line: (line.due_at, -line.id))[:limit]  # of equals, no order is promised
        self.leases |= {line.id: now + LEASE for line in found}
        alarms = [self.alarms[line.alarm] if line.alarm is not None else None for line in found]
        return [
            Due(notification=line, alarm=alarm, rule=self.rule if alarm is not None else None)
            for line, alarm in zip(found, alarms, strict=True)
        ]

    async def settle(self, outcomes: Sequence[Outcome], at: datetime) -> None:
        """Write down what became of lines."""
        await self._there()
        for outcome in outcomes:
            line = self.lines[outcome.id]
            assert line.state is NotificationState.WAITING, f"line {line.id} is settled twice"
            self.leases.pop(line.id, None)
            if outcome.attempted:
                self.attempts.append((line.id, outcome.state, outcome.detail))
            self.lines[line.id] = msgspec.structs.replace(
                line,
                state=outcome.state,
                detail=outcome.detail,
                due_at=outcome.due_at or line.due_at,
                attempts=line.attempts + outcome.attempted,
                sent_at=at if outcome.state is NotificationState.SENT else None,
            )

    async def escalate(self, now: datetime) -> int:
        """Count how often somebody asks."""
        await self._there()
        assert now == self.clock()
        self.escalations += 1
        return 0

    async def test(self, channel: str, who: str, at: datetime) -> Notification:
        """Add a test message."""
        assert who
        assert at == self.clock()
        return self.lines[self._add(None, None, channel, 0)]

    async def page(
        self,
        *,
        state: NotificationState | None = None,
        alarm: int | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> Sequence[Notification]:
        """Return lines, the newest first."""
        await self._there()
        found = [
            line
            for line in self.lines.values()
            if (state is None or line.state is state)
            and (alarm is None or line.alarm == alarm)
            and (before is None or line.id < before)
        ]
        return sorted(found, key=lambda line: -line.id)[:limit]

    async def counts(self) -> Mapping[str, int]:
        """Return state -> how many."""
        return {state: self.states().count(state) for state in set(self.states())}

    async def _there(self) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise UnavailableError("the database does not answer")

    def _add(self, kind: EventKind | None, alarm: int | None, channel: str, step: int) -> int:
        number = len(self.lines) + 1
        self.lines[number] = Notification(
            id=number,
            channel=channel,
            kind=kind,
            alarm=alarm,
            step=step,
            created_at=self.clock(),
            due_at=self.clock(),
        )
        return number


@dataclass
class Door:
    """Takes messages. ``broken``: what it raises instead; ``shut``: it answers when this is set; ``says``: its answer.

    ``begun``: it was asked at least once.
    """

    messages: list[Message] = field(default_factory=list)
    broken: Exception | None = None
    shut: asyncio.Event | None = None
    says: str = ""
    asked: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: Message) -> str:
        """Take a message."""
        self.asked += 1
        self.begun.set()
        if self.shut is not None:
            await self.shut.wait()
        if self.broken is not None:
            raise self.broken
        self.messages.append(message)
        return self.says

    def told(self) -> list[tuple[int, str]]:
        """Return (alarm, event) of all that it took, in order."""
        documents = [msgspec.json.decode(message.document) for message in self.messages]
        return [(one["alarm"]["id"], one["event"]) for document in documents for one in document["alarms"]]


class Middle:
    """Chance, without any."""

    def uniform(self, a: float, b: float, /) -> float:
        """Return the middle."""
        return (a + b) / 2


async def no_pause(_seconds: float) -> None:
    """Let others work, and go on."""
    await asyncio.sleep(0)


def channel(name: str, door: channels.Door, **more: object) -> Channel:
    """Return a channel."""
    return Channel(name=name, kind="test", target=name, door=door, **more)  # type: ignore[arg-type]


def sender(post: Post, *channels: Channel) -> Sender:
    """Return a sender of these channels that reads the clock of the outbox."""
    return Sender(post, {one.name: one for one in channels}, post.clock, zone=PARIS, pause=no_pause, random=Middle())
