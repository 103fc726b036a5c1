"""What every route needs: the ports, the catalogue, the live hub and the settings, joined once by ``create_app``.

Routes ask for it as ``ContextDep``; the console takes it from ``context_of(app)``. Nothing here does any work.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from api.limits import LimitConfig
from api.live import Hub
from api.metrics import LedgerTotals, Meter
from api.pushes import networks
from api.streams import Streams
from api.trials import Trials
from decoders.catalogue import Catalogue
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
    limits: LimitConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The application's parts."""

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


def context_of(app: FastAPI) -> Context:
    """Return the parts that an application was created with."""
    context = app.state.context
    if not isinstance(context, Context):
        message = "this application was not made by api.app.create_app"
        raise TypeError(message)
    return context


async def _context(request: Request) -> Context:
    return context_of(request.app)


ContextDep = Annotated[Context, Depends(_context)]
