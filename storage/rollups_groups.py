"""The statements that compute rollups by district, ``rollups.<type>_1h_group`` and ``_1d_group``. Pure.

Rules:

1. They are ordinary tables on both engines, computed again from ``%(start)s`` to ``%(end)s``: whole hours or days.
2. A device counts for the district that it is in when the hour is computed. What was computed before stays as it is
   until somebody asks for it again (``penfeld db refresh``).
3. The increase of a counter is found between neighbouring values, the first one's neighbour being the last value before
   the window, however old. It is found by readings, or by the finest rollup of types that send often.
4. A day is the sum of its hours; only its devices are counted anew. Rows of an hour are one a device: they are counted.
"""

from collections.abc import Sequence
from datetime import timedelta

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from model.device import DeviceType, Field
from storage.rollups import DAY, HOUR, MEANING, Level, bucket, relation, statistics
from storage.rollups_plan import VIEW, Planned, counted_by
from storage.rollups_select import of_readings
from storage.sources import FELL, INCREASE, LOST
from storage.tables import table

FIXED = {
    "bucket": "timestamptz",
    "district": "text",
    "simulated": "boolean",
    "devices": "bigint",
    "readings": "bigint",
    "flagged": "bigint",
}
"""The columns that every rollup by group begins with."""
_DISTRICT = SQL("coalesce(d.district, '')")


def columns(device_type: DeviceType) -> dict[str, str]:
    """Return the columns of a rollup by group with their types."""
    found = dict(FIXED)
    for field in device_type.fields:
        found |= {statistic.column: statistic.type for statistic in statistics(field, group=True)}
    return found


def clear(device_type: DeviceType, level: Level) -> Composed:
    """Return the statement that takes the window's rows away, with hours also where counters started again in them."""
    restarts = SQL(
        "with again as (delete from penfeld.restart where device_type = {} and hour >= %(start)s and hour < %(end)s) "
    ).format(Literal(device_type.name))
    return SQL("{}delete from {} where bucket >= %(start)s and bucket < %(end)s").format(
        restarts if level is HOUR else SQL(""), relation(device_type.name, level, group=True)
    )


def fill_hours(device_type: DeviceType, levels: Sequence[Planned], *, timescaledb: bool) -> Composed:
    """Return the statement that computes the window's hours, and where counters started again in them."""
    counters = [field for field in device_type.fields if field.counter]
    by = counted_by(levels)
    deltas = [
        part for position, field in enumerate(counters) for part in _increases(device_type, field, by, str(position))
    ]
    rows = SQL(
        "s as (select r.bucket, {district} as district, r.simulated, count(*) as devices{sums}"
        " from {source} as r left join penfeld.device as d on d.key = r.device group by 1, 2, 3)"
    ).format(
        district=_DISTRICT,
        sums=_sums(device_type, without="delta"),
        source=_hours(device_type, levels, timescaledb=timescaledb),
    )
    joins = SQL("").join(
        SQL(" left join d{} using (bucket, district, simulated)").format(SQL(str(position)))
        for position in range(len(counters))
    )
    return SQL("with {} insert into {} ({}) select {} from s{}").format(
        SQL(", ").join([rows, *deltas]),
        relation(device_type.name, HOUR, group=True),
        _names(columns(device_type)),
        _names(columns(device_type)),
        joins,
    )


def fill_days(device_type: DeviceType, levels: Sequence[Planned], zone: str, *, timescaledb: bool) -> Composed:
    """Return the statement that computes the window's days."""
    hours = _hours(device_type, levels, timescaledb=timescaledb)
    return SQL(
        "with s as (select {day} as bucket, district, simulated{sums} from {group}"
        " where bucket >= %(start)s and bucket < %(end)s group by 1, 2, 3),"
        " n as (select r.bucket, {district} as district, r.simulated, count(*) as devices"
        " from (select distinct {day} as bucket, h.simulated, h.device from {hours} as h) as r"
        " left join penfeld.device as d on d.key = r.device group by 1, 2, 3)"
        " insert into {target} ({names}) select {names} from s join n using (bucket, district, simulated)"
    ).format(
        day=bucket(DAY, SQL("bucket"), zone),
        sums=_sums(device_type),
        group=relation(device_type.name, HOUR, group=True),
        district=_DISTRICT,
        hours=hours,
        target=relation(device_type.name, DAY, group=True),
        names=_names(columns(device_type)),
    )


def followers(device_type: DeviceType) -> Composed:
    """Return the query for the hours behind ``%(end)s`` in which each device is heard next.

    A counter's increase in them hangs on the window's last value.
    """
    return SQL(
        "select distinct {hour} from penfeld.device as d cross join lateral (select r.time from {table} as r"
        " where r.device = d.key and r.time >= %(end)s order by r.time limit 1) as n where d.type = {name}"
    ).format(hour=bucket(HOUR, SQL("n.time"), "UTC"), table=table(device_type.name), name=Literal(device_type.name))


