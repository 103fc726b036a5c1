"""The door to PostgreSQL: a small pool, and the one place that turns the driver's errors into ours.

Rules:

1. Connections are made when they are needed and reused; there is no task in the background. So the error of a failed
   connection reaches the caller who asked, and the first request after an outage works (psycopg_pool hides the reason
   behind a time-out and waits longer and longer between its attempts).
2. Callers outside storage see ``UnavailableError`` (one line: where, what failed, what to do) and ``ConfigError``.
3. What storage sees besides: ``CollisionError`` (somebody else was faster: do the transaction again) and
   ``RefusedError`` (the values can never be stored). Any other driver error is a mistake of ours and passes as it is.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Composed

from model.errors import ConfigError, PenfeldError, UnavailableError
from storage.arrays import register

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
Parameters = Mapping[str, Any] | Sequence[Any] | None

# Statements are planned with their own parameters: what is cheap for one device is not for all, and which parts of a
# table a time leaves out is known only then.
_SESSION = """
select set_config('timezone', 'UTC', false), set_config('jit', 'off', false),
       set_config('plan_cache_mode', 'force_custom_plan', false),
       set_config('client_min_messages', 'warning', false),
       set_config('idle_in_transaction_session_timeout', '60s', false)
"""
_DEFAULTS = {
    "application_name": "penfeld",
    "connect_timeout": "5",  # s
    "keepalives_idle": "10",  # s
    "keepalives_interval": "5",  # s
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",  # ms; a cut network is noticed within half a minute
}
_FRESH_S = 1.0
"""A connection used less than so many seconds ago is taken to be alive."""

# libpq gives no code for a failed connection, only text; an unknown text still shows its own first line.
_ADVICE = (
    ("password authentication failed", "the password is wrong: correct it in the database address"),
    ("no password supplied", "it wants a password: add it to the database address"),
    ("no pg_hba.conf entry", "it does not let this user in from here: add a line to its pg_hba.conf"),
    ("permission denied for database", "this user may not connect to it: GRANT CONNECT"),
    ("too many connections", "all its connections are taken: raise the limit or stop other clients"),
    ('role "', "there is no such user: create it with CREATE ROLE, or correct the database address"),
    ('database "', "there is no such database: create it with CREATE DATABASE, or correct the database address"),
    ("too many clients", "all its connections are taken: raise max_connections or stop other clients"),
    ("remaining connection slots", "all its connections are taken: raise max_connections or stop other clients"),
    ("starting up", "it is starting: wait"),
    ("not yet accepting connections", "it is starting: wait"),
    ("shutting down", "it is shutting down: start it again"),
    ("in recovery", "it is recovering: wait"),
    ("refused", "nothing listens there: start PostgreSQL, or correct host and port"),
    ("No such file", "nothing listens there: start PostgreSQL, or correct the socket folder"),
    ("Permission denied", "this user may not open the socket: correct the permissions of its folder"),
    ("resolve host", "the host name is not known: correct it"),
    ("translate host name", "the host name is not known: correct it"),
    ("timeout", "no answer: is the host up, and does a firewall let us through?"),
    ("SSL", "TLS failed: correct sslmode and the certificates in the database address"),
)


def advice(text: str) -> str:
    """Return what to do about a connection that failed with this text of libpq."""
    return next((advice for words, advice in _ADVICE if words in text), "see its log")


class CollisionError(PenfeldError):
    """Another transaction was faster, or a part of a table is missing: do the transaction again."""


class RefusedError(PenfeldError):
    """The database refuses these values for ever; the message is the database's."""


