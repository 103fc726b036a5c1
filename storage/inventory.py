"""What stands in the database, how large it is, and what works on it: for ``penfeld db status`` and ``doctor``.

Rules: numbers of rows are the database's estimates; sizes are exact. Nothing here waits for a lock that writers hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.sql import SQL, Identifier

from model.retention import Age
from storage.connection import Connection, Database, rows
from storage.migrate import TIMESCALEDB
from storage.retention import UpkeepConfig
from storage.rollups import LEVELS, name
from storage.statements import statement
from storage.tables import engine

_JOBS = {
    "policy_compression": "columnstore",
    "policy_retention": "retention",
    "policy_refresh_continuous_aggregate": "refresh",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """One table. ``parts``: chunks or partitions; ``columnstore``: how many of them are in it (plain: ``None``).

    ``ratio``: how many times smaller the columnstore made them. ``kept``: ``None`` for ever. ``oldest``, ``newest``:
    event times, where the table has any.
    """

    name: str
    rows: int
    bytes: int
    parts: int
    columnstore: int | None = None
    ratio: float | None = None
    oldest: datetime | None = None
    newest: datetime | None = None
    kept: Age = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """A job of the database. ``age``: what it goes by. ``failing``: its last run failed, with ``error``."""

    table: str
    does: str
    age: str | None
    last_run: datetime | None
    took: timedelta | None
    next_run: datetime | None
    failing: bool
    runs: int
    failures: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Hours of a type that are to be computed: how many, the oldest, and since when the first of them waits."""

    device_type: str
    hours: int
    oldest: datetime
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRound:
    """The last round of upkeep: when it ended, how long it took, what it computed and what it left."""

    at: datetime
    took: timedelta
    hours: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All of it."""

    engine: str
    tables: Sequence[TableFacts]
    jobs: Sequence[JobFacts]
    waiting: Sequence[Waiting]
    last_round: LastRound | None


async def inventory(database: Database, config: UpkeepConfig) -> Inventory:
    """Look at everything; raise ``UnavailableError``, or ``ConfigError`` for a database without our tables."""
    kind = await engine(database)
    hypertables = kind == TIMESCALEDB
    async with database.connection() as connection:
        tables = await _plain(connection, config, plain=not hypertables)
        if hypertables:
            tables += await _hypertables(connection, config)
        found_jobs = await _jobs(connection) if hypertables else []
    return Inventory(
        engine=kind,
        tables=sorted(tables, key=lambda table: table.name),
        jobs=found_jobs,
        waiting=await waiting(database),
        last_round=await last_round(database),
    )


async def waiting(database: Database) -> Sequence[Waiting]:
    """Return what rounds have to compute, by device type."""
    return [
        Waiting(device_type=device_type, hours=hours, oldest=oldest, since=since)
        for device_type, hours, oldest, since in await database.fetch(statement("backlog"))
    ]


async def last_round(database: Database) -> LastRound | None:
    """Return what the last round did, ``None`` before the first."""
    found = await database.fetch(statement("last_round"))
    return LastRound(at=found[0][0], took=found[0][1], hours=found[0][2], left=found[0][3]) if found else None


async def migrated_at(database: Database) -> datetime:
    """Return when the database got its newest tables: before its first round, since when there could have been one."""
    [(since,)] = await database.fetch(statement("migrated_at"))
    at: datetime = since
    return at


async def failing(database: Database) -> Sequence[JobFacts]:
    """Return the database's jobs whose last run failed; none on plain PostgreSQL, which has none."""
    if await engine(database) != TIMESCALEDB:
        return []
    async with database.connection() as connection:
        return [job for job in await _jobs(connection) if job.failing]


async def _hypertables(connection: Connection, config: UpkeepConfig) -> list[TableFacts]:
    found = []
    for known, relation, time, count, size, parts, in_store, before, after in await rows(
        connection, statement("hypertables")
    ):
        oldest, newest = await _reach(connection, relation, time)
        found.append(
            TableFacts(
                name=known,
                rows=count,
                bytes=size,
                parts=parts,
                columnstore=in_store or 0,
                ratio=round(before / after, 2) if before and after else None,
                oldest=oldest,
                newest=newest,
                kept=_kept(known, config),
            )
        )
    return found


async def _plain(connection: Connection, config: UpkeepConfig, *, plain: bool) -> list[TableFacts]:
    found = []
    for known, relation, time, count, size, parts in await rows(
        connection, statement("plain_tables"), {"plain": plain}
    ):
        oldest, newest = await _reach(connection, relation, time) if time else (None, None)
        found.append(
            TableFacts(
                name=known,
                rows=count,
                bytes=size,
                parts=parts,
                oldest=oldest,
                newest=newest,
                kept=_kept(known, config),
            )
        )
    return found


async def _reach(connection: Connection, relation: str, time: str) -> tuple[datetime | None, datetime | None]:
    """Return the oldest and newest time in a table; by its index, not by reading it."""
    query = SQL("select min({0}), max({0}) from {1}").format(
        Identifier(time), Identifier(*(part.strip('"') for part in relation.split(".")))
    )
    [(oldest, newest)] = await rows(connection, query)
    return oldest, newest


async def _jobs(connection: Connection) -> list[JobFacts]:
    return [
        JobFacts(
            table=known,
            does=_JOBS.get(kind, kind),
            age=age,
            last_run=last,
            took=took,
            next_run=following,
            failing=status == "Failed",
            runs=runs,
            failures=failures,
            error=error,
        )
        for known, kind, age, last, took, following, status, runs, failures, error in await rows(
            connection, statement("jobs")
        )
    ]


def _kept(known: str, config: UpkeepConfig) -> Age:
    """Return how long a table's rows are kept."""
    schema, _, table = known.partition(".")
    if known == "penfeld.uplink":
        return config.uplink
    if schema == "readings":
        return config.of(table).readings
    if schema == "rollups":
        for level in LEVELS:
            for group in (False, True):
                ending = name("", level, group=group)
                if table.endswith(ending):
                    return config.of(table.removesuffix(ending)).rollup(level.name)
    return None
