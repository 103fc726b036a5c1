"""What the evaluator of rules asks and tells the database: ``model.alert_ports.AlertStore``.

Rules:

1. A verdict is one transaction: news are taken, alarms change, messages are written, or nothing is.
2. Only one evaluates: the lock belongs to a connection, so it ends with the process, however that ends. Each verdict
   makes sure that it is still held: a connection may be cut without a word.
3. What would make a second open alarm of one rule and subject is left out: the database itself refuses it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from psycopg.sql import SQL, Composed, Identifier, Literal

from model.alarm import (
    Alarm,
    AlarmNotice,
    AlarmState,
    Episode,
    Heard,
    Signal,
    Standing,
    StoredRule,
    Verdict,
)
from model.alert_ports import Member, News, Stretch, Windows
from model.errors import ConflictError
from model.instants import EPOCH, microseconds, moment
from model.readings import Bools, Column, Ints
from model.rule import rule_of
from model.value import Value
from storage import news, packing, verdicts
from storage.arrays import Int4s, Texts, Times
from storage.connection import CollisionError, Connection, Database, Parameters, RefusedError
from storage.connection import rows as fetch
from storage.packing import Narrow
from storage.prospects import prospects
from storage.statements import statement
from storage.tables import kinds, table

_STAMP_S = 1.0
_BACK = timedelta(days=90)
"""A reading before another is looked for so far back."""
_MOST = 8_000_000
"""Readings of history held in memory at once, about."""
_SLICE = timedelta(days=1)
_GROUPS = {"district": SQL("d.district"), "experiment": SQL("d.experiment"), "device": SQL("d.key::text")}
_MEASURES = {"mean": SQL("avg"), "min": SQL("min"), "max": SQL("max"), "sum": SQL("sum")}
_FEW = 0.2
"""Where fewer than this share of devices is wanted, they are looked up one by one."""
_EMPTY = Narrow(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), {}, {})


class AlertStore:
    """The ``AlertStore`` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kinds: Mapping[str, Mapping[str, str]] = {}
        self._stamp: tuple[float, int] | None = None
        self._holder: int | None = None

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        async with self._database.connection() as connection:
            [(alone, holder)] = await fetch(connection, statement("alerts_alone"))
            if not alone:
                raise ConflictError("another process evaluates the rules of this database; this one waits")
            self._holder = holder
            try:
                yield
                await connection.execute(SQL("select pg_advisory_unlock_all()"))  # at once; closing takes its time
            finally:
                self._holder = None
                await connection.close()  # the lock ends with it

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Be the only evaluator; raise ``ConflictError`` when another process is."""
        return self._alone()

    async def stamp(self) -> int:
        """Return a number that changes whenever rules, devices or cadences did; asked of the database once a second."""
        now = asyncio.get_running_loop().time()
        if self._stamp is None or now - self._stamp[0] >= _STAMP_S:
            [(stamp,)] = await self._database.fetch(statement("alerts_stamp"))
            self._stamp = (now, int(stamp))
        return self._stamp[1]

    async def rules(self) -> Sequence[StoredRule]:
        """Return the rules that count."""
        return rules_of(await self._database.fetch(statement("rules_that_count")))

    async def members(self) -> Sequence[Member]:
        """Return all active devices."""
        found = await self._database.fetch(statement("alert_members"))
        self._kinds = await kinds(self._database)
        return [
            Member(
                key=row[0],
                id=row[1],
                type=row[2],
                district=row[3],
                experiment=row[4],
                network=row[5],
                tags=row[6],
                simulated=row[7],
                latitude=row[8],
                longitude=row[9],
                since_us=_us(row[10]),
                newest_us=_us(row[11]),
                cadence_us=0 if row[12] is None else row[12] // timedelta(microseconds=1),
            )
            for row in found
        ]

    async def want(self, fields: Mapping[str, Sequence[str]]) -> None:
        """Say of which device types and fields writers are to tell."""
        async with self._database.transaction() as connection:
            await news.ask(connection, fields)

    async def news(self, rows: int = 20_000) -> News:
        """Return what was stored and is not taken yet, the oldest first."""
        async with self._database.connection() as connection:
            return await news.waiting(connection, rows)

    async def arrived(self, device_type: str, since_us: int) -> Mapping[int, int]:
        """Return device -> time of the oldest of its readings that arrived since, of those of 90 days before."""
        if self._columns(device_type, []) is None:
            return {}
        query = SQL(
            "select device, min(time) from {} where received_at >= %(since)s and time >= %(oldest)s group by device"
        ).format(table(device_type))
        since = moment(max(since_us, 0))
        found = await self._database.fetch(query, {"since": since, "oldest": since - _BACK})
        return {device: microseconds(time) for device, time in found}

    async def stretch(
        self, device_type: str, fields: Sequence[str], since_us: Mapping[int, int], until_us: int | None = None
    ) -> Stretch:
        """Return stored readings of these devices, each from its own time on."""
        some = self._columns(device_type, fields)
        if some is None or not since_us:
            return _nothing(device_type)
        devices = np.array(sorted(since_us), dtype=np.int64)
        since = np.array([since_us[key] for key in devices.tolist()], dtype=np.int64)
        query = SQL(
            "select {} from unnest(%(devices)s, %(times)s) as p (key, since) join {} as r"
            " on r.device = p.key and r.time >= p.since where r.time >= {} and ({} or r.time < %(until)s)"
        ).format(
            packing.narrow(some),
            table(device_type),
            Literal(moment(max(int(since.min()), 0)).isoformat()),
            SQL("true" if until_us is None else "false"),
        )
        parameters = {
            "devices": Int4s(devices),
            "times": Times(np.maximum(since, 0)),
            "until": EPOCH if until_us is None else moment(until_us),
        }
        async with self._database.connection() as connection:
            await connection.execute(statement("plan_for_looking_up"))
            [(through,)] = await fetch(connection, statement("stored_through"))
            found = await _narrow(connection, some, query, parameters)
        stretch = _sorted(device_type, [found])
        stretch.through = through
        return stretch

    async def before(
        self, device_type: str, field: str | None, since_us: Mapping[int, int]
    ) -> Mapping[int, tuple[int, Value]]:
        """Return device -> time and value of its newest reading before a time, within 90 days."""
        some = self._columns(device_type, [] if field is None else [field])
        if some is None or not since_us or (field is not None and field not in some):
            return {}
        devices = np.array(sorted(since_us), dtype=np.int64)
        since = np.array([since_us[key] for key in devices.tolist()], dtype=np.int64)
        value = SQL("true") if field is None else Identifier(field)
        query = SQL(
            "select p.key, r.time, r.value from unnest(%(devices)s, %(times)s) as p (key, since) cross join lateral ("
            "select time, {} as value from {} where device = p.key and time < p.since and time >= {} and {} is not null"
            " order by time desc limit 1) as r"
        ).format(value, table(device_type), Literal((moment(max(int(since.min()), 0)) - _BACK).isoformat()), value)
        found = await self._database.fetch(query, {"devices": Int4s(devices), "times": Times(np.maximum(since, 0))})
        return {key: (microseconds(time), value) for key, time, value in found}

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
        """Yield (share done, readings with start <= time < end); all of a device is in one part."""
        some = self._columns(device_type, fields)
        if some is None or not devices:
            return
        keys = np.unique(np.array(devices, dtype=np.int64))
        slices = _slices(max(start_us, 0), end_us)
        if not slices:
            return
        chosen: list[Ints | None] = [None] * len(slices)
        if within is not None:
            chosen = await prospects(self._database, device_type, within[0], within[1:], slices)
        parts = await self._parts(device_type, keys, slices, chosen)
        done, steps = 0, len(parts) * len(slices)
        for part in parts:
            found: list[Narrow] = []
            waiting = [
                self._slice(device_type, some, part if mine is None else np.intersect1d(part, mine), *one)
                for one, mine in zip(slices, chosen, strict=True)
            ]
            for pair in range(0, len(waiting), 2):  # two connections: one unpacks while the other reads
                found += await asyncio.gather(*waiting[pair : pair + 2])
                done = min(done + 2, steps)
            yield done / steps, await asyncio.to_thread(_sorted, device_type, found)

    async def _parts(
        self, device_type: str, keys: Ints, slices: Sequence[tuple[int, int]], chosen: Sequence[Ints | None]
    ) -> list[Ints]:
        """Return the devices in parts whose readings fit into memory."""
        query = SQL("select count(*) from {} where time >= %s and time < %s").format(table(device_type))
        full = [one for one, mine in zip(slices, chosen, strict=True) if mine is None]
        if not full:
            return [keys]
        times = (moment(full[0][0]), moment(full[-1][1]))
        [(count,)] = await self._database.fetch(query, times)
        return np.array_split(keys, max(1, -(-int(count) // _MOST)))

    async def _slice(self, device_type: str, some: Mapping[str, str], part: Ints, start_us: int, end_us: int) -> Narrow:
        if not len(part):
            return _EMPTY
        span = int(part[-1]) - int(part[0]) + 1
        few = len(part) < _FEW * span  # else all is read, and what is too much left out: as fast, and simpler
        chosen = SQL("(select unnest({}::integer[]) as key) as p join {} as r on r.device = p.key where true").format(
            Literal(part.tolist()), table(device_type)
        )
        every = SQL("{} as r where r.device between {} and {}").format(
            table(device_type), Literal(int(part[0])), Literal(int(part[-1]))
        )
        query = SQL("select {} from {} and r.time >= {} and r.time < {}").format(
            packing.narrow(some),
            chosen if few else every,
            Literal(moment(start_us).isoformat()),
            Literal(moment(end_us).isoformat()),
        )
        async with self._database.connection() as connection:
            found = await _narrow(connection, some, query)
        mine = np.isin(found.device, part)
        return found if mine.all() else _taken(found, np.flatnonzero(mine))

    async def windows(self, wanted: Windows) -> Mapping[str, Mapping[int, float]]:
        """Return group -> start of window -> value."""
        name = wanted.where[0] if wanted.where is not None else wanted.field
        some = self._columns(wanted.device_type, [name or ""])
        if not some or not wanted.starts_us or not wanted.devices:
            return {}
        found: dict[str, dict[int, float]] = {}
        for first, last in _stretches(wanted.starts_us, wanted.every_us):
            rows = await self._database.fetch(
                _measuring(wanted),
                {
                    "devices": list(wanted.devices),
                    "start": moment(first),
                    "end": moment(last + wanted.every_us),
                    "first": first,
                    "every": wanted.every_us,
                },
            )
            for name, number, value in rows:
                if name is not None and value is not None:
                    found.setdefault(name, {})[first + int(number) * wanted.every_us] = float(value)
        return found

    async def standing(self) -> Sequence[Standing]:
        """Return all open alarms."""
        return [_standing(row) for row in await self._database.fetch(statement("standing_alarms"))]

    async def since(self, wanted: Sequence[tuple[str, str, int]]) -> Sequence[Standing]:
        """Return alarms that are open or ended at or after a time."""
        found = await self._database.fetch(statement("alarms_since"), _since(wanted)) if wanted else []
        return [_standing(row) for row in found]

    async def signals(self, wanted: Sequence[tuple[str, str, int]]) -> Sequence[Signal]:
        """Return signals that hold or ended at or after a time."""
        found = await self._database.fetch(statement("signals_since"), _since(wanted)) if wanted else []
        return [
            Signal(
                rule=row[0],
                leaf=row[1],
                subject=row[2],
                start_us=microseconds(row[3]),
                raised_us=microseconds(row[4]),
                end_us=None if row[5] is None else microseconds(row[5]),
            )
            for row in found
        ]

    async def heard(self) -> Mapping[str, Heard]:
        """Return what is known of gateways and sources."""
        return {
            subject: Heard(
                last_us=microseconds(at), usual_us=0 if pause is None else pause // timedelta(microseconds=1)
            )
            for subject, at, pause in await self._database.fetch(statement("heard_through"))
        }

    async def heard_by(self, devices: Sequence[int]) -> Mapping[int, tuple[str, Sequence[str]]]:
        """Return device -> source of its newest frame and the gateways of its newest ten."""
        [(now,)] = await self._database.fetch(SQL("select now()"))
        parameters = {"devices": list(devices), "since": now - _BACK}
        found = await self._database.fetch(statement("heard_by"), parameters)
        return {device: (source, gateways or ()) for device, source, gateways in found}

    async def commit(self, verdict: Verdict, at: datetime) -> Sequence[AlarmNotice]:
        """Write all of it in one transaction; return what changed for people.

        Alarms that the database refuses are left out; the log says which. Raise ``ConflictError`` where another process
        evaluates by now.
        """
        try:
            return await self._write(verdict, at, careful=False)
        except (CollisionError, RefusedError):
            return await self._write(verdict, at, careful=True)

    async def _write(self, verdict: Verdict, at: datetime, *, careful: bool) -> Sequence[AlarmNotice]:
        async with self._database.transaction() as connection:
            if self._holder is not None:
                [(alone,)] = await fetch(connection, statement("still_alone"), (self._holder,))
                if not alone:
                    raise ConflictError("this process lost the connection by which it was the only evaluator")
            await news.take(connection, verdict.taken)
            if verdict.regained_us is not None:
                await connection.execute(statement("news_regained"), (moment(max(verdict.regained_us, 0)),))
            changed = await verdicts.write(connection, verdict, at, careful=careful)
            ids = [change.alarm for change in changed]
            alarms = {one.id: one for one in await alarms_by_id(connection, ids)} if ids else {}
        return [AlarmNotice(kind=change.kind, alarm=alarms[change.alarm]) for change in changed]

    def _columns(self, device_type: str, fields: Sequence[str]) -> Mapping[str, str] | None:
        """Return the columns that there are, ``None`` without a table."""
        known = self._kinds.get(device_type)
        return None if known is None else {name: known[name] for name in fields if name in known}


def rules_of(found: Sequence[Sequence[Any]]) -> list[StoredRule]:
    """Return the rules of such rows; those that are switched off have no definition."""
    return [
        StoredRule(rule=rule_of(definition), version=version, origin=origin, changed_at=changed, changed_by=who)
        for _, origin, version, definition, changed, who in found
        if definition is not None
    ]


async def alarms_by_id(connection: Connection, ids: Sequence[int]) -> list[Alarm]:
    """Return alarms as people see them, the newest first."""
    found = await fetch(connection, statement("alarms_by_id"), (list(ids),))
    return [Alarm(**dict(zip(Alarm.__struct_fields__, _alarm(row), strict=True))) for row in found]


def _alarm(row: Sequence[Any]) -> list[Any]:
    values = list(row)
    values[4] = AlarmState(values[4])
    return values


def _standing(row: Sequence[Any]) -> Standing:
    return Standing(
        id=row[0],
        rule=row[1],
        version=row[2],
        subject=row[3],
        episode=Episode(
            start_us=microseconds(row[4]),
            raised_us=microseconds(row[5]),
            end_us=None if row[6] is None else microseconds(row[6]),
            first=row[7],
        ),
        late=row[8],
        folded_into=row[9],
    )


def _since(wanted: Sequence[tuple[str, str, int]]) -> dict[str, Any]:
    return {
        "rules": Texts([rule.encode() for rule, _, _ in wanted]),
        "subjects": Texts([subject.encode() for _, subject, _ in wanted]),
        "times": Times(np.array([max(since_us, 0) for _, _, since_us in wanted], dtype=np.int64)),
    }


def _text(time_us: int) -> str:
    return moment(max(time_us, 0)).isoformat()


def _us(when: datetime | None) -> int:
    return 0 if when is None else microseconds(when)


def _nothing(device_type: str) -> Stretch:
    none = np.zeros(0, dtype=np.int64)
    return Stretch(device_type=device_type, device=none, time_us=none, columns={})


async def _narrow(
    connection: Connection, kinds: Mapping[str, str], query: Composed, parameters: Parameters = None
) -> Narrow:
    """Ask for columns in binary form."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(query, parameters)
        [answer] = await cursor.fetchall()
    return packing.narrowed(kinds, answer)


