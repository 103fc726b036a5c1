"""Raw frames and readings for decoding history again: the ``History`` of ``model.ports``.

Rules:

1. A step is one transaction on one snapshot (repeatable read). It takes no locks on tables and none of the writers':
   where a writer changed the same reading meanwhile, the database says so, and the step is done again.
2. What a step changes, what it replaced (``penfeld.superseded``), the hours that changed and the place it came to are
   committed together: a process that is killed has done a step or has not.
3. Newest values are found again behind the step, in a moment that keeps writers of these devices out; which ones wait
   for that stands in the run, so it is not forgotten either.
4. Fields that the device file has no more stay as they are: their columns are read and written back.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from psycopg.sql import SQL, Identifier

from model.device import DeviceType
from model.errors import ConflictError, NotFoundError, UnavailableError
from model.history import Counts, Extent, Part, Place, Reach, Run, RunState, Said, Scope
from model.ports import Answer, HistoryStep
from storage import latest
from storage.arrays import Int4s
from storage.connection import CollisionError, Database
from storage.connection import rows as fetch
from storage.heard import LOCKS
from storage.history_step import Step, times_of
from storage.migrate import POSTGRESQL
from storage.partitions import Partitions
from storage.statements import statement
from storage.tables import FIXED, engine, kinds, table

_ATTEMPTS = 20
_MOST_LATE = timedelta(days=31)


class History:
    """History in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._partitions = Partitions(database)
        self._engine: str | None = None
        self._settled: set[int] = set()

    async def extent(self, scope: Scope) -> Extent:
        """Return what a scope holds; raise ``NotFoundError`` for a device that there is not."""
        [(until,)] = await self._database.fetch(statement("history_now"))
        codecs = dict(await self._database.fetch(statement("history_codecs"), (scope.device_type,)))
        device = None if scope.device is None else await self._key(scope.device)
        parameters = {"codecs": list(codecs), "device": device, "until": until, **times_of(scope)}
        found = await self._database.fetch(statement("history_extent"), parameters)
        used = sorted({codec for _, _, some in found for codec in some})
        return Extent(
            until=until,
            devices={key: count for key, count, _ in found},
            versions=tuple(codecs[codec] for codec in used),
            lateness=await self._lateness(scope, device) if found else timedelta(0),
        )

    async def step(
        self,
        device_type: DeviceType,
        scope: Scope,
        part: Part,
        work: Callable[[HistoryStep], Awaitable[Answer]],
        *,
        until: datetime,
        run: Run | None = None,
    ) -> Answer:
        """Return what ``work`` returns; it is done again, from its beginning, when somebody else was faster."""
        codecs = dict(await self._database.fetch(statement("history_codecs"), (device_type.name,)))
        columns = (await kinds(self._database)).get(device_type.name, {})
        if self._engine is None:
            self._engine = await engine(self._database)
        if run is not None and run.number not in self._settled:  # another process may have died before it did
            await self._settle(run, columns)
        partitions = self._partitions if self._engine == POSTGRESQL else None
        for _ in range(_ATTEMPTS):
            try:
                async with self._database.transaction() as connection:
                    await connection.execute(statement("history_snapshot"))
                    await connection.execute(statement("history_plan"))
                    step = Step(connection, device_type, scope, part, codecs, columns, until, run, partitions)
                    result = await work(step)
                break
            except CollisionError:
                self._partitions.forget()
        else:
            raise UnavailableError(f"database {self._database.address}: writers were faster {_ATTEMPTS} times")
        if run is not None and step.stale:
            await self._settle(run, columns)
        return result

    async def begin(self, scope: Scope, version: str, extent: Extent, reach: Reach) -> Run:
        """Write down a new run; earlier open ones of the type are given up for it."""
        parameters = {
            **asdict(scope),
            "version": version,
            "versions_before": list(extent.versions),
            "until": extent.until,
            "frames": extent.frames,
            "back": timedelta(microseconds=reach.back_us),
            "ahead": timedelta(microseconds=reach.ahead_us),
        }
        async with self._database.transaction() as connection:
            await connection.execute(statement("history_give_up"), (scope.device_type,))
            [(number,)] = await fetch(connection, statement("history_begin"), parameters)
        return await self.run(number)

    async def finish(self, run: Run) -> Run:
        """Write down that a run came to its end."""
        await self._settle(run, (await kinds(self._database)).get(run.scope.device_type, {}))
        async with self._database.connection() as connection:
            await connection.execute(statement("history_finish"), (run.number,))
        return await self.run(run.number)

    async def run(self, number: int) -> Run:
        """Return one run; raise ``NotFoundError``."""
        found = await self._database.fetch(statement("history_runs"), {"run": number})
        if not found:
            raise NotFoundError(f"there is no run {number}: `penfeld redecode --list` shows all")
        return _run(found[0])

    async def runs(self) -> Sequence[Run]:
        """Return all runs, the latest first."""
        return [_run(row) for row in await self._database.fetch(statement("history_runs"), {"run": None})]

    @asynccontextmanager
    async def working(self, device_type: str) -> AsyncIterator[None]:
        """Keep other processes from changing this type's history; raise ``ConflictError`` if one is at it."""
        async with self._database.connection() as connection:
            [(claimed,)] = await fetch(connection, statement("history_claim"), (device_type,))
            if not claimed:
                raise ConflictError(f"another process decodes {device_type} again just now: wait until it has ended")
            try:
                yield
            except BaseException:  # whatever it is: the lock goes with its connection, which may be broken itself
                await connection.close()
                raise
            await connection.execute(statement("history_release"), (device_type,))

    async def said(self, device: str, start: datetime, end: datetime) -> Sequence[Said]:
        """Return what readings with start <= time < end say and said, in order of time, the present first."""
        key = await self._key(device)
        parameters = {"device": key, "start": start, "end": end}
        found = []
        tables = await kinds(self._database)
        for (name,) in await self._database.fetch(statement("history_types"), {"device": key}):
            if name not in tables:
                continue
            query = SQL(
                "select r.time, c.version, r.simulated, to_jsonb(r) from {} as r join penfeld.codec as c"
                " on c.key = r.codec where r.device = %(device)s and r.time >= %(start)s and r.time < %(end)s"
            ).format(table(name))
            rows = await self._database.fetch(query, parameters)
            found += [_said(device, name, *row) for row in rows]
        found += [
            _said(device, name, time, version, simulated, row, replaced_at, run)
            for name, time, version, simulated, row, replaced_at, run in await self._database.fetch(
                statement("history_said"), parameters
            )
        ]
        return sorted(found, key=lambda one: one.time)  # stable: the present first, then from late to early

    async def known(self, devices: Sequence[str]) -> str:
        """Return the first of these ids that is one; raise ``NotFoundError``."""
        for device in devices:
            if await self._database.fetch(statement("history_device"), (device,)):
                return device
        await self._key(devices[0])
        return devices[0]

    async def _key(self, device: str) -> int:
        found = await self._database.fetch(statement("history_device"), (device,))
        if not found:
            raise NotFoundError(f"there is no device {device!r}: `penfeld devices list` shows those that there are")
        key: int = found[0][0]
        return key

    async def _lateness(self, scope: Scope, device: int | None) -> timedelta:
        """Return how long after its time the latest reading arrived."""
        if scope.device_type not in await kinds(self._database):
            return timedelta(0)
        query = SQL(
            "select max(received_at - time) from {} where time >= %(start)s::timestamptz - %(most)s"
            " and time < %(end)s::timestamptz and (%(device)s::integer is null or device = %(device)s)"
        ).format(table(scope.device_type))
        parameters = {"device": device, "most": _MOST_LATE, **times_of(scope)}
        [(late,)] = await self._database.fetch(query, parameters)
        return timedelta(0) if late is None else min(max(late, timedelta(0)), _MOST_LATE)

    async def _settle(self, run: Run, columns: Mapping[str, str]) -> None:
        """Find newest values again where a step changed them. Writers of these devices wait for this moment."""
        name = run.scope.device_type
        async with self._database.transaction() as connection:
            [(stale,)] = await fetch(connection, statement("history_stale"), (run.number,))
            devices = sorted({device for some in stale.values() for device in some})
            if devices:
                await connection.execute(statement("lock_devices"), (Int4s(np.unique(np.array(devices) % LOCKS)),))
                await connection.execute(_ADD_LATEST.format(latest.table(name)), {"devices": devices, "type": name})
                for field, some in stale.items():
                    if not field:
                        await connection.execute(_NEWEST.format(table(name)), {"devices": some, "type": name})
                    elif field in columns:
                        parts = {"latest": latest.table(name), "field": Identifier(field), "readings": table(name)}
                        parts["time"] = Identifier(field + latest.TIME)
                        await connection.execute(_NEWEST_VALUE.format(**parts), {"devices": some})
            await connection.execute(statement("history_settled"), (run.number,))
        self._settled.add(run.number)


