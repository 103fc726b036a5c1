"""The register of devices: look (with what networks told of one), add one or many, retire."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Annotated, cast

import msgspec
from fastapi import APIRouter, Query, Request, Response

from api.access.rights import needs
from api.body import limited_body
from api.context import PREFIX, Context, ContextDep
from api.errors import INVALID, UNSUPPORTED, Problem
from api.language import LanguageDep
from api.openapi import problems
from api.parameters import (
    CursorQuery,
    DevicePath,
    DeviceTypeQuery,
    SimulatedQuery,
    close_cursor,
    known_device,
    known_type,
    next_link,
    open_cursor,
    simulated_filter,
)
from api.schemas import DeviceDetail, DeviceOut, FactOut, Page, RegisteredOut, RegisteredRow, Word
from model import registration
from model.access import Permission
from model.device import DeviceType, Language, State
from model.errors import BadRequestError
from model.told import FACTS
from model.views import StateValue

router = APIRouter(prefix=PREFIX, tags=["devices"])

MAX_ROWS = 1000
MAX_UPLOAD = 10_000

_EXAMPLE_CSV = (
    "id;type;name;latitude;longitude;district;tag.street\n"
    "70b3d50000000001;penfeld_streetlight;Lampe 1;48,3904;-4,4861;Recouvrance;rue de Siam\n"
)
_EXAMPLE_TOML = '[[device]]\nid = "70b3d50000000001"\ntype = "penfeld_streetlight"\nname = "Lampe 1"\n'


@router.get("/devices", summary="Devices", responses=problems(422, 503))
@needs(Permission.DATA)
async def devices(
    request: Request,
    response: Response,
    context: ContextDep,
    device_type: DeviceTypeQuery = None,
    state: Annotated[State | None, Query(description="`pending`: heard, but nobody registered it.")] = None,
    district: Annotated[Word | None, Query(description="Exactly this district.")] = None,
    search: Annotated[Word | None, Query(description="A part of the id or the name.")] = None,
    simulated: SimulatedQuery = "include",
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Devices a page, at most {MAX_ROWS:,}.")] = 100,
    cursor: CursorQuery = None,
) -> Page[DeviceOut]:
    """Devices in order of their ids."""
    if device_type is not None:
        known_type(context, device_type)
    found = await context.registry.devices(
        device_type=device_type,
        state=state,
        district=district,
        search=search,
        simulated=simulated_filter(simulated),
        limit=limit + 1,
        after=open_cursor(cursor) if cursor is not None else None,
    )
    following = close_cursor(found[limit - 1].id) if len(found) > limit else None
    response.headers.update(next_link(request, following))
    items = [DeviceOut.model_validate(device) for device in found[:limit]]
    return Page(items=items, limit=limit, next_cursor=following)


@router.get("/devices/{device}", summary="One device", responses=problems(404, 422, 503))
@needs(Permission.DATA)
async def device(context: ContextDep, language: LanguageDep, device: DevicePath) -> DeviceDetail:
    """One device, by its id in any spelling: `70-B3-D5-00-00-00-00-01` is `70b3d50000000001`.

    `network_state` is what its network told beside frames: the newest of each fact, with its age.
    """
    found = await known_device(context, device)
    told = await context.queries.state(found.id)
    facts = {name: _fact_out(name, value, language) for name, value in told.items()}
    return DeviceDetail(**DeviceOut.model_validate(found).model_dump(), network_state=facts)


@router.delete(
    "/devices/{device}",
    summary="Retire a device",
    status_code=204,
    responses=problems(404, 422, 503),
    response_model=None,
)
@needs(Permission.DEVICES)
async def retire(context: ContextDep, device: DevicePath) -> None:
    """Retire a device: its readings stay, and what it still sends goes to quarantine."""
    found = await known_device(context, device)
    await context.registry.remove(found.id)
    await context.note("device.retired", found.id, before=found.state, after="retired")


@router.post(
    "/devices",
    summary="Register or change devices",
    responses={
        201: {"model": RegisteredOut, "description": "All of them are new"},
        207: {"model": RegisteredOut, "description": "Some rows were refused; the others are registered"},
        **problems(413, 415, 422, 503),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "anyOf": [
                            {"$ref": "#/components/schemas/DeviceIn"},
                            {
                                "type": "array",
                                "items": {"$ref": "#/components/schemas/DeviceIn"},
                                "minItems": 1,
                                "maxItems": MAX_UPLOAD,
                            },
                        ]
                    }
                },
                "text/csv": {"schema": {"type": "string"}, "example": _EXAMPLE_CSV},
                "application/toml": {"schema": {"type": "string"}, "example": _EXAMPLE_TOML},
            },
        },
    },
)
@needs(Permission.DEVICES)
async def register(request: Request, response: Response, context: ContextDep) -> RegisteredOut:
    """Register one device or many, as JSON, CSV or TOML; the answer tells what became of each row.

    Frames of theirs that wait in quarantine (`waiting_frames`) are taken in by ingest within seconds.

    A row says all of a device: what it leaves out is empty afterwards, so the same list can be sent again. Ids are
    brought to their canonical form. CSV: UTF-8, a header row, `,` `;` or tab between cells (decimal comma with the
    latter two), `tag.…` and `variable.…` columns.
    """
    data = await limited_body(request, context.config.upload_limit)
    rows = _rows(request.headers.get("content-type", "application/json"), data)
    if len(rows) > MAX_UPLOAD:
        raise Problem(INVALID, f"{len(rows):,} rows are too many at once; send at most {MAX_UPLOAD:,}")
    parsed = registration.devices_of(rows, partial(_type_of, context))
    good = [row.device for row in parsed if row.device is not None]
    results = await context.registry.register(good) if good else {}
    told = [_told(row, results) for row in parsed]
    for what, target, after in registration.noted(good, results):
        await context.note(what, target, after=after)
    counts = Counter(row.result for row in told)
    if not good:
        first = told[0].problem if told else "the list is empty"
        rows_told = [row.model_dump(mode="json") for row in told]
        raise Problem(INVALID, f"no row could be registered; the first: {first}", rows=rows_told)
    waiting = await context.quarantine.waiting([device.id for device in good])
    response.status_code = 207 if counts["error"] else 201 if counts["created"] == len(told) else 200
    return RegisteredOut(counts=dict(counts), waiting_frames=waiting.frames, rows=told)


def _fact_out(name: str, told: StateValue, language: Language) -> FactOut:
    fact = FACTS.get(name)  # another version of Penfeld may know others
    return FactOut(
        title=fact.title.get(language) if fact else name,
        value=told.value,
        unit=fact.unit if fact else "",
        time=told.time,
        network=told.network,
        event=told.event,
        simulated=told.simulated,
    )


def _type_of(context: Context, name: str) -> DeviceType:
    try:
        return known_type(context, name)
    except Problem as problem:  # of one row, not of the request
        raise BadRequestError(str(problem.detail)) from None


def _told(row: registration.Row, results: Mapping[str, str]) -> RegisteredRow:
    if row.device is None:
        return RegisteredRow(row=row.number, id=row.id, result="error", problem=row.problem)
    known = {"row": row.number, "id": row.id, "result": results[row.id], "problem": None}
    return RegisteredRow.model_validate(known)


def _rows(content_type: str, data: bytes) -> list[registration.Values]:
    media = content_type.partition(";")[0].strip().lower()
    if media == "text/csv":
        return registration.read_csv(data)
    if media in {"application/toml", "text/toml", "text/x-toml"}:
        return registration.read_toml(data)
    if media != "application/json":
        raise Problem(
            UNSUPPORTED,
            f"{media[:100] or 'no Content-Type'} is not read here; send application/json, text/csv or application/toml",
        )
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(INVALID, f"the body is no JSON: {error}") from None
    rows = value if isinstance(value, list) else [value]
    if not all(isinstance(row, dict) for row in rows):
        raise Problem(INVALID, "the body must be one device (an object) or a list of devices")
    return cast("list[registration.Values]", rows)
