"""The doors, as promises: small protocols that packages ask for and ``penfeld/wiring.py`` fills.

Each has one real implementation and a fake of the same name in ``tests/fakes``; the same tests run on both.
All raise ``UnavailableError`` when what is behind them does not answer.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from model.batch import Batch, Frame, Replay, Replayed, Written
from model.device import Device, DeviceRef, DeviceType, NewField
from model.history import Changes, Counts, Extent, Part, Place, Reach, Rows, Run, Said, Scope, Seen
from model.questions import Aggregation
from model.resolution import POINTS, Resolution
from model.script import Call, Result, Script, Suspension, Way
from model.uplink import Message
from model.views import (
    Amount,
    BucketPage,
    Chart,
    DatabaseFacts,
    GapReport,
    Interpretation,
    Latest,
    LedgerRow,
    Newest,
    QuarantinedFrame,
    QuarantineFilter,
    QuarantinePage,
    QuarantineSums,
    Ranking,
    ReadingPage,
    StateValue,
    UnmappedPath,
    WorkerSums,
)

EVERYTHING = QuarantineFilter()
Answer = TypeVar("Answer")


class FrameSource(Protocol):
    """Where messages come from. What is not acknowledged is delivered again."""

    def batches(self) -> AsyncIterator[Sequence[Message]]:
        """Yield batches of messages, each as large as time and arrival allow; ends when the source is closed."""
        ...

    async def acknowledge(self, batch: Sequence[Message]) -> None:
        """Tell the source that these messages are safe; to be called after the commit, never before."""
        ...

    def waiting(self) -> tuple[int, datetime | None]:
        """Return how many messages came and are in no batch yet, and when the first of them did."""
        ...

    def trouble(self) -> str:
        """Return, in one line, what keeps the source from its broker now; empty when nothing does."""
        ...


class FrameSink(Protocol):
    """Where a batch goes: all of it in one transaction, or nothing."""

    async def ready(self, batch: Batch) -> Batch:
        """Return the batch with all that can be made of it before its turn, perhaps while another one is written.

        What is wrong with it, ``write`` says; raise ``UnavailableError``.
        """
        ...

    async def write(self, batch: Batch) -> Written:
        """Store the batch with its ledger; raise ``WriteRejectedError`` naming frames that can never be stored."""
        ...


class Codecs(Protocol):
    """Runs makers' scripts where they can hurt nobody."""

    async def run(self, script: Script, way: Way, calls: Sequence[Call]) -> Sequence[Result]:
        """Return the result of each call, in order; what went wrong with a script is in the results."""
        ...

    def suspended(self) -> Sequence[Suspension]:
        """Return the codecs that are asked no more, because they overstepped their limits again and again."""
        ...


class DeviceFiles(Protocol):
    """The device files, for who changes them."""

    async def add_field(self, device_type: str, field: NewField) -> DeviceType:
        """Write a field into a type's file and return what the file says now; whoever watches it takes it from there.

        Raise ``BadRequestError`` for a field that makes no sense, ``ConflictError`` where the file cannot take it: both
        say what to do, and nothing was written.
        """
        ...


class DeviceLookup(Protocol):
    """What ingest asks the registry."""

    async def identify(self, devices: Sequence[str]) -> Mapping[str, DeviceRef]:
        """Return what is known of these canonical device ids; unknown ones are absent."""
        ...


class LiveFeed(Protocol):
    """Where stored readings are told to those who watch. Losing one is no loss: the database has it."""

    async def publish(self, device_type: str, readings: bytes) -> None:
        """Send one JSON array of readings of one device type to the live topic."""
        ...

    async def status(self, status: bytes) -> None:
        """Send this worker's state (``model.status.IngestStatus`` as JSON), kept by the broker for who comes later."""
        ...


class LiveSource(Protocol):
    """The other end of ``LiveFeed``."""

    def readings(self) -> AsyncIterator[tuple[str, bytes]]:
        """Yield (device type, JSON array of readings) as they are published; goes on by itself after a broken line."""
        ...

    def statuses(self) -> AsyncIterator[bytes]:
        """Yield the workers' states (``model.status.IngestStatus`` as JSON) as they are published."""
        ...

    def alarms(self) -> AsyncIterator[bytes]:
        """Yield what changes of alarms (JSON arrays of ``model.alarm.AlarmNotice``) as it is published."""
        ...

    def alerts(self) -> AsyncIterator[bytes]:
        """Yield the evaluator's states (``model.status.AlertsStatus`` as JSON) as they are published."""
        ...


class Publisher(Protocol):
    """Puts a message into the broker."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return when the broker has taken it (QoS 1 acknowledged); raise ``UnavailableError`` otherwise."""
        ...


