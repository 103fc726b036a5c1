"""What is known of each device's frames (``penfeld.heard``): which frames of a batch are surely new.

Rules:

1. A frame is surely new if its time is newer than all that is stored of its device (by more than an hour if it has a
   counter), or if its counter is higher than all of its session. Others are looked up among the raw frames.
2. What stands in ``penfeld.heard`` errs to one side only: it may say too little (and frames are looked up for
   nothing), never too much. A counter that begins again, or a new session, is known from the newest time before it on.
3. A reading that is newer than all that is stored of its device meets no other row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model.readings import Bools, Ints, Readings
from storage.arrays import POSTGRES_EPOCH_US, Flags, Int4s, Int8s, Texts, Times
from storage.connection import Connection
from storage.connection import rows as fetch
from storage.rows import HOUR_US, LATEST_US, Frames
from storage.statements import statement

_NEVER_US = -(2**63) + POSTGRES_EPOCH_US
"""What becomes PostgreSQL's ``-infinity``: there was no reading."""
_HIGHEST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Sorted:
    """Frames in order of device, then time. ``starts``, ``ends``: where each device's begin and end (inclusive)."""

    positions: Ints
    devices: Ints
    starts: Ints
    ends: Ints

    @classmethod
    def of(cls, frames: Frames, kept: Bools) -> "Sorted":
        """Sort the kept frames."""
        positions = np.lexsort((frames.time_us, frames.device))
        if not kept.all():
            positions = positions[kept[positions]]
        device = frames.device[positions]
        changes = np.flatnonzero(np.diff(device)) + 1
        starts = np.concatenate(([0], changes)) if len(positions) else changes
        ends = np.concatenate((changes, [len(positions)])) - 1 if len(positions) else changes
        return cls(positions, device[starts], starts, ends)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.positions)


@dataclass(frozen=True, slots=True)
class Counters:
    """What the counters of each device's frames say. ``counted``: some frame has one; ``session`` is the newest's.

    ``mixed``: the frames are of several sessions. ``lowest`` is of all frames where all have a counter, else ``None``
    is meant by ``whole`` being false.
    """

    counted: Bools
    whole: Bools
    mixed: Bools
    session: list[bytes]
    lowest: Ints
    highest: Ints

    @classmethod
    def of(cls, frames: Frames, order: Sorted) -> "Counters":
        """Reduce the frames' counters and sessions device by device."""
        counter = frames.counter[order.positions]
        f_cnt = frames.f_cnt[order.positions]
        session = frames.session.places[order.positions]
        first = np.minimum.reduceat(np.where(counter, session, _HIGHEST), order.starts)
        last = np.maximum.reduceat(np.where(counter, session, -1), order.starts)
        newest = np.maximum.reduceat(np.where(counter, np.arange(len(order)), -1), order.starts)
        names = [name.encode() for name in frames.session.values]
        return cls(
            counted=last >= 0,
            whole=np.logical_and.reduceat(counter, order.starts),
            mixed=(last >= 0) & (first != last),
            session=[names[code] for code in session[newest].tolist()],
            lowest=np.minimum.reduceat(np.where(counter, f_cnt, _HIGHEST), order.starts),
            highest=np.maximum.reduceat(np.where(counter, f_cnt, -_HIGHEST), order.starts),
        )


@dataclass(slots=True)
class Known:
    """What ``penfeld.heard`` tells of a batch: frames to look up, and devices whose readings may meet stored ones."""

    suspects: Ints
    newest: dict[int, int] = field(default_factory=dict)
    """Device -> newest time of its readings (µs), of those devices of which the batch has readings not newer."""


async def look(connection: Connection, frames: Frames, readings: Sequence[Readings]) -> Known:
    """Return what is not surely new."""
    order = Sorted.of(frames, np.ones(len(frames), dtype=np.bool_))
    counters = Counters.of(frames, order)
    oldest = frames.time_us[order.positions][order.starts]
    rows_from = np.full(len(order.devices), LATEST_US)
    for some in readings:
        np.minimum.at(rows_from, np.searchsorted(order.devices, frames.device[some.frame]), some.time_us)
    sure = counters.whole & ~counters.mixed
    parameters = {
        "count": len(order.devices),
        "devices": Int4s(order.devices),
        "beyond": Times(np.where(counters.counted, oldest - HOUR_US, oldest)),
        "rows_from": Times(rows_from),
        "sessions": Texts(counters.session),
        "lowest": Int8s(np.where(sure, counters.lowest, -_HIGHEST)),
    }
    found = await fetch(connection, statement("suspects"), parameters)
    if not found:
        return Known(np.zeros(0, dtype=np.int64))
    doubtful = [number - 1 for number, is_suspect, _ in found if is_suspect]
    spans = [order.positions[order.starts[at] : order.ends[at] + 1] for at in doubtful]
    newest = {int(order.devices[number - 1]): time_us for number, _, time_us in found if time_us is not None}
    return Known(np.concatenate(spans) if spans else np.zeros(0, dtype=np.int64), newest)


def parameters(frames: Frames, order: Sorted, readings: Sequence[Readings]) -> dict[str, Any]:
    """Return what brings ``penfeld.heard`` up to the frames that are stored, and their readings."""
    counters = Counters.of(frames, order)
    received = frames.received_us[order.positions]
    newest = _Newest(order.devices)
    for some in readings:
        newest.see(some, frames)
    return {
        "count": len(order.devices),
        "devices": Int4s(order.devices),
        "first_seen": Times(np.minimum.reduceat(received, order.starts)),
        "last_seen": Times(np.maximum.reduceat(received, order.starts)),
        "frame_times": Times(frames.time_us[order.positions][order.ends]),
        "times": Times(newest.time_us),
        "received": Times(newest.received_us),
        "flags": Texts(newest.flags),
        "sessions": Texts(counters.session),
        "counted": Flags(counters.counted),
        "mixed": Flags(counters.mixed),
        "counters": Int8s(counters.highest),
    }


class _Newest:
    """The newest reading of each device: its times and flags. Of one time, the earlier in the batch."""

    def __init__(self, devices: Ints) -> None:
        self._devices = devices
        self.time_us = np.full(len(devices), _NEVER_US)
        self.received_us = np.full(len(devices), _NEVER_US)
        self.flags: list[bytes] = []

    def see(self, readings: Readings, frames: Frames) -> None:
        """Take in rows in order of device and time."""
        if not len(readings):
            return
        device = frames.device[readings.frame]
        row = newest_rows(device, readings.time_us)
        at = np.searchsorted(self._devices, device[row])
        newer = readings.time_us[row] > self.time_us[at]
        row, at = row[newer], at[newer]
        self.time_us[at] = readings.time_us[row]
        self.received_us[at] = frames.received_us[readings.frame[row]]
        if readings.flags and not self.flags:
            self.flags = [b""] * len(self._devices)
        if self.flags:
            for place, one in zip(at.tolist(), row.tolist(), strict=True):
                self.flags[place] = ",".join(readings.flags.get(one, ())).encode()


def newest_rows(device: Ints, time_us: Ints) -> Ints:
    """Return, of rows in order of device and time, each device's newest; of one time, the first."""
    last = np.flatnonzero(np.diff(device, append=device[-1:] + 1))
    same = np.flatnonzero((np.diff(device, prepend=device[:1] - 1) != 0) | (np.diff(time_us, prepend=0) != 0))
    first: Ints = same[np.searchsorted(same, last, side="right") - 1]
    return first
