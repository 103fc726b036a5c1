"""What API and console ask of the database: the ``Queries`` of ``model.ports``.

Rules:

1. Paging is by key, not by offset: a cursor says behind which row to go on, so pages neither overlap nor miss rows that
   were there at the first page, whatever is written meanwhile.
2. Names of tables and columns come from the device type and are quoted; values are parameters.
3. Times have a zone; one without is refused.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg.sql import SQL, Composed, Identifier

from model.device import DeviceType
from model.errors import BadRequestError, NotFoundError, Reason
from model.ports import EVERYTHING
from model.views import (
    DatabaseFacts,
    Latest,
    LatestValue,
    LedgerRow,
    QuarantinedFrame,
    QuarantineFilter,
    QuarantinePage,
    QuarantineSums,
    ReadingPage,
    ReadingRow,
    StateValue,
    UnmappedPath,
    WorkerSums,
)
from storage import latest, state, unmapped
from storage.connection import Database, rows
from storage.quarantine import REPLAY, filtered, frame_of, parameters_of
from storage.registry import device_of
from storage.statements import statement
from storage.tables import table

MOST_ROWS = 100_000
"""The largest page."""


class Queries:
    """Reads what was stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def readings(
        self,
        device_type: DeviceType,
        *,
        devices: Sequence[str] = (),
        start: datetime | None = None,
        end: datetime | None = None,
        fields: Sequence[str] = (),
        limit: int = 1000,
        cursor: str | None = None,
        newest_first: bool = False,
        simulated: bool | None = None,
    ) -> ReadingPage:
        """Return readings with start <= time < end, in order of time. No devices: all of the type; no fields: all.

        Readings of one time are in order of the device's id. Raise ``BadRequestError`` for an unknown field, a time
        without zone, a page of no or too many rows, a cursor that is none of this query.
        """
        check_page(limit, start=start, end=end)
        names = check_fields(device_type, fields)
        after = None if cursor is None else read_cursor(cursor, newest_first=newest_first)
        conditions, parameters = _conditions(devices, start, end, simulated=simulated)
        if after is not None:
            # The first comparison is for the index, the second tells rows of one time apart.
            beyond = SQL("<=" if newest_first else ">="), SQL("<" if newest_first else ">")
            conditions.append(
                SQL('r.time {} %(at)s and (r.time, d.id collate "C") {} (%(at)s, %(id)s)').format(*beyond)
            )
            parameters |= {"at": after[0], "id": after[1]}
        direction = SQL("desc" if newest_first else "asc")
        query = SQL(
            "select d.id, r.time, r.received_at, r.flags, r.simulated, c.version{} from {} as r"
            " join penfeld.device as d on d.key = r.device join penfeld.codec as c on c.key = r.codec"
            ' where {} order by r.time {}, d.id collate "C" {} limit %(limit)s'
        ).format(
            SQL("").join(SQL(", r.{}").format(Identifier(name)) for name in names),
            table(device_type.name),
            SQL(" and ").join(conditions) if conditions else SQL("true"),
            direction,
            direction,
        )
        found = await self._database.fetch(query, {**parameters, "limit": limit + 1})
        page = [_reading(row, names) for row in found[:limit]]
        more = len(found) > limit
        return ReadingPage(rows=page, next_cursor=make_cursor(page[-1], newest_first=newest_first) if more else None)

    async def latest(self, *, device_type: str | None = None, devices: Sequence[str] = ()) -> Sequence[Latest]:
        """Return the newest values of active devices, in order of id. No devices: all."""
        parameters = {"type": device_type, "devices": list(devices) or None}
        async with self._database.connection() as connection:
            found = await rows(connection, statement("latest"), parameters)
            values = await latest.values(connection, {row[17]: row[1] for row in found})
        return [_latest(row, values.get(row[17], {})) for row in found]

    async def state(self, device: str) -> Mapping[str, StateValue]:
        """Return what networks told of a device, fact by fact in order of name; nothing of one that there is not."""
        return await state.read(self._database, device)

    async def unmapped(self, device_type: DeviceType, *, device: str | None = None) -> Sequence[UnmappedPath]:
        """Return what codecs said of the newest frames that no field took then, in order of path."""
        return await unmapped.read(self._database, device_type, device)

    async def ledger(
        self, *, start: datetime | None = None, end: datetime | None = None, source: str | None = None
    ) -> Sequence[LedgerRow]:
        """Return the ledger's hours that begin in start <= hour < end, newest first, then by source."""
        check_page(1, start=start, end=end)
        parameters = {"start": start, "end": end, "source": source, "replay": REPLAY}
        return [
            LedgerRow(
                hour=hour,
                source=name,
                received=received,
                stored=stored,
                duplicate=duplicate,
                quarantined=quarantined,
                replayed=replayed,
            )
            for hour, name, received, stored, duplicate, quarantined, replayed in await self._database.fetch(
                statement("ledger"), parameters
            )
        ]

    async def ledger_workers(self, *, start: datetime | None = None) -> Sequence[WorkerSums]:
        """Return the ledger's sums by worker over the hours that begin at ``start`` or later, in order of name."""
        check_page(1, start=start)
        return [
            WorkerSums(worker=worker, received=received, stored=stored, duplicate=duplicate, quarantined=quarantined)
            for worker, received, stored, duplicate, quarantined in await self._database.fetch(
                statement("ledger_workers"), {"start": start}
            )
        ]

    async def unaccounted(self) -> int:
        """Return by how many frames the books are wrong: lines that do not balance, more in quarantine than counted."""
        [(frames,)] = await self._database.fetch(statement("unaccounted"))
        return int(frames)

    async def quarantine(
        self, wanted: QuarantineFilter = EVERYTHING, *, limit: int = 100, cursor: str | None = None
    ) -> QuarantinePage:
        """Return what is in quarantine, newest first by first arrival; raise ``BadRequestError`` for a bad cursor."""
        check_page(limit)
        before = None if cursor is None else read_number(cursor)
        parameters = {**parameters_of(wanted), "before": before, "limit": limit + 1}
        found = await self._database.fetch(filtered(statement("quarantine")), parameters)
        page = [frame_of(row) for row in found[:limit]]
        return QuarantinePage(rows=page, next_cursor=str(page[-1].id) if len(found) > limit else None)

    async def quarantine_sums(self) -> Sequence[QuarantineSums]:
        """Return how much is in quarantine, by reason; reasons of which there is nothing are absent."""
        return [
            QuarantineSums(reason=Reason(reason), lines=lines, frames=frames, waiting=waiting)
            for reason, lines, frames, waiting in await self._database.fetch(statement("quarantine_sums"))
        ]

    async def quarantined(self, frame_id: int) -> QuarantinedFrame:
        """Return one frame of quarantine; raise ``NotFoundError``."""
        found: Sequence[QuarantinedFrame] = ()
        if 0 < frame_id < 2**63:
            found = (await self.quarantine(QuarantineFilter(frame=frame_id), limit=1)).rows
        if not found:
            raise NotFoundError(f"no frame {frame_id} is in quarantine")
        return found[0]

    async def facts(self) -> DatabaseFacts:
        """Return what the database is; raise ``UnavailableError`` when it does not answer."""
        [(server, timescaledb, migration, size, now)] = await self._database.fetch(statement("facts"))
        return DatabaseFacts(
            server_version=server, timescaledb_version=timescaledb, migration=migration, size_bytes=size, now=now
        )


