"""Where network servers post what they heard: into the broker first, then answered.

Rules:

1. The answer is given when the broker has the message (QoS 1), so a database that is down is invisible to the sender,
   and a broker that is down makes the sender try again.
2. A JSON object is published as it came, byte for byte; a form as a JSON object of texts. What is in it is judged by
   the adapter, which sets aside what it cannot understand: here nothing is thrown away for a missing field.
"""

import hmac
from typing import Annotated
from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response

from api.body import limited_body
from api.context import CALLBACK_TOPIC, PREFIX, ContextDep
from api.errors import INVALID, NOT_ALLOWED, UNAUTHORIZED, UNAVAILABLE, UNSUPPORTED, Problem
from api.openapi import problems
from model.errors import UnavailableError

router = APIRouter(prefix=PREFIX, tags=["callbacks"])

RETRY_AFTER_S = 60
MAX_FORM_FIELDS = 100

_EXAMPLE = {"device": "00B5F3C1", "time": 1774764000, "data": "0a1b2c3d", "seqNumber": 1042}
_TEMPLATE = '{"device":"{device}","time":{time},"data":"{data}","seqNumber":{seqNumber}}'


@router.post(
    "/callbacks/sigfox",
    summary="Take a Sigfox callback",
    status_code=204,
    response_model=None,
    responses={204: {"description": "The broker has it"}, **problems(401, 413, 415, 422, 503)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": _EXAMPLE},
                "application/x-www-form-urlencoded": {"schema": {"type": "object"}, "example": _EXAMPLE},
            },
        }
    },
)
async def sigfox(
    request: Request,
    context: ContextDep,
    token: Annotated[str | None, Query(description="The shared token, where one is set and no header can be.")] = None,
    authorization: Annotated[str | None, Header(description="`Bearer` and the shared token, where one is set.")] = None,
) -> Response:
    """Take a callback (UPLINK, BIDIR or DATA_ADVANCED), as JSON or form, and answer when the broker has it.

    In the Sigfox backend: type DATA, UPLINK; method POST; content type `application/json`; body
    `{"device":"{device}","time":{time},"data":"{data}","seqNumber":{seqNumber}}`.
    """
    _check_token(context.config.callback_token, token, authorization)
    body = await limited_body(request, context.config.callback_limit)
    message = _message(request.headers.get("content-type", ""), body)
    try:
        await context.publisher.publish(CALLBACK_TOPIC, message)
    except UnavailableError as error:
        detail = f"the broker did not take it ({error}); send it again"
        raise Problem(UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_AFTER_S)}) from error
    return Response(status_code=204)


@router.get("/callbacks/sigfox", include_in_schema=False)
async def sigfox_by_address() -> Response:
    """Refuse callbacks in the address: proxies log addresses, and a repeated GET must change nothing."""
    raise Problem(
        NOT_ALLOWED,
        f"post the callback: in the Sigfox backend choose method POST, content type application/json, body {_TEMPLATE}",
        headers={"Allow": "POST"},
    )


def _check_token(expected: str | None, in_query: str | None, in_header: str | None) -> None:
    if expected is None:
        return
    scheme, _, shown = (in_header or "").partition(" ")
    # bytes, because compare_digest refuses texts that are not ASCII; headers come decoded as Latin-1
    by_header, by_query = shown.strip().encode("latin-1"), (in_query or "").encode(errors="replace")
    if not hmac.compare_digest(by_header if scheme.lower() == "bearer" else by_query, expected.encode()):
        raise Problem(
            UNAUTHORIZED,
            "this callback needs the token of penfeld.toml: header Authorization: Bearer TOKEN, or ?token=TOKEN",
            headers={"WWW-Authenticate": "Bearer"},
        )


def _message(content_type: str, body: bytes) -> bytes:
    """Return the JSON object to publish; raise a problem that says what was expected."""
    media = content_type.partition(";")[0].strip().lower()
    if media == "application/x-www-form-urlencoded":
        return _form(body)
    if media not in {"", "application/json", "text/plain"}:
        raise Problem(UNSUPPORTED, f"{media[:100]} is not read here; send application/json, such as {_TEMPLATE}")
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(INVALID, f"the body is no JSON ({error}); the template is {_TEMPLATE}") from None
    if not isinstance(value, dict):
        raise Problem(INVALID, f"the body is JSON, but no object; the template is {_TEMPLATE}")
    return body


def _form(body: bytes) -> bytes:
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_FORM_FIELDS
        )
    except ValueError as error:
        raise Problem(INVALID, f"the body is no form ({error}); send name=value&name=value") from None
    return msgspec.json.encode(dict(pairs))
