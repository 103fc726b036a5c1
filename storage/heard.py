"""What is known of each device's frames (``penfeld.heard``): which frames of a batch are surely new.

Rules:

1. A frame is surely new if its time is newer than all that is stored of its device (by more than an hour if it has a
   counter), or if its counter is higher than all of its session. Others are looked up among the raw frames.
2. What stands in ``penfeld.heard`` errs to one side only: it may say too little (and frames are looked up for
   nothing), never too much. A counter that begins again, or a new session, is known from the newest time before it on.
3. A reading that is newer than all that is stored of its device meets no other row.
4. Devices that simply go on, all frames surely new and all readings newer, are asked about and brought up to date by
   one statement (``hear``), before anything is stored; the others one thing after the other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.instants import moment
from model.readings import Bools, Ints, Readings
from storage.arrays import POSTGRES_EPOCH_US, Bytes, Flags, Int4s, Int8s, Texts, Times
from storage.connection import Connection
from storage.connection import rows as fetch
from storage.rows import HOUR_US, LATEST_US, Frames, days
from storage.statements import statement

LOCKS = 64
"""Over how many locks devices are spread."""

_NEVER_US = -(2**63) + POSTGRES_EPOCH_US
"""What becomes PostgreSQL's ``-infinity``: there was no reading."""
_HIGHEST = np.iinfo(np.int64).max

Rows = tuple[Readings, Ints]
"""Readings, and which of their rows are meant, in order of device and time."""


@dataclass(frozen=True, slots=True)
class Known:
    """What became known of a batch.

    ``kept``: the frames that are new. ``going_on``: of these, those of devices that simply go on, of which
    ``penfeld.heard`` is up to date. ``newest``: device -> newest time of its readings (µs), of devices whose readings
    may meet stored ones; ``None``: all may.
    """

    kept: Bools
    going_on: Bools
    newest: Mapping[int, int] | None


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

    def of_devices(self, chosen: Bools) -> Ints:
        """Return the positions of the frames of these devices."""
        return self.positions[np.repeat(chosen, self.ends - self.starts + 1)]


@dataclass(frozen=True, slots=True)
class Hearing:
    """What a whole batch says of its devices. ``said``: the parameters of the statements."""

    order: Sorted
    said: Mapping[str, Any]

    @classmethod
    def of(cls, frames: Frames, readings: Sequence[Rows]) -> "Hearing":
        """Find out what the frames and all their readings say."""
        order = Sorted.of(frames, np.ones(len(frames), dtype=np.bool_))
        if not len(frames):
            return cls(order, {})
        return cls(order, parameters(frames, order, readings, unsure=frames.repeated(set())))


async def look(
    connection: Connection,
    frames: Frames,
    readings: Sequence[Readings],
    hearing: Hearing,
    *,
    others: Ints | None = None,
    careful: bool = False,
    ahead: bool = True,
) -> Known:
    """Return which frames are new, after waiting for other writers of their devices.

    ``others``: devices besides, of which something else is written. ``careful``: take nothing for sure, look everything
    up. ``ahead``: write down already what devices that go on have said; only for who stores all of their frames.
    """
    everything = np.ones(len(frames), dtype=np.bool_)
    going_on = ~everything
    devices = frames.device if others is None else np.concatenate((frames.device, others))
    if not len(devices):
        return Known(everything, going_on, {})
    lock = statement("lock_devices"), (Int4s(np.unique(devices % LOCKS)),)
    if careful or not ahead or not len(frames):
        await connection.execute(*lock)
    else:
        async with connection.pipeline():
            await connection.execute(*lock)
            cursor = await connection.execute(statement("hear"), hearing.said)
        [(places,)] = await cursor.fetchall()
        simply = np.zeros(len(hearing.order.devices), dtype=np.bool_)
        simply[np.frombuffer(places, dtype=">i4") - 1] = True
        going_on[hearing.order.of_devices(simply)] = True
    if going_on.all():
        return Known(everything, going_on, {})
    suspects, newest = np.flatnonzero(~going_on), None
    if not careful:
        suspects, newest = await _suspects(connection, frames, readings, ~going_on)
    return Known(await _new_frames(connection, frames, suspects), going_on, newest)


async def remember(connection: Connection, frames: Frames, readings: Sequence[Readings], known: Known) -> None:
    """Write down what the new frames and their readings say of devices that do not simply go on."""
    some = known.kept & ~known.going_on
    if some.any():
        said = parameters(frames, Sorted.of(frames, some), chosen(readings, frames, some))
        await connection.execute(statement("remember"), said)


def chosen(readings: Sequence[Readings], frames: Frames, kept: Bools) -> list[Rows]:
    """Return the rows of the kept frames, in order of device and time."""
    found = []
    for some in readings:
        row = np.lexsort((some.time_us, frames.device[some.frame]))
        found.append((some, row[kept[some.frame[row]]]))
    return found


async def _suspects(
    connection: Connection, frames: Frames, readings: Sequence[Readings], some: Bools
) -> tuple[Ints, dict[int, int]]:
    """Return which of some frames are not surely new, and ``Known.newest`` of their devices."""
    order = Sorted.of(frames, some)
    said = parameters(frames, order, chosen(readings, frames, some))
    devices = np.zeros(len(order.devices), dtype=np.bool_)
    newest = {}
    for place, doubtful, time_us in await fetch(connection, statement("suspects"), said):
        devices[place - 1] = doubtful
        if time_us is not None:
            newest[int(order.devices[place - 1])] = time_us
    return order.of_devices(devices), newest


