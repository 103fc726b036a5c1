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

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from model.batch import Frame
from model.device import DeviceType
from model.errors import ConfigError, ConflictError, NotFoundError, UnavailableError
from model.history import Changes, Counts, Extent, Part, Place, Reach, Rows, Run, RunState, Said, Scope, Seen
from model.instants import microseconds, moment
from model.ports import HistoryStep, Result
from model.readings import Ints
from model.uplink import Uplink
from storage import latest, packing
from storage.arrays import Bytes, Int4s, Times
from storage.cells import HEAD, TAIL
from storage.connection import CollisionError, Connection, Database
from storage.connection import rows as fetch
from storage.migrate import POSTGRESQL
from storage.partitions import UPLINK, Partitions
from storage.rows import HOUR_US, months
from storage.statements import statement
from storage.tables import COLUMN_TYPES, FIXED, engine, kinds, table
from storage.writer import LOCKS

_ATTEMPTS = 20
_MOST_LATE = timedelta(days=31)
_NEVER_US = np.iinfo(np.int64).min


class History:
    """History in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._partitions = Partitions(database)
        self._engine: str | None = None

    async def extent(self, scope: Scope) -> Extent:
        """Return what a scope holds; raise ``NotFoundError`` for a device that there is not."""
        [(until,)] = await self._database.fetch(statement("history_now"))
        codecs = dict(await self._database.fetch(statement("history_codecs"), (scope.device_type,)))
        device = None if scope.device is None else await self._key(scope.device)
        parameters = {"codecs": list(codecs), "device": device, "until": until, **_times(scope)}
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
        work: Callable[[HistoryStep], Awaitable[Result]],
        *,
        until: datetime,
        run: Run | None = None,
    ) -> Result:
        """Return what ``work`` returns; it is done again, from its beginning, when somebody else was faster."""
        codecs = dict(await self._database.fetch(statement("history_codecs"), (device_type.name,)))
        columns = (await kinds(self._database)).get(device_type.name, {})
        if self._engine is None:
            self._engine = await engine(self._database)
        partitions = self._partitions if self._engine == POSTGRESQL else None
        for _ in range(_ATTEMPTS):
            try:
                async with self._database.transaction() as connection:
                    await connection.execute(statement("history_snapshot"))
                    await connection.execute(statement("history_plan"))
                    step = _Step(connection, device_type, scope, part, codecs, columns, until, run, partitions)
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
            finally:
                if not connection.closed:
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
        parameters = {"device": device, "most": _MOST_LATE, **_times(scope)}
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


class _Step:
    """One look, in one transaction."""

    def __init__(
        self,
        connection: Connection,
        device_type: DeviceType,
        scope: Scope,
        part: Part,
        codecs: Mapping[int, str],
        columns: Mapping[str, str],
        until: datetime,
        run: Run | None,
        partitions: Partitions | None,
    ) -> None:
        self._connection = connection
        self._type = device_type
        self._scope = scope
        self._part = part
        self._codecs = codecs
        self._columns = columns
        self._until = until
        self._run = run
        self._partitions = partitions
        self._ids: dict[int, str] = {}
        self.stale: dict[str, list[int]] = {}

    async def frames(self) -> Seen:
        """Return the part's raw frames in order of device, event time and key."""
        after = "-infinity" if self._part.after_us is None else moment(self._part.after_us).isoformat()
        frames = await self._frames(self._part.limit, after=after, **_times(self._scope))
        moved: set[tuple[int, int, bytes]] = set()
        if self._run is not None and self._run.counts.moved:
            query = statement("history_moved_here")
            there = await fetch(self._connection, query, (list(self._part.devices), self._run.number))
            moved = {(device, microseconds(time), key) for device, time, key in there}
        until_us = microseconds(self._until)
        mine = [one.received_us < until_us and (one.device, one.time_us, one.key) not in moved for one in frames]
        return Seen(frames, np.array(mine, dtype=np.bool_))

    async def neighbours(self, start_us: int, end_us: int) -> Sequence[Frame]:
        """Return other raw frames of the part's devices with start <= event time < end."""
        times = {"start": moment(start_us).isoformat(), "end": moment(end_us).isoformat()}
        return await self._frames(None, after="-infinity", **times)

    async def rows(self, start_us: int, end_us: int) -> Rows:
        """Return the readings of the part's devices with start <= time < end."""
        self._check_kinds()
        if not self._columns:
            return packing.unpacked(self._type, {}, (None,) * 6)
        query = SQL(
            "select {} from {} where device = any(%(devices)s)"
            " and time >= %(start)s::timestamptz and time < %(end)s::timestamptz"
        ).format(packing.packed(self._columns), table(self._type.name))
        parameters = {
            "devices": list(self._part.devices),
            "start": moment(start_us).isoformat(),
            "end": moment(end_us).isoformat(),
        }
        [answer] = await fetch(self._connection, query, parameters)
        return packing.unpacked(self._type, self._columns, answer)

    def _check_kinds(self) -> None:
        problems = [
            f"{self._type.name}: field {field.name} is {field.kind} in the device file, but its column holds"
            f" {self._columns[field.name]}: give the field a new name; the old column keeps the history"
            for field in self._type.fields
            if self._columns.get(field.name, COLUMN_TYPES[field.kind]) != COLUMN_TYPES[field.kind]
        ]
        if problems:
            raise ConfigError(problems)

    async def change(self, changes: Changes, place: Place, counts: Counts) -> None:
        """Write the changes, with the run's new place and sums."""
        run = self._run
        if run is None:
            raise RuntimeError("a look without a run changes nothing")
        if missing := [name for name in changes.rows.columns if name not in self._columns]:
            raise ConfigError([f"readings.{self._type.name} has no column {missing[0]}: run `penfeld db migrate`"])
        await self._make_parts(changes)
        await self._take_away(*changes.removed, run.number)
        await self._put(changes.rows)
        await self._move(changes, run.number)
        touched = np.concatenate((changes.rows.time_us, changes.removed[1]))
        if len(touched):
            hours = Times(np.unique(touched // HOUR_US) * HOUR_US)
            await self._connection.execute(statement("history_hours"), (self._type.name, hours))
            await self._find_stale(changes)
        old = run.place
        progress = {
            "run": run.number,
            "device": place.device,
            "time": place.time,
            "key": place.key,
            "old_device": old and old.device,
            "old_time": old and old.time,
            "old_key": old and old.key,
            "counts": Jsonb(asdict(counts)),
            "stale": Jsonb(self.stale),
        }
        if (await self._connection.execute(statement("history_progress"), progress)).rowcount != 1:
            raise ConflictError(f"run {run.number} was changed by another process: `penfeld redecode --list` shows it")

    async def _frames(self, limit: int | None, **times: str) -> list[Frame]:
        parameters = {
            "devices": list(self._part.devices),
            "codecs": list(self._codecs),
            "limit": limit or 2**62,
            **times,
        }
        found = await fetch(self._connection, statement("history_frames"), parameters)
        await self._learn_ids({row[0] for row in found})
        found.sort(key=lambda row: row[:3])
        return [self._frame(row) for row in found]

    async def _learn_ids(self, devices: Iterable[int]) -> None:
        wanted = [device for device in devices if device not in self._ids]
        if wanted:
            query = SQL("select key, id from penfeld.device where key = any(%s)")
            self._ids.update(await fetch(self._connection, query, (wanted,)))

    def _frame(self, row: Sequence[Any]) -> Frame:
        device, time, key, received_at, network_time, source, network, session, f_cnt, f_port, codec = row[:11]
        simulated, payload, values = row[11:14]
        return Frame(
            uplink=Uplink(
                network=network,
                device=self._ids.get(device, ""),
                time=network_time,
                payload=payload,
                values=values,
                f_port=f_port,
                f_cnt=f_cnt,
                session=session,
            ),
            key=key,
            source=source,
            device=device,
            device_type=self._type.name,
            time_us=microseconds(time),
            received_us=microseconds(received_at),
            network_us=None if network_time is None else microseconds(network_time),
            simulated=simulated,
            decoded_with=self._codecs[codec],
        )

    async def _make_parts(self, changes: Changes) -> None:
        if self._partitions is None:
            return
        wanted = {(self._type.name, month) for month in months(changes.rows.time_us)}
        moved = np.array([one.new_time_us for one in changes.moved], dtype=np.int64)
        await self._partitions.ensure(wanted | {(UPLINK, month) for month in months(moved)})

    async def _take_away(self, devices: Ints, times: Ints, run: int) -> None:
        """Delete readings, and keep what they said."""
        if not len(devices):
            return
        # The bounds leave out other chunks, and other devices' parts of compressed ones.
        query = SQL(
            "with taken as (delete from {} as r using unnest(%(devices)s, %(times)s) as p (device, time)"
            " where r.device = p.device and r.time = p.time"
            " and r.device = any(%(some)s) and r.time between %(start)s and %(end)s"
            " returning r.device, r.time, r.codec, r.simulated, (select to_jsonb(x) from (select {}) as x) as said) {}"
        ).format(
            table(self._type.name),
            SQL(", ").join(Identifier("r", name) for name in ("received_at", "flags", *self._columns)),
            statement("history_supersede"),
        )
        parameters = {
            "devices": Int4s(devices),
            "times": Times(times),
            "some": np.unique(devices).tolist(),
            "start": moment(int(times.min())),
            "end": moment(int(times.max())),
            "type": self._type.name,
            "run": run,
        }
        if (await self._connection.execute(query, parameters)).rowcount != len(devices):
            raise CollisionError("a reading is not there any more")

    async def _put(self, rows: Rows) -> None:
        """Write readings, with the version that said them."""
        if not len(rows):
            return
        names = {"type": self._type.name, "version": self._type.version}
        [(codec,)] = await fetch(self._connection, statement("codec_key"), names)
        columns, data = packing.copied(rows, codec)
        command = SQL("copy {} ({}) from stdin (format binary)").format(
            table(self._type.name), SQL(", ").join(map(Identifier, columns))
        )
        async with self._connection.cursor() as cursor, cursor.copy(command) as copy:
            await copy.write(HEAD + data + TAIL)

    async def _move(self, changes: Changes, run: int) -> None:
        """Give raw frames their new event times."""
        if not changes.moved:
            return
        parameters = _moves(changes.moved)
        done = set(await fetch(self._connection, statement("history_move"), parameters))
        moved = [one for one in changes.moved if (one.device, moment(one.new_time_us), one.new_key) in done]
        if not moved:
            return
        parameters = {**_moves(moved), "run": run}
        await self._connection.execute(statement("history_leave"), parameters)
        await self._connection.execute(statement("history_remember_moved"), parameters)
        heard = parameters["devices"], parameters["new_times"]
        await self._connection.execute(statement("history_heard_moved"), heard)

    async def _find_stale(self, changes: Changes) -> None:
        """Learn whose newest values were among what changed, or are older than it."""
        rows = changes.rows
        device = np.concatenate((rows.device, changes.removed[0]))
        time_us = np.concatenate((rows.time_us, changes.removed[1]))
        devices = np.unique(device)
        at, row_at = np.searchsorted(devices, device), np.searchsorted(devices, rows.device)
        heard = await fetch(self._connection, statement("history_heard"), (devices.tolist(),))
        self._stale("", devices, at[time_us >= _newest(devices, heard)[at]])
        names = [name for name in rows.columns if name in self._columns]
        query = SQL("select device, {} from {} where device = any(%s)").format(
            SQL(", ").join(Identifier(name + latest.TIME) for name in names), latest.table(self._type.name)
        )
        found = await fetch(self._connection, query, (devices.tolist(),)) if names else []
        for number, name in enumerate(names, 1):
            newest = _newest(devices, [(row[0], row[number]) for row in found if row[number] is not None])
            newer = rows.columns[name].valid & (rows.time_us > newest[row_at])
            self._stale(name, devices, np.concatenate((at[time_us == newest[at]], row_at[newer])))

    def _stale(self, field: str, devices: Ints, at: Ints) -> None:
        if len(at):
            self.stale[field] = devices[np.unique(at)].tolist()


def _moves(moved: Sequence[Any]) -> dict[str, Any]:
    times = np.array([one.time_us for one in moved], dtype=np.int64)
    return {
        "devices": Int4s(np.array([one.device for one in moved], dtype=np.int64)),
        "times": Times(times),
        "keys": Bytes([one.key for one in moved]),
        "new_times": Times(np.array([one.new_time_us for one in moved], dtype=np.int64)),
        "new_keys": Bytes([one.new_key for one in moved]),
        "start": moment(int(times.min())),
        "end": moment(int(times.max())),
    }


def _newest(devices: Ints, found: Sequence[tuple[Any, ...]]) -> Ints:
    """Return a time for each device, the earliest possible where none was found."""
    times = np.full(len(devices), _NEVER_US)
    for device, time in found:
        times[np.searchsorted(devices, device)] = microseconds(time)
    return times


def _times(scope: Scope) -> dict[str, str]:
    return {
        "start": "-infinity" if scope.start is None else scope.start.isoformat(),
        "end": "infinity" if scope.end is None else scope.end.isoformat(),
    }


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
