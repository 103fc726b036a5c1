"""What was set aside, for those who bring it back: the ``Quarantine`` of ``model.ports``.

Marks are set in small steps, so that a large request never holds up the writers. The lines themselves leave by the
writer's own transaction (``storage.quarantine.Taking``).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from model.batch import Replay, Replayed
from model.views import Amount, QuarantinedFrame, QuarantineFilter
from storage.connection import Database
from storage.quarantine import filtered, frame_of, parameters_of
from storage.statements import statement
from storage.writer import Writer

_STEP = 10_000
"""So many lines are marked in one transaction."""
_BYTES = 8_000_000
"""Messages read at once have about so many bytes at most."""


class Quarantine:
    """Quarantine in the database. ``writer`` stores what is taken out of it."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    async def lines(self, wanted: QuarantineFilter, *, limit: int = 500, after: int = 0) -> Sequence[QuarantinedFrame]:
        """Return lines in order of their ids, which is that of arrival, behind the line ``after``.

        Fewer than ``limit`` where their messages are large.
        """
        parameters = {**parameters_of(wanted), "after": after, "limit": limit, "bytes": _BYTES}
        found = await self._database.fetch(filtered(statement("quarantine_lines")), parameters)
        return [frame_of(row) for row in found]

    async def count(self, wanted: QuarantineFilter) -> Amount:
        """Return how much is meant."""
        [(lines, frames)] = await self._database.fetch(filtered(statement("quarantine_count")), parameters_of(wanted))
        return Amount(lines=lines, frames=frames)

    async def request(self, wanted: QuarantineFilter) -> Amount:
        """Mark lines for replay, and return how many that are; marking again changes nothing."""
        parameters = parameters_of(wanted)
        [(at,)] = await self._database.fetch(statement("now"))
        changed = _STEP
        while changed == _STEP:
            async with self._database.transaction() as connection:
                await connection.execute(statement("lock_quarantine"))
                cursor = await connection.execute(
                    filtered(statement("request_replay")), {**parameters, "at": at, "limit": _STEP}
                )
                changed = cursor.rowcount
        return await self.count(replace(wanted, requested=True))

    async def request_types(self, device_types: Sequence[str]) -> Amount:
        """Mark the lines whose device type was unknown and is one of these."""
        async with self._database.transaction() as connection:
            await connection.execute(statement("lock_quarantine"))
            cursor = await connection.execute(statement("request_types"), {"types": list(device_types)})
            [(lines, frames)] = await cursor.fetchall()
        return Amount(lines=lines, frames=frames)

    async def waiting(self, devices: Sequence[str]) -> Amount:
        """Return how much of these devices' frames is marked for replay."""
        [(lines, frames)] = await self._database.fetch(statement("marked_of_devices"), (list(devices),))
        return Amount(lines=lines, frames=frames)

    async def replay(self, replay: Replay, at: datetime) -> Replayed:
        """Take lines out of quarantine, with the frames that they became and a line of the ledger at this hour.

        Raise as ``Writer.write`` does; nothing is changed then.
        """
        return await self._writer.replay(replay, at)
