"""Alarms: lists, one with all that happened to it, what people do about them, and annotations for Grafana."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.access.rights import needs
from api.alert_schemas import (
    AcknowledgedOut,
    AcknowledgeIn,
    AcknowledgeOneIn,
    AlarmDetail,
    AlarmOut,
    AlarmsOut,
    AnnotationOut,
    AssignIn,
    CommentIn,
)
from api.context import PREFIX, ContextDep
from api.language import LanguageDep
from api.openapi import problems
from api.parameters import (
    CursorQuery,
    DeviceTypeQuery,
    FromQuery,
    SimulatedQuery,
    ToQuery,
    UserDep,
    check_range,
    close_cursor,
    known_subject,
    known_type,
    next_link,
    number_in,
    simulated_filter,
)
from api.schemas import GrafanaTime, Word
from model.access import Permission
from model.alarm import Alarm, AlarmFilter, AlarmState
from model.device import Language, Text
from model.instants import EPOCH
from model.severity import Severity

router = APIRouter(prefix=PREFIX, tags=["alarms"])

MAX_ROWS = 1000
MAX_ANNOTATIONS = 1000
DEFAULT_RANGE = timedelta(days=1)
_COLON = Text(en=": ", fr="\u00a0: ")
_TAKEN = Text(en=" (acknowledged by {})", fr=" (pris en charge par {})")
AlarmPath = Annotated[int, Path(ge=1, le=2**63 - 1, description="Its `id` in the list.", examples=[17])]


async def _wanted(
    context: ContextDep,
    state: Annotated[list[AlarmState], Query(description="Only these states: repeat the parameter.")] = [],  # noqa: B006  FastAPI copies it
    severity: Annotated[list[Severity], Query(description="Only these severities: repeat the parameter.")] = [],  # noqa: B006
    rule: Annotated[Word | None, Query(description="Only alarms of this rule.")] = None,
    subject: Annotated[
        Word | None, Query(description="Only of this device (in any spelling), or `district:…`, `gateway:…` and so on.")
    ] = None,
    device_type: DeviceTypeQuery = None,
    district: Annotated[Word | None, Query(description="Only alarms of devices in this district.")] = None,
    acknowledged: Annotated[bool | None, Query(description="Whether somebody looks after them.")] = None,
    folded: Annotated[bool | None, Query(description="Whether another alarm explains them.")] = None,
    simulated: SimulatedQuery = "include",
) -> AlarmFilter:
    """Return which alarms are asked for, at any time."""
    if device_type is not None:
        known_type(context, device_type)
    return AlarmFilter(
        state=tuple(state),
        severity=tuple(severity),
        rule=rule,
        subject=None if subject is None else await known_subject(context, subject),
        device_type=device_type,
        district=district,
        acknowledged=acknowledged,
        folded=folded,
        simulated=simulated_filter(simulated),
    )


Wanted = Annotated[AlarmFilter, Depends(_wanted)]


@router.get("/alarms", summary="Alarms", response_model=AlarmsOut, responses=problems(404, 422, 503))
@needs(Permission.ALARMS)
async def alarms(
    request: Request,
    context: ContextDep,
    wanted: Wanted,
    start: FromQuery = None,
    end: ToQuery = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Alarms a page, at most {MAX_ROWS:,}.")] = 100,
    cursor: CursorQuery = None,
) -> Response:
    """Newest first. `from` and `to`: those that were open at any time in between, by event time.

    `folded=false` leaves out alarms that another one explains: the devices of a gateway that is gone, say.
    """
    check_range(start, end)
    chosen = replace(wanted, start=start, end=end)
    page = await context.alarms.page(chosen, limit=limit, before=number_in(cursor))
    following = None if page.next_before is None else close_cursor(str(page.next_before))
    body = {"items": page.alarms, "limit": limit, "next_cursor": following}
    return Response(msgspec.json.encode(body), 200, next_link(request, following), "application/json")


@router.get(
    "/alarms/annotations",
    summary="Alarms as Grafana's annotations",
    responses=problems(404, 422, 503),
)
@needs(Permission.ALARMS)
async def annotations(
    context: ContextDep,
    language: LanguageDep,
    wanted: Wanted,
    start: Annotated[
        GrafanaTime | None,
        Query(alias="from", description="ISO 8601, or milliseconds since 1970 (`${__from}`); none: a day before `to`."),
    ] = None,
    end: Annotated[
        GrafanaTime | None, Query(alias="to", description="ISO 8601, or milliseconds since 1970 (`${__to}`).")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ANNOTATIONS, description="The newest so many.")] = 500,
) -> list[AnnotationOut]:
    """One region for each alarm that was open in between: title, text and tags as Grafana draws them.

    Withdrawn alarms are left out unless `state` asks for them. In Grafana: a JSON or Infinity data source with this
    address, `from=${__from}&to=${__to}`.
    """
    until = end or context.clock()
    since = start or until - DEFAULT_RANGE
    check_range(since, until)
    state = wanted.state or (AlarmState.OPEN, AlarmState.CLEARED)
    chosen = replace(wanted, start=since, end=until, state=state)
    page = await context.alarms.page(chosen, limit=limit)
    titles = {one.rule.name: one.rule.title.get(language) for one in await context.rules.all()} if page.alarms else {}
    seen = min(until, context.clock())
    return [_annotation(alarm, titles.get(alarm.rule, alarm.rule), seen, language) for alarm in page.alarms]


@router.post("/alarms/acknowledge", summary="Acknowledge many alarms", responses=problems(404, 413, 422, 503))
@needs(Permission.ATTEND)
async def acknowledge_many(context: ContextDep, user: UserDep, asked: AcknowledgeIn) -> AcknowledgedOut:
    """Note that somebody looks after these alarms; if one of them does not exist, nothing is noted.

    Acknowledging again changes nothing. An acknowledged alarm is not escalated.
    """
    found = await context.alarms.acknowledge(
        list(dict.fromkeys(asked.ids)), context.doer(asked.who or user), asked.text
    )
    return AcknowledgedOut(items=[AlarmOut.model_validate(alarm) for alarm in found])


@router.get("/alarms/{alarm}", summary="One alarm", responses=problems(404, 422, 503))
@needs(Permission.ALARMS)
async def one_alarm(context: ContextDep, alarm: AlarmPath) -> AlarmDetail:
    """Tell an alarm with what happened to it and who was told."""
    found = await context.alarms.alarm(alarm)
    events = await context.alarms.events(alarm)
    told = await context.outbox.page(alarm=alarm, limit=100)
    known: dict[str, Any] = msgspec.structs.asdict(found)
    return AlarmDetail.model_validate({**known, "events": list(events), "notifications": list(told)})


@router.post("/alarms/{alarm}/acknowledge", summary="Acknowledge an alarm", responses=problems(404, 413, 422, 503))
@needs(Permission.ATTEND)
async def acknowledge(
    context: ContextDep, user: UserDep, alarm: AlarmPath, asked: AcknowledgeOneIn | None = None
) -> AlarmOut:
    """Note that somebody looks after it; acknowledging again changes nothing."""
    said = asked or AcknowledgeOneIn()
    (found,) = await context.alarms.acknowledge([alarm], context.doer(said.who or user), said.text)
    return AlarmOut.model_validate(found)


@router.post("/alarms/{alarm}/comment", summary="Comment on an alarm", responses=problems(404, 413, 422, 503))
@needs(Permission.ATTEND)
async def comment(context: ContextDep, user: UserDep, alarm: AlarmPath, asked: CommentIn) -> AlarmOut:
    """Note what somebody has to say about it; it is kept as text."""
    return AlarmOut.model_validate(await context.alarms.comment(alarm, context.doer(asked.who or user), asked.text))


@router.post("/alarms/{alarm}/assign", summary="Assign an alarm", responses=problems(404, 413, 422, 503))
@needs(Permission.ATTEND)
async def assign(context: ContextDep, user: UserDep, alarm: AlarmPath, asked: AssignIn) -> AlarmOut:
    """Note whose it is; `to` null: nobody's."""
    return AlarmOut.model_validate(await context.alarms.assign(alarm, context.doer(asked.who or user), asked.to))


def _annotation(alarm: Alarm, title: str, until: datetime, language: Language) -> AnnotationOut:
    end = alarm.ended_at or max(until, alarm.started_at)
    return AnnotationOut(
        id=alarm.id,
        time=_milliseconds(alarm.started_at),
        timeEnd=_milliseconds(end),
        title=title,
        text=_words(alarm, language),
        tags=_tags(alarm),
    )


def _words(alarm: Alarm, language: Language) -> str:
    value = "" if alarm.last_value is None else f"{_COLON.get(language)}{alarm.last_value}"
    who = "" if alarm.acknowledged_by is None else _TAKEN.get(language).format(alarm.acknowledged_by)
    return f"{alarm.subject}{value}{who}"


def _tags(alarm: Alarm) -> list[str]:
    named: Sequence[str | None] = (alarm.severity, alarm.state.value, alarm.rule, alarm.device_type, alarm.district)
    return [*(name for name in named if name), *(["simulated"] if alarm.simulated else [])]


def _milliseconds(when: datetime) -> int:
    return (when.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)
