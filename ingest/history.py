"""Decoding history again: the raw frames of one device type, by today's device file, in place of what they said before.

Rules:

1. The difference is found first, without changing anything (``survey``); then it is made, in small transactions
   (``change``). Each holds its readings and the place it came to, so a run goes on where it was stopped or killed.
2. Frames go by device, then by time: devices with few frames together, one with many in slices.
3. What is compared and kept is the business of ``ingest.comparison``, what is stored that of the port ``History``.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from decoders.device import Definition
from ingest.comparison import MOST_DEVICES, Told, compare, tell
from ingest.outputs import outputs
from ingest.survey import Found, Look, Tally
from model.batch import Frame
from model.device import DeviceType
from model.errors import ConflictError
from model.history import Changes, Counts, Extent, Moved, Part, Place, Reach, Run, RunState, Scope, Survey
from model.instants import microseconds, moment
from model.ports import Codecs, History, HistoryStep
from model.readings import Bools, Column

Watch = Callable[[Counts], None]
"""Told after each step what was done so far."""

AT_ONCE = 5000
"""Frames in one transaction, about."""
_MICROSECOND = timedelta(microseconds=1)


class Redecoding:
    """Decodes the history of one device type again. ``at_once``: frames in one transaction, about.

    ``codecs``: who runs the type's script, if it has one.
    """

    def __init__(
        self, history: History, definition: Definition, codecs: Codecs | None = None, *, at_once: int = AT_ONCE
    ) -> None:
        self._history = history
        self._codecs = codecs
        self._definition = definition
        self._type: DeviceType = definition.type
        self._at_once = at_once

    async def survey(self, scope: Scope, *, extent: Extent | None = None, watch: Watch | None = None) -> Survey:
        """Return what decoding again would change; nothing is changed. ``extent``: of the scope, if it is known.

        A reading that frames of two parts say may be counted as changed here, and as unchanged by the run.
        """
        extent = extent or await self._history.extent(scope)
        lateness = Reach(back_us=extent.lateness // _MICROSECOND)
        logs = self._definition.has_logs
        tally = Tally(self._type)

        async def go(part: Part) -> Look:
            # A late reading may be of a log, or only late; without logs, what was seen so far tells how far rows lie.
            reach = tally.reach | lateness if logs else tally.reach
            look = await self._history.step(
                self._type,
                scope,
                part,
                lambda step: self._look(step, scope, part, reach, back_us=lateness.back_us, until=extent.until),
                until=extent.until,
            )
            tally.add(look)
            if watch is not None:
                watch(tally.counts)
            return look

        await self._walk(extent.devices, None, go, lambda: False)
        return tally.survey(scope, extent)

    async def begin(self, survey: Survey) -> Run:
        """Write down a run that makes this difference."""
        return await self._history.begin(survey.scope, survey.version, survey.extent, survey.reach)

    async def change(self, run: Run, *, stop: Callable[[], bool], watch: Watch | None = None) -> Run:
        """Go on with a run to its end, or until told to stop; return it as it is then.

        Raise ``ConflictError`` for a run that another definition began, or that has ended.
        """
        self._check(run)
        extent = await self._history.extent(run.scope)
        now = run

        async def go(part: Part) -> Look:
            nonlocal now
            look = await self._history.step(
                self._type, now.scope, part, lambda step: self._make(step, now, part), until=now.until, run=now
            )
            now = replace(now, counts=now.counts + look.counts, place=look.last or now.place)
            if watch is not None:
                watch(now.counts)
            return look

        if await self._walk(extent.devices, run.place, go, stop):
            return await self._history.finish(now)
        return now

    def _check(self, run: Run) -> None:
        name = run.scope.device_type
        if run.state is not RunState.OPEN:
            ended = {RunState.FINISHED: "is finished", RunState.GIVEN_UP: "was given up for a later one"}[run.state]
            raise ConflictError(f"run {run.number} {ended}: `penfeld redecode --device-type {name}` begins a new one")
        if name != self._type.name or run.version != self._type.version:
            raise ConflictError(
                f"run {run.number} was begun with version {run.version} of {name}, and the device file is version"
                f" {self._type.version} now: put the earlier file back and resume, or decode all of it by the new one"
                f" with `penfeld redecode --device-type {name}`"
            )

    async def _walk(
        self,
        devices: Mapping[int, int],
        place: Place | None,
        go: Callable[[Part], Awaitable[Look]],
        stop: Callable[[], bool],
    ) -> bool:
        """Take all parts behind the place, in order; return whether the end was reached."""
        for group in _groups(devices, place, self._at_once):
            begun = place is not None and group == (place.device,)
            after_us = microseconds(place.time) if place is not None and begun else None
            cut = begun or sum(devices[device] for device in group) > self._at_once
            more = True
            while more:
                if stop():
                    return False
                look = await go(Part(devices=group, after_us=after_us, limit=self._at_once if cut else None))
                more, after_us = look.cut, look.until_us
        return True

    async def _look(
        self, step: HistoryStep, scope: Scope, part: Part, reach: Reach, *, back_us: int, until: datetime
    ) -> Look:
        """Read frames, decode them, and hold them against the readings around, those up to ``back_us`` before them."""
        seen = await step.frames()
        told = await self._tell(seen.frames)
        cut = part.limit is not None and len(seen.frames) >= part.limit
        until_us = seen.frames[-1].time_us if cut else None
        if not seen.mine.any():
            return Look(cut=cut, until_us=until_us)
        times, said = told.time_us[seen.mine], told.row_us[seen.mine[told.row_frame]]
        low = min(int(times.min()) - back_us, int(said.min(initial=times.min())))
        high = max(int(times.max()), int(said.max(initial=0)))
        stored = await step.rows(low, high + 1)
        others: list[Frame] = []
        before = 0
        for start, end in _beside(scope, part, until_us, low - reach.ahead_us, high + reach.back_us + 1):
            others += await step.neighbours(start, end)
            before = len(others) if start < int(times.min()) else before
        if others:
            told += await self._tell(others)
        mine = np.concatenate((seen.mine, np.zeros(len(others), dtype=np.bool_)))
        earlier = ~mine & _of_run(scope, told, until)
        earlier[len(seen.frames) + before :] = False
        difference = compare(told, mine, stored, earlier=earlier, drop_undecodable=scope.drop_undecodable)
        understood = mine & told.decodable
        counts = difference.counts + Counts(
            frames=int(np.count_nonzero(mine)),
            undecodable=int(np.count_nonzero(mine & ~told.decodable)),
            moved=int(np.count_nonzero(understood & (told.new_us != told.time_us))),
        )
        last = seen.frames[int(np.flatnonzero(seen.mine)[-1])]
        return Look(
            cut=cut,
            until_us=until_us,
            counts=counts,
            last=Place(device=last.device, time=last.time, key=last.key),
            found=Found(told, mine, stored, difference),
        )

    async def _tell(self, frames: Sequence[Frame]) -> Told:
        """Decode raw frames by today's definition."""
        received_us = np.array([one.received_us for one in frames], dtype=np.int64)
        said = await outputs(self._codecs, self._definition, [one.uplink for one in frames], received_us)
        return tell(self._definition, frames, said)

    async def _make(self, step: HistoryStep, run: Run, part: Part) -> Look:
        """Look, and change what is not as it would be."""
        look = await self._look(step, run.scope, part, run.reach, back_us=run.reach.back_us, until=run.until)
        if look.found is not None and look.last is not None:
            await step.change(_changes(look.found), look.last, run.counts + look.counts)
        return look


