"""The queries that make a rollup's rows, of readings or of a finer rollup, in the SQL of each engine. Pure.

Rules:

1. Columns come in the order of ``columns``, under their names, on both engines and from both sources.
2. Sums are of double precision: those of TimescaleDB and of plain PostgreSQL agree but for the last digits, which hang
   on the order in which rows are summed up.
"""

from collections.abc import Iterator

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from model.device import DeviceType, Kind
from storage.rollups import MEANING, Level, bucket, relation, statistics
from storage.tables import table

FIXED = {
    "bucket": "timestamptz",
    "device": "integer",
    "simulated": "boolean",
    "readings": "bigint",
    "flagged": "bigint",
}
"""The columns that every rollup by device begins with."""
_ALL = SQL("true")


def columns(device_type: DeviceType) -> dict[str, str]:
    """Return the columns of a rollup by device with their types."""
    found = dict(FIXED)
    for field in device_type.fields:
        found |= {statistic.column: statistic.type for statistic in statistics(field)}
    return found


def of_readings(
    device_type: DeviceType,
    level: Level,
    zone: str,
    *,
    timescaledb: bool,
    where: Composable = _ALL,
    ends: bool = True,
) -> Composed:
    """Return the query that sums readings up. ``where`` chooses readings, best by ``time``.

    ``ends``: with the first and last values of counters.
    """
    expressions = dict(_from_readings(device_type, timescaledb=timescaledb))
    if not ends:
        expressions = {name: value for name, value in expressions.items() if not name.endswith(("_first", "_last"))}
    return _select(
        _bucket(level, SQL("time"), zone, timescaledb=timescaledb),
        expressions,
        table(device_type.name),
        where,
    )


def of_rollup(
    device_type: DeviceType, finer: Level, level: Level, zone: str, *, timescaledb: bool, where: Composable = _ALL
) -> Composed:
    """Return the query that sums a finer rollup up. ``where`` chooses its rows, best by ``bucket``."""
    return _select(
        _bucket(level, SQL("bucket"), zone, timescaledb=timescaledb),
        dict(_from_rollup(device_type, timescaledb=timescaledb)),
        relation(device_type.name, finer),
        where,
    )


def aggregates(device_type: DeviceType, *, of_finer: bool) -> dict[str, Composable]:
    """Return column -> the expression that makes it in a continuous aggregate."""
    make = _from_rollup if of_finer else _from_readings
    return dict(make(device_type, timescaledb=True))


def _select(bucket: Composable, expressions: dict[str, Composable], source: Composable, where: Composable) -> Composed:
    named = SQL("").join(SQL(", {} as {}").format(value, Identifier(name)) for name, value in expressions.items())
    return SQL("select {} as bucket, device, simulated{} from {} where {} group by 1, 2, 3").format(
        bucket, named, source, where
    )


def _bucket(level: Level, time: Composable, zone: str, *, timescaledb: bool) -> Composed:
    if not timescaledb:
        return bucket(level, time, zone)
    if level.name.endswith("d"):
        return SQL("time_bucket('1 day', {}, {})").format(time, Literal(zone))
    return SQL("time_bucket({}, {})").format(Literal(f"{int(level.width.total_seconds())} s"), time)


def _from_readings(device_type: DeviceType, *, timescaledb: bool) -> Iterator[tuple[str, Composable]]:
    yield "readings", SQL("count(*)")
    yield "flagged", SQL("count(*) filter (where flags is not null)")
    for field in device_type.fields:
        value = Identifier(field.name)
        number = SQL("{}::double precision").format(value)
        for statistic in statistics(field):
            match statistic.ending:
                case "sum":
                    made: Composable = SQL("sum({})").format(number)
                case "true":
                    made = SQL("count(*) filter (where {})").format(value)
                case "first" | "last" as end:
                    made = _end(
                        end, number if field.kind is Kind.FLOAT else value, SQL("time"), timescaledb=timescaledb
                    )
                case ending:
                    made = SQL("{}({})").format(SQL(ending), value)
            yield statistic.column, made


def _from_rollup(device_type: DeviceType, *, timescaledb: bool) -> Iterator[tuple[str, Composable]]:
    yield "readings", SQL("sum(readings)::bigint")
    yield "flagged", SQL("sum(flagged)::bigint")
    for field in device_type.fields:
        for statistic in statistics(field):
            value = Identifier(statistic.column)
            meaning = MEANING[statistic.ending]
            if meaning in {"first", "last"}:
                yield statistic.column, _end(meaning, value, SQL("bucket"), timescaledb=timescaledb)
            else:
                whole = SQL("::bigint" if meaning == "sum" and statistic.type == "bigint" else "")
                yield statistic.column, SQL("{}({}){}").format(SQL(meaning), value, whole)


def _end(end: str, value: Composable, time: Composable, *, timescaledb: bool) -> Composed:
    """Return the first or last value by time that is one."""
    if timescaledb:
        return SQL("{}({}, {}) filter (where {} is not null)").format(SQL(end), value, time, value)
    return SQL("(array_agg({} order by {}{}) filter (where {} is not null))[1]").format(
        value, time, SQL(" desc" if end == "last" else ""), value
    )
