"""Alarms on a real database without an evaluator: verdicts as one would write them, and what is stored then."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg.sql import SQL, Identifier

from model.alarm import (
    AlarmNotice,
    AlarmState,
    Episode,
    EventKind,
    Heard,
    Opening,
    Revision,
    Signal,
    Subject,
    Verdict,
)
from model.instants import microseconds
from model.rule import Rule, rule_of
from storage.alarms import Alarms
from storage.alerts import AlertStore
from storage.connection import Database
from storage.outbox import Outbox
from storage.registry import Registry
from storage.rulebook import RuleBook
from storage.tables import prepare
from storage.writer import Writer
from tests.unit.storage.batches import NOON, TYPES, Builder, Values, device

MINUTE_US = 60_000_000
T = microseconds(NOON)


def rule(name: str = "hot", **more: object) -> Rule:
    """Return a rule."""
    given: dict[str, object] = {
        "name": name,
        "title": {"en": "Hot", "fr": "Chaud"},
        "when": {"kind": "threshold", "field": "power_w", "above": 60},
        "notify": ["duty"],
    }
    return rule_of({**given, **more})


def episode(start: float = 0, end: float | None = None, first: object = 61.5) -> Episode:
    """Return an episode from and to minutes after noon."""
    start_us = T + int(start * MINUTE_US)
    end_us = None if end is None else T + int(end * MINUTE_US)
    return Episode(start_us=start_us, raised_us=start_us, end_us=end_us, first=first)  # type: ignore[arg-type]


def opening(subject: Subject, when: Episode, **more: object) -> Opening:
    """Return an alarm of the rule "hot"."""
    given: dict[str, object] = {"rule": "hot", "version": "v", "severity": "warning", "notify": ("duty",)}
    return Opening(subject=subject, episode=when, **{**given, **more})  # type: ignore[arg-type]


def revision(number: int, when: Episode, state: AlarmState, kind: EventKind, **more: object) -> Revision:
    """Return what becomes of an alarm."""
    return Revision(id=number, episode=when, state=state, kind=kind, **more)  # type: ignore[arg-type]


def over(number: int, when: Episode, **more: object) -> Revision:
    """Return that an alarm is over."""
    return revision(number, when, AlarmState.CLEARED, EventKind.CLEARED, **more)


class AlertHouse:
    """A database with lamps, and everything of alerts over it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store, self.book = AlertStore(database), RuleBook(database)
        self.alarms, self.outbox = Alarms(database), Outbox(database)
        self.registry, self.writer = Registry(database), Writer(database, "worker-1")
        self.keys: dict[str, int] = {}
        self.refs: dict[str, Any] = {}
        self.now: datetime = NOON

    async def begin(self, count: int = 3) -> None:
        """Make tables, lamps of which the last is simulated, and the rule."""
        await prepare(self.database, TYPES)
        names = [f"lamp-{number}" for number in range(1, count + 1)]
        await self.registry.register([device(name, simulated=name == names[-1]) for name in names])
        await self.know(*names)
        await self.store.members()

    async def know(self, *names: str) -> None:
        """Learn the keys of devices."""
        self.refs |= dict(await self.registry.identify(names))
        self.keys = {name: ref.key for name, ref in self.refs.items()}

    def subject(self, name: str = "lamp-1", *, simulated: bool = False) -> Subject:
        """Return a lamp."""
        return Subject(name=name, device=self.keys[name], device_type="probe", simulated=simulated)

    def builder(self) -> Builder:
        """Return a builder of frames."""
        return Builder(self.refs)

    async def write(self, *rows: tuple[str, float, Values]) -> None:
        """Store readings (lamp, minutes after noon, values)."""
        builder = self.builder()
        for name, minute, values in rows:
            builder.frame(name, NOON + timedelta(minutes=minute), values)
        await self.writer.write(builder.build())

    async def opened(self, *openings: Opening) -> list[int]:
        """Store alarms; return their ids in the order given."""
        notices = await self.store.commit(Verdict(openings=list(openings)), self.now)
        found = {(notice.alarm.subject, notice.alarm.started_at): notice.alarm.id for notice in notices}
        stored = {(name, microseconds(start)): number for (name, start), number in found.items()}
        return [stored[one.subject.name, one.episode.start_us] for one in openings]

    async def revise(self, *revisions: Revision) -> Sequence[AlarmNotice]:
        """Store what becomes of alarms."""
        return await self.store.commit(Verdict(revisions=list(revisions)), self.now)

    async def count(self, table: str) -> int:
        """Return how many rows a table of ours has."""
        [(count,)] = await self.database.fetch(SQL("select count(*) from {}").format(Identifier("penfeld", table)))
        return int(count)


def heard(minute: float, usual: float = 0) -> Heard:
    """Return that something was heard so many minutes after noon."""
    return Heard(last_us=T + int(minute * MINUTE_US), usual_us=int(usual * MINUTE_US))


def signal(leaf: int, start: float, end: float | None, subject: str = "lamp-1") -> Signal:
    """Return a condition of the rule "hot" that held."""
    end_us = None if end is None else T + int(end * MINUTE_US)
    start_us = T + int(start * MINUTE_US)
    return Signal(rule="hot", leaf=leaf, subject=subject, start_us=start_us, raised_us=start_us, end_us=end_us)
