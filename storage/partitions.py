"""The monthly parts of time tables on plain PostgreSQL; on TimescaleDB there is nothing to do.

Parts are made for the times that a batch needs, before it is written, and remembered. There is no default part:
rows caught by one would forbid to make the right part later. A part is made aside and then attached, which disturbs
neither readers nor writers.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from psycopg.sql import SQL, Identifier, Literal

from storage.connection import Database, rows
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
            there = {name for (name,) in await rows(connection, statement("partitions"))}
            for name, (table, month) in missing.items():
                if name in there:
                    continue
                part = Identifier("partitions", name)
                parent = Identifier("penfeld", "uplink") if table == UPLINK else Identifier("readings", table)
                await connection.execute(SQL("create table {} (like {} including all)").format(part, parent))
                await connection.execute(
                    SQL("alter table {} attach partition {} for values from ({}) to ({})").format(
                        parent, part, Literal(_first(month)), Literal(_first(month + 1))
                    )
                )
        self._known |= missing.keys()


def _name(table: str, month: int) -> str:
    return f"{table}_{1970 + month // 12}_{month % 12 + 1:02d}"


def _first(month: int) -> datetime:
    return datetime(1970 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
