"""``model.alert_ports.AlertStore`` in memory: readings, news, rules and alarms in plain dictionaries, row by row."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from statistics import fmean
from typing import Any

import numpy as np

from model.alarm import (
    Alarm,
    AlarmNotice,
    AlarmState,
    Episode,
    EventKind,
    Heard,
    Opening,
    Revision,
    Signal,
    Standing,
    StoredRule,
    Verdict,
)
from model.alert_ports import Member, News, Stretch, Windows
from model.errors import ConflictError, UnavailableError
from model.instants import moment
from model.readings import Column
from model.value import Value

Row = dict[str, Value]


@dataclass
class Kept:
    """An alarm as it is stored."""

    id: int
    opening: Opening
    episode: Episode
    state: AlarmState
    folded_into: int | None = None
    reason: str = ""
    events: list[EventKind] = field(default_factory=list)


class AlertStore:
    """A database in memory. ``fail``: so many commits fail before one works; ``after``: they fail after they worked.

    ``lose`` lets go what is told, as when nobody takes it; then nothing is told until somebody wants it.
    """

    def __init__(self, members: Sequence[Member] = (), rules: Sequence[StoredRule] = ()) -> None:
        self.member_list = list(members)
        self.rule_list = list(rules)
        self.rows: dict[str, dict[tuple[int, int], Row]] = {}
        self.flags: dict[str, dict[tuple[int, int], set[str]]] = {}
        self.told: dict[int, tuple[str, list[tuple[int, int, Row, frozenset[str]]], dict[str, int]]] = {}
        self.alarms: dict[int, Kept] = {}
        self.newest: dict[int, tuple[int, Value]] = {}
        self.signal_list: list[Signal] = []
        self.heard_of: dict[str, Heard] = {}
        self.through: dict[int, tuple[str, Sequence[str]]] = {}
        self.told_people: list[tuple[int, EventKind, str]] = []
        self.wanted: Mapping[str, Sequence[str]] = {}
        self.version = 1
        self.fail = 0
        self.after = False
        self.missed: dict[str, dict[int, int]] | None = None
        self.silent = False
        self._ids = count(1)
        self._busy = False

    def add(
        self,
        device_type: str,
        rows: Sequence[tuple[int, int, Row]],
        *,
        flagged: Mapping[tuple[int, int], set[str]] | None = None,
        heard: Mapping[str, int] | None = None,
    ) -> None:
        """Store readings (device, time, values) as a writer does: what is there already is filled up, all is told."""
        stored = self.rows.setdefault(device_type, {})
        flags = self.flags.setdefault(device_type, {})
        told = []
        for device, time_us, values in rows:
            row = stored.setdefault((device, time_us), {})
            for name, value in values.items():
                row.setdefault(name, value)
            some = (flagged or {}).get((device, time_us), set())
            flags.setdefault((device, time_us), set()).update(some)
            told.append((device, time_us, values, frozenset(some)))
        self._miss(device_type, told)
        if not self.silent:
            self.told[next(self._ids)] = (device_type, told, dict(heard or {}))

    def lose(self) -> None:
        """Let go all that is told and not taken, and tell no more."""
        self.missed, self.silent = {} if self.missed is None else self.missed, True
        for device_type, told, _ in self.told.values():
            self._miss(device_type, told)
        self.told.clear()

    def _miss(self, device_type: str, told: Sequence[tuple[int, int, Row, frozenset[str]]]) -> None:
        if self.missed is None:
            return
        oldest = self.missed.setdefault(device_type, {})
        for device, time_us, *_ in told:
            oldest[device] = min(time_us, oldest.get(device, time_us))

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        if self._busy:
            raise ConflictError("another process evaluates rules on this database: stop it first")
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Be the only one."""
        return self._alone()

    async def stamp(self) -> int:
        """Return the version of rules and devices."""
        return self.version

    async def rules(self) -> Sequence[StoredRule]:
        """Return the rules."""
        return list(self.rule_list)

    async def members(self) -> Sequence[Member]:
        """Return the devices, with what was heard of them."""
        newest: dict[int, int] = {}
        for some in self.rows.values():
            for device, time_us in some:
                newest[device] = max(time_us, newest.get(device, 0))
        return [replace(one, newest_us=newest.get(one.key, 0)) for one in self.member_list]

    async def want(self, fields: Mapping[str, Sequence[str]]) -> None:
        """Note what is wanted; from now on it is told."""
        self.wanted, self.silent = dict(fields), False

    async def arrived(self, device_type: str, since_us: int) -> Mapping[int, int]:
        """Return the oldest readings of those that were not told."""
        assert since_us == 0
        return (self.missed or {}).get(device_type, {})

    async def news(self, rows: int = 20_000) -> News:
        """Return the oldest news."""
        found: list[Stretch] = []
        heard: dict[str, int] = {}
        taken, left = [], rows
        lost_us = None if self.missed is None else 0
        for number, (device_type, told, arrivals) in self.told.items():
            if left <= 0:
                break
            left -= len(told)
            taken.append(number)
            part = stretch_of(device_type, told)
            part.told = np.full(len(part), number)
            found.append(part)
            heard |= {name: max(at, heard.get(name, 0)) for name, at in arrivals.items()}
        return News(ids=taken, parts=found, heard=heard, more=len(taken) < len(self.told), lost_us=lost_us)

    async def stretch(
        self, device_type: str, fields: Sequence[str], since_us: Mapping[int, int], until_us: int | None = None
    ) -> Stretch:
        """Return stored readings."""
        flags = self.flags.get(device_type, {})
        rows = [
            (
                device,
                time_us,
                {name: values[name] for name in fields if name in values},
                frozenset(flags[device, time_us]),
            )
            for (device, time_us), values in self.rows.get(device_type, {}).items()
            if device in since_us and time_us >= since_us[device] and (until_us is None or time_us < until_us)
        ]
        found = stretch_of(device_type, rows)
        found.through = next(self._ids)
        return found

    async def before(
        self, device_type: str, field: str | None, since_us: Mapping[int, int]
    ) -> Mapping[int, tuple[int, Value]]:
        """Return the newest readings before."""
        found: dict[int, tuple[int, Value]] = {}
        for (device, time_us), values in sorted(self.rows.get(device_type, {}).items(), key=lambda row: row[0]):
            value = True if field is None else values.get(field)
            if value is not None and time_us < since_us.get(device, 0):
                found[device] = (time_us, value)
        return found

    async def history(
        self,
        device_type: str,
        fields: Sequence[str],
        devices: Sequence[int],
        start_us: int,
        end_us: int,
        *,
        within: tuple[str, float, float] | None = None,
    ) -> AsyncIterator[tuple[float, Stretch]]:
        """Yield stored readings, a device a part; nothing is left out."""
        del within
        some = sorted({device for device, _ in self.rows.get(device_type, {})} & set(devices))
        for number, key in enumerate(some, 1):
            yield number / len(some), await self.stretch(device_type, fields, {key: start_us}, end_us)

    async def windows(self, wanted: Windows) -> Mapping[str, Mapping[int, float]]:
        """Return measures, window by window."""
        found: dict[str, dict[int, float]] = {}
        members = {one.key: one for one in self.member_list}
        for start in wanted.starts_us:
            groups: dict[str, list[tuple[int, int, Row]]] = {}
            for (device, time_us), values in self.rows.get(wanted.device_type, {}).items():
                if device not in wanted.devices or not start <= time_us < start + wanted.every_us:
                    continue
                field_name = wanted.field if wanted.where is None else wanted.where[0]
                if not wanted.flagged and field_name in self.flags[wanted.device_type][device, time_us]:
                    continue
                name = "all" if wanted.group is None else str(device)
                if wanted.group in ("district", "experiment"):
                    name = getattr(members[device], wanted.group) or ""
                if name:
                    groups.setdefault(name, []).append((device, time_us, values))
            for name, rows in groups.items():
                value = _measure(wanted, rows)
                if value is not None:
                    found.setdefault(name, {})[start] = value
        return found

    async def standing(self) -> Sequence[Standing]:
        """Return open alarms."""
        return [_standing(one) for one in self.alarms.values() if one.state is AlarmState.OPEN]

    async def since(self, wanted: Sequence[tuple[str, str, int]]) -> Sequence[Standing]:
        """Return alarms that were open since."""
        found = {}
        for rule, subject, since_us in wanted:
            for one in self.alarms.values():
                key = (one.opening.rule, one.opening.subject.name)
                open_then = one.episode.end_us is None or one.episode.end_us >= since_us
                if key == (rule, subject) and one.state is not AlarmState.WITHDRAWN and open_then:
                    found[one.id] = _standing(one)
        return list(found.values())

    async def signals(self, wanted: Sequence[tuple[str, str, int]]) -> Sequence[Signal]:
        """Return signals that held since."""
        return [
            one
            for one in self.signal_list
            for rule, subject, since_us in wanted
            if (one.rule, one.subject) == (rule, subject) and (one.end_us is None or one.end_us >= since_us)
        ]

    async def heard(self) -> Mapping[str, Heard]:
        """Return what is known of gateways and sources."""
        return dict(self.heard_of)

    async def heard_by(self, devices: Sequence[int]) -> Mapping[int, tuple[str, Sequence[str]]]:
        """Return through what devices were heard."""
        return {key: self.through[key] for key in devices if key in self.through}

    async def commit(self, verdict: Verdict, at: datetime) -> Sequence[AlarmNotice]:
        """Write it all, or fail as often as wanted."""
        if self.fail and not self.after:
            self.fail -= 1
            raise UnavailableError("the database does not answer")
        notices = []
        if verdict.regained_us is not None and not self.silent:
            self.missed = None
        for number in verdict.taken:
            del self.told[number]
        self.heard_of |= verdict.heard
        for (rule, leaf, subject, since_us), some in verdict.signals.items():
            self.signal_list = [
                one
                for one in self.signal_list
                if (one.rule, one.leaf, one.subject) != (rule, leaf, subject)
                or (one.end_us is not None and one.end_us < since_us)
            ] + list(some)
        notices += [self._revise(one, at) for one in verdict.revisions]
        notices += [self._open(one, at) for one in verdict.openings]
        for newest in verdict.newest:
            known = self.newest.get(newest.id, (0, None))
            if self.alarms[newest.id].state is AlarmState.OPEN and newest.time_us > known[0]:
                self.newest[newest.id] = (newest.time_us, newest.value)
        open_now = [(one.opening.rule, one.opening.subject.name) for one in self._open_alarms()]
        assert len(open_now) == len(set(open_now)), "two alarms of one rule and subject are open"
        if self.fail:
            self.fail -= 1
            raise UnavailableError("the database does not answer")
        return notices

    def episodes(self) -> list[tuple[str, str, Episode]]:
        """Return rule, subject and episode of all alarms that count, in order."""
        found = [
            (one.opening.rule, one.opening.subject.name, one.episode)
            for one in self.alarms.values()
            if one.state is not AlarmState.WITHDRAWN
        ]
        return sorted(found, key=lambda row: (row[0], row[1], row[2].start_us))

    def _open_alarms(self) -> list[Kept]:
        return [one for one in self.alarms.values() if one.state is AlarmState.OPEN]

    def _open(self, opening: Opening, at: datetime) -> AlarmNotice:
        state = AlarmState.OPEN if opening.episode.end_us is None else AlarmState.CLEARED
        kept = Kept(next(self._ids), opening, opening.episode, state, opening.folded_into)
        kept.events.append(EventKind.OPENED)
        self.alarms[kept.id] = kept
        self.told_people += [(kept.id, EventKind.OPENED, channel) for channel in opening.notify]
        return AlarmNotice(kind=EventKind.OPENED, alarm=_alarm(kept, at))

    def _revise(self, revision: Revision, at: datetime) -> AlarmNotice:
        kept = self.alarms[revision.id]
        kept.episode, kept.state, kept.reason = revision.episode, revision.state, revision.reason
        kept.folded_into = revision.folded_into
        kept.events.append(revision.kind)
        self.told_people += [(kept.id, revision.kind, channel) for channel in revision.notify]
        return AlarmNotice(kind=revision.kind, alarm=_alarm(kept, at))


