"""``History`` in memory: row by row, on the same dictionaries as the other storage fakes.

``fail_after`` steps that change something, the next one raises: what a killed process leaves behind can be looked at.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from model.batch import Frame
from model.device import DeviceType, Kind
from model.errors import ConflictError, NotFoundError, UnavailableError
from model.history import Changes, Counts, Extent, Part, Place, Reach, Rows, Run, RunState, Said, Scope, Seen
from model.instants import microseconds, moment
from model.ports import Answer, HistoryStep
from model.readings import Array, Column
from model.views import LatestValue, ReadingRow
from tests.fakes.memory import Memory

_DTYPES = {Kind.FLOAT: np.float64, Kind.INT: np.int64, Kind.BOOL: np.bool_, Kind.TEXT: np.object_}


class History:
    """Frames, readings and runs in memory."""

    def __init__(self, memory: Memory, *, now: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self.memory = memory
        self.now = now
        self.fail_after: int | None = None
        self.hours: set[tuple[str, datetime]] = set()
        self.superseded: list[Said] = []
        self.moved: set[tuple[int, int, int, bytes]] = set()
        self._runs: list[Run] = []
        self._claimed: set[str] = set()

    async def extent(self, scope: Scope) -> Extent:
        """Return what a scope holds."""
        if scope.device is not None and scope.device not in self.memory.devices:
            raise NotFoundError(f"there is no device {scope.device!r}")
        frames = [one for one in self.memory.frames if _within(scope, one) and one.received_at < self.now]
        devices: dict[int, int] = {}
        for one in sorted(frames, key=lambda frame: frame.device):
            devices[one.device] = devices.get(one.device, 0) + 1
        late = [row.received_at - row.time for row in self.memory.rows.get(scope.device_type, {}).values()]
        return Extent(
            until=self.now,
            devices=devices,
            versions=tuple(sorted({one.decoded_with for one in frames})),
            lateness=min(max(late, default=timedelta(0)), timedelta(days=31)),
        )

    async def step(
        self,
        device_type: DeviceType,
        scope: Scope,
        part: Part,
        work: Callable[[HistoryStep], Awaitable[Answer]],
        *,
        until: datetime,
        run: Run | None = None,
    ) -> Answer:
        """Return what ``work`` returns."""
        return await work(_Step(self, device_type, scope, part, until, run))

    async def begin(self, scope: Scope, version: str, extent: Extent, reach: Reach) -> Run:
        """Write down a new run; earlier open ones of the type are given up for it."""
        for place, old in enumerate(self._runs):
            if old.scope.device_type == scope.device_type and old.state is RunState.OPEN:
                self._runs[place] = replace(old, state=RunState.GIVEN_UP)
        run = Run(
            number=len(self._runs) + 1,
            scope=scope,
            version=version,
            versions_before=extent.versions,
            until=extent.until,
            frames=extent.frames,
            reach=reach,
            counts=Counts(),
            place=None,
            state=RunState.OPEN,
            started_at=self.now,
            changed_at=self.now,
        )
        self._runs.append(run)
        return run

    async def finish(self, run: Run) -> Run:
        """Write down that a run came to its end."""
        self._runs[run.number - 1] = replace(
            self._runs[run.number - 1], state=RunState.FINISHED, finished_at=self.now, changed_at=self.now
        )
        return self._runs[run.number - 1]

    async def runs(self) -> Sequence[Run]:
        """Return all runs, the latest first."""
        return self._runs[::-1]

    @asynccontextmanager
    async def working(self, device_type: str) -> AsyncIterator[None]:
        """Keep others from changing this type's history."""
        if device_type in self._claimed:
            raise ConflictError(f"another process decodes {device_type} again just now: wait until it has ended")
        self._claimed.add(device_type)
        try:
            yield
        finally:
            self._claimed.remove(device_type)

    async def said(self, device: str, start: datetime, end: datetime) -> Sequence[Said]:
        """Return what readings say and said."""
        if device not in self.memory.devices:
            raise NotFoundError(f"there is no device {device!r}")
        found = [
            _said(name, row)
            for name, rows in self.memory.rows.items()
            for row in rows.values()
            if row.device == device and start <= row.time < end
        ]
        found += [one for one in self.superseded[::-1] if one.device == device and start <= one.time < end]
        return sorted(found, key=lambda one: one.time)

    def proceed(self, run: Run) -> None:
        """Write down how far a run came."""
        if self.fail_after is not None:
            if self.fail_after == 0:
                raise UnavailableError("the process is gone")
            self.fail_after -= 1
        self._runs[run.number - 1] = run


