"""The application on fakes, with one made-up device type, as the tests of its routes use it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from api.app import ApiConfig, create_app
from api.context import context_of
from api.live import Hub
from decoders.catalogue import Catalogue
from model.access_ports import Access
from model.alarm import Alarm, AlarmNotice, AlarmState, EventKind
from model.alert_ports import ChannelView
from model.device import Device
from model.errors import UnavailableError
from model.rule import Rule, rule_of
from model.status import LiveReading
from tests.fakes.alarms import Alarms
from tests.fakes.codecs import ToldCodecs
from tests.fakes.dashboards import Dashboards
from tests.fakes.device_files import DeviceFiles
from tests.fakes.exports import Exports
from tests.fakes.interpreter import Interpreter
from tests.fakes.live_source import LiveSource
from tests.fakes.memory import Memory
from tests.fakes.observations import Observations
from tests.fakes.open_data import OpenData
from tests.fakes.outbox import Channels, Outbox
from tests.fakes.publisher import Publisher
from tests.fakes.quarantine import Quarantine
from tests.fakes.queries import Queries
from tests.fakes.registry import Registry
from tests.fakes.rules import Rules

NOW = datetime(2026, 3, 29, 6, 0, tzinfo=UTC)
LAMP = "70b3d50000000001"
PROBE = "70b3d50000000002"
BIN = "00b5f3c1"

LAMP_FILE = """
title = { en = "Lamp", fr = "Lampadaire" }
vendor = "Example"
model = "L"
domain = "lighting"
networks = ["lorawan"]
period = "15 min"
source = "made up"
reference = true

[[frame]]
name = "status"
f_port = 1
layout = '''
_version   u8 = 2
power_w    u16 / 10      null 0xffff
lamp_on    u8 {0 = off, 1 = on}
'''

[field.power_w]
title = { en = "Power", fr = "Puissance" }
quantity = "power"
range = [0, 400]

[field.lamp_on]
title = { en = "Lamp", fr = "Lampe" }
quantity = "state"

[[example]]
name = "on"
f_port = 1
payload = "02 019f 01"
values = { power_w = 41.5, lamp_on = "on" }

[[example]]
name = "cut short"
f_port = 1
payload = "02 01"
error = "power_w"
"""

MAST_FILE = """
title = { en = "Mast", fr = "Mât" }
vendor = "Example"
model = "M"
domain = "environment"
networks = ["lorawan"]
period = "15 min"
source = "made up"

[codec]
script = "mast.js"
variables = { height = "10" }
time = "at"

[field.wind_kmh]
path = "wind"
kind = "float"
quantity = "speed"
unit = "m/s"
range = [0, 200]
"""
MAST_SCRIPT = "throw new Error('a script runs in the process of the API')"

BIN_FILE = LAMP_FILE.replace('["lorawan"]', '["sigfox"]').replace("f_port = 1\n", "").replace('"lighting"', '"waste"')


@dataclass(frozen=True, slots=True)
class Scene:
    """The application and what is behind it."""

    app: FastAPI
    client: httpx.AsyncClient
    memory: Memory
    publisher: Publisher
    live: LiveSource
    interpreter: Interpreter
    codecs: ToldCodecs
    device_files: DeviceFiles
    alarms: Alarms
    rules: Rules
    outbox: Outbox

    @property
    def hub(self) -> Hub:
        """The application's live hub."""
        return context_of(self.app).hub

    async def get(self, path: str, **query: object) -> httpx.Response:
        """Ask for a path under /api/v1."""
        return await self.client.get(f"/api/v1{path}", params=query)  # type: ignore[arg-type]  # httpx takes any value

    async def json(self, path: str, **query: object) -> Any:  # noqa: ANN401  JSON is what it is
        """Ask for a path under /api/v1 that must be answered with 200."""
        response = await self.get(path, **query)
        assert response.status_code == 200, response.text
        return response.json()

    async def problem(self, path: str, **query: object) -> Any:  # noqa: ANN401  JSON is what it is
        """Ask for a path under /api/v1 that must be answered with a problem document."""
        return problem_of(await self.get(path, **query))


def problem_of(response: httpx.Response) -> Any:  # noqa: ANN401  JSON is what it is
    """Return the problem document of an answer that must be one."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    assert problem["status"] == response.status_code
    assert {"type", "title", "detail", "instance"} <= problem.keys()
    return problem


class Down:
    """A port behind which nothing answers: every promise of it raises ``UnavailableError``."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        async def fail(*_: object, **__: object) -> None:
            raise UnavailableError(f"the database does not answer ({name})")

        return fail


