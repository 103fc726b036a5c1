"""How hypertables stand in chunks and in the columnstore. Pure.

A batch of the columnstore holds up to a thousand rows of one device, and costs something for itself; so a chunk of
readings is as long as a device takes for about a thousand of them. docs/decisions/0003-rollups.md has the figures.
"""

from datetime import timedelta
from typing import LiteralString

from model.device import DeviceType

BATCH = 1000
"""Rows of one device that the columnstore puts together at most."""
UPLINK_CHUNK = timedelta(days=1)
READINGS: LiteralString = "time desc"
UPLINK: LiteralString = "time desc, key"
ROLLUP: LiteralString = "bucket desc"
"""In which order rows of a device stand in a batch."""
_SHORTEST, _LONGEST = timedelta(days=1), timedelta(days=28)


def chunk(device_type: DeviceType) -> timedelta:
    """Return the time that one chunk of a type's readings covers: whole days."""
    days = timedelta(days=BATCH * device_type.period // timedelta(days=1))
    return min(max(days, _SHORTEST), _LONGEST)
