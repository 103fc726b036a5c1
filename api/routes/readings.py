"""Readings: ranges of one device type, as pages of JSON or as streams of a whole range, and the newest values."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from api import caching
from api.access.rights import needs
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
from api.schemas import BucketsOut, LatestOut, Page, ReadingsOut, Word
from api.sums import MAX_LOOKED_AT, Aggregations, Buckets, Resolutions, numbers, thin
from model.access import Permission
from model.device import DeviceType, Field
from model.export import bucket_batch, schema
from model.ports import ArrowBatch
from model.resolution import Resolution

router = APIRouter(prefix=PREFIX, tags=["readings"])

MAX_ROWS = 10_000
MAX_POINTS = 10_000
_PAGE = 1000


Fields = Annotated[
    list[Word],
    Query(description="Fields to tell, separated by commas or repeated; none: all.", examples=["power_w"]),
]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which readings, and how they are to be told."""

    choice: Choice
    fields: Sequence[Field]
    named: bool
    start: datetime | None
    end: datetime | None
    simulated: bool | None
    format: Format
    units: bool


async def _asked(
    request: Request,
    context: ContextDep,
    choice: ChoiceDep,
    start: FromQuery = None,
    end: ToQuery = None,
    fields: Fields = [],  # noqa: B006  FastAPI copies it
    simulated: SimulatedQuery = "include",
    format: Annotated[  # noqa: A002  the name of the parameter in the address
        Format | None, Query(description="Wins over the `Accept` header.")
    ] = None,
    header: Annotated[
        Literal["names", "units"], Query(description="CSV: one header row of names, or a second one of UCUM units.")
    ] = "names",
) -> _Asked:
    del context
    check_range(start, end)
    chosen = format or accepted(request.headers.get("accept", "*/*"))
    columns = _fields(choice.device_type, fields)
    return _Asked(
        choice, columns, bool(fields), start, end, simulated_filter(simulated), chosen, units=header == "units"
    )


@router.get(
    "/readings",
    summary="Readings of one device type",
    response_model=ReadingsOut | BucketsOut,
    responses={200: described(), 304: caching.NOT_MODIFIED, **problems(404, 406, 422, 503)},
)
@needs(Permission.DATA)
async def readings(
    request: Request,
    context: ContextDep,
    asked: Annotated[_Asked, Depends(_asked)],
    limit: Annotated[
        int | None,
        Query(ge=1, le=MAX_ROWS, description=f"Rows a page, at most {MAX_ROWS:,}; JSON has {_PAGE:,} by itself."),
    ] = None,
    cursor: CursorQuery = None,
    order: Annotated[
        Literal["asc", "desc"], Query(description="By time: `asc` oldest first, `desc` newest first; raw pages only.")
    ] = "asc",
    resolution: Annotated[
        Resolutions, Query(description="Readings as they are, or summed up: by local day with `1d` or `day`.")
    ] = "raw",
    aggregation: Annotated[
        Aggregations | None,
        Query(description="What becomes of the values in a bucket (`mean` by itself); `lttb` thins out raw readings."),
    ] = None,
    points: Annotated[
        int, Query(ge=3, le=MAX_POINTS, description="How many readings of each device and field `lttb` keeps.")
    ] = 500,
) -> Response:
    """Tell the readings of a device type, or of devices of one type, with from <= time < to.

    Name a `device_type`, or devices (their type is known), or say which by `district`, `experiment` or `tag`. All
    times are UTC. Simulated rows are marked.

    JSON comes in pages: follow `next_cursor`; what is written meanwhile neither doubles nor hides a row. CSV, NDJSON,
    Parquet and Arrow (an IPC stream) come as one stream of the whole range, of any size, in order of time, then device;
    CSV is a page where a `limit` or `cursor` is given. CSV is UTF-8 with commas, empty where nothing is known; flags
    are separated by blanks. Pages have an `ETag`; how long one may be kept depends on whether the range is over.

    With a `resolution` each row is a bucket of one device (needs `from`). `aggregation=lttb` keeps those readings that
    a drawing of so many `points` needs, as they are; it has no pages.
    """
    _check_pages(asked, aggregation, resolution, paged=limit is not None or cursor is not None, newest=order == "desc")
    if aggregation == "lttb":
        return await _thin(context, asked, points)
    if resolution != "raw":
        return await _summed(request, context, _buckets(context, asked, resolution, aggregation), asked, limit, cursor)
    paged = limit is not None or cursor is not None or order == "desc"
    if asked.format != "json" and not paged:
        columns = schema(asked.choice.device_type, asked.fields)
        return await _stream(context, asked, _raw(context, asked, context.config.max_exported), columns)
    page = await context.queries.readings(
        asked.choice.device_type,
        devices=asked.choice.named,
        start=asked.start,
        end=asked.end,
        fields=[field.name for field in asked.fields],
        limit=limit or _PAGE,
        cursor=cursor,
        newest_first=order == "desc",
        simulated=asked.simulated,
    )
    if asked.format == "csv":
        body = csv_page(page, asked.fields, units=asked.units)
    else:
        body = _json_page(asked.choice.device_type, asked.fields, page.rows, limit or _PAGE, page.next_cursor)
    return _page(request, context, asked, body, page.next_cursor)