async def _new_frames(connection: Connection, frames: Frames, suspects: Ints) -> Bools:
    """Return which frames are no duplicates, given those that may be some of what is stored."""
    kept = np.ones(len(frames), dtype=np.bool_)
    there: set[int] = set()
    if len(suspects):
        await connection.execute(statement("plan_for_looking_up"))
    for part in days(frames.time_us[suspects]):
        positions = suspects[part]
        times = frames.time_us[positions]
        wanted = {
            "devices": Int4s(frames.device[positions]),
            "keys": Bytes([frames.keys[position] for position in positions.tolist()]),
            "times": Times(times),
            "counters": Flags(frames.counter[positions]),
            "start": moment(int(times.min())),
            "end": moment(int(times.max())),
        }
        found = await fetch(connection, statement("duplicates"), wanted)
        there.update(positions[[number - 1 for (number,) in found]].tolist())
    there |= frames.repeated(there)
    kept[list(there)] = False
    return kept


def parameters(
    frames: Frames, order: Sorted, readings: Sequence[Rows], *, unsure: Collection[int] = ()
) -> dict[str, Any]:
    """Return what frames and their readings say, device by device: the parameters of the statements.

    Of the devices of ``unsure`` frames nothing is surely new.
    """
    oldest = frames.time_us[order.positions][order.starts]
    received = frames.received_us[order.positions]
    newest = _Newest(order.devices)
    for some, row in readings:
        newest.see(some, row, frames)
    counted, sure, mixed, session, lowest, highest = _counters(frames, order)
    for position in unsure:
        place = np.searchsorted(order.devices, frames.device[position])
        counted[place], sure[place] = True, False
    return {
        "count": len(order.devices),
        "devices": Int4s(order.devices),
        "first_seen": Times(np.minimum.reduceat(received, order.starts)),
        "last_seen": Times(np.maximum.reduceat(received, order.starts)),
        "frame_times": Times(frames.time_us[order.positions][order.ends]),
        "beyond": Times(np.where(counted, oldest - HOUR_US, oldest)),
        "rows_from": Times(newest.oldest_us),
        "times": Times(newest.time_us),
        "received": Times(newest.received_us),
        "flags": Texts(newest.flags),
        "sessions": Texts(session),
        "counted": Flags(counted),
        "mixed": Flags(mixed),
        "lowest": Int8s(np.where(sure, lowest, -_HIGHEST)),
        "counters": Int8s(highest),
    }


def _counters(frames: Frames, order: Sorted) -> tuple[Bools, Bools, Bools, list[bytes], Ints, Ints]:
    """Return, device by device, what frame counters say.

    Whether some frame has one; whether all have one, of one session; whether sessions are mixed; the session of the
    newest; the lowest and the highest counter.
    """
    counter, f_cnt = frames.counter[order.positions], frames.f_cnt[order.positions]
    counted = np.logical_or.reduceat(counter, order.starts)
    mixed = np.zeros(len(order.devices), dtype=np.bool_)
    position = order.positions[counter]
    device = frames.device[position]
    pairs = np.flatnonzero(device[1:] == device[:-1])
    for earlier, later in zip(position[pairs].tolist(), position[pairs + 1].tolist(), strict=True):
        if frames.session[earlier] != frames.session[later]:
            mixed[np.searchsorted(order.devices, frames.device[earlier])] = True
    newest = np.maximum.reduceat(np.where(counter, np.arange(len(order)), -1), order.starts)
    return (
        counted,
        np.logical_and.reduceat(counter, order.starts) & ~mixed,
        mixed,
        [frames.session[place].encode() for place in order.positions[newest].tolist()],
        np.minimum.reduceat(np.where(counter, f_cnt, _HIGHEST), order.starts),
        np.maximum.reduceat(np.where(counter, f_cnt, -_HIGHEST), order.starts),
    )


class _Newest:
    """The newest reading of each device (of one time the earlier): its times and flags; and the time of the oldest."""

    def __init__(self, devices: Ints) -> None:
        self._devices = devices
        self.oldest_us = np.full(len(devices), LATEST_US)
        self.time_us = np.full(len(devices), _NEVER_US)
        self.received_us = np.full(len(devices), _NEVER_US)
        self.flags: list[bytes] = []

    def see(self, readings: Readings, row: Ints, frames: Frames) -> None:
        """Take in these rows, which are in order of device and time."""
        if not len(row):
            return
        device, time_us = frames.device[readings.frame[row]], readings.time_us[row]
        last, first = newest_rows(device, time_us), np.flatnonzero(np.diff(device, prepend=device[:1] - 1))
        at = np.searchsorted(self._devices, device[first])
        self.oldest_us[at] = np.minimum(self.oldest_us[at], time_us[first])
        newer = time_us[last] > self.time_us[at]
        last, at = last[newer], at[newer]
        self.time_us[at] = time_us[last]
        self.received_us[at] = frames.received_us[readings.frame[row[last]]]
        if readings.flags and not self.flags:
            self.flags = [b""] * len(self._devices)
        if self.flags:
            for place, one in zip(at.tolist(), row[last].tolist(), strict=True):
                self.flags[place] = ",".join(readings.flags.get(one, ())).encode()


def newest_rows(device: Ints, time_us: Ints) -> Ints:
    """Return, of rows in order of device and time, each device's newest; of one time, the first."""
    last = np.flatnonzero(np.diff(device, append=device[-1:] + 1))
    same = np.flatnonzero((np.diff(device, prepend=device[:1] - 1) != 0) | (np.diff(time_us, prepend=0) != 0))
    first: Ints = same[np.searchsorted(same, last, side="right") - 1]
    return first
