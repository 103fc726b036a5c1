import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from api.console.city import Changes
from api.console.feed import Feed
from api.console.states import Health
from api.live import Hub
from model.device import Device
from model.errors import UnavailableError
from model.status import AlertsStatus, IngestStatus, LiveReading
from tests.fakes.live_source import LiveSource
from tests.fakes.memory import Memory
from tests.fakes.queries import Queries
from tests.fakes.registry import Registry
from tests.unit.api.console.samples import LAMP, NOON, TRAM, lamp, said
from tests.unit.api.scene import notice_of


class Moody(Registry):
    """A register whose database may be away."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        self.down = False

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
        """Return the devices, unless the database is away."""
        if self.down:
            raise UnavailableError("the database does not answer")
        return await super().devices(
            device_type=device_type,
            state=state,
            district=district,
            search=search,
            simulated=simulated,
            experiments=experiments,
            limit=limit,
            after=after,
        )

    async def add(self, *devices: Device) -> Mapping[str, str]:
        """Register devices."""
        return await self.register(devices)


class Scene:
    """A feed on fakes, at a hundred times the usual pace."""

    def __init__(self) -> None:
        memory = Memory()
        self.now = NOON
        self.registry = Moody(memory)
        self.source = LiveSource()
        self.hub = Hub(self.source, clock=self.clock, queue=100, kept=10)
        self.feed = Feed(
            queries=Queries(memory),
            registry=self.registry,
            types=(LAMP, TRAM),
            hub=self.hub,
            clock=self.clock,
            reload_s=0.05,
            pace=100.0,
        )

    def clock(self) -> datetime:
        """Return a time that stands still."""
        return self.now

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something happened; it must."""
        async with asyncio.timeout(10):
            while not happened():  # noqa: ASYNC110  the feed tells viewers, not those who wait for anything at all
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(*devices: Device) -> AsyncIterator[Scene]:
    scene = Scene()
    await scene.registry.add(*devices)
    following = asyncio.create_task(scene.hub.run())
    await scene.feed.start()
    try:
        yield scene
    finally:
        await scene.feed.stop()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_live_readings_reach_viewers() -> None:
    """A live reading changes the city, and every viewer is told in the next tick."""
    async with running(lamp("lamp-1")) as scene:
        seen: list[Changes] = []
        end = scene.feed.watch(seen.append)
        await scene.until(lambda: scene.feed.loaded)
        scene.source.tell("lamp", [said("lamp-1", "lamp", NOON, lamp_on=True, lamp_failure=True)])
        await scene.until(lambda: (0, Health.ALARM) in [state for one in seen for state in one.states])
        assert scene.feed.figures.lamps_failing == 1
        end()
        seen.clear()
        scene.source.tell("lamp", [said("lamp-1", "lamp", NOON + timedelta(seconds=1), lamp_failure=False)])
        await scene.until(lambda: scene.feed.city.spots["lamp-1"].health is Health.OK)
        assert seen == []


async def test_one_device_is_listened_to() -> None:
    """Who listens to one device hears that one alone, until the listening ends."""
    async with running(lamp("lamp-1"), lamp("lamp-2")) as scene:
        heard: list[LiveReading] = []
        end = scene.feed.listen("lamp-2", heard.append)
        scene.source.tell("lamp", [said("lamp-1", "lamp", NOON), said("lamp-2", "lamp", NOON)])
        await scene.until(lambda: len(heard) > 0)
        assert [reading.device for reading in heard] == ["lamp-2"]
        end()
        scene.source.tell("lamp", [said(d, "lamp", NOON + timedelta(seconds=1)) for d in ("lamp-2", "lamp-1")])
        await scene.until(lambda: scene.feed.city.spots["lamp-1"].time != NOON)
        assert len(heard) == 1


async def test_alarms_reach_who_watches_them() -> None:
    """What changes of alarms reaches who watches, until the watching ends; how the evaluator is, is known."""
    told: list[int] = []
    later: list[int] = []
    status = AlertsStatus(time=NOON, started=NOON, rules=3)
    async with running(lamp("lamp-1")) as scene:
        end = scene.feed.watch_alarms(lambda notices: told.extend(one.alarm.id for one in notices))
        scene.source.raise_alarms([notice_of(7), notice_of(8)])
        scene.source.report_alerts(status)
        await scene.until(lambda: len(told) > 0 and scene.feed.alerts == status)
        end()
        scene.feed.watch_alarms(lambda notices: later.extend(one.alarm.id for one in notices))
        scene.source.raise_alarms([notice_of(9)])
        await scene.until(lambda: later == [9])

    assert told == [7, 8]


async def test_a_database_that_is_away() -> None:
    """While the database does not answer the feed goes on and says so; when it answers again, so does the feed."""
    async with running(lamp("lamp-1")) as scene:
        await scene.until(lambda: scene.feed.loaded)
        scene.registry.down = True
        await scene.until(lambda: scene.feed.trouble != "")
        scene.source.tell("lamp", [said("lamp-1", "lamp", NOON, power_w=40.0)])
        await scene.until(lambda: scene.feed.city.spots["lamp-1"].health is Health.OK)
        scene.registry.down = False
        await scene.until(lambda: scene.feed.trouble == "")


async def test_new_devices_appear() -> None:
    """A device registered while the console runs appears by itself."""
    async with running(lamp("lamp-1")) as scene:
        await scene.until(lambda: scene.feed.loaded)
        await scene.registry.add(lamp("lamp-2"))
        await scene.until(lambda: "lamp-2" in scene.feed.city.spots)


async def test_dropped_as_too_slow() -> None:
    """A feed that the hub dropped listens again."""
    async with running(lamp("lamp-1")) as scene:
        await scene.until(lambda: scene.hub.subscribers == 1)
        scene.hub.close()
        assert scene.hub.subscribers == 0
        await scene.until(lambda: scene.hub.subscribers == 1)
        scene.source.tell("lamp", [said("lamp-1", "lamp", NOON, power_w=40.0)])
        await scene.until(lambda: scene.feed.city.spots["lamp-1"].time == NOON)


async def test_workers_are_measured() -> None:
    """Frames a second and latency come from what the workers tell of themselves."""
    async with running(lamp("lamp-1")) as scene:
        scene.source.report(IngestStatus(worker="a", time=NOON - timedelta(seconds=2), stored=100))
        await scene.until(lambda: scene.feed.flow.workers == 1)
        scene.source.report(IngestStatus(worker="a", time=NOON, stored=300, latency_p99_ms=75.0))
        await scene.until(lambda: scene.feed.flow.frames_per_s == 100.0)
        assert scene.feed.flow.latency_p99_ms == 75.0
