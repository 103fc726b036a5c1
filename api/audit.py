"""Whether the workers' own counts agree with the ledger: a worker counts a frame when its transaction is done.

So what it counted must stand in the ledger, in the hours since it started. Less there means that the database forgot
what it had confirmed: it was restored from a backup, or failed over to a copy that was behind.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from model.ports import Queries
from model.status import IngestStatus


async def forgotten(queries: Queries, statuses: Iterable[IngestStatus]) -> Mapping[str, int]:
    """Return for each worker that says when it started: frames that it counted and the ledger has not.

    The ledger's first hour may hold frames from before the start, so a small loss may hide among them, for that hour.
    """
    found = {}
    for status in statuses:
        if status.started is not None:
            sums = {one.worker: one for one in await queries.ledger_workers(start=_hour(status.started))}
            mine = sums.get(status.worker)
            found[status.worker] = max(0, status.received - (mine.received if mine else 0))
    return found


def _hour(of: datetime) -> datetime:
    return of.replace(minute=0, second=0, microsecond=0)
