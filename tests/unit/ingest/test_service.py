"""The worker, in all the states that its neighbours can be in. Nothing is lost, nothing is acknowledged too early."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from random import Random

import pytest

from ingest.pipeline import Pipeline, default_sources
from ingest.service import Ingest, IngestConfig
from model.batch import Batch, Written
from model.device import Device, DeviceRef
from model.errors import ConfigError, Reason, WriteRejectedError
from model.retry import Backoff
from tests.fakes.live import LiveFeed
from tests.fakes.memory import Memory
from tests.fakes.registry import Registry
from tests.fakes.sink import FrameSink
from tests.fakes.source import FrameSource
from tests.unit.ingest.scene import LORA, NOON, OTHER_LORA, catalogue, lora

AT_ONCE = Backoff(first_s=0.0, longest_s=0.0)
NEW_LORA = "70b3d50000000003"
NEVER = Backoff(first_s=3600.0, longest_s=3600.0)


class Asked(Registry):
    """A registry that remembers for which devices it was asked."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        self.asked: list[str] = []

    async def identify(self, devices: Sequence[str]) -> Mapping[str, DeviceRef]:
        """Answer, and remember."""
        self.asked += devices
        return await super().identify(devices)


class Worker:
    """An ``Ingest`` between fakes, whose clock shows a second past noon."""

    def __init__(self, *, backoff: Backoff = AT_ONCE) -> None:
        self.memory = Memory()
        for device in (Device(id=LORA, type="probe"), Device(id=OTHER_LORA, type="probe")):
            self.memory.add(device)
        self.source = FrameSource()
        self.sink = FrameSink(self.memory)
        self.live = LiveFeed()
        self.registry = Asked(self.memory)
        self.ingest = Ingest(
            source=self.source,
            pipeline=Pipeline(catalogue(), default_sources(), self.registry),
            sink=self.sink,
            live=self.live,
            clock=lambda: NOON + timedelta(seconds=1),
            config=IngestConfig(worker="w1", backoff=backoff, status_every_s=0.001),
            random=Random(1),  # noqa: S311 chance, not secrecy
        )

    def slow_down(self) -> None:
        """Let every write wait until ``leave`` is set; ``entered`` tells of the first."""
        self.entered, self.leave = asyncio.Event(), asyncio.Event()
        write = self.sink.write

        async def slow(batch: Batch) -> Written:
            self.entered.set()
            await self.leave.wait()
            return await write(batch)

        self.sink.write = slow  # type: ignore[method-assign]  # the fake, slowed down

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run meanwhile; cancel at the end, as when the process dies."""
        task = asyncio.create_task(self.ingest.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def until(self, *, attempts: int = 0, statuses: int = 0) -> None:
        """Return when so many writes were tried and so many more states told."""
        goal = len(self.live.statuses) + statuses
        async with asyncio.timeout(10):
            while self.sink.attempts < attempts or len(self.live.statuses) < goal:  # noqa: ASYNC110 two fakes are watched at once
                await asyncio.sleep(0)

    async def finish(self) -> None:
        """Run until the source ends."""
        self.source.close()
        async with asyncio.timeout(10):
            await self.ingest.run()


async def test_way_of_a_frame() -> None:
    """A frame is stored, then acknowledged, then told live, and counted."""
    worker = Worker()
    worker.source.send(lora("09c405"), lora("09", f_cnt=8))

    await worker.finish()

    assert [frame.uplink.f_cnt for frame in worker.memory.frames] == [7]
    assert [one.reason for one in worker.memory.quarantine.values()] == [Reason.BAD_PAYLOAD]
    assert len(worker.source.acknowledged) == 2
    assert [reading.values["temperature_c"] for reading in worker.live.readings] == [25.0]
    status = worker.ingest.status()
    assert (status.received, status.stored, status.duplicate, status.quarantined) == (2, 1, 0, 1)
    assert (status.worker, status.batches, status.unacknowledged) == ("w1", 1, 0)
    assert status.latency_p50_ms == status.latency_p99_ms == 1000.0


async def test_acknowledged_after_commit() -> None:
    """At the moment of the write nothing of the batch is acknowledged."""
    worker = Worker()
    seen: list[int] = []
    write = worker.sink.write

    async def watched(batch: Batch) -> Written:
        seen.append(len(worker.source.acknowledged))
        return await write(batch)

    worker.sink.write = watched  # type: ignore[method-assign]  # the fake, with an eye in it
    worker.source.send(lora("09c405"))

    await worker.finish()

    assert seen == [0]
    assert len(worker.source.acknowledged) == 1


async def test_database_down() -> None:
    """While the database is down the batch is kept, unacknowledged, and stored once when it is back."""
    worker = Worker()
    worker.sink.failures = 5
    worker.source.send(lora("09c405"))

    await worker.finish()

    assert worker.sink.attempts == 6
    assert (len(worker.sink.batches), len(worker.memory.frames)) == (1, 1)
    assert len(worker.source.acknowledged) == 1
    assert worker.ingest.status().trouble == ""


async def test_status_in_trouble() -> None:
    """While the database is down the status says so, with how many messages wait and for how long."""
    worker = Worker()
    worker.sink.failures = 10**9
    worker.source.send(lora("09c405"), lora("09c505", f_cnt=8))

    async with worker.running():
        await worker.until(attempts=3, statuses=2)

    status = worker.live.statuses[-1]
    assert (status.trouble, status.connected) == ("the database does not answer", True)
    assert (status.unacknowledged, status.oldest_unacknowledged_s) == (2, 1.0)
    assert (status.received, len(worker.source.acknowledged)) == (0, 0)


async def test_broker_down() -> None:
    """While the broker is down at the start it is tried again."""
    worker = Worker()
    worker.source.failures = 3
    worker.source.send(lora("09c405"))

    await worker.finish()

    assert len(worker.memory.frames) == 1


async def test_broker_lost() -> None:
    """While the line to the broker is broken the status says why."""
    worker = Worker()
    worker.source.reason = "mqtt://broker has broken the line"

    status = worker.ingest.status()

    assert (status.connected, status.trouble) == (False, "mqtt://broker has broken the line")


async def test_rejected() -> None:
    """Frames that can never be stored go to quarantine with the database's reason; the others are stored."""
    worker = Worker()
    worker.sink.refuse = {2: "numeric field overflow"}
    worker.source.send(lora("09c405"), lora("09c505", device=OTHER_LORA), lora("09c605", f_cnt=8))

    await worker.finish()

    assert [frame.device for frame in worker.memory.frames] == [1, 1]
    (aside,) = worker.memory.quarantine.values()
    assert (aside.reason, aside.detail, aside.device) == (
        Reason.REJECTED_BY_DATABASE,
        "numeric field overflow",
        OTHER_LORA,
    )
    status = worker.ingest.status()
    assert (status.received, status.stored, status.quarantined) == (3, 2, 1)
    assert len(worker.source.acknowledged) == 3


