"""What others read with SQL only, Grafana first: schema ``grafana`` and the role ``penfeld_reader``.

Rules:

1. The role sees the views and functions of schema ``grafana`` and nothing else; it can change nothing. Their names
   stay, whatever becomes of the tables behind them. Most of them stand in a migration.
2. Each device type has ``grafana.readings_<type>`` and ``grafana.latest_<type>``: a device's id and name, district,
   experiment and place (``device_…``), then its fields. A view is made anew when its columns change.
3. A user who may not make roles is no obstacle: then nobody is let in until an administrator makes the role.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from psycopg import errors
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from model.device import DeviceType
from model.errors import ConfigError
from storage import latest
from storage.connection import Connection, Database, rows
from storage.retention import UpkeepConfig
from storage.rollups import LEVELS
from storage.statements import statement

ROLE = "penfeld_reader"
SCHEMA = "grafana"
RAW = "raw"
_BY_ADMIN = f"have an administrator run `create role {ROLE}`, then `penfeld db migrate` again"
_DEVICE = {
    "device": "d.id",
    "device_name": "coalesce(nullif(d.name, ''), d.id)",
    "device_district": "coalesce(d.district, '')",
    "device_experiment": "coalesce(d.experiment, '')",
    "device_latitude": "d.latitude",
    "device_longitude": "d.longitude",
    "device_simulated": "d.simulated",
}
"""What a view says of the device, and the expression for it. A field of that name takes its place."""


async def prepare(connection: Connection, types: Sequence[DeviceType]) -> tuple[str, ...]:
    """Write down what these types are, make their views, and let the role read; return what stands in the way."""
    if not types:
        return ()
    await _describe(connection, types)
    told: list[str] = []
    made = dict(await rows(connection, statement("views_made")))
    for device_type in types:
        for name, columns, query in _views(device_type):
            if made.get(name) == columns:
                continue
            try:
                async with connection.transaction():
                    await _make_view(connection, device_type, name, query, instead=name in made)
            except errors.DependentObjectsStillExist:
                told.append(f"view {SCHEMA}.{name} stays as it was: drop what depends on it, then migrate again")
    return (*told, *await _let_in(connection))


async def remember_kept(connection: Connection, device_type: DeviceType, config: UpkeepConfig) -> None:
    """Write down how long what is of this type is kept, which tells where a chart finds what is old."""
    retention = config.of(device_type.name)
    ages = {RAW: retention.readings, **{level.name: retention.rollup(level.name) for level in LEVELS}}
    limited = {name: age for name, age in ages.items() if age is not None}
    async with connection.transaction():
        await connection.execute(statement("forget_kept"), (device_type.name, list(limited)))
        values = (device_type.name, list(limited), list(limited.values()))
        await connection.execute(statement("remember_kept"), values)


async def let_log_in(database: Database, password: str) -> None:
    """Give the role this password, which the server never sees in clear, and its limits.

    Raise ``ConfigError`` if there is no such role, or if it is not ours to change.
    """
    async with database.transaction() as connection:
        [(known, _)] = await rows(connection, statement("reader_known"))
        if not known:
            raise ConfigError([f"there is no role {ROLE}: {_BY_ADMIN}"])
        secret = connection.pgconn.encrypt_password(password.encode(), ROLE.encode(), b"scram-sha-256")
        command = SQL("alter role {} with login password {}").format(Identifier(ROLE), Literal(secret.decode()))
        await connection.execute(command)
        await connection.execute(statement("limit_reader"))


def view_of_readings(device_type: str) -> str:
    """Return the name of the view of a type's readings within its schema."""
    return f"readings_{device_type}"


def view_of_latest(device_type: str) -> str:
    """Return the name of the view of a type's newest values within its schema."""
    return f"latest_{device_type}"


async def _make_view(
    connection: Connection, device_type: DeviceType, name: str, query: Composed, *, instead: bool
) -> None:
    view = Identifier(SCHEMA, name)
    if instead:
        await connection.execute(SQL("drop view {}").format(view))
    await connection.execute(SQL("create view {} as {}").format(view, query))
    title = f"{device_type.title.en} | {device_type.title.fr}"
    await connection.execute(SQL("comment on view {} is {}").format(view, Literal(title)))


async def _describe(connection: Connection, types: Sequence[DeviceType]) -> None:
    """Write down types and fields, where something differs."""
    columns = zip(
        *((t.name, t.domain, t.title.en, t.title.fr, t.vendor, t.model, t.period) for t in types), strict=True
    )
    await connection.execute(statement("describe_types"), [list(column) for column in columns])
    names = [each.name for each in types]
    there: dict[str, list[tuple[Any, ...]]] = {}
    for row in await rows(connection, statement("fields_described"), (names,)):
        there.setdefault(row[0], []).append(row)
    changed = {t.name: told for t in types if (told := list(_fields(t))) != there.get(t.name, [])}
    if changed:
        await connection.execute(statement("forget_fields"), (list(changed),))
        async with connection.cursor() as cursor:
            await cursor.executemany(statement("describe_field"), [row for told in changed.values() for row in told])


def _fields(device_type: DeviceType) -> Iterator[tuple[Any, ...]]:
    for position, field in enumerate(device_type.fields):
        yield (
            device_type.name,
            position,
            field.name,
            field.kind.value,
            field.quantity,
            field.unit,
            field.title.en,
            field.title.fr,
            field.minimum,
            field.maximum,
            field.counter,
        )


def _views(device_type: DeviceType) -> Iterator[tuple[str, list[str], Composed]]:
    """Yield name, columns and query of each view of a type."""
    fields = [field.name for field in device_type.fields]
    device = {name: SQL(what) for name, what in _DEVICE.items() if name not in fields}
    readings: dict[str, Composable] = {
        **device,
        "time": SQL("r.time"),
        "received_at": SQL("r.received_at"),
        "flags": SQL("r.flags"),
        **{name: Identifier("r", name) for name in fields},
    }
    source = SQL(" from readings.{} as r join penfeld.device as d on d.key = r.device").format(
        Identifier(device_type.name)
    )
    yield view_of_readings(device_type.name), list(readings), _select(readings) + source
    newest: dict[str, Composable] = {
        **device,
        "time": SQL("h.time"),
        "last_seen": SQL("h.last_seen"),
        "flags": SQL("h.flags"),
    }
    newest = {name: what for name, what in newest.items() if name not in fields}
    for name in fields:
        newest |= {name: Identifier("l", name), name + latest.TIME: Identifier("l", name + latest.TIME)}
    source = SQL(
        " from {} as l join penfeld.device as d on d.key = l.device and d.type = {} and d.state = 'active'"
        " left join penfeld.heard as h on h.device = l.device"
    ).format(latest.table(device_type.name), Literal(device_type.name))
    yield view_of_latest(device_type.name), list(newest), _select(newest) + source


def _select(columns: dict[str, Composable]) -> Composed:
    named = (SQL("{} as {}").format(what, Identifier(name)) for name, what in columns.items())
    return SQL("select {}").format(SQL(", ").join(named))


async def _let_in(connection: Connection) -> tuple[str, ...]:
    """Make the role if we may, and let it read; return what stands in the way."""
    [(known, may)] = await rows(connection, statement("reader_known"))
    if not known and not may:
        return (f"nobody is let in as {ROLE}: {_BY_ADMIN}",)
    if not known:
        await connection.execute(statement("make_reader"))
        await connection.execute(statement("limit_reader"))
    await connection.execute(statement("let_reader_read"))
    return ()
