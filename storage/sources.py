"""Where a chart's figures come from: the readings or one rollup of a device type, and the SQL that reads them. Pure.

Rules:

1. Every field is read as the same columns of double precision, whatever its kind; a switch (bool) counts as 0 and 1.
2. Statistics are made of counts, sums and extremes, never of means.
3. A counter that falls has started again from 0: ``increase`` and ``INCREASE`` are the same rule, for us and for the
   database. Where one ``FELL``, its values lost what they would have shown of the increase (``LOST``); so consumption
   is the difference of two values and what was lost between them, however long the range.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal, Placeholder

from model.device import DeviceType, Field, Kind
from model.questions import Aggregation
from model.resolution import Resolution
from storage import rollups
from storage.tables import table

FELL = SQL("(first < before or least < first)")
INCREASE = SQL(
    "case when before is null then 0 when first >= before then first - before else first end"
    " + case when least >= first then last - first when greatest > last then greatest - first + last else last end"
)
LOST = SQL("({}) - (last - coalesce(before, first))").format(INCREASE)
_LEVELS = {Resolution(level.name): level for level in rollups.LEVELS}
_NULL = SQL("null::double precision")


@dataclass(frozen=True, slots=True)
class Statistics:
    """What one bucket holds of one field. ``first`` and ``last``: of a counter only."""

    count: int
    total: float
    least: float
    greatest: float
    first: float | None
    last: float | None


def increase(before: float | None, first: float, last: float, least: float, greatest: float) -> float:
    """Return how much a counter grew in a bucket since its last value ``before``, if there is any.

    Of a counter that started again and then passed the value that it fell from, only what came after is known.
    """
    until = 0.0 if before is None else first - before if first >= before else first
    if least >= first:
        return until + last - first
    return until + last + (greatest - first if greatest > last else 0.0)


class Source:
    """One table, view or continuous aggregate; ``name`` is its name with the schema."""

    def __init__(self, device_type: DeviceType, resolution: Resolution, *, group: bool = False) -> None:
        self.resolution = resolution
        self._type = device_type
        self._raw = resolution is Resolution.RAW
        if self._raw:
            self.name = f"readings.{device_type.name}"
            self._relation: Composable = table(device_type.name)
        else:
            level = _LEVELS[resolution]
            self.name = f"{rollups.SCHEMA}.{rollups.name(device_type.name, level, group=group)}"
            self._relation = rollups.relation(device_type.name, level, group=group)
        self._time = Identifier("time" if self._raw else "bucket")

    def read_from(self, schema: str, name: str) -> "Source":
        """Return the same source, read from another relation of the same columns."""
        other = Source(self._type, self.resolution)
        other._relation = Identifier(schema, name)
        return other

    def newest(self) -> Composed:
        """Return the query for the last bucket."""
        return SQL("select max({}) from {}").format(self._time, self._relation)

    def series(self, fields: Sequence[Field], *, simulated: bool | None) -> Composed:
        """Return rows of device, time, then for each field the columns of ``Statistics``, or its value in a reading.

        They are in order of device and time.
        """
        columns = [column for field in fields for column in (_reading(field) if self._raw else _bucket(field))]
        return SQL(
            "select device, {time}{columns} from {relation} where {chosen}{merged} order by device, {time}"
        ).format(
            time=self._time,
            columns=_listed(columns),
            relation=self._relation,
            chosen=self._chosen(simulated=simulated, devices=True),
            merged=SQL("") if self._raw else SQL(" group by device, bucket"),
        )

    def aggregated(
        self,
        fields: Sequence[Field],
        aggregation: Aggregation,
        resolution: Resolution,
        *,
        zone: str,
        devices: bool,
        simulated: bool | None,
    ) -> Composed:
        """Return rows of id, bucket, then a value of each field, in that order; only those behind ``at`` and ``id``.

        ``last``, of the readings, is the newest value that there is in the bucket.
        """
        bucket: Composable = Identifier("bucket")
        if self._raw:
            bucket = rollups.bucket(_LEVELS[resolution], Identifier("time"), zone)
            newest = SQL("(array_agg({0} order by time desc) filter (where {0} is not null))[1]")
            columns: list[Composed] = [newest.format(value) for field in fields for value in _reading(field)]
        else:
            columns = [_aggregate(field, aggregation) for field in fields]
        named = [SQL("{} as {}").format(value, _column(n, "value")) for n, value in enumerate(columns)]
        return SQL(
            "select d.id, b.bucket{values} from (select device, {bucket} as bucket{named} from {relation}"
            " where {chosen} group by 1, 2) as b join penfeld.device as d on d.key = b.device"
            ' where %(at)s::timestamptz is null or (b.bucket, d.id collate "C") > (%(at)s, %(id)s)'
            ' order by b.bucket, d.id collate "C" limit %(limit)s'
        ).format(
            values=_listed([_column(n, "value") for n in range(len(fields))]),
            bucket=bucket,
            named=_listed(named),
            relation=self._relation,
            chosen=self._chosen(simulated=simulated, devices=devices),
        )

    def before(self, fields: Sequence[Field], *, simulated: bool | None) -> Composed:
        """Return rows of device, then the last value before ``start`` of each counter, null for other fields."""
        form = SQL(
            "(select {value}::double precision from {relation} where device = k.device and {time} >= %(before)s"
            " and {time} < %(start)s and {value} is not null{mark} order by {time} desc limit 1)"
        )
        values: list[Composable] = [
            form.format(
                value=Identifier(field.name if self._raw else f"{field.name}_last"),
                relation=self._relation,
                time=self._time,
                mark=_mark(simulated=simulated),
            )
            if field.counter
            else _NULL
            for field in fields
        ]
        return SQL("select k.device{} from unnest(%(keys)s::integer[]) as k (device)").format(_listed(values))

    def spoken(self) -> Composed:
        """Return, of a rollup by group, the last bucket before ``start``, and the first and last one from then on."""
        return SQL(
            "select max(bucket) filter (where bucket < %(start)s), min(bucket) filter (where bucket >= %(start)s),"
            " max(bucket) filter (where bucket >= %(start)s) from {} where bucket >= %(before)s and bucket < %(end)s"
        ).format(self._relation)

    def top(
        self, counter: Field, *, begins: bool, until_now: bool, districts: bool, simulated: bool | None
    ) -> Composed:
        """Return rows of key, id, name, district and increase of the devices whose counter grew most, in that order.

        The increase is the last value in the buckets from ``last`` to ``last_end`` less that in those from ``previous``
        to ``previous_end``, and what was lost where the counter started again. ``begins``: nothing is known from
        before, so of the latter the first value counts; ``until_now``: of the former the newest. At the end come all
        devices of which one of the two is not there, with no increase.
        """
        # TimescaleDB leaves out what is not materialized yet by both ends of a range only, not by "bucket =".
        edge = SQL(
            "select device, simulated, {value} as value from {relation}"
            " where bucket >= {start} and bucket < {end} and {value} is not null"
        )
        previous = edge.format(
            value=Identifier(f"{counter.name}_{'first' if begins else 'last'}"),
            relation=self._relation,
            start=SQL("%(previous)s"),
            end=SQL("%(previous_end)s"),
        )
        last = edge.format(
            value=Identifier(f"{counter.name}_last"),
            relation=self._relation,
            start=SQL("%(last)s"),
            end=SQL("%(last_end)s"),
        )
        if until_now:
            time = Identifier(f"{counter.name}__time")
            last = SQL(
                "select l.device, d.simulated, l.{} as value from {} as l join penfeld.device as d on d.key = l.device"
                " where {} >= %(start)s and {} < %(end)s"
            ).format(Identifier(counter.name), Identifier("latest", self._type.name), time, time)
        return SQL(
            "select key, id, name, district, increase from ("
            'select *, row_number() over (order by increase desc nulls last, id collate "C") as place from ('
            "select d.key, d.id, d.name, d.district,"
            " (z.value - b.value)::double precision + coalesce(r.lost, 0) as increase from penfeld.device as d"
            " left join ({last}) as z on z.device = d.key and z.simulated = d.simulated"
            " left join ({previous}) as b on b.device = d.key and b.simulated = d.simulated"
            " left join (select device, simulated, sum(lost) as lost from penfeld.restart where device_type = {type}"
            " and field = {field} and hour >= %(start)s and hour < %(end)s group by 1, 2) as r"
            " on r.device = d.key and r.simulated = d.simulated where d.type = {type}{mark}{districts}"
            ") as t) as t where increase is null or place <= %(limit)s order by place"
        ).format(
            last=last,
            previous=previous,
            type=Literal(self._type.name),
            field=Literal(counter.name),
            mark=_device_mark(simulated=simulated),
            districts=SQL(" and coalesce(d.district, '') = any(%(districts)s)") if districts else SQL(""),
        )

    def worst(self, usual: int, odd: Sequence[int], *, devices: bool, simulated: bool | None) -> Composed:
        """Return rows of key, id, name, district, first seen, expected, received of those that lack most.

        Behind them come the sums of expected and received over all active devices, or the ``devices`` that are among
        ``keys``. A bucket counts for no more than what is expected in it: ``usual``, or in the buckets ``odd_0``,
        ``odd_1`` … the next of ``odd``.
        """
        most: Composable = Literal(usual)
        if odd:
            cases = SQL(" ").join(
                SQL("when {} then {}").format(Placeholder(f"odd_{position}"), Literal(number))
                for position, number in enumerate(odd)
            )
            most = SQL("case bucket {} else {} end").format(cases, most)
        return SQL(_WORST).format(
            most=most,
            relation=self._relation,
            chosen=self._chosen(simulated=simulated, devices=devices),
            type=Literal(self._type.name),
            mark=_device_mark(simulated=simulated),
            keys=SQL(" and d.key = any(%(keys)s)" if devices else ""),
        )

    def silences(self, *, devices: bool, simulated: bool | None) -> Composed:
        """Return rows of device, time, the time before it and the one after it, by device and time.

        Only those behind which, or before which, nothing is for longer than ``apart``, or nothing at all.
        """
        return SQL(
            "select device, {time}, before, after from ("
            "select device, {time}, lag({time}) over device as before, lead({time}) over device as after"
            " from {relation} where {chosen} window device as (partition by device order by {time})) as t"
            " where before is null or after is null or after - {time} > %(apart)s order by device, {time}"
        ).format(
            time=self._time,
            relation=self._relation,
            chosen=self._chosen(simulated=simulated, devices=devices),
        )

    def group(self, names: Sequence[str], *, districts: bool, simulated: bool | None) -> Composed:
        """Return a branch of ``grouped``: rows of this rollup by group, with the columns of all these fields."""
        columns = [
            SQL("{} as {}").format(value, _column(position, ending))
            for position, name in enumerate(names)
            for ending, value in zip(_ENDINGS, _group(self._type.field(name)), strict=True)
        ]
        return SQL("select bucket, district{} from {} where {}{}").format(
            _listed(columns),
            self._relation,
            SQL("district = any(%(districts)s) and ") if districts else SQL(""),
            self._chosen(simulated=simulated, devices=False),
        )

    def _chosen(self, *, simulated: bool | None, devices: bool) -> Composed:
        return SQL("{devices}{time} >= %(start)s and {time} < %(end)s{mark}").format(
            devices=SQL("device = any(%(keys)s) and ") if devices else SQL(""),
            time=self._time,
            mark=_mark(simulated=simulated),
        )


_ENDINGS = ("devices", "count", "total", "least", "greatest", "increase")
_MEANING: Sequence[SQL] = (
    SQL("sum({})::bigint"),
    SQL("sum({})::bigint"),
    SQL("sum({})"),
    SQL("min({})"),
    SQL("max({})"),
    SQL("sum({})"),
)


def grouped(branches: Sequence[Composed], names: Sequence[str], *, by_district: bool) -> Composed:
    """Return rows of district (null: all), bucket, then the columns of ``_ENDINGS`` for each name; in that order."""
    columns = [
        meaning.format(_column(position, ending))
        for position in range(len(names))
        for ending, meaning in zip(_ENDINGS, _MEANING, strict=True)
    ]
    return SQL("select {}, bucket{} from ({}) as b group by 1, 2 order by 1, 2").format(
        SQL("district" if by_district else "null::text"), _listed(columns), SQL(" union all ").join(branches)
    )


_WORST = """
with r as (
    select device, sum(least(readings, {most})::integer) as received
    from {relation} where {chosen} group by device
), k as (
    select d.key, d.id, d.name, d.district, least(d.first_seen, h.first_seen) as first_seen, r.received
    from penfeld.device as d
    left join penfeld.heard as h on h.device = d.key
    left join r on r.device = d.key
    where d.type = {type} and d.state = 'active'{mark}{keys}
), e as (
    select *, case when first_seen > %(start)s
        then floor(extract(epoch from %(end)s - least(first_seen, %(end)s, (
            select min(bucket) from {relation} where {chosen} and device = k.key
        ))) / %(period_s)s)::integer
        else %(expected)s
    end as expected
    from k
), b as (
    select *, least(coalesce(received, 0), expected)::integer as brought from e
)
select key, id, name, district, first_seen, expected, brought, sum(expected) over (), sum(brought) over ()
from b
order by brought::double precision / greatest(expected, 1) + (expected = 0)::integer, id collate "C"
limit %(limit)s
"""


def newest(device_type: DeviceType, names: Sequence[str]) -> Composed:
    """Return rows of the active devices of a type and, for each field, its newest value and that one's time."""
    columns = [Identifier("l", column) for name in names for column in (name, f"{name}__time")]
    return SQL(
        "select d.id, d.name, d.district, d.latitude, d.longitude, d.simulated, h.time, h.flags{}"
        " from penfeld.device as d join penfeld.heard as h on h.device = d.key join {} as l on l.device = d.key"
        " where d.type = %(type)s and d.state = 'active' and h.time is not null order by d.id collate \"C\""
    ).format(_listed(columns), Identifier("latest", device_type.name))


