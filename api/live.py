"""From one live source to many listeners.

Rules:

1. The hub never waits for a listener. Each has a bounded queue; one whose queue is full is dropped with a reason.
2. Readings and changes of alarms are parsed and written as server-sent events once, however many listen.
3. Event ids are ``<start of this hub>-<number>``. Who comes back with the last id it saw goes on behind it, as far as
   the newest events are kept; if some are gone, it is told that there is a gap. Readings and alarms are kept each for
   themselves: a hundred alarms of the night are not lost among a million readings.
4. The newest state of each ingest worker, and of the evaluator of alert rules, is kept for metrics and the console.
"""

import asyncio
import heapq
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

from model.alarm import Alarm, AlarmNotice
from model.ports import LiveSource
from model.status import AlertsStatus, IngestStatus, LiveReading

log = logging.getLogger(__name__)

SLOW = "too slow: readings came faster than they were read"
CLOSING = "the service is stopping"

_readings = msgspec.json.Decoder(list[LiveReading])
_notices = msgspec.json.Decoder(list[AlarmNotice])
_status = msgspec.json.Decoder(IngestStatus)
_alerts_status = msgspec.json.Decoder(AlertsStatus)

Kind = Literal["reading", "alarm"]
KINDS: tuple[Kind, ...] = ("reading", "alarm")