def _sorted(device_type: str, pieces: Sequence[Narrow]) -> Stretch:
    """Return pieces as one, in order of device and time."""
    pieces = [piece for piece in pieces if len(piece)]
    if not pieces:
        return _nothing(device_type)
    device = np.concatenate([piece.device for piece in pieces])
    time_us = np.concatenate([piece.time_us for piece in pieces])
    low = int(time_us.min())
    spread = int(time_us.max()) - low + 1
    small = int(device.max()) < (2**63 - 1) // spread  # one key for both, where it does not overflow
    key = device * spread + (time_us - low) if small else None
    order = np.lexsort((time_us, device)) if key is None else np.argsort(key, kind="stable")
    columns = {
        name: Column(
            np.concatenate([piece.columns[name].values for piece in pieces])[order],
            np.concatenate([piece.columns[name].valid for piece in pieces])[order],
        )
        for name in pieces[0].columns
    }
    device, time_us = device[order], time_us[order]
    flagged = {}
    for name in {name for piece in pieces for name in piece.flagged}:
        marked = [piece.flagged[name] for piece in pieces if name in piece.flagged]
        who, when = np.concatenate([one[0] for one in marked]), np.concatenate([one[1] for one in marked])
        flagged[name] = np.flatnonzero(_among(device, time_us, who, when))
    return Stretch(device_type=device_type, device=device, time_us=time_us, columns=columns, flagged=flagged)


