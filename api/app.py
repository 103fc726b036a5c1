"""The HTTP application, built from what it is given.

``create_app`` joins ports, catalogue and settings to the routes under ``/api/v1`` and the health routes; it opens
nothing and reads no settings. While the application runs, its lifespan keeps the live hub going. ``/`` is left to the
console.

A server should call ``context_of(app).hub.close()`` when it is told to stop: open event streams end then.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors, openapi
from api.access.gate import Gate, admitted
from api.access.headers import SafeHeaders
from api.body import limited
from api.context import PREFIX, ApiConfig, Clock, Context, context_of
from api.language import language_of
from api.limiting import Limits, LoginGuard
from api.live import Hub
from api.metrics import LedgerTotals, Meter
from api.open_door import OpenDoor
from api.parameters import known_parameters
from api.routes import access as access_routes
from api.routes import alarms as alarm_routes
from api.routes import (
    callbacks,
    catalog,
    completeness,
    device_types,
    devices,
    geojson,
    health,
    ledger,
    readings,
    silences,
    sockets,
    stream,
)
from api.routes import channels as channel_routes
from api.routes import quarantine as quarantine_routes
from api.routes import rules as rule_routes
from api.routes import sta as sta_routes
from api.streams import Streams
from api.trials import Trials
from decoders.catalogue import Catalogue
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
    LiveSource,
    Publisher,
    Quarantine,
    Queries,
    Registry,
)

__all__ = ["ApiConfig", "create_app"]

log = logging.getLogger(__name__)

_DESCRIPTION = """City sensors over any low-power network.

Times in requests need a zone; times in answers are UTC. Errors are problem documents (RFC 9457) that
say what to do next. Lists are paged: follow `next_cursor`, or the `Link` header. Units are UCUM codes.
"""


def create_app(  # noqa: PLR0913 -- the application's parts, each named
    *,
    queries: Queries,
    observations: Observations,
    exports: Exports,
    dashboards: Dashboards,
    registry: Registry,
    quarantine: Quarantine,
    interpreter: Interpreter,
    catalogue: Catalogue,
    codecs: Codecs,
    device_files: DeviceFiles,
    alarms: Alarms,
    rules: Rules,
    outbox: Outbox,
    channels: Channels,
    live: LiveSource,
    publisher: Publisher,
    open_data: OpenData,
    clock: Clock,
    config: ApiConfig,
    access: Access | None = None,
) -> FastAPI:
    """Return the application. The ports stay the caller's: open them before it starts, close them after.

    ``access``: ``None`` where there are no accounts, and whoever reaches it may everything.
    """
    context = Context(
        queries=queries,
        observations=observations,
        exports=exports,
        dashboards=dashboards,
        registry=registry,
        quarantine=quarantine,
        interpreter=interpreter,
        catalogue=catalogue,
        codecs=codecs,
        device_files=device_files,
        alarms=alarms,
        rules=rules,
        outbox=outbox,
        channels=channels,
        publisher=publisher,
        open_data=open_data,
        trials=Trials(rules, config.max_trials),
        hub=Hub(live, clock=clock, queue=config.subscriber_queue, kept=config.kept_events),
        streams=Streams(config.max_exports),
        meter=Meter(),
        totals=LedgerTotals(),
        clock=clock,
        config=config,
        access=access,
        logins=LoginGuard(config.limits.remembered, time.monotonic_ns) if config.limits else None,
    )
    app = FastAPI(
        title="Penfeld",
        version=config.version,
        summary="City sensors: readings, devices, and what became of every frame",
        description=_DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        openapi_tags=openapi.TAGS,
        docs_url=None,  # its page would load scripts from a foreign host
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.context = context
    app.state.gate = Gate(access=access, clock=clock, public=config.public)
    data = (readings, completeness, stream, device_types, geojson, devices, ledger, quarantine_routes)
    for module in (*data, alarm_routes, rule_routes, silences, channel_routes, access_routes):
        app.include_router(module.router, dependencies=[Depends(admitted), Depends(known_parameters)])
    others = (sockets.router, callbacks.router, health.router, sta_routes.router, catalog.router, catalog.whole)
    for router in others:  # asked by machines that may add parameters of their own
        app.include_router(router, dependencies=[Depends(admitted)])
    app.add_api_route("/api/{rest:path}", errors.nothing_here, methods=list(_METHODS), include_in_schema=False)
    errors.install(app)
    openapi.install(app, catalogue)
    safe = SafeHeaders(config.pictures, personal=access is not None)
    app.add_middleware(OpenDoor)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    if config.limits is not None:
        whose = None if access is None else app.state.gate.named
        app.add_middleware(Limits, config=config.limits, monotonic_ns=time.monotonic_ns, whose=whose)
    app.add_middleware(_Front, meter=context.meter, body_limit=config.upload_limit, headers=safe)
    return app


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the live hub going while the application runs."""
    hub = context_of(app).hub
    task = asyncio.create_task(_follow(hub), name="live hub")
    try:
        yield
    finally:
        hub.close()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _follow(hub: Hub) -> None:
    """Run the hub; whatever ends it is logged, and it starts again: readings are stored and asked for without it."""
    while True:
        try:
            await hub.run()
        except Exception:  # a defect of the live source must not end the service
            log.exception("the live hub stopped; starting it again")
        await asyncio.sleep(1)


class _Front:
    """Outermost: times every request, bounds its body, answers what nobody foresaw with a problem document."""

    def __init__(self, app: ASGIApp, meter: Meter, body_limit: int, headers: SafeHeaders) -> None:
        self.headers = headers
        self.app = app
        self.meter = meter
        self.body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0
        start = time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self.headers.add(scope, message)
            await send(message)

        if scope["path"].startswith(PREFIX):
            receive = limited(receive, self.body_limit)
        try:
            await self.app(scope, receive, noting)
        except ClientDisconnect:
            status = status or 499  # nobody is left to be answered
        except Exception as error:  # the outermost: a client gets a reference id, the log gets the rest
            if status:
                raise  # half an answer is out: only breaking the line tells that it is not whole
            request = Request(scope)
            response = errors.unexpected(errors.address_of(request), error, language_of(request))
            await response(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.meter.observe(route, scope["method"], status, time.perf_counter() - start)
