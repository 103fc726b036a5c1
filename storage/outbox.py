"""Messages to people on their way: ``model.alert_ports.Outbox``.

Rules:

1. A line is locked for a minute by who takes it, so that two senders do not send it twice; who is killed meanwhile lets
   it go to another one after that.
2. Every attempt is a row; a line that is sent, failed or held back is never due again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from model.alarm import EventKind
from model.notification import Due, Notification, NotificationState, Outcome
from model.rule import Escalation, rule_of
from storage.alerts import alarms_by_id
from storage.connection import Database
from storage.connection import rows as fetch
from storage.rulebook import audit
from storage.statements import statement


class Outbox:
    """The ``Outbox`` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now: datetime, limit: int = 100) -> Sequence[Due]:
        """Return notifications whose turn it is, the oldest first, and keep other senders from them for a minute."""
        async with self._database.transaction() as connection:
            found = await fetch(connection, statement("due_notifications"), {"now": now, "limit": limit})
            lines = sorted((_notification(row) for row in found), key=lambda one: (one.due_at, one.id))
            ids = sorted({one.alarm for one in lines if one.alarm is not None})
            alarms = {one.id: one for one in await alarms_by_id(connection, ids)} if ids else {}
            rules = dict(await fetch(connection, statement("rule_versions_of"), (ids,))) if ids else {}
        return [
            Due(
                notification=one,
                alarm=alarms.get(one.alarm or 0),
                rule=rule_of(rules[one.alarm]) if one.alarm in rules else None,
            )
            for one in lines
        ]

    async def settle(self, outcomes: Sequence[Outcome], at: datetime) -> None:
        """Write down what became of them, each attempt a row."""
        document = [
            {
                "id": one.id,
                "state": one.state,
                "detail": one.detail,
                "due_at": None if one.due_at is None else one.due_at.isoformat(),
                "attempted": one.attempted,
            }
            for one in outcomes
        ]
        if document:
            async with self._database.connection() as connection:
                await connection.execute(statement("settle_notifications"), {"outcomes": Jsonb(document), "at": at})

    async def escalate(self, now: datetime) -> int:
        """Add what is to be told because nobody acknowledged; return how many notifications that makes."""
        async with self._database.transaction() as connection:
            lines = []
            known: dict[tuple[str, str], Sequence[Escalation]] = {}
            for row in await fetch(connection, statement("alarms_to_escalate"), {"now": now}):
                alarm, rule, version, definition, told_at, done = row
                if (rule, version) not in known:
                    known[rule, version] = rule_of(definition).escalate
                for step, one in enumerate(known[rule, version], 1):
                    if step > done and now - told_at >= one.after.length:
                        lines += [{"channel": channel, "alarm": alarm, "step": step} for channel in one.notify]
            if not lines:
                return 0
            found = await fetch(connection, statement("escalate"), {"lines": Jsonb(lines), "now": now})
            events = [{"alarm": alarm, "kind": EventKind.ESCALATED} for alarm in sorted({alarm for (alarm,) in found})]
            await connection.execute(statement("note_alarm_events"), {"events": Jsonb(events), "at": now})
        return len(found)

    async def test(self, channel: str, who: str, at: datetime) -> Notification:
        """Add a test message."""
        async with self._database.transaction() as connection:
            [row] = await fetch(connection, statement("test_notification"), {"channel": channel, "at": at})
            await audit(connection, at, who, "channel.tested", channel)
        return _notification(row)

    async def page(
        self,
        *,
        state: NotificationState | None = None,
        alarm: int | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> Sequence[Notification]:
        """Return notifications, the newest first."""
        parameters: dict[str, Any] = {"state": state, "alarm": alarm, "limit": limit, "before": before}
        return [_notification(row) for row in await self._database.fetch(statement("notification_page"), parameters)]

    async def counts(self) -> Mapping[str, int]:
        """Return state -> how many."""
        return dict(await self._database.fetch(statement("notification_counts")))


def _notification(row: Sequence[Any]) -> Notification:
    return Notification(
        id=row[0],
        channel=row[1],
        kind=None if row[2] is None else EventKind(row[2]),
        alarm=row[3],
        step=row[4],
        state=NotificationState(row[5]),
        created_at=row[6],
        due_at=row[7],
        attempts=row[8],
        sent_at=row[9],
        detail=row[10],
    )