async def test_rejected_without_a_name() -> None:
    """A rejection that names no frame of the batch quarantines all of them, instead of trying for ever."""
    worker = Worker()
    write = worker.sink.write

    async def stubborn(batch: Batch) -> Written:
        if batch.frames:
            raise WriteRejectedError({99: "who knows"})
        return await write(batch)

    worker.sink.write = stubborn  # type: ignore[method-assign]  # the fake, with a mind of its own
    worker.source.send(lora("09c405"))

    await worker.finish()

    assert [one.reason for one in worker.memory.quarantine.values()] == [Reason.REJECTED_BY_DATABASE]


async def test_quarantine_that_refuses() -> None:
    """A database that refuses even what was set aside is waited for, with pauses and in sight; nothing is lost."""
    worker = Worker(backoff=NEVER)

    async def broken(_: Batch) -> Written:
        worker.sink.attempts += 1
        raise WriteRejectedError({})

    worker.sink.write = broken  # type: ignore[method-assign,assignment]  # the fake, with a mind of its own
    worker.source.send(lora("09c405"))
    async with worker.running():
        await worker.until(attempts=3, statuses=1)

        assert worker.ingest.status().trouble.startswith("the database refuses what is set aside")
    assert (worker.sink.attempts, len(worker.source.unacknowledged)) == (3, 1)