class Registry(Protocol):
    """The register of devices."""

    async def devices(
        self,
        *,
        device_type: str | None = None,
        state: str | None = None,
        district: str | None = None,
        search: str | None = None,
        simulated: bool | None = None,
        experiments: Collection[str] | None = None,
        limit: int = 1000,
        after: str | None = None,
    ) -> Sequence[Device]:
        """Return devices in order of id, at most ``limit``, behind the id ``after``.

        ``experiments``: only registered ones that are in one of these, which may be none of them; those of no
        experiment are in one of an empty name. ``None``: of whatever experiment, pending ones too.
        """
        ...

    async def device(self, device_id: str) -> Device:
        """Return one device; raise ``NotFoundError``."""
        ...

    async def register(self, devices: Sequence[Device]) -> Mapping[str, str]:
        """Insert or update devices; return id -> ``"created"`` | ``"updated"`` | ``"unchanged"``.

        A row says all of a device; only the network on which it was heard stays where the row names none.
        """
        ...

    async def remove(self, device_id: str) -> None:
        """Retire a device: its readings stay, its frames go to quarantine. Raise ``NotFoundError``."""
        ...

    async def purge_simulated(self) -> Mapping[str, int]:
        """Delete simulated devices with all that came from them; return rows deleted by table."""
        ...


class Quarantine(Protocol):
    """What was set aside, for those who bring it back."""

    async def lines(self, wanted: QuarantineFilter, *, limit: int = 500, after: int = 0) -> Sequence[QuarantinedFrame]:
        """Return lines in order of their ids, which is that of arrival, behind the line ``after``.

        Fewer than ``limit`` also where messages are large; none only at the end.
        """
        ...

    async def count(self, wanted: QuarantineFilter) -> Amount:
        """Return how much is meant."""
        ...

    async def request(self, wanted: QuarantineFilter) -> Amount:
        """Mark lines for replay, and return how many that are; marking again changes nothing."""
        ...

    async def request_types(self, device_types: Sequence[str]) -> Amount:
        """Mark the lines whose device type was unknown and is one of these."""
        ...

    async def waiting(self, devices: Sequence[str]) -> Amount:
        """Return how much of these devices' frames is marked for replay."""
        ...

    async def replay(self, replay: Replay, at: datetime) -> Replayed:
        """Take lines out of quarantine, with the frames that they became and a line of the ledger at this hour.

        All in one transaction. What is still set aside stays, under its reason of today. Lines that somebody else has
        taken or holds are passed over. Raise ``WriteRejectedError`` naming frames that can never be stored.
        """
        ...


class Interpreter(Protocol):
    """Says what a quarantined frame means today, without changing anything."""

    async def interpret(self, frame: QuarantinedFrame) -> Sequence[Interpretation]:
        """Return what each uplink of the line would become; at least one."""
        ...


class Queries(Protocol):
    """What API and console ask."""

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
        """Return readings with start <= time < end, in order of time. No devices: all of the type; no fields: all."""
        ...

    async def latest(self, *, device_type: str | None = None, devices: Sequence[str] = ()) -> Sequence[Latest]:
        """Return the newest values of active devices."""
        ...

    async def state(self, device: str) -> Mapping[str, StateValue]:
        """Return what networks told of a device, fact by fact in order of name; nothing of one that there is not."""
        ...

    async def unmapped(self, device_type: DeviceType, *, device: str | None = None) -> Sequence[UnmappedPath]:
        """Return what codecs said of the newest frames that no field took then, in order of path.

        Only a few frames are looked at, of the devices of the type that spoke last; ``device``: only of this one.
        """
        ...

    async def ledger(
        self, *, start: datetime | None = None, end: datetime | None = None, source: str | None = None
    ) -> Sequence[LedgerRow]:
        """Return the ledger, newest hour first, then by source."""
        ...

    async def ledger_workers(self, *, start: datetime | None = None) -> Sequence[WorkerSums]:
        """Return the ledger's sums by worker over the hours that begin at ``start`` or later, in order of name."""
        ...

    async def unaccounted(self) -> int:
        """Return by how many frames the books are wrong: 0, unless somebody changed them or Penfeld has a defect.

        Frames of lines of the ledger that do not balance, and those in quarantine beyond what the ledger says.
        """
        ...

    async def quarantine(
        self, wanted: QuarantineFilter = EVERYTHING, *, limit: int = 100, cursor: str | None = None
    ) -> QuarantinePage:
        """Return what is in quarantine, newest first."""
        ...

    async def quarantine_sums(self) -> Sequence[QuarantineSums]:
        """Return how much is in quarantine, by reason; reasons of which there is nothing are absent."""
        ...

    async def quarantined(self, frame_id: int) -> QuarantinedFrame:
        """Return one frame of quarantine; raise ``NotFoundError``."""
        ...

    async def facts(self) -> DatabaseFacts:
        """Return what the database is; raises ``UnavailableError`` when it does not answer."""
        ...


class ArrowBatch(Protocol):
    """Rows in Arrow's columns (a record batch): anything that hands them over by Arrow's C interface."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Hand over schema and columns."""
        ...


class Exports(Protocol):
    """Readings in any number, as a stream that never holds more than a few batches of them."""

    def batches(
        self,
        device_type: DeviceType,
        *,
        devices: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        fields: Sequence[str] = (),
        simulated: bool | None = None,
    ) -> AsyncIterator[ArrowBatch]:
        """Yield readings with start <= time < end in order of time, then device, with the schema of ``model.export``.

        ``devices``: only these, ``None``: all of the type; no fields: all. What is written meanwhile may be among them
        or not; a reader who is slow holds nothing up. Raise ``BadRequestError`` as ``Queries.readings`` does.
        """
        ...


