"""Live readings and changes of alarms as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from api.access.rights import needs
from api.choice import DistrictQuery, located
from api.context import PREFIX, Context, ContextDep
from api.errors import NOT_FOUND, UNAVAILABLE, Problem, unknown
from api.live import Kind, Subscription
from api.openapi import problems
from api.parameters import MAX_DEVICES, DevicesQuery, known_device, known_type
from api.schemas import Word
from model.access import Permission

router = APIRouter(prefix=PREFIX, tags=["readings"])

_EXAMPLE = (
    'retry: 3000\n\nid: 6913a2-42\nevent: reading\ndata: {"device":"70b3d50000000001",'
    '"device_type":"penfeld_streetlight",'
    '"time":"2026-03-29T06:00:00Z","received_at":"2026-03-29T06:00:00.4Z","values":{"power_w":41.5},"flags":[],'
    '"simulated":false}\n\nid: 6913a2-43\nevent: alarm\ndata: {"kind":"opened","alarm":{"id":17,'
    '"rule":"penfeld_streetlight/by-day","severity":"warning","state":"open","subject":"70b3d50000000001",…}}\n\n'
    ": still here\n\n"
)

AGAIN = "connect again, behind the last event: who may listen is looked at anew now and then"
GAP = "events since your Last-Event-ID are gone from here; ask /api/v1/readings and /api/v1/alarms for them"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a listener wants to hear; ``devices`` empty: of all. ``seen``: of which he may; ``None``: of all."""

    device_types: tuple[str, ...]
    devices: tuple[str, ...]
    fields: tuple[str, ...]
    kinds: tuple[Kind, ...]
    seen: frozenset[str] | None = None


TypesQuery = Annotated[
    list[Word], Query(max_length=MAX_DEVICES, description="Only these device types: repeat the parameter.")
]
FieldsQuery = Annotated[
    list[Word],
    Query(
        alias="field",
        max_length=MAX_DEVICES,
        description="Only readings that say one of these fields, and of them only these: repeat the parameter.",
    ),
]
EventsQuery = Annotated[Literal["all", "reading", "alarm"], Query(description="Readings, changes of alarms, or both.")]


async def wanted(
    context: Context,
    device_types: Sequence[str],
    devices: Sequence[str],
    district: str | None,
    fields: Sequence[str],
    events: Literal["all", "reading", "alarm"],
) -> Wanted:
    """Return what somebody wants to hear; raise a problem for names that there are not, or one listener too many."""
    types = [known_type(context, name) for name in device_types] or context.catalogue.types()
    known = {field.name for one in types for field in one.fields}
    for name in fields:
        if name not in known:
            raise unknown("field", name, sorted(known))
    chosen = {(await known_device(context, one)).id for one in devices}
    if district is not None:
        there = await located(
            context, device_type=None, state="active", simulated=None, district=district, experiment=None, tags=()
        )
        chosen = {one.id for one in there if not chosen or one.id in chosen}
        if not chosen:
            raise Problem(NOT_FOUND, f"no active device is in district {district!r}; {PREFIX}/devices lists them")
    if context.hub.subscribers >= context.config.max_subscribers:
        detail = f"there are {context.config.max_subscribers} listeners already; try again later"
        raise Problem(UNAVAILABLE, detail, headers={"Retry-After": "60"})
    kinds: tuple[Kind, ...] = ("reading", "alarm") if events == "all" else (events,)
    if not context.asker.may(Permission.ALARMS):
        kinds = tuple(kind for kind in kinds if kind != "alarm")
    seen = None if context.sight is None else await context.sight.ids()
    return Wanted(tuple(device_types), tuple(chosen), tuple(fields), kinds, seen)


@router.get(
    "/stream",
    summary="Live readings and changes of alarms",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}}},
        **problems(404, 422, 503),
    },
)
@needs(Permission.DATA)
async def stream(
    context: ContextDep,
    device_type: TypesQuery = [],  # noqa: B006  FastAPI copies it
    device: DevicesQuery = [],  # noqa: B006
    district: DistrictQuery = None,
    field: FieldsQuery = [],  # noqa: B006
    events: EventsQuery = "all",
    last_event_id: Annotated[
        Word | None, Header(description="The last id seen: go on behind it. Browsers send it by themselves.")
    ] = None,
) -> Response:
    """Send readings as they are stored and alarms as they change, as server-sent events (`text/event-stream`).

    `event: reading` has one reading as JSON, `event: alarm` what happened (`kind`) and the `alarm` as it is now, as
    `/alarms` tells it. After 15 s of silence a comment says that the line still stands. `event: gap`: some events
    since `Last-Event-ID` are no longer here; ask `/readings` and `/alarms` for them. `event: dropped`: this listener
    was too slow, or the service stops; the data say which; connect again. A `district` is that of the devices at the
    beginning. The same comes over a WebSocket at `/stream/ws`, each event a JSON object of `id`, `event` and `data`.
    """
    asked = await wanted(context, device_type, device, district, field, events)
    return StreamingResponse(
        _events(context, asked, last_event_id),
        media_type="text/event-stream",
        # no cache, and no proxy that collects before it passes on
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@contextmanager
def listening(context: Context, asked: Wanted, after: str | None) -> Iterator[Subscription]:
    """Subscribe to what somebody wants to hear; where there are accounts, for so long until it is asked again who."""
    with context.hub.subscribe(
        device_types=asked.device_types,
        devices=asked.devices,
        fields=asked.fields,
        kinds=asked.kinds,
        after=after,
        seen=asked.seen,
    ) as subscription:
        if context.asker.sort == "open":
            yield subscription
            return
        end = asyncio.get_running_loop().call_later(context.config.listening_s, subscription.drop, AGAIN)
        try:
            yield subscription
        finally:
            end.cancel()


async def _events(context: Context, asked: Wanted, after: str | None) -> AsyncIterator[bytes]:
    with listening(context, asked, after) as subscription:
        yield b"retry: %d\n\n" % round(context.config.retry_s * 1000)
        if subscription.gap:
            yield _notice("gap", GAP)
        while True:
            events = await subscription.take(context.config.heartbeat_s)
            if events:
                yield b"".join(event.as_sse(event.only(subscription.fields)) for event in events)
            elif subscription.dropped is not None:
                yield _notice("dropped", subscription.dropped)
                return
            else:
                yield b": still here\n\n"


def _notice(kind: str, reason: str) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode({"reason": reason}))
