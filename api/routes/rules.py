"""Alert rules: those that there are, saving one, and trying one on the past."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import StreamingResponse

from api.alert_schemas import AuditOut, CheckOut, RuleIn, StoredRuleOut, TestIn, TrialOut, Who
from api.context import PREFIX, Context, ContextDep
from api.errors import INVALID, Problem
from api.openapi import problems
from api.parameters import check_range
from api.schemas import Word
from model.alarm import Episode, StoredRule
from model.errors import PenfeldError
from model.instants import moment
from model.rule import Rule, plain, rule_of
from model.rule_text import expanded, said
from model.trial import Trial

router = APIRouter(prefix=PREFIX, tags=["alerts"])

NamePath = Annotated[Word, Path(description="A rule's name; it may hold `/`.", examples=["lamp/hot"])]
WhoQuery = Annotated[Who, Query(description="Who does it; written down as it is said.")]
LONGEST = timedelta(days=400)


@router.get("/rules", summary="Alert rules", responses=problems(503))
async def rules(context: ContextDep) -> list[StoredRuleOut]:
    """List all of them, in order of their names: of one name, a saved one in place of the device file's."""
    return [_told(one) for one in await context.rules.all()]


@router.post("/rules/check", summary="Would this rule work?", responses=problems(413, 422, 503))
async def check(context: ContextDep, rule: RuleIn) -> CheckOut:
    """Tell what keeps it from working, each with what to change; nothing is stored."""
    read = _read(rule)
    return CheckOut(problems=list(await context.rules.problems(read)), notes=list(await context.rules.notes(read)))


@router.post(
    "/rules/test",
    summary="Try a rule on the past",
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "model": TrialOut},
        **problems(413, 422, 503),
    },
)
async def try_out(
    context: ContextDep,
    asked: TestIn,
    accept: Annotated[Word | None, Header(description="`text/event-stream`: tell the progress, too.")] = None,
) -> Response:
    """Run the rule over what is stored, as it would have run; nothing is stored and nobody is told.

    As an event stream: `event: progress` with the share done (0 to 1), at last `event: trial` with the answer, or
    `event: problem` with what is wrong.
    """
    check_range(asked.start, asked.end)
    if asked.end - asked.start > LONGEST:
        raise Problem(INVALID, f"from … to: a rule is tried on {LONGEST.days} days at most")
    rule = _read(asked.rule)
    if accept is not None and "text/event-stream" in accept:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_progress(context, rule, asked), media_type="text/event-stream", headers=headers)
    found = await context.rules.test(rule, asked.start, asked.end)
    return Response(_trial(found).model_dump_json(), media_type="application/json")


@router.get("/rules/{name:path}/history", summary="Who changed a rule", responses=problems(404, 422, 503))
async def history(context: ContextDep, name: NamePath) -> list[AuditOut]:
    """List the newest first."""
    return [AuditOut.model_validate(one) for one in await context.rules.audit(name)]


@router.get("/rules/{name:path}", summary="One rule", responses=problems(404, 422, 503))
async def rule_of_name(context: ContextDep, response: Response, name: NamePath) -> StoredRuleOut:
    """Tell a rule; its ETag is the version to give as `If-Match` when it is changed."""
    found = await context.rules.rule(name)
    response.headers["ETag"] = f'"{found.version}"'
    return _told(found)


@router.put("/rules/{name:path}", summary="Save a rule", responses=problems(404, 409, 413, 422, 503))
async def save(
    context: ContextDep,
    response: Response,
    name: NamePath,
    rule: RuleIn,
    who: WhoQuery = "api",
    if_match: Annotated[Word | None, Header(description="The version that was changed, from its ETag.")] = None,
) -> StoredRuleOut:
    """Store a rule that works; one that does not is refused with what to change.

    With `If-Match`, a rule that somebody else changed meanwhile is left alone (409).
    """
    read = _read({**rule, "name": rule.get("name", name)})
    if read.name != name:
        raise Problem(INVALID, f"name: the rule says {read.name!r}, the address {name!r}: write the same")
    version = None if if_match is None else if_match.strip().strip('"')
    stored = await context.rules.save(read, who=who, origin="console", version=version)
    response.headers["ETag"] = f'"{stored.version}"'
    return _told(stored)


@router.delete("/rules/{name:path}", summary="Remove a rule", status_code=204, responses=problems(404, 422, 503))
async def remove(context: ContextDep, name: NamePath, who: WhoQuery = "api") -> None:
    """Remove it; its open alarms end. One that took the place of a device file's gives that back."""
    await context.rules.remove(name, who)


def _read(rule: dict[str, Any]) -> Rule:
    """Return the rule that a body says; raise a problem that names the place."""
    try:
        return rule_of(expanded(rule))
    except msgspec.ValidationError as error:
        raise Problem(INVALID, said(error)) from None
    except RecursionError:
        raise Problem(INVALID, "when: conditions stand too deep in one another: eight deep at most") from None


def _told(one: StoredRule) -> StoredRuleOut:
    return StoredRuleOut(
        rule=plain(one.rule),
        version=one.version,
        origin=one.origin,
        changed_at=one.changed_at,
        changed_by=one.changed_by,
    )


def _trial(found: Trial) -> TrialOut:
    return TrialOut.model_validate(
        {
            "start": found.start,
            "end": found.end,
            "readings": found.readings,
            "subjects": found.subjects,
            "alarms": found.alarms,
            "open": found.open,
            "raised_s": found.raised_s,
            "longest_s": found.longest_s,
            "by_hour": list(found.by_hour),
            "by_day": list(found.by_day),
            "found": [
                {"subject": one.subject, "episodes": [_episode(each) for each in one.episodes]} for one in found.found
            ],
            "alternatives": list(found.alternatives),
            "simulated": found.simulated,
        }
    )


def _episode(one: Episode) -> dict[str, object]:
    return {
        "start": moment(max(one.start_us, 0)),
        "raised": moment(one.raised_us),
        "end": None if one.end_us is None else moment(one.end_us),
        "first": one.first,
    }


async def _progress(context: Context, rule: Rule, asked: TestIn) -> AsyncIterator[bytes]:
    """Yield how far it is, then the answer."""
    shares: asyncio.Queue[float] = asyncio.Queue()
    work = asyncio.ensure_future(context.rules.test(rule, asked.start, asked.end, shares.put_nowait))
    try:
        while not work.done():
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    yield b"event: progress\ndata: %.3f\n\n" % await shares.get()
        try:
            yield b"event: trial\ndata: %s\n\n" % _trial(await work).model_dump_json().encode()
        except PenfeldError as error:
            yield b"event: problem\ndata: %s\n\n" % msgspec.json.encode({"detail": str(error)})
    finally:
        work.cancel()
