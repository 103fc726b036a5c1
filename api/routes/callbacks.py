"""Where network servers post what they heard: into the broker first, then answered.

Rules:

1. The answer is given when the broker has the message (QoS 1), so a database that is down is invisible to the sender,
   and a broker that is down makes the sender try again.
2. ``api.pushes`` says who may post, what is published and where. An address may go on behind the network: with the
   token, with what a server appends for each kind of event (Kerlink's ``/dataUp``), or both.
3. A Sigfox device that waits for an answer gets what its register entry says; what cannot be looked up is no error.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Path, Query, Request, Response

from api import pushes
from api.access.rights import unguarded
from api.body import limited_body
from api.context import PREFIX, Context, ContextDep
from api.errors import NOT_ALLOWED, NOT_FOUND, UNAUTHORIZED, UNAVAILABLE, Problem, unknown
from api.openapi import problems
from api.thingpark_token import is_genuine
from model.device import State
from model.errors import BadRequestError, NotFoundError, UnavailableError
from model.identity import canonical_id

logger = logging.getLogger(__name__)
router = APIRouter(prefix=PREFIX, tags=["callbacks"])

RETRY_AFTER_S = 60
DOWNLINK = "downlink"
"""The variable of a Sigfox device that says what it is answered: 8 bytes in hex."""

_SIGFOX = "sigfox"
_EXAMPLE = {"device": "00B5F3C1", "time": 1774764000, "data": "0a1b2c3d", "seqNumber": 1042}
_TEMPLATE = '{"device":"{device}","time":{time},"data":"{data}","seqNumber":{seqNumber}}'
_TAKEN: dict[int | str, dict[str, Any]] = {
    204: {"description": "The broker has it"},
    **problems(401, 404, 413, 415, 422, 503),
}
_ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The broker has it, and this is the answer to the device that waits for one",
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {"00B5F3C1": {"downlinkData": "0123456789abcdef"}},
            }
        },
    }
}
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": {"type": "object"}, "example": _EXAMPLE},
        "application/x-www-form-urlencoded": {"schema": {"type": "object"}, "example": _EXAMPLE},
    },
}
_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_HEX = re.compile(r"[0-9a-fA-F]{16}")

Token = Annotated[str | None, Query(description="The network's token, where one is set and no header can be.")]
Authorization = Annotated[str | None, Header(description="`Bearer` and the network's token, where one is set.")]
OwnHeader = Annotated[
    str | None, Header(alias="X-Penfeld-Token", description="The network's token, where `Authorization` is taken.")
]
Network = Annotated[
    str, Path(max_length=64, description="thethingsstack, liveobjects, thingpark, wanesy, loriot, chirpstack or sigfox")
]


@router.post(
    "/callbacks/sigfox",
    summary="Take a Sigfox callback",
    status_code=204,
    response_model=None,
    responses={**_ANSWERED, **_TAKEN},
    openapi_extra={"requestBody": _BODY},
)
@unguarded  # it shows a token of its own
async def sigfox(
    request: Request,
    context: ContextDep,
    token: Token = None,
    authorization: Authorization = None,
    own: OwnHeader = None,
) -> Response:
    """Take a callback (of type DATA or SERVICE), as JSON or form, and answer when the broker has it.

    In the Sigfox backend: type DATA, UPLINK; method POST; content type `application/json`; body
    `{"device":"{device}","time":{time},"data":"{data}","seqNumber":{seqNumber}}`. With type BIDIR add `"ack":{ack}`: a
    device that waits gets the 8 bytes that its variable `downlink` says in the register (16 hex digits), or nothing.
    """
    return await _take(request, context, _SIGFOX, "", (token, authorization, own))


@router.post(
    "/callbacks/{network}",
    summary="Take what a network server pushes",
    status_code=204,
    response_model=None,
    responses={**_ANSWERED, **_TAKEN},
    openapi_extra={"requestBody": {**_BODY, "content": {**_BODY["content"], **_BINARY}}},  # type: ignore[dict-item]  # a literal above
)
@unguarded  # it shows a token of its own
async def push(
    request: Request,
    context: ContextDep,
    network: Network,
    token: Token = None,
    authorization: Authorization = None,
    own: OwnHeader = None,
) -> Response:
    """Take an event of any network that pushes over HTTP, and answer when the broker has it.

    The body is published as it came: a JSON object, a form (as an object of texts), or of ChirpStack Protocol Buffers.
    """
    return await _take(request, context, network, "", (token, authorization, own))


@router.post(
    "/callbacks/{network}/{rest:path}",
    summary="Take what a network server pushes to a longer address",
    status_code=204,
    response_model=None,
    responses={**_ANSWERED, **_TAKEN},
    openapi_extra={"requestBody": {**_BODY, "content": {**_BODY["content"], **_BINARY}}},  # type: ignore[dict-item]  # a literal above
)
@unguarded  # it shows a token of its own
async def push_behind(
    request: Request,
    context: ContextDep,
    network: Network,
    rest: Annotated[
        str, Path(max_length=1000, description="The token, what the server appends, or both: `TOKEN/dataUp`")
    ],
    token: Token = None,
    authorization: Authorization = None,
    own: OwnHeader = None,
) -> Response:
    """Take an event at an address that goes on: for servers that can send no header, or append the kind of event."""
    return await _take(request, context, network, rest, (token, authorization, own))


@router.get("/callbacks/sigfox", include_in_schema=False)
@unguarded  # it shows a token of its own
async def sigfox_by_address() -> Response:
    """Refuse callbacks in the address: proxies log addresses, and a repeated GET must change nothing."""
    raise Problem(
        NOT_ALLOWED,
        f"post the callback: in the Sigfox backend choose method POST, content type application/json, body {_TEMPLATE}",
        headers={"Allow": "POST"},
    )


async def _take(
    request: Request, context: Context, network: str, rest: str, told: tuple[str | None, str | None, str | None]
) -> Response:
    """Publish what was posted, then answer."""
    config = context.config
    if network not in config.networks:
        raise unknown("network that pushes", network, config.networks, sort=NOT_FOUND)
    pushes.check_token(network, config.callback_tokens.get(network), _shown(rest, *told))
    body = await limited_body(request, config.callback_limit)
    query = pushes.query_of(request.scope["query_string"])
    template = _TEMPLATE if network == _SIGFOX else "what its manual shows"
    push = pushes.read(network, request.headers.get("content-type", ""), query, body, template=template)
    if network == pushes.THINGPARK and config.thingpark_key is not None:
        _check_thingpark(query, push.document or {}, config.thingpark_key)
    try:
        await context.publisher.publish(push.topic, push.message)
    except UnavailableError as error:
        detail = f"the broker did not take it ({error}); send it again"
        raise Problem(UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_AFTER_S)}) from error
    if network == _SIGFOX and push.document is not None and str(push.document.get("ack")).lower() in {"true", "1"}:
        return await _answer(context, push.document)
    return Response(status_code=204)


def _shown(rest: str, in_query: str | None, in_header: str | None, in_own_header: str | None) -> list[bytes]:
    """Return the tokens that a request shows, in bytes; headers come decoded as Latin-1."""
    scheme, _, bearer = (in_header or "").partition(" ")
    found = [part.encode(errors="replace") for part in rest.split("/")]
    found.append((in_query or "").encode(errors="replace"))
    found.append((in_own_header or "").strip().encode("latin-1"))
    if scheme.lower() == "bearer":
        found.append(bearer.strip().encode("latin-1"))
    return found


def _check_thingpark(query: Mapping[str, str], document: Mapping[str, Any], key: str) -> None:
    if not is_genuine(query, document, key):
        raise Problem(
            UNAUTHORIZED,
            "Token: it is not what ThingPark computes of this report with [api] thingpark_key; compare that with the"
            " tunnel interface authentication key of the connection",
        )


async def _answer(context: Context, callback: Mapping[str, Any]) -> Response:
    """Return what a device gets that waits for an answer; nothing where nothing is set or can be looked up."""
    name = str(callback.get("device"))
    try:
        async with asyncio.timeout(context.config.lookup_s):
            device = await context.registry.device(canonical_id(name, technology=_SIGFOX))
    except (BadRequestError, NotFoundError):
        return Response(status_code=204)
    except (UnavailableError, TimeoutError) as error:
        logger.warning("a Sigfox device is not answered, since the register does not: %s", str(error) or "too slow")
        return Response(status_code=204)
    data = device.variables.get(DOWNLINK, "") if device.state is State.ACTIVE else ""
    if not _HEX.fullmatch(data):
        if data:
            logger.warning("%s is not answered: its variable %s must be 16 hex digits", device.id, DOWNLINK)
        return Response(status_code=204)
    return Response(msgspec.json.encode({name: {"downlinkData": data.lower()}}), media_type="application/json")
