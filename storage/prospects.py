"""Which devices' readings can matter to a rule, day by day, as the hourly rollups tell: the others need not be read.

Rules:

1. Where all values of a day are within what is of no interest, that day is left out; but for the first one that has
   readings after a day that is not, since its first reading may end what began before.
2. Hours that rollups do not say yet, or not any more, count as of interest.
"""

from collections.abc import Sequence

import numpy as np
from psycopg.sql import SQL, Identifier, Literal

from model.instants import moment
from model.readings import Ints
from storage.connection import Database
from storage.rollups import HOUR, name, relation

_MOST = 0.6
"""Where more than this share is of interest, all is read: that is simpler, and as fast."""
_HOUR_US = 3_600_000_000


async def prospects(
    database: Database, device_type: str, field: str, bounds: tuple[float, float], slices: Sequence[tuple[int, int]]
) -> list[Ints | None]:
    """Return for each slice of time (µs) the devices to read, ``None`` for all.

    ``bounds``: values from the one to the other are of no interest.
    """
    everything: list[Ints | None] = [None] * len(slices)
    known = f"rollups.{Identifier(name(device_type, HOUR)).as_string()}"
    columns = {
        column
        for (column,) in await database.fetch(
            SQL("select attname::text from pg_attribute where attrelid = to_regclass(%s)"), (known,)
        )
    }
    if not {f"{field}_min", f"{field}_max"} <= columns:
        return everything
    edges = [slices[0][0] // _HOUR_US * _HOUR_US, *(start for start, _ in slices[1:])]
    beyond = SQL("{} < {} or {} > {}").format(
        Identifier(f"{field}_min"), Literal(bounds[0]), Identifier(f"{field}_max"), Literal(bounds[1])
    )
    found = await database.fetch(
        SQL(
            "select number, array_agg(device), array_agg(beyond) from ("
            " select width_bucket(bucket, %(edges)s::timestamptz[]) as number, device,"
            " bool_or(coalesce({}, false)) as beyond"
            " from {} where bucket >= %(start)s and bucket < %(end)s group by 1, 2) as each group by 1"
        ).format(beyond, relation(device_type, HOUR)),
        {
            "edges": [moment(edge) for edge in edges],
            "start": moment(edges[0]),
            "end": moment(slices[-1][1]),
        },
    )
    changed = await database.fetch(
        SQL(
            "select distinct hour from (select device_type, hour from penfeld.changed_hour union all"
            " select device_type, hour from penfeld.due_hour) as waiting where device_type = %s"
        ),
        (device_type,),
    )
    unsure = {int(np.searchsorted(edges, int(hour.timestamp() * 1e6), side="right")) for (hour,) in changed}
    spoke = {number: (np.array(devices), np.array(some)) for number, devices, some in found}
    return _chosen(len(slices), spoke, unsure) or everything


def _chosen(count: int, spoke: dict[int, tuple[Ints, Ints]], unsure: set[int]) -> list[Ints | None] | None:
    """Return the devices to read, slice by slice (numbered from 1); ``None`` where that would be most of them."""
    chosen: list[Ints | None] = []
    carried = np.zeros(0, dtype=np.int64)
    wanted = there = 0
    for number in range(1, count + 1):
        devices, beyond = spoke.get(number, (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_)))
        if number in unsure:
            chosen.append(None)
            carried = np.union1d(carried, devices)
            continue
        some = devices[beyond.astype(np.bool_)]
        mine = np.union1d(some, np.intersect1d(carried, devices))
        carried = np.union1d(some, np.setdiff1d(carried, devices))
        chosen.append(mine)
        wanted += len(mine)
        there += len(devices)
    return None if there == 0 or wanted > _MOST * there else chosen
