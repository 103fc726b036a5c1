"""What became of every frame, by hour and source; and what the ingest workers say of themselves."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from api.access.rights import needs
from api.context import PREFIX, ContextDep
from api.openapi import problems
from api.parameters import CursorQuery, FromQuery, ToQuery, check_range, next_link, page_of
from api.schemas import LedgerOut, Page, Word, WorkerOut
from model.access import Permission
from model.views import LedgerRow

router = APIRouter(prefix=PREFIX, tags=["accounts"])

MAX_ROWS = 5000
DEFAULT_RANGE = timedelta(days=7)
_COUNTS = ("received", "stored", "duplicate", "quarantined", "replayed")


@router.get("/ledger", summary="What became of every frame", response_model=LedgerOut, responses=problems(422, 503))
@needs(Permission.FRAMES)
async def ledger(
    request: Request,
    context: ContextDep,
    start: FromQuery = None,
    end: ToQuery = None,
    source: Annotated[Word | None, Query(description="Only frames that came in by this source.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Rows a page, at most {MAX_ROWS:,}.")] = 1000,
    cursor: CursorQuery = None,
) -> Response:
    """Frames by hour of arrival (UTC) and source, newest first: received = stored + duplicate + quarantined.

    Without `from` and `to`: the last 7 days. `totals` are over the whole range, not only over this page.
    """
    if start is None and end is None:
        start = context.clock() - DEFAULT_RANGE
    check_range(start, end)
    rows = sorted(await context.queries.ledger(start=start, end=end, source=source), key=_position, reverse=True)
    page, following = page_of(rows, _position, limit=limit, cursor=cursor, descending=True)
    body = {
        "items": [_told(row) | {"hour": row.hour, "source": row.source} for row in page],
        "totals": _told(_sum(rows)),
        "limit": limit,
        "next_cursor": following,
    }
    return Response(msgspec.json.encode(body), 200, next_link(request, following), "application/json")


@router.get("/workers", summary="Ingest workers")
@needs(Permission.FRAMES)
async def workers(context: ContextDep) -> Page[WorkerOut]:
    """Tell what each ingest worker last said of itself: counts since it started, latency, trouble."""
    statuses = [context.hub.statuses[name] for name in sorted(context.hub.statuses)]
    return Page(items=[WorkerOut.model_validate(status) for status in statuses], limit=max(len(statuses), 1))


def _position(row: LedgerRow) -> str:
    return f"{row.hour.isoformat()} {row.source}"


def _sum(rows: Sequence[LedgerRow]) -> LedgerRow | None:
    if not rows:
        return None
    return LedgerRow(
        hour=rows[0].hour,
        source="",
        received=sum(row.received for row in rows),
        stored=sum(row.stored for row in rows),
        duplicate=sum(row.duplicate for row in rows),
        quarantined=sum(row.quarantined for row in rows),
        replayed=sum(row.replayed for row in rows),
    )


def _told(row: LedgerRow | None) -> dict[str, object]:
    counts = {name: getattr(row, name, 0) for name in _COUNTS}
    return {**counts, "balanced": row is None or row.balanced}
