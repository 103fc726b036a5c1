"""What query parameters of several routes mean, and how lists are paged.

Every list has a limit with a hard end; asking for more is refused by a message that says the end. Pages are chained by
an opaque cursor, told in the answer and as ``Link: …; rel="next"`` (a relative address, right behind any proxy).
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Literal, TypeVar

from fastapi import Depends, Header, Path, Query, Request

from api.alert_schemas import MAX_WHO, Who
from api.context import PREFIX, Context
from api.errors import INVALID, UNKNOWN_DEVICE, Problem, unknown
from api.schemas import Cursor, Time, Word
from model.device import Device, DeviceType
from model.errors import NotFoundError, UnknownTypeError
from model.identity import possible_ids

T = TypeVar("T")

MAX_DEVICES = 100
NOBODY = "api"
"""Who does what nobody says his name to."""

CursorQuery = Annotated[
    Cursor | None, Query(description="`next_cursor` of the page before, to go on behind it. Opaque: do not make one.")
]
FromQuery = Annotated[Time | None, Query(alias="from", description="From this time on, inclusive; ISO 8601 with zone.")]
ToQuery = Annotated[Time | None, Query(alias="to", description="Up to this time, exclusive; ISO 8601 with zone.")]
DeviceTypeQuery = Annotated[Word | None, Query(description="Name of a device type.", examples=["penfeld_streetlight"])]
DevicesQuery = Annotated[
    list[Word],
    Query(
        max_length=MAX_DEVICES,
        description=f"Device ids, up to {MAX_DEVICES}: repeat the parameter. Any spelling of a DevEUI will do.",
    ),
]
DevicePath = Annotated[Word, Path(description="A device's id, in any spelling.", examples=["70b3d50000000001"])]
Simulated = Literal["include", "exclude", "only"]
SimulatedQuery = Annotated[Simulated, Query(description="Whether simulated data are in the answer.")]


SUBJECTS = ("district:", "experiment:", "gateway:", "source:")
"""How subjects of alarms begin that are no devices."""
_LONGEST_NUMBER = 18


def simulated_filter(choice: Simulated) -> bool | None:
    """Return the choice as the ports want it: ``None`` for both."""
    return {"include": None, "exclude": False, "only": True}[choice]


def named(text: str) -> str:
    """Return the name that a header says, in UTF-8 as people send it; raise a problem for what is no name."""
    try:
        name = text.encode("latin-1").decode()
    except UnicodeError:
        name = text
    name = name.strip()
    if not name.isprintable() or len(name) > MAX_WHO:
        raise Problem(INVALID, f"X-Penfeld-User: write a name of {MAX_WHO} characters at most, on one line")
    return name or NOBODY


async def _user(
    user: Annotated[
        str | None,
        Header(
            alias="X-Penfeld-User", max_length=4 * MAX_WHO, description="Who does it, where the request says no `who`."
        ),
    ] = None,
) -> str:
    return NOBODY if user is None else named(user)


WhoQuery = Annotated[
    Who | None, Query(description="Who does it: written down as said. Left out: `X-Penfeld-User`, else `api`.")
]
UserDep = Annotated[str, Depends(_user)]
"""Who asks, by the header; what a request says of itself comes first. Nobody is checked: it is written down as said."""


async def known_parameters(request: Request) -> None:
    """Raise a problem for a query parameter that the address does not have: a mistyped filter must not mean "all"."""
    told = request.app.openapi()["paths"].get(request.scope["route"].path_format, {}).get(request.method.lower(), {})
    known = [parameter["name"] for parameter in told.get("parameters", []) if parameter["in"] == "query"]
    for name in request.query_params:
        if name not in {*known, "lang"}:
            raise unknown("query parameter", name, known or ["none here"])


def check_range(start: Time | None, end: Time | None) -> None:
    """Raise a problem if a range of times is the wrong way round."""
    if start is not None and end is not None and start > end:
        raise Problem(INVALID, f"from ({start.isoformat()}) lies behind to ({end.isoformat()})")


def known_type(context: Context, name: str) -> DeviceType:
    """Return a device type named in a query; raise a problem that tells what names are like it."""
    try:
        return context.catalogue[name].type
    except UnknownTypeError:
        raise unknown("device type", name, context.catalogue.names(), listed=f"{PREFIX}/device-types") from None


async def known_device(context: Context, written: str) -> Device:
    """Return the device that somebody writes in whatever spelling; raise a problem that tells which ids are like it."""
    for candidate in possible_ids(written):
        try:
            return await context.registry.device(candidate)
        except NotFoundError:
            continue
    others = await context.registry.devices(search=written.strip()[:4] or None, limit=200)
    raise unknown("device", written, [device.id for device in others], sort=UNKNOWN_DEVICE, listed=f"{PREFIX}/devices")


async def known_devices(context: Context, written: Iterable[str]) -> list[Device]:
    """Return the devices that somebody writes, each once, in that order."""
    found = {}
    for text in written:
        device = await known_device(context, text)
        found[device.id] = device
    return list(found.values())


def next_link(request: Request, cursor: str | None) -> dict[str, str]:
    """Return the header that tells where the next page is; none at the end."""
    if cursor is None:
        return {}
    url = request.url.include_query_params(cursor=cursor)
    return {"Link": f'<{url.path}?{url.query}>; rel="next"'}


def page_of(
    rows: Sequence[T], key: Callable[[T], str], *, limit: int, cursor: str | None, descending: bool = False
) -> tuple[Sequence[T], str | None]:
    """Return one page of rows sorted by ``key``, and the cursor of the next: for lists that a port gives whole."""
    if cursor is not None:
        last = open_cursor(cursor)
        rows = [row for row in rows if (key(row) < last if descending else key(row) > last)]
    page = rows[:limit]
    return page, (close_cursor(key(page[-1])) if len(rows) > limit else None)


def number_in(cursor: str | None) -> int | None:
    """Return the number in a cursor, ``None`` without one; raise a problem if it is none of ours."""
    if cursor is None:
        return None
    position = open_cursor(cursor)
    if not position.isascii() or not position.isdecimal() or len(position) > _LONGEST_NUMBER:
        raise Problem(INVALID, "the cursor is none of ours; take next_cursor from the page before")
    return int(position)


async def known_subject(context: Context, written: str) -> str:
    """Return whom alarms are about: a device in any spelling, or ``district:Siam`` and its like as they stand."""
    text = written.strip()
    for candidate in possible_ids(text):
        try:
            return (await context.registry.device(candidate)).id
        except NotFoundError:
            continue
    if text == "all" or text.startswith(SUBJECTS):
        return text
    return (await known_device(context, text)).id


def close_cursor(position: str) -> str:
    """Return a position as a cursor, which is opaque so that nobody builds on its form."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def open_cursor(cursor: str) -> str:
    """Return the position in a cursor; raise a problem if it is none of ours."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Problem(INVALID, "the cursor is none of ours; take next_cursor from the page before") from None
