"""What SensorThings asks of the database: the ``Observations`` of ``model.observations``.

Rules:

1. A branch of the query for each group of series of one device type; each is ordered and cut by itself, so that the
   index by device and time (or by time) is read no further than the page needs.
2. Paging is by key: a page goes on behind the place of its last observation in the order.
3. Names of tables and columns come from device types and are quoted; everything else is a parameter.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.sql import SQL, Composable, Identifier, Literal

from model.device import DeviceType, Field, Kind
from model.errors import BadRequestError
from model.observations import Chosen, Column, Extent, Key, Observed
from model.value import Value
from storage import latest
from storage.connection import Database, RefusedError
from storage.sta_terms import Condition
from storage.statements import statement
from storage.tables import table

_INNER: dict[Column, SQL] = {
    "time": SQL("r.time"),
    "received_at": SQL("r.received_at"),
    "number": SQL("v.number"),
    "word": SQL('v.word collate "C"'),
    "truth": SQL("v.truth"),
    "device": SQL('d.id collate "C"'),
    "field": SQL('v.field collate "C"'),
}
_OUTER: dict[Column, SQL] = {
    "time": SQL("time"),
    "received_at": SQL("received_at"),
    "number": SQL("number"),
    "word": SQL('word collate "C"'),
    "truth": SQL("truth"),
    "device": SQL('device collate "C"'),
    "field": SQL('field collate "C"'),
}
_CASTS: dict[Column, SQL] = {"number": SQL("{}::double precision"), "truth": SQL("{}::boolean")}


class Observations:
    """Reads single values out of readings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def observations(
        self,
        chosen: Sequence[Chosen],
        *,
        order: Sequence[Key],
        limit: int,
        skip: int = 0,
        after: Sequence[Value | datetime] | None = None,
    ) -> Sequence[Observed]:
        """Return at most ``limit`` observations in this order, behind the one whose cells in it are ``after``."""
        if not chosen:
            return ()
        condition = Condition({"limit": limit, "skip": skip, "rows": limit + skip})
        branches = [_branch(one, condition, order, after) for one in chosen]
        query = statement("sta_all").format(branches=_union(branches), order=_order(order, _OUTER))
        return [_observed(row) for row in await self._fetch(query, condition)]

    async def of_each(self, chosen: Sequence[Chosen], *, order: Sequence[Key], limit: int) -> Sequence[Observed]:
        """Return at most ``limit`` observations of each device and field, those of one series in this order."""
        condition = Condition({"rows": limit})
        branches = [
            statement("sta_each").format(
                **_source(one, (field,)),
                conditions=SQL(" and ").join(_conditions(one, (field,), condition)),
                order=_order(order, _INNER),
                devices=condition.value(list(one.devices or ())),
            )
            for one in chosen
            for field in one.fields
        ]
        if not branches:
            return ()
        return [_observed(row) for row in await self._fetch(_union(branches), condition)]

    async def count(self, chosen: Sequence[Chosen], *, limit: int) -> int:
        """Return how many observations there are; ``limit`` where there are as many or more."""
        if not chosen:
            return 0
        condition = Condition({"rows": limit})
        branches = [_branch(one, condition, (), None) for one in chosen]
        [(count,)] = await self._fetch(statement("sta_count").format(branches=_union(branches)), condition)
        return int(count)

    async def extents(self, device_type: DeviceType, devices: Sequence[str]) -> Mapping[tuple[str, str], Extent]:
        """Return (device, field) -> its extent; series without any value are absent."""
        names = [field.name for field in device_type.fields]
        if not names or not devices:
            return {}
        query = statement("sta_extents").format(
            times=SQL(", ").join(SQL("n.{}").format(Identifier(name + latest.TIME)) for name in names),
            latest=latest.table(device_type.name),
            table=table(device_type.name),
        )
        found = {}
        for device, first, received, last_received, *times in await self._database.fetch(
            query, {"devices": list(devices)}
        ):
            for name, last in zip(names, times, strict=True):
                if last is not None:
                    found[device, name] = Extent(first, last, received, last_received)
        return found

    async def _fetch(self, query: Composable, condition: Condition) -> list[tuple[Any, ...]]:
        try:
            return await self._database.fetch(SQL("{}").format(query), condition.parameters)
        except RefusedError as error:
            raise BadRequestError(f"$filter asks for what cannot be reckoned: {error}") from error


