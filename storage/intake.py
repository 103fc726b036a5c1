"""Readings of one device type on their way into their tables: what is sent, and how.

Rules:

1. Rows are in order of device and time. Those that meet no other row go straight into the table by COPY.
2. Rows that meet one of the same device and time, stored or in the batch, are merged: they fill what it left empty.
   Where that gave a device's newest row more flags, ``penfeld.heard`` says them, too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from psycopg.sql import SQL, Composable, Composed, Identifier

from model.instants import moment
from model.readings import Bools, Ints, Readings
from storage import latest, rows
from storage.arrays import Int4s, Times
from storage.cells import HEAD, TAIL
from storage.connection import Connection
from storage.connection import rows as fetch
from storage.heard import Known
from storage.latest import Change
from storage.rows import Frames
from storage.statements import statement
from storage.tables import table

_Copied = tuple[Sequence[str], bytes]
"""Columns, and rows as COPY takes them."""


@dataclass(slots=True)
class Intake:
    """Rows to be written. ``rank``: how many earlier rows of the batch have the same device and time.

    ``straight``, ``merged``, ``changes``: what is sent, ``None`` until it is made.
    """

    readings: Readings
    codec: int
    device: Ints
    rank: Ints
    meeting: Bools
    straight: _Copied | None = None
    merged: _Copied | None = None
    changes: list[Change] | None = None
    flagged: dict[str, Any] | None = None

    @classmethod
    def of(cls, readings: Readings, frames: Frames, codec: int) -> "Intake":
        """Return rows that meet no others than those of their batch."""
        device = frames.device[readings.frame]
        rank = rows.ranks(device, readings.time_us)
        return cls(readings, codec, device, rank, rank > 0)

    async def meet(self, connection: Connection, known: Known) -> None:
        """Find out which rows meet stored ones, and forget what was made as if none did."""
        readings, newest, before = self.readings, known.newest, self.meeting.copy()
        if newest is None:
            self.meeting[:] = True
        elif newest:
            late = np.flatnonzero(readings.time_us <= _newest_of(self.device, newest))
            self.meeting[await _there(connection, readings.device_type, self.device, readings.time_us, late)] = True
        if not np.array_equal(self.meeting, before):
            self.straight = self.merged = self.flagged = None
        if not known.going_on[readings.frame].all():
            self.changes = None

    def make(self, frames: Frames, going_on: Bools) -> Iterator[None]:
        """Make what is to be sent and is not made yet, a little at each step. ``going_on``: see ``storage.heard``."""
        if self.straight is None and self.merged is None:
            meeting = np.flatnonzero(self.meeting)
            straight = self.readings
            if len(meeting):
                straight = rows.select(self.readings, np.flatnonzero(~self.meeting))
                self.merged = self._merging(rows.select(self.readings, meeting), frames, self.rank[meeting])
                yield
            if len(straight):
                self.straight = rows.reading_rows(straight, frames, self.codec)
                yield
        if self.changes is None:
            self.changes = []
            for change in latest.changes(self.readings, frames, going_on[self.readings.frame]):
                self.changes.append(change)
                yield

    def _merging(self, some: Readings, frames: Frames, rank: Ints) -> _Copied:
        if some.flags:
            self.flagged = {
                "devices": np.unique(frames.device[some.frame]).tolist(),
                "start": moment(int(some.time_us.min())),
                "end": moment(int(some.time_us.max())),
            }
        return rows.reading_rows(some, frames, self.codec, rank)

    async def write(self, connection: Connection) -> None:
        """Send the rows."""
        if self.straight is not None:
            columns, data = self.straight
            await copy(connection, ("readings", self.readings.device_type), columns, [data])
        if self.merged is not None:
            await _merge(connection, table(self.readings.device_type), *self.merged, highest=int(self.rank.max()))

    async def say_flags(self, connection: Connection) -> None:
        """Let what was heard of a device have the flags that merging gave its newest row."""
        if self.flagged is not None:
            query = SQL(
                "update penfeld.heard as h set flags = r.flags from {} as r where h.device = any(%(devices)s)"
                " and r.device = h.device and r.time = h.time and r.time between %(start)s and %(end)s"
                " and r.flags is distinct from h.flags"
            ).format(table(self.readings.device_type))
            await connection.execute(query, self.flagged)


async def finish(connection: Connection, intakes: Sequence[Intake]) -> None:
    """Bring latest values up to these rows, and note which hours changed."""
    changes = [change for intake in intakes for change in intake.changes or ()]
    async with connection.pipeline():
        for intake in intakes:
            hours = np.unique(intake.readings.time_us // rows.HOUR_US) * rows.HOUR_US
            await connection.execute(statement("note_changes"), (intake.readings.device_type, Times(hours)))
        cursors = [await connection.execute(change.command, change.parameters) for change in changes]
    for change, cursor in zip(changes, cursors, strict=True):
        if change.otherwise is not None and cursor.rowcount < change.count:
            await connection.execute(change.otherwise, change.parameters)


async def copy(connection: Connection, target: tuple[str, ...], columns: Sequence[str], parts: Iterable[bytes]) -> None:
    """Send rows by binary COPY, part by part.

    ``target``: schema and table.
    """
    async with connection.cursor() as cursor, cursor.copy(_copying(target, tuple(columns))) as copying:
        await copying.write(HEAD)
        for part in parts:
            await copying.write(part)
        await copying.write(TAIL)


@lru_cache(maxsize=256)
def _copying(target: tuple[str, ...], columns: tuple[str, ...]) -> SQL:
    names = SQL(", ").join(map(Identifier, columns))
    command = SQL("copy {} ({}) from stdin (format binary)").format(Identifier(*target), names)
    return SQL(command.as_string())


async def _there(connection: Connection, device_type: str, device: Ints, time_us: Ints, positions: Ints) -> Ints:
    """Return which of these positions have a row of their device and time in the table."""
    if not len(positions):
        return positions
    query = SQL(
        "select p.n from unnest(%(devices)s, %(times)s) with ordinality as p (device, time, n) cross join lateral ("
        "select from {} as r where r.device = p.device and r.time = p.time"
        " and r.time between %(start)s and %(end)s limit 1) as found"
    ).format(table(device_type))
    await connection.execute(statement("plan_for_looking_up"))
    found = []
    for part in rows.days(time_us[positions]):
        some = positions[part]
        times = time_us[some]
        parameters = {
            "devices": Int4s(device[some]),
            "times": Times(times),
            "start": moment(int(times.min())),
            "end": moment(int(times.max())),
        }
        found.append(some[[number - 1 for (number,) in await fetch(connection, query, parameters)]])
    return np.concatenate(found)


def _newest_of(device: Ints, newest: Mapping[int, int]) -> Ints:
    """Return, row by row, the newest time stored of its device where that matters, else one before all others."""
    devices = np.array(sorted(newest), dtype=np.int64)
    times = np.array([newest[key] for key in devices.tolist()], dtype=np.int64)
    at = np.minimum(np.searchsorted(devices, device), len(devices) - 1)
    return np.where(devices[at] == device, times[at], -1)


async def _merge(
    connection: Connection, target: Composable, columns: Sequence[str], data: bytes, *, highest: int
) -> None:
    """Insert rows; where a row of the same device and time is there already, fill what it left empty.

    The rows have their ranks: those of one device and time are merged one after the other, in this order.
    """
    names = SQL(", ").join(Identifier(name) for name in columns if name != "rank")
    await connection.execute(
        SQL("create temporary table staging on commit drop as select 0 as rank, {} from {} with no data").format(
            names, target
        )
    )
    await copy(connection, ("staging",), columns, [data])
    fields = [Identifier(name) for name in columns if name not in (*rows.READING_COLUMNS, "rank")]
    changes: list[SQL | Composed] = [SQL("{0} = coalesce(old.{0}, excluded.{0})").format(each) for each in fields]
    changes.append(
        SQL(
            "flags = case when excluded.flags is null then old.flags"
            " else (select array_agg(distinct f order by f) from unnest(old.flags || excluded.flags) as f) end"
        )
    )
    news = SQL(" or ").join([SQL("old.{0} is null and excluded.{0} is not null").format(each) for each in fields])
    insert = SQL(
        "insert into {} as old ({}) select {} from staging where rank = %s"
        " on conflict (device, time) do update set {} where {}"
    ).format(target, names, names, SQL(", ").join(changes), news if fields else SQL("false"))
    for rank in range(highest + 1):
        await connection.execute(insert, (rank,))
    await connection.execute(SQL("drop table staging"))
