"""What ingest hands to storage, and what storage answers: one batch, one transaction.

Every message of a batch ends in exactly one visible state: its frame is stored, is a duplicate, or is quarantined.
A message may hold several uplinks, or none that we keep (a join event); the ledger counts *frames*: the uplinks found
in a message, or one for a message in which none could be found. What a network tells beside frames counts nowhere.
"""

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from model.errors import Reason
from model.instants import moment
from model.readings import Readings
from model.told import Told
from model.uplink import Rest, Uplink


class Frame(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An uplink that was understood. ``device`` is the device's key. Made once a frame, like ``Uplink``.

    ``time_us``: the event time in use; ``received_us``: the arrival; ``network_us``: what the network told, ``None`` if
    nothing (microseconds since 1970 UTC). ``decoded_with``: version of the device type that decoded it. ``rest``: what
    its codec said that no field takes, ``None`` of a layout.
    """

    uplink: Uplink
    key: bytes
    source: str
    device: int
    device_type: str
    time_us: int
    received_us: int
    network_us: int | None
    simulated: bool
    decoded_with: str
    rest: Rest | None = None

    @property
    def time(self) -> datetime:
        """The event time in use, UTC."""
        return moment(self.time_us)

    @property
    def received_at(self) -> datetime:
        """When it arrived, UTC."""
        return moment(self.received_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A message, or one uplink of it, that goes to quarantine with its original bytes.

    ``device``: canonical id where it is known: a pending device is registered for it when the reason is
    ``UNKNOWN_DEVICE`` (with ``network`` and, where the topic names one, ``device_type``).
    ``times``: how often exactly this arrived, from ``received_at`` to ``last_received_at`` (``None``: once).
    """

    source: str
    reason: Reason
    detail: str
    topic: str
    message: bytes
    received_at: datetime
    network: str | None = None
    device: str | None = None
    device_type: str | None = None
    simulated: bool = False
    times: int = 1
    last_received_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Batch:
    """All that one transaction stores. ``readings[...].frame`` points into ``frames``; all of ``told`` has a time."""

    frames: list[Frame] = field(default_factory=list)
    readings: list[Readings] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of a batch: positions in ``Batch.frames`` that were new, and how many were duplicates."""

    stored: tuple[int, ...]
    duplicates: int
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayLine:
    """A line of quarantine, looked at again: what became of each uplink that it stands for, one at least.

    ``frames``: positions in the batch of those that are understood now. ``set_aside``: those that still are not.
    ``requested_at``: the mark that the line had when it was read; one that was made since asks for another look.
    """

    id: int
    frames: tuple[int, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    requested_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Lines of quarantine with the frames that they became: all that one transaction takes out.

    ``batch`` holds frames and readings; what is still set aside stands with its line.
    """

    batch: Batch
    lines: tuple[ReplayLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of lines of quarantine: how many were looked at; frames stored now, duplicates, frames that stay.

    ``passed``: lines that somebody else took meanwhile. Sums are added up with ``+``.
    """

    lines: int = 0
    stored: int = 0
    duplicates: int = 0
    kept: int = 0
    passed: int = 0

    def __add__(self, other: "Replayed") -> "Replayed":
        """Return the sums of both."""
        return Replayed(
            lines=self.lines + other.lines,
            stored=self.stored + other.stored,
            duplicates=self.duplicates + other.duplicates,
            kept=self.kept + other.kept,
            passed=self.passed + other.passed,
        )
