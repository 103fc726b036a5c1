"""The city at work: frames leave through their doors when they are due, and the last hours are told in the background.

1. The world is asked a little ahead, frames wait for their moment: a frame's time is when it leaves.
2. History goes oldest first, at a rate of its own, and gives way to live frames.
3. Nothing falls behind silently: ``lag_s`` is how late live frames left, the worst of the last seconds.
4. ``sent`` counts what doors saw acknowledged, by source: what really left, repeats included.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from model.errors import PenfeldError
from simulators.envelopes import Event
from simulators.fleet import Fleet, Sending

Clock = Callable[[], datetime]

_AHEAD_S = 1.0
_SLICE_S = 120.0
_PATIENCE_S = 10.0
_ASLEEP_S = 60.0


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

    ``held_back``: frames that wait for their moment, or for their gateway; ``skipped_s``: time that the machine slept;
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
    """Sends a fleet's frames. ``doors`` has one for each source, or ``""`` for all others."""

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
        self._fleet, self._doors, self._clock = fleet, doors, clock
        self._history, self._rate = history, history_rate

    @property
    def sent(self) -> dict[str, int]:
        """Events acknowledged so far, by source."""
        total: Counter[str] = Counter()
        for door in _each(self._doors):
            _ = door.outstanding  # lets the door count what has come in meanwhile
            total.update(door.sent)
        return dict(sorted(total.items()))

    async def run(self, stop: asyncio.Event) -> None:
        """Send until ``stop`` is set, then wait for what is on its way. Raises what a door raises."""
        self._fleet.prepare(self._clock().timestamp())
        start = self._clock().timestamp()
        try:
            async with asyncio.TaskGroup() as group:
                live = group.create_task(self._live(start, stop))
                past = group.create_task(self._past(start, stop))
                group.create_task(_cancel_when(stop, (live, past)))
        except* PenfeldError as problems:
            raise problems.exceptions[0] from None
        finally:
            self.progress.unacknowledged = await _drained(self._doors)

    async def _live(self, start: float, stop: asyncio.Event) -> None:
        waiting: list[tuple[float, int, Event]] = []
        number, told = 0, start
        while not stop.is_set():
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
            self.progress.held_back = len(waiting)
            if waiting and waiting[0][0] <= now:
                at, _, event = heapq.heappop(waiting)
                self.progress.lag_s = max(now - at, self.progress.lag_s * 0.99)
                self.progress.live_frames += 1
                await self._send(event)
                continue
            due = waiting[0][0] if waiting else told
            await asyncio.sleep(min(max(due - now, 0.001), _AHEAD_S / 2))

    async def _past(self, start: float, stop: asyncio.Event) -> None:
        begin = start - self._history.total_seconds()
        at, started = begin, asyncio.get_running_loop().time()
        while at < start and not stop.is_set():
            until = min(at + _SLICE_S, start)
            await self._tell(self._fleet.history(at, until, now=start), started)
            at = until
            self.progress.history_done = (at - begin) / (start - begin)
        if begin < start and not stop.is_set():
            await self._tell(self._fleet.memory(start), started)
        self.progress.history_done = 1.0

    async def _tell(self, sendings: Iterable[Sending], started: float) -> None:
        """Send history, not faster than its rate; live frames get their turn after each."""
        for sending in sendings:
            await self._send(sending.event)
            self.progress.history_frames += 1
            ahead = self.progress.history_frames / self._rate - (asyncio.get_running_loop().time() - started)
            await asyncio.sleep(max(ahead, 0.0))

    async def _send(self, event: Event) -> None:
        await (self._doors.get(event.source) or self._doors[""]).send(event)
        self.progress.handed[event.source] += 1


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
    await _drained(doors)
    return count


async def _drained(doors: Mapping[str, Door]) -> int:
    """Wait until all doors are through; return how many events are not."""
    return sum([await door.drain(_PATIENCE_S) for door in _each(doors)])


def _each(doors: Mapping[str, Door]) -> Iterable[Door]:
    """Return every door once, as one may serve several sources."""
    return {id(door): door for door in doors.values()}.values()


async def _unless(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def _cancel_when(stop: asyncio.Event, tasks: Iterable[asyncio.Task[None]]) -> None:
    await stop.wait()
    for task in tasks:
        task.cancel()