class _Step:
    """One look."""

    def __init__(
        self, history: History, device_type: DeviceType, scope: Scope, part: Part, until: datetime, run: Run | None
    ) -> None:
        self._history = history
        self._memory = history.memory
        self._type = device_type
        self._scope = scope
        self._part = part
        self._until = until
        self._run = run

    async def frames(self) -> Seen:
        """Return the part's raw frames in order of device, event time and key."""
        part = self._part
        found = [
            one
            for one in self._frames()
            if _within(self._scope, one) and (part.after_us is None or one.time_us > part.after_us)
        ]
        if part.limit is not None and len(found) > part.limit:
            last = found[part.limit - 1].time_us
            found = [one for one in found if one.time_us <= last]
        number = self._run.number if self._run else 0
        mine = [
            one.received_at < self._until and (number, one.device, one.time_us, one.key) not in self._history.moved
            for one in found
        ]
        return Seen(found, np.array(mine, dtype=np.bool_))

    async def neighbours(self, start_us: int, end_us: int) -> Sequence[Frame]:
        """Return other raw frames of the part's devices with start <= event time < end."""
        return [one for one in self._frames() if start_us <= one.time_us < end_us]

    async def rows(self, start_us: int, end_us: int) -> Rows:
        """Return the readings of the part's devices with start <= time < end."""
        keys = self._memory.keys
        found = [
            row
            for row in self._memory.rows.get(self._type.name, {}).values()
            if keys[row.device] in self._part.devices and start_us <= microseconds(row.time) < end_us
        ]
        kinds = {field.name: field.kind for field in self._type.fields}
        columns = {}
        for name in {**kinds, **{name: None for row in found for name in row.values}}:
            values = [row.values.get(name) for row in found]
            valid = np.array([value is not None for value in values], dtype=np.bool_)
            kind = kinds.get(name, Kind.TEXT)
            blank = "" if kind is Kind.TEXT else 0
            filled: Array = np.array([blank if value is None else value for value in values], _DTYPES[kind])
            columns[name] = Column(filled, valid)
        return Rows(
            device=np.array([keys[row.device] for row in found], dtype=np.int64),
            time_us=np.array([microseconds(row.time) for row in found], dtype=np.int64),
            received_us=np.array([microseconds(row.received_at) for row in found], dtype=np.int64),
            simulated=np.array([row.simulated for row in found], dtype=np.bool_),
            columns=columns,
            flags={place: row.flags for place, row in enumerate(found) if row.flags},
        )

    async def change(self, changes: Changes, place: Place, counts: Counts) -> None:
        """Write the changes, with the run's new place and sums."""
        assert self._run is not None
        history, memory, run = self._history, self._memory, self._run
        history.proceed(replace(run, place=place, counts=counts))
        ids = {key: name for name, key in memory.keys.items()}
        rows = memory.rows.setdefault(self._type.name, {})
        touched = set()
        for device, time_us in zip(*(each.tolist() for each in changes.removed), strict=True):
            old = rows.pop((ids[device], moment(time_us)))
            history.superseded.append(replace(_said(self._type.name, old), replaced_at=history.now, run=run.number))
            touched.add((ids[device], moment(time_us)))
        for row in range(len(changes.rows)):
            made = _row(ids, changes.rows, row, self._type.version)
            assert (made.device, made.time) not in rows
            rows[made.device, made.time] = made
            touched.add((made.device, made.time))
        for one in changes.moved:
            self._move(one.device, (one.time_us, one.key), (one.new_time_us, one.new_key))
        history.hours |= {(self._type.name, time.replace(minute=0, second=0, microsecond=0)) for _, time in touched}
        for name in {device for device, _ in touched}:
            self._renew(name, [row for row in rows.values() if row.device == name])

    def _frames(self) -> list[Frame]:
        found = [
            one
            for one in self._memory.frames
            if one.device_type == self._type.name and one.device in self._part.devices
        ]
        return sorted(found, key=lambda one: (one.device, one.time_us, one.key))

    def _move(self, device: int, before: tuple[int, bytes], after: tuple[int, bytes]) -> None:
        frames = self._memory.frames
        places = {(one.device, one.time_us, one.key): place for place, one in enumerate(frames)}
        if (device, *after) in places:
            return
        place = places[device, *before]
        frames[place] = msgspec.structs.replace(frames[place], time_us=after[0], key=after[1])
        assert self._run is not None
        self._history.moved.add((self._run.number, device, *after))

    def _renew(self, name: str, rows: Sequence[ReadingRow]) -> None:
        seen = self._memory.latest[name]
        seen.values, seen.time, seen.received_at, seen.flags = {}, None, None, ()
        for row in sorted(rows, key=lambda one: one.time):
            seen.time, seen.received_at, seen.flags = row.time, row.received_at, row.flags
            seen.values |= {
                field: LatestValue(value=value, time=row.time)
                for field, value in row.values.items()
                if value is not None
            }


def _within(scope: Scope, frame: Frame) -> bool:
    return (
        frame.device_type == scope.device_type
        and (scope.device is None or frame.uplink.device == scope.device)
        and (scope.start is None or frame.time >= scope.start)
        and (scope.end is None or frame.time < scope.end)
    )


def _row(ids: dict[int, str], rows: Rows, row: int, version: str) -> ReadingRow:
    values = {
        name: column.values[row].item() if isinstance(column.values[row], np.generic) else column.values[row]
        for name, column in rows.columns.items()
        if column.valid[row]
    }
    return ReadingRow(
        device=ids[int(rows.device[row])],
        time=moment(int(rows.time_us[row])),
        received_at=moment(int(rows.received_us[row])),
        values=values,
        flags=rows.flags.get(row, ()),
        simulated=bool(rows.simulated[row]),
        version=version,
    )


def _said(device_type: str, row: ReadingRow) -> Said:
    return Said(
        device=row.device,
        device_type=device_type,
        time=row.time,
        version=row.version,
        values={name: value for name, value in row.values.items() if value is not None},
        flags=row.flags,
        received_at=row.received_at,
        simulated=row.simulated,
    )
