"""The newest value of each field of each device: the tables of schema ``latest``, one per device type, a row a device.

Rules:

1. Each field has its own event time (``<field>__time``), and its value never goes backwards: a newer row that does not
   mention a field leaves it. Of two rows of one time the earlier stays, as in the tables of readings.
2. A table has a pair of columns for each field of its table of readings, and is filled from it when it is made.
3. A device has a row in the table of its type; one without a type in those of the types that its topics name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from model.readings import Array, Bools, Ints, Readings
from model.views import LatestValue
from storage.arrays import ArrayParameter, Flags, Float8s, Int4s, Int8s, Texts, Times
from storage.connection import Connection
from storage.connection import rows as fetch
from storage.rows import READING_COLUMNS, Frames
from storage.statements import statement

TIME = "__time"
"""How the column with a field's event time ends."""

_ARRAYS: dict[str, Callable[[Array], ArrayParameter]] = {
    "f": Float8s,
    "i": Int8s,
    "b": lambda values: Flags(values.astype(np.bool_, copy=False)),
}


def table(device_type: str) -> Composable:
    """Return the name of a device type's table of latest values, safe to stand in SQL."""
    return Identifier("latest", device_type)


async def prepare(connection: Connection) -> None:
    """Give each table of readings its table of latest values, with a pair of columns for each field.

    A new table is filled from the readings that there are; a new field of an old one has none yet.
    """
    for name, fields, kinds, new in await fetch(connection, statement("missing_latest"), (list(READING_COLUMNS),)):
        pairs = [
            SQL("{} {}, {} timestamptz").format(Identifier(field), SQL(kind), Identifier(field + TIME))
            for field, kind in zip(fields, kinds, strict=True)
        ]
        if new:
            command = SQL("create table {} (device integer primary key, {}) with (fillfactor = 45)")
            await connection.execute(command.format(table(name), SQL(", ").join(pairs)))
            await fill(connection, name, fields)
        else:
            for field, kind in zip(fields, kinds, strict=True):
                command = SQL("alter table {} add column {} {}, add column {} timestamptz")
                names = Identifier(field), SQL(kind), Identifier(field + TIME)
                await connection.execute(command.format(table(name), *names))


async def fill(
    connection: Connection, device_type: str, fields: Sequence[str], devices: Sequence[int] | None = None
) -> None:
    """Find the latest values of a type's devices (``None``: all) again, from their readings.

    One pass over the readings finds the newest time of each field; the values are looked up by it.
    """
    times = SQL(", ").join(
        SQL("max(time) filter (where {} is not null) as {}").format(Identifier(field), Identifier(field + TIME))
        for field in fields
    )
    pairs = SQL(", ").join(
        SQL("(select {0} from {1} as r where r.device = newest.device and r.time = newest.{2}), newest.{2}").format(
            Identifier(field), Identifier("readings", device_type), Identifier(field + TIME)
        )
        for field in fields
    )
    names = SQL(", ").join(SQL("{}, {}").format(Identifier(field), Identifier(field + TIME)) for field in fields)
    command = SQL(
        "insert into {target} (device, {names}) select device, {pairs} from ("
        " select device, {times} from {readings}"
        " where (%(devices)s::integer[] is null or device = any(%(devices)s))"
        " and device in (select key from penfeld.device where type = {type} or type is null) group by device"
        ") as newest"
    ).format(
        target=table(device_type),
        names=names,
        pairs=pairs,
        times=times,
        readings=Identifier("readings", device_type),
        type=Literal(device_type),
    )
    await connection.execute(command, {"devices": None if devices is None else list(devices)})


async def values(connection: Connection, devices: Mapping[int, str | None]) -> dict[int, dict[str, LatestValue]]:
    """Return the latest values of these devices (key -> type; without a type, of all types), field by field."""
    found: dict[int, dict[str, LatestValue]] = {}
    typeless = [key for key, device_type in devices.items() if device_type is None]
    for device_type, names in await fetch(connection, statement("latest_fields"), (TIME,)):
        keys = [key for key, its_type in devices.items() if its_type == device_type] + typeless
        if not keys:
            continue
        query = SQL("select device, {} from {} where device = any(%s)").format(
            SQL(", ").join(Identifier(column) for name in names for column in (name, name + TIME)), table(device_type)
        )
        for key, *pairs in await fetch(connection, query, (Int4s(np.array(keys)),)):
            said = found.setdefault(key, {})
            for name, value, time in zip(names, pairs[::2], pairs[1::2], strict=True):
                if value is not None and (name not in said or said[name].time < time):
                    said[name] = LatestValue(value=value, time=time)
    return found


async def forget(connection: Connection, device_types: Sequence[str], devices: Sequence[int]) -> None:
    """Take the latest values of these devices out of the tables of these types."""
    for device_type in device_types:
        await connection.execute(SQL("delete from {} where device = any(%s)").format(table(device_type)), (devices,))


@dataclass(frozen=True, slots=True)
class Change:
    """A command. Where it changes fewer than ``count`` rows, ``otherwise`` is to be done with the same parameters."""

    command: SQL
    parameters: Mapping[str, Any]
    count: int
    otherwise: SQL | None = None


