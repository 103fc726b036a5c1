"""Live readings and changes of alarms as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from api.context import PREFIX, Context, ContextDep
from api.errors import UNAVAILABLE, Problem
from api.live import Kind
from api.openapi import problems
from api.parameters import MAX_DEVICES, DevicesQuery, known_device, known_type
from api.schemas import Word

router = APIRouter(prefix=PREFIX, tags=["readings"])

_EXAMPLE = (
    'retry: 3000\n\nid: 6913a2-42\nevent: reading\ndata: {"device":"70b3d50000000001",'
    '"device_type":"penfeld_streetlight",'
    '"time":"2026-03-29T06:00:00Z","received_at":"2026-03-29T06:00:00.4Z","values":{"power_w":41.5},"flags":[],'
    '"simulated":false}\n\nid: 6913a2-43\nevent: alarm\ndata: {"kind":"opened","alarm":{"id":17,'
    '"rule":"penfeld_streetlight/by-day","severity":"warning","state":"open","subject":"70b3d50000000001",…}}\n\n'
    ": still here\n\n"
)

_GAP = "events since your Last-Event-ID are gone from here; ask /api/v1/readings and /api/v1/alarms for them"


@router.get(
    "/stream",
    summary="Live readings and changes of alarms",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}}},
        **problems(404, 422, 503),
    },
)
async def stream(
    context: ContextDep,
    device_type: Annotated[
        list[Word], Query(max_length=MAX_DEVICES, description="Only these device types: repeat the parameter.")
    ] = [],  # noqa: B006  FastAPI copies it
    device: DevicesQuery = [],  # noqa: B006
    events: Annotated[
        Literal["all", "reading", "alarm"], Query(description="Readings, changes of alarms, or both.")
    ] = "all",
    last_event_id: Annotated[
        Word | None, Header(description="The last id seen: go on behind it. Browsers send it by themselves.")
    ] = None,
) -> Response:
    """Send readings as they are stored and alarms as they change, as server-sent events (`text/event-stream`).

    `event: reading` has one reading as JSON, `event: alarm` what happened (`kind`) and the `alarm` as it is now, as
    `/alarms` tells it. After 15 s of silence a comment says that the line still stands. `event: gap`: some events
    since `Last-Event-ID` are no longer here; ask `/readings` and `/alarms` for them. `event: dropped`: this listener
    was too slow, or the service stops; the data say which; connect again.
    """
    for name in device_type:
        known_type(context, name)
    kinds: tuple[Kind, ...] = ("reading", "alarm") if events == "all" else (events,)
    devices = [(await known_device(context, one)).id for one in device]
    if context.hub.subscribers >= context.config.max_subscribers:
        detail = f"there are {context.config.max_subscribers} listeners already; try again later"
        raise Problem(UNAVAILABLE, detail, headers={"Retry-After": "60"})
    return StreamingResponse(
        _events(context, device_type, devices, kinds, last_event_id),
        media_type="text/event-stream",
        # no cache, and no proxy that collects before it passes on
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(
    context: Context, device_types: list[str], devices: list[str], kinds: tuple[Kind, ...], after: str | None
) -> AsyncIterator[bytes]:
    with context.hub.subscribe(device_types=device_types, devices=devices, kinds=kinds, after=after) as subscription:
        yield b"retry: %d\n\n" % round(context.config.retry_s * 1000)
        if subscription.gap:
            yield _notice("gap", _GAP)
        while True:
            events = await subscription.take(context.config.heartbeat_s)
            if events:
                yield b"".join(event.sse for event in events)
            elif subscription.dropped is not None:
                yield _notice("dropped", subscription.dropped)
                return
            else:
                yield b": still here\n\n"


def _notice(kind: str, reason: str) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode({"reason": reason}))
