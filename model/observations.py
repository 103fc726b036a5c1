"""Single values out of readings, one observation a value, as the OGC's SensorThings wants them: words and the door.

Rules:

1. An observation is one field of one reading; its place in the world is (device, field, time), which never changes.
2. Which series are meant is told by device type: the devices (``None``: all that are registered), the fields, and what
   must hold of each observation: a term over ``LOCAL``, the properties of an observation itself.
3. Every order ends in device, field and time, so that pages neither overlap nor leave anything out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from model.device import DeviceType, Field
from model.terms import Term
from model.value import Value

LOCAL = (
    ("id",),
    ("phenomenonTime",),
    ("resultTime",),
    ("result",),
    ("validTime",),
    ("resultQuality",),
    ("parameters", "flags"),
    ("parameters", "simulated"),
    ("parameters", "codec"),
)
"""The properties of an observation of which a term may speak; those between the times and the parameters are null."""

Column = Literal["time", "received_at", "number", "word", "truth", "device", "field"]


class Observed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One value of one reading. ``latitude``, ``longitude``: what the reading itself says of the place, if it does."""

    device: str
    field: str
    time: datetime
    received_at: datetime
    value: Value
    flags: tuple[str, ...] = ()
    simulated: bool = False
    version: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Series of one device type: these fields of these devices, and what must hold of each observation."""

    device_type: DeviceType
    devices: tuple[str, ...] | None
    fields: tuple[Field, ...]
    where: Term | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One column by which observations are ordered. ``number`` is that of floats and ints, ``word`` of texts."""

    column: Column
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Extent:
    """From when to when a series goes, by event time and by arrival. It may begin a little later than it says."""

    first: datetime
    last: datetime
    first_received: datetime
    last_received: datetime


class Observations(Protocol):
    """What SensorThings asks of the database beside the register."""

    async def observations(
        self,
        chosen: Sequence[Chosen],
        *,
        order: Sequence[Key],
        limit: int,
        skip: int = 0,
        after: Sequence[Value | datetime] | None = None,
    ) -> Sequence[Observed]:
        """Return at most ``limit`` observations in this order, behind the one whose columns of the order are ``after``.

        Raise ``BadRequestError`` for a term that cannot be answered.
        """
        ...

    async def of_each(self, chosen: Sequence[Chosen], *, order: Sequence[Key], limit: int) -> Sequence[Observed]:
        """Return at most ``limit`` observations of each device and field, those of one series in this order."""
        ...

    async def count(self, chosen: Sequence[Chosen], *, limit: int) -> int:
        """Return how many observations there are; ``limit`` where there are as many or more."""
        ...

    async def extents(self, device_type: DeviceType, devices: Sequence[str]) -> Mapping[tuple[str, str], Extent]:
        """Return (device, field) -> its extent; series without any value are absent.

        A series begins with its device's first reading, whether or not that had this field.
        """
        ...
