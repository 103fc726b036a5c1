"""What the storage fakes share: devices, readings, latest values, ledger and quarantine in plain dictionaries.

``write`` is the ``FrameSink``, row by row and without any cleverness: the model that the real writer is held against.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np

from model.batch import Batch, Frame, Replay, Replayed, ReplayLine, SetAside, Written
from model.device import Device, Kind, State
from model.errors import Reason, WriteRejectedError
from model.readings import Readings
from model.told import FACTS
from model.uplink import Value
from model.views import Amount, Latest, LatestValue, QuarantinedFrame, QuarantineFilter, ReadingRow, StateValue

HOUR = timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = EPOCH, datetime(2200, 1, 1, tzinfo=UTC)
HEARD = {Reason.UNKNOWN_DEVICE, Reason.PENDING_DEVICE, Reason.RETIRED_DEVICE}
Key = tuple[str, str | None, bytes]


@dataclass
class Seen:
    """A device's latest values and when it was heard."""

    first_seen: datetime
    last_seen: datetime
    time: datetime | None = None
    received_at: datetime | None = None
    flags: tuple[str, ...] = ()
    values: dict[str, LatestValue] = field(default_factory=dict)


class Memory:
    """A database in memory."""

    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}
        self.keys: dict[str, int] = {}
        self.frames: list[Frame] = []
        self.rows: dict[str, dict[tuple[str, datetime], ReadingRow]] = {}
        self.latest: dict[str, Seen] = {}
        self.state: dict[str, dict[str, StateValue]] = {}
        self.worker = "worker-1"
        self.ledger: dict[tuple[datetime, str], list[int]] = {}
        self.replays: dict[tuple[datetime, str], list[int]] = {}
        self.quarantine: dict[tuple[str, str | None, bytes], QuarantinedFrame] = {}
        self._keys = count(1)
        self._ids = count(1)
        self._mark = EPOCH

    def add(self, device: Device) -> None:
        """Put a device in, or in place of the one with its id."""
        self.devices[device.id] = device
        self.keys.setdefault(device.id, next(self._keys))

    def seen(self, device: Device) -> Device:
        """Return the device with when it was heard."""
        seen = self.latest.get(device.id)
        if seen is None:
            return device
        return replace(
            device,
            first_seen=min(filter(None, (device.first_seen, seen.first_seen))),
            last_seen=max(filter(None, (device.last_seen, seen.last_seen))),
        )

    async def ready(self, batch: Batch) -> Batch:
        """Return the batch: nothing can be made before."""
        return batch

    async def write(self, batch: Batch) -> Written:
        """Store a batch."""
        ids = {key: name for name, key in self.keys.items()}
        self._refuse(batch, ids)
        self._tell(batch)
        stored = []
        for position, frame in enumerate(batch.frames):
            new = not self._known(frame)
            self._count(frame.received_at, frame.source)[0 if new else 1] += 1
            if new:
                stored.append(position)
                self._store(batch, position)
        for aside in batch.set_aside:
            self._count(aside.received_at, aside.source)[2] += 1
            self._set_aside(aside)
        return Written(
            stored=tuple(stored), duplicates=len(batch.frames) - len(stored), quarantined=len(batch.set_aside)
        )

    def _tell(self, batch: Batch) -> None:
        """Keep what is told of devices, where it is not older than what is there."""
        for told in batch.told:
            device = self.devices.get(told.device)
            if device is None or device.state is State.RETIRED or told.time is None or not FIRST <= told.time < LAST:
                continue
            simulated = told.simulated or device.simulated
            state = self.state.setdefault(device.id, {})
            for name, value in told.facts.items():
                old = state.get(name)
                newer = old is None or (not simulated, told.time) >= (not old.simulated, old.time)
                if newer and (sound := _sound(name, value)) is not None:
                    state[name] = StateValue(
                        value=sound, time=told.time, network=told.network, event=told.event, simulated=simulated
                    )

    def _store(self, batch: Batch, position: int) -> None:
        ids, frame = {key: name for name, key in self.keys.items()}, batch.frames[position]
        self.frames.append(frame)
        self._hear(ids[frame.device], frame)
        for readings in batch.readings:
            for row in np.flatnonzero(readings.frame == position).tolist():
                self._keep(ids, frame, readings, row)

    def _refuse(self, batch: Batch, ids: Mapping[int, str]) -> None:
        rejected = {}
        for position, frame in enumerate(batch.frames):
            if not FIRST <= frame.time < LAST:
                rejected[position] = "its time is not between 1970 and 2200"
            if frame.device not in ids:
                rejected[position] = "no such device"
        if rejected:
            raise WriteRejectedError(rejected)

    def _known(self, frame: Frame) -> bool:
        reach = HOUR if frame.uplink.f_cnt is not None else timedelta(0)
        return any(old.key == frame.key and abs(old.time - frame.time) <= reach for old in self.frames)

    def _count(self, received_at: datetime, source: str) -> list[int]:
        hour = received_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return self.ledger.setdefault((hour, source), [0, 0, 0])

    def _hear(self, device: str, frame: Frame) -> None:
        seen = self.latest.setdefault(device, Seen(frame.received_at, frame.received_at))
        seen.first_seen = min(seen.first_seen, frame.received_at)
        seen.last_seen = max(seen.last_seen, frame.received_at)

    def _keep(self, ids: Mapping[int, str], frame: Frame, readings: Readings, row: int) -> None:
        device, time = ids[frame.device], EPOCH + timedelta(microseconds=int(readings.time_us[row]))
        values = _values(readings, row)
        flags = readings.flags.get(row, ())
        rows = self.rows.setdefault(readings.device_type, {})
        old = rows.get((device, time))
        if old is None:
            rows[device, time] = ReadingRow(
                device=device,
                time=time,
                received_at=frame.received_at,
                values=values,
                flags=flags,
                simulated=frame.simulated,
                version=readings.version,
            )
        elif news := {name: value for name, value in values.items() if name not in old.values}:
            merged = tuple(sorted({*old.flags, *flags})) if flags else old.flags
            rows[device, time] = replace(old, values={**old.values, **news}, flags=merged)
        self._update_latest(self.latest[device], frame, rows[device, time], values)

    def _update_latest(self, seen: Seen, frame: Frame, row: ReadingRow, values: Mapping[str, Value]) -> None:
        time = row.time
        if seen.time is None or time > seen.time:
            seen.time, seen.received_at = time, frame.received_at
        if time == seen.time:
            seen.flags = row.flags
        for name, value in values.items():
            if name not in seen.values or seen.values[name].time < time:
                seen.values[name] = LatestValue(value=value, time=time)

    async def replay(self, replay: Replay, at: datetime) -> Replayed:
        """Take lines out of quarantine; what a line stands for is counted frame by frame."""
        ids = {key: name for name, key in self.keys.items()}
        self._refuse(replay.batch, ids)
        self._tell(replay.batch)
        there = {frame.id: key for key, frame in self.quarantine.items()}
        sums = Replayed(passed=sum(line.id not in there for line in replay.lines))
        for line in replay.lines:
            if line.id in there:
                sums += self._take(line, there[line.id], replay.batch, at)
        return sums

    def _take(self, line: ReplayLine, key: Key, batch: Batch, at: datetime) -> Replayed:
        frame = self.quarantine[key]
        stored = []
        for position in line.frames:
            if not self._known(batch.frames[position]):
                stored.append(position)
                self._store(batch, position)
        same = [aside for aside in line.set_aside if (aside.topic, aside.device, aside.message) == key]
        moved = [aside for aside in line.set_aside if aside not in same]
        rest = frame.times - len(stored) if line.frames else frame.times
        kept = max(1, rest) if same else 0
        if same:
            mark = frame.replay_requested_at
            self.quarantine[key] = replace(
                frame,
                reason=same[-1].reason,
                detail=same[-1].detail,
                device_type=same[-1].device_type,
                times=kept,
                replay_requested_at=None if mark == line.requested_at else mark,
            )
        else:
            del self.quarantine[key]
        for aside in moved:
            first, last = frame.received_at, frame.last_received_at
            self._set_aside(replace(aside, times=frame.times, received_at=first, last_received_at=last))
        kept += frame.times * len(moved)
        duplicates = max(0, rest) if line.frames and not same else 0
        hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        counts = self.replays.setdefault((hour, frame.source), [0, 0, 0])
        for place, more in enumerate((len(stored), duplicates, kept - frame.times)):
            counts[place] += more
        if not any(counts):
            del self.replays[hour, frame.source]
        return Replayed(lines=1, stored=len(stored), duplicates=duplicates, kept=kept)

    def lines(self, wanted: QuarantineFilter) -> list[QuarantinedFrame]:
        """Return the lines of quarantine that a filter means, in order of their ids."""
        return sorted(
            (
                frame
                for frame in self.quarantine.values()
                if wanted.reason in (None, frame.reason)
                and wanted.device in (None, frame.device)
                and wanted.source in (None, frame.source)
                and wanted.frame in (None, frame.id)
                and (wanted.start is None or frame.last_received_at >= wanted.start)
                and (wanted.end is None or frame.received_at < wanted.end)
                and (frame.replay_requested_at is not None or not wanted.requested)
            ),
            key=lambda frame: frame.id,
        )

    def mark(self, wanted: Callable[[QuarantinedFrame], bool]) -> Amount:
        """Mark lines for replay."""
        self._mark += HOUR
        marked = [(key, frame) for key, frame in self.quarantine.items() if wanted(frame)]
        for key, frame in marked:
            self.quarantine[key] = replace(frame, replay_requested_at=self._mark)
        return Amount(lines=len(marked), frames=sum(frame.times for _, frame in marked))

    def devices_changed(self, names: Collection[str]) -> None:
        """Mark what was judged by what these devices were before."""
        active = {name: self.devices[name] for name in names if self.devices[name].state is State.ACTIVE}
        self.mark(
            lambda frame: (
                frame.device in active
                and (frame.reason in {*HEARD, Reason.UNKNOWN_TYPE} or frame.device_type != active[frame.device].type)
            )
        )

    def _set_aside(self, aside: SetAside) -> None:
        key = aside.topic, aside.device, aside.message
        old = self.quarantine.get(key)
        last = aside.last_received_at or aside.received_at
        known = self.devices.get(aside.device or "")
        late = aside.reason in HEARD and known is not None and known.state is State.ACTIVE
        self.quarantine[key] = QuarantinedFrame(
            id=old.id if old else next(self._ids),
            source=aside.source,
            reason=aside.reason,
            detail=aside.detail,
            topic=aside.topic,
            message=aside.message,
            device=aside.device,
            device_type=aside.device_type,
            received_at=min(old.received_at, aside.received_at) if old else aside.received_at,
            last_received_at=max(old.last_received_at, last) if old else last,
            times=(old.times if old else 0) + aside.times,
            simulated=aside.simulated and (old.simulated if old else True),
            replay_requested_at=self._mark if late else (old.replay_requested_at if old else None),
        )
        if aside.device and aside.reason in HEARD:
            self._hear_pending(aside, aside.device)

    def _hear_pending(self, aside: SetAside, name: str) -> None:
        known = self.devices.get(name)
        if known is None:
            known = Device(
                id=name,
                type=aside.device_type,
                state=State.PENDING,
                network=aside.network,
                simulated=aside.simulated,
            )
        self.add(
            replace(
                known,
                simulated=known.simulated and (known.state is not State.PENDING or aside.simulated),
                first_seen=min(known.first_seen or aside.received_at, aside.received_at),
                last_seen=max(known.last_seen or aside.received_at, aside.last_received_at or aside.received_at),
            )
        )

    def forget(self, devices: Sequence[str]) -> None:
        """Forget the latest values of these devices."""
        for name in devices:
            if name in self.latest:
                seen = self.latest[name]
                self.latest[name] = Seen(seen.first_seen, seen.last_seen)

    def latest_of(self, device: Device) -> Latest | None:
        """Return a device's latest values, if it ever had any."""
        seen = self.latest.get(device.id)
        if seen is None or seen.time is None or seen.received_at is None:
            return None
        return Latest(
            device=self.seen(device),
            time=seen.time,
            received_at=seen.received_at,
            values=dict(sorted(seen.values.items())),
            flags=seen.flags,
        )


def _sound(name: str, value: Value) -> Value:
    """Return the value of a fact as it is kept, ``None`` if it is none."""
    kinds = {Kind.FLOAT: (float, int), Kind.INT: (int,), Kind.BOOL: (bool,), Kind.TEXT: (str,)}
    if name not in FACTS or type(value) not in kinds[FACTS[name].kind]:
        return None
    if isinstance(value, str):
        return value.replace("\0", "\\x00")[:500].encode("utf-8", "backslashreplace").decode() or None
    if FACTS[name].kind is Kind.FLOAT:
        return float(value or 0) if abs(value or 0) < float(np.finfo(np.float32).max) else None
    return value if -(2**63) <= (value or 0) < 2**63 else None


def _values(readings: Readings, row: int) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, column in readings.columns.items():
        value = column.values[row]
        if column.valid[row] and not (isinstance(value, np.floating) and not np.isfinite(value)):
            found[name] = value.item() if isinstance(value, np.generic) else value
    return found
