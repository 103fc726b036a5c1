"""Reading a request's body with an end to it: for the whole application ``limited``, for one route ``limited_body``."""

from fastapi import Request
from starlette.types import Message, Receive

from api.errors import TOO_LARGE, Problem

_LONGEST_NUMBER = 15


async def limited_body(request: Request, limit: int) -> bytes:
    """Return the body; raise a problem as soon as it is longer than ``limit`` bytes, without keeping it."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > _LONGEST_NUMBER or int(announced) > limit):
        raise _too_large(limit)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise _too_large(limit)
    return bytes(data)


def limited(receive: Receive, limit: int) -> Receive:
    """Return a ``receive`` that raises a problem when more than ``limit`` bytes of body have come."""
    size = 0

    async def counting() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise _too_large(limit)
        return message

    return counting


def _too_large(limit: int) -> Problem:
    return Problem(TOO_LARGE, f"a body may have {limit:,} bytes here; send less at a time")
