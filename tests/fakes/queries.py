"""``Queries`` in memory."""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from model.device import DeviceType, State
from model.errors import BadRequestError, NotFoundError, Reason
from model.ports import EVERYTHING
from model.uplink import Value
from model.views import (
    DatabaseFacts,
    Latest,
    LedgerRow,
    QuarantinedFrame,
    QuarantineFilter,
    QuarantinePage,
    QuarantineSums,
    ReadingPage,
    ReadingRow,
    StateValue,
    UnmappedPath,
    WorkerSums,
)
from tests.fakes.memory import Memory

MOST_ROWS = 100_000


class Queries:
    """Answers from a ``Memory``, which ``Registry`` and ``FrameSink`` may share."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()

    async def readings(
        self,
        device_type: DeviceType,
        *,
        devices: Sequence[str] = (),
        start: datetime | None = None,
        end: datetime | None = None,
        fields: Sequence[str] = (),
        limit: int = 1000,
        cursor: str | None = None,
        newest_first: bool = False,
        simulated: bool | None = None,
    ) -> ReadingPage:
        """Return readings, a page at a time."""
        _check(limit, start, end)
        known = [field.name for field in device_type.fields]
        if unknown := [name for name in fields if name not in known]:
            raise BadRequestError(f"{device_type.name} has no field {', '.join(unknown)}; it has {', '.join(known)}")
        names = list(dict.fromkeys(fields)) or known
        found = sorted(
            (
                row
                for row in self.memory.rows.get(device_type.name, {}).values()
                if (not devices or row.device in devices)
                and (start is None or row.time >= start)
                and (end is None or row.time < end)
                and (simulated is None or row.simulated == simulated)
            ),
            key=lambda row: (row.time, row.device),
            reverse=newest_first,
        )
        if cursor is not None:
            last = _read(cursor, newest_first=newest_first)
            found = [row for row in found if _beyond(row, last, newest_first=newest_first)]
        page = [_only(row, names) for row in found[:limit]]
        more = len(found) > limit
        return ReadingPage(rows=page, next_cursor=_write(page[-1], newest_first=newest_first) if more else None)

    async def latest(self, *, device_type: str | None = None, devices: Sequence[str] = ()) -> Sequence[Latest]:
        """Return the newest values of active devices, in order of id."""
        found = [
            self.memory.latest_of(device)
            for name, device in sorted(self.memory.devices.items())
            if device.state is State.ACTIVE
            and (device_type is None or device.type == device_type)
            and (not devices or name in devices)
        ]
        return [latest for latest in found if latest is not None]

    async def state(self, device: str) -> Mapping[str, StateValue]:
        """Return what networks told of a device."""
        return dict(sorted(self.memory.state.get(device, {}).items()))

    async def unmapped(self, device_type: DeviceType, *, device: str | None = None) -> Sequence[UnmappedPath]:
        """Return what no field took of the newest frames, in order of path."""
        found: dict[str, list[tuple[datetime, str, Value]]] = {}
        for name, known in self.memory.devices.items():
            if known.type != device_type.name or device not in {None, name}:
                continue
            frames = [frame for frame in self.memory.frames if frame.device == self.memory.keys[name]]
            frames.sort(key=lambda frame: frame.time, reverse=True)
            for frame in frames[: 5 if device is None else 50]:
                left = frame.rest.paths if frame.rest is not None and frame.device_type == device_type.name else {}
                for path, value in left.items():
                    found.setdefault(path, []).append((frame.time, name, value))
        return [
            UnmappedPath(
                path=path,
                values=tuple(value for _, _, value in sorted(said, key=lambda one: one[0], reverse=True)[:5]),
                time=max(time for time, _, _ in said),
                devices=len({name for _, name, _ in said}),
            )
            for path, said in sorted(found.items())
        ]

    async def ledger(
        self, *, start: datetime | None = None, end: datetime | None = None, source: str | None = None
    ) -> Sequence[LedgerRow]:
        """Return the ledger, newest hour first, then by source."""
        _check(1, start, end)
        return [
            LedgerRow(
                hour=hour,
                source=name,
                received=sum(n),
                stored=n[0],
                duplicate=n[1],
                quarantined=n[2],
                replayed=-self.memory.replays[hour, name][2] if (hour, name) in self.memory.replays else 0,
            )
            for (hour, name), n in sorted(self._lines().items(), key=lambda line: (-line[0][0].timestamp(), line[0][1]))
            if (start is None or hour >= start) and (end is None or hour < end) and (source is None or name == source)
        ]

    def _lines(self) -> dict[tuple[datetime, str], list[int]]:
        """Return the lines of all workers together."""
        lines = {place: list(counts) for place, counts in self.memory.ledger.items()}
        for place, counts in self.memory.replays.items():
            lines[place] = [a + b for a, b in zip(lines.get(place, [0, 0, 0]), counts, strict=True)]
        return lines

    async def ledger_workers(self, *, start: datetime | None = None) -> Sequence[WorkerSums]:
        """Return the ledger's sums by worker."""
        _check(1, start)
        found = []
        for worker, lines in (("replay", self.memory.replays), (self.memory.worker, self.memory.ledger)):
            some = [counts for (hour, _), counts in lines.items() if start is None or hour >= start]
            if some:
                stored, duplicate, quarantined = (sum(column) for column in zip(*some, strict=True))
                received = stored + duplicate + quarantined
                found.append(
                    WorkerSums(
                        worker=worker, received=received, stored=stored, duplicate=duplicate, quarantined=quarantined
                    )
                )
        return sorted(found, key=lambda sums: sums.worker)

    async def unaccounted(self) -> int:
        """Return what quarantine holds beyond what the ledger says: its lines always balance here."""
        lines = (*self.memory.ledger.values(), *self.memory.replays.values())
        there = sum(frame.times for frame in self.memory.quarantine.values())
        return max(0, there - sum(counts[2] for counts in lines))

    async def quarantine(
        self, wanted: QuarantineFilter = EVERYTHING, *, limit: int = 100, cursor: str | None = None
    ) -> QuarantinePage:
        """Return what is in quarantine, newest first."""
        _check(limit, wanted.start, wanted.end)
        if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
            raise BadRequestError(f"cursor {cursor!r} is none")
        found = sorted(
            (frame for frame in self.memory.lines(wanted) if cursor is None or frame.id < int(cursor)),
            key=lambda frame: -frame.id,
        )
        page = found[:limit]
        return QuarantinePage(rows=page, next_cursor=str(page[-1].id) if len(found) > limit else None)

    async def quarantine_sums(self) -> Sequence[QuarantineSums]:
        """Return how much is in quarantine, by reason."""
        found: dict[Reason, list[QuarantinedFrame]] = {}
        for frame in self.memory.quarantine.values():
            found.setdefault(frame.reason, []).append(frame)
        return [
            QuarantineSums(
                reason=reason,
                lines=len(some),
                frames=sum(frame.times for frame in some),
                waiting=sum(frame.times for frame in some if frame.replay_requested_at is not None),
            )
            for reason, some in sorted(found.items())
        ]

    async def quarantined(self, frame_id: int) -> QuarantinedFrame:
        """Return one frame of quarantine."""
        for frame in self.memory.quarantine.values():
            if frame.id == frame_id:
                return frame
        raise NotFoundError(f"no frame {frame_id} is in quarantine")

    async def facts(self) -> DatabaseFacts:
        """Return facts of no database."""
        return DatabaseFacts(
            server_version="0 (in memory)",
            timescaledb_version=None,
            migration=2,
            size_bytes=0,
            now=datetime(2026, 7, 1, 12, tzinfo=UTC),
        )