class Database:
    """PostgreSQL at ``dsn``, with or without TimescaleDB, over at most ``max_size`` connections.

    ``min_size`` of them are made by ``open``. A caller who gets none within ``wait_s`` seconds sees
    ``UnavailableError``.
    """

    def __init__(self, dsn: str, *, min_size: int = 1, max_size: int = 4, wait_s: float = 10.0) -> None:
        try:
            given = conninfo_to_dict(dsn)
        except psycopg.ProgrammingError as error:
            raise ConfigError(
                [f"the database address cannot be read: {_line(error)}; write postgresql://user:password@host/database"]
            ) from None
        self._dsn = make_conninfo("", **{**_DEFAULTS, **given})
        self.address = _address(given)
        self._min_size = min_size
        self._max_size = max_size
        self._wait_s = wait_s
        self._slots = asyncio.Semaphore(max_size)
        self._idle: list[tuple[Connection, float]] = []
        self._closed = False

    @property
    def dsn(self) -> str:
        """The address as libpq reads it, password included: for other drivers within storage."""
        return self._dsn

    async def open(self) -> None:
        """Make the first connections; raise ``UnavailableError`` when the database does not let us in."""
        self._closed = False
        try:
            while len(self._idle) < self._min_size:
                await self._give_back(await self._connect())
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close all connections: those that nobody uses now, the others when they are given back."""
        self._closed = True
        while self._idle:
            await self._idle.pop()[0].close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection on which each statement is its own transaction."""
        try:
            async with asyncio.timeout(self._wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise UnavailableError(
                f"database {self.address}: all {self._max_size} connections of this process are busy"
            ) from None
        try:
            connection = await self._take()
            try:
                with self._translated():
                    yield connection
            finally:
                await self._give_back(connection)
        finally:
            self._slots.release()

    @asynccontextmanager
    async def transaction(self, *, keep: bool = True) -> AsyncIterator[Connection]:
        """Lend a connection within one transaction, which is rolled back on any error, or if not to ``keep``."""
        async with self.connection() as connection, connection.transaction(force_rollback=not keep):
            yield connection

    async def fetch(self, query: SQL | Composed, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """Run one statement in its own transaction and return its rows."""
        async with self.connection() as connection:
            return await rows(connection, query, parameters)

    async def _take(self) -> Connection:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection, since = self._idle.pop()
            if now - since < _FRESH_S:
                return connection
            async with _closed_on_error(connection):
                if await _alive(connection):
                    return connection
            await connection.close()
        return await self._connect()

    async def _connect(self) -> Connection:
        with self._translated():
            connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
            async with _closed_on_error(connection):
                await connection.execute(_SESSION)
                register(connection)
        return connection

    async def _give_back(self, connection: Connection) -> None:
        if self._closed or connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
            await connection.close()
        else:
            self._idle.append((connection, asyncio.get_running_loop().time()))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, UnicodeEncodeError, OverflowError, struct.error) as error:
            ours = _translate(error, self.address)
            if ours is None:
                raise
            raise ours from error


async def rows(connection: Connection, query: SQL | Composed, parameters: Parameters = None) -> list[tuple[Any, ...]]:
    """Run one statement on a lent connection and return its rows."""
    return await (await connection.execute(query, parameters)).fetchall()


async def attempted(
    connection: Connection, query: SQL | Composed, parameters: Parameters = None
) -> list[tuple[Any, ...]] | None:
    """Run one statement within a transaction that goes on if the database refuses its values: then ``None``."""
    try:
        async with connection.transaction():
            return await rows(connection, query, parameters)
    except (psycopg.IntegrityError, psycopg.DataError):
        return None


@asynccontextmanager
async def _closed_on_error(connection: Connection) -> AsyncIterator[None]:
    """Close a connection that nobody has yet when its preparation fails or is cancelled."""
    try:
        yield
    except BaseException:
        await connection.close()
        raise


async def _alive(connection: Connection) -> bool:
    try:
        await connection.execute("")
    except psycopg.OperationalError:
        return False
    return True


def _translate(error: Exception, address: str) -> PenfeldError | None:
    """Return our error for the driver's (or for what its dumpers raise); ``None`` for a mistake of ours."""
    match error:
        case errors.UniqueViolation() | errors.SerializationFailure() | errors.DeadlockDetected():
            return CollisionError(_line(error))
        case errors.CheckViolation() if error.diag.constraint_name is None:  # no partition for this time
            return CollisionError(_line(error))
        case psycopg.DataError() | psycopg.IntegrityError() | errors.ProgramLimitExceeded():
            return RefusedError(_line(error))
        case errors.RaiseException() | UnicodeEncodeError() | OverflowError() | struct.error():  # the first: a trigger
            return RefusedError(_line(error))
        case errors.UndefinedTable() | errors.UndefinedColumn() | errors.InvalidSchemaName():
            return ConfigError([f"database {address}: {_line(error)}: run `penfeld db migrate`"])
        case errors.InsufficientPrivilege():
            return ConfigError([f"database {address}: {_line(error)}: give this user the right, or use the owner"])
        # InternalError: a row changed by two at once, a transaction that a silent line left open, a read-only server
        case psycopg.OperationalError() | psycopg.InterfaceError() | psycopg.InternalError():
            return UnavailableError(f"database {address}: {_explained(error)}")
        case _:
            return None


def unavailable(address: str, text: str) -> UnavailableError:
    """Return our error for what another driver says of a database that does not answer."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["it does not answer"]
    return UnavailableError(f"database {address}: {lines[0]}: {advice(text)}")


def _explained(error: psycopg.Error) -> str:
    """Return what failed and what to do about it, in one line."""
    match error:
        case errors.DiskFull():
            return "its disk is full: make room; frames wait in the broker meanwhile"
        case errors.ReadOnlySqlTransaction():
            return "it is read-only (a replica?): use the address of the primary"
        case errors.AdminShutdown() | errors.CrashShutdown():
            return "it was shut down: start it again"
        case _:
            text = str(error)
            return f"{_line(error)}: {advice(text)}"


def _line(error: Exception) -> str:
    """Return the first line of what an error says, without the driver's preamble."""
    lines = str(error).splitlines() or [type(error).__name__]
    line = lines[0].removeprefix("connection failed: ")
    return line.rpartition("FATAL:")[2].strip().rstrip(".:")


def _address(given: Mapping[str, Any]) -> str:
    """Return user, host, port and database for people: never the password."""
    host = given.get("host") or given.get("hostaddr") or "local socket"
    user = f"{given['user']}@" if "user" in given else ""
    return f"{user}{host}:{given.get('port', 5432)}/{given.get('dbname', given.get('user', ''))}"
