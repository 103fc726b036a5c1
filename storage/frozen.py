"""Readings for open data: one day of chosen devices, raw or in buckets, in constant memory.

Rules:

1. Buckets are made of the readings themselves, never of rollups: what is published hangs on no background work.
2. The same readings give the same bytes: rows are in order of device and time, and sums are of ``numeric``, so the
   order in which the database adds them up cannot show.
3. A counter's increase is the sum of its steps since the reading before each, however far back within a day that is;
   one that falls has started again from 0.
4. A figure over many devices is empty where fewer than ``at_least`` of them have it, and so is the whole row.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from model.dataset import Aggregate, Cell, Extent, Slice
from model.device import Field, Kind
from model.resolution import Resolution
from storage import rollups
from storage.connection import Database
from storage.tables import table

CHUNK = 5000
_LEVELS = {Resolution(level.name): level for level in rollups.LEVELS}
_LISTED = SQL(", ")


class FrozenRows:
    """The ``FrozenRows`` of ``model.dataset`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def extent(self, of: Slice) -> Extent:
        """Return how much there is."""
        query = SQL(
            "select count(*), count(distinct r.device), max(r.received_at), coalesce(sum(r.codec), 0)::bigint"
            " from {} as r join penfeld.device as d on d.key = r.device where {}"
        ).format(table(of.device_type.name), _chosen(of, SQL("%(start)s")))
        [(readings, devices, newest, codecs)] = await self._database.fetch(query, _parameters(of))
        return Extent(readings, devices, newest, codecs)

    async def rows(self, of: Slice) -> AsyncIterator[Sequence[tuple[Cell, ...]]]:
        """Yield rows, a few thousand at a time."""
        query = statement_of(of)
        async with self._database.transaction() as connection, connection.cursor(name="frozen") as cursor:
            await cursor.execute(query, _parameters(of))
            while found := await cursor.fetchmany(CHUNK):
                yield found


def statement_of(of: Slice) -> Composed:
    """Return the query for the rows of a slice."""
    if of.resolution is Resolution.RAW:
        return _raw(of)
    return _one(of) if of.aggregate is None else _many(of, of.aggregate)


def _parameters(of: Slice) -> dict[str, Any]:
    return {"devices": list(of.devices), "start": of.start, "end": of.end}


def _chosen(of: Slice, start: Composable) -> Composed:
    mark = SQL("") if of.simulated is None else SQL(" and r.simulated = {}").format(Literal(of.simulated))
    return SQL("d.id = any(%(devices)s) and r.time >= {} and r.time < %(end)s{}").format(start, mark)


def _raw(of: Slice) -> Composed:
    cells = [_there(of, field, Identifier("r", field.name)) for field in of.fields]
    return SQL(
        "select {} from {} as r join penfeld.device as d on d.key = r.device"
        ' join penfeld.codec as c on c.key = r.codec where {} order by d.id collate "C", r.time'
    ).format(
        _LISTED.join(
            [
                SQL("d.id, r.time, r.received_at"),
                *cells,
                SQL("array_to_string(r.flags, ' '), c.version, r.simulated"),
            ]
        ),
        table(of.device_type.name),
        _chosen(of, SQL("%(start)s")),
    )


def _one(of: Slice) -> Composed:
    """Return buckets of each device."""
    values = [cell for field in of.fields for cell in _bucket_cells(of, field)]
    return SQL(
        "with r as materialized ({readings}) select {cells} from r where bucket >= %(start)s"
        ' group by id, bucket order by id collate "C", bucket'
    ).format(
        readings=_readings(of),
        cells=_LISTED.join([SQL("id, bucket"), *values, _QUALITY]),
    )


def _many(of: Slice, by: Aggregate) -> Composed:
    """Return buckets of many devices: each device's bucket first, then those of all of them."""
    inner = [
        SQL("{} as {}").format(cell, Identifier(field.name))
        for field in of.fields
        for cell in [_many_cell(of, field)]
        if cell is not None
    ]
    least = Literal(by.at_least)
    group = SQL("district, ") if by.by == "district" else SQL("")
    return SQL(
        "with r as materialized ({readings}), p as (select id, min(district) as district, bucket{inner},"
        " count(*) as readings, count(*) filter (where flagged) as flagged,"
        " array_agg(distinct codec) as codecs, bool_or(simulated) as simulated"
        " from r where bucket >= %(start)s group by id, bucket)"
        " select {group}bucket, count(*)::bigint{cells}, sum(readings)::bigint, sum(flagged)::bigint,"
        " (select string_agg(distinct v, ' ' order by v) from unnest(array_agg(p.codecs::text)) as l (t),"
        " unnest(l.t::text[]) as v), bool_or(simulated)"
        " from p group by {group}bucket having count(*) >= {least} order by {order}bucket"
    ).format(
        readings=_readings(of),
        inner=SQL("").join(SQL(", {}").format(cell) for cell in inner),
        group=group,
        order=SQL('district collate "C", ') if by.by == "district" else SQL(""),
        cells=SQL("").join(SQL(", {}").format(_over(of, field, least)) for field in of.fields),
        least=least,
    )


def _readings(of: Slice) -> Composed:
    """Return readings with their bucket and the steps of their counters; from a day before, for the first steps."""
    cells = [SQL("r.{}").format(Identifier(field.name)) for field in of.fields if of.device_type.field(field.name)]
    steps = [_step(field) for field in of.fields if field.counter and of.device_type.field(field.name)]
    begin = rollups.bucket(_LEVELS[of.resolution], SQL("r.time"), of.zone)
    return SQL(
        "select d.id, coalesce(d.district, '') as district, {bucket} as bucket, r.time, r.simulated,"
        " r.flags is not null as flagged, c.version as codec{cells} from {table} as r"
        " join penfeld.device as d on d.key = r.device join penfeld.codec as c on c.key = r.codec where {chosen}"
    ).format(
        bucket=begin,
        cells=SQL("").join(SQL(", {}").format(cell) for cell in [*cells, *steps]),
        table=table(of.device_type.name),
        chosen=_chosen(of, SQL("%(start)s - interval '1 day'") if steps else SQL("%(start)s")),
    )


def _step(field: Field) -> Composed:
    """Return by how much a counter grew since the reading before that had it."""
    value = SQL("r.{}").format(Identifier(field.name))
    before = SQL("lag({value}) over (partition by r.device, {value} is null order by r.time)").format(value=value)
    return SQL(
        "case when {value} is null then null when {before} is null then 0"
        " when {value} >= {before} then {value}::numeric - {before}::numeric else {value}::numeric end as {name}"
    ).format(value=value, before=before, name=Identifier(f"{field.name}__step"))


def _there(of: Slice, field: Field, cell: Composable) -> Composable:
    """Return a cell, empty where the type has no such field."""
    return cell if of.device_type.field(field.name) else SQL("null")


_QUALITY = SQL(
    "count(*)::bigint, count(*) filter (where flagged)::bigint, string_agg(distinct codec, ' ' order by codec),"
    " bool_or(simulated)"
)
_SHARE = SQL("(avg(case when {} then 1 when not {} then 0 end))::double precision")
_MEAN = SQL("avg({}::numeric)::double precision")
_SUM = SQL("sum({})::double precision")


def _bucket_cells(of: Slice, field: Field) -> list[Composable]:
    value = Identifier(field.name)
    if field.kind is Kind.BOOL:
        found: list[Composable] = [_SHARE.format(value, value)]
    elif field.counter:
        last = SQL("(array_agg({} order by time desc) filter (where {} is not null))[1]").format(value, value)
        found = [last, _SUM.format(Identifier(f"{field.name}__step"))]
    else:
        found = [_MEAN.format(value), SQL("min({})").format(value), SQL("max({})").format(value)]
    return [_there(of, field, cell) for cell in found]


def _many_cell(of: Slice, field: Field) -> Composable | None:
    """Return what one device gives to a figure over many, ``None`` if the type has no such field."""
    if not of.device_type.field(field.name):
        return None
    value = Identifier(field.name)
    if field.kind is Kind.BOOL:
        return SQL("avg(case when {} then 1 when not {} then 0 end)").format(value, value)
    return (
        SQL("sum({})").format(Identifier(f"{field.name}__step"))
        if field.counter
        else SQL("avg({}::numeric)").format(value)
    )


def _over(of: Slice, field: Field, least: Composable) -> Composable:
    """Return a figure over many devices, empty if too few have it."""
    value = Identifier(field.name)
    whole = SQL("sum({})" if field.counter else "avg({})").format(value)
    cell = SQL("case when count({}) >= {} then ({})::double precision end").format(value, least, whole)
    return _there(of, field, cell)