def _only(row: ReadingRow, names: Sequence[str]) -> ReadingRow:
    return ReadingRow(
        device=row.device,
        time=row.time,
        received_at=row.received_at,
        values={name: row.values.get(name) for name in names},
        flags=row.flags,
        simulated=row.simulated,
        version=row.version,
    )


def _beyond(row: ReadingRow, last: tuple[datetime, str], *, newest_first: bool) -> bool:
    place = row.time, row.device
    return place < last if newest_first else place > last


def _check(limit: int, start: datetime | None = None, end: datetime | None = None) -> None:
    if not 1 <= limit <= MOST_ROWS:
        raise BadRequestError(f"limit {limit} is not between 1 and {MOST_ROWS}")
    if any(when is not None and when.tzinfo is None for when in (start, end)):
        raise BadRequestError("a time has no zone")


def _write(row: ReadingRow, *, newest_first: bool) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((row.time, row.device, newest_first))).decode()


def _read(cursor: str, *, newest_first: bool) -> tuple[datetime, str]:
    try:
        time, device, direction = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[datetime, str, bool])
    except (ValueError, msgspec.MsgspecError):
        raise BadRequestError(f"cursor {cursor!r} is none") from None
    if direction is not newest_first:
        raise BadRequestError("the cursor is of a query in the other direction")
    return time, device
