"""OGC SensorThings 1.1, reading: everything under ``/sta/v1.1``.

One route answers every path, because paths are as the standard makes them (``Things('a')/Datastreams``). Errors are
what its clients expect, a JSON object with ``code`` and ``message``, not the problem documents of the rest of the API.
"""

import logging
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.access.rights import needs
from api.context import ContextDep
from api.errors import RETRY_AFTER_S
from api.language import language_of
from api.sta.entities import World
from api.sta.errors import StaError
from api.sta.service import Doors, Service
from api.sta.wire import Links, encoded, root_document
from model.access import Permission
from model.errors import BadRequestError, NotFoundError, PenfeldError, UnavailableError

PREFIX = "/sta/v1.1"
log = logging.getLogger(__name__)
router = APIRouter(prefix=PREFIX, tags=["sensorthings"])

_WRITES = ("POST", "PUT", "PATCH", "DELETE")
_ERRORS: dict[int | str, dict[str, object]] = {
    status: {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/StaErrorOut"}}},
    }
    for status, text in {
        400: "An option makes no sense; the message says which and why",
        404: "There is nothing at this path",
        501: "The standard knows it, this service does not; or it would cost too much",
        503: "The database does not answer; try again after `Retry-After` seconds",
    }.items()
}
_DOCUMENT = {"description": "A document as the standard has it", "content": {"application/json": {"schema": {}}}}

Filter = Annotated[
    str | None,
    Query(alias="$filter", description="A condition, as in `result gt 20 and phenomenonTime ge 2026-03-01T00:00:00Z`."),
]
Expand = Annotated[
    str | None,
    Query(alias="$expand", description="Relations to put in, as in `Datastreams($top=5;$expand=Observations)`."),
]
Select = Annotated[str | None, Query(alias="$select", description="Only these properties.")]
Orderby = Annotated[str | None, Query(alias="$orderby", description="As in `phenomenonTime desc`.")]
Top = Annotated[str | None, Query(alias="$top", description="Entities a page; more come behind `@iot.nextLink`.")]
Skip = Annotated[str | None, Query(alias="$skip", description="So many are left out.")]
Count = Annotated[str | None, Query(alias="$count", description="`true`: tell how many there are in all.")]
Format = Annotated[str | None, Query(alias="$resultFormat", description="`dataArray` or `GeoJSON`.")]
Token = Annotated[str | None, Query(alias="$skiptoken", description="Where a page begins: from `@iot.nextLink`.")]
Lang = Annotated[str | None, Query(description="Language of titles, `en` or `fr`; wins over `Accept-Language`.")]


@router.get("", include_in_schema=False)
@router.get("/", summary="What the SensorThings service holds", responses={200: _DOCUMENT})
@needs(Permission.DATA)
async def root(request: Request) -> Response:
    """Tell the sets of the service with their addresses, and the parts of the standard that it keeps."""
    return _json(root_document(_root(request)))


@router.get(
    "/{path:path}",
    summary="SensorThings entities",
    responses={200: _DOCUMENT, 204: {"description": "The property is null"}, **_ERRORS},
)
@needs(Permission.DATA)
async def entities(
    request: Request,
    context: ContextDep,
    path: Annotated[str, Path(description="As in `Things('70b3d50000000001')/Datastreams`.")],
    _filter: Filter = None,
    _expand: Expand = None,
    _select: Select = None,
    _orderby: Orderby = None,
    _top: Top = None,
    _skip: Skip = None,
    _count: Count = None,
    _format: Format = None,
    _token: Token = None,
    _lang: Lang = None,
) -> Response:
    """Answer with sets, entities, what they are related to, or a property, by the paths of OGC SensorThings 1.1."""
    language = language_of(request)
    also = [("lang", language)] if "lang" in request.query_params else []
    base = str(request.base_url).rstrip("/")
    world = World(context.catalogue.types(), language, base)
    doors = Doors(registry=context.registry, queries=context.queries, observations=context.observations)
    service = Service(doors, world, Links(_root(request), also), context.clock())
    try:
        answer = await service.answer(path, request.query_params.multi_items())
    except PenfeldError as error:
        return _refused(error)
    if answer.text is not None:
        return Response(answer.text, media_type="text/plain")
    if answer.document is None:
        return Response(status_code=204)
    return _json(answer.document)


@needs()
async def refuse(request: Request) -> Response:
    """Answer who wants to change something."""
    message = f"{request.method} is not done: SensorThings is for reading here; register devices at /api/v1/devices"
    return _json({"code": 405, "type": "error", "message": message}, 405, Allow="GET, HEAD")


router.add_api_route("", root, methods=["HEAD"], include_in_schema=False)
router.add_api_route("/", root, methods=["HEAD"], include_in_schema=False)
router.add_api_route("/{path:path}", entities, methods=["HEAD"], include_in_schema=False)
for _address in ("", "/{path:path}"):
    router.add_api_route(_address, refuse, methods=list(_WRITES), include_in_schema=False)


def _root(request: Request) -> str:
    return str(request.base_url).rstrip("/") + PREFIX


def _json(document: object, status: int = 200, **headers: str) -> Response:
    headers = {"Vary": "Accept-Language", **headers}
    return Response(encoded(document), status, headers, "application/json")


def _refused(error: PenfeldError) -> Response:
    """Return the answer that tells an error; what nobody foresaw goes on to the application's own."""
    headers = {"Cache-Control": "no-store"}
    match error:
        case StaError():
            status = error.status
        case BadRequestError():
            status = 400
        case NotFoundError():
            status = 404
        case UnavailableError():
            status = 503
            headers["Retry-After"] = str(RETRY_AFTER_S)
        case _:
            raise error
    return _json({"code": status, "type": "error", "message": str(error)}, status, **headers)