def changes(readings: Readings, frames: Frames, newer: Bools) -> Iterator[Change]:
    """Yield what brings the table up to these rows.

    The rows are in order of device and time, and have the kinds of the table's columns. ``newer``: rows of devices all
    of whose rows are newer than all that is stored of them; these need not be compared, which halves the cost.
    """
    names = tuple(readings.columns)
    if not names:
        return
    device = frames.device[readings.frame]
    texts = tuple(place for place, name in enumerate(names) if readings.columns[name].values.dtype.kind in "OU")
    for number, (row, said) in enumerate(_contributions(device, readings)):
        plain = newer[row] if number == 0 else np.zeros(len(row), dtype=np.bool_)
        for simply in (True, False):
            some = np.flatnonzero(plain == simply)
            if not len(some):
                continue
            gaps = not said[:, some].all()
            parameters: dict[str, Any] = {
                "count": len(some),
                "devices": Int4s(device[row[some]]),
                "times": Times(readings.time_us[row[some]]),
            }
            for place, name in enumerate(names):
                parameters[f"value{place}"] = _array(readings.columns[name].values[row[some]], said[place, some])
                if gaps:
                    parameters[f"said{place}"] = Flags(said[place, some])
            merge = _merge(readings.device_type, names, texts, gaps=gaps)
            if simply:
                yield Change(_update(readings.device_type, names, texts, gaps=gaps), parameters, len(some), merge)
            else:
                yield Change(merge, parameters, len(some))


def _contributions(device: Ints, readings: Readings) -> Iterator[tuple[Ints, Bools]]:
    """Yield rows, at most one a device each time, and which of their values are the newest (field by row).

    First each device's newest row; then, where that leaves fields open, the rows that say them.
    """
    place = np.arange(len(device))
    same = (np.diff(device, prepend=device[:1] - 1) == 0) & (np.diff(readings.time_us, prepend=-1) == 0)
    if same.any():  # of one time, the earlier row is to count as the newer
        place = np.lexsort((-place, readings.time_us, device))
    which = np.cumsum(np.diff(device, prepend=device[:1] - 1) != 0) - 1
    chosen = np.full((len(readings.columns), which[-1] + 1), -1)
    for field, column in enumerate(readings.columns.values()):
        valid = column.valid[place]
        chosen[field, which[valid]] = np.flatnonzero(valid)  # the last of a device stays
    while True:
        top = chosen.max(axis=0)
        open_ = np.flatnonzero(top >= 0)
        if not len(open_):
            return
        said = chosen[:, open_] == top[open_]
        yield place[top[open_]], said
        chosen[:, open_] = np.where(said, -1, chosen[:, open_])


def _array(values: Array, said: Bools) -> ArrayParameter:
    if values.dtype.kind in "OU":
        return Texts(
            [value.encode() if here else b"" for value, here in zip(values.tolist(), said.tolist(), strict=True)]
        )
    return _ARRAYS[values.dtype.kind](values)


def _source(names: Sequence[str], texts: Sequence[int], *, gaps: bool) -> Composed:
    """Return the parameters as rows.

    Values are taken from arrays by their place, which costs a third of a function that returns rows of many columns;
    texts cannot be, since in their arrays PostgreSQL would count from the beginning.
    """
    values = []
    for place, name in enumerate(names):
        value = SQL(f"text{place}" if place in texts else f"(%(value{place})s)[place]")
        if gaps:
            value = SQL(f"case when (%(said{place})s)[place] then {value.as_string()} end")
        values.append(SQL("{} as {}").format(value, Identifier(name)))
    unnested = [SQL(f"unnest(%(value{place})s)") for place in texts]
    aliases = [SQL(f"text{place}") for place in texts]
    return SQL(
        "(select (%(devices)s)[place] as device, (%(times)s)[place] as time, {}"
        " from rows from ({}) as p ({}) offset 0) as new"
    ).format(
        SQL(", ").join(values),
        SQL(", ").join([*unnested, SQL("generate_series(1, %(count)s)")]),
        SQL(", ").join([*aliases, SQL("place")]),
    )


@lru_cache(maxsize=256)
def _update(device_type: str, names: tuple[str, ...], texts: tuple[int, ...], *, gaps: bool) -> SQL:
    """Return the statement that takes the parameters in place of what is there, where they say something."""
    form = "{0} = new.{0}, {1} = new.time"
    if gaps:
        form = "{0} = coalesce(new.{0}, old.{0}), {1} = case when new.{0} is null then old.{1} else new.time end"
    sets = [SQL(form).format(Identifier(name), Identifier(name + TIME)) for name in names]
    command = SQL("update {} as old set {} from {} where old.device = new.device").format(
        table(device_type), SQL(", ").join(sets), _source(names, texts, gaps=gaps)
    )
    return SQL(command.as_string())


@lru_cache(maxsize=256)
def _merge(device_type: str, names: tuple[str, ...], texts: tuple[int, ...], *, gaps: bool) -> SQL:
    """Return the statement that keeps the newer of what is there and the parameters, field by field."""
    pairs = [(Identifier(name), Identifier(name + TIME)) for name in names]
    sets = [
        SQL(
            "{0} = case when new.{0} is null or old.{1} >= new.time then old.{0} else new.{0} end,"
            " {1} = case when new.{0} is null or old.{1} >= new.time then old.{1} else new.time end"
        ).format(field, time)
        for field, time in pairs
    ]
    columns = [SQL("{}, {}").format(field, time) for field, time in pairs]
    values = [SQL("new.{0}, case when new.{0} is not null then new.time end").format(field) for field, _ in pairs]
    command = SQL(
        "merge into {} as old using {} on old.device = new.device when matched then update set {}"
        " when not matched then insert (device, {}) values (new.device, {})"
    ).format(
        table(device_type),
        _source(names, texts, gaps=gaps),
        *(SQL(", ").join(each) for each in (sets, columns, values)),
    )
    return SQL(command.as_string())