def _conditions(
    devices: Sequence[str], start: datetime | None, end: datetime | None, *, simulated: bool | None
) -> tuple[list[SQL | Composed], dict[str, Any]]:
    conditions: list[SQL | Composed] = []
    if devices:
        # The keys are looked up once, so that the index by device and time serves.
        conditions.append(SQL("r.device = any(array(select key from penfeld.device where id = any(%(devices)s)))"))
    if start is not None:
        conditions.append(SQL("r.time >= %(start)s"))
    if end is not None:
        conditions.append(SQL("r.time < %(end)s"))
    if simulated is not None:
        conditions.append(SQL("r.simulated = %(simulated)s"))
    wanted = [device for device in devices if device.isprintable()]
    return conditions, {"devices": wanted, "start": start, "end": end, "simulated": simulated}


def check_fields(device_type: DeviceType, fields: Sequence[str]) -> tuple[str, ...]:
    """Return the fields asked for, all if none are; raise ``BadRequestError`` naming those that there are not."""
    known = tuple(field.name for field in device_type.fields)
    if unknown := [name for name in fields if name not in known]:
        raise BadRequestError(f"{device_type.name} has no field {', '.join(unknown)}; it has {', '.join(known)}")
    return tuple(dict.fromkeys(fields)) or known


def check_page(limit: int, *, start: datetime | None = None, end: datetime | None = None) -> None:
    """Raise ``BadRequestError`` for a page of no or too many rows, or a time without zone."""
    if not 1 <= limit <= MOST_ROWS:
        raise BadRequestError(f"limit {limit} is not between 1 and {MOST_ROWS}")
    for name, when in (("start", start), ("end", end)):
        if when is not None and when.tzinfo is None:
            raise BadRequestError(f"{name} {when.isoformat()} has no zone: write {when.isoformat()}Z for UTC")


def make_cursor(row: ReadingRow, *, newest_first: bool) -> str:
    """Return what goes on behind this row."""
    document = msgspec.json.encode((row.time, row.device, newest_first))
    return base64.urlsafe_b64encode(document).decode().rstrip("=")


def read_cursor(cursor: str, *, newest_first: bool) -> tuple[datetime, str]:
    """Return time and device id of the row to go on behind; raise ``BadRequestError`` if it is no such cursor."""
    try:
        document = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        when, device, direction = msgspec.json.decode(document, type=tuple[datetime, str, bool])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise BadRequestError(f"cursor {cursor[:80]!r} is none: take next_cursor of the page before") from None
    if direction is not newest_first or when.tzinfo is None or not device.isprintable():
        raise BadRequestError("the cursor is of a query in the other direction: begin without one")
    return when, device


def read_number(cursor: str) -> int:
    """Return the id that a cursor of quarantine is; raise ``BadRequestError`` if it is none."""
    if not (cursor.isascii() and cursor.isdigit() and int(cursor) < 2**63):
        raise BadRequestError(f"cursor {cursor[:80]!r} is none: take next_cursor of the page before")
    return int(cursor)


def _reading(row: Sequence[Any], names: Sequence[str]) -> ReadingRow:
    device, time, received_at, flags, simulated, version, *values = row
    return ReadingRow(
        device=device,
        time=time,
        received_at=received_at,
        values=dict(zip(names, values, strict=True)),
        flags=tuple(flags or ()),
        simulated=simulated,
        version=version,
    )


def _latest(row: Sequence[Any], values: Mapping[str, LatestValue]) -> Latest:
    time, received_at, flags = row[14:17]
    values = dict(sorted(values.items()))
    return Latest(device=device_of(row), time=time, received_at=received_at, values=values, flags=tuple(flags or ()))