def _among(device: Ints, time_us: Ints, who: Ints, when: Ints) -> Bools:
    """Return which rows are among these."""
    both = np.zeros(len(device), dtype=np.bool_)
    wanted = set(zip(who.tolist(), when.tolist(), strict=True))
    maybe = np.flatnonzero(np.isin(time_us, when) & np.isin(device, who))
    rows = zip(maybe.tolist(), device[maybe].tolist(), time_us[maybe].tolist(), strict=True)
    both[[row for row, key, at in rows if (key, at) in wanted]] = True
    return both


def _taken(piece: Narrow, at: Ints) -> Narrow:
    columns = {name: Column(column.values[at], column.valid[at]) for name, column in piece.columns.items()}
    return Narrow(piece.device[at], piece.time_us[at], columns, piece.flagged)


def _slices(start_us: int, end_us: int) -> list[tuple[int, int]]:
    """Return the period in pieces, by days of UTC, so that few parts of the table are in two of them."""
    step = _SLICE // timedelta(microseconds=1)
    borders = [start_us, *range((start_us // step + 1) * step, end_us, step), end_us]
    return [(low, high) for low, high in pairwise(borders) if low < high]


def _stretches(starts_us: Sequence[int], every_us: int) -> list[tuple[int, int]]:
    """Return the first and last beginnings of windows that follow one another."""
    found: list[tuple[int, int]] = []
    for start in sorted(set(starts_us)):
        if found and found[-1][1] + every_us == start:
            found[-1] = (found[-1][0], start)
        else:
            found.append((start, start))
    return found


def _measuring(wanted: Windows) -> SQL:
    """Return the query for windows that follow one another."""
    group = SQL("'all'") if wanted.group is None else _GROUPS[wanted.group]
    number = SQL("floor((extract(epoch from r.time) * 1000000 - %(first)s) / %(every)s)::bigint")
    name = wanted.field or "" if wanted.where is None else wanted.where[0]
    plausible = SQL(
        "(r.flags is null or not exists (select from unnest(r.flags) as f where split_part(f, ':', 1) = {}))"
    ).format(Literal(name))
    source = SQL(
        "from {} as r join penfeld.device as d on d.key = r.device"
        " where r.device = any(%(devices)s) and r.time >= %(start)s and r.time < %(end)s and {}"
    ).format(table(wanted.device_type), SQL("true") if wanted.flagged else plausible)
    if wanted.where is None:
        field = Identifier("r", name)
        query = SQL("select {}, {}, {}({}) {} and {} is not null group by 1, 2").format(
            group, number, _MEASURES[wanted.measure], field, source, field
        )
        return SQL(query.as_string())
    _, how, limit = wanted.where
    field = Identifier("r", name)
    fits = {"above": SQL("value > {}"), "below": SQL("value < {}"), "in": SQL("value = any({})")}[how].format(
        Literal(list(limit) if isinstance(limit, list | tuple) else limit)
    )
    count = SQL("count(*) filter (where {})").format(fits)
    if wanted.measure == "share":
        count = SQL("100.0 * {} / count(*)").format(count)
    query = SQL(
        "select name, number, {} from (select distinct on (1, 2, r.device) {} as name, {} as number, {} as value"
        " {} and {} is not null order by 1, 2, r.device, r.time desc) as newest group by 1, 2"
    ).format(count, group, number, field, source, field)
    return SQL(query.as_string())


__all__ = ["AlertStore", "alarms_by_id", "rules_of"]
