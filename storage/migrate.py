"""Brings a database to the schema of this version: ``sql/migrations/NNNN_name.sql``, in order, each once.

Rules:

1. A file that was applied never changes: its checksum is recorded, and a difference is refused.
2. ``NNNN_name.postgresql.sql`` and ``NNNN_name.timescaledb.sql`` are two forms of one step. Which engine a database
   has is decided at its first migration, and stays: TimescaleDB if it can be had, else plain PostgreSQL.
3. Each file is one transaction; processes that start at once wait for each other.
"""

from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files

from psycopg.sql import SQL

from model.errors import ConfigError
from storage.connection import Connection, Database, rows
from storage.statements import statement

TIMESCALEDB = "timescaledb"
POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: its number, its name, the engine it is for (``None``: any) and its SQL."""

    number: int
    name: str
    engine: str | None
    sql: str

    @property
    def checksum(self) -> str:
        """Return what tells this text from any other."""
        return blake2b(self.sql.encode(), digest_size=16).hexdigest()


def migrations(engine: str) -> tuple[Migration, ...]:
    """Return the steps for one engine, in order."""
    found = []
    for file in (files("storage") / "sql" / "migrations").iterdir():
        if not file.name.endswith(".sql"):
            continue
        stem, _, form = file.name.removesuffix(".sql").partition(".")
        number, _, name = stem.partition("_")
        if form in ("", engine):
            found.append(Migration(int(number), name, form or None, file.read_text("utf-8")))
    return tuple(sorted(found, key=lambda step: step.number))


async def migrate(database: Database) -> tuple[str, ...]:
    """Apply what is missing; return the names of the steps applied.

    Raise ``ConfigError`` when a step applied earlier has changed or is unknown, or when the user may not make tables.
    """
    async with database.connection() as connection:
        await connection.execute(statement("lock_migration"))
        try:
            return await _migrate(connection, database.address)
        finally:
            if not connection.closed:
                await connection.execute(statement("unlock_migration"))


async def _migrate(connection: Connection, address: str) -> tuple[str, ...]:
    await connection.execute(statement("foundation"))
    await connection.execute(statement("migration_table"))
    applied = await rows(connection, statement("migrations"))
    engine = applied[-1][2] if applied else await _choose_engine(connection)
    steps = migrations(engine)
    _check(address, {number: checksum for number, checksum, _ in applied}, steps)
    done = []
    for step in steps[len(applied) :]:
        async with connection.transaction():
            await connection.execute(SQL(step.sql))
            await connection.execute(statement("record_migration"), (step.number, step.name, step.checksum, engine))
        done.append(f"{step.number:04d}_{step.name}")
    return tuple(done)


async def _choose_engine(connection: Connection) -> str:
    """Return TimescaleDB when the extension is there or can be made, by this user, on this server."""
    [(there, available, loaded)] = await rows(connection, statement("timescaledb_state"))
    if not there and available and loaded:
        await connection.execute(statement("create_timescaledb"))
        there = True
    return TIMESCALEDB if there else POSTGRESQL


def _check(address: str, applied: dict[int, str], steps: tuple[Migration, ...]) -> None:
    known = {step.number: step for step in steps}
    problems = []
    for number, checksum in applied.items():
        step = known.get(number)
        if step is None:
            problems.append(f"database {address}: migration {number:04d} is newer than this Penfeld: update Penfeld")
        elif step.checksum != checksum:
            problems.append(
                f"database {address}: migration {number:04d}_{step.name} was changed after it was applied:"
                " restore that file, and put the change into a new migration"
            )
    if problems:
        raise ConfigError(problems)