def _check_pages(
    asked: _Asked, aggregation: Aggregations | None, resolution: Resolutions, *, paged: bool, newest: bool
) -> None:
    """Raise a problem for what does not go together."""
    if aggregation == "lttb" and resolution != "raw":
        raise Problem(
            INVALID, "lttb thins out readings as they are: leave out resolution, or choose another aggregation"
        )
    if aggregation not in {None, "lttb"} and resolution == "raw":
        raise Problem(INVALID, f"{aggregation} is of buckets of time: add a resolution such as resolution=1h")
    if aggregation == "lttb" and (paged or newest):
        raise Problem(INVALID, "what lttb keeps has no pages: leave out limit, cursor and order")
    if resolution != "raw" and newest:
        raise Problem(INVALID, "buckets come oldest first: leave out order")
    if asked.format not in {"json", "csv"} and (paged or newest):
        raise Problem(INVALID, f"{asked.format} is a stream of the whole range: leave out limit, cursor and order")


def _buckets(context: Context, asked: _Asked, resolution: Resolutions, aggregation: Aggregations | None) -> Buckets:
    if asked.start is None:
        raise Problem(INVALID, "a resolution needs a range: add from, and to if it is not now")
    how = aggregation if aggregation is not None and aggregation != "lttb" else "mean"
    return Buckets(
        asked.choice,
        numbers(asked.choice, asked.fields, asked=asked.named),
        asked.start,
        asked.end or context.clock(),
        Resolution.DAY if resolution == "day" else Resolution(resolution),
        how,
        asked.simulated,
    )


async def _summed(
    request: Request, context: Context, buckets: Buckets, asked: _Asked, limit: int | None, cursor: str | None
) -> Response:
    """Tell buckets: a page of JSON or CSV, or a stream of all."""
    paged = asked.format == "json" or (asked.format == "csv" and (limit is not None or cursor is not None))
    if not paged:
        return await _stream(context, asked, buckets.batches(context), buckets.schema)
    page = await buckets.page(context, limit or _PAGE, cursor)
    if asked.format == "json":
        return _page(request, context, asked, buckets.json(page, limit or _PAGE), page.next_cursor)
    writer = encoder("csv", buckets.schema, units=asked.units)
    body = writer.encode(bucket_batch(buckets.schema, page.rows)) + writer.end()
    return _page(request, context, asked, body, page.next_cursor)


def _page(request: Request, context: Context, asked: _Asked, body: bytes, following: str | None) -> Response:
    """Return a page of JSON or CSV, with its tag and where the next one is."""
    headers = {**next_link(request, following), "Vary": "Accept"}
    media = MEDIA_TYPES[asked.format]
    if asked.format == "csv":
        headers |= headers_of("csv", asked.choice.device_type.name)
        media += "; charset=utf-8"
    return caching.answer(request, body, headers, media, end=asked.end, now=context.clock())


def _json_page(
    device_type: DeviceType, columns: Sequence[Field], rows: object, limit: int, following: str | None
) -> bytes:
    return msgspec.json.encode(
        {
            "device_type": device_type.name,
            "units": {field.name: field.unit for field in columns},
            "items": rows,
            "limit": limit,
            "next_cursor": following,
        }
    )


async def _thin(context: Context, asked: _Asked, points: int) -> Response:
    """Tell the readings that a drawing needs."""
    of = numbers(asked.choice, asked.fields, asked=asked.named)
    batches = thin(_raw(context, asked, MAX_LOOKED_AT), of, points)
    columns = schema(asked.choice.device_type, asked.fields)
    if asked.format != "json":
        return await _stream(context, asked, batches, columns)
    writer = encoder("ndjson", columns, units=False)
    lines = b"".join([data async for data in encoded(batches, writer)]).splitlines()
    rows = [msgspec.Raw(line) for line in lines]
    return Response(
        _json_page(asked.choice.device_type, asked.fields, rows, len(rows), None),
        headers={"Vary": "Accept", "Cache-Control": caching.policy(asked.end, context.clock())},
        media_type="application/json",
    )


def _raw(context: Context, asked: _Asked, most: int) -> AsyncIterator[ArrowBatch]:
    """Return the readings; raise a problem for a range in which more than ``most`` are to be expected."""
    choice, period = asked.choice, asked.choice.device_type.period
    if choice.devices is not None and asked.start is not None:
        span = max((asked.end or context.clock()) - asked.start, timedelta(0))
        expected = len(choice.devices) * (span / period)
        if expected > most:
            raise Problem(
                INVALID,
                f"{len(choice.devices):,} devices would send about {expected:,.0f} readings in this range, more than"
                f" the {most:,} of one answer: ask for a shorter range, fewer devices or a resolution",
            )
    return context.exports.batches(
        choice.device_type,
        devices=choice.devices,
        start=asked.start,
        end=asked.end,
        fields=[field.name for field in asked.fields],
        simulated=asked.simulated,
    )


async def _stream(context: Context, asked: _Asked, batches: AsyncIterator[ArrowBatch], columns: Any) -> Response:  # noqa: ANN401  pyarrow tells no types
    """Return a stream of all these rows, once the first are there."""
    if context.streams.full:
        detail = f"{context.config.max_exports} streams of readings are under way already; try again later"
        raise Problem(UNAVAILABLE, detail, headers={"Retry-After": "30"})
    body = encoded(await begun(batches), encoder(asked.format, columns, units=asked.units))
    media = MEDIA_TYPES[asked.format]
    return StreamingResponse(
        context.streams.counted(body),
        media_type=f"{media}; charset=utf-8" if asked.format == "csv" else media,
        headers={
            **headers_of(asked.format, asked.choice.device_type.name),
            "Vary": "Accept",
            "Cache-Control": caching.policy(asked.end, context.clock()),
        },
    )


@router.get(
    "/latest",
    summary="Newest value of each field of each device",
    response_model=Page[LatestOut],
    responses=problems(404, 422, 503),
)
@needs(Permission.DATA)
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
