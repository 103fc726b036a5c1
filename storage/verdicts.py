"""What the evaluator concluded, on its way into the tables of alarms; within one transaction of ``storage.alerts``.

Rules:

1. What ends is written before what begins (again): at no moment two alarms of a rule and subject are open.
2. Alarms of devices that are gone by now are passed over. What is noted and told is only what was written.
3. Written *carefully*, each alarm is on its own: what the database refuses is left as it is, and the log says so.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from psycopg.types.json import Jsonb

from model.alarm import AlarmState, Episode, EventKind, Heard, Opening, Revision, Verdict
from model.instants import microseconds, moment
from storage.arrays import Int8s, Times
from storage.connection import Connection, attempted
from storage.connection import rows as fetch
from storage.statements import statement

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an alarm, why, and which channels hear of it."""

    alarm: int
    kind: EventKind
    reason: str = ""
    notify: Sequence[str] = ()


async def write(connection: Connection, verdict: Verdict, at: datetime, *, careful: bool) -> list[Change]:
    """Write a verdict; return what happened to which alarms."""
    if verdict.heard:
        await connection.execute(statement("keep_heard"), (_heard(verdict.heard),))
    if verdict.signals:
        await _keep_signals(connection, verdict)
    revised = await _revise(connection, verdict.revisions, at, careful=careful)
    opened = await _open(connection, verdict.openings, at, careful=careful)
    if verdict.newest:
        lines = [{"id": one.id, "value": one.value, "at": _text(one.time_us)} for one in verdict.newest]
        await connection.execute(statement("newest_of_alarms"), (Jsonb(lines),))
    await _note(connection, [*revised, *opened], at)
    return [*revised, *opened]


async def _revise(
    connection: Connection, revisions: Sequence[Revision], at: datetime, *, careful: bool
) -> list[Change]:
    if not revisions:
        return []
    done = [one for one in revisions if one.state is not AlarmState.OPEN]
    going_on = [one for one in revisions if one.state is AlarmState.OPEN]
    written: set[int] = set()
    if not careful:  # alarms that move may each begin where the next one began: first, nobody stands anywhere
        ids = Int8s(np.array([one.id for one in revisions], dtype=np.int64))
        starts = Times(np.array([max(one.episode.start_us, 0) for one in revisions], dtype=np.int64))
        await connection.execute(statement("unseat_alarms"), {"ids": ids, "starts": starts})
    for some in (done, going_on):
        for part in _parts(some, careful=careful):
            parameters = {"revisions": Jsonb([_revision(one) for one in part]), "at": at}
            if not careful:
                found = await fetch(connection, statement("revise_alarms"), parameters)
            elif (attempt := await attempted(connection, statement("revise_alarms"), parameters)) is not None:
                found = attempt
            else:
                logger.error("the alarm %d cannot become %s and is left as it is", part[0].id, part[0].episode)
                continue
            written |= {number for (number,) in found}
    return [Change(one.id, one.kind, one.reason, one.notify) for one in revisions if one.id in written]


async def _open(connection: Connection, openings: Sequence[Opening], at: datetime, *, careful: bool) -> list[Change]:
    numbers: dict[tuple[str, str, int], int] = {}
    for part in _parts(openings, careful=careful):
        parameters = {"openings": Jsonb([_opening(one) for one in part]), "at": at}
        if not careful:
            found = await fetch(connection, statement("open_alarms"), parameters)
        elif (attempt := await attempted(connection, statement("open_alarms"), parameters)) is not None:
            found = attempt
        else:
            logger.error("the alarm of %s on %s cannot be stored", part[0].rule, part[0].subject.name)
            continue
        numbers |= {(rule, subject, microseconds(start)): number for number, rule, subject, start in found}
    changed: list[Change] = []
    for one in openings:
        number = numbers.pop((one.rule, one.subject.name, max(one.episode.start_us, 0)), None)
        if number is None:
            logger.warning("an alarm of %s on %s is there already", one.rule, one.subject.name)
            continue
        changed.append(Change(number, EventKind.OPENED, "", one.notify))
        if one.episode.end_us is not None:
            changed.append(Change(number, EventKind.CLEARED, "", one.notify))
        elif one.folded_into is not None:
            changed.append(Change(number, EventKind.FOLDED))
    return changed


def _parts(some: Sequence[T], *, careful: bool) -> list[Sequence[T]]:
    """Return all at once, or carefully one by one."""
    return [[one] for one in some] if careful else [some] if some else []


async def _note(connection: Connection, changed: Sequence[Change], at: datetime) -> None:
    """Write events, and messages to people."""
    if not changed:
        return
    events = [{"alarm": one.alarm, "kind": one.kind, "text": one.reason} for one in changed]
    await connection.execute(statement("note_alarm_events"), {"events": Jsonb(events), "at": at})
    lines = [{"channel": channel, "kind": one.kind, "alarm": one.alarm} for one in changed for channel in one.notify]
    if lines:
        await connection.execute(statement("notify"), {"lines": Jsonb(lines), "at": at})


async def _keep_signals(connection: Connection, verdict: Verdict) -> None:
    gone = [
        {"rule": rule, "leaf": leaf, "subject": subject, "since": _text(since_us)}
        for rule, leaf, subject, since_us in verdict.signals
    ]
    kept = [
        {
            "rule": one.rule,
            "leaf": one.leaf,
            "subject": one.subject,
            "started_at": _text(one.start_us),
            "raised_at": _text(one.raised_us),
            "ended_at": None if one.end_us is None else _text(one.end_us),
        }
        for some in verdict.signals.values()
        for one in some
    ]
    await connection.execute(statement("forget_signals"), (Jsonb(gone),))
    await connection.execute(statement("keep_signals"), (Jsonb(kept),))


def _episode(episode: Episode) -> dict[str, Any]:
    return {
        "started_at": _text(episode.start_us),
        "raised_at": _text(episode.raised_us),
        "ended_at": None if episode.end_us is None else _text(episode.end_us),
        "first_value": episode.first,
        "last_value": episode.last,
        "last_at": None if episode.last_us is None else _text(episode.last_us),
    }


def _revision(one: Revision) -> dict[str, Any]:
    return {
        "id": one.id,
        "state": one.state,
        "reason": one.reason,
        "folded_into": one.folded_into,
        **_episode(one.episode),
    }


def _opening(one: Opening) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "version": one.version,
        "severity": one.severity,
        "subject": one.subject.name,
        "device": one.subject.device,
        "device_type": one.subject.device_type,
        "simulated": one.subject.simulated,
        "late": one.late,
        "folded_into": one.folded_into,
        **_episode(one.episode),
    }


def _heard(heard: Mapping[str, Heard]) -> Jsonb:
    return Jsonb(
        [
            {"subject": name, "last_at": _text(one.last_us), "pause": one.usual_us / 1e6 if one.usual_us else None}
            for name, one in heard.items()
        ]
    )


def _text(time_us: int) -> str:
    return moment(max(time_us, 0)).isoformat()
