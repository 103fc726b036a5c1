"""Alarms, what people do about them, silences, and the ways to tell people."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.alert_schemas import (
    AcknowledgeIn,
    AlarmDetailOut,
    AlarmEventOut,
    AlarmOut,
    AnnotationOut,
    AssignIn,
    ChannelOut,
    CommentIn,
    NotificationOut,
    RemarkIn,
    Severity,
    SilenceIn,
    SilenceOut,
    Who,
)
from api.context import PREFIX, Context, ContextDep
from api.errors import INVALID, Problem
from api.openapi import problems
from api.parameters import (
    CursorQuery,
    FromQuery,
    SimulatedQuery,
    ToQuery,
    check_range,
    close_cursor,
    next_link,
    open_cursor,
    simulated_filter,
)
from api.schemas import Page, Word
from model.alarm import AlarmFilter, AlarmState, Silence
from model.errors import NotFoundError
from model.notification import NotificationState

router = APIRouter(prefix=PREFIX, tags=["alerts"])

MAX_ROWS = 1000
AlarmPath = Annotated[int, Path(ge=1, le=2**63 - 1, description="Its `id` in the list.")]
SilencePath = Annotated[int, Path(ge=1, le=2**63 - 1, description="Its `id` in the list.")]
ChannelPath = Annotated[Word, Path(description="Name of a channel.", examples=["ops-mail"])]


async def _wanted(  # noqa: PLR0913, PLR0917 -- each is a parameter of the address
    state: Annotated[list[AlarmState], Query(description="In one of these states.")] = [],  # noqa: B006
    severity: Annotated[list[Severity], Query(description="Of one of these.")] = [],  # noqa: B006
    rule: Annotated[Word | None, Query(description="Of this rule.")] = None,
    subject: Annotated[Word | None, Query(description="Of this subject: a device's id, `gateway:…` and so on.")] = None,
    device_type: Annotated[Word | None, Query(description="Of devices of this type.")] = None,
    district: Annotated[Word | None, Query(description="Of devices of this district.")] = None,
    acknowledged: Annotated[bool | None, Query(description="Whether somebody looks after them.")] = None,
    folded: Annotated[bool | None, Query(description="Whether another alarm explains them.")] = None,
    simulated: SimulatedQuery = "include",
    start: FromQuery = None,
    end: ToQuery = None,
) -> AlarmFilter:
    """Return which alarms are asked for: open at any time from `from` to `to`."""
    check_range(start, end)
    return AlarmFilter(
        state=tuple(state),
        severity=tuple(severity),
        rule=rule,
        subject=subject,
        device_type=device_type,
        district=district,
        acknowledged=acknowledged,
        folded=folded,
        simulated=simulated_filter(simulated),
        start=start,
        end=end,
    )


Wanted = Annotated[AlarmFilter, Depends(_wanted)]
LimitQuery = Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Items a page, at most {MAX_ROWS:,}.")]


@router.get("/alarms", summary="Alarms", responses=problems(422, 503))
async def alarms(
    request: Request,
    response: Response,
    context: ContextDep,
    wanted: Wanted,
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
) -> Page[AlarmOut]:
    """List those that opened last first. Without filters: all, also those that are over."""
    page = await context.alarms.page(wanted, limit=limit, before=_position(cursor))
    following = None if page.next_before is None else close_cursor(str(page.next_before))
    response.headers.update(next_link(request, following))
    return Page(items=[AlarmOut.model_validate(one) for one in page.alarms], limit=limit, next_cursor=following)


@router.get("/alarms/annotations", summary="Alarms as Grafana's annotations", responses=problems(422, 503))
async def annotations(context: ContextDep, wanted: Wanted, limit: LimitQuery = 1000) -> list[AnnotationOut]:
    """Give a region each, from when it was raised to its end (to now, while it is open); none of withdrawn ones."""
    page = await context.alarms.page(wanted, limit=limit)
    titles = {one.rule.name: one.rule.title.en for one in await context.rules.all()}
    now = context.clock()
    return [
        AnnotationOut(
            time=_ms(one.raised_at),
            timeEnd=_ms(one.ended_at or now),
            title=titles.get(one.rule, one.rule),
            text=one.subject,
            tags=[one.severity, one.rule, one.state],
        )
        for one in page.alarms
        if one.state is not AlarmState.WITHDRAWN
    ]


@router.post("/alarms/acknowledge", summary="Look after alarms", responses=problems(404, 413, 422, 503))
async def acknowledge(context: ContextDep, asked: AcknowledgeIn) -> list[AlarmOut]:
    """Acknowledge several at once; those that are acknowledged already stay as they are. Escalation ends with it."""
    done = await context.alarms.acknowledge(asked.ids, asked.who, asked.text)
    return [AlarmOut.model_validate(one) for one in done]


@router.get("/alarms/{alarm}", summary="One alarm with its history", responses=problems(404, 422, 503))
async def alarm_of(context: ContextDep, alarm: AlarmPath) -> AlarmDetailOut:
    """Tell the alarm, what happened to it, and the messages about it."""
    found = await context.alarms.alarm(alarm)
    events = [AlarmEventOut.model_validate(one) for one in await context.alarms.events(alarm)]
    lines = [NotificationOut.model_validate(one) for one in await context.outbox.page(alarm=alarm, limit=MAX_ROWS)]
    return AlarmDetailOut.model_validate({**msgspec.structs.asdict(found), "events": events, "notifications": lines})


@router.post("/alarms/{alarm}/acknowledge", summary="Look after an alarm", responses=problems(404, 413, 422, 503))
async def acknowledge_one(context: ContextDep, alarm: AlarmPath, asked: RemarkIn) -> AlarmOut:
    """Acknowledge one; doing so again changes nothing."""
    [done] = await context.alarms.acknowledge([alarm], asked.who, asked.text)
    return AlarmOut.model_validate(done)


@router.post("/alarms/{alarm}/comment", summary="Say something of an alarm", responses=problems(404, 413, 422, 503))
async def comment(context: ContextDep, alarm: AlarmPath, asked: CommentIn) -> AlarmOut:
    """Add a remark; it is shown as text."""
    return AlarmOut.model_validate(await context.alarms.comment(alarm, asked.who, asked.text))


@router.post("/alarms/{alarm}/assign", summary="Give an alarm to somebody", responses=problems(404, 413, 422, 503))
async def assign(context: ContextDep, alarm: AlarmPath, asked: AssignIn) -> AlarmOut:
    """Say whose it is."""
    return AlarmOut.model_validate(await context.alarms.assign(alarm, asked.who, asked.to))


@router.get("/silences", summary="Silences", responses=problems(422, 503))
async def silences(
    context: ContextDep,
    ended: Annotated[bool, Query(description="Those that are over, too.")] = False,  # noqa: FBT002 -- a parameter
) -> list[SilenceOut]:
    """List the newest first."""
    return [SilenceOut.model_validate(one) for one in await context.alarms.silences(ended=ended)]


@router.post("/silences", summary="Tell nobody for a while", status_code=201, responses=problems(413, 422, 503))
async def silence(context: ContextDep, asked: SilenceIn) -> SilenceOut:
    """Alarms that fit are recorded as ever; what is open still at its end is told then."""
    values = asked.model_dump()
    wanted = Silence(**{**values, "starts_at": values["starts_at"] or context.clock()})
    return SilenceOut.model_validate(await context.alarms.silence(wanted))


@router.delete("/silences/{silence_id}", summary="End a silence", status_code=204, responses=problems(404, 422, 503))
async def unsilence(
    context: ContextDep, silence_id: SilencePath, who: Annotated[Who, Query(description="Who ends it.")] = "api"
) -> None:
    """End it now; it stays in the list of those that are over."""
    await context.alarms.unsilence(silence_id, who)


@router.get("/channels", summary="Ways to tell people", responses=problems(503))
async def channels(context: ContextDep) -> list[ChannelOut]:
    """List those of penfeld.toml, with why the last message of each did not go."""
    return [ChannelOut.model_validate(one) for one in context.channels.channels()]


@router.post("/channels/{channel}/test", summary="Try a channel", status_code=202, responses=problems(404, 422, 503))
async def try_channel(
    context: ContextDep, channel: ChannelPath, who: Annotated[Who, Query(description="Who tries it.")] = "api"
) -> NotificationOut:
    """Send a test message at once; `/notifications` tells what became of it."""
    _known(context, channel)
    return NotificationOut.model_validate(await context.outbox.test(channel, who, context.clock()))


@router.get("/notifications", summary="Messages to people", responses=problems(422, 503))
async def notifications(
    request: Request,
    response: Response,
    context: ContextDep,
    state: Annotated[NotificationState | None, Query(description="In this state.")] = None,
    alarm: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="About this alarm.")] = None,
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
) -> Page[NotificationOut]:
    """List the newest first."""
    found = await context.outbox.page(state=state, alarm=alarm, limit=limit + 1, before=_position(cursor))
    following = close_cursor(str(found[limit - 1].id)) if len(found) > limit else None
    response.headers.update(next_link(request, following))
    items = [NotificationOut.model_validate(one) for one in found[:limit]]
    return Page(items=items, limit=limit, next_cursor=following)


def _position(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    position = open_cursor(cursor)
    if not position.isdecimal() or len(position) > 18:  # noqa: PLR2004 -- more digits than ids have
        raise Problem(INVALID, "the cursor is none of ours; take next_cursor from the page before")
    return int(position)


def _ms(when: datetime) -> int:
    return int(when.astimezone(UTC).timestamp() * 1000)


def _known(context: Context, channel: str) -> None:
    names = [one.name for one in context.channels.channels()]
    if channel not in names:
        listed = ", ".join(names) or "none: add a [[channel]] to penfeld.toml"
        raise NotFoundError(f"there is no channel {channel!r}; there are {listed}")
