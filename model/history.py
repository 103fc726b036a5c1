"""Decoding history again: what a run covers, what it would change, where it stands, and what a reading said before.

Times in columns are microseconds since 1970 UTC. Sums (``Counts``) are added up with ``+``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum

from model.batch import Frame
from model.readings import Bools, Column, Ints
from model.value import Value


class RunState(StrEnum):
    """``OPEN``: begun and not at its end, whether a process works at it now or not. ``GIVEN_UP``: another took over."""

    OPEN = "open"
    FINISHED = "finished"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which frames are decoded again: those of ``device_type`` with ``start`` <= event time < ``end``.

    ``device``: of one device only, by its id. ``drop_undecodable``: what a frame said that no longer decodes goes, too.
    """

    device_type: str
    device: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    drop_undecodable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far rows lie from the time of the frame that says them, in microseconds: before it and ahead of it."""

    back_us: int = 0
    ahead_us: int = 0

    def __or__(self, other: "Reach") -> "Reach":
        """Return what covers both."""
        return Reach(back_us=max(self.back_us, other.back_us), ahead_us=max(self.ahead_us, other.ahead_us))


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What a scope holds now. ``devices``: key -> number of frames, in order of key.

    ``until``: when this was asked; frames that arrive later are not of the run. ``versions``: what decoded the frames.
    ``lateness``: how long after its event time the latest reading arrived, at most a month.
    """

    until: datetime
    devices: Mapping[int, int]
    versions: tuple[str, ...] = ()
    lateness: timedelta = timedelta(0)

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return sum(self.devices.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Up to which frame a run has come: frames go by device, then by event time, then by key."""

    device: int
    time: datetime
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of frames and readings. ``undecodable`` and ``moved`` are frames, the others but ``frames`` readings.

    ``kept``: readings that stay, wholly or in part, only because their frame does not decode or is not there any more.
    """

    frames: int = 0
    undecodable: int = 0
    moved: int = 0
    unchanged: int = 0
    changed: int = 0
    new: int = 0
    gone: int = 0
    kept: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Return the sums of both."""
        return Counts(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(Counts)})

    @property
    def differences(self) -> int:
        """How many readings are or would be written or removed."""
        return self.changed + self.new + self.gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that changes readings. ``frames``: how many it covers in all; ``version``: what it decodes with.

    ``working``: whether a process works at it now.
    """

    number: int
    scope: Scope
    version: str
    versions_before: tuple[str, ...]
    until: datetime
    frames: int
    reach: Reach
    counts: Counts
    place: Place | None
    state: RunState
    started_at: datetime
    changed_at: datetime
    finished_at: datetime | None = None
    working: bool = False


@dataclass(slots=True, kw_only=True)
class Rows:
    """Rows of one table of readings, in columns of one length; each device and time stands once.

    ``flags``: row -> its flags; rows without any are absent. ``columns`` holds every field of the device type, and of
    stored rows those that it had once.
    """

    device: Ints
    time_us: Ints
    received_us: Ints
    simulated: Bools
    columns: dict[str, Column]
    flags: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.device)

    def take(self, rows: Ints) -> "Rows":
        """Return these rows, in this order."""
        flags = {}
        if self.flags:
            flags = {new: self.flags[old] for new, old in enumerate(rows.tolist()) if old in self.flags}
        return Rows(
            device=self.device[rows],
            time_us=self.time_us[rows],
            received_us=self.received_us[rows],
            simulated=self.simulated[rows],
            columns={name: Column(one.values[rows], one.valid[rows]) for name, one in self.columns.items()},
            flags=flags,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Frames that are looked at in one transaction: of whole ``devices``, or (``limit``) the next of one device.

    ``after_us``: behind this event time only. Frames of one device and time are never parted.
    """

    devices: tuple[int, ...]
    after_us: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A raw frame whose event time is another now, and with it perhaps its key."""

    device: int
    key: bytes
    time_us: int
    new_key: bytes
    new_time_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one transaction changes: ``rows`` are written, those that stand at ``removed`` (devices, times) go before.

    A reading that changes stands in both; one that is gone only in ``removed``, a new one only in ``rows``.
    """

    rows: Rows
    removed: tuple[Ints, Ints]
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """Frames of a part in order of device and time. ``mine``: those of the run; others came later or it moved them."""

    frames: list[Frame]
    mine: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a reading said. ``replaced_at``, ``run``: until when, and which run changed it; ``None``: it says so now."""

    device: str
    device_type: str
    time: datetime
    version: str
    values: Mapping[str, Value]
    flags: tuple[str, ...]
    received_at: datetime
    simulated: bool
    replaced_at: datetime | None = None
    run: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A value that changes: the bytes (or named values) of a frame that says it, before and after."""

    field: str
    device: str
    time: datetime
    before: Value
    after: Value
    payload: bytes | None
    values: Mapping[str, Value] | None
    f_port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """How one field changes, over all readings that change. ``appears``: had no value; ``vanishes``: has none any more.

    ``typical``, ``largest``: median and maximum of the differences, in the field's unit; ``None`` if it is no number.
    """

    field: str
    unit: str
    changed: int
    appears: int
    vanishes: int
    typical: float | None
    largest: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecodable:
    """A frame that no longer decodes, and why."""

    device: str
    time: datetime
    error: str
    payload: bytes | None
    values: Mapping[str, Value] | None
    f_port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The difference that decoding again would make."""

    scope: Scope
    version: str
    extent: Extent
    counts: Counts
    reach: Reach
    fields: tuple[FieldDifference, ...]
    examples: tuple[Example, ...]
    undecodable: tuple[Undecodable, ...]
