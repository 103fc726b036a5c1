"""Who reads the console, and who may read which page of it: found out before any page is built.

Rules:

1. A page is of a session, never of a token: it lives on after its request, and does what its buttons are for.
2. Every page says here what it asks of its reader; one that does not is for who manages accounts.
3. Who is nobody is sent to log in, and back to where he wanted to go.
4. What the browser loads to draw pages (files) is for everybody; its line back to us is opened by our pages only.
"""

from dataclasses import dataclass, field
from urllib.parse import quote

from fastapi import FastAPI, Request
from nicegui import Client
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.gate import Gate, from_our_page, gate_of, session_in
from api.context import Context, context_of, seen_by
from api.language import accepted
from model.access import ANONYMOUS, Permission, Principal
from model.device import Text
from model.errors import UnavailableError

_READER = "penfeld.reader"
_FILES = ("/_nicegui/", "/_console/", "/favicon")
_SOCKET = "/_nicegui_ws/"
PAGES = (
    ("/device-types", Permission.DATA),
    ("/devices", Permission.DATA),
    ("/alarms", Permission.ALARMS),
    ("/rules/new", Permission.RULES),
    ("/rules/edit", Permission.RULES),
    ("/rules", Permission.ALARMS),
    ("/silences", Permission.ALARMS),
    ("/ledger", Permission.FRAMES),
    ("/quarantine", Permission.FRAMES),
    ("/access", Permission.MANAGE),
)
"""The first line that fits holds."""
_REFUSED = Text(en="This page is not for your account: ask an admin.", fr="Votre compte n’ouvre pas cette page.")
_DOWN = Text(en="The database does not answer: try again.", fr="La base de données ne répond pas : réessayez.")


def needed(path: str) -> Permission:
    """Return what a page asks of its reader."""
    if path == "/":
        return Permission.DATA
    return next((need for start, need in PAGES if path == start or path.startswith(f"{start}/")), Permission.MANAGE)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a page, with the parts of the application as he has them."""

    context: Context
    gate: Gate
    session: str | None = field(default=None, repr=False)

    @property
    def asker(self) -> Principal:
        """Who it is."""
        return self.context.asker

    async def still(self) -> bool:
        """Whether he still is who he was when the page was built, and sees the same."""
        access = self.gate.access
        if access is None:
            return True
        found = None if self.session is None else await access.by_session(self.session, at=self.gate.clock())
        asker = found or ANONYMOUS
        seen = None if self.context.sight is None else self.context.sight.experiments
        return asker == self.asker and await self.gate.experiments(asker) == seen


def reader_of(request: HTTPConnection) -> Reader | None:
    """Return the reader of a page; ``None`` where nobody was asked."""
    found = request.scope.get(_READER)
    return found if isinstance(found, Reader) else None


class Guard:
    """In front of the console."""

    def __init__(self, app: ASGIApp, site: FastAPI) -> None:
        self.app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] not in {"http", "websocket"} or scope["path"].startswith(_FILES):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection({**scope, "app": self._site})
        if scope["path"].startswith(_SOCKET):
            refused = _strange(connection) or _of_another(connection)
        elif scope["type"] == "websocket":
            refused = PlainTextResponse("", 403)
        else:
            refused = await self._admit(connection, scope)
        await (self.app if refused is None else refused)(scope, receive, send)

    async def _admit(self, connection: HTTPConnection, scope: Scope) -> Response | None:
        """Note who reads, or return what he is answered instead of a page."""
        gate, language = gate_of(connection), accepted(connection.headers.get("accept-language", ""))
        try:
            asker = await gate.principal(connection) if "authorization" not in connection.headers else None
            if asker is None or not (asker.sort != "anonymous" or gate.public):
                return _to_login(connection)
            if not asker.may(needed(scope["path"])):
                return _to_login(connection) if asker.sort == "anonymous" else _told(_REFUSED.get(language), 403)
            seen = await seen_by(context_of(self._site), gate, asker, lasting=True)
            scope[_READER] = Reader(seen, gate, session_in(connection))
        except UnavailableError:
            return _told(_DOWN.get(language), 503)
        return None


def _to_login(connection: HTTPConnection) -> Response:
    """Send somebody to log in, and back."""
    query = f"?{connection.url.query}" if connection.url.query else ""
    return RedirectResponse(f"/login?next={quote(connection.url.path + query, safe='')}", 303)


def _told(text: str, status: int) -> Response:
    return PlainTextResponse(text, status, {"Cache-Control": "no-store"})


def _strange(connection: HTTPConnection) -> Response | None:
    """Return the refusal of a line that a page of another site wants to open."""
    return PlainTextResponse("", 403) if from_our_page(connection) is False else None


def _of_another(connection: HTTPConnection) -> Response | None:
    """Return the refusal of a line to a page that another session opened."""
    page = Client.instances.get(connection.query_params.get("client_id", ""))
    reader = None if page is None else reader_of(page.request)
    if reader is None or reader.session == session_in(connection):
        return None
    return PlainTextResponse("", 403)


def wanted_page(request: Request) -> str:
    """Return where somebody wanted to go: a page of ours, never another site."""
    asked = request.query_params.get("next", "/")
    good = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isprintable()
    return asked if good else "/"
