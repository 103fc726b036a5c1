"""How often each device speaks, learnt from what it said: the median pause between its newest readings.

Rules:

1. Its newest 50 readings of a week count, in event time; with fewer than six nothing is learnt.
2. What changed by less than a twentieth is left as it is: rules are looked at again whenever a cadence changes.
"""

from datetime import datetime, timedelta

import numpy as np
from psycopg.sql import SQL

from storage.arrays import Float8s, Int4s
from storage.connection import Database
from storage.statements import statement
from storage.tables import kinds, table

_BACK = timedelta(days=7)
_AT_ONCE = 2_000
_LEARN = SQL(
    "select device, percentile_cont(0.5) within group (order by pause) from ("
    " select p.device, extract(epoch from r.time - lag(r.time) over (partition by p.device order by r.time)) as pause"
    " from unnest(%(devices)s::integer[]) as p (device) cross join lateral ("
    " select time from {} where device = p.device and time > %(since)s and time <= %(now)s"
    " order by time desc limit 50) as r) as pauses"
    " where pause is not null group by device having count(*) >= 5"
)


async def learn(database: Database, device_type: str, now: datetime) -> int:
    """Learn how often the devices of a type speak; return of how many it was found out."""
    if device_type not in await kinds(database):
        return 0
    keys = [key for (key,) in await database.fetch(statement("devices_of_type"), (device_type,))]
    learnt = 0
    for first in range(0, len(keys), _AT_ONCE):
        parameters = {"devices": keys[first : first + _AT_ONCE], "since": now - _BACK, "now": now}
        found = await database.fetch(_LEARN.format(table(device_type)), parameters)
        if found:
            devices = np.array([device for device, _ in found], dtype=np.int64)
            pauses = np.array([float(pause) for _, pause in found], dtype=np.float64)
            async with database.connection() as connection:
                values = {"devices": Int4s(devices), "pauses": Float8s(pauses), "at": now}
                await connection.execute(statement("note_cadence"), values)
            learnt += len(found)
    return learnt
