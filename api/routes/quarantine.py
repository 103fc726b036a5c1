"""Frames that could not be understood, each with its reason and its original bytes."""

from base64 import b64encode
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from api.context import PREFIX, ContextDep
from api.language import LanguageDep
from api.openapi import problems
from api.parameters import CursorQuery, next_link
from api.remedies import remedy
from api.schemas import Page, QuarantinedMessageOut, QuarantinedOut, Word
from model.device import Language
from model.errors import NotFoundError, Reason
from model.identity import possible_ids
from model.views import QuarantinedFrame, QuarantineFilter

router = APIRouter(prefix=PREFIX, tags=["accounts"])

MAX_ROWS = 1000


@router.get(
    "/quarantine",
    summary="Frames that could not be understood",
    responses=problems(422, 503),
)
async def quarantine(
    request: Request,
    response: Response,
    context: ContextDep,
    language: LanguageDep,
    reason: Annotated[Reason | None, Query(description="Only frames that are here for this reason.")] = None,
    device: Annotated[Word | None, Query(description="Only frames of this device, known or not.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Frames a page, at most {MAX_ROWS:,}.")] = 100,
    cursor: CursorQuery = None,
) -> Page[QuarantinedOut]:
    """Newest first. Nothing is lost here: the original bytes are kept, see one frame for them."""
    wanted = QuarantineFilter(reason=reason, device=await _spelling(context, device))
    page = await context.queries.quarantine(wanted, limit=limit, cursor=cursor)
    response.headers.update(next_link(request, page.next_cursor))
    items = [QuarantinedOut.model_validate(_told(frame, language)) for frame in page.rows]
    return Page(items=items, limit=limit, next_cursor=page.next_cursor)


@router.get(
    "/quarantine/{frame}",
    summary="One such frame with its bytes",
    responses=problems(404, 422, 503),
)
async def quarantined(
    context: ContextDep,
    language: LanguageDep,
    frame: Annotated[int, Path(ge=1, le=2**63 - 1, description="Its `id` in the list.")],
) -> QuarantinedMessageOut:
    """Tell the frame with its original message as base64, hex, and text where it is text."""
    found = await context.queries.quarantined(frame)
    message = {"base64": b64encode(found.message), "hex": found.message.hex(), "text": _text(found.message)}
    return QuarantinedMessageOut.model_validate(_told(found, language) | message)


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
