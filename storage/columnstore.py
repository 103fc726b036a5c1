"""How readings stand in chunks and in the columnstore. Pure.

Rules, with their figures in docs/decisions/0003-rollups.md:

1. A batch of the columnstore holds up to a thousand rows of one device, and costs something for itself; so a chunk of
   readings is as long as a device takes for about a thousand of them.
2. Numbers are columns of ``penfeld.measure``, a domain that is double precision and nothing else. TimescaleDB packs
   double precision bit by bit, which is for values that hardly change; a type that it does not know gets a dictionary.
   What sensors send are a few hundred different values, with noise: half the size.
3. Positions change a little each time and never come back: they stay double precision.
"""

from datetime import timedelta
from typing import LiteralString

from model.device import DeviceType, Field, Kind

BATCH = 1000
"""Rows of one device that the columnstore puts together at most."""
UPLINK_CHUNK = timedelta(days=1)
READINGS: LiteralString = "time desc"
UPLINK: LiteralString = "time desc, key"
ROLLUP: LiteralString = "bucket desc"
"""In which order rows of a device stand in a batch."""
MEASURE: LiteralString = "penfeld.measure"
_POSITIONS = frozenset({"latitude", "longitude"})
_SHORTEST, _LONGEST = timedelta(days=1), timedelta(days=28)


def chunk(device_type: DeviceType) -> timedelta:
    """Return the time that one chunk of a type's readings covers: whole days."""
    days = timedelta(days=BATCH * device_type.period // timedelta(days=1))
    return min(max(days, _SHORTEST), _LONGEST)


def is_measure(field: Field) -> bool:
    """Whether a field's column is of ``penfeld.measure``."""
    return field.kind is Kind.FLOAT and field.quantity not in _POSITIONS