_ADD_LATEST = SQL(
    "insert into {} (device) select key from penfeld.device"
    " where key = any(%(devices)s) and (type = %(type)s or type is null) on conflict do nothing"
)
_NEWEST = SQL(
    "update penfeld.heard as h set time = n.time, received_at = n.received_at, flags = n.flags"
    " from penfeld.device as d left join lateral (select r.time, r.received_at, r.flags from {} as r"
    " where r.device = d.key order by r.time desc limit 1) as n on true"
    " where d.key = any(%(devices)s) and (d.type = %(type)s or d.type is null) and h.device = d.key"
)
_NEWEST_VALUE = SQL(
    "update {latest} as l set {field} = n.{field}, {time} = n.time"
    " from unnest(%(devices)s::integer[]) as p (device)"
    " left join lateral (select r.{field}, r.time from {readings} as r"
    " where r.device = p.device and r.{field} is not null order by r.time desc limit 1) as n on true"
    " where l.device = p.device"
)


def _run(row: Sequence[Any]) -> Run:
    device, time, key = row[13:16]
    return Run(
        number=row[0],
        scope=Scope(device_type=row[1], device=row[2], start=row[3], end=row[4], drop_undecodable=row[5]),
        version=row[6],
        versions_before=tuple(row[7]),
        until=row[8],
        frames=row[9],
        reach=Reach(back_us=row[10] // timedelta(microseconds=1), ahead_us=row[11] // timedelta(microseconds=1)),
        counts=Counts(**row[12]),
        place=None if device is None else Place(device=device, time=time, key=key),
        state=RunState(row[16]),
        started_at=row[17],
        changed_at=row[18],
        finished_at=row[19],
        working=row[20],
    )


def _said(
    device: str,
    device_type: str,
    time: datetime,
    version: str,
    simulated: bool,  # noqa: FBT001 -- a column among others
    row: Mapping[str, Any],
    replaced_at: datetime | None = None,
    run: int | None = None,
) -> Said:
    return Said(
        device=device,
        device_type=device_type,
        time=time,
        version=version,
        values={name: value for name, value in row.items() if name not in FIXED and value is not None},
        flags=tuple(row.get("flags") or ()),
        received_at=datetime.fromisoformat(row["received_at"]),
        simulated=simulated,
        replaced_at=replaced_at,
        run=run,
    )