def scene_of(
    config: ApiConfig | None = None,
    open_data: OpenData | None = None,
    *,
    queries: Any = None,  # noqa: ANN401  any fake of the port
    observations: Any = None,  # noqa: ANN401  the same
    exports: Any = None,  # noqa: ANN401  the same
    dashboards: Any = None,  # noqa: ANN401  the same
    registry: Any = None,  # noqa: ANN401  the same
    alarms: Any = None,  # noqa: ANN401  the same
    rules: Any = None,  # noqa: ANN401  the same
    outbox: Any = None,  # noqa: ANN401  the same
    types: Mapping[str, str] | None = None,
    access: Access | None = None,
) -> Scene:
    """Return a new application on new fakes: two lamps and a bin are registered, and nothing was heard.

    ``types``: device files besides those of lamp and bin. ``access``: accounts, if there are to be any.
    """
    memory = Memory()
    for device in (
        Device(id=LAMP, type="lamp", name="Lampe 1", network="chirpstack", district="Recouvrance"),
        Device(id=PROBE, type="lamp", name="Lampe 2", network="chirpstack", simulated=True),
        Device(id=BIN, type="bin", network="sigfox"),
    ):
        memory.add(device)
    publisher, live, interpreter = Publisher(), LiveSource(), Interpreter()
    codecs, files = ToldCodecs(), DeviceFiles({"mast": MAST_FILE})
    alarms, rules, outbox = alarms or Alarms(lambda: NOW), rules or Rules(lambda: NOW), outbox or Outbox()
    app = create_app(
        queries=queries or Queries(memory),
        observations=observations or Observations(memory),
        exports=exports or Exports(memory),
        dashboards=dashboards or Dashboards(memory, now=lambda: NOW),
        registry=registry or Registry(memory),
        quarantine=Quarantine(memory),
        interpreter=interpreter,
        catalogue=Catalogue({"lamp": LAMP_FILE, "bin": BIN_FILE, **(types or {})}, {"mast.js": MAST_SCRIPT}),
        codecs=codecs,
        device_files=files,
        alarms=alarms,
        rules=rules,
        outbox=outbox,
        channels=Channels(
            ChannelView(name="ops", kind="mail", target="ops@example.org"),
            ChannelView(name="hook", kind="webhook", target="https://example.org", trouble="it does not answer"),
        ),
        live=live,
        publisher=publisher,
        open_data=open_data or OpenData(),
        clock=lambda: NOW,
        config=config or ApiConfig(version="1.2.3", revision="abc"),
        access=access,
    )
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
    return Scene(app, client, memory, publisher, live, interpreter, codecs, files, alarms, rules, outbox)


def lamp_readings(count: int, *, device: str = LAMP, start: datetime = NOW) -> Sequence[LiveReading]:
    """Return live readings of a lamp, one a second."""
    return [
        LiveReading(
            device=device,
            device_type="lamp",
            time=start + timedelta(seconds=second),
            received_at=start + timedelta(seconds=second),
            values={"power_w": float(second), "lamp_on": "on"},
        )
        for second in range(count)
    ]


def alarm_of(number: int = 1, **more: object) -> Alarm:
    """Return an open alarm of the first lamp, raised an hour ago, with what else a test says of it."""
    said = {
        "id": number,
        "rule": "lamps/hot",
        "version": "1",
        "severity": "warning",
        "state": AlarmState.OPEN,
        "subject": LAMP,
        "device": LAMP,
        "device_type": "lamp",
        "district": "Recouvrance",
        "simulated": False,
        "started_at": NOW - timedelta(minutes=70),
        "raised_at": NOW - timedelta(hours=1),
        "ended_at": None,
        "opened_at": NOW - timedelta(hours=1),
        "closed_at": None,
        "first_value": 71.5,
        "last_value": 74.0,
    }
    return Alarm(**{**said, **more})  # type: ignore[arg-type]  # as a test says


def rule_of_lamps(name: str = "lamps/hot", **more: object) -> Rule:
    """Return a rule about the power of lamps, with what else a test says of it."""
    said = {
        "name": name,
        "title": {"en": "Lamp is hot", "fr": "Lampe chaude"},
        "scope": {"type": ["lamp"]},
        "when": {"kind": "threshold", "field": "power_w", "above": 100.0, "for": "10 min"},
    }
    return rule_of({**said, **more})


def notice_of(number: int = 1, kind: EventKind = EventKind.OPENED, **more: object) -> AlarmNotice:
    """Return what is told live of such an alarm."""
    return AlarmNotice(kind=kind, alarm=alarm_of(number, **more))
