"""The ingest worker: batches from the source, through the pipeline, into the sink; then the acknowledgement.

Rules:

1. A batch is acknowledged after its transaction, never before. What is not acknowledged comes again.
2. While one batch is written the next is decoded and made ready, and the source collects the one after it: ``DEPTH``
   batches are in hand at most. They are stored and acknowledged in the order in which they came.
3. When broker or database do not answer, the same batch is tried again, with growing pauses, until it is stored. What
   was decoded meanwhile is decoded again: devices may have changed.
4. Frames that the database can never store are set aside with its reason; the others of their batch are stored.
5. ``stop`` lets the batches in hand finish; if the database is down at that moment, the broker keeps them.
6. What is told live may be lost without harm, and never holds up what is stored.
"""

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import msgspec

from ingest.latency import Latency
from ingest.live import LiveReadings
from ingest.pipeline import Pipeline, Prepared
from model.batch import Written
from model.errors import UnavailableError, WriteRejectedError, the_problem
from model.ports import Codecs, FrameSink, FrameSource, LiveFeed
from model.retry import Backoff
from model.status import IngestStatus
from model.uplink import Message

logger = logging.getLogger(__name__)

DEPTH = 2
"""Batches in hand at once: one that is written, and the next, which is decoded and made ready meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestConfig:
    """``worker``: its name in the ledger and status topic.

    ``fresh``: older readings are not told live; ``live_a_second``: nor are more than that.
    """

    worker: str = "ingest"
    backoff: Backoff = field(default_factory=Backoff)
    status_every_s: float = 1.0
    fresh: timedelta = timedelta(hours=1)
    live_a_second: int = 2000


@dataclass(slots=True, kw_only=True)
class _Work:
    """A batch in hand. ``prepared``: what it says, by what was known of devices in ``epoch``; ``None``: not yet."""

    messages: Sequence[Message]
    prepared: Prepared | None = None
    epoch: int = 0


class Ingest:
    """One worker. ``run`` it; ``stop`` it from anywhere in the same loop."""

    def __init__(
        self,
        *,
        source: FrameSource,
        pipeline: Pipeline,
        sink: FrameSink,
        live: LiveFeed,
        clock: Callable[[], datetime],
        config: IngestConfig,
        codecs: Codecs | None = None,
        random: Random,
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._sink = sink
        self._live = live
        self._clock = clock
        self._config = config
        self._codecs = codecs
        self._random = random
        self._stopping = asyncio.Event()
        self._in_hand: deque[_Work] = deque()
        self._ready: asyncio.Queue[_Work | None] = asyncio.Queue()
        self._freed = asyncio.Event()
        self._epoch = 0
        self._counts: Counter[str] = Counter()
        self._aside: Counter[str] = Counter()
        self._latency = Latency()
        self._readings = LiveReadings(config.fresh, config.live_a_second)
        self._trouble = ""
        self._started = clock()

    async def run(self) -> None:
        """Work until ``stop`` is called or the source ends; raise ``ConfigError`` when a person must act."""
        try:
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(self._tell_status())
                preparing = tasks.create_task(self._prepare())
                await self._bring_home()
                preparing.cancel()
                telling.cancel()
        except BaseExceptionGroup as group:  # `except*` would do, but for a bug of Python 3.11.2 (Debian 12)
            raise the_problem(group) or group from None
        await self._tell_once()
        logger.info("ingest stopped after %d batches, %d frames", self._counts["batches"], self._counts["received"])

    def stop(self) -> None:
        """Finish the batches in hand, then end ``run``."""
        self._stopping.set()

    def behind_s(self) -> float:
        """Return for how many seconds the oldest message that is not acknowledged has been here; 0 without any."""
        _, since = self._source.waiting()
        if self._in_hand:
            since = self._in_hand[0].messages[0].received_at
        return max(0.0, (self._clock() - since).total_seconds()) if since else 0.0

    def status(self) -> IngestStatus:
        """Return how the worker is now."""
        now = self._clock()
        trouble = self._source.trouble()
        p50, p99 = self._latency.percentiles_ms(50, 99)
        waiting, _ = self._source.waiting()
        return IngestStatus(
            worker=self._config.worker,
            time=now,
            started=self._started,
            received=self._counts["received"],
            stored=self._counts["stored"],
            duplicate=self._counts["duplicate"],
            quarantined=self._counts["quarantined"],
            unacknowledged=waiting + sum(len(work.messages) for work in self._in_hand),
            oldest_unacknowledged_s=self.behind_s(),
            batches=self._counts["batches"],
            live_skipped=self._readings.skipped,
            latency_p50_ms=p50,
            latency_p99_ms=p99,
            connected=not trouble,
            trouble=trouble or self._trouble,
            suspended=tuple(self._codecs.suspended()) if self._codecs is not None else (),
        )

    async def _prepare(self) -> None:
        """Take batches, decode them and make them ready, as far as ``DEPTH`` allows."""
        failures = 0
        while not self._stopping.is_set():
            try:
                async for messages in self._until_stopped(self._source.batches()):
                    failures = 0
                    await self._take(messages)
            except UnavailableError as error:
                failures += 1
                await self._pause(error, failures)
            else:
                break
        self._ready.put_nowait(None)

    async def _take(self, messages: Sequence[Message]) -> None:
        """Decode a batch, make it ready and hand it on; return when there is room for the next."""
        work = _Work(messages=messages, epoch=self._epoch)
        self._in_hand.append(work)
        with contextlib.suppress(UnavailableError):  # who writes it tries again, and waits
            prepared = await self._pipeline.process(messages)
            prepared = replace(prepared, batch=await self._sink.ready(prepared.batch))
            if work.epoch == self._epoch:  # else it fills memory for nothing
                work.prepared = prepared
        self._ready.put_nowait(work)
        while len(self._in_hand) >= DEPTH:
            self._freed.clear()
            await self._freed.wait()

    async def _until_stopped(self, batches: AsyncIterator[Sequence[Message]]) -> AsyncIterator[Sequence[Message]]:
        """Yield batches; end when the source does or when asked to stop, whichever comes first."""
        stopped = asyncio.ensure_future(self._stopping.wait())
        try:
            while not stopped.done():
                coming = asyncio.ensure_future(_next(batches))
                try:
                    await asyncio.wait({coming, stopped}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not coming.done():
                        coming.cancel()
                        await asyncio.wait({coming})
                if coming.cancelled():
                    return
                messages = coming.result()
                if messages is None:
                    return
                yield messages
        finally:
            stopped.cancel()

    async def _bring_home(self) -> None:
        """Store and acknowledge batch by batch, until there are no more or they are left to the broker."""
        while (work := await self._ready.get()) is not None:
            stored = await self._store_patiently(work)
            if stored is None:
                return
            prepared, written = stored
            self._count(prepared, written)
            try:
                await self._source.acknowledge(work.messages)
            except UnavailableError as error:
                logger.warning("%d stored messages will come again, as duplicates: %s", len(work.messages), error)
            self._in_hand.popleft()
            self._freed.set()
            await self._tell_live(prepared, written)
            del work, stored, prepared  # a batch is large, and the next may take long to come

    async def _store_patiently(self, work: _Work) -> tuple[Prepared, Written] | None:
        """Try until it is stored; ``None`` when asked to stop before that."""
        failures = 0
        while True:
            try:
                stored = await self._store(work)
            except UnavailableError as error:
                failures += 1
                self._forget()
                await self._pause(error, failures)
                if self._stopping.is_set():
                    left = sum(len(work.messages) for work in self._in_hand)
                    logger.warning("%d messages are left to the broker: %s", left, error)
                    return None
            else:
                if self._trouble:
                    logger.info("ingest goes on after %d failed attempts", failures)
                    self._trouble = ""
                return stored

    async def _store(self, work: _Work) -> tuple[Prepared, Written]:
        """Write the batch, without the frames that the database refuses."""
        prepared = work.prepared if work.epoch == self._epoch else None
        if prepared is None:
            prepared = await self._pipeline.process(work.messages)
        looked_up_again = False
        while True:
            try:
                return prepared, await self._sink.write(prepared.batch)
            except WriteRejectedError as error:
                if not looked_up_again:  # a device may have been removed since it was looked up
                    looked_up_again = True
                    self._forget()
                    prepared = await self._pipeline.process(work.messages)
                    continue
                logger.warning("the database refuses %d frames: %s", len(error.rejected), error)
                known = range(len(prepared.batch.frames))
                if not known:  # quarantine refuses nothing; should it ever, nothing is left to take out
                    raise UnavailableError(f"the database refuses what is set aside: {error}") from error
                rejected = {i: why for i, why in error.rejected.items() if i in known}
                prepared = prepared.without(rejected or dict.fromkeys(known, str(error)))

    def _forget(self) -> None:
        """Look up every device again, and decode again what was decoded before (which need not fill memory now)."""
        self._pipeline.forget()
        self._epoch += 1
        for work in self._in_hand:
            work.prepared = None

    def _count(self, prepared: Prepared, written: Written) -> None:
        batch = prepared.batch
        self._counts["received"] += len(batch.frames) + len(batch.set_aside)
        self._counts["stored"] += len(written.stored)
        self._counts["duplicate"] += written.duplicates
        self._counts["quarantined"] += written.quarantined
        self._counts["batches"] += 1
        self._aside.update(str(one.reason) for one in batch.set_aside)
        self._latency.add([batch.frames[i] for i in written.stored], self._clock())

    async def _tell_live(self, prepared: Prepared, written: Written) -> None:
        try:
            now = asyncio.get_running_loop().time()
            for device_type, readings in self._readings.of(prepared.batch, written.stored, now).items():
                await self._live.publish(device_type, readings)
        except UnavailableError as error:
            logger.debug("live readings are not told: %s", error)

    async def _tell_status(self) -> None:
        """Tell the status and what was set aside, once a second: once a batch, a bad sensor would fill the log."""
        while True:
            await self._tell_once()
            await asyncio.sleep(self._config.status_every_s)

    async def _tell_once(self) -> None:
        if self._aside:
            reasons = ", ".join(f"{reason} {count}" for reason, count in self._aside.most_common())
            logger.info("set aside %d frames: %s", self._aside.total(), reasons)
            self._aside.clear()
        try:
            await self._live.status(msgspec.json.encode(self.status()))
        except UnavailableError as error:
            logger.debug("the status is not told: %s", error)

    async def _pause(self, error: UnavailableError, failures: int) -> None:
        """Wait before the next attempt, or until asked to stop; say why once, not at every attempt."""
        seconds = self._config.backoff.wait_s(failures, self._random)
        level = logging.WARNING if str(error) != self._trouble else logging.DEBUG
        logger.log(level, "ingest waits: %s", error)
        self._trouble = str(error)
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass


async def _next(batches: AsyncIterator[Sequence[Message]]) -> Sequence[Message] | None:
    """Return the next batch, ``None`` at the end."""
    return await anext(batches, None)
