"""Readings: ranges of one device type as JSON or CSV, and the newest values."""

import csv
import io
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response

from api.context import PREFIX, Context, ContextDep
from api.errors import INVALID, NOT_ACCEPTABLE, Problem, unknown
from api.language import quality_of
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
    known_devices,
    known_type,
    next_link,
    page_of,
    simulated_filter,
)
from api.schemas import LatestOut, Page, ReadingsOut, Word
from model.device import Device, DeviceType, Field
from model.errors import BadRequestError
from model.uplink import Value
from model.views import ReadingPage

router = APIRouter(prefix=PREFIX, tags=["readings"])

MAX_ROWS = 10_000
FORMATS = {"json": "application/json", "csv": "text/csv"}

Format = Literal["json", "csv"]
_CSV = {
    "content": {
        "text/csv": {
            "schema": {"type": "string"},
            "example": "device,time,received_at,power_w,flags,simulated,version\n",
        }
    }
}


@router.get(
    "/readings",
    summary="Readings of one device type",
    response_model=ReadingsOut,
    responses={200: _CSV, **problems(404, 406, 422, 503)},
)
async def readings(  # noqa: PLR0913, PLR0917  the parameters of the query, which are its documentation
    request: Request,
    context: ContextDep,
    device_type: DeviceTypeQuery = None,
    device: DevicesQuery = [],  # noqa: B006  FastAPI copies it
    start: FromQuery = None,
    end: ToQuery = None,
    fields: Annotated[
        list[Word],
        Query(description="Fields to tell, separated by commas or repeated; none: all.", examples=["power_w"]),
    ] = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Rows a page, at most {MAX_ROWS:,}.")] = 1000,
    cursor: CursorQuery = None,
    order: Annotated[
        Literal["asc", "desc"], Query(description="By time: `asc` oldest first, `desc` newest first.")
    ] = "asc",
    simulated: SimulatedQuery = "include",
    format: Annotated[  # noqa: A002  the name of the parameter in the address
        Format | None, Query(description="`json` or `csv`; wins over the `Accept` header.")
    ] = None,
    header: Annotated[
        Literal["names", "units"], Query(description="CSV: one header row of names, or a second one of UCUM units.")
    ] = "names",
) -> Response:
    """Tell the readings of a device type, or of devices of one type, with from <= time < to.

    Name a `device_type`, or devices (their type is known). All times are UTC. Simulated rows are marked. CSV is UTF-8
    with commas, empty where nothing is known; flags are separated by blanks.
    """
    check_range(start, end)
    chosen = format or _accepted(request.headers.get("accept", "*/*"))
    found, devices = await _choice(context, device_type, device)
    columns = _fields(found, fields)
    page = await context.queries.readings(
        found,
        devices=[one.id for one in devices],
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
        headers["Content-Disposition"] = f'inline; filename="{found.name}.csv"'
        return Response(_csv(page, columns, units=header == "units"), 200, headers, "text/csv; charset=utf-8")
    body = {
        "device_type": found.name,
        "units": {field.name: field.unit for field in columns},
        "items": page.rows,
        "limit": limit,
        "next_cursor": page.next_cursor,
    }
    return Response(msgspec.json.encode(body), 200, headers, "application/json")


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


async def _choice(context: Context, name: str | None, written: Sequence[str]) -> tuple[DeviceType, list[Device]]:
    """Return the device type and devices asked for; the devices' type where none is named."""
    named = known_type(context, name) if name is not None else None
    devices = await known_devices(context, written)
    types = {device.type for device in devices if device.type is not None}
    if named is not None:
        types.add(named.name)
    if len(types) > 1:
        told = ", ".join(sorted(types))
        raise Problem(
            INVALID, f"one request gives readings of one device type; this one names {told}: ask once for each"
        )
    if not types:
        raise BadRequestError("name a device_type, or one device or more whose type is known")
    return named or known_type(context, types.pop()), devices


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


def _accepted(header: str) -> Format:
    """Return the format that an ``Accept`` header prefers; JSON where it has no preference."""
    best: Format | None = None
    weight = 0.0
    for part in header.lower().split(","):
        media, _, parameter = part.strip().partition(";")
        for name in ("json", "csv"):
            kind = FORMATS[name]
            fits = media.strip() in {kind, "*/*", kind.partition("/")[0] + "/*"}
            if fits and quality_of(parameter) > weight:
                best, weight = ("csv" if name == "csv" else "json"), quality_of(parameter)
    if best is None:
        raise Problem(
            NOT_ACCEPTABLE, f"readings come as {' or '.join(FORMATS.values())}; ask for one of them, or add format=csv"
        )
    return best


def _csv(page: ReadingPage, columns: Sequence[Field], *, units: bool) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    names = [field.name for field in columns]
    writer.writerow(("device", "time", "received_at", *names, "flags", "simulated", "version"))
    if units:
        writer.writerow(("", "UTC", "UTC", *(field.unit for field in columns), "", "", ""))
    for row in page.rows:
        writer.writerow(
            (
                row.device,
                _zulu(row.time.isoformat()),
                _zulu(row.received_at.isoformat()),
                *(_cell(row.values.get(name)) for name in names),
                " ".join(row.flags),
                _cell(row.simulated),
                row.version,
            )
        )
    return out.getvalue().encode()


def _cell(value: Value) -> Value:
    """Return a value as CSV shows it: ``true`` and ``false`` as in JSON, nothing where nothing is known."""
    return str(value).lower() if isinstance(value, bool) else value


def _zulu(time: str) -> str:
    return time.replace("+00:00", "Z")
