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

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import numpy as np

from model.batch import Batch, Replay, Replayed, Written
from model.errors import ConfigError, UnavailableError, WriteRejectedError
from model.instants import microseconds, moment
from model.readings import Bools, Column, Ints, Readings
from storage import heard, rows
from storage.arrays import Bytes, Flags, Int4s, Times
from storage.connection import CollisionError, Connection, Database, RefusedError
from storage.connection import rows as fetch
from storage.heard import Sorted
from storage.intake import Intake, Newest, copy
from storage.migrate import POSTGRESQL
from storage.partitions import UPLINK, Partitions
from storage.quarantine import Taking, set_aside
from storage.rows import UPLINK_COLUMNS, Frames
from storage.statements import statement
from storage.tables import engine, kinds

LOCKS = 64
"""Over how many locks devices are spread."""
_ATTEMPTS = 5
_UPLINK = ("penfeld", "uplink")

T = TypeVar("T")
S = TypeVar("S")


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
        frames = Frames(batch.frames)
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
            looking = _look(connection, frames, batch.readings, careful=careful)
            (kept, newest), _ = await _meanwhile(looking, frames.complete())
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
        versions = {(readings.device_type, readings.version) for readings in batch.readings}
        for version in versions.union(frames.codec.values):
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
        """Write the kept frames and their readings. What follows the raw frames is made while these are on the line."""
        order = Sorted.of(frames, kept)
        if not len(order):
            return
        intakes = []
        for readings in batch.readings:
            row = np.lexsort((readings.time_us, frames.device[readings.frame]))
            some = self._fitting(rows.select(readings, row[kept[readings.frame[row]]]))
            if len(some):
                intakes.append(await Intake.of(connection, some, frames, newest))
        uplink_rows = rows.uplink_rows(frames, order.positions, self._codecs)
        copying = copy(connection, _UPLINK, UPLINK_COLUMNS, uplink_rows)
        _, heard_of = await _meanwhile(copying, self._made(intakes, frames, order))
        for intake in intakes:
            await intake.write(connection)
        async with connection.pipeline():
            for command, parameters in [each for intake in intakes for each in intake.commands]:
                await connection.execute(command, parameters)
            await connection.execute(statement("remember"), heard_of)

    async def _made(self, intakes: Sequence[Intake], frames: Frames, order: Sorted) -> Mapping[str, Any]:
        """Make what the intakes send, and return the parameters of ``remember``."""
        for intake in intakes:
            for _ in intake.make(frames, self._codecs[intake.readings.device_type, intake.readings.version]):
                await asyncio.sleep(0)
        return heard.parameters(frames, order, [intake.readings for intake in intakes])

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
        counted: Counter[tuple[int, str, bool | None]] = Counter()
        hours = frames.received_us // rows.HOUR_US
        for place, source in enumerate(frames.source.values):
            for new in (True, False):
                some = hours[(frames.source.places == place) & (kept == new)]
                for hour, count in zip(*np.unique(some, return_counts=True), strict=True):
                    counted[int(hour), source, new] = int(count)
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
            await self._write(some, Frames(some.frames), None, careful=True, keep=False)
        except RefusedError as error:
            if len(positions) == 1:
                return {positions[0]: str(error)}
            half = len(positions) // 2
            return await self._refused(batch, positions[:half]) | await self._refused(batch, positions[half:])
        return {}


async def _meanwhile(waiting: Coroutine[Any, Any, T], making: Coroutine[Any, Any, S]) -> tuple[T, S]:
    """Await something of the database, and make something else while it works.

    Where that cannot be made, the database is still let finish: a connection in the middle of a command is of no use.
    """
    task = asyncio.create_task(waiting)
    try:
        made = await making
    except Exception:
        await asyncio.gather(task, return_exceptions=True)
        raise
    except BaseException:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return await task, made


async def _look(
    connection: Connection, frames: Frames, readings: Sequence[Readings], *, careful: bool
) -> tuple[Bools, Newest]:
    """Return which frames are new, after waiting for other writers of their devices, and what readings may meet."""
    if not len(frames):
        return np.ones(0, dtype=np.bool_), {}
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
