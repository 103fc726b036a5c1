"""One wide, typed table per device type, in schema ``readings``, made from the device type.

Rules:

1. A table has the columns of ``FIXED``, then one for each field; unique by device and time. Unit and titles are in the
   columns' comments.
2. A new field is a new column. A column never changes its type and is never dropped: a field that needs another kind
   needs another name. A field that goes must be called retired by its device file, if its column holds anything:
   nobody loses one by a slip of the pen. The column stays, empty from then on.
3. Beside each stands its table of latest values (``storage.latest``).
4. On TimescaleDB a hypertable; on plain PostgreSQL partitioned by month (``storage.partitions`` makes the parts).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import LiteralString

from psycopg.sql import SQL, Composable, Identifier, Literal

from model.device import DeviceType, Field, Kind
from model.errors import ConfigError
from storage import columnstore, latest, reader
from storage.connection import Connection, Database, rows
from storage.migrate import TIMESCALEDB
from storage.statements import statement

FIXED = ("device", "time", "received_at", "simulated", "flags", "codec")
COLUMN_TYPES: Mapping[Kind, LiteralString] = {
    Kind.FLOAT: "double precision",
    Kind.INT: "bigint",
    Kind.BOOL: "boolean",
    Kind.TEXT: "text",
}
OLDEST_TIMESCALEDB = (2, 28)
"""The first that adds columns to continuous aggregates."""
_TYPE_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


async def engine(database: Database) -> str:
    """Return ``"timescaledb"`` or ``"postgresql"``; raise ``ConfigError`` for a database without our tables."""
    found = await database.fetch(statement("engine"))
    if not found:
        raise ConfigError([f"database {database.address} has no tables of Penfeld yet: run `penfeld db migrate`"])
    name: str = found[0][0]
    return name


async def prepare(database: Database, types: Sequence[DeviceType]) -> tuple[str, ...]:
    """Make the tables and columns that these types need; return what was made, a line each.

    Raise ``ConfigError`` with every problem found: a field of another kind than its column, a field that is gone, a
    name that is no column, an extension that is too old.
    """
    _check_names(types)
    hypertables = await engine(database) == TIMESCALEDB
    done: list[str] = []
    async with database.transaction() as connection:
        await connection.execute(statement("lock_schema"))
        if hypertables:
            await _check_version(connection)
        there = await columns(connection)
        if problems := [*_retyped(types, there), *await _gone(connection, types, there)]:
            raise ConfigError(problems)
        for device_type in types:
            present = there.get(device_type.name)
            if present is None:
                await _make(connection, device_type, hypertable=hypertables)
                done.append(f"table readings.{device_type.name}")
            for field in device_type.fields:
                done.extend(await _fit(connection, device_type.name, field, present))
        await latest.prepare(connection)
        done.extend(await reader.prepare(connection, types))
    return tuple(done)


async def columns(connection: Connection) -> dict[str, dict[str, tuple[str, str | None]]]:
    """Return table -> column -> (type, comment), of all tables of readings. Of a domain: the type that it is."""
    tables: dict[str, dict[str, tuple[str, str | None]]] = {}
    for table, column, kind, comment in await rows(connection, statement("columns")):
        tables.setdefault(table, {})[column] = (kind, comment)
    return tables


async def _make(connection: Connection, device_type: DeviceType, *, hypertable: bool) -> None:
    table = Identifier("readings", device_type.name)
    fields = SQL("").join(SQL(", {} {}").format(Identifier(field.name), _type(field)) for field in device_type.fields)
    await connection.execute(
        SQL(
            "create table {} (device integer not null, time timestamptz not null, received_at timestamptz not null,"
            " simulated boolean not null, flags text[], codec integer not null{}, unique (device, time)){}"
        ).format(table, fields, SQL("") if hypertable else SQL(" partition by range (time)"))
    )
    await connection.execute(SQL("create index {} on {} (time)").format(Identifier(f"{device_type.name}_time"), table))
    if hypertable:
        values = (f"readings.{device_type.name}", columnstore.chunk(device_type))
        await connection.execute(statement("make_hypertable"), values)
    title = f"{device_type.title.en} | {device_type.title.fr}"
    await connection.execute(SQL("comment on table {} is {}").format(table, Literal(title)))


async def _fit(
    connection: Connection, table: str, field: Field, present: Mapping[str, tuple[str, str | None]] | None
) -> list[str]:
    """Add the field's column if it is missing, and write its comment if that has changed."""
    done = []
    if present is not None and field.name not in present:
        await connection.execute(
            SQL("alter table {} add column {} {}").format(
                Identifier("readings", table), Identifier(field.name), _type(field)
            )
        )
        done.append(f"column readings.{table}.{field.name}")
    comment = f"{field.title.en} | {field.title.fr} [{field.unit or '1'}]"
    if present is None or present.get(field.name, ("", None))[1] != comment:
        name = Identifier("readings", table, field.name)
        await connection.execute(SQL("comment on column {} is {}").format(name, Literal(comment)))
    return done


