"""Channels to people, with a test message; and what became of every message."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.access.rights import needs
from api.alert_schemas import ChannelOut, NotificationOut, WhoIn
from api.channels import channel_views
from api.context import PREFIX, ContextDep
from api.errors import NOT_FOUND, unknown
from api.openapi import problems
from api.parameters import CursorQuery, UserDep, close_cursor, next_link, number_in
from api.schemas import Page, Word
from model.access import Permission
from model.notification import NotificationState

router = APIRouter(prefix=PREFIX, tags=["notifications"])

MAX_ROWS = 1000


@router.get("/channels", summary="Channels", responses=problems(503))
@needs(Permission.SILENCE)
async def channels(context: ContextDep) -> Page[ChannelOut]:
    """Every way there is to tell people, as the settings name them, with why it last failed."""
    found = channel_views(context.channels, context.hub.alerts)
    return Page(items=[ChannelOut.model_validate(one) for one in found], limit=max(len(found), 1))


@router.post(
    "/channels/{channel}/test",
    summary="Send a test message",
    status_code=202,
    responses=problems(404, 413, 422, 503),
)
@needs(Permission.SILENCE)
async def send_test(
    context: ContextDep,
    channel: Annotated[Word, Path(description="The channel's name.", examples=["lighting-team"])],
    user: UserDep,
    asked: WhoIn | None = None,
) -> NotificationOut:
    """Put a test message in the outbox; `/notifications` tells within seconds what became of it."""
    known = [one.name for one in context.channels.channels()]
    if channel not in known:
        raise unknown("channel", channel, known, sort=NOT_FOUND, listed=f"{PREFIX}/channels")
    await context.note("channel.tested", channel)
    line = await context.outbox.test(channel, context.doer((asked.who if asked else None) or user), context.clock())
    return NotificationOut.model_validate(line)


@router.get("/notifications", summary="Messages to people", responses=problems(422, 503))
@needs(Permission.SILENCE)
async def notifications(
    request: Request,
    response: Response,
    context: ContextDep,
    state: Annotated[NotificationState | None, Query(description="Only those that this became of.")] = None,
    alarm: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only those about this alarm.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Messages a page, at most {MAX_ROWS:,}.")] = 100,
    cursor: CursorQuery = None,
) -> Page[NotificationOut]:
    """Newest first: to whom, about what, and what became of it."""
    found = await context.outbox.page(state=state, alarm=alarm, limit=limit + 1, before=number_in(cursor))
    page = found[:limit]
    following = close_cursor(str(page[-1].id)) if len(found) > limit else None
    response.headers.update(next_link(request, following))
    items = [NotificationOut.model_validate(line) for line in page]
    return Page(items=items, limit=limit, next_cursor=following)
