"""The city at work: frames leave through their doors when they are due, and the last hours are told in the background.

1. The world is asked a little ahead, frames wait for their moment: a frame's time is when it leaves.
2. Every door has a lane of its own, so that one that is slow, or not there yet, holds up no other. Live frames overtake
   history in it.
3. History goes oldest first, at a rate of its own, and waits while its lane is full. It ends a minute before the start:
   younger frames, told late, would pass for live ones that were slow.
4. While a door takes nothing for long, its lane fills up and the city falls silent; what it would have said meanwhile
   is never said (``skipped_s``), as when the machine slept.
5. Nothing falls behind silently: ``lag_s`` is how late live frames left, the worst of the last hundred or so.
6. ``sent`` counts what doors saw acknowledged, by source: what really left, repeats included.
"""

import asyncio
import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from model.errors import the_problem
from simulators.envelopes import Event
from simulators.fleet import Fleet, Sending

Clock = Callable[[], datetime]

_AHEAD_S = 1.0
_SLICE_S = 120.0
_SETTLED_S = 60.0
_PATIENCE_S = 10.0
_ASLEEP_S = 60.0
_MOST_WAITING = 1000  # of history, in one lane
_MOST_LIVE = 20_000  # in one lane
_LOOK_S = 0.005
_FADE = 0.99