def _branch(
    one: Chosen, condition: Condition, order: Sequence[Key], after: Sequence[Value | datetime] | None
) -> Composable:
    """Return the query for one group of series."""
    named = SQL("d.state <> 'pending' and d.type = {}").format(Literal(one.device_type.name))
    conditions = [named, *_conditions(one, one.fields, condition)]
    if one.devices is not None:
        keys = SQL("r.device = any(array(select key from penfeld.device where id = any({})))")
        conditions.append(keys.format(condition.value(list(one.devices))))
    if after is not None:
        conditions += _behind(order, after, condition)
    return SQL("({})").format(
        statement("sta_branch").format(
            **_source(one, one.fields),
            conditions=SQL(" and ").join(conditions),
            order=_order(order, _INNER),
        )
    )


def _source(one: Chosen, fields: Sequence[Field]) -> dict[str, Composable]:
    """Return the parts of a query that tell where observations come from."""
    return {
        "table": table(one.device_type.name),
        "fields": SQL(", ").join(map(_row, fields)),
        "latitude": _place(one.device_type, "latitude"),
        "longitude": _place(one.device_type, "longitude"),
    }


def _row(field: Field) -> Composable:
    """Return a field's cells: its name, and its value in the columns of its kind."""
    column = SQL("r.{}").format(Identifier(field.name))
    float8, empty = SQL("{}::double precision"), SQL("null::{}")
    cells = {
        "number": float8.format(column) if field.kind in {Kind.FLOAT, Kind.INT} else float8.format(SQL("null")),
        "whole": column if field.kind is Kind.INT else empty.format(SQL("bigint")),
        "word": column if field.kind is Kind.TEXT else empty.format(SQL("text")),
        "truth": column if field.kind is Kind.BOOL else empty.format(SQL("boolean")),
    }
    return SQL("({}::text, {})").format(Literal(field.name), SQL(", ").join(cells.values()))


def _place(device_type: DeviceType, quantity: str) -> Composable:
    """Return where a reading says its latitude or longitude, null for types that do not."""
    name = next((field.name for field in device_type.fields if field.quantity == quantity), None)
    said = SQL("null") if name is None else SQL("r.{}").format(Identifier(name))
    return SQL("{}::double precision").format(said)


def _conditions(one: Chosen, fields: Sequence[Field], condition: Condition) -> list[Composable]:
    present: list[Composable] = [
        SQL("coalesce(v.number is not null or v.word is not null or v.truth is not null, false)")
    ]
    if len(fields) == 1:
        present = [SQL("r.{} is not null").format(Identifier(fields[0].name))]
    return present if one.where is None else [*present, condition.of(one.where)]


def _behind(order: Sequence[Key], after: Sequence[Value | datetime], condition: Condition) -> Iterator[Composable]:
    """Yield what holds of everything behind a place in an order."""
    cells = [
        (_INNER[key.column], SQL("<" if key.descending else ">"), _cell(key, value, condition))
        for key, value in zip(order, after, strict=True)
    ]
    column, sign, cell = cells[0]
    yield SQL("{} {}= {}").format(column, sign, cell)  # for the index; the rest tells what is equal in it apart
    ways = []
    for n, (column, sign, cell) in enumerate(cells):
        same = [SQL("{} = {}").format(one, value) for one, _, value in cells[:n]]
        ways.append(SQL("({})").format(SQL(" and ").join([*same, SQL("{} {} {}").format(column, sign, cell)])))
    yield SQL("({})").format(SQL(" or ").join(ways))


def _cell(key: Key, value: Value | datetime, condition: Condition) -> Composable:
    cast = SQL("{}::timestamptz") if isinstance(value, datetime) else _CASTS.get(key.column, SQL("{}::text"))
    return cast.format(condition.value(value))


def _order(order: Sequence[Key], columns: Mapping[Column, SQL]) -> Composable:
    keys = [SQL("{} {}").format(columns[key.column], SQL("desc" if key.descending else "asc")) for key in order]
    return SQL(", ").join(keys) if keys else SQL("(select null)")


def _union(branches: Sequence[Composable]) -> Composable:
    return SQL(" union all ").join(branches)


def _observed(row: Sequence[Any]) -> Observed:
    device, field, time, received_at, flags, simulated, version, number, whole, word, truth, latitude, longitude = row
    value: Value = whole
    if value is None:
        value = next((cell for cell in (number, word, truth) if cell is not None), None)
    return Observed(
        device=device,
        field=field,
        time=time,
        received_at=received_at,
        value=value,
        flags=tuple(flags or ()),
        simulated=simulated,
        version=version,
        latitude=latitude,
        longitude=longitude,
    )
