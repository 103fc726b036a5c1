"""What keeps the console current: one task per source, one tick a second, however many people look.

The register is read again every few seconds, and at once when somebody unknown speaks; live readings come from the hub;
the ledger's sums from the database. A database that does not answer stops none of it: ``trouble`` says so to the pages,
which go on showing what is known.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from api.console.city import Changes, City
from api.console.figures import Balance, CityFigures, Flow, FlowMeter, balance, city_figures
from api.live import Hub
from model.alarm import AlarmNotice
from model.device import Device, DeviceType
from model.errors import UnavailableError
from model.ports import Queries, Registry
from model.status import AlertsStatus, LiveReading

log = logging.getLogger(__name__)

Viewer = Callable[[Changes], None]
Listener = Callable[[LiveReading], None]
AlarmListener = Callable[[Sequence[AlarmNotice]], None]

LEDGER_SPAN = timedelta(hours=24)
_PAGE = 1000
_RETRY_S = 3.0
_HURRY_S = 3.0


class Feed:
    """The live side of the console. ``start`` and ``stop`` belong to the application's life.

    ``narrow``: for who does not see all; its ports tell of what he sees, and so does it.
    ``pace``: how many times a second it ticks; all its other waits, ``reload_s`` excepted, follow.
    """

    def __init__(
        self,
        *,
        queries: Queries,
        registry: Registry,
        types: tuple[DeviceType, ...],
        hub: Hub,
        clock: Callable[[], datetime],
        reload_s: float,
        pace: float = 1.0,
        narrow: bool = False,
    ) -> None:
        self._narrow = narrow
        self.city = City(types)
        self.figures = CityFigures()
        self.flow = Flow()
        self.balance = Balance()
        self.trouble = ""
        self.loaded = False
        self._stale = True
        self.now: datetime = clock()
        self._queries = queries
        self._registry = registry
        self._hub = hub
        self._clock = clock
        self._reload_s = reload_s
        self._second = 1.0 / pace
        self._meter = FlowMeter()
        self._viewers: set[Viewer] = set()
        self._listeners: dict[str, set[Listener]] = {}
        self._alarm_listeners: set[AlarmListener] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the tasks; returns at once."""
        loops = (self._follow, self._tick, self._reload, self._count)
        self._tasks = [asyncio.create_task(self._forever(loop), name=f"console{loop.__name__}") for loop in loops]

    async def stop(self) -> None:
        """End the tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def watch(self, viewer: Viewer) -> Callable[[], None]:
        """Tell ``viewer`` of every tick's changes; returns what ends it."""
        self._viewers.add(viewer)
        return lambda: self._viewers.discard(viewer)

    def listen(self, device_id: str, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` of every live reading of one device; returns what ends it."""
        self._listeners.setdefault(device_id, set()).add(listener)

        def end() -> None:
            mine = self._listeners.get(device_id, set())
            mine.discard(listener)
            if not mine:
                self._listeners.pop(device_id, None)

        return end

    def watch_alarms(self, listener: AlarmListener) -> Callable[[], None]:
        """Tell ``listener`` what changes of alarms, as it does; returns what ends it."""
        self._alarm_listeners.add(listener)
        return lambda: self._alarm_listeners.discard(listener)

    @property
    def alerts(self) -> AlertsStatus | None:
        """How the evaluator of alert rules is, by its own last word; ``None`` as long as it has said nothing."""
        return self._hub.alerts

    async def _forever(self, loop: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await loop()
            except UnavailableError as error:
                self.trouble = str(error)
                self._stale = True
            except Exception:  # one surprising value must not stop the page for everybody; it is told and tried again
                log.exception("The console's %s stopped; it starts again in %s s", loop.__name__, _RETRY_S)
            await asyncio.sleep(_RETRY_S * self._second)

    async def _follow(self) -> None:
        with self._hub.subscribe(seen=self.city.spots if self._narrow else None) as subscription:
            self._stale = True  # what was said before this line was open is in the database
            async for events in subscription:
                readings = [event.reading for event in events if event.reading is not None]
                self.city.apply(readings)
                self._tell(readings)
                self._tell_alarms([event.notice for event in events if event.notice is not None])

    def _tell(self, readings: Sequence[LiveReading]) -> None:
        if self._listeners:
            for reading in readings:
                for listener in tuple(self._listeners.get(reading.device, ())):
                    listener(reading)

    def _tell_alarms(self, notices: Sequence[AlarmNotice]) -> None:
        if notices:
            for listener in tuple(self._alarm_listeners):
                listener(notices)

    async def _tick(self) -> None:
        while True:
            self.now = self._clock()
            changes = self.city.tick(self.now)
            if self._viewers:
                self.figures = city_figures(self.city.spots.values())
            self.flow = self._meter.measure(() if self._narrow else tuple(self._hub.statuses.values()), self.now)
            for viewer in tuple(self._viewers):
                viewer(changes)
            await asyncio.sleep(self._second)

    async def _reload(self) -> None:
        while True:
            devices = await self._devices()
            self.city.load(devices)
            if self._stale:
                self._stale = False
                self.city.remember(await self._queries.latest())
            behind = self.city.behind(devices)
            for start in range(0, len(behind), _PAGE):
                self.city.remember(await self._queries.latest(devices=behind[start : start + _PAGE]))
            self.loaded = True
            self.trouble = ""
            await self._wait_for_reload(hurry=bool(behind))

    async def _wait_for_reload(self, *, hurry: bool) -> None:
        """Wait for the next look at the register; not so long when there is something to catch up with."""
        waited = 0.0
        while waited < self._reload_s:
            if waited >= _HURRY_S * self._second and (hurry or self.city.unknown or self._stale):
                break
            await asyncio.sleep(self._second)
            waited += self._second
        self.city.unknown.clear()

    async def _devices(self) -> list[Device]:
        devices: list[Device] = []
        while True:
            page = await self._registry.devices(limit=_PAGE, after=devices[-1].id if devices else None)
            devices += page
            if len(page) < _PAGE:
                return devices

    async def _count(self) -> None:
        while True:
            self.balance = balance(await self._queries.ledger(start=self._clock() - LEDGER_SPAN))
            await asyncio.sleep((2.0 if self._viewers else 10.0) * self._second)
