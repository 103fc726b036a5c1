"""Alert rules: listed, written, checked, tried on the past.

Rules:

1. A rule is read by ``api.rule_bodies``: what is wrong is told with its place in the rule and what to write instead.
2. Nobody overwrites what he has not read: an existing rule is replaced with its ETag in ``If-Match`` only.
3. Names have slashes, so what stands behind ``/history`` is the history of a rule, and no rule's name may end so.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Body, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.access.rights import needs
from api.alert_schemas import (
    MAX_EPISODES,
    AuditOut,
    CheckedOut,
    DayOut,
    EpisodeOut,
    RuleBody,
    RuleOut,
    RuleSavedOut,
    SubjectEpisodesOut,
    TrialIn,
    TrialOut,
)
from api.context import PREFIX, Context, ContextDep
from api.errors import CONFLICT, INVALID, NOT_FOUND, Problem, unknown
from api.language import LanguageDep
from api.openapi import problems
from api.parameters import CursorQuery, UserDep, WhoQuery, check_range, next_link, page_of
from api.rule_bodies import findings, read, refusal
from api.schemas import Page, Word
from model.access import Permission
from model.alarm import Origin, StoredRule
from model.errors import NotFoundError, PenfeldError
from model.instants import moment
from model.rule import plain
from model.trial import SubjectEpisodes, Trial

router = APIRouter(prefix=PREFIX, tags=["rules"])

MAX_ROWS = 1000
MAX_LINES = 1000
LONGEST = timedelta(days=400)
DEFAULT_RANGE = timedelta(days=30)
HISTORY = "/history"

Step = float | Trial
"""How much of a trial is done, and at last what it found."""

_EVENT_STREAM = "text/event-stream"
_SSE_EXAMPLE = 'event: progress\ndata: {"done":0.35}\n\nevent: result\ndata: {"alarms":12,…}\n\n'

RulePath = Annotated[Word, Path(description="The rule's name.", examples=["penfeld_streetlight/power-high"])]
IfMatch = Annotated[
    Word | None, Header(description="The ETag of the rule that was read and changed; `*`: whatever is there.")
]
Told = Annotated[RuleBody, Body(description="The rule, in full or in the short forms of rule files.")]


@router.get("/rules", summary="Rules", responses=problems(422, 503))
@needs(Permission.ALARMS)
async def rules(
    request: Request,
    response: Response,
    context: ContextDep,
    origin: Annotated[Origin | None, Query(description="Only rules that come from there.")] = None,
    enabled: Annotated[bool | None, Query(description="Only those that are switched on, or off.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Rules a page, at most {MAX_ROWS:,}.")] = 100,
    cursor: CursorQuery = None,
) -> Page[RuleOut]:
    """All rules in order of their names. A saved rule takes the place of one of a device file of the same name."""
    found = sorted(await context.rules.all(), key=_name)
    wanted = [one for one in found if origin in {None, one.origin} and enabled in {None, one.rule.enabled}]
    page, following = page_of(wanted, _name, limit=limit, cursor=cursor)
    response.headers.update(next_link(request, following))
    return Page(items=[_rule_out(one) for one in page], limit=limit, next_cursor=following)


@router.post("/rules/check", summary="Check a rule", responses=problems(413, 422, 503))
@needs(Permission.DECODE)
async def check(context: ContextDep, language: LanguageDep, told: Told) -> CheckedOut:
    """Tell what keeps a rule from working, each with its place and what to change; nothing is stored.

    Its name may be left out. What is no rule at all is refused with the place of what is wrong.
    """
    rule = read(told)
    found = findings(await context.rules.problems(rule), language)
    notes = [] if found else findings(await context.rules.notes(rule), language)
    return CheckedOut(works=not found, problems=found, notes=notes)


@router.post(
    "/rules/test",
    summary="Try a rule on the past",
    response_model=TrialOut,
    responses={
        200: {"content": {_EVENT_STREAM: {"schema": {"type": "string"}, "example": _SSE_EXAMPLE}}},
        **problems(404, 413, 422, 503),
    },
)
@needs(Permission.RULES)
async def try_rule(request: Request, context: ContextDep, asked: TrialIn) -> Response:
    """Run the evaluator over stored readings and tell what the rule would have raised; nothing is stored.

    Without `from` and `to`: the last 30 days; 400 at most. With `Accept: text/event-stream` it tells how far it is:
    `event: progress` has `done` (0 to 1), `event: result` the answer, `event: problem` why there is none. Who hangs
    up ends it.
    """
    rule = (await _stored(context, asked.rule)).rule if isinstance(asked.rule, str) else read(asked.rule)
    until = asked.end or context.clock()
    since = asked.start or until - DEFAULT_RANGE
    check_range(since, until)
    if until - since > LONGEST:
        raise Problem(INVALID, f"from and to lie {(until - since).days} days apart; {LONGEST.days} at most")
    if found := await context.rules.problems(rule):
        raise refusal(found)
    steps = context.trials.run(rule, since, until)
    first = await anext(steps)  # what refuses it at once is an answer of its own
    if _EVENT_STREAM in request.headers.get("accept", ""):
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(first, steps), media_type=_EVENT_STREAM, headers=headers)
    async with aclosing(_chained(first, steps)) as each:
        async for step in each:
            if isinstance(step, Trial):
                return Response(_trial_out(step).model_dump_json(), 200, media_type="application/json")
            if await request.is_disconnected():
                break
    return Response(status_code=499)  # nobody is left to be answered


@router.get("/rules/{rule:path}/history", summary="Who changed a rule", responses=problems(404, 422, 503))
@needs(Permission.ALARMS)
async def history(
    context: ContextDep,
    rule: RulePath,
    limit: Annotated[int, Query(ge=1, le=MAX_LINES, description="The newest so many.")] = 100,
) -> Page[AuditOut]:
    """Every change of the rule with who made it, the newest first; also of one that was removed."""
    lines = await context.rules.audit(rule, limit=limit)
    if not lines:
        await _stored(context, rule)
    return Page(items=[AuditOut.model_validate(line) for line in lines], limit=limit)


@router.get("/rules/{rule:path}", summary="One rule", responses=problems(404, 422, 503))
@needs(Permission.ALARMS)
async def one_rule(context: ContextDep, response: Response, rule: RulePath) -> RuleOut:
    """Tell a rule; its version is the ETag."""
    found = await _stored(context, rule)
    response.headers["ETag"] = f'"{found.version}"'
    return _rule_out(found)


@router.put(
    "/rules/{rule:path}",
    summary="Write a rule",
    responses={
        201: {"model": RuleSavedOut, "description": "There was none of this name"},
        **problems(404, 409, 413, 422, 503),
    },
)
@needs(Permission.RULES)
async def write_rule(
    context: ContextDep,
    response: Response,
    user: UserDep,
    language: LanguageDep,
    rule: RulePath,
    told: Told,
    who: WhoQuery = None,
    if_match: IfMatch = None,
) -> RuleSavedOut:
    """Store a rule that works; one that exists is replaced only with its ETag in `If-Match`.

    So nobody's change is lost: 409 without it, and where the rule was changed meanwhile. A rule of a device file is
    changed by storing one of the same name; removing that brings the shipped one back.
    """
    if rule.endswith(HISTORY):
        raise refusal([f"name: one that ends with {HISTORY} is the address of a rule's history; choose another"])
    wanted = read(told, rule)
    if found := await context.rules.problems(wanted):
        raise refusal(found)
    known = {one.rule.name: one for one in await context.rules.all()}.get(rule)
    _may_replace(known, if_match)
    version = None if known is None else known.version
    stored = await context.rules.save(wanted, who=context.doer(who or user), origin="console", version=version)
    response.status_code = 201 if known is None else 200
    response.headers["ETag"] = f'"{stored.version}"'
    notes = findings(await context.rules.notes(stored.rule), language)
    return RuleSavedOut.model_validate({**dict(_rule_out(stored)), "notes": notes})


@router.delete(
    "/rules/{rule:path}",
    summary="Remove a rule",
    status_code=204,
    responses=problems(404, 409, 422, 503),
    response_model=None,
)
@needs(Permission.RULES)
async def remove_rule(
    context: ContextDep, user: UserDep, rule: RulePath, who: WhoQuery = None, if_match: IfMatch = None
) -> None:
    """Remove a rule; its open alarms end. What a device file says is switched off, or comes back if it was replaced.

    With `If-Match` only if it is the one that was read.
    """
    known = await _stored(context, rule)
    if if_match is not None:
        _may_replace(known, if_match)
    await context.rules.remove(rule, context.doer(who or user))


def _name(one: StoredRule) -> str:
    return one.rule.name


async def _stored(context: Context, name: str) -> StoredRule:
    """Return a stored rule; raise a problem with names that are like it."""
    try:
        return await context.rules.rule(name)
    except NotFoundError:
        known = [one.rule.name for one in await context.rules.all()]
        raise unknown("rule", name, known, sort=NOT_FOUND, listed=f"{PREFIX}/rules") from None


def _may_replace(known: StoredRule | None, if_match: str | None) -> None:
    """Raise a problem if what is there was not read before it is changed."""
    if known is None:
        if if_match is not None:
            raise Problem(CONFLICT, "there is no rule of this name (now); leave If-Match out to write a new one")
        return
    tag = f'"{known.version}"'
    if if_match is None:
        detail = f"there is a rule {known.rule.name} already: read it, then send its ETag, If-Match: {tag}"
        raise Problem(CONFLICT, detail, headers={"ETag": tag})
    if if_match.strip() != "*" and tag not in {one.strip().removeprefix("W/") for one in if_match.split(",")}:
        detail = "the rule was changed meanwhile: read it again, make your change in that, and send its ETag"
        raise Problem(CONFLICT, detail, headers={"ETag": tag})


async def _chained(first: Step, steps: AsyncGenerator[Step]) -> AsyncGenerator[Step]:
    async with aclosing(steps):  # whoever stops listening ends the trial
        yield first
        async for step in steps:
            yield step


async def _events(first: Step, steps: AsyncGenerator[Step]) -> AsyncIterator[bytes]:
    """Yield server-sent events of a trial; what goes wrong on the way is one, too: the answer has begun."""
    try:
        async with aclosing(_chained(first, steps)) as each:
            async for step in each:
                if isinstance(step, Trial):
                    yield _event("result", _trial_out(step).model_dump_json().encode())
                else:
                    yield _event("progress", msgspec.json.encode({"done": round(step, 3)}))
    except PenfeldError as error:
        yield _event("problem", msgspec.json.encode({"detail": str(error)}))


def _event(kind: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), data)


def _rule_out(one: StoredRule) -> RuleOut:
    return RuleOut(
        name=one.rule.name,
        version=one.version,
        origin=one.origin,
        changed_at=one.changed_at,
        changed_by=one.changed_by,
        rule=plain(one.rule),
    )


def _trial_out(trial: Trial) -> TrialOut:
    names = TrialOut.model_fields.keys() - {"by_day", "found", "cut"}
    found, left = [], MAX_EPISODES
    for one in trial.found:
        if left <= 0:
            break
        found.append(_subject_out(one, left))
        left -= len(one.episodes)
    return TrialOut.model_validate(
        {
            **{name: getattr(trial, name) for name in names},
            "by_day": [DayOut(day=day, alarms=count) for day, count in trial.by_day],
            "found": found,
            "cut": sum(len(one.episodes) for one in trial.found) > MAX_EPISODES,
        }
    )


def _subject_out(one: SubjectEpisodes, most: int) -> SubjectEpisodesOut:
    episodes = [
        EpisodeOut(
            started_at=moment(episode.start_us),
            raised_at=moment(episode.raised_us),
            ended_at=None if episode.end_us is None else moment(episode.end_us),
            first_value=episode.first,
            last_value=episode.last,
        )
        for episode in one.episodes[:most]
    ]
    return SubjectEpisodesOut(subject=one.subject, episodes=episodes)