class Door(Protocol):
    """Where events leave."""

    sent: Counter[str]

    @property
    def outstanding(self) -> int:
        """How many events were handed over and are not acknowledged."""
        ...

    async def send(self, event: Event) -> None:
        """Take an event over; wait while too many are on their way."""
        ...

    async def drain(self, patience_s: float) -> int:
        """Wait until all are acknowledged; return how many are not after ``patience_s``."""
        ...


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far it is. ``history_done`` goes from 0 to 1; ``lag_s``: how late the last live frames left, the worst.

    ``held_back``: frames that wait for their moment, or for their gateway; ``skipped_s``: time of silence;
    ``handed``: events given to doors, by source; ``unacknowledged``: those that no door saw acknowledged at the end.
    """

    history_done: float = 0.0
    history_frames: int = 0
    live_frames: int = 0
    held_back: int = 0
    lag_s: float = 0.0
    skipped_s: float = 0.0
    unacknowledged: int = 0
    handed: Counter[str] = field(default_factory=Counter)


class Simulation:
    """Sends a fleet's frames. ``doors`` has one for each source, or ``""`` for all others.

    ``history``: how much of the past to tell first; ``history_rate``: frames of it in a second, at most.
    """

    def __init__(
        self,
        fleet: Fleet,
        doors: Mapping[str, Door],
        clock: Clock,
        *,
        history: timedelta = timedelta(),
        history_rate: float = 800.0,
    ) -> None:
        self.progress = Progress()
        self._fleet, self._clock = fleet, clock
        self._history, self._rate = history, history_rate
        lanes = {id(door): _Lane(door, clock, self.progress) for door in doors.values()}
        self._lanes = tuple(lanes.values())
        self._lane = {source: lanes[id(door)] for source, door in doors.items()}

    @property
    def sent(self) -> dict[str, int]:
        """Events acknowledged so far, by source."""
        total: Counter[str] = Counter()
        for lane in self._lanes:
            _ = lane.door.outstanding  # lets the door count what has come in meanwhile
            total.update(lane.door.sent)
        return dict(sorted(total.items()))

    async def run(self, stop: asyncio.Event) -> None:
        """Send until ``stop`` is set, then wait for what is on its way. Raises what a door raises."""
        self._fleet.prepare(self._clock().timestamp())
        start = self._clock().timestamp()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(task) for task in (self._live(start, stop), self._past(start, stop))]
                lanes = [group.create_task(lane.run()) for lane in self._lanes]
                group.create_task(self._end(stop, tasks, lanes))
        except BaseExceptionGroup as group:  # `except*` would do, but for a bug of Python 3.11.2 (Debian 12)
            raise the_problem(group) or group from None
        finally:
            on_their_way = await asyncio.gather(*(lane.door.drain(_PATIENCE_S) for lane in self._lanes))
            self.progress.unacknowledged = sum(on_their_way) + sum(lane.waiting for lane in self._lanes)

    async def _end(
        self, stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]], lanes: Sequence[asyncio.Task[None]]
    ) -> None:
        """Wait for the stop, then let the lanes run empty."""
        await stop.wait()
        for task in tasks:
            task.cancel()
        await _until(lambda: not any(lane.waiting for lane in self._lanes), _PATIENCE_S)
        for task in lanes:
            task.cancel()

    async def _live(self, start: float, stop: asyncio.Event) -> None:
        waiting: list[tuple[float, int, Event]] = [
            (sending.at, number, sending.event) for number, sending in enumerate(self._fleet.switched_on(start))
        ]  # in order, so a heap already
        number, told = len(waiting), start
        while not stop.is_set():
            if any(lane.live >= _MOST_LIVE for lane in self._lanes):
                await asyncio.sleep(_AHEAD_S / 2)
                continue
            now = self._clock().timestamp()
            if now - told > _ASLEEP_S:
                self.progress.skipped_s += now - told
                told = now
            if now + _AHEAD_S > told:
                until = told + _AHEAD_S
                for sending in self._fleet.live(told, until):
                    heapq.heappush(waiting, (sending.at, number, sending.event))
                    number += 1
                told = until
            while waiting and waiting[0][0] <= now:
                at, _, event = heapq.heappop(waiting)
                self._lane_of(event).put_live(at, event)
                self.progress.live_frames += 1
            self.progress.held_back = len(waiting)
            due = min(waiting[0][0] if waiting else told, told - _AHEAD_S / 2)
            await asyncio.sleep(max(due - now, 0.001))

    async def _past(self, start: float, stop: asyncio.Event) -> None:
        begin, end = start - self._history.total_seconds(), start - _SETTLED_S
        at, started = begin, asyncio.get_running_loop().time()
        while at < end and not stop.is_set():
            until = min(at + _SLICE_S, end)
            await self._tell(self._fleet.history(at, until, now=start), started)
            at = until
            self.progress.history_done = 0.99 * (at - begin) / (end - begin)
        if begin < end:
            await self._tell(self._fleet.memory(end), started)
        await _until(lambda: not any(lane.past for lane in self._lanes))
        self.progress.history_done = 1.0

    async def _tell(self, sendings: Iterable[Sending], started: float) -> None:
        """Put history into its lanes, not faster than its rate; everything else gets its turn after each."""
        clock = asyncio.get_running_loop().time
        for sending in sendings:
            lane = self._lane_of(sending.event)
            if len(lane.past) >= _MOST_WAITING:
                await _until(lambda lane=lane: len(lane.past) < _MOST_WAITING)  # type: ignore[misc] # bound at once
            lane.put_past(sending.event)
            self.progress.history_frames += 1
            await asyncio.sleep(max(self.progress.history_frames / self._rate - (clock() - started), 0.0))

    def _lane_of(self, event: Event) -> "_Lane":
        return self._lane.get(event.source) or self._lane[""]


class _Lane:
    """What waits before one door."""

    def __init__(self, door: Door, clock: Clock, progress: Progress) -> None:
        self.door = door
        self.past: deque[Event] = deque()
        self._live: deque[tuple[float, Event]] = deque()
        self._clock, self._progress = clock, progress
        self._at_door = 0
        self._more = asyncio.Event()

    @property
    def live(self) -> int:
        """How many live events wait."""
        return len(self._live)

    @property
    def waiting(self) -> int:
        """How many events the door has not taken yet."""
        return len(self._live) + len(self.past) + self._at_door

    def put_live(self, at: float, event: Event) -> None:
        """Let an event wait that was due at ``at``."""
        self._live.append((at, event))
        self._more.set()

    def put_past(self, event: Event) -> None:
        """Let an event wait until nothing live does."""
        self.past.append(event)
        self._more.set()

    async def run(self) -> None:
        """Hand events to the door, for ever."""
        while True:
            if not self._live and not self.past:
                self._more.clear()
                await self._more.wait()
            self._at_door = 1
            if self._live:
                at, event = self._live.popleft()
                await self.door.send(event)
                late = self._clock().timestamp() - at
                self._progress.lag_s = max(late, self._progress.lag_s * _FADE)
            else:
                event = self.past.popleft()
                await self.door.send(event)
            self._at_door = 0
            self._progress.handed[event.source] += 1


async def send_all(sendings: Iterable[Sending], doors: Mapping[str, Door], *, speed: float, stop: asyncio.Event) -> int:
    """Send recorded events at ``speed`` times their own pace (infinite: as fast as it goes); return how many."""
    tick = asyncio.get_running_loop().time
    started, first, count = tick(), None, 0
    for sending in sendings:
        first = sending.at if first is None else first
        wait = (sending.at - first) / speed - (tick() - started)
        if wait > 0.0:
            await _unless(stop, wait)
        if stop.is_set():
            break
        await (doors.get(sending.event.source) or doors[""]).send(sending.event)
        count += 1
    for door in {id(door): door for door in doors.values()}.values():
        await door.drain(_PATIENCE_S)
    return count


async def _unless(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def _until(holds: Callable[[], bool], patience_s: float = float("inf")) -> None:
    clock = asyncio.get_running_loop().time
    deadline = clock() + patience_s
    while not holds() and clock() < deadline:  # noqa: ASYNC110 what is waited for are numbers, some of other threads
        await asyncio.sleep(_LOOK_S)
