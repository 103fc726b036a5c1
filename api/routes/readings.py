"""Readings: ranges of one device type, as pages of JSON or as streams of a whole range, and the newest values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from api import caching
from api.choice import Choice, ChoiceDep
from api.context import PREFIX, Context, ContextDep
from api.errors import INVALID, UNAVAILABLE, Problem, unknown
from api.formats import MEDIA_TYPES, Format, accepted, begun, csv_page, described, encoded, encoder, headers_of
from api.openapi import problems
from api.parameters import (
    CursorQuery,
    DevicesQuery,
    DeviceTypeQuery,
    FromQuery,
    SimulatedQuery,
    ToQuery,
    check_range,
    known_device,
    known_type,
    next_link,
    page_of,
    simulated_filter,
)
from api.schemas import LatestOut, Page, ReadingsOut, Word
from model.device import DeviceType, Field
from model.export import schema
from model.views import ReadingPage

router = APIRouter(prefix=PREFIX, tags=["readings"])

MAX_ROWS = 10_000
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class _Span:
    """Which readings: from when to when, and of which mark."""

    start: datetime | None
    end: datetime | None
    simulated: bool | None


@router.get(
    "/readings",
    summary="Readings of one device type",
    response_model=ReadingsOut,
    responses={200: described(), 304: caching.NOT_MODIFIED, **problems(404, 406, 422, 503)},
)
async def readings(  # noqa: PLR0913, PLR0917  the parameters of the query, which are its documentation
    request: Request,
    context: ContextDep,
    choice: ChoiceDep,
    start: FromQuery = None,
    end: ToQuery = None,
    fields: Annotated[
        list[Word],
        Query(description="Fields to tell, separated by commas or repeated; none: all.", examples=["power_w"]),
    ] = [],  # noqa: B006  FastAPI copies it
    limit: Annotated[
        int | None,
        Query(ge=1, le=MAX_ROWS, description=f"Rows a page, at most {MAX_ROWS:,}; JSON has {_PAGE:,} by itself."),
    ] = None,
    cursor: CursorQuery = None,
    order: Annotated[
        Literal["asc", "desc"], Query(description="By time: `asc` oldest first, `desc` newest first; pages only.")
    ] = "asc",
    simulated: SimulatedQuery = "include",
    format: Annotated[  # noqa: A002  the name of the parameter in the address
        Format | None, Query(description="Wins over the `Accept` header.")
    ] = None,
    header: Annotated[
        Literal["names", "units"], Query(description="CSV: one header row of names, or a second one of UCUM units.")
    ] = "names",
) -> Response:
    """Tell the readings of a device type, or of devices of one type, with from <= time < to.

    Name a `device_type`, or devices (their type is known), or say which by `district`, `experiment` or `tag`. All
    times are UTC. Simulated rows are marked.

    JSON comes in pages: follow `next_cursor`; what is written meanwhile neither doubles nor hides a row. CSV, NDJSON,
    Parquet and Arrow (an IPC stream) come as one stream of the whole range, of any size, in order of time, then device;
    CSV is a page where a `limit` or `cursor` is given. CSV is UTF-8 with commas, empty where nothing is known; flags
    are separated by blanks. Pages have an `ETag`; how long one may be kept depends on whether the range is over.
    """
    check_range(start, end)
    chosen = format or accepted(request.headers.get("accept", "*/*"))
    columns = _fields(choice.device_type, fields)
    paged = chosen == "json" or (chosen == "csv" and (limit is not None or cursor is not None or order == "desc"))
    if not paged:
        if limit is not None or cursor is not None or order == "desc":
            raise Problem(INVALID, f"{chosen} is a stream of the whole range: leave out limit, cursor and order")
        return await _stream(
            context, choice, columns, chosen, _Span(start, end, simulated_filter(simulated)), units=header == "units"
        )
    limit = limit or _PAGE
    page = await context.queries.readings(
        choice.device_type,
        devices=choice.named,
        start=start,
        end=end,
        fields=[field.name for field in columns],
        limit=limit,
        cursor=cursor,
        newest_first=order == "desc",
        simulated=simulated_filter(simulated),
    )
    headers = {**next_link(request, page.next_cursor), "Vary": "Accept"}
    if chosen == "csv":
        headers["Content-Disposition"] = f'inline; filename="{choice.device_type.name}.csv"'
        body = csv_page(page, columns, units=header == "units")
        return caching.answer(request, body, headers, "text/csv; charset=utf-8", end=end, now=context.clock())
    body = _json_page(choice.device_type, columns, page, limit)
    return caching.answer(request, body, headers, "application/json", end=end, now=context.clock())


def _json_page(device_type: DeviceType, columns: Sequence[Field], page: ReadingPage, limit: int) -> bytes:
    return msgspec.json.encode(
        {
            "device_type": device_type.name,
            "units": {field.name: field.unit for field in columns},
            "items": page.rows,
            "limit": limit,
            "next_cursor": page.next_cursor,
        }
    )


async def _stream(
    context: Context,
    choice: Choice,
    columns: Sequence[Field],
    chosen: Format,
    span: _Span,
    *,
    units: bool,
) -> Response:
    _check_size(context, choice, span.start, span.end)
    if context.streams.full:
        detail = f"{context.config.max_exports} streams of readings are under way already; try again later"
        raise Problem(UNAVAILABLE, detail, headers={"Retry-After": "30"})
    batches = context.exports.batches(
        choice.device_type,
        devices=choice.devices,
        start=span.start,
        end=span.end,
        fields=[field.name for field in columns],
        simulated=span.simulated,
    )
    ready = await begun(batches)
    body = encoded(ready, encoder(chosen, schema(choice.device_type, columns), units=units))
    media = MEDIA_TYPES[chosen]
    return StreamingResponse(
        context.streams.counted(body),
        media_type=f"{media}; charset=utf-8" if chosen == "csv" else media,
        headers={
            **headers_of(chosen, choice.device_type.name),
            "Vary": "Accept",
            "Cache-Control": caching.policy(span.end, context.clock()),
        },
    )


def _check_size(context: Context, choice: Choice, start: datetime | None, end: datetime | None) -> None:
    """Raise a problem for a range in which more readings are to be expected than one stream gives."""
    if choice.devices is None or start is None:
        return
    most, period = context.config.max_exported, choice.device_type.period
    span = max((end or context.clock()) - start, timedelta(0))
    expected = len(choice.devices) * (span / period)
    if expected > most:
        raise Problem(
            INVALID,
            f"{len(choice.devices):,} devices would send about {expected:,.0f} readings in this range, more than the"
            f" {most:,} of one stream: ask for a shorter range, fewer devices or a resolution",
        )


@router.get(
    "/latest",
    summary="Newest value of each field of each device",
    response_model=Page[LatestOut],
    responses=problems(404, 422, 503),
)
async def latest(
    request: Request,
    context: ContextDep,
    device_type: DeviceTypeQuery = None,
    device: DevicesQuery = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Devices a page, at most {MAX_ROWS:,}.")] = 1000,
    cursor: CursorQuery = None,
) -> Response:
    """Each active device with the newest value of each of its fields, by event time, and the time each value is from.

    A late or repeated old frame never replaces a newer value.
    """
    if device_type is not None:
        known_type(context, device_type)
    devices = [(await known_device(context, one)).id for one in device]
    rows = sorted(await context.queries.latest(device_type=device_type, devices=devices), key=lambda row: row.device.id)
    page, following = page_of(rows, lambda row: row.device.id, limit=limit, cursor=cursor)
    body = {"items": page, "limit": limit, "next_cursor": following}
    return Response(msgspec.json.encode(body), 200, next_link(request, following), "application/json")


def _fields(device_type: DeviceType, asked: Sequence[str]) -> Sequence[Field]:
    """Return the fields asked for, in that order, each once; all where none is."""
    names = [name.strip() for part in asked for name in part.split(",") if name.strip()]
    if not names:
        return device_type.fields
    known = {field.name: field for field in device_type.fields}
    for name in names:
        if name not in known:
            raise unknown(f"field of {device_type.name}", name, known)
    return [known[name] for name in dict.fromkeys(names)]
