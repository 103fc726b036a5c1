"""What was set aside, understood again after a fix: lines of quarantine through the same pipeline as messages.

Rules:

1. A line goes in as the message that it was, with its first arrival. Of a message with several uplinks only those count
   for which the line stands: the uplinks of its device, or all where the device was not known yet.
2. Lines go in order of arrival, some at a time; each time all is stored in one transaction, or nothing. Whoever works
   beside ingest goes step by step and pauses between: live frames do not wait for old ones.
3. What is still not understood stays, under its reason of today; what the database refuses too.
"""

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ingest.pipeline import Pipeline, Prepared
from model.batch import Batch, Replay, Replayed, ReplayLine, SetAside
from model.errors import Reason, UnavailableError, WriteRejectedError
from model.instants import moment
from model.ports import Quarantine
from model.readings import Readings
from model.uplink import Message
from model.views import Interpretation, QuarantinedFrame, QuarantineFilter, ReadingRow

logger = logging.getLogger(__name__)

AT_ONCE = 500
"""Lines in one transaction."""
REQUESTED = QuarantineFilter(requested=True)

_Key = tuple[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of one line: positions in the batch, and what is set aside again."""

    line: QuarantinedFrame
    frames: tuple[int, ...]
    set_aside: tuple[SetAside, ...]


@dataclass(slots=True)
class _Found:
    """What was found in a message of one device, or of none."""

    frames: list[int] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)


class Replayer:
    """Brings lines of quarantine back. Its pipeline is its own: it asks for devices anew at each step.

    ``at_once``: lines in one transaction.
    """

    def __init__(
        self, pipeline: Pipeline, quarantine: Quarantine, clock: Callable[[], datetime], *, at_once: int = AT_ONCE
    ) -> None:
        self._pipeline = pipeline
        self._quarantine = quarantine
        self._clock = clock
        self._at_once = at_once
        self._after = 0

    @property
    def more(self) -> bool:
        """Whether the last step had lines, so that there may be more behind them."""
        return self._after > 0

    async def step(self) -> Replayed:
        """Replay the next lines that are marked; behind the last ones, begin again at the first.

        A step that fails is not tried again at once, so that it never holds up the lines behind it.
        """
        lines = await self._quarantine.lines(REQUESTED, limit=self._at_once, after=self._after)
        self._after = lines[-1].id if lines else 0
        return await self._replay(lines) if lines else Replayed()

    async def run(self, wanted: QuarantineFilter) -> AsyncIterator[Replayed]:
        """Replay all lines that are meant, once each; yield what became of them, some at a time."""
        async for lines in self._lines(wanted):
            yield await self._replay(lines)

    async def try_out(
        self, wanted: QuarantineFilter
    ) -> AsyncIterator[Sequence[tuple[QuarantinedFrame, Reason | None]]]:
        """Yield lines that are meant with the reason why they would stay, ``None`` where they would go."""
        async for lines in self._lines(wanted):
            _, outcomes = await self._understand(lines)
            yield [(one.line, one.set_aside[0].reason if one.set_aside else None) for one in outcomes]

    async def interpret(self, frame: QuarantinedFrame) -> Sequence[Interpretation]:
        """Return what each uplink of the line would become today; nothing is changed."""
        prepared, [outcome] = await self._understand([frame])
        return [
            *(_interpretation(prepared.batch, position) for position in outcome.frames),
            *(
                Interpretation(
                    device=aside.device, device_type=aside.device_type, reason=aside.reason, detail=aside.detail
                )
                for aside in outcome.set_aside
            ),
        ]

    async def _lines(self, wanted: QuarantineFilter) -> AsyncIterator[Sequence[QuarantinedFrame]]:
        after = 0
        while lines := await self._quarantine.lines(wanted, limit=self._at_once, after=after):
            after = lines[-1].id
            yield lines

    async def _replay(self, lines: Sequence[QuarantinedFrame]) -> Replayed:
        """Replay these lines, without the frames that the database refuses."""
        prepared, outcomes = await self._understand(lines)
        while True:
            replay = Replay(batch=prepared.batch, lines=tuple(map(_line, outcomes)))
            try:
                return await self._quarantine.replay(replay, self._clock())
            except WriteRejectedError as error:
                logger.warning("the database refuses %d replayed frames: %s", len(error.rejected), error)
                known = range(len(prepared.batch.frames))
                if not known:  # what is set aside again refuses nothing; should it ever, it stays where it is
                    raise UnavailableError(f"the database refuses what stays in quarantine: {error}") from error
                rejected = {i: why for i, why in error.rejected.items() if i in known}
                prepared = prepared.without(rejected or dict.fromkeys(known, str(error)))
                outcomes = _outcomes(lines, prepared)

    async def _understand(self, lines: Sequence[QuarantinedFrame]) -> tuple[Prepared, Sequence[_Outcome]]:
        self._pipeline.forget()
        messages = {
            (line.topic, line.message): Message(topic=line.topic, payload=line.message, received_at=line.received_at)
            for line in reversed(lines)
        }
        prepared = await self._pipeline.process(list(messages.values())[::-1])
        return prepared, _outcomes(lines, prepared)


def _outcomes(lines: Sequence[QuarantinedFrame], prepared: Prepared) -> Sequence[_Outcome]:
    """Return what became of each line, in their order: a frame or something set aside, each for one line only.

    A line is passed over where other lines of its message have all that is in it.
    """
    found: dict[_Key, dict[str | None, _Found]] = defaultdict(lambda: defaultdict(_Found))
    for position, message in enumerate(prepared.messages):
        device = prepared.batch.frames[position].uplink.device
        found[message.topic, message.payload][device].frames.append(position)
    for aside in prepared.batch.set_aside:
        found[aside.topic, aside.message][aside.device].set_aside.append(aside)
    told = {message for message, devices in found.items() if devices}
    mine = {line.id: found[line.topic, line.message].pop(line.device, None) for line in lines}
    outcomes = []
    for line in lines:
        own, of_message = mine[line.id], found[line.topic, line.message]
        if own is None:  # the device was not known, or the adapter names another one today
            own = _Found()
            for other in of_message.values():
                own.frames += other.frames
                own.set_aside += other.set_aside
            of_message.clear()
        if not own.frames and not own.set_aside:
            if (line.topic, line.message) in told:
                continue
            own.set_aside.append(_without_frame(line))
        outcomes.append(_Outcome(line=line, frames=tuple(own.frames), set_aside=tuple(own.set_aside)))
    return outcomes


def _without_frame(line: QuarantinedFrame) -> SetAside:
    return SetAside(
        source=line.source,
        reason=Reason.BAD_ENVELOPE,
        detail="no frame that is kept is in this message, by what is known of its network today",
        topic=line.topic,
        message=line.message,
        received_at=line.received_at,
        device=line.device,
        device_type=line.device_type,
        simulated=line.simulated,
    )


def _line(outcome: _Outcome) -> ReplayLine:
    return ReplayLine(
        id=outcome.line.id,
        frames=outcome.frames,
        set_aside=outcome.set_aside,
        requested_at=outcome.line.replay_requested_at,
    )


def _interpretation(batch: Batch, position: int) -> Interpretation:
    frame = batch.frames[position]
    rows = [row for readings in batch.readings for row in _rows(readings, batch, position)]
    return Interpretation(
        device=frame.uplink.device,
        device_type=frame.device_type,
        rows=tuple(sorted(rows, key=lambda row: row.time)),
    )


def _rows(readings: Readings, batch: Batch, position: int) -> list[ReadingRow]:
    frame = batch.frames[position]
    return [
        ReadingRow(
            device=frame.uplink.device,
            time=moment(int(readings.time_us[row])),
            received_at=frame.received_at,
            values={
                name: column.values[row : row + 1].tolist()[0]
                for name, column in readings.columns.items()
                if column.valid[row]
            },
            flags=readings.flags.get(row, ()),
            simulated=frame.simulated,
            version=readings.version,
        )
        for row in (readings.frame == position).nonzero()[0].tolist()
    ]
