"""Writes a batch in one transaction: raw frames, readings, latest values, facts of devices, quarantine and ledger.

Rules:

1. A frame is a duplicate when its key is stored already at the same event time, or within an hour if it has a counter.
   Only frames that are not surely new (``storage.heard``) are looked up. Writers of the same devices wait for each
   other, so two of them never make two rows of one frame; unique constraints stand behind that, and a transaction that
   meets one is done again.
2. Readings go straight into their table by COPY. Those that meet a row of the same device and time are merged: they
   fill what that row left empty. Only rows that are not newer than all that is stored of their device are looked up.
3. Values that the database refuses are found by halving the batch; the caller learns which frames they are.
4. Whatever happens, the ledger balances: the database itself checks it.
5. What rules are evaluated on is told in the same transaction (``storage.news``).
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from model.batch import Batch, Replay, Replayed, Written
from model.errors import ConfigError, UnavailableError, WriteRejectedError
from model.instants import microseconds, moment
from model.readings import Bools
from storage import heard, news, rows, state
from storage.connection import CollisionError, Connection, Database, RefusedError
from storage.heard import Known
from storage.intake import Intake, copy, finish
from storage.laying import Laid, intakes_of, lay_out, uplinks_of
from storage.migrate import POSTGRESQL
from storage.partitions import UPLINK, Partitions
from storage.quarantine import Taking, set_aside
from storage.registry import identified
from storage.rows import UPLINK_COLUMNS, Frames
from storage.statements import statement
from storage.tables import engine, kinds

_ATTEMPTS = 5
_UPLINK = ("penfeld", "uplink")


class Writer:
    """The ``FrameSink`` on PostgreSQL. ``worker`` names this writer's lines of the ledger; ``bound``: of its news."""

    def __init__(self, database: Database, worker: str, bound: news.Bound | None = None) -> None:
        self._database = database
        self._worker = worker
        self._partitions = Partitions(database)
        self._engine: str | None = None
        self._codecs: dict[tuple[str, str], int] = {}
        self._kinds: Mapping[str, Mapping[str, str]] = {}
        self._teller = news.Teller(database, bound)

    async def ready(self, batch: Batch) -> Batch:
        """Return the batch with all that can be made of it before it is written; raise ``UnavailableError``.

        It may be called while another batch is written. What is wrong with the batch, ``write`` says.
        """
        try:
            return await self._lay_out(batch, Frames(batch.frames))
        except (RefusedError, CollisionError, ConfigError):
            return batch

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
        laid = batch if isinstance(batch, Laid) and not batch.used else None
        frames = laid.in_columns if laid else Frames(batch.frames)
        if rejected := rows.misplaced(batch, frames):
            raise WriteRejectedError(rejected)
        careful = False
        for _ in range(_ATTEMPTS):
            try:
                try:
                    laid = laid or await self._lay_out(batch, frames)
                    return await self._write(laid, taking, careful=careful)
                except RefusedError as error:
                    raise WriteRejectedError(await self._rejected(batch, str(error))) from error
            except CollisionError:  # also while the refused frames are looked for
                careful, laid = True, None
                self._partitions.forget()
        raise UnavailableError(f"database {self._database.address}: other writers were faster {_ATTEMPTS} times")

    async def _lay_out(self, batch: Batch, frames: Frames) -> Laid:
        """Make a batch ready, with what must be known of versions and columns."""
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
        facts = None
        if batch.told:
            known = await identified(self._database, {told.device for told in batch.told})
            facts = await state.lay_out(batch.told, known)
        return await lay_out(batch, frames, self._codecs, self._kinds, facts)

    async def _write(
        self, laid: Laid, taking: Taking | None, *, careful: bool, keep: bool = True
    ) -> tuple[Written, Replayed]:
        laid.used = True
        await self._make_parts(laid)
        await self._teller.keep_bound(asyncio.get_running_loop().time())
        frames, replayed = laid.in_columns, Replayed()
        async with self._database.transaction(keep=keep) as connection:
            others = None if laid.facts is None else laid.facts.devices
            known = await heard.look(
                connection, frames, laid.readings, laid.hearing, others=others, careful=careful, ahead=taking is None
            )
            if taking is not None:
                known = replace(known, kept=await taking.claim(connection, known.kept))
            kept = known.kept
            intakes = await self._store(connection, laid, known) if kept.any() else ()
            if laid.facts is not None:
                await state.write(connection, laid.facts, frames, kept)
            if taking is None:
                await set_aside(connection, laid.set_aside)
                await self._count(connection, laid, kept)
            else:
                replayed = await taking.settle(connection, kept)
            if kept.any():
                rows_told = [(intake.readings, intake.device) for intake in intakes]
                await self._teller.tell(connection, rows_told, frames, kept)
        stored = tuple(np.flatnonzero(kept).tolist())
        written = Written(
            stored=stored,
            duplicates=len(laid.frames) - len(stored),
            quarantined=len(laid.set_aside),
        )
        return written, replayed

    async def _make_parts(self, laid: Laid) -> None:
        """Have parts of tables before the transaction begins."""
        if self._engine == POSTGRESQL:
            wanted = {(UPLINK, month) for month in rows.months(laid.in_columns.time_us)}
            for readings in laid.readings:
                wanted |= {(readings.device_type, month) for month in rows.months(readings.time_us)}
            await self._partitions.ensure(wanted)

    async def _store(self, connection: Connection, laid: Laid, known: Known) -> Sequence[Intake]:
        """Write the kept frames and their readings; return the latter."""
        frames = laid.in_columns
        intakes = intakes_of(laid, known.kept, self._codecs, self._kinds)
        await copy(connection, _UPLINK, UPLINK_COLUMNS, uplinks_of(laid, known.kept, self._codecs))
        for intake in intakes:
            await intake.meet(connection, known)
            for _ in intake.make(frames, known.going_on):
                await asyncio.sleep(0)
            await intake.write(connection)
        await finish(connection, intakes)
        await heard.remember(connection, frames, laid.readings, known)
        for intake in intakes:
            await intake.say_flags(connection)
        return intakes

    async def _count(self, connection: Connection, laid: Laid, kept: Bools) -> None:
        """Write the ledger's lines: a frame counts in the hour and source that brought it."""
        frames = laid.in_columns
        counted: Counter[tuple[int, str, bool | None]] = Counter()
        hours = frames.received_us // rows.HOUR_US
        for place, source in enumerate(frames.source.values):
            for new in (True, False):
                some = hours[(frames.source.places == place) & (kept == new)]
                for hour, count in zip(*np.unique(some, return_counts=True), strict=True):
                    counted[int(hour), source, new] = int(count)
        counted.update(
            (microseconds(aside.received_at) // rows.HOUR_US, aside.source, None) for aside in laid.set_aside
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
            await self._write(await self._lay_out(some, Frames(some.frames)), None, careful=True, keep=False)
        except RefusedError as error:
            if len(positions) == 1:
                return {positions[0]: str(error)}
            half = len(positions) // 2
            return await self._refused(batch, positions[:half]) | await self._refused(batch, positions[half:])
        return {}