def stretch_of(device_type: str, rows: Sequence[tuple[int, int, Row, frozenset[str]]]) -> Stretch:
    """Return rows (device, time, values, flagged fields) in columns, in order of device and time."""
    ordered = sorted(rows, key=lambda row: row[:2])
    columns = {}
    for name in sorted({name for row in ordered for name in row[2]}):
        values = [row[2].get(name) for row in ordered]
        texts = any(isinstance(value, str) for value in values)
        columns[name] = Column(
            np.array([0 if value is None else value for value in values], dtype=np.object_ if texts else np.float64),
            np.array([value is not None for value in values], dtype=np.bool_),
        )
    flagged = {
        name: np.array([i for i, row in enumerate(ordered) if name in row[3]], dtype=np.int64)
        for name in {name for row in ordered for name in row[3]}
    }
    return Stretch(
        device_type=device_type,
        device=np.array([row[0] for row in ordered], dtype=np.int64),
        time_us=np.array([row[1] for row in ordered], dtype=np.int64),
        columns=columns,
        flagged=flagged,
    )


def _measure(wanted: Windows, rows: Sequence[tuple[int, int, Row]]) -> float | None:
    if wanted.where is None:
        values = [row[2].get(wanted.field or "") for row in rows]
        numbers = [float(value) for value in values if isinstance(value, float | int)]
        each: dict[str, Callable[[list[float]], float]] = {"mean": fmean, "min": min, "max": max, "sum": sum}
        return each[wanted.measure](numbers) if numbers else None
    name = wanted.where[0]
    newest: dict[int, Value] = {}
    for device, _, values_of in sorted(rows, key=lambda row: row[:2]):
        value = values_of.get(name)
        if value is not None:
            newest[device] = value
    if not newest:
        return None
    counted = sum(_fits(value, wanted.where[1], wanted.where[2]) for value in newest.values())
    return float(counted) if wanted.measure == "count" else 100 * counted / len(newest)


def _fits(value: Value, how: str, limit: Any) -> bool:  # noqa: ANN401 -- a value, or several
    if how == "in":
        return value in limit
    return bool(value > limit) if how == "above" else bool(value < limit)


def _standing(kept: Kept) -> Standing:
    return Standing(
        id=kept.id,
        rule=kept.opening.rule,
        version=kept.opening.version,
        subject=kept.opening.subject.name,
        episode=kept.episode,
        late=kept.opening.late,
        folded_into=kept.folded_into,
    )


def _alarm(kept: Kept, at: datetime) -> Alarm:
    end = kept.episode.end_us
    return Alarm(
        id=kept.id,
        rule=kept.opening.rule,
        version=kept.opening.version,
        severity=kept.opening.severity,
        state=kept.state,
        subject=kept.opening.subject.name,
        device=kept.opening.subject.name,
        device_type=kept.opening.subject.device_type,
        district=None,
        simulated=kept.opening.subject.simulated,
        started_at=moment(kept.episode.start_us) if kept.episode.start_us >= 0 else datetime(1970, 1, 1, tzinfo=UTC),
        raised_at=moment(kept.episode.raised_us),
        ended_at=None if end is None else moment(end),
        opened_at=at,
        closed_at=None,
    )
