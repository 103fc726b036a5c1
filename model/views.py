"""What storage answers to those who ask: rows of the ledger, of quarantine, of readings, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from model.device import Device
from model.errors import Reason
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
class LedgerRow:
    """What became of the frames that one source brought in one hour (UTC, by arrival)."""

    hour: datetime
    source: str
    received: int
    stored: int
    duplicate: int
    quarantined: int

    @property
    def balanced(self) -> bool:
        """Whether every frame received is accounted for."""
        return self.received == self.stored + self.duplicate + self.quarantined


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedFrame:
    """A frame that could not be understood, with its original bytes. ``times``: how often exactly it arrived."""

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