def _reading(field: Field) -> list[Composable]:
    """Return the value of a field in one reading."""
    form = SQL("{}::integer::double precision" if field.kind is Kind.BOOL else "{}::double precision")
    return [form.format(Identifier(field.name))]


def _bucket(field: Field) -> list[Composable]:
    """Return the columns of ``Statistics`` over the rows of one bucket: two, if only some of its data is simulated."""
    count, total, least, greatest = _extremes(field)
    found: list[Composable] = [
        SQL("sum({})::bigint").format(count),
        SQL("sum({})").format(total),
        SQL("min({})").format(least),
        SQL("max({})").format(greatest),
    ]
    if not field.counter:
        return [*found, _NULL, _NULL]
    return [
        *found,
        SQL("min({})::double precision").format(Identifier(f"{field.name}_first")),
        SQL("max({})::double precision").format(Identifier(f"{field.name}_last")),
    ]


def _aggregate(field: Field, aggregation: Aggregation) -> Composed:
    """Return one statistic over the rows of a rollup that a query groups."""
    count, total, least, greatest = _extremes(field)
    match aggregation:
        case "mean":
            return SQL("sum({}) / nullif(sum({}), 0)").format(total, count)
        case "min":
            return SQL("min({})").format(least)
        case "max":
            return SQL("max({})").format(greatest)
        case "sum":
            return SQL("sum({})").format(total)
        case _:
            return SQL("sum({})::bigint").format(count)


