"""What there is to tell of a device type's codec: what no field takes, and why ingest asks it no more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from decoders.device import Definition
from decoders.proposals import Proposal
from decoders.unmapped import unmapped
from model.ports import Queries
from model.status import IngestStatus
from model.value import Value

_STATUS_LASTS = timedelta(seconds=15)
"""A worker that has not told its status for so long is gone, and so is what it suspended."""


@dataclass(frozen=True, slots=True)
class Left:
    """What devices say at a path that no field takes. ``value``: the newest, of ``time``; ``devices``: how many say it.

    ``proposal``: the field that it most likely is, ``None`` where that is not clear.
    """

    path: str
    value: Value
    time: datetime
    devices: int
    proposal: Proposal | None


async def left(queries: Queries, definition: Definition, device: str | None = None) -> Sequence[Left]:
    """Return what no field of the type takes today of what its devices, or one of them, said lately.

    What is clear comes first, then what many devices say.
    """
    if definition.codec is None:
        return ()
    found = {one.path: one for one in await queries.unmapped(definition.type, device=device)}
    proposals = unmapped(definition, {path: one.values for path, one in found.items()})
    lines = [
        Left(path, found[path].values[0], found[path].time, found[path].devices, proposal)
        for path, proposal in proposals.items()
    ]
    return sorted(lines, key=lambda one: (one.proposal is None, -one.devices, one.path))


def suspended(definition: Definition, statuses: Iterable[IngestStatus], now: datetime) -> str | None:
    """Return why a worker asks the type's script no more, ``None`` where all do."""
    if definition.script is None:
        return None
    told = (one for status in statuses if now - status.time <= _STATUS_LASTS for one in status.suspended)
    return next((one.reason for one in told if one.codec == definition.script.name), None)
