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
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from model.batch import Batch, Replay, Replayed, Written
from model.errors import ConfigError, UnavailableError, WriteRejectedError
from model.instants import microseconds, moment
from model.readings import Bools, Column, Readings
from storage import heard, rows
from storage.connection import CollisionError, Connection, Database, RefusedError
from storage.heard import Known, Sorted
from storage.intake import Intake, copy, finish
from storage.migrate import POSTGRESQL
from storage.partitions import UPLINK, Partitions
from storage.quarantine import Taking, set_aside
from storage.rows import UPLINK_COLUMNS, Frames
from storage.statements import statement
from storage.tables import engine, kinds

LOCKS = heard.LOCKS
_ATTEMPTS = 5
_UPLINK = ("penfeld", "uplink")

T = TypeVar("T")


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
            first: list[bytes] = []
            uplink_rows = self._uplink_rows(frames, np.ones(len(frames), dtype=np.bool_))
            known = await _meanwhile(
                heard.look(connection, frames, batch.readings, careful=careful, ahead=taking is None),
                map(first.append, uplink_rows),
            )
            if taking is not None:
                known = replace(known, kept=await taking.claim(connection, known.kept))
            kept = known.kept
            if not kept.all():
                first, uplink_rows = [], self._uplink_rows(frames, kept)
            if kept.any():
                await self._store(connection, frames, batch, known, chain(first, uplink_rows))
            if taking is None:
                await set_aside(connection, batch.set_aside)
                await self._count(connection, batch, frames, kept)
            else:
                replayed = await taking.settle(connection, kept)
        stored = tuple(np.flatnonzero(kept).tolist())
        written = Written(
            stored=stored,
            duplicates=len(batch.frames) - len(stored),
            quarantined=len(batch.set_aside),
        )
        return written, replayed

    def _uplink_rows(self, frames: Frames, kept: Bools) -> Iterator[bytes]:
        """Yield the rows of the kept frames, part by part."""
        yield from rows.uplink_rows(frames, Sorted.of(frames, kept).positions, self._codecs)

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

    async def _store(
        self, connection: Connection, frames: Frames, batch: Batch, known: Known, uplink_rows: Iterator[bytes]
    ) -> None:
        """Write the kept frames and their readings. What follows the raw frames is made while these are on the line."""
        intakes = []
        for readings, row in heard.chosen(batch.readings, frames, known.kept):
            some = self._fitting(rows.select(readings, row))
            if len(some):
                intakes.append(await Intake.of(connection, some, frames, known))
        making = chain.from_iterable(
            intake.make(frames, self._codecs[intake.readings.device_type, intake.readings.version], known.going_on)
            for intake in intakes
        )
        await _meanwhile(copy(connection, _UPLINK, UPLINK_COLUMNS, uplink_rows), making)
        for _ in making:
            pass
        for intake in intakes:
            await intake.write(connection)
        await finish(connection, intakes)
        await heard.remember(connection, frames, batch.readings, known)
        for intake in intakes:
            await intake.say_flags(connection)

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


async def _meanwhile(waiting: Coroutine[Any, Any, T], making: Iterator[object]) -> T:
    """Await something of the database, and take steps of making something else while it works.

    Where that cannot be made, the database is still let finish: a connection in the middle of a command is of no use.
    """
    task = asyncio.create_task(waiting)
    try:
        await asyncio.sleep(0)
        for _ in making:
            await asyncio.sleep(0)
            if task.done():
                break
    except Exception:
        await asyncio.gather(task, return_exceptions=True)
        raise
    except BaseException:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return await task
