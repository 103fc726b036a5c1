"""Runs simulators against the broker and the API of the settings: registers their devices, opens the doors, reports.

Rules: devices are registered before they speak; a door that is not there yet is waited for while the others work.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from http.client import HTTPException
from urllib.request import urlopen

import msgspec

from decoders.catalogue import Catalogue
from model.device import Device, DeviceType
from model.errors import UnavailableError
from model.status import SimulationStatus
from penfeld import wiring
from penfeld.brokers import broker_address
from penfeld.clock import Clock
from penfeld.config import Config
from penfeld.runtime import DataFolder
from simulators.envelopes import Event
from simulators.fleet import Fleet
from simulators.http import HttpConfig, HttpDoor
from simulators.mqtt import MqttConfig, MqttDoor
from simulators.service import Door, Simulation
from storage.registry import Registry
from storage.tables import prepare

CALLBACK_PATH = "/api/v1/callbacks/sigfox"
_API_PATIENCE_S = 60.0
_API_PAUSE_S = 0.25
_CATALOGUE_PATIENCE_S = 20.0
_ANSWER_S = 2.0
_SIGFOX = "sigfox"


Report = Callable[[SimulationStatus], None]


def sigfox_url(config: Config) -> str:
    """Return where Sigfox callbacks go: to the API that runs, or to the one of the settings."""
    running = DataFolder(config.data_dir).running()
    return (running.api if running else f"http://{config.api.host}:{config.api.port}") + CALLBACK_PATH


async def register(config: Config, catalogue: Catalogue, devices: Sequence[Device]) -> None:
    """Register simulated devices, and make the tables of their types."""
    async with wiring.database(config) as opened:
        types = dict.fromkeys(device.type for device in devices if device.type is not None)
        await prepare(opened, [catalogue[name].type for name in types])
        await Registry(opened).register(devices)


async def awaited(config: Config, kind: DeviceType) -> bool:
    """Wait until the Penfeld that runs here has taken a type's device file; return whether it has.

    It starts ingest again before the API, so the API's word counts. Where nothing runs here, there is nobody to ask.
    """
    running = DataFolder(config.data_dir).running()
    if running is None:
        return True
    clock = asyncio.get_running_loop().time
    deadline = clock() + _CATALOGUE_PATIENCE_S
    while clock() < deadline:
        if await asyncio.to_thread(_version_known, running.api, kind.name) == kind.version:
            return True
        await asyncio.sleep(_API_PAUSE_S)
    return False


def _version_known(api: str, name: str) -> object:
    """Return which version of a type an API knows."""
    try:
        with urlopen(f"{api}/api/v1/device-types/{name}", timeout=_ANSWER_S) as answer:  # noqa: S310 -- our own API
            return msgspec.json.decode(answer.read(), type=dict[str, object]).get("version")
    except (OSError, HTTPException):  # nobody answers, or nothing is known of it (which is an OSError, too)
        return None


async def simulate(
    config: Config,
    fleet: Fleet,
    stop: asyncio.Event,
    report: Report,
    *,
    clock: Clock,
    history: timedelta,
    callbacks: str,
) -> SimulationStatus:
    """Send until ``stop`` is set and all is acknowledged; return the last state, which is reported, too."""
    wants_http = any(device.network == _SIGFOX for device in fleet.devices())
    async with doors(config, callbacks if wants_http else None) as there:
        simulation = Simulation(fleet, there, clock, history=history)
        reporting = asyncio.create_task(_report(simulation, report))
        try:
            await simulation.run(stop)
        except ExceptionGroup as group:  # a door that broke for good
            raise group.exceptions[0] from group
        finally:
            reporting.cancel()
    state = _state(simulation)
    report(state)
    return state


@contextlib.asynccontextmanager
async def doors(config: Config, callbacks: str | None) -> AsyncIterator[Mapping[str, Door]]:
    """Yield the doors to broker and callbacks, open; close them at the end."""
    broker = MqttDoor(MqttConfig(broker=broker_address(config)))
    await broker.open()
    found: dict[str, Door] = {"": broker}
    late = _LateDoor(HttpConfig(url=callbacks, token=config.api.tokens.get(_SIGFOX))) if callbacks else None
    if late is not None:
        found[_SIGFOX] = late
    try:
        yield found
    finally:
        await broker.close()
        if late is not None:
            await late.close()


class _LateDoor:
    """The door for callbacks, opened in the background: the API needs seconds to start."""

    def __init__(self, config: HttpConfig) -> None:
        self.sent: Counter[str] = Counter()
        self._config = config
        self._door: HttpDoor | None = None
        self._opening = asyncio.create_task(self._open())

    @property
    def outstanding(self) -> int:
        """How many events are not answered yet."""
        return self._door.outstanding if self._door is not None else 0

    async def send(self, event: Event) -> None:
        """Put an event on its way; waits until somebody answers at the address."""
        await (await asyncio.shield(self._opening)).send(event)

    async def drain(self, patience_s: float) -> int:
        """Wait until everything is answered; return how many events are not."""
        return await self._door.drain(patience_s) if self._door is not None else 0

    async def close(self) -> None:
        """Close the door."""
        self._opening.cancel()
        if self._door is not None:
            await self._door.close()

    async def _open(self) -> HttpDoor:
        clock = asyncio.get_running_loop().time
        deadline = clock() + _API_PATIENCE_S
        while True:
            door = HttpDoor(self._config)
            try:
                await door.open()
            except UnavailableError:
                if clock() > deadline:
                    raise
                await asyncio.sleep(_API_PAUSE_S)
            else:
                self._door, self.sent = door, door.sent
                return door


async def _report(simulation: Simulation, report: Report) -> None:
    while True:
        await asyncio.sleep(1)
        report(_state(simulation))


def _state(simulation: Simulation) -> SimulationStatus:
    progress = simulation.progress
    return SimulationStatus(
        sent=simulation.sent,
        history_done=progress.history_done,
        history_frames=progress.history_frames,
        lag_s=round(progress.lag_s, 3),
        unacknowledged=progress.unacknowledged,
    )