def _groups(devices: Mapping[int, int], place: Place | None, at_once: int) -> Iterator[tuple[int, ...]]:
    """Yield devices to be looked at together: a large one alone, as is the one that the place is in."""
    group: list[int] = []
    frames = 0
    for device, count in sorted(devices.items()):
        if place is not None and device < place.device:
            continue
        begun = place is not None and device == place.device
        if group and (begun or frames + count > at_once or len(group) >= MOST_DEVICES):
            yield tuple(group)
            group, frames = [], 0
        if begun:
            yield (device,)
            continue
        group.append(device)
        frames += count
    if group:
        yield tuple(group)


def _beside(scope: Scope, part: Part, until_us: int | None, low_us: int, high_us: int) -> Iterator[tuple[int, int]]:
    """Yield the times (from, to) within these bounds that the frames of a part leave out, before and behind it."""
    start_us = None if scope.start is None else microseconds(scope.start)
    if part.after_us is not None:
        start_us = part.after_us + 1
    end_us = None if scope.end is None else microseconds(scope.end)
    if until_us is not None:
        end_us = until_us + 1
    if start_us is not None and low_us < start_us:
        yield low_us, start_us
    if end_us is not None and end_us < high_us:
        yield end_us, high_us


def _of_run(scope: Scope, told: Told, until: datetime) -> Bools:
    """Return which frames a run with this scope covers."""
    found = told.received_us < microseconds(until)
    if scope.start is not None:
        found &= told.time_us >= microseconds(scope.start)
    if scope.end is not None:
        found &= told.time_us < microseconds(scope.end)
    return found


def _changes(found: Found) -> Changes:
    """Return what is to be written. Fields that the device type has no more stay as they are."""
    difference, stored = found.difference, found.stored
    rows, replaced = difference.rows, difference.stored
    for name in stored.columns.keys() - rows.columns.keys() if len(stored) else ():
        old = stored.columns[name]
        rows.columns[name] = Column(old.values[replaced], old.valid[replaced] & (replaced >= 0))
    removed = np.concatenate((difference.stored[difference.stored >= 0], difference.gone))
    return Changes(
        rows=rows,
        removed=(stored.device[removed], stored.time_us[removed]),
        moved=tuple(_moved(found.told, found.mine)),
    )


def _moved(told: Told, mine: Bools) -> Iterator[Moved]:
    """Yield frames whose event time changes; one that is known by its time alone gets another key with it."""
    for position in np.flatnonzero(mine & told.decodable & (told.new_us != told.time_us)).tolist():
        frame, new_us = told.frames[position], int(told.new_us[position])
        yield Moved(
            device=frame.device,
            key=frame.key,
            time_us=frame.time_us,
            new_key=frame.uplink.frame_key(moment(new_us)) if frame.uplink.f_cnt is None else frame.key,
            new_time_us=new_us,
        )