def _hours(device_type: DeviceType, levels: Sequence[Planned], *, timescaledb: bool) -> Composed:
    """Return the rows of the window by hour and device."""
    hour = next(planned for planned in levels if planned.level is HOUR)
    window = SQL("{0} >= %(start)s and {0} < %(end)s")
    if hour.kind == VIEW:
        rows = of_readings(
            device_type, HOUR, "UTC", timescaledb=timescaledb, where=window.format(SQL("time")), ends=False
        )
    else:
        rows = SQL("select * from {} where {}").format(relation(device_type.name, HOUR), window.format(SQL("bucket")))
    return SQL("({})").format(rows)


def _sums(device_type: DeviceType, *, without: str = "") -> Composed:
    columns = {"readings": ("sum", "bigint"), "flagged": ("sum", "bigint")}
    for field in device_type.fields:
        columns |= {
            statistic.column: (MEANING[statistic.ending], statistic.type)
            for statistic in statistics(field, group=True)
            if statistic.ending != without
        }
    return SQL("").join(
        SQL(", {}({}){} as {}").format(
            SQL(meaning), Identifier(name), SQL("::bigint" if kind == "bigint" else ""), Identifier(name)
        )
        for name, (meaning, kind) in columns.items()
    )


def _increases(device_type: DeviceType, field: Field, by: Level | None, number: str) -> tuple[Composed, ...]:
    """Return the parts that find how much the counters grew, and keep where they started again.

    ``d<number>`` has rows of bucket, district, simulated and increase.
    """
    value = Identifier(field.name)
    if by is None:
        source, time = table(device_type.name), Identifier("time")
        first, last, least, greatest = (value,) * 4
    else:
        source, time = relation(device_type.name, by), Identifier("bucket")
        first, last, least, greatest = (
            Identifier(f"{field.name}_{ending}") for ending in ("first", "last", "min", "max")
        )
    delta = next(statistic for statistic in statistics(field, group=True) if statistic.ending == "delta")
    steps = SQL(
        "{steps} as (select w.*, coalesce(w.neighbour, (select p.{value} from {readings} as p where p.device = w.device"
        " and p.simulated = w.simulated and p.time < %(start)s - {back} and p.{value} is not null"
        " order by p.time desc limit 1)) as before from ("
        "select {time} as at, device, simulated, {first} as first, {last} as last, {least} as least,"
        " {greatest} as greatest, lag({last}) over (partition by device, simulated order by {time}) as neighbour"
        " from {source} where {time} >= %(start)s - {back} and {time} < %(end)s and {last} is not null"
        ") as w where w.at >= %(start)s)"
    ).format(
        steps=Identifier(f"v{number}"),
        value=value,
        readings=table(device_type.name),
        back=_back(device_type),
        time=time,
        first=first,
        last=last,
        least=least,
        greatest=greatest,
        source=source,
    )
    again = SQL(
        "{again} as (insert into penfeld.restart (device_type, field, hour, device, simulated, lost)"
        " select {type}, {field}, {hour}, device, simulated, sum({lost}) from {steps} as v where {fell}"
        " group by 3, 4, 5)"
    ).format(
        again=Identifier(f"r{number}"),
        type=Literal(device_type.name),
        field=Literal(field.name),
        hour=bucket(HOUR, SQL("v.at"), "UTC"),
        lost=LOST,
        steps=Identifier(f"v{number}"),
        fell=FELL,
    )
    grown = SQL(
        "{grown} as (select {hour} as bucket, {district} as district, v.simulated, sum({increase})::{type} as {delta}"
        " from {steps} as v left join penfeld.device as d on d.key = v.device group by 1, 2, 3)"
    ).format(
        grown=Identifier(f"d{number}"),
        hour=bucket(HOUR, SQL("v.at"), "UTC"),
        district=_DISTRICT,
        increase=INCREASE,
        type=SQL(delta.type),
        delta=Identifier(delta.column),
        steps=Identifier(f"v{number}"),
    )
    return steps, again, grown


def _back(device_type: DeviceType) -> Composed:
    """Return how far before the window neighbours are looked for by reading them all, before each is looked up."""
    seconds = int(max(timedelta(hours=1), 2 * device_type.period).total_seconds())
    return SQL("{}::interval").format(Literal(f"{-(-seconds // 3600)} h"))


def _names(columns: dict[str, str]) -> Composable:
    return SQL(", ").join(map(Identifier, columns))
