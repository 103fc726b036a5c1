"""For those who keep the service running: is it alive, is it ready, what does it count."""

import asyncio
import logging

from fastapi import APIRouter, Response

from api.access.rights import needs, unguarded
from api.audit import forgotten
from api.context import Context, ContextDep
from api.metrics import CONTENT_TYPE, Alerting, Books, Snapshot, exposition
from api.schemas import Alive, Check, Ready
from model.access import Permission
from model.errors import PenfeldError, UnavailableError
from model.status import PROBE_TOPIC

log = logging.getLogger(__name__)

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Is the process alive")
@unguarded
async def healthz() -> Alive:
    """Answer as long as the process does; asks nothing of database or broker."""
    return Alive()


@router.get(
    "/readyz",
    summary="Does everything it needs answer",
    responses={503: {"model": Ready, "description": "Something does not answer; its word says what"}},
)
@unguarded
async def readyz(context: ContextDep, response: Response) -> Ready:
    """Ask the database, publish a probe to the broker, look at the catalogue; each answers with a word."""
    database, broker = await asyncio.gather(_database(context), _broker(context))
    catalogue = _catalogue(context)
    ready = all(check.ok for check in (database, broker, catalogue))
    if not ready:
        response.status_code = 503
    return Ready(ready=ready, database=database, broker=broker, catalogue=catalogue)


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
@needs(Permission.METRICS)
async def metrics(context: ContextDep) -> Response:
    """Frames by source and state, whether they balance, quarantine, ingest workers, alarms, listeners, requests.

    In Prometheus's text form. `penfeld_ledger_unbalanced_frames` and `penfeld_ledger_forgotten_frames` are 0, or
    somebody should look.
    """
    statuses = tuple(context.hub.statuses.values())
    frames = books = alerting = None
    try:
        frames = await context.totals.read(context.queries, context.clock())
        books = Books(
            unaccounted=await context.queries.unaccounted(),
            forgotten=await forgotten(context.queries, statuses),
            quarantine=await context.queries.quarantine_sums(),
        )
        alerting = Alerting(alarms=await context.alarms.counts(), notifications=await context.outbox.counts())
    except UnavailableError:
        log.debug("metrics without what the database says")
    snapshot = Snapshot(
        frames=frames,
        books=books,
        alerting=alerting,
        alerts=context.hub.alerts,
        now=context.clock(),
        statuses=statuses,
        subscribers=context.hub.subscribers,
        dropped_subscribers=context.hub.dropped,
        version=context.config.version,
        revision=context.config.revision,
    )
    return Response(exposition(context.meter, snapshot), media_type=CONTENT_TYPE)


async def _database(context: Context) -> Check:
    try:
        async with asyncio.timeout(context.config.probe_timeout_s):
            facts = await context.queries.facts()
    except TimeoutError:
        return Check(ok=False, word=f"no answer in {context.config.probe_timeout_s:g} s")
    except UnavailableError as error:
        return Check(ok=False, word=str(error))
    timescale = f"TimescaleDB {facts.timescaledb_version}" if facts.timescaledb_version else "without TimescaleDB"
    return Check(ok=True, word=f"PostgreSQL {facts.server_version}, {timescale}, migration {facts.migration}")


async def _broker(context: Context) -> Check:
    try:
        async with asyncio.timeout(context.config.probe_timeout_s):
            await context.publisher.publish(PROBE_TOPIC, b"")
    except TimeoutError:
        return Check(ok=False, word=f"no acknowledgement in {context.config.probe_timeout_s:g} s")
    except UnavailableError as error:
        return Check(ok=False, word=str(error))
    return Check(ok=True, word="took a probe")


def _catalogue(context: Context) -> Check:
    try:
        count = len(context.catalogue.types())
    except PenfeldError as error:
        return Check(ok=False, word=str(error))
    return Check(ok=count > 0, word=f"{count} device types" if count else "no device types")
