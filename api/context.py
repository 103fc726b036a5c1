"""What every route needs: the ports, the catalogue, the live hub and the settings, joined once by ``create_app``.

Routes ask for it as ``ContextDep``, and get it as who asks has it: who may not ask is refused, and its ports tell only
of devices that he may see. ``context_of(app)`` is the whole, for what runs for nobody in particular.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.requests import HTTPConnection

from api.access.alert_doors import SeenAlarms, SeenOutbox, SeenRules, SeenTrials
from api.access.doors import (
    SeenDashboards,
    SeenDeviceFiles,
    SeenExports,
    SeenObservations,
    SeenQuarantine,
    SeenQueries,
    SeenRegistry,
)
from api.access.gate import Asker, Gate, gate_of
from api.access.rights import need_of
from api.access.sight import Sight
from api.limiting import LoginGuard
from api.limits import LimitConfig
from api.live import Hub
from api.metrics import LedgerTotals, Meter
from api.pushes import networks
from api.streams import Streams
from api.trials import Trials
from decoders.catalogue import Catalogue
from model.access import OPEN, Principal, own_experiments
from model.access_ports import Access
from model.alert_ports import Alarms, Channels, Outbox, Rules
from model.dataset import OpenData
from model.observations import Observations
from model.ports import (
    Codecs,
    Dashboards,
    DeviceFiles,
    Exports,
    Interpreter,
    Publisher,
    Quarantine,
    Queries,
    Registry,
)

Clock = Callable[[], datetime]

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiConfig:
    """Settings of the HTTP application. Sizes in bytes, times in seconds.

    ``networks``: those that may push. ``callback_tokens``: what the pushes of each must show; who is not in it may push
    without. ``thingpark_key``: verifies the token that ThingPark computes; ``None``: it is not looked at. ``lookup_s``:
    how long the register may take while a Sigfox device waits for its answer.
    ``subscriber_queue``: readings that may wait for one live subscriber before it is dropped as too slow.
    ``kept_events``: newest live readings kept, and as many changes of alarms, so that a subscriber who comes back goes
    on where it stopped. ``max_trials``: rules that may be tried on the past at the same time. ``max_exports``:
    streams of readings under way at the same time; ``max_exported``: readings that one of them may be expected to have.
    ``limits``: who may ask how often; ``None``: everybody as often as they like.
    ``public_url``: how the world reaches this site; empty: as it is asked.
    ``listening_s``: how long a live stream goes on before it is looked at anew who listens, where there are accounts.
    ``public``: where there are accounts, who has none sees what is public.
    ``pictures``: another site from which the console's map takes its tiles.
    """

    version: str = "0"
    revision: str = ""
    networks: tuple[str, ...] = field(default_factory=networks)
    callback_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    thingpark_key: str | None = field(default=None, repr=False)
    lookup_s: float = 3.0
    callback_limit: int = 64 * 1024
    upload_limit: int = 5 * 1024 * 1024
    heartbeat_s: float = 15.0
    retry_s: float = 3.0
    probe_timeout_s: float = 3.0
    max_subscribers: int = 1000
    subscriber_queue: int = 2000
    kept_events: int = 5000
    max_trials: int = 2
    public_url: str = ""
    max_exports: int = 4
    max_exported: int = 50_000_000
    listening_s: float = 600.0
    public: bool = False
    pictures: str = ""
    limits: LimitConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The application's parts, in a request as who asks has them.

    ``access``: ``None`` where there are no accounts. ``logins``: who may try no password for now. ``asker``: who asks.
    ``sight``: what he sees; ``None``: all.
    """

    queries: Queries
    observations: Observations
    exports: Exports
    dashboards: Dashboards
    registry: Registry
    quarantine: Quarantine
    interpreter: Interpreter
    catalogue: Catalogue
    codecs: Codecs
    device_files: DeviceFiles
    alarms: Alarms
    rules: Rules
    outbox: Outbox
    channels: Channels
    publisher: Publisher
    open_data: OpenData
    trials: Trials
    hub: Hub
    streams: Streams
    meter: Meter
    totals: LedgerTotals
    clock: Clock
    config: ApiConfig
    access: Access | None = None
    logins: LoginGuard | None = None
    asker: Principal = OPEN
    sight: Sight | None = None

    def doer(self, said: str) -> str:
        """Return who is written down: who asks; where there are no accounts, whoever it says it is."""
        return said if self.asker.sort == "open" else self.asker.who

    async def note(self, what: str, target: str, **detail: object) -> None:
        """Write down a change that no port writes down itself; where there are no accounts, nobody is asked."""
        if self.access is not None:
            await self.access.note(what, target, detail, who=self.asker.who, at=self.clock())


def context_of(app: FastAPI) -> Context:
    """Return the parts that an application was created with."""
    context = app.state.context
    if not isinstance(context, Context):
        message = "this application was not made by api.app.create_app"
        raise TypeError(message)
    return context


async def seen_by(context: Context, gate: Gate, asker: Principal, *, lasting: bool = False) -> Context:
    """Return the parts as somebody has them: about the devices that he may see.

    ``lasting``: for longer than one request, so that devices which are new meanwhile are seen, too.
    """
    experiments = await gate.experiments(asker)
    if experiments is None:
        return replace(context, asker=asker)
    sight = Sight(context.registry, experiments, own_experiments(asker) or frozenset(), lasting=lasting)
    rules, alarms = SeenRules(context.rules, sight), SeenAlarms(context.alarms, sight)
    return replace(
        context,
        queries=SeenQueries(context.queries, sight),
        observations=SeenObservations(context.observations, sight),
        exports=SeenExports(context.exports, sight),
        dashboards=SeenDashboards(context.dashboards, sight),
        registry=SeenRegistry(context.registry, sight),
        quarantine=SeenQuarantine(context.quarantine, sight),
        device_files=SeenDeviceFiles(),
        alarms=alarms,
        outbox=SeenOutbox(context.outbox, alarms),
        rules=rules,
        trials=SeenTrials(context.trials, rules),
        asker=asker,
        sight=sight,
    )


async def _context(connection: HTTPConnection, asker: Asker) -> Context:
    context = context_of(connection.app)
    need = need_of(connection.scope["endpoint"])
    if need is not None and not need.looks:
        return context
    return await seen_by(context, gate_of(connection), asker)


ContextDep = Annotated[Context, Depends(_context)]
