"""Who asks: a token in ``Authorization``, else the cookie of a session, else nobody.

Rules:

1. A wrong or ended token is refused, also where nobody would have been let in: who shows one means to be somebody.
2. What a browser sends by itself (a cookie, or no proof at all where there are no accounts) proves nothing about which
   page made it ask. So what changes something, and every WebSocket, must come from a page of ours: ``Sec-Fetch-Site``
   or ``Origin`` say so, which no page can forge. Where a session counts and a browser says neither, a header of ours
   will do, which no other page can send.
3. Secrets are neither logged nor told.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.requests import HTTPConnection
from starlette.responses import Response

from api.access.rights import need_of
from api.errors import FORBIDDEN, UNAUTHORIZED, Problem
from model.access import ANONYMOUS, OPEN, TOKEN_MARK, Permission, Principal, Visibility, seen_experiments
from model.access_ports import Access
from model.errors import UnavailableError

COOKIE = "penfeld-session"
SECURE_COOKIE = "__Host-penfeld-session"
OWN_HEADER = "x-penfeld-request"
"""A page that cannot say where it comes from sends this, with anything in it."""
SESSION = timedelta(hours=12)
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="penfeld"'}
_FOUND = "penfeld.asker"
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Finds out who asks. ``access``: ``None`` where there are no accounts, and everybody may everything.

    ``public``: whether who is nobody may look at what is public.
    """

    clock: Callable[[], datetime]
    access: Access | None = field(default=None, repr=False)
    public: bool = False

    async def principal(self, connection: HTTPConnection) -> Principal:
        """Return who asks; raise a problem for a token that is none."""
        if self.access is None:
            return OPEN
        token = token_in(connection)
        if token is not None:
            found = await self.access.by_token(token, at=self.clock()) if token.startswith(TOKEN_MARK) else None
            if found is None:
                detail = "this token is none of ours, has expired or was revoked: make another, or send none"
                raise Problem(UNAUTHORIZED, detail, headers=CHALLENGE)
            return found
        session = session_in(connection)
        if session is not None and (known := await self.access.by_session(session, at=self.clock())) is not None:
            return known
        return ANONYMOUS

    async def named(self, connection: HTTPConnection) -> str:
        """Return the account that asks, "" for nobody known; who admits the same request does not look again."""
        try:
            found = await self.principal(connection)
        except (Problem, UnavailableError):  # what is wrong is told behind us
            return ""
        connection.scope[_FOUND] = found
        return found.name

    async def admit(self, connection: HTTPConnection) -> Principal:
        """Return who asks for a route, if it is for him; raise the problem that tells why not."""
        need = need_of(connection.scope.get("endpoint"))
        if need is None:
            raise Problem(FORBIDDEN, "nobody said who may ask for this address; tell the operator")
        if not need.looks:
            return ANONYMOUS if self.access is not None else OPEN
        found = connection.scope.pop(_FOUND, None)
        principal = found if isinstance(found, Principal) else await self.principal(connection)
        check_origin(connection, principal)
        if need.permission is not None:
            self.check(principal, need.permission)
        return principal

    def check(self, principal: Principal, permission: Permission) -> None:
        """Raise a problem for who may not."""
        if principal.sort == "anonymous" and not (self.public and principal.may(permission)):
            detail = "log in (POST /api/v1/login), or send a token: Authorization: Bearer pf_…"
            raise Problem(UNAUTHORIZED, detail, headers=CHALLENGE)
        if principal.may(permission):
            return
        if principal.token and permission not in principal.scope:
            raise Problem(FORBIDDEN, f"the scope of this token has no {permission.value!r}; make one that has")
        role = "nobody's role" if principal.role is None else f"the role {principal.role.value}"
        raise Problem(FORBIDDEN, f"{role} has no permission {permission.value!r} here; ask an admin for it")

    async def experiments(self, principal: Principal) -> frozenset[str] | None:
        """Return the experiments whose devices somebody may see, ``None``: all."""
        if self.access is None or principal.everywhere:
            return None
        seen: dict[str, Visibility] = dict(await self.access.visibility())
        return seen_experiments(principal, seen)


def token_in(connection: HTTPConnection) -> str | None:
    """Return the token that a request shows, ``None`` for none."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def session_in(connection: HTTPConnection) -> str | None:
    """Return the session that a browser remembers, ``None`` for none."""
    if is_https(connection):
        return connection.cookies.get(SECURE_COOKIE)
    return connection.cookies.get(COOKIE)


def remember(response: Response, connection: HTTPConnection, session: str) -> None:
    """Let the browser keep a session."""
    response.headers.append("set-cookie", session_cookie(session, secure=is_https(connection)))


def session_cookie(session: str, *, secure: bool) -> str:
    """Return the ``Set-Cookie`` by which a browser keeps a session. ``secure``: it came over TLS."""
    response = Response()
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        session,
        max_age=round(SESSION.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response.headers["set-cookie"]


def forget(response: Response, connection: HTTPConnection) -> None:
    """Let the browser forget its session."""
    response.headers.append("set-cookie", clearing_cookie(secure=is_https(connection)))


def clearing_cookie(*, secure: bool) -> str:
    """Return the ``Set-Cookie`` by which a browser forgets its session."""
    response = Response()
    response.delete_cookie(SECURE_COOKIE if secure else COOKIE, path="/", secure=secure, httponly=True, samesite="lax")
    return response.headers["set-cookie"]


def is_https(connection: HTTPConnection) -> bool:
    """Whether the browser came over TLS, to us or to a proxy of ours."""
    return connection.url.scheme in {"https", "wss"}


def check_origin(connection: HTTPConnection, principal: Principal) -> None:
    """Raise a problem for what another site made a browser ask."""
    harmless = connection.scope["type"] == "http" and connection.scope["method"] in _HARMLESS
    if harmless or principal.sort == "token":
        return
    told = from_our_page(connection)
    if told is None:
        told = principal.sort != "user" or OWN_HEADER in connection.headers
    if not told:
        raise Problem(
            FORBIDDEN,
            "a page of another site asked for this, or none that says where it is from: a program sends a token, a page"
            " of ours X-Penfeld-Request",
        )


def from_our_page(connection: HTTPConnection) -> bool | None:
    """Whether a browser says that a page of ours made it ask; ``None`` where it says nothing."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = connection.headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc == connection.headers.get("host")
    return None


def gate_of(connection: HTTPConnection) -> Gate:
    """Return the gate of an application."""
    gate = connection.app.state.gate
    if not isinstance(gate, Gate):
        raise TypeError("this application was not made by api.app.create_app")
    return gate


async def admitted(connection: HTTPConnection) -> Principal:
    """Return who asks for a route; raise the problem that tells why it is not for him."""
    return await gate_of(connection).admit(connection)


Asker = Annotated[Principal, Depends(admitted)]
"""Who asks for a route, after it was made sure that he may."""
