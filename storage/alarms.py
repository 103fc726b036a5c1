"""Alarms for people, and what they do about them: ``model.alert_ports.Alarms``.

Rules:

1. Whatever somebody does is an event of the alarm and a line of audit, in one transaction.
2. What a person does changes no episode: that is the evaluator's.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from model.alarm import Alarm, AlarmEvent, AlarmFilter, AlarmPage, EventKind, Silence
from model.errors import BadRequestError, NotFoundError
from model.weekly import Weekly, problem
from storage.alerts import alarms_by_id
from storage.connection import Connection, Database
from storage.connection import rows as fetch
from storage.rulebook import audit
from storage.statements import statement


class Alarms:
    """The ``Alarms`` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: AlarmFilter, *, limit: int = 100, before: int | None = None) -> AlarmPage:
        """Return alarms, the newest first, with ids below ``before``."""
        parameters: dict[str, Any] = {
            "before": before,
            "limit": limit + 1,
            "state": list(wanted.state) or None,
            "severity": list(wanted.severity) or None,
            "rule": wanted.rule,
            "subject": wanted.subject,
            "device_type": wanted.device_type,
            "district": wanted.district,
            "devices": None if wanted.devices is None else sorted(wanted.devices),
            "acknowledged": wanted.acknowledged,
            "folded": wanted.folded,
            "simulated": wanted.simulated,
            "start": wanted.start,
            "end": wanted.end,
        }
        async with self._database.connection() as connection:
            ids = [number for (number,) in await fetch(connection, statement("alarm_page"), parameters)]
            alarms = await alarms_by_id(connection, ids[:limit])
        return AlarmPage(alarms=alarms, next_before=alarms[-1].id if len(ids) > limit else None)

    async def counts(self) -> Mapping[tuple[str, bool], int]:
        """Return (severity, acknowledged) -> open alarms that are neither folded nor simulated."""
        found = await self._database.fetch(statement("alarm_counts"))
        return {(severity, acknowledged): count for severity, acknowledged, count in found}

    async def alarm(self, alarm_id: int) -> Alarm:
        """Return one alarm; raise ``NotFoundError``."""
        async with self._database.connection() as connection:
            return await _alarm(connection, alarm_id)

    async def events(self, alarm_id: int) -> Sequence[AlarmEvent]:
        """Return what happened to it, the oldest first; raise ``NotFoundError``."""
        async with self._database.connection() as connection:
            await _alarm(connection, alarm_id)
            found = await fetch(connection, statement("alarm_events"), (alarm_id,))
        return [AlarmEvent(at=at, kind=EventKind(kind), who=who, text=text) for at, kind, who, text in found]

    async def acknowledge(self, alarm_ids: Sequence[int], who: str, text: str = "") -> Sequence[Alarm]:
        """Note that somebody looks after them; acknowledging again changes nothing."""
        async with self._database.transaction() as connection:
            at = await _now(connection)
            for alarm_id in alarm_ids:
                await _alarm(connection, alarm_id)
            parameters = {"ids": list(alarm_ids), "who": who, "at": at}
            done = [number for (number,) in await fetch(connection, statement("acknowledge_alarms"), parameters)]
            await _note(connection, done, EventKind.ACKNOWLEDGED, at, who, text)
            return await alarms_by_id(connection, alarm_ids)

    async def comment(self, alarm_id: int, who: str, text: str) -> Alarm:
        """Note what somebody says."""
        async with self._database.transaction() as connection:
            await _alarm(connection, alarm_id)
            await _note(connection, [alarm_id], EventKind.COMMENTED, await _now(connection), who, text)
            return await _alarm(connection, alarm_id)

    async def assign(self, alarm_id: int, who: str, to: str | None) -> Alarm:
        """Note whose it is."""
        async with self._database.transaction() as connection:
            await _alarm(connection, alarm_id)
            await connection.execute(statement("assign_alarm"), {"id": alarm_id, "to": to})
            await _note(connection, [alarm_id], EventKind.ASSIGNED, await _now(connection), who, to or "")
            return await _alarm(connection, alarm_id)

    async def silences(self, *, ended: bool = False) -> Sequence[Silence]:
        """Return silences that have not ended, or all; the newest first."""
        found = await self._database.fetch(statement("silences"), {"ended": ended})
        return [
            Silence(
                id=row[0],
                starts_at=row[1],
                ends_at=row[2],
                reason=row[3],
                by=row[4],
                rule=row[5],
                subject=row[6],
                device_type=row[7],
                district=row[8],
                maintenance=row[9],
                weekly=None if row[10] is None else msgspec.convert(row[10], Weekly),
            )
            for row in found
        ]

    async def silence(self, silence: Silence) -> Silence:
        """Store a silence and return it with its id; raise ``BadRequestError`` for one that ends before it starts."""
        if silence.ends_at <= silence.starts_at:
            raise BadRequestError("ends_at: a silence ends after it starts")
        if silence.weekly is not None and (wrong := problem(silence.weekly)):
            raise BadRequestError(wrong)
        weekly = None if silence.weekly is None else msgspec.to_builtins(silence.weekly)
        values = msgspec.structs.asdict(silence) | {"weekly": weekly}
        async with self._database.transaction() as connection:
            [(number,)] = await fetch(
                connection, statement("add_silence"), values | {"weekly": None if weekly is None else Jsonb(weekly)}
            )
            detail = {name: value for name, value in values.items() if value not in (None, 0, False)}
            at = await _now(connection)
            await audit(connection, at, silence.by, "silence.added", str(number), detail)
        return msgspec.structs.replace(silence, id=number)

    async def unsilence(self, silence_id: int, who: str) -> None:
        """End a silence now; raise ``NotFoundError``."""
        async with self._database.transaction() as connection:
            at = await _now(connection)
            if not await fetch(connection, statement("end_silence"), {"id": silence_id, "at": at}):
                raise NotFoundError(f"there is no silence {silence_id}")
            await audit(connection, at, who, "silence.ended", str(silence_id))


async def _alarm(connection: Connection, alarm_id: int) -> Alarm:
    found = await alarms_by_id(connection, [alarm_id])
    if not found:
        raise NotFoundError(f"there is no alarm {alarm_id}")
    return found[0]


async def _now(connection: Connection) -> datetime:
    [(now,)] = await fetch(connection, SQL("select now()"))
    return now  # type: ignore[no-any-return]  # a timestamptz


async def _note(connection: Connection, ids: Sequence[int], kind: EventKind, at: datetime, who: str, text: str) -> None:
    events = Jsonb([{"alarm": number, "kind": kind, "who": who, "text": text} for number in ids])
    await connection.execute(statement("note_alarm_events"), {"events": events, "at": at})
    for number in ids:
        await audit(connection, at, who, f"alarm.{kind}", str(number), {"text": text} if text else {})
