"""Hands notifications over: takes lines from the outbox, holds back, groups, sends, tries again, writes down.

Rules:

1. A line leaves the outbox when its channel took it. It goes out twice only where the process is killed between the
   channel's yes and our note of it; ids that follow from the lines (``messages.message_id``) make that visible.
2. Each channel is on its own: one that does not answer holds up no other. It is tried again after pauses that grow and
   are spread by chance; all that waits for it goes out afterwards, in order.
3. The first message after a while of quiet goes at once; what comes within ``group_wait`` of a message goes together.
4. The database may go away: what was sent is noted when it is back, before anything else is taken.
5. A test message goes at once and once, whatever state the channel is in.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from random import SystemRandom
from typing import Any

from alerts.channel import Channel
from alerts.holding import Held, held, needs_history
from alerts.messages import Message, message_of, message_of_test
from alerts.texts import Facts
from model.alert_ports import Outbox
from model.errors import BadRequestError, UnavailableError
from model.notification import Due, Notification, NotificationState, Outcome
from model.retry import Backoff, Chance

log = logging.getLogger(__name__)

Lookup = Callable[[Sequence[Due]], Awaitable[Mapping[int, Facts]]]
"""Return alarm -> what is known besides."""

AT_ONCE = 500
"""A message tells of so many notifications at most."""
ATTEMPTS_AT_LEAST = 8
_TAKEN = 1_000
_ROUNDS = 10
_BUSY = timedelta(seconds=0.5)
_LEASE = timedelta(seconds=30)  # half of the minute for which the outbox keeps others away
_ESCALATE_EVERY = timedelta(seconds=5)
_REFUSED_IN_A_ROW = 3
PAUSES = Backoff(first_s=5.0, longest_s=300.0)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_LONGEST_PAUSE_S = 30.0
_LAST_WORDS_S = 20.0


async def nothing_known(_dues: Sequence[Due]) -> Mapping[int, Facts]:
    """Look nothing up: devices are called by their ids."""
    return {}


@dataclass(slots=True)
class _Way:
    """Where a channel stands. ``open_at``: nothing is sent before; ``trouble``: why the last message did not go."""

    channel: Channel
    open_at: datetime = _LONG_AGO
    failures: int = 0
    trouble: str = ""
    task: asyncio.Task[None] | None = None


class Sender:
    """Sends what waits in an outbox. ``step`` may be called again and again; ``run`` does that."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Mapping[str, Channel],
        clock: Callable[[], datetime],
        *,
        zone: tzinfo,
        lookup: Lookup = nothing_known,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Chance | None = None,
        every_s: float = 0.5,
    ) -> None:
        self._outbox = outbox
        self._ways = {name: _Way(channel) for name, channel in channels.items()}
        self._clock = clock
        self._lookup = lookup
        self._zone = zone
        self._pause = pause
        self._random = random or SystemRandom()
        self._every_s = every_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_work: set[int] = set()
        self._unwritten: list[Outcome] = []
        self._escalate_at = _LONG_AGO
        self._unknown: dict[str, str] = {}

    def troubles(self) -> Mapping[str, str]:
        """Return channel -> why its last message did not go, of those that have such trouble."""
        return {**{name: way.trouble for name, way in self._ways.items() if way.trouble}, **self._unknown}

    async def run(self) -> None:
        """Send for ever. When it is cancelled, what is on its way comes to an end and is written down."""
        failures, trouble = 0, ""
        try:
            while True:
                try:
                    await self.step()
                except UnavailableError as error:
                    failures += 1
                    if str(error) != trouble:
                        log.warning("notifications wait: %s; trying again", error)
                    trouble = str(error)
                else:
                    failures, trouble = 0, ""
                await self._pause(min(_LONGEST_PAUSE_S, self._every_s * 2 ** min(failures, 10)))
        finally:
            await self._finish()

    async def once(self) -> None:
        """Do one step, and wait until everything that it began is sent or failed, and written down."""
        await self.step()
        await self._sent()

    async def step(self) -> None:
        """Look once at what is due; begin to send it. Raise ``UnavailableError`` while the database is away."""
        self._reap()
        await self._write(())
        now = self._clock()
        if now >= self._escalate_at:
            await self._outbox.escalate(now)
            self._escalate_at = now + _ESCALATE_EVERY
        lines = await self._due(now)
        outcomes: list[Outcome] = []
        by_channel: dict[str, list[Due]] = {}
        for due in lines:
            by_channel.setdefault(due.notification.channel, []).append(due)
        for name, dues in by_channel.items():
            outcomes += await self._taken(name, dues, now)
        await self._write(outcomes)

    async def _due(self, now: datetime) -> list[Due]:
        """Return all lines whose turn it is, in the order in which they were made."""
        found: dict[int, Due] = {}
        for _ in range(_ROUNDS):
            lines = await self._outbox.due(now, _TAKEN)
            found |= {due.notification.id: due for due in lines}
            if len(lines) < _TAKEN:
                break
        known = self._at_work | {outcome.id for outcome in self._unwritten}
        return [found[number] for number in sorted(found) if number not in known]

    async def _taken(self, name: str, dues: Sequence[Due], now: datetime) -> list[Outcome]:
        """Begin to send what goes out now on a channel; return what becomes of the rest."""
        way = self._ways.get(name)
        if way is None:
            why = f"there is no [[channel]] called {name!r}: add it, or mend the rules that name it"
            self._unknown[name] = why
            return [
                Outcome(id=due.notification.id, state=NotificationState.FAILED, detail=why, attempted=False)
                for due in dues
            ]
        for due in dues:
            if due.alarm is None:
                self._begin(self._send_test(way, due.notification), [due])
        going, outcomes = await self._sorted([due for due in dues if due.alarm is not None], way.channel, now)
        if not going:
            return outcomes
        if way.task is not None:
            way.open_at = max(way.open_at, now + _BUSY)
        if way.open_at > now:
            return [*outcomes, *(_later(due.notification, way.open_at, way.trouble) for due in going)]
        way.task = self._begin(self._send_all(way, going, now + _LEASE), going)
        return outcomes

    async def _sorted(self, dues: Sequence[Due], channel: Channel, now: datetime) -> tuple[list[Due], list[Outcome]]:
        """Return what goes out now, and what becomes of the rest."""
        together = {due.notification.id for due in dues}
        going, outcomes = [], []
        for due in dues:
            alarm = due.alarm
            if alarm is None:
                continue
            before = await self._outbox.page(alarm=alarm.id, limit=1_000) if needs_history(due) else ()
            reason = held(due, now, before, together)
            quiet = channel.quiet
            if reason is None and quiet is not None and not quiet.spares(alarm.severity):
                ends = quiet.until(now, self._zone)
                reason = Held("quiet hours", ends) if ends is not None else None
            if reason is None:
                going.append(due)
            elif reason.until is not None:
                outcomes.append(_later(due.notification, reason.until, reason.why))
            else:
                state = NotificationState.HELD_BACK
                outcomes.append(Outcome(id=due.notification.id, state=state, detail=reason.why, attempted=False))
        return going, outcomes

    def _begin(self, work: Coroutine[Any, Any, None], dues: Sequence[Due]) -> asyncio.Task[None]:
        """Run something beside, during which these lines are at work."""
        ids = {due.notification.id for due in dues}
        self._at_work |= ids

        async def worked() -> None:
            try:
                await work
            finally:
                self._at_work -= ids

        task = asyncio.create_task(worked())
        self._tasks.add(task)
        return task

    async def _send_test(self, way: _Way, line: Notification) -> None:
        """Try a channel; a person looks at the result, so nothing is tried again."""
        message = message_of_test(line, way.channel.language, self._clock())
        try:
            said = await _handed(way.channel, message)
        except (UnavailableError, BadRequestError) as error:
            outcome = Outcome(id=line.id, state=NotificationState.FAILED, detail=str(error))
        else:
            outcome = Outcome(id=line.id, state=NotificationState.SENT, detail=said)
        await self._write_sure([outcome])

    async def _send_all(self, way: _Way, dues: Sequence[Due], until: datetime) -> None:
        """Send these, in order, in as few messages as possible; the rest waits where the channel stops taking."""
        left = list(dues)
        try:
            facts = await self._facts(dues)
            while left and self._clock() < until:
                part, left = left[:AT_ONCE], left[AT_ONCE:]
                if not await self._send_part(way, part, facts):
                    break
            if left:
                await self._write_sure([_later(due.notification, way.open_at, way.trouble) for due in left])
        finally:
            way.task = None

    async def _send_part(self, way: _Way, dues: Sequence[Due], facts: Mapping[int, Facts]) -> bool:
        """Send one message; return whether the channel can be asked for more."""
        try:
            said = await self._sent_as_one(way, dues, facts)
        except UnavailableError as error:
            await self._failed(way, dues, str(error))
            return False
        except BadRequestError as error:
            way.trouble = _said(way.channel, str(error), way.trouble)
            if len(dues) > 1:
                return await self._send_each(way, dues, facts)
            await self._write_sure(
                [Outcome(id=dues[0].notification.id, state=NotificationState.FAILED, detail=str(error))]
            )
            return True
        self._worked(way, said)
        await self._write_sure(
            [Outcome(id=due.notification.id, state=NotificationState.SENT, detail=said) for due in dues]
        )
        return True

    async def _send_each(self, way: _Way, dues: Sequence[Due], facts: Mapping[int, Facts]) -> bool:
        """Send one by one what was refused as one: the good ones must not go down with a bad one."""
        refused = 0
        for position, due in enumerate(dues):
            if refused == _REFUSED_IN_A_ROW:  # it is not the message
                failed = NotificationState.FAILED
                await self._write_sure(
                    [Outcome(id=one.notification.id, state=failed, detail=way.trouble) for one in dues[position:]]
                )
                return True
            try:
                said = await self._sent_as_one(way, [due], facts)
            except UnavailableError as error:
                await self._failed(way, dues[position:], str(error))
                return False
            except BadRequestError as error:
                refused += 1
                way.trouble = _said(way.channel, str(error), way.trouble)
                outcome = Outcome(id=due.notification.id, state=NotificationState.FAILED, detail=str(error))
            else:
                refused = 0
                self._worked(way, said)
                outcome = Outcome(id=due.notification.id, state=NotificationState.SENT, detail=said)
            await self._write_sure([outcome])
        return True

    async def _sent_as_one(self, way: _Way, dues: Sequence[Due], facts: Mapping[int, Facts]) -> str:
        """Return what the channel says of one message; raise as ``Door.send`` does."""
        channel = way.channel
        return await _handed(
            channel, message_of(channel.name, dues, facts, channel.language, self._zone, self._clock())
        )

    def _worked(self, way: _Way, said: str) -> None:
        way.failures = 0
        way.trouble = _said(way.channel, said, way.trouble) if said else ""
        way.open_at = max(way.open_at, self._clock() + way.channel.group_wait)

    async def _failed(self, way: _Way, dues: Sequence[Due], why: str) -> None:
        """Leave a channel alone for a while; give up what was tried for long enough."""
        now = self._clock()
        way.failures += 1
        way.open_at = now + timedelta(seconds=PAUSES.wait_s(way.failures, self._random))
        way.trouble = _said(way.channel, why, way.trouble)
        outcomes = []
        for due in dues:
            line = due.notification
            if now - line.created_at >= way.channel.give_up_after and line.attempts + 1 >= ATTEMPTS_AT_LEAST:
                detail = f"given up after {line.attempts + 1} attempts: {why}"
                outcomes.append(Outcome(id=line.id, state=NotificationState.FAILED, detail=detail))
            else:
                outcomes.append(Outcome(id=line.id, state=NotificationState.WAITING, detail=why, due_at=way.open_at))
        await self._write_sure(outcomes)

    async def _facts(self, dues: Sequence[Due]) -> Mapping[int, Facts]:
        """Return what is known besides; an alarm is told without it rather than late."""
        try:
            return await self._lookup(dues)
        except UnavailableError as error:
            log.warning("devices are told by their ids: %s", error)
            return {}

    async def _write(self, outcomes: Sequence[Outcome]) -> None:
        """Write down what became of notifications, those first that could not be written before."""
        self._unwritten += outcomes
        if not self._unwritten:
            return
        writing, self._unwritten = self._unwritten, []
        try:
            await self._outbox.settle(writing, self._clock())
        except UnavailableError:
            self._unwritten = writing + self._unwritten
            raise

    async def _write_sure(self, outcomes: Sequence[Outcome]) -> None:
        """Write down what became of notifications, if not now, then with the next step."""
        with suppress(UnavailableError):
            await self._write(outcomes)

    def _reap(self) -> None:
        """Take leave of what has ended; what went wrong there goes wrong here."""
        ended = {task for task in self._tasks if task.done()}
        self._tasks -= ended
        for task in ended:
            task.result()

    async def _sent(self) -> None:
        """Wait until everything that was begun has ended."""
        while self._tasks:
            await asyncio.wait(self._tasks)
            self._reap()

    async def _finish(self) -> None:
        """Let what is on its way arrive, for as long as a door may take; then note what became of it."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_LAST_WORDS_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._write_sure(())


async def _handed(channel: Channel, message: Message) -> str:
    """Return what a door says; whatever goes wrong in it in a way that nobody foresaw counts as a failed attempt."""
    try:
        return await channel.door.send(message)
    except (UnavailableError, BadRequestError):
        raise
    except Exception as error:  # a library may raise anything; its text may hold a secret, so only its name is told
        raise UnavailableError(f"{channel.kind} went wrong: {type(error).__name__}") from error


def _later(line: Notification, at: datetime, why: str) -> Outcome:
    return Outcome(id=line.id, state=NotificationState.WAITING, detail=why, due_at=at, attempted=False)


def _said(channel: Channel, trouble: str, before: str) -> str:
    """Return the trouble, told in the log when it is a new one."""
    if trouble != before:
        log.warning("channel %s: %s", channel.name, trouble)
    return trouble
