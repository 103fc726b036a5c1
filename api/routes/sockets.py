"""The live stream over a WebSocket: the same events with the same filters as ``/stream``, each a JSON object.

Rules:

1. ``{"id", "event", "data"}``; after silence ``{"event": "still here"}``. What was asked wrong is an event ``problem``
   with a problem document, and the line ends with code 1008: a browser tells its page nothing of a refused handshake.
2. ``last_event_id`` in the address resumes, since a browser sends no headers of its own here.
"""

import asyncio
from contextlib import suppress
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from api.access.rights import needs
from api.choice import DistrictQuery
from api.context import PREFIX, Context, ContextDep
from api.errors import Problem
from api.live import Subscription
from api.parameters import DevicesQuery
from api.routes.stream import GAP, EventsQuery, FieldsQuery, TypesQuery, listening, wanted
from api.schemas import Word
from model.access import Permission
from model.errors import PenfeldError

router = APIRouter(prefix=PREFIX)

_REFUSED, _TRY_AGAIN = 1008, 1013


@router.websocket("/stream/ws")
@needs(Permission.DATA)
async def socket(
    websocket: WebSocket,
    context: ContextDep,
    device_type: TypesQuery = [],  # noqa: B006  FastAPI copies it
    device: DevicesQuery = [],  # noqa: B006
    district: DistrictQuery = None,
    field: FieldsQuery = [],  # noqa: B006
    events: EventsQuery = "all",
    last_event_id: Annotated[Word | None, Query()] = None,
) -> None:
    """Send what a listener wants to hear until it hangs up, is dropped, or the service stops."""
    await websocket.accept()
    try:
        asked = await wanted(context, device_type, device, district, field, events)
    except Problem as problem:
        await _refuse(websocket, problem.sort.status, str(problem.detail))
        return
    except PenfeldError as error:
        await _refuse(websocket, 503, str(error))
        return
    with listening(context, asked, last_event_id) as subscription, suppress(WebSocketDisconnect):
        hanging_up = asyncio.create_task(_until_it_hangs_up(websocket, subscription))
        try:
            await _tell(websocket, context, subscription)
        finally:
            hanging_up.cancel()
            with suppress(asyncio.CancelledError):
                await hanging_up


async def _tell(websocket: WebSocket, context: Context, subscription: Subscription) -> None:
    if subscription.gap:
        await websocket.send_json({"event": "gap", "data": {"reason": GAP}})
    while True:
        events = await subscription.take(context.config.heartbeat_s)
        for event in events:
            data = msgspec.Raw(event.only(subscription.fields))
            told = {"id": event.id.decode(), "event": event.kind, "data": data}
            await websocket.send_text(msgspec.json.encode(told).decode())
        reason = subscription.dropped
        if events:
            continue
        if reason is None:
            await websocket.send_json({"event": "still here"})
            continue
        if reason != _HUNG_UP:
            await websocket.send_json({"event": "dropped", "data": {"reason": reason}})
            await websocket.close(_TRY_AGAIN, reason)
        return


_HUNG_UP = "the listener hung up"


async def _until_it_hangs_up(websocket: WebSocket, subscription: Subscription) -> None:
    """Pass over what a listener says, until it goes."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
    subscription.drop(_HUNG_UP)


async def _refuse(websocket: WebSocket, status: int, detail: str) -> None:
    await websocket.send_json({"event": "problem", "data": {"status": status, "detail": detail}})
    await websocket.close(_REFUSED, detail.encode()[:100].decode(errors="ignore"))