@dataclass(frozen=True, slots=True)
class Event:
    """One live reading, or one change of an alarm. ``data``: the same as JSON, ``sse``: as a server-sent event."""

    number: int
    id: bytes
    data: bytes
    reading: LiveReading | None = None
    notice: AlarmNotice | None = None
    _cut: dict[frozenset[str], bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def kind(self) -> Kind:
        """Which of the two it is."""
        return "alarm" if self.reading is None else "reading"

    @property
    def sse(self) -> bytes:
        """The whole as the bytes of a server-sent event."""
        return self.as_sse(self.data)

    def as_sse(self, data: bytes) -> bytes:
        """Return a server-sent event of this name that says ``data``."""
        return b"id: %s\nevent: %s\ndata: %s\n\n" % (self.id, self.kind.encode(), data)

    def only(self, fields: frozenset[str]) -> bytes:
        """Return the JSON with only these fields of a reading, all if none are named; made once for all who ask."""
        if not fields or self.reading is None:
            return self.data
        if fields not in self._cut:
            values = {name: value for name, value in self.reading.values.items() if name in fields}
            self._cut[fields] = msgspec.json.encode(msgspec.structs.replace(self.reading, values=values))
        return self._cut[fields]

    @property
    def about(self) -> LiveReading | Alarm | None:
        """What says of which device it is."""
        return self.notice.alarm if self.notice is not None else self.reading


class Subscription:
    """One listener's queue. Iterating gives lists of events, and ends when the listener is dropped.

    ``dropped``: why this listener gets no more, ``None`` while it does.
    ``gap``: events between the last one that the listener saw and the first one here are gone.
    ``seen``: the only devices of which the listener may hear, which may be none; ``None``: of all.
    """

    def __init__(
        self,
        device_types: frozenset[str],
        devices: frozenset[str],
        kinds: frozenset[Kind],
        capacity: int,
        fields: frozenset[str] = frozenset(),
        seen: Container[str] | None = None,
    ) -> None:
        self.seen = seen
        self.kinds = kinds
        self.fields = fields
        self.device_types = device_types
        self.devices = devices
        self.dropped: str | None = None
        self.gap = False
        self._capacity = capacity
        self._queue: deque[Event] = deque()
        self._news = asyncio.Event()

    def wants(self, event: Event) -> bool:
        """Whether the event passes this listener's filters."""
        about = event.about
        if about is None or event.kind not in self.kinds or not self.may_hear(about.device):
            return False
        if self.device_types and about.device_type not in self.device_types:
            return False
        if self.fields and event.reading is not None and self.fields.isdisjoint(event.reading.values):
            return False
        return not self.devices or about.device in self.devices

    def may_hear(self, device: str | None) -> bool:
        """Whether the listener may hear of this device."""
        return self.seen is None or (device is not None and device in self.seen)

    def offer(self, events: Iterable[Event]) -> bool:
        """Queue events; ``False`` when the queue was full already: at most its capacity and one batch ever wait."""
        if len(self._queue) >= self._capacity:
            return False
        self._queue.extend(events)
        self._news.set()
        return True

    def drop(self, reason: str) -> None:
        """End this subscription; what is queued can still be taken."""
        self.dropped = reason
        self._news.set()

    async def take(self, wait_s: float | None = None) -> Sequence[Event]:
        """Return all that is queued, waiting for the first; nothing after ``wait_s`` of silence or when dropped."""
        if not self._queue and self.dropped is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
        events = list(self._queue)
        self._queue.clear()
        if self.dropped is None:
            self._news.clear()
        return events

    async def __aiter__(self) -> AsyncIterator[Sequence[Event]]:
        """Yield lists of events until dropped."""
        while True:
            events = await self.take()
            if events:
                yield events
            elif self.dropped is not None:
                return


class Hub:
    """Reads the live source and tells everyone who listens. ``dropped`` counts listeners dropped as too slow."""

    def __init__(self, source: LiveSource, *, clock: Callable[[], datetime], queue: int, kept: int) -> None:
        self._source = source
        self._queue = queue
        self._epoch = f"{int(clock().timestamp()):x}"
        self._number = 0
        self._kept: Mapping[Kind, deque[Event]] = {kind: deque() for kind in KINDS}
        self._most = kept
        self._gone: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        self._broad: set[Subscription] = set()
        self._by_device: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._subscriptions: set[Subscription] = set()
        self._statuses: dict[str, IngestStatus] = {}
        self.alerts: AlertsStatus | None = None
        self.dropped = 0

    @property
    def statuses(self) -> Mapping[str, IngestStatus]:
        """The newest state of each ingest worker, by its name."""
        return self._statuses

    @property
    def subscribers(self) -> int:
        """How many listen now."""
        return len(self._subscriptions)

    async def run(self) -> None:
        """Read the source until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_readings())
            group.create_task(self._follow_statuses())
            group.create_task(self._follow_alarms())
            group.create_task(self._follow_alerts())

    def close(self) -> None:
        """Tell every listener that there will be no more, so that open streams end before the server does."""
        for subscription in tuple(self._subscriptions):
            self._drop(subscription, CLOSING)

    @contextmanager
    def subscribe(
        self,
        *,
        device_types: Iterable[str] = (),
        devices: Iterable[str] = (),
        fields: Iterable[str] = (),
        kinds: Iterable[Kind] = KINDS,
        after: str | None = None,
        seen: Container[str] | None = None,
    ) -> Iterator[Subscription]:
        """Listen to these types, devices and fields (none named: to all), going on behind the event id ``after``.

        ``seen``: nothing of other devices, whatever is named; ``None``: of all.
        """
        subscription = Subscription(
            frozenset(device_types), frozenset(devices), frozenset(kinds), self._queue, frozenset(fields), seen
        )
        if after:
            self._replay(subscription, after)
        self._subscriptions.add(subscription)
        for device in subscription.devices:
            self._by_device[device].add(subscription)
        if not subscription.devices:
            self._broad.add(subscription)
        try:
            yield subscription
        finally:
            self._forget(subscription)

    def publish(self, payload: bytes) -> None:
        """Tell listeners the readings of one JSON array; one that is no such array is logged and passed over."""
        try:
            readings = _readings.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("passing over a live message that is no list of readings: %s", error)
            return
        self._spread("reading", [self._event(reading) for reading in readings])

    def publish_alarms(self, payload: bytes) -> None:
        """Tell listeners the changes of alarms of one JSON array; as ``publish``."""
        try:
            notices = _notices.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("passing over a live message that is no list of changes of alarms: %s", error)
            return
        self._spread("alarm", [self._event(notice) for notice in notices])

    def _spread(self, kind: Kind, events: Sequence[Event]) -> None:
        kept = self._kept[kind]
        kept.extend(events)
        while len(kept) > self._most:
            self._gone[kind] = kept.popleft().number
        for subscription in tuple(self._broad):
            wanted = [event for event in events if subscription.wants(event)]
            self._deliver(subscription, wanted)
        if self._by_device:
            self._spread_by_device(events)

    def _spread_by_device(self, events: Sequence[Event]) -> None:
        wanted: defaultdict[Subscription, list[Event]] = defaultdict(list)
        for event in events:
            device = event.about.device if event.about is not None else None
            for subscription in self._by_device.get(device or "", ()):
                if subscription.wants(event):
                    wanted[subscription].append(event)
        for subscription, theirs in wanted.items():
            self._deliver(subscription, theirs)

    def _deliver(self, subscription: Subscription, events: Sequence[Event]) -> None:
        if events and not subscription.offer(events):
            self.dropped += 1
            self._drop(subscription, SLOW)

    def _drop(self, subscription: Subscription, reason: str) -> None:
        subscription.drop(reason)
        self._forget(subscription)

    def _forget(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
        self._broad.discard(subscription)
        for device in subscription.devices:
            listeners = self._by_device.get(device)
            if listeners is not None:
                listeners.discard(subscription)
                if not listeners:
                    del self._by_device[device]

    def _event(self, told: LiveReading | AlarmNotice) -> Event:
        self._number += 1
        data = msgspec.json.encode(told)
        name = f"{self._epoch}-{self._number}".encode()
        if isinstance(told, LiveReading):
            return Event(self._number, name, data, reading=told)
        return Event(self._number, name, data, notice=told)

    def _replay(self, subscription: Subscription, after: str) -> None:
        epoch, _, number = after.partition("-")
        if epoch != self._epoch or not number.isdecimal() or int(number) > self._number:
            subscription.gap = True
            return
        seen = int(number)
        subscription.gap = any(self._gone[kind] > seen for kind in subscription.kinds)
        kept = heapq.merge(*(self._kept[kind] for kind in subscription.kinds), key=lambda event: event.number)
        subscription.offer([event for event in kept if event.number > seen and subscription.wants(event)])

    async def _follow_readings(self) -> None:
        async for _device_type, payload in self._source.readings():
            self.publish(payload)

    async def _follow_statuses(self) -> None:
        async for payload in self._source.statuses():
            try:
                status = _status.decode(payload)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                log.warning("passing over an ingest status that is none: %s", error)
                continue
            self._statuses[status.worker] = status

    async def _follow_alarms(self) -> None:
        async for payload in self._source.alarms():
            self.publish_alarms(payload)

    async def _follow_alerts(self) -> None:
        async for payload in self._source.alerts():
            try:
                self.alerts = _alerts_status.decode(payload)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                log.warning("passing over a status of the alerts that is none: %s", error)