def _type(field: Field) -> SQL:
    return SQL(columnstore.MEASURE if columnstore.is_measure(field) else COLUMN_TYPES[field.kind])


def _check_names(types: Sequence[DeviceType]) -> None:
    problems = []
    for device_type in types:
        if not _TYPE_NAME.fullmatch(device_type.name):
            problems.append(
                f"device type {device_type.name!r}: its table needs a name of at most 48 small letters, digits and _,"
                " a letter first: rename the file"
            )
        problems += [
            f"device type {device_type.name}: field {field.name!r} cannot be a column"
            f" (taken: {', '.join(FIXED)}; at most 63 small letters, digits and _): rename the field"
            for field in device_type.fields
            if field.name in FIXED or not _FIELD_NAME.fullmatch(field.name)
        ]
    if problems:
        raise ConfigError(problems)


async def _check_version(connection: Connection) -> None:
    """Refuse a TimescaleDB that cannot do what rollups ask of it."""
    [(version,)] = await rows(connection, statement("timescaledb_version"))
    oldest = ".".join(map(str, OLDEST_TIMESCALEDB))
    if tuple(int(number) for number in re.findall(r"\d+", version)[:2]) < OLDEST_TIMESCALEDB:
        raise ConfigError(
            [
                (
                    f"TimescaleDB {version} is older than {oldest}: install a newer one,"
                    " then run `ALTER EXTENSION timescaledb UPDATE` as the first command of a psql -X"
                )
            ]
        )


async def _gone(
    connection: Connection, types: Sequence[DeviceType], there: Mapping[str, Mapping[str, tuple[str, str | None]]]
) -> list[str]:
    """Return a problem for each column with values that its device file knows nothing of any more."""
    problems = []
    for device_type in types:
        known = {*FIXED, *device_type.retired, *(field.name for field in device_type.fields)}
        for name in there.get(device_type.name, {}).keys() - known:
            query = SQL("select exists (select from {} where {} is not null)")
            [(filled,)] = await rows(connection, query.format(table(device_type.name), Identifier(name)))
            if filled:
                retired = ", ".join(f'"{one}"' for one in (*device_type.retired, name))
                problems.append(
                    f"device type {device_type.name}: field {name} is gone from {device_type.name}.toml, but readings"
                    f" have values of it: bring it back, or add the lines `[storage]` and `retired = [{retired}]`"
                    " (the column and its history stay; a renamed field is a new one)"
                )
    return sorted(problems)


def _retyped(types: Sequence[DeviceType], there: Mapping[str, Mapping[str, tuple[str, str | None]]]) -> Iterator[str]:
    for device_type in types:
        present = there.get(device_type.name, {})
        for field in device_type.fields:
            is_now = present.get(field.name, (COLUMN_TYPES[field.kind], None))[0]
            if is_now != COLUMN_TYPES[field.kind]:
                yield (
                    f"device type {device_type.name}: field {field.name} is {field.kind} ({COLUMN_TYPES[field.kind]})"
                    f" in the device file, but its column holds {is_now}: give the field a new name, and add"
                    f' the lines `[storage]` and `retired = ["{field.name}"]`; the old column keeps the history'
                )


async def kinds(database: Database) -> dict[str, dict[str, str]]:
    """Return table -> field -> type of its column, of all tables of readings."""
    async with database.connection() as connection:
        tables = await columns(connection)
    return {
        table: {name: kind for name, (kind, _) in present.items() if name not in FIXED}
        for table, present in tables.items()
    }


def table(device_type: str) -> Composable:
    """Return the name of a device type's table, safe to stand in SQL."""
    return Identifier("readings", device_type)
