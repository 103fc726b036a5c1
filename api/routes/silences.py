"""Silences: of what nobody is told for a while. The alarms are recorded as ever."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.access.rights import needs
from api.alert_schemas import SilenceIn, SilenceOut, WeeklyIn
from api.context import PREFIX, ContextDep
from api.errors import INVALID, Problem, unknown
from api.openapi import problems
from api.parameters import CursorQuery, UserDep, WhoQuery, known_subject, known_type, next_link, page_of
from api.schemas import Page
from model.access import Permission
from model.alarm import Silence
from model.errors import BadRequestError, NotFoundError
from model.weekly import DAYS, Weekly

router = APIRouter(prefix=PREFIX, tags=["notifications"])

MAX_ROWS = 1000
SilencePath = Annotated[int, Path(ge=1, le=2**63 - 1, description="Its `id` in the list.")]


@router.get("/silences", summary="Silences", responses=problems(422, 503))
@needs(Permission.ALARMS)
async def silences(
    request: Request,
    response: Response,
    context: ContextDep,
    ended: Annotated[bool, Query(description="Whether those that have ended are in the answer.")] = False,  # noqa: FBT002  a query parameter
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Silences a page, at most {MAX_ROWS:,}.")] = 100,
    cursor: CursorQuery = None,
) -> Page[SilenceOut]:
    """Newest first: those that hold or are to come, with `ended=true` all."""
    found = sorted(await context.alarms.silences(ended=ended), key=_position, reverse=True)
    page, following = page_of(found, _position, limit=limit, cursor=cursor, descending=True)
    response.headers.update(next_link(request, following))
    items = [SilenceOut.model_validate(one) for one in page]
    return Page(items=items, limit=limit, next_cursor=following)


@router.post("/silences", summary="Tell nobody for a while", status_code=201, responses=problems(404, 413, 422, 503))
@needs(Permission.SILENCE)
async def silence(context: ContextDep, user: UserDep, asked: SilenceIn) -> SilenceOut:
    """Hold back messages about alarms that fit in all that is said; what is left out fits all.

    The alarms are recorded as ever. For planned work say `maintenance`; with `weekly` it holds in these hours of every
    week until `ends_at`. It can be ended before its time.
    """
    if not asked.everything and (asked.rule, asked.subject, asked.device_type, asked.district) == (None,) * 4:
        raise Problem(
            INVALID, "say which alarms: rule, subject, device_type or district; to silence all, say everything: true"
        )
    if asked.rule is not None:
        known = [one.rule.name for one in await context.rules.all()]
        if asked.rule not in known:
            raise unknown("rule", asked.rule, known, listed=f"{PREFIX}/rules")
    if asked.device_type is not None:
        known_type(context, asked.device_type)
    now = context.clock()
    if asked.ends_at <= now:
        raise BadRequestError(f"ends_at: {asked.ends_at.isoformat()} is over; write a time to come")
    stored = await context.alarms.silence(
        Silence(
            starts_at=asked.starts_at or now,
            ends_at=asked.ends_at,
            reason=asked.reason,
            by=context.doer(asked.who or user),
            rule=asked.rule,
            subject=None if asked.subject is None else await known_subject(context, asked.subject),
            device_type=asked.device_type,
            district=asked.district,
            maintenance=asked.maintenance,
            weekly=_weekly(asked.weekly),
        )
    )
    return SilenceOut.model_validate(stored)


@router.get("/silences/{silence}", summary="One silence", responses=problems(404, 422, 503))
@needs(Permission.ALARMS)
async def one_silence(context: ContextDep, silence: SilencePath) -> SilenceOut:
    """Tell a silence, whether it holds or not."""
    for one in await context.alarms.silences(ended=True):
        if one.id == silence:
            return SilenceOut.model_validate(one)
    raise NotFoundError(f"there is no silence {silence}; {PREFIX}/silences?ended=true lists all")


@router.delete("/silences/{silence}", summary="End a silence", status_code=204, responses=problems(404, 422, 503))
@needs(Permission.SILENCE)
async def end_silence(
    context: ContextDep,
    user: UserDep,
    silence: SilencePath,
    who: WhoQuery = None,
) -> Response:
    """End a silence now: people are told again. It stays in the list of those that have ended."""
    await context.alarms.unsilence(silence, context.doer(who or user))
    return Response(status_code=204)


def _weekly(asked: WeeklyIn | None) -> Weekly | None:
    if asked is None:
        return None
    days = tuple(day for day in DAYS if day in asked.days)
    return Weekly(days=days, start=asked.start, end=asked.end, zone=asked.zone)


def _position(one: Silence) -> str:
    return f"{one.id:020d}"
