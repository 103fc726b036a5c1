"""Who asks too often is told when to come back, and others are not kept from asking."""

from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.errors import UNAUTHORIZED, Problem
from api.limiting import Limits, LoginGuard, Whose
from api.limits import SECOND, Kind, LimitConfig, Policy

CONFIG = LimitConfig(policies={Kind.QUERIES: Policy(2), Kind.LOGINS: Policy(1), Kind.STREAMS: Policy(1)}, remembered=10)
ABROAD = "198.51.100.7"


class Clock:
    """Nanoseconds that a test lets pass."""

    now = 0

    def __call__(self) -> int:
        """Return how many passed."""
        return self.now


async def answers(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer everything."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("data")(scope, receive, send)


async def token_of(connection: HTTPConnection) -> str:
    """Return whose token this is; refuse a wrong one."""
    token = connection.headers.get("authorization", "")
    if token == "wrong":  # noqa: S105 -- made up
        raise Problem(UNAUTHORIZED, "wrong")
    return token


def browser(clock: Clock, address: str = ABROAD, whose: Whose | None = None, proxy: str = "") -> httpx.AsyncClient:
    """Return who asks from an address."""
    app: Any = Limits(answers, CONFIG, clock, whose)
    if proxy:
        app = ProxyHeadersMiddleware(app, trusted_hosts=[proxy])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url="http://penfeld")


async def test_too_many_requests_are_refused_until_they_may_be_made() -> None:
    """The refusal is a problem in the person's language; after the time it tells, the request passes."""
    clock = Clock()
    async with browser(clock) as asks:
        good = [await asks.get("/api/v1/devices") for _ in range(2)]
        refused = await asks.get("/api/v1/devices", headers={"Accept-Language": "fr"})
        clock.now += int(refused.headers["retry-after"]) * SECOND
        again = await asks.get("/api/v1/devices")

    assert [one.status_code for one in (*good, refused, again)] == [200, 200, 429, 200]
    assert [one.headers["ratelimit"] for one in good] == ['"queries";r=1;t=30', '"queries";r=0;t=60']
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["title"] == "Trop de requêtes"
    assert refused.json()["violated-policies"] == ["queries"]
    assert "30 s" in refused.json()["detail"]


async def test_what_has_no_limit_is_never_refused() -> None:
    """Health, pushes and pages pass always, and say nothing of limits."""
    async with browser(Clock()) as asks:
        for _ in range(5):
            for path in ("/healthz", "/api/v1/callbacks/sigfox", "/devices"):
                answer = await asks.get(path)
                assert answer.status_code == 200
                assert "ratelimit" not in answer.headers


async def test_who_sits_at_this_machine_is_limited_at_logins_only() -> None:
    """Tools beside Penfeld ask as often as they like; passwords are guessed slowly from anywhere."""
    async with browser(Clock(), "127.0.0.1") as asks:
        queries = [(await asks.get("/api/v1/devices")).status_code for _ in range(5)]
        logins = [(await asks.post("/api/v1/login")).status_code for _ in range(2)]

    assert (queries, logins) == ([200] * 5, [200, 429])


async def test_a_user_has_a_bucket_wherever_he_asks_from() -> None:
    """Two tokens at one address have two; a wrong token, or another wrong one, has that of its address."""
    async with browser(Clock(), whose=token_of) as asks:
        asked = ["anne", "anne", "anne", "paul", "wrong", "wrong", "wrong", ""]
        codes = [(await asks.get("/api/v1/devices", headers={"Authorization": one})).status_code for one in asked]

    assert codes == [200, 200, 429, 200, 200, 200, 429, 429]


async def test_only_a_trusted_proxy_is_believed() -> None:
    """Behind it each address has a bucket; anybody else who names another address is counted by his own."""
    told = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(4)]
    async with browser(Clock(), "10.0.0.1", proxy="10.0.0.0/8") as behind:
        believed = [(await behind.get("/api/v1/devices", headers=one)).status_code for one in told]
        twice = [(await behind.get("/api/v1/devices", headers=told[0])).status_code for _ in range(2)]
    async with browser(Clock(), proxy="10.0.0.0/8") as liar:
        lied = [(await liar.get("/api/v1/devices", headers=one)).status_code for one in told]

    assert (believed, twice, lied) == ([200] * 4, [200, 429], [200, 200, 429, 429])


@pytest.mark.parametrize("extended", [True, False])
async def test_a_web_socket_is_refused_before_it_is_open(extended: bool) -> None:  # noqa: FBT001 -- a case
    """With an answer where the server can give one, else by closing: never by an error."""
    app, sent = Limits(answers, CONFIG, Clock()), list[Message]()
    scope: Scope = {"type": "websocket", "path": "/api/v1/stream/ws", "headers": [], "client": (ABROAD, 1)}
    scope["extensions"] = {"websocket.http.response": {}} if extended else {}

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    await app(scope, receive, send)

    assert sent[0]["type"] == "websocket.accept"
    if extended:
        assert (sent[1]["type"], sent[1]["status"]) == ("websocket.http.response.start", 429)
        assert sent[2]["type"] == "websocket.http.response.body"
    else:
        assert (sent[1]["type"], sent[1]["code"]) == ("websocket.close", 1013)


def test_a_login_that_failed_too_often_waits() -> None:
    """The guard lets two failures pass, then tells how long to wait, and lets in who waited and succeeds."""
    clock = Clock()
    guard, connection = LoginGuard(10, clock), HTTPConnection({"type": "http", "client": (ABROAD, 1), "headers": []})
    for _ in range(3):
        guard.check("anne", connection)
        guard.failed("anne", connection)

    with pytest.raises(Problem) as refused:
        guard.check("anne", connection)
    assert (refused.value.status_code, dict(refused.value.headers or {})) == (429, {"Retry-After": "1"})
    clock.now += SECOND
    guard.check("anne", connection)
    guard.succeeded("anne")


async def test_who_has_no_address_is_counted_too() -> None:
    """Behind a socket without addresses all are one."""
    app = Limits(answers, CONFIG, Clock())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("", 0)), base_url="http://penfeld") as asks:
        codes = [(await asks.get("/api/v1/devices")).status_code for _ in range(3)]

    assert codes == [200, 200, 429]
