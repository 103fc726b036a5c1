"""The catalogue: sensor models with fields and units, and decoding and encoding by them."""

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.context import Context, ContextDep
from api.errors import UNKNOWN_TYPE, unknown
from api.openapi import problems
from api.parameters import CursorQuery, next_link, page_of
from api.schemas import DeviceTypeOut, FieldOut, Page, TextOut, Word
from model.device import DeviceType
from model.errors import UnknownTypeError

if TYPE_CHECKING:
    from decoders.device import Definition

router = APIRouter(prefix="/device-types", tags=["device types"])

MAX_TYPES = 500

Name = Annotated[Word, Path(description="Name of a device type", examples=["penfeld_streetlight"])]


@router.get("", summary="Device types", responses=problems(422))
async def device_types(
    request: Request,
    response: Response,
    context: ContextDep,
    domain: Annotated[Word | None, Query(description="Only this domain.", examples=["lighting"])] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_TYPES, description=f"Types a page, at most {MAX_TYPES:,}.")] = 100,
    cursor: CursorQuery = None,
) -> Page[DeviceTypeOut]:
    """Every sensor model of the catalogue with its fields, by name."""
    # reads every device file when first asked
    types = await asyncio.to_thread(context.catalogue.types)
    chosen = sorted((one for one in types if domain in {None, one.domain}), key=lambda one: one.name)
    page, following = page_of(chosen, lambda one: one.name, limit=limit, cursor=cursor)
    response.headers.update(next_link(request, following))
    return Page(items=[type_out(one) for one in page], limit=limit, next_cursor=following)


def type_out(device_type: DeviceType) -> DeviceTypeOut:
    """Return a device type as it is told."""
    return DeviceTypeOut(
        name=device_type.name,
        title=TextOut.model_validate(device_type.title),
        vendor=device_type.vendor,
        model=device_type.model,
        domain=device_type.domain,
        networks=list(device_type.networks),
        period_s=device_type.period.total_seconds(),
        source=device_type.source,
        version=device_type.version,
        reference=device_type.reference,
        fields=[FieldOut.model_validate(field) for field in device_type.fields],
    )


def definition_of(context: Context, name: str) -> "Definition":
    """Return a device type by the name in an address; raise the problem that tells what names are like it."""
    try:
        return context.catalogue[name]
    except UnknownTypeError:
        raise unknown("device type", name, context.catalogue.names(), sort=UNKNOWN_TYPE) from None
