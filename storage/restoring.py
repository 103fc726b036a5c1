"""A database made anew from a dump, beside the one in use, and put in its place when it is whole.

Rules:

1. What is in use is not touched until the new one is whole; then both change names. A failure leaves all as it was.
2. What held data before stays on the server under another name, which is told; a person drops it.
3. TimescaleDB takes a dump of its very version only, between its functions for that.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from model.errors import ConflictError
from storage.connection import Database, rows
from storage.statements import statement

_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a dump goes: the database in use, the one beside it, and the name that the old one gets."""

    dsn: str
    name: str
    beside: str
    before: str


def tool_environment(dsn: str) -> Mapping[str, str]:
    """Return a database's address as PostgreSQL's tools take it from the environment: no list of processes shows it."""
    return {_VARIABLES[key]: str(value) for key, value in conninfo_to_dict(dsn).items() if key in _VARIABLES and value}


def target(dsn: str, stamp: str) -> Target:
    """Return the names that a restore at that moment uses."""
    name = str(conninfo_to_dict(dsn).get("dbname") or conninfo_to_dict(dsn).get("user") or "postgres")
    return Target(
        dsn=make_conninfo(dsn, dbname=f"{name}_new_{stamp}"),
        name=name,
        beside=f"{name}_new_{stamp}",
        before=f"{name}_before_{stamp}",
    )


async def tables(opened: Database) -> int:
    """Return how many tables a dump will go through."""
    [(number,)] = await opened.fetch(statement("databases_tables"))
    return int(number)


async def server_version(opened: Database) -> int:
    """Return the server's major version; its database may be without any table of ours."""
    [(number,)] = await opened.fetch(statement("server_major"))
    return int(number)


async def offered(opened: Database) -> str | None:
    """Return the version of TimescaleDB that this server would give a new database."""
    found = await opened.fetch(statement("timescaledb_offered"))
    return str(found[0][0]) if found else None


async def holds_data(opened: Database) -> bool:
    """Whether a person would miss what is in this database."""
    [(made,)] = await opened.fetch(statement("database_has_schema"))
    if not made:
        return False
    [(held,)] = await opened.fetch(statement("database_holds"))
    return bool(held)


@asynccontextmanager
async def beside(dsn: str, to: Target, *, timescaledb: bool) -> AsyncIterator[None]:
    """Make the new database for the block to fill; then make it whole. Dropped if anything fails."""
    async with _server(dsn) as server:
        await _alone(server, to.name)
        async with server.connection() as connection:
            await connection.execute(statement("create_database").format(Identifier(to.beside)))
    try:
        if timescaledb:
            await _each(to.dsn, statement("create_timescaledb"), statement("before_restoring"))
        yield
        if timescaledb:
            await _each(to.dsn, statement("after_restoring"))
        await _each(to.dsn, statement("collect_statistics"))
    except BaseException:
        async with _server(dsn) as server, server.connection() as connection:
            await connection.execute(statement("drop_database").format(Identifier(to.beside)))
        raise


async def take_place(dsn: str, to: Target, *, keep: bool) -> None:
    """Let the new database take the old one's name; the old one stays under another if it is to be kept."""
    names = Identifier(to.name), Identifier(to.beside), Identifier(to.before)
    async with _server(dsn) as server, server.connection() as connection:
        _refuse_users(await rows(connection, statement("databases_users"), (to.name,)), to.name)
        for name in (to.name, to.beside):
            await connection.execute(statement("close_database").format(Identifier(name)))
            await connection.execute(statement("disconnect_database"), (name,))
        try:
            async with connection.transaction():
                await connection.execute(statement("rename_database").format(names[0], names[2]))
                await connection.execute(statement("rename_database").format(names[1], names[0]))
        except BaseException:
            await connection.execute(statement("open_database").format(names[0]))
            raise
        await connection.execute(statement("open_database").format(names[0]))
        if keep:
            await connection.execute(statement("open_database").format(names[2]))
        else:
            await connection.execute(statement("drop_database").format(names[2]))


def _server(dsn: str) -> Database:
    return Database(make_conninfo(dsn, dbname="postgres"), max_size=1)


async def _alone(server: Database, name: str) -> None:
    _refuse_users(await server.fetch(statement("databases_users"), (name,)), name)


def _refuse_users(found: list[tuple[int, ...]], name: str) -> None:
    if found[0][0]:
        raise ConflictError(
            f"{found[0][0]} connections use the database {name} now: stop Penfeld's services (and Grafana) first"
        )


async def _each(dsn: str, *queries: SQL) -> None:
    """Run statements on a connection that ends with them: the database's settings count for the next one."""
    async with Database(dsn, max_size=1) as opened, opened.connection() as connection:
        for query in queries:
            await connection.execute(query)
