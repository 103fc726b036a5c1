"""Writes a batch in one transaction: raw frames, readings, latest values, quarantine and ledger, or nothing of it.

Rules:

1. A frame is a duplicate when its key is stored already at the same event time, or within an hour if it has a counter.
   Only frames that are not surely new (``storage.heard``) are looked up. Writers of the same devices wait for each
   other, so two of them never make two rows of one frame; unique constraints stand behind that, and a transaction that
   meets one is done again.
2. Readings go straight into their table by COPY. Those that meet a row of the same device and time are merged: they
   fill what that row left empty. Only rows that are not newer than all that is stored of their device are looked up.
3. Values that the database refuses are found by halving the batch; the caller learns which frames they are.
4. Whatever happens, the ledger balances: the database itself checks it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from psycopg.sql import SQL, Composable, Composed, Identifier

from model.batch import Batch, Replay, Replayed, Written
from model.errors import ConfigError, UnavailableError, WriteRejectedError
from model.instants import microseconds, moment
from model.readings import Bools, Column, Ints, Readings
from storage import heard, latest, rows
from storage.arrays import Bytes, Flags, Int4s, Times
from storage.cells import HEAD, TAIL
from storage.connection import CollisionError, Connection, Database, RefusedError
from storage.connection import rows as fetch
from storage.heard import Sorted
from storage.migrate import POSTGRESQL
from storage.partitions import UPLINK, Partitions
from storage.quarantine import Taking, set_aside
from storage.rows import UPLINK_COLUMNS, Frames
from storage.statements import statement
from storage.tables import engine, kinds, table

LOCKS = 64
"""Over how many locks devices are spread."""
_ATTEMPTS = 5
_PART = 2500
"""How many rows go to the database at once."""

Newest = Mapping[int, int] | None
"""Device -> newest time of its readings (µs), of devices whose readings may meet stored ones; ``None``: all may."""


class Writer:
    """The ``FrameSink`` on PostgreSQL. ``worker`` names this writer's lines of the ledger."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker
        self._partitions = Partitions(database)
        self._engine: str | None = None
        self._codecs: dict[tuple[str, str], int] = {}
        self._kinds: Mapping[str, Mapping[str, str]] = {}

    async def write(self, batch: Batch) -> Written:
        """Store the batch with its ledger.

        Raise ``WriteRejectedError`` naming frames that can never be stored, ``UnavailableError`` when the database
        does not answer, ``ConfigError`` when a table or column is missing; nothing is stored then.
        """
        written, _ = await self._in_attempts(batch, None)
        return written

    async def replay(self, replay: Replay, at: datetime) -> Replayed:
        """Take lines out of quarantine together with the frames that they became. Raises as ``write`` does."""
        taking = Taking(replay, at)
        _, replayed = await self._in_attempts(replay.batch, taking)
        return replayed

    async def _in_attempts(self, batch: Batch, taking: Taking | None) -> tuple[Written, Replayed]:
        frames = Frames.of(batch.frames)
        if rejected := rows.misplaced(batch, frames):
            raise WriteRejectedError(rejected)
        careful = False
        for _ in range(_ATTEMPTS):
            try:
                try:
                    return await self._write(batch, frames, taking, careful=careful)
                except RefusedError as error:
                    raise WriteRejectedError(await self._rejected(batch, str(error))) from error
            except CollisionError:  # also while the refused frames are looked for
                careful = True
                self._partitions.forget()
        raise UnavailableError(f"database {self._database.address}: other writers were faster {_ATTEMPTS} times")

    async def _write(
        self, batch: Batch, frames: Frames, taking: Taking | None, *, careful: bool, keep: bool = True
    ) -> tuple[Written, Replayed]:
        await self._make_ready(batch, frames)
        replayed = Replayed()
        async with self._database.transaction(keep=keep) as connection:
            kept, newest = await _look(connection, frames, batch.readings, careful=careful)
            if taking is not None:
                kept = await taking.claim(connection, kept)
            stored = np.flatnonzero(kept)
            await self._store(connection, frames, batch, kept, newest)
            if taking is None:
                await set_aside(connection, batch.set_aside)
                await self._count(connection, batch, frames, kept)
            else:
                replayed = await taking.settle(connection, kept)
        written = Written(
            stored=tuple(stored.tolist()),
            duplicates=len(batch.frames) - len(stored),
            quarantined=len(batch.set_aside),
        )
        return written, replayed

    async def _make_ready(self, batch: Batch, frames: Frames) -> None:
        """Know versions, columns and parts of tables before the transaction begins."""
        if self._engine is None:
            self._engine = await engine(self._database)
        for version in {*frames.codecs, *((readings.device_type, readings.version) for readings in batch.readings)}:
            if version not in self._codecs:
                names = {"type": version[0], "version": version[1]}
                [(key,)] = await self._database.fetch(statement("codec_key"), names)
                self._codecs[version] = key
        if any(readings.columns.keys() - self._kinds.get(readings.device_type, {}) for readings in batch.readings):
            self._kinds = await kinds(self._database)
        if self._engine == POSTGRESQL:
            wanted = {(UPLINK, month) for month in rows.months(frames.time_us)}
            for readings in batch.readings:
                wanted |= {(readings.device_type, month) for month in rows.months(readings.time_us)}
            await self._partitions.ensure(wanted)

    async def _store(self, connection: Connection, frames: Frames, batch: Batch, kept: Bools, newest: Newest) -> None:
        order = Sorted.of(frames, kept)
        if not len(order):
            return
        await _copy_frames(connection, frames, order.positions, self._codecs)
        written = []
        for readings in batch.readings:
            position = np.lexsort((readings.time_us, frames.device[readings.frame]))
            some = self._fitting(rows.select(readings, position[kept[readings.frame[position]]]))
            if len(some):
                await self._store_readings(connection, some, frames, newest)
                await latest.keep(connection, some, frames)
                written.append(some)
        await heard.remember(connection, frames, order, written)

    async def _store_readings(self, connection: Connection, readings: Readings, frames: Frames, newest: Newest) -> None:
        """Write rows that are in order of device and time."""
        device = frames.device[readings.frame]
        rank = rows.ranks(device, readings.time_us)
        meeting = rank > 0
        if newest is None:
            meeting[:] = True
        elif newest:
            late = np.flatnonzero(readings.time_us <= _newest_of(device, newest))
            meeting[await _there(connection, readings.device_type, device, readings.time_us, late)] = True
        codec = self._codecs[readings.device_type, readings.version]
        target = table(readings.device_type)
        straight = readings if not meeting.any() else rows.select(readings, np.flatnonzero(~meeting))
        if len(straight):
            await _copy(connection, target, *rows.reading_rows(straight, frames, codec))
        if meeting.any():
            some = rows.select(readings, np.flatnonzero(meeting))
            await _merge(
                connection, target, some, rows.reading_rows(some, frames, codec, rank[meeting]), int(rank.max())
            )
        hours = np.unique(readings.time_us // rows.HOUR_US) * rows.HOUR_US
        await connection.execute(statement("note_changes"), (readings.device_type, Times(hours)))

    def _fitting(self, readings: Readings) -> Readings:
        """Return the readings with each column of the kind that the table wants."""
        columns: dict[str, Column] = {}
        table_kinds = self._kinds.get(readings.device_type, {})
        for name, column in readings.columns.items():
            kind = table_kinds.get(name)
            if kind is None:
                raise ConfigError(
                    [f"readings.{readings.device_type} has no column {name}: restart, or run `penfeld db migrate`"]
                )
            fitting = rows.fitting(column, kind)
            if fitting is None:
                raise RefusedError(f"{name} holds {kind}, not {column.values.dtype}")
            columns[name] = fitting
        readings.columns = columns
        return readings

    async def _count(self, connection: Connection, batch: Batch, frames: Frames, kept: Bools) -> None:
        """Write the ledger's lines: a frame counts in the hour and source that brought it."""
        hours = (frames.received_us // rows.HOUR_US).tolist()
        counted = Counter(zip(hours, frames.sources, kept.tolist(), strict=True))
        counted.update(
            (microseconds(aside.received_at) // rows.HOUR_US, aside.source, None) for aside in batch.set_aside
        )
        for hour, source in sorted({line[:2] for line in counted}):
            counts = [counted[hour, source, new] for new in (True, False, None)]
            line = (moment(hour * rows.HOUR_US), source, self._worker, sum(counts), *counts)
            await connection.execute(statement("write_ledger"), line)

    async def _rejected(self, batch: Batch, why: str) -> dict[int, str]:
        """Return the frames that the database refuses, each with its reason, by writing parts without keeping them.

        Frames that are refused only together are all named: better in quarantine than nowhere.
        """
        everything = range(len(batch.frames))
        return await self._refused(batch, everything) or dict.fromkeys(everything, why)

    async def _refused(self, batch: Batch, positions: Sequence[int]) -> dict[int, str]:
        some = rows.part(batch, positions)
        try:
            await self._write(some, Frames.of(some.frames), None, careful=True, keep=False)
        except RefusedError as error:
            if len(positions) == 1:
                return {positions[0]: str(error)}
            half = len(positions) // 2
            return await self._refused(batch, positions[:half]) | await self._refused(batch, positions[half:])
        return {}


async def _look(
    connection: Connection, frames: Frames, readings: Sequence[Readings], *, careful: bool
) -> tuple[Bools, Newest]:
    """Return which frames are new, after waiting for other writers of their devices, and what readings may meet."""
    if not len(frames):
        return np.ones(0, dtype=np.bool_), {}
    await connection.execute(statement("plan_for_writing"))
    await connection.execute(statement("lock_devices"), (Int4s(np.unique(frames.device % LOCKS)),))
    if careful:  # look everything up
        return await _new_frames(connection, frames, np.arange(len(frames))), None
    known = await heard.look(connection, frames, readings)
    return await _new_frames(connection, frames, known.suspects), known.newest


async def _new_frames(connection: Connection, frames: Frames, suspects: Ints) -> Bools:
    """Return which frames are no duplicates, given those that may be some of what is stored."""
    kept = np.ones(len(frames), dtype=np.bool_)
    there: set[int] = set()
    if len(suspects):
        await connection.execute(statement("plan_for_looking_up"))
    for part in rows.days(frames.time_us[suspects]):
        positions = suspects[part]
        times = frames.time_us[positions]
        parameters = {
            "devices": Int4s(frames.device[positions]),
            "keys": Bytes([frames.keys[position] for position in positions.tolist()]),
            "times": Times(times),
            "counters": Flags(frames.counter[positions]),
            "start": moment(int(times.min())),
            "end": moment(int(times.max())),
        }
        found = await fetch(connection, statement("duplicates"), parameters)
        there.update(positions[[number - 1 for (number,) in found]].tolist())
    there |= frames.repeated(there)
    kept[list(there)] = False
    return kept


async def _there(connection: Connection, device_type: str, device: Ints, time_us: Ints, positions: Ints) -> Ints:
    """Return which of these positions have a row of their device and time."""
    found: list[Ints] = [np.zeros(0, dtype=np.int64)]
    query = SQL(
        "select p.n from unnest(%(devices)s, %(times)s) with ordinality as p (device, time, n) cross join lateral ("
        "select from {} as r where r.device = p.device and r.time = p.time"
        " and r.time between %(start)s and %(end)s limit 1) as found"
    ).format(table(device_type))
    if len(positions):
        await connection.execute(statement("plan_for_looking_up"))
    for part in rows.days(time_us[positions]):
        some = positions[part]
        times = time_us[some]
        parameters = {
            "devices": Int4s(device[some]),
            "times": Times(times),
            "start": moment(int(times.min())),
            "end": moment(int(times.max())),
        }
        there = await fetch(connection, query, parameters)
        found.append(some[[number - 1 for (number,) in there]])
    return np.concatenate(found)


def _newest_of(device: Ints, newest: Mapping[int, int]) -> Ints:
    """Return, row by row, the newest time stored of its device where that matters, else one before all others."""
    devices = np.array(sorted(newest), dtype=np.int64)
    times = np.array([newest[key] for key in devices.tolist()], dtype=np.int64)
    at = np.minimum(np.searchsorted(devices, device), len(devices) - 1)
    return np.where(devices[at] == device, times[at], -1)


async def _copy_frames(
    connection: Connection, frames: Frames, positions: Ints, codecs: Mapping[tuple[str, str], int]
) -> None:
    """Send raw frames part by part: the database takes one in while the next is made."""
    async with connection.cursor() as cursor, cursor.copy(_copy_command(SQL("penfeld.uplink"), UPLINK_COLUMNS)) as copy:
        await copy.write(HEAD)
        for start in range(0, len(positions), _PART):
            await copy.write(rows.uplink_rows(frames, positions[start : start + _PART], codecs))
        await copy.write(TAIL)


async def _copy(connection: Connection, target: Composable, columns: Sequence[str], data: bytes) -> None:
    """Send rows by binary COPY."""
    async with connection.cursor() as cursor, cursor.copy(_copy_command(target, columns)) as copy:
        await copy.write(HEAD)
        await copy.write(data)
        await copy.write(TAIL)


def _copy_command(target: Composable, columns: Sequence[str]) -> Composed:
    return SQL("copy {} ({}) from stdin (format binary)").format(target, SQL(", ").join(map(Identifier, columns)))


async def _merge(
    connection: Connection,
    target: Composable,
    readings: Readings,
    made: tuple[Sequence[str], bytes],
    highest: int,
) -> None:
    """Insert rows; where a row of the same device and time is there already, fill what it left empty.

    ``made``: the rows, with their ranks; those of one device and time are merged one after the other, in this order.
    """
    columns, data = made
    staging = SQL("staging")
    names = SQL(", ").join(Identifier(name) for name in columns if name != "rank")
    await connection.execute(
        SQL("create temporary table staging on commit drop as select 0 as rank, {} from {} with no data").format(
            names, target
        )
    )
    await _copy(connection, staging, columns, data)
    fields = [Identifier(name) for name in readings.columns]
    changes: list[SQL | Composed] = [SQL("{0} = coalesce(old.{0}, excluded.{0})").format(field) for field in fields]
    changes.append(
        SQL(
            "flags = case when excluded.flags is null then old.flags"
            " else (select array_agg(distinct f order by f) from unnest(old.flags || excluded.flags) as f) end"
        )
    )
    news = SQL(" or ").join([SQL("old.{0} is null and excluded.{0} is not null").format(field) for field in fields])
    insert = SQL(
        "insert into {} as old ({}) select {} from staging where rank = %s"
        " on conflict (device, time) do update set {} where {}"
    ).format(target, names, names, SQL(", ").join(changes), news if fields else SQL("false"))
    for rank in range(highest + 1):
        await connection.execute(insert, (rank,))
    await connection.execute(SQL("drop table staging"))
