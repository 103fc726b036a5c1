"""Writes a batch in one transaction: raw frames, readings, latest values, quarantine and ledger, or nothing of it.

Rules:

1. A frame is a duplicate when its key is stored already at the same event time, or within an hour if it has a counter.
   Writers of the same devices wait for each other, so two of them never make two rows of one frame; unique
   constraints stand behind that, and a transaction that meets one is done again.
2. Readings go straight into their table by COPY. Those that may meet a row of the same device and time (not newer than
   all that is stored of the device, or twice in the batch) are merged: they fill what that row left empty.
3. Values that the database refuses are found by halving the batch; the caller learns which frames they are.
4. Whatever happens, the ledger balances: the database itself checks it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from psycopg.sql import SQL, Composable, Composed, Identifier

from model.batch import Batch, Replay, Replayed, Written
from model.errors import ConfigError, UnavailableError, WriteRejectedError
from model.readings import Bools, Column, Readings
from storage import latest, rows
from storage.arrays import Bytes, Flags, Int4s, Times
from storage.connection import CollisionError, Connection, Database, RefusedError
from storage.connection import rows as fetch
from storage.migrate import POSTGRESQL
from storage.partitions import UPLINK, Partitions
from storage.quarantine import Taking, set_aside
from storage.rows import FIELD_TYPES, READING_COLUMNS, UPLINK_COLUMNS, Frames
from storage.statements import statement
from storage.tables import engine, kinds, table

LOCKS = 64
"""Over how many locks devices are spread."""
_ATTEMPTS = 5


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
            kept = await _new_frames(connection, frames)
            if taking is not None:
                kept = await taking.claim(connection, kept)
            stored = np.flatnonzero(kept)
            await self._store(connection, batch, frames, kept, careful=careful)
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
        for version in {(frame.device_type, frame.decoded_with) for frame in batch.frames} | {
            (readings.device_type, readings.version) for readings in batch.readings
        }:
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

    async def _store(self, connection: Connection, batch: Batch, frames: Frames, kept: Bools, *, careful: bool) -> None:
        positions = np.flatnonzero(kept)
        if not len(positions):
            return
        await _copy(
            connection,
            SQL("penfeld.uplink"),
            UPLINK_COLUMNS,
            rows.uplink_rows(batch, frames, positions, self._codecs),
        )
        written = []
        for readings in batch.readings:
            some = self._fitting(rows.select(readings, np.flatnonzero(kept[readings.frame])))
            await self._store_readings(connection, some, frames, careful=careful)
            written.append(some)
        await connection.execute(statement("merge_latest"), latest.parameters(frames, positions, written))

    async def _store_readings(
        self, connection: Connection, readings: Readings, frames: Frames, *, careful: bool
    ) -> None:
        if not len(readings):
            return
        device = frames.device[readings.frame]
        rank = rows.ranks(device, readings.time_us)
        late = np.ones(len(readings), dtype=np.bool_) if careful else rank > 0
        if not careful:
            found = await fetch(connection, statement("late_rows"), (Int4s(device), Times(readings.time_us)))
            late[[position - 1 for (position,) in found]] = True
        codec = self._codecs[readings.device_type, readings.version]
        target, columns = table(readings.device_type), self._columns(readings)
        straight = readings if not late.any() else rows.select(readings, np.flatnonzero(~late))
        if len(straight):
            names = self._columns(straight)
            await _copy(connection, target, names, rows.reading_rows(straight, frames, codec))
        if late.any():
            some = rows.select(readings, np.flatnonzero(late))
            columns = self._columns(some)
            await _merge(connection, target, columns, rows.reading_rows(some, frames, codec), rank[late].tolist())

    def _columns(self, readings: Readings) -> dict[str, str]:
        """Return the columns that these readings fill, with the type that each is sent as."""
        table_kinds = self._kinds[readings.device_type]
        return {**READING_COLUMNS, **{name: FIELD_TYPES[table_kinds[name]][0] for name in readings.columns}}

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
        sources = [frame.source for frame in batch.frames]
        counted = Counter(zip(hours, sources, ["stored" if new else "duplicate" for new in kept.tolist()], strict=True))
        counted.update(
            (rows.microseconds(aside.received_at) // rows.HOUR_US, aside.source, "quarantined")
            for aside in batch.set_aside
        )
        for hour, source in sorted({line[:2] for line in counted}):
            counts = [counted[hour, source, state] for state in ("stored", "duplicate", "quarantined")]
            line = (rows.moment(hour * rows.HOUR_US), source, self._worker, sum(counts), *counts)
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


async def _new_frames(connection: Connection, frames: Frames) -> Bools:
    """Return which frames are no duplicates, after waiting for other writers of their devices."""
    kept = np.ones(len(frames.keys), dtype=np.bool_)
    if not frames.keys:
        return kept
    await connection.execute(statement("plan_for_writing"))
    await connection.execute(statement("lock_devices"), (Int4s(np.unique(frames.device % LOCKS)),))
    there: set[int] = set()
    for positions in rows.days(frames.time_us):
        times = frames.time_us[positions]
        parameters = {
            "devices": Int4s(frames.device[positions]),
            "keys": Bytes([frames.keys[position] for position in positions.tolist()]),
            "times": Times(times),
            "counters": Flags(frames.counter[positions]),
            "start": rows.moment(int(times.min())),
            "end": rows.moment(int(times.max())),
        }
        found = await fetch(connection, statement("duplicates"), parameters)
        there.update(positions[[number - 1 for (number,) in found]].tolist())
    there |= frames.repeated(there)
    kept[list(there)] = False
    return kept


async def _copy(
    connection: Connection, target: Composable, columns: Mapping[str, str], values: Iterable[tuple[Any, ...]]
) -> None:
    """Send rows by binary COPY. ``columns``: name -> the type that values are sent as."""
    names = SQL(", ").join(map(Identifier, columns))
    command = SQL("copy {} ({}) from stdin (format binary)").format(target, names)
    async with connection.cursor() as cursor, cursor.copy(command) as copy:
        copy.set_types(list(columns.values()))
        for row in values:
            await copy.write_row(row)


async def _merge(
    connection: Connection,
    target: Composable,
    columns: Mapping[str, str],
    values: Iterable[tuple[Any, ...]],
    ranks: Sequence[int],
) -> None:
    """Insert rows; where a row of the same device and time is there already, fill what it left empty.

    ``ranks``: rows of one device and time are merged one after the other, in this order.
    """
    staging = SQL("staging")
    await connection.execute(
        SQL("create temporary table staging on commit drop as select 0 as rank, {} from {} with no data").format(
            SQL(", ").join(map(Identifier, columns)), target
        )
    )
    ranked = ((rank, *row) for rank, row in zip(ranks, values, strict=True))
    await _copy(connection, staging, {"rank": "int4", **columns}, ranked)
    fields = [Identifier(name) for name in columns if name not in READING_COLUMNS]
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
    ).format(
        target,
        names := SQL(", ").join(map(Identifier, columns)),
        names,
        SQL(", ").join(changes),
        news if fields else SQL("false"),
    )
    for rank in sorted(set(ranks)):
        await connection.execute(insert, (rank,))
    await connection.execute(SQL("drop table staging"))
