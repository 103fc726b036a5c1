"""What clients may keep of an answer, and for how long.

Rules:

1. An answer has an ``ETag`` of what it says; who asks again with ``If-None-Match`` gets 304 if that is still so.
2. A range that is over may be kept for ``CLOSED_S`` without asking: late frames and mended codecs still change it, but
   seldom. Whatever reaches to now is asked for again each time. Nobody keeps what was meant for somebody else: private.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b

from fastapi import Request, Response

CLOSED_S = 300
LATE = timedelta(hours=1)
"""How long after its end a range still fills up as a matter of course."""
NOT_MODIFIED = {"description": "What `If-None-Match` names is still so"}


def policy(end: datetime | None, now: datetime) -> str:
    """Return ``Cache-Control`` of a range that ends there."""
    closed = end is not None and end <= now - LATE
    return f"private, max-age={CLOSED_S}" if closed else "private, no-cache"


def answer(
    request: Request, body: bytes, headers: Mapping[str, str], media_type: str, *, end: datetime | None, now: datetime
) -> Response:
    """Return the answer with its tag, or 304 where the asker has the same already."""
    tag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'
    told = {**headers, "ETag": tag, "Cache-Control": policy(end, now)}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(None, 304, told)
    return Response(body, 200, told, media_type)


def _has(header: str, tag: str) -> bool:
    """Whether one of the tags in ``If-None-Match`` is this one, weak or not."""
    known = {one.strip().removeprefix("W/") for one in header.split(",")}
    return "*" in known or tag.removeprefix("W/") in known
