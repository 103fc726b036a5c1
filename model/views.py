"""What storage answers to those who ask: rows of ledger, quarantine and readings, lines of charts, as plain values.

What comes by the thousands (``Point``, ``Newest``) is a Struct: made in a fifth of a dataclass's time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from model.device import Device
from model.errors import Reason
from model.resolution import Resolution
from model.uplink import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRow:
    """One reading as stored. ``values`` holds the fields asked for, ``None`` where the frame did not say."""

    device: str
    time: datetime
    received_at: datetime
    values: Mapping[str, Value]
    flags: tuple[str, ...] = ()
    simulated: bool = False
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingPage:
    """Readings in order of time, then device. ``next_cursor`` goes on behind the last row; ``None`` at the end."""

    rows: Sequence[ReadingRow]
    next_cursor: str | None


class Bucket(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one device said in one bucket of time, summed up. ``time``: the bucket's beginning, UTC."""

    device: str
    time: datetime
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketPage:
    """Buckets in order of time, then device. ``resolution``: as asked, or the next coarser that is kept so long.

    ``start`` and ``end`` are those of whole buckets.
    """

    resolution: Resolution
    start: datetime
    end: datetime
    rows: Sequence[Bucket]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestValue:
    """The newest value of one field, by event time, with the event time it is from."""

    value: Value
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """A device with the newest value of each of its fields. ``time`` is the newest event time of any."""

    device: Device
    time: datetime
    received_at: datetime
    values: Mapping[str, LatestValue]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StateValue:
    """The newest of one fact (``model.told.FACTS``) that a network told of a device: when it was so, in which event."""

    value: Value
    time: datetime
    network: str
    event: str
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmappedPath:
    """What a codec said at one path that no field took when the frames came.

    ``values``: a few of them, the newest first; ``time``: the event time of the newest frame that has it; ``devices``:
    how many of those looked at say it.
    """

    path: str
    values: tuple[Value, ...]
    time: datetime
    devices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """What became of the frames that one source brought in one hour (UTC, by arrival).

    ``replayed``: frames that left quarantine in this hour. They are off ``quarantined`` already, which may be negative
    where they had come before; summed over all hours it is what quarantine holds.
    """

    hour: datetime
    source: str
    received: int
    stored: int
    duplicate: int
    quarantined: int
    replayed: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every frame received is accounted for."""
        return self.received == self.stored + self.duplicate + self.quarantined


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSums:
    """What the ledger says of one worker, over some hours, in frames."""

    worker: str
    received: int
    stored: int
    duplicate: int
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedFrame:
    """A frame that could not be understood, with its original bytes. ``times``: how often exactly it arrived.

    ``replay_requested_at``: since when it waits to be looked at again; ``None`` where nobody asked for that.
    """

    id: int
    source: str
    reason: Reason
    detail: str
    topic: str
    message: bytes
    device: str | None
    device_type: str | None
    received_at: datetime
    last_received_at: datetime
    times: int
    simulated: bool
    replay_requested_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineFilter:
    """Which lines of quarantine are meant; what is ``None`` does not matter.

    ``start``, ``end``: lines of which a frame arrived in start <= time < end. ``frame``: the one line of this id.
    ``requested``: only lines that wait to be looked at again.
    """

    reason: str | None = None
    device: str | None = None
    source: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    frame: int | None = None
    requested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineSums:
    """What is in quarantine for one reason: lines, the frames they stand for, and how many of these wait for replay."""

    reason: Reason
    lines: int
    frames: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """So many lines of quarantine, which stand for so many frames."""

    lines: int
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpretation:
    """What one uplink of a message means today: the readings it would give, or why it cannot be taken.

    ``reason`` is ``None`` where it would be stored (``rows`` may be empty then: some frames say nothing).
    """

    device: str | None
    device_type: str | None
    reason: Reason | None = None
    detail: str = ""
    rows: tuple[ReadingRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinePage:
    """Newest first. ``next_cursor`` goes on with older ones."""

    rows: Sequence[QuarantinedFrame]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """What the database is: for ``penfeld doctor``, ``/readyz`` and the console."""

    server_version: str
    timescaledb_version: str | None
    migration: int
    size_bytes: int
    now: datetime


class Point(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One bucket of a line, or one reading. ``time``: the bucket's beginning, UTC; buckets without a value are absent.

    ``count`` values make the statistics; ``total`` is their sum. Of a switch (bool) the mean is the share of true and
    the total their number. ``increase``: of a counter, how much it grew since its last value before; else ``None``.
    ``devices``: how many said anything in the bucket; their sum of power, say, is ``mean * devices``.
    """

    time: datetime
    count: int
    mean: float
    minimum: float
    maximum: float
    total: float
    increase: float | None = None
    devices: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One field in order of time: of one device, of one district ("": those without one), or of all (both ``None``)."""

    field: str
    device: str | None = None
    district: str | None = None
    points: Sequence[Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines, and how they were made: ``resolution``, and ``sources``, the tables that were read.

    ``start`` and ``end`` are those of whole buckets; ``widened`` says that they reach beyond what was asked.
    """

    resolution: Resolution
    sources: tuple[str, ...]
    start: datetime
    end: datetime
    widened: bool
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """How much a device's counter grew in a range, in the field's unit."""

    device: str
    name: str
    district: str | None
    increase: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Devices by consumption, the largest first; the other fields as in ``Chart``."""

    resolution: Resolution
    sources: tuple[str, ...]
    start: datetime
    end: datetime
    widened: bool
    consumers: Sequence[Consumer]


class Newest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An active device on the map: where it is, and the newest value of each field, ``None`` where it said none.

    ``values`` and ``times`` are in the order of the fields asked for; ``time`` is the newest event time of any field.
    """

    device: str
    name: str
    district: str | None
    latitude: float | None
    longitude: float | None
    simulated: bool
    time: datetime
    flags: tuple[str, ...]
    values: tuple[Value | None, ...]
    times: tuple[datetime | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A span in which a device was silent for longer than its period lets expect; ``missing`` readings did not come.

    From readings, ``start`` and ``end`` are those around it (or an end of the range); from rollups, the silent buckets.
    """

    start: datetime
    end: datetime
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of what was expected a device has brought. ``completeness``: percent; ``gaps`` in order of time.

    A device first heard within the range is expected from then on.
    """

    device: str
    name: str
    district: str | None
    expected: int
    received: int
    completeness: float
    gaps: Sequence[Gap]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapReport:
    """Devices by completeness, the worst first. ``devices``: how many were looked at.

    ``end`` is never later than now, and from rollups not within a bucket that is not over yet.

    ``resolution`` is that of the gaps: those shorter than a bucket show in ``completeness`` only, which is here that of
    all devices together, percent.
    """

    resolution: Resolution
    sources: tuple[str, ...]
    start: datetime
    end: datetime
    widened: bool
    devices: int
    completeness: float
    worst: Sequence[Coverage]