def _group(field: Field | None) -> list[Composable]:
    """Return the columns of ``_ENDINGS`` in one row of a rollup by group."""
    if field is None:
        return [_NULL] * len(_ENDINGS)
    count, total, least, greatest = _extremes(field)
    delta = SQL("{}::double precision").format(Identifier(f"{field.name}_delta")) if field.counter else _NULL
    return [SQL("devices"), count, total, least, greatest, delta]


def _extremes(field: Field) -> tuple[Composable, Composable, Composable, Composable]:
    """Return count, total, least and greatest value in one row of a rollup."""
    count = Identifier(f"{field.name}_count")
    if field.kind is Kind.BOOL:
        true = Identifier(f"{field.name}_true")
        either = "case when {count} > 0 then ({true} {test})::integer::double precision end"
        return (
            count,
            SQL("{}::double precision").format(true),
            SQL(either).format(count=count, true=true, test=SQL("= {}").format(count)),
            SQL(either).format(count=count, true=true, test=SQL("> 0")),
        )
    total, least, greatest = (
        SQL("{}::double precision").format(Identifier(f"{field.name}_{ending}")) for ending in ("sum", "min", "max")
    )
    return count, total, least, greatest


def _column(position: int, ending: str) -> Identifier:
    return Identifier(f"{ending}_{position}")


def _listed(columns: Sequence[Composable]) -> Composed:
    return SQL("").join(SQL(", {}").format(column) for column in columns)


def _mark(*, simulated: bool | None) -> SQL:
    return SQL("" if simulated is None else " and simulated = %(simulated)s")


def _device_mark(*, simulated: bool | None) -> SQL:
    return SQL("" if simulated is None else " and d.simulated = %(simulated)s")