async def test_device_removed_meanwhile() -> None:
    """A device that was removed since it was looked up is looked up again: its frame is of an unknown device then."""
    worker = Worker()
    worker.source.send(lora("09c405"))
    async with worker.running():
        await worker.until(attempts=1, statuses=1)
        del worker.memory.devices[LORA], worker.memory.keys[LORA]
        worker.source.send(lora("09c505", f_cnt=8))
        await worker.until(attempts=3, statuses=1)

    assert [one.reason for one in worker.memory.quarantine.values()] == [Reason.UNKNOWN_DEVICE]


async def test_redelivered() -> None:
    """What was stored but could not be acknowledged comes again and is counted as a duplicate, not told again."""
    worker = Worker()
    worker.source.line_lost = True
    worker.source.send(lora("09c405"))
    async with worker.running():
        await worker.until(attempts=1, statuses=1)
        worker.source.line_lost = False
        worker.source.reconnect()
        await worker.until(attempts=2, statuses=1)

    status = worker.ingest.status()
    assert (status.received, status.stored, status.duplicate) == (2, 1, 1)
    assert (len(worker.source.acknowledged), len(worker.live.readings)) == (1, 1)


async def test_stop_when_quiet() -> None:
    """A worker that has nothing to do stops at once, and says goodbye in its status."""
    worker = Worker()
    task = asyncio.create_task(worker.ingest.run())
    await worker.until(statuses=1)

    worker.ingest.stop()

    await asyncio.wait_for(task, 10)
    assert worker.live.statuses[-1].unacknowledged == 0


async def test_overlap() -> None:
    """While one batch is written the next is decoded, and no more than that is taken; all are stored in order."""
    worker = Worker()
    worker.slow_down()
    worker.source.send(lora("09c405"))
    async with worker.running():
        await worker.entered.wait()
        worker.source.send(lora("09c505", f_cnt=8, device=OTHER_LORA))
        await worker.until(statuses=2)
        worker.source.send(lora("09c605", f_cnt=9), lora("09c705", f_cnt=10))
        await worker.until(statuses=2)
        status = worker.ingest.status()
        taken, asked = len(worker.source.unacknowledged), worker.registry.asked
        worker.leave.set()
        await worker.until(attempts=3, statuses=3)

    assert (taken, asked) == (2, [LORA, OTHER_LORA])
    assert (status.unacknowledged, status.oldest_unacknowledged_s) == (4, 1.0)
    assert [frame.uplink.f_cnt for frame in worker.memory.frames] == [7, 8, 9, 10]
    assert [message.token for message in worker.source.acknowledged] == [1, 2, 3, 4]


async def test_decoded_again() -> None:
    """What was decoded while the database was away is decoded again: a device may have been registered meanwhile."""
    worker = Worker()
    worker.slow_down()
    worker.source.send(lora("09c405"))
    async with worker.running():
        await worker.entered.wait()
        worker.source.send(lora("09c405", device=NEW_LORA))
        await worker.until(statuses=2)
        worker.memory.add(Device(id=NEW_LORA, type="probe"))
        worker.sink.failures = 1
        worker.leave.set()
        await worker.until(attempts=3, statuses=2)

    assert [frame.uplink.device for frame in worker.memory.frames] == [LORA, NEW_LORA]
    assert worker.memory.quarantine == {}


async def test_person_must_act() -> None:
    """What only a person can mend ends the worker with the error that says so; nothing is acknowledged."""
    worker = Worker()

    async def broken(_: Batch) -> Written:
        raise ConfigError(["readings.probe has no column temperature_c: run `penfeld db migrate`"])

    worker.sink.write = broken  # type: ignore[method-assign,assignment]  # the fake, with a mind of its own
    worker.source.send(lora("09c405"))

    with pytest.raises(ConfigError, match="db migrate"):
        await worker.finish()

    assert worker.source.acknowledged == []


async def test_stop_finishes_the_batch() -> None:
    """A stop lets the batch that is written and the one decoded meanwhile be stored; the next is left to the broker."""
    worker = Worker()
    worker.slow_down()
    worker.source.send(lora("09c405"))
    task = asyncio.create_task(worker.ingest.run())
    await worker.entered.wait()
    worker.source.send(lora("09c505", f_cnt=8))
    await worker.until(statuses=2)
    worker.source.send(lora("09c605", f_cnt=9))

    worker.ingest.stop()
    worker.leave.set()

    await asyncio.wait_for(task, 10)
    assert [frame.uplink.f_cnt for frame in worker.memory.frames] == [7, 8]
    assert (len(worker.source.acknowledged), len(worker.source.queued)) == (2, 1)


