"""Readings for tests of rollups, written straight into their table, and what their rollups are, computed plainly."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.sql import SQL, Identifier

from model.device import DeviceType, Kind
from storage.connection import Connection, Database
from storage.migrate import POSTGRESQL
from storage.partitions import Partitions
from storage.rollups import DAY, HOUR, Level, relation
from storage.tables import engine, prepare, table
from tests.unit.storage.batches import device_type, field

PARIS = ZoneInfo("Europe/Paris")
SLOW = replace(
    device_type(
        "meter",
        field("power_w", Kind.FLOAT, "W"),
        field("steps", Kind.INT),
        field("lamp_on", Kind.BOOL),
        field("role", Kind.TEXT),
        replace(field("energy_kwh", Kind.FLOAT, "kW.h"), counter=True),
        replace(field("pulses", Kind.INT), counter=True),
    ),
    period=timedelta(minutes=15),
)
FAST = replace(SLOW, name="quick", period=timedelta(seconds=10))
Reading = Mapping[str, Any]
"""``device``, ``time``, and fields; ``simulated`` and ``flags`` where they are not false and none."""


async def write(database: Database, of: DeviceType, readings: Sequence[Reading]) -> None:
    """Write readings as the writer would: where they belong, and their hours into the list of changed ones."""
    if await engine(database) == POSTGRESQL:
        months = {(r["time"].year - 1970) * 12 + r["time"].month - 1 for r in readings}
        await Partitions(database).ensure((of.name, month) for month in months)
    names = ("device", "time", "received_at", "simulated", "flags", "codec", *(f.name for f in of.fields))
    query = SQL("insert into {} ({}) values ({}) on conflict (device, time) do nothing").format(
        table(of.name), SQL(", ").join(map(Identifier, names)), SQL(", ").join([SQL("%s")] * len(names))
    )
    given = {"simulated": False, "flags": None, "codec": 1}
    async with database.transaction() as connection, connection.cursor() as cursor:
        values = [{**given, "received_at": r["time"], **r} for r in readings]
        await cursor.executemany(query, [[value.get(name) for name in names] for value in values])
        hours = {(of.name, r["time"].replace(minute=0, second=0, microsecond=0)) for r in readings}
        await cursor.executemany("insert into penfeld.changed_hour values (%s, %s)", sorted(hours))


async def city(
    database: Database, *types: DeviceType, districts: Sequence[str | None] = ("north", "south", None)
) -> None:
    """Register one device in each district, of the first type (keys 1, 2, 3), and make the tables of all types."""
    await prepare(database, types)
    async with database.transaction() as connection:
        for number, district in enumerate(districts):
            await connection.execute(
                "insert into penfeld.device (id, type, state, district) values (%s, %s, 'active', %s)",
                (f"device-{number}", types[0].name, district),
            )


def plain(of: DeviceType, level: Level, readings: Iterable[Reading]) -> list[dict[str, Any]]:
    """Return the rows that a rollup by device should have."""
    groups: dict[tuple[Any, ...], list[Reading]] = {}
    for reading in sorted(readings, key=lambda r: r["time"]):
        key = (start(level, reading["time"]), reading["device"], reading.get("simulated", False))
        groups.setdefault(key, []).append(reading)
    found = []
    for (bucket, device, simulated), some in sorted(groups.items()):
        row = {
            "bucket": bucket,
            "device": device,
            "simulated": simulated,
            "readings": len(some),
            "flagged": sum(1 for r in some if r.get("flags")),
        }
        for f in of.fields:
            values = [r[f.name] for r in some if r.get(f.name) is not None]
            row |= _statistics(f.name, f.kind, values)
            if f.counter:
                row |= {
                    f"{f.name}_first": values[0] if values else None,
                    f"{f.name}_last": values[-1] if values else None,
                }
        found.append(row)
    return found


def plain_group(
    of: DeviceType, level: Level, readings: Iterable[Reading], districts: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Return the rows that a rollup by district should have."""
    ordered = sorted(readings, key=lambda r: r["time"])
    groups: dict[tuple[Any, ...], list[Reading]] = {}
    grown: dict[tuple[Any, ...], dict[str, float]] = {}
    before: dict[tuple[Any, ...], float] = {}
    for reading in ordered:
        simulated = reading.get("simulated", False)
        key = (start(level, reading["time"]), districts[reading["device"]], simulated)
        groups.setdefault(key, []).append(reading)
        for f in of.fields:
            value = reading.get(f.name)
            if f.counter and value is not None:
                meter = (reading["device"], simulated, f.name)
                last = before.get(meter, value)
                sums = grown.setdefault(key, {})
                sums[f.name] = sums.get(f.name, 0) + (value - last if value >= last else value)
                before[meter] = value
    found = []
    for key, some in sorted(groups.items()):
        row = {
            **dict(zip(("bucket", "district", "simulated"), key, strict=True)),
            "devices": len({r["device"] for r in some}),
            "readings": len(some),
            "flagged": sum(1 for r in some if r.get("flags")),
        }
        for f in of.fields:
            row |= _statistics(f.name, f.kind, [r[f.name] for r in some if r.get(f.name) is not None])
            if f.counter:
                row[f"{f.name}_delta"] = grown.get(key, {}).get(f.name)
        found.append(row)
    return found


async def stored(database: Database, of: DeviceType, level: Level, *, group: bool = False) -> list[dict[str, Any]]:
    """Return the rows of a rollup, in order."""
    name = relation(of.name, level, group=group)
    async with database.connection() as connection:
        return await _rows(connection, SQL("select * from {} order by 1, 2, 3").format(name).as_string())


async def _rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    cursor = await connection.execute(query.encode())
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]


def start(level: Level, time: datetime) -> datetime:
    """Return the beginning of a bucket, plainly."""
    if level is DAY:
        local = time.astimezone(PARIS)
        return datetime(local.year, local.month, local.day, tzinfo=PARIS).astimezone(UTC)
    if level is HOUR:
        return time.replace(minute=0, second=0, microsecond=0)
    minutes = level.width // timedelta(minutes=1)
    return time.replace(minute=time.minute // minutes * minutes, second=0, microsecond=0)


def _statistics(name: str, kind: Kind, values: Sequence[Any]) -> dict[str, Any]:
    if kind is Kind.TEXT:
        return {}
    if kind is Kind.BOOL:
        return {f"{name}_count": len(values), f"{name}_true": sum(values)}
    return {
        f"{name}_count": len(values),
        f"{name}_sum": sum(values) if values else None,
        f"{name}_min": min(values, default=None),
        f"{name}_max": max(values, default=None),
    }


def clock(at: datetime) -> Callable[[], datetime]:
    """Return a clock that stands still."""
    return lambda: at
