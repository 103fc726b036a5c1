"""The monthly parts of time tables on plain PostgreSQL; on TimescaleDB there is nothing to do.

Parts are made for the times that a batch needs, before it is written, and remembered. There is no default part:
rows caught by one would forbid to make the right part later. A part is made aside and then attached, which disturbs
neither readers nor writers.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from psycopg.sql import SQL, Identifier, Literal

from storage.connection import Connection, Database, rows
from storage.statements import statement

UPLINK = "_uplink"
"""How the parts of ``penfeld.uplink`` begin; no device type's name begins with an underscore."""


class Partitions:
    """Which monthly parts this process knows to exist."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: set[str] = set()

    def forget(self) -> None:
        """Ask the database again next time: a part may have been dropped by somebody else."""
        self._known.clear()

    async def ensure(self, wanted: Iterable[tuple[str, int]]) -> None:
        """Make the parts of these (device type or ``UPLINK``, month) that are missing.

        A month is counted from January 1970 (0).
        """
        missing = {_name(table, month): (table, month) for table, month in wanted}
        missing = {name: part for name, part in missing.items() if name not in self._known}
        if not missing:
            return
        async with self._database.transaction() as connection:
            await connection.execute(statement("lock_schema"))
            await make_parts(connection, missing.values())
        self._known |= missing.keys()


async def make_parts(connection: Connection, wanted: Iterable[tuple[str, int]]) -> list[str]:
    """Make the parts of these (device type or ``UPLINK``, month) that are missing; return a line for each.

    The caller holds the schema's lock.
    """
    there = {name for (name,) in await rows(connection, statement("partitions"))}
    done = []
    for table, month in wanted:
        name = _name(table, month)
        if name in there:
            continue
        part, parent = Identifier("partitions", name), _parent(table)
        await connection.execute(SQL("create table {} (like {} including all)").format(part, parent))
        await connection.execute(
            SQL("alter table {} attach partition {} for values from ({}) to ({})").format(
                parent, part, Literal(_first(month)), Literal(_first(month + 1))
            )
        )
        done.append(f"part partitions.{name}")
    return done


async def drop_older(connection: Connection, table: str, before: datetime) -> list[str]:
    """Drop the parts of a device type (or ``UPLINK``) that end before a time; return a line for each.

    The caller holds the schema's lock. Who reads or writes such a part is waited for.
    """
    newest = _name(table, month_of(before))
    pattern = re.compile(rf"{re.escape(table)}_\d{{4}}_\d\d")
    old = sorted(
        name for (name,) in await rows(connection, statement("partitions")) if pattern.fullmatch(name) and name < newest
    )
    for name in old:
        await connection.execute(SQL("drop table {}").format(Identifier("partitions", name)))
    return [f"part partitions.{name} dropped: older than it is kept" for name in old]


def month_of(time: datetime) -> int:
    """Return the month (UTC) in which a time lies, counted from January 1970."""
    time = time.astimezone(UTC)
    return (time.year - 1970) * 12 + time.month - 1


def _parent(table: str) -> Identifier:
    return Identifier("penfeld", "uplink") if table == UPLINK else Identifier("readings", table)


def _name(table: str, month: int) -> str:
    return f"{table}_{1970 + month // 12}_{month % 12 + 1:02d}"


def _first(month: int) -> datetime:
    return datetime(1970 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
