"""Frames that could not be understood, each with its reason and its original bytes; and taking them up again."""

from base64 import b64encode
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.access.rights import needs
from api.context import PREFIX, ContextDep
from api.language import LanguageDep
from api.openapi import problems
from api.parameters import CursorQuery, FromQuery, ToQuery, check_range, next_link
from api.remedies import remedy
from api.schemas import (
    InterpretationOut,
    Page,
    QuarantinedMessageOut,
    QuarantinedOut,
    ReplayIn,
    ReplayOut,
    Word,
)
from model.access import Permission
from model.device import Language
from model.errors import NotFoundError, Reason
from model.identity import possible_ids
from model.views import QuarantinedFrame, QuarantineFilter

router = APIRouter(prefix=PREFIX, tags=["accounts"])

MAX_ROWS = 1000
FramePath = Annotated[int, Path(ge=1, le=2**63 - 1, description="Its `id` in the list.")]


async def _wanted(
    context: ContextDep,
    reason: Annotated[Reason | None, Query(description="Only frames that are here for this reason.")] = None,
    device: Annotated[Word | None, Query(description="Only frames of this device, known or not.")] = None,
    source: Annotated[Word | None, Query(description="Only frames that came in by this source.")] = None,
    start: FromQuery = None,
    end: ToQuery = None,
) -> QuarantineFilter:
    """Return which frames are asked for."""
    check_range(start, end)
    spelled = await _spelling(context, device)
    return QuarantineFilter(reason=reason, device=spelled, source=source, start=start, end=end)


@router.get(
    "/quarantine",
    summary="Frames that could not be understood",
    responses=problems(422, 503),
)
@needs(Permission.FRAMES)
async def quarantine(
    request: Request,
    response: Response,
    context: ContextDep,
    language: LanguageDep,
    wanted: Annotated[QuarantineFilter, Depends(_wanted)],
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Frames a page, at most {MAX_ROWS:,}.")] = 100,
    cursor: CursorQuery = None,
) -> Page[QuarantinedOut]:
    """Newest first. Nothing is lost here: the original bytes are kept, see one frame for them.

    `from` and `to` are about arrivals: of a message that came several times, one of them counts.
    """
    page = await context.queries.quarantine(wanted, limit=limit, cursor=cursor)
    response.headers.update(next_link(request, page.next_cursor))
    items = [QuarantinedOut.model_validate(_told(frame, language)) for frame in page.rows]
    return Page(items=items, limit=limit, next_cursor=page.next_cursor)


@router.get(
    "/quarantine/{frame}",
    summary="One such frame with its bytes",
    responses=problems(404, 422, 503),
)
@needs(Permission.FRAMES)
async def quarantined(
    context: ContextDep,
    language: LanguageDep,
    frame: FramePath,
) -> QuarantinedMessageOut:
    """Tell the frame with its original message as base64, hex, and text where it is text.

    `today` says what it would become if it came now: readings, or why not. Nothing is changed.
    """
    found = await context.queries.quarantined(frame)
    message = {"base64": b64encode(found.message), "hex": found.message.hex(), "text": _text(found.message)}
    today = [InterpretationOut.model_validate(one) for one in await context.interpreter.interpret(found)]
    return QuarantinedMessageOut.model_validate(_told(found, language) | message | {"today": today})


@router.post(
    "/quarantine/replay",
    summary="Take frames up again after a fix",
    status_code=202,
    responses=problems(413, 422, 503),
)
@needs(Permission.FRAMES)
async def replay(context: ContextDep, asked: ReplayIn) -> ReplayOut:
    """Mark frames for replay: ingest looks at them again within seconds, and stores those that it understands now.

    The answer says how many wait; asking again changes nothing. What is not understood stays, under its reason of
    today. An empty object means all that is in quarantine.
    """
    wanted = await _wanted(context, asked.reason, asked.device, asked.source, asked.start, asked.end)
    marked = await context.quarantine.request(wanted)
    await context.note("quarantine.replay", "many", after={"messages": marked.lines})
    return ReplayOut(messages=marked.lines, frames=marked.frames)


@router.post(
    "/quarantine/{frame}/replay",
    summary="Take one frame up again",
    status_code=202,
    responses=problems(404, 422, 503),
)
@needs(Permission.FRAMES)
async def replay_one(context: ContextDep, frame: FramePath) -> ReplayOut:
    """Mark one frame for replay; asking again changes nothing."""
    marked = await context.quarantine.request(QuarantineFilter(frame=frame))
    if not marked.lines:
        raise NotFoundError(f"no frame {frame} is in quarantine: it may have been taken in meanwhile")
    await context.note("quarantine.replay", str(frame))
    return ReplayOut(messages=marked.lines, frames=marked.frames)


async def _spelling(context: ContextDep, written: str | None) -> str | None:
    """Return the id that somebody writes: the registered one, else the likeliest; nonsense stays as it is."""
    if written is None:
        return None
    candidates = possible_ids(written)
    for candidate in candidates:
        try:
            return (await context.registry.device(candidate)).id
        except NotFoundError:
            continue
    return candidates[0] if candidates else written


def _told(frame: QuarantinedFrame, language: Language) -> dict[str, Any]:
    names = QuarantinedOut.model_fields.keys() - {"size", "remedy"}
    made = {"size": len(frame.message), "remedy": remedy(frame, language)}
    return {name: getattr(frame, name) for name in names} | made


def _text(message: bytes) -> str | None:
    try:
        return message.decode()
    except UnicodeDecodeError:
        return None