class Dashboards(Protocol):
    """What charts, maps and rankings ask: statistics by bucket of time, from the rollup that fits the question.

    Ranges are start <= time < end, widened to whole buckets; a text has no statistics. ``resolution``: as asked, or the
    next coarser that is kept so long; where none is asked, the one that gives a line about ``points`` points.
    ``simulated``: only simulated data, or only real; ``None``: both.
    All raise ``BadRequestError`` for what makes no sense, and ``NotFoundError`` for a device that is not of this type.
    """

    async def series(
        self,
        device_type: DeviceType,
        *,
        devices: Sequence[str],
        start: datetime,
        end: datetime,
        fields: Sequence[str] = (),
        resolution: Resolution | None = None,
        points: int = POINTS,
        simulated: bool | None = None,
    ) -> Chart:
        """Return a line for each device and field; no fields: all that have statistics."""
        ...

    async def aggregated(
        self,
        device_type: DeviceType,
        *,
        start: datetime,
        end: datetime,
        resolution: Resolution,
        aggregation: Aggregation,
        devices: Sequence[str] | None = None,
        fields: Sequence[str] = (),
        limit: int = 1000,
        cursor: str | None = None,
        simulated: bool | None = None,
    ) -> BucketPage:
        """Return a page of buckets of many devices, in order of time, then device; ``devices``: ``None`` for all.

        A bucket in which a device said nothing is absent. No fields: all that have statistics.
        """
        ...

    async def groups(
        self,
        device_types: Sequence[DeviceType],
        *,
        start: datetime,
        end: datetime,
        fields: Sequence[str],
        by_district: bool = False,
        districts: Sequence[str] = (),
        resolution: Resolution | None = None,
        points: int = POINTS,
        simulated: bool | None = None,
    ) -> Chart:
        """Return a line for each field (and district) over all devices of these types, by hour or by local day.

        Types may be those of a whole domain: each field is taken from those that have it. No districts: all.
        """
        ...

    async def top(
        self,
        device_type: DeviceType,
        field: str,
        *,
        start: datetime,
        end: datetime,
        limit: int = 20,
        districts: Sequence[str] = (),
        resolution: Resolution | None = None,
        simulated: bool | None = None,
    ) -> Ranking:
        """Return the devices whose counter ``field`` grew most; those whose counter said nothing are absent.

        A device counts by its own mark: simulated readings of a real one are left out.
        """
        ...

    async def newest(self, device_type: DeviceType, *, fields: Sequence[str] = ()) -> Sequence[Newest]:
        """Return the newest values of all active devices of a type that have any, in order of id; no fields: all."""
        ...

    async def gaps(
        self,
        device_type: DeviceType,
        *,
        start: datetime,
        end: datetime,
        devices: Sequence[str] = (),
        districts: Sequence[str] = (),
        limit: int = 20,
        simulated: bool | None = None,
    ) -> GapReport:
        """Return the active devices that lack most of what their period lets expect, and when they were silent."""
        ...


class HistoryStep(Protocol):
    """One look at a part of the history, in one transaction that sees everything as it was at one moment."""

    async def frames(self) -> Seen:
        """Return the part's raw frames in order of device, event time and key."""
        ...

    async def neighbours(self, start_us: int, end_us: int) -> Sequence[Frame]:
        """Return other raw frames of the part's devices with start <= event time < end."""
        ...

    async def rows(self, start_us: int, end_us: int) -> Rows:
        """Return the readings of the part's devices with start <= time < end."""
        ...

    async def change(self, changes: Changes, place: Place, counts: Counts) -> None:
        """Write the changes, with the run's new place and sums."""
        ...


class History(Protocol):
    """Raw frames, readings and runs, for decoding history again."""

    async def extent(self, scope: Scope) -> Extent:
        """Return what a scope holds; raise ``NotFoundError`` for a device that there is not."""
        ...

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
        """Return what ``work`` returns; it is done again, from its beginning, when somebody else was faster.

        Only with a ``run`` anything is changed; afterwards newest values and changed hours are right, too.
        """
        ...

    async def begin(self, scope: Scope, version: str, extent: Extent, reach: Reach) -> Run:
        """Write down a new run; earlier open ones of the type are given up for it."""
        ...

    async def finish(self, run: Run) -> Run:
        """Write down that a run came to its end."""
        ...

    async def runs(self) -> Sequence[Run]:
        """Return all runs, the latest first."""
        ...

    def working(self, device_type: str) -> AbstractAsyncContextManager[None]:
        """Keep other processes from changing this type's history; raise ``ConflictError`` if one is at it."""
        ...

    async def said(self, device: str, start: datetime, end: datetime) -> Sequence[Said]:
        """Return what readings with start <= time < end say and said, in order of time, the present first.

        Raise ``NotFoundError`` for a device that there is not.
        """
        ...
