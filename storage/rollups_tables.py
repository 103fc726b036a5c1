"""The statement that refreshes a rollup by device on plain PostgreSQL, where it is a table. Pure.

It computes the window from ``%(start)s`` to ``%(end)s`` and writes only what differs: the hour that is just filling is
computed again and again.
"""

from psycopg.sql import SQL, Composed, Identifier

from model.device import DeviceType
from storage import rollups_select as select
from storage.rollups import relation
from storage.rollups_plan import Planned

_KEY = ("bucket", "device", "simulated")


def refresh(device_type: DeviceType, planned: Planned, zone: str) -> Composed:
    """Return the statement for one level, which is a table."""
    window = SQL("{0} >= %(start)s and {0} < %(end)s")
    if planned.finer is None:
        fresh = select.of_readings(
            device_type, planned.level, zone, timescaledb=False, where=window.format(SQL("time"))
        )
    else:
        fresh = select.of_rollup(
            device_type, planned.finer, planned.level, zone, timescaledb=False, where=window.format(SQL("bucket"))
        )
    names = list(select.columns(device_type))
    values = [column for column in names if column not in _KEY]
    return SQL(
        "with fresh as materialized ({fresh}),"
        " gone as (delete from {target} as old where bucket >= %(start)s and bucket < %(end)s and not exists"
        " (select from fresh as f where f.device = old.device and f.bucket = old.bucket"
        " and f.simulated = old.simulated))"
        " insert into {target} as old ({names}) select {names} from fresh"
        " on conflict (device, bucket, simulated) do update set {changes}"
        " where ({old}) is distinct from ({new})"
    ).format(
        fresh=fresh,
        target=relation(device_type.name, planned.level),
        names=SQL(", ").join(map(Identifier, names)),
        changes=SQL(", ").join(SQL("{0} = excluded.{0}").format(Identifier(column)) for column in values),
        old=SQL(", ").join(Identifier("old", column) for column in values),
        new=SQL(", ").join(Identifier("excluded", column) for column in values),
    )
