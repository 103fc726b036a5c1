"""``penfeld.reading_values``: all readings of the types in use in the narrow form, a row for each value. Pure.

For those who want one list of everything; charts read the wide tables and their rollups, which is much faster.
"""

from collections.abc import Sequence

from psycopg.sql import SQL, Composed, Identifier, Literal

from model.device import DeviceType, Kind
from storage.tables import table

_EMPTY = SQL(
    "select null::integer, null::text, null::timestamptz, null::text, null::double precision, null::text,"
    " null::boolean where false"
)


def view(types: Sequence[DeviceType]) -> Composed:
    """Return the statement that makes the view over these types."""
    return SQL(
        "create or replace view penfeld.reading_values"
        " (device, device_type, time, field, value, text_value, simulated) as {}"
    ).format(SQL(" union all ").join([_EMPTY, *(_rows(device_type) for device_type in types if device_type.fields)]))


def _rows(device_type: DeviceType) -> Composed:
    values = [
        SQL("({}, {}, {})").format(
            Literal(field.name),
            SQL("null::double precision")
            if field.kind is Kind.TEXT
            else SQL("{}::double precision" if field.kind is not Kind.BOOL else "{}::integer::double precision").format(
                Identifier(field.name)
            ),
            Identifier(field.name) if field.kind is Kind.TEXT else SQL("null::text"),
        )
        for field in device_type.fields
    ]
    return SQL(
        "select r.device, {}, r.time, v.field, v.value, v.text_value, r.simulated from {} as r"
        " cross join lateral (values {}) as v (field, value, text_value)"
        " where v.value is not null or v.text_value is not null"
    ).format(Literal(device_type.name), table(device_type.name), SQL(", ").join(values))
