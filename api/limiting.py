"""Limits in front of the application, as ASGI middleware: who asks too often is told when to come back.

Rules:

1. Who asks is whom ``whose`` names, else the address: the server takes it from a proxy that the settings trust.
2. Who asks from this machine itself is limited at logins only.
3. A refusal is a problem document of status 429 with ``Retry-After``; a WebSocket is refused before it is open.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors
from api.language import accepted
from api.limits import Buckets, Failures, Kind, LimitConfig, Policy, Verdict, headers, here, kind_of, place, seconds

log = logging.getLogger(__name__)

Whose = Callable[[HTTPConnection], Awaitable[str]]
"""Return who asks, as a name of ours that nobody can choose; "" for nobody known."""

_TRY_LATER = 1013


class LoginGuard:
    """What the route of local logins asks before it looks at a password, and tells afterwards."""

    def __init__(self, remembered: int, monotonic_ns: Callable[[], int]) -> None:
        self._failures = Failures(remembered)
        self._clock = monotonic_ns

    def check(self, account: str, connection: HTTPConnection) -> None:
        """Raise a problem (429) where account or address failed too often to try again now."""
        wait = self._failures.wait(account, _address(connection.scope), self._clock())
        if wait > 0:
            detail = f"too many failed logins: try again in {seconds(wait)} s"
            raise errors.Problem(errors.TOO_MANY, detail, headers={"Retry-After": str(seconds(wait))})

    def failed(self, account: str, connection: HTTPConnection) -> None:
        """Note that name or password were wrong."""
        self._failures.failed(account, _address(connection.scope), self._clock())

    def succeeded(self, account: str) -> None:
        """Note that somebody is in."""
        self._failures.succeeded(account)


class Limits:
    """The middleware."""

    def __init__(
        self, app: ASGIApp, config: LimitConfig, monotonic_ns: Callable[[], int], whose: Whose | None = None
    ) -> None:
        self.app = app
        self._clock = monotonic_ns
        self._whose = whose
        self._buckets = {kind: Buckets(policy, config.remembered) for kind, policy in config.policies.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        kind = _kind(scope)
        buckets = self._buckets.get(kind) if kind else None
        if kind is None or buckets is None or (kind is not Kind.LOGINS and here(_host(scope))):
            await self.app(scope, receive, send)
            return
        who = _address(scope) if kind is Kind.LOGINS else await self._who(scope)
        verdict = buckets.take(who, self._clock())
        told = headers(kind, buckets.policy, verdict)
        if not verdict.allowed:
            log.info("%s asks too often: %s", who, kind)
            await _refuse(scope, receive, send, _refusal(scope, kind, buckets.policy, verdict, told))
            return

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        await self.app(scope, receive, telling if scope["type"] == "http" else send)

    async def _who(self, scope: Scope) -> str:
        """Return whose bucket counts; a wrong token is nobody's, and refused behind us."""
        if self._whose is not None:
            try:
                found = await self._whose(HTTPConnection(scope))
            except errors.Problem:
                found = ""
            if found:
                return f"user {found}"
        return _address(scope)


def _kind(scope: Scope) -> Kind | None:
    if scope["type"] not in ("http", "websocket"):
        return None
    found = Headers(scope=scope)
    formats = f"{scope.get('query_string', b'').decode('latin-1')} {found.get('accept', '')}".lower()
    return kind_of(scope.get("method", "GET"), scope["path"], formats)


def _host(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _address(scope: Scope) -> str:
    return place(_host(scope))


def _refusal(scope: Scope, kind: Kind, policy: Policy, verdict: Verdict, told: Mapping[str, str]) -> Response:
    wait = seconds(verdict.wait)
    detail = f"{policy.quota} {kind} in {policy.window_s} s are allowed: try again in {wait} s"
    language = accepted(Headers(scope=scope).get("accept-language", ""))
    return errors.document(
        errors.TOO_MANY,
        detail,
        instance=scope["path"] if scope["type"] == "websocket" else errors.address_of(Request(scope)),
        language=language,
        members={"violated-policies": [str(kind)]},
        headers=told,
    )


async def _refuse(scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
    if scope["type"] == "http":
        await answer(scope, receive, send)
    elif "websocket.http.response" in scope.get("extensions", {}):
        pairs: Iterable[tuple[bytes, bytes]] = answer.raw_headers
        start = {"type": "websocket.http.response.start", "status": answer.status_code, "headers": list(pairs)}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": bytes(answer.body)})
    else:
        await send({"type": "websocket.close", "code": _TRY_LATER, "reason": "too many requests"})