async def test_stop_in_trouble() -> None:
    """A stop while the database is down ends at once; the batch stays with the broker."""
    worker = Worker(backoff=NEVER)
    worker.sink.failures = 10**9
    worker.source.send(lora("09c405"))
    task = asyncio.create_task(worker.ingest.run())
    await worker.until(attempts=1, statuses=1)

    worker.ingest.stop()

    await asyncio.wait_for(task, 10)
    assert (len(worker.source.unacknowledged), worker.source.acknowledged) == (1, [])


async def test_stop_while_the_broker_is_down() -> None:
    """A stop while the broker is down ends at once."""
    worker = Worker(backoff=NEVER)
    worker.source.failures = 1
    task = asyncio.create_task(worker.ingest.run())
    await worker.until(statuses=2)

    worker.ingest.stop()

    await asyncio.wait_for(task, 10)
    assert worker.live.statuses[-1].trouble == "the broker does not answer"


async def test_killed() -> None:
    """A worker that is killed during a write has acknowledged nothing: the batch comes again to the next one."""
    worker = Worker()
    entered = asyncio.Event()

    async def endless(batch: Batch) -> Written:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError(batch)

    worker.sink.write = endless  # type: ignore[method-assign]  # the fake, stuck
    worker.source.send(lora("09c405"))
    async with worker.running():
        await entered.wait()

    assert (len(worker.source.unacknowledged), worker.source.acknowledged) == (1, [])


async def test_live_down() -> None:
    """When the live topic cannot be told, frames are stored all the same."""
    worker = Worker()
    worker.live.down = True
    worker.source.send(lora("09c405"))

    await worker.finish()

    assert (len(worker.memory.frames), len(worker.source.acknowledged)) == (1, 1)


async def test_log_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    """An outage is one line at its beginning and one at its end, however often the database is tried."""
    caplog.set_level(logging.INFO)
    worker = Worker()
    worker.sink.failures = 50
    worker.source.send(lora("09c405"))

    await worker.finish()

    lines = [record.getMessage() for record in caplog.records if record.name == "ingest.service"]
    assert lines[0] == "ingest waits: the database does not answer"
    assert lines[1] == "ingest goes on after 50 failed attempts"
    assert "stopped after 1 batches, 1 frames" in lines[-1]
    assert len(lines) == 3


async def test_log_of_what_is_set_aside(caplog: pytest.LogCaptureFixture) -> None:
    """What was set aside is one line a second, by reason, whatever the number of batches."""
    caplog.set_level(logging.INFO)
    worker = Worker()
    for f_cnt in range(20):
        worker.source.send(lora("09", f_cnt=f_cnt))

    await worker.finish()

    lines = [record.getMessage() for record in caplog.records if "set aside" in record.getMessage()]
    assert lines == ["set aside 20 frames: bad_payload 20"]


@pytest.mark.parametrize("seed", range(20))
async def test_ledger_is_exact(seed: int) -> None:
    """Whatever fails, and however often: each message is received once for each delivery, and all is accounted for."""
    worker, random = Worker(), Random(seed)  # noqa: S311 chance, not secrecy
    counters = itertools.count()
    sent = 0
    async with worker.running():
        for _ in range(30):
            worker.sink.failures = random.randrange(3)
            worker.source.line_lost = random.random() < 0.3
            for _ in range(random.randrange(1, 4)):
                worker.source.send(lora(random.choice(["09c405", "09"]), f_cnt=next(counters)))
                sent += 1
            await worker.until(statuses=random.randrange(3))
            if random.random() < 0.3:
                worker.source.reconnect()
        worker.source.line_lost, worker.sink.failures = False, 0
        while worker.source.unacknowledged or worker.source.queued:
            worker.source.reconnect()
            await worker.until(statuses=2)

    status = worker.ingest.status()
    assert status.received == status.stored + status.duplicate + status.quarantined
    assert status.stored == len(worker.memory.frames)
    assert status.stored + len(worker.memory.quarantine) == sent
    assert [sum(row) for row in worker.memory.ledger.values()] == [status.received]


def test_config() -> None:
    """The default pauses grow from half a second to half a minute."""
    assert IngestConfig().backoff == Backoff(first_s=0.5, longest_s=30.0)
