"""A login by an identity provider over HTTP, from the first click to a session, and every way in which it must fail."""

import base64
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from api.oidc.claims import Person, RoleMapping
from api.oidc.desk import OidcConfig, OidcDesk
from api.oidc.flow import Client
from api.oidc.provider import Provider
from api.routes import oidc
from tests.fakes.identity import CLIENT_ID, CLIENT_SECRET, IdentityProvider, Key, made_key, running

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PUBLIC = "https://iot.city.example"
CALLBACK = f"{PUBLIC}/login/oidc/callback"
RSA, RSA_NEXT, EC = made_key("one"), made_key("two"), made_key("ec", ec=True)


class Sessions:
    """Notes who came in."""

    def __init__(self) -> None:
        self.begun: list[Person] = []
        self.ended: list[Mapping[str, str]] = []

    async def begin(self, somebody: Person, *, at: datetime) -> str:
        """Begin a session."""
        self.begun.append(somebody)
        return f"penfeld-session=s{at.year}; Path=/; HttpOnly"

    async def end(self, cookies: Mapping[str, str], *, at: datetime) -> str:
        """End a session."""
        self.ended.append(cookies)
        return f"penfeld-session=; Path=/; Max-Age=0; Comment={at.year}"


class Ticks:
    """Seconds that a test lets pass."""

    now = 0.0

    def __call__(self) -> float:
        """Return how many passed."""
        return self.now


@pytest.fixture
def identity() -> Iterator[IdentityProvider]:
    """Run the city's identity provider."""
    with running(CALLBACK, RSA, lambda: int(NOW.timestamp())) as found:
        yield found


@pytest.fixture
def sessions() -> Sessions:
    """Return where sessions begin."""
    return Sessions()


@pytest.fixture
def ticks() -> Ticks:
    """Return the time that passes."""
    return Ticks()


@pytest.fixture
async def browser(identity: IdentityProvider, sessions: Sessions, ticks: Ticks) -> AsyncIterator[httpx.AsyncClient]:
    """Open a browser at Penfeld."""
    client = Client(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, redirect_url=CALLBACK)
    provider = Provider(identity.issuer, client, ticks)
    mapping = RoleMapping(roles={"sig-lampes": "operator"})
    config = OidcConfig(issuer=identity.issuer, public_url=PUBLIC, client=client, mapping=mapping)
    counter = iter(range(1, 100))
    desk = OidcDesk(config, provider, sessions, lambda: NOW, lambda size: bytes([next(counter)]) * size)
    app = FastAPI()
    oidc.install(app, desk)

    @app.get("/login")
    async def local() -> str:
        return "accounts of our own"

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC) as opened:
        yield opened
    await provider.close()


async def at_provider(browser: httpx.AsyncClient, back: str = "/devices") -> str:
    """Click on the login; return with which address the provider sends the browser back."""
    first = await browser.get("/login/oidc", params={"back": back})
    assert first.status_code == 303, first.text
    async with httpx.AsyncClient() as outside:
        there = await outside.get(first.headers["location"])
    assert there.status_code == 302, there.text
    return there.headers["location"]


async def log_in(browser: httpx.AsyncClient, back: str = "/devices") -> httpx.Response:
    """Log in; return what Penfeld answers in the end."""
    return await browser.get(await at_provider(browser, back))


@pytest.mark.parametrize("key", [RSA, EC], ids=["RSA", "EC"])
async def test_a_good_login_begins_a_session(
    browser: httpx.AsyncClient, identity: IdentityProvider, sessions: Sessions, key: Key
) -> None:
    """The person has the role of the group and goes on to the page that was asked for; the login's cookie is gone."""
    identity.key, identity.listed = key, [key]

    answer = await log_in(browser, "/devices?type=lamp")

    assert (answer.status_code, answer.headers["location"]) == (303, "/devices?type=lamp")
    [somebody] = sessions.begun
    assert (somebody.subject, somebody.name, somebody.role) == ("s-1", "Marie Le Gall", "operator")
    cookies = answer.headers.get_list("set-cookie")
    assert cookies[0].startswith("penfeld-session=s2026")
    assert "__Host-penfeld-oidc=" in cookies[1]
    assert "Max-Age=0" in cookies[1]


async def test_the_cookie_of_a_login_is_as_it_should_be(browser: httpx.AsyncClient) -> None:
    """For TLS only, for no script, for no other page's requests, for this host and ten minutes."""
    answer = await browser.get("/login/oidc")
    cookie = answer.headers["set-cookie"]

    assert cookie.startswith("__Host-penfeld-oidc=")
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=600"):
        assert part in cookie
    assert "Domain" not in cookie
    assert answer.headers["cache-control"] == "no-store"


def unsigned(claims: Mapping[str, Any]) -> str:
    """Return a token that nobody signed."""
    parts = (json.dumps(one).encode() for one in ({"alg": "none"}, claims))
    return ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts) + "."


def changed(**wrong: object) -> Callable[[IdentityProvider], Callable[[dict[str, Any]], str]]:
    """Return what makes a provider say something wrong."""
    return lambda identity: lambda claims: identity.sign({**claims, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        changed(nonce="another"),
        changed(aud="another"),
        changed(iss="https://id.other.example"),
        changed(exp=int(NOW.timestamp()) - 100),
        changed(groups=["people"]),
        lambda _: unsigned,
    ],
    ids=["nonce", "audience", "issuer", "expired", "group", "none"],
)
async def test_a_wrong_answer_lets_nobody_in(
    browser: httpx.AsyncClient,
    identity: IdentityProvider,
    sessions: Sessions,
    wrong: Callable[[IdentityProvider], Callable[[dict[str, Any]], str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No session; a page in the person's language that leads back; the log says what is wrong, without the token."""
    told: list[str] = []

    def spoiled(claims: dict[str, Any]) -> str:
        told.append(wrong(identity)(claims))
        return told[-1]

    identity.spoil = spoiled
    browser.headers["Accept-Language"] = "fr"
    with caplog.at_level(logging.DEBUG):
        answer = await log_in(browser)

    assert answer.status_code == 403
    assert sessions.begun == []
    assert 'href="/login"' in answer.text
    assert "pas connecté" in answer.text
    assert identity.issuer in caplog.text
    assert told[0] not in caplog.text + answer.text
    assert CLIENT_SECRET not in caplog.text + answer.text


async def test_a_token_signed_by_a_stranger_lets_nobody_in(
    browser: httpx.AsyncClient, identity: IdentityProvider, sessions: Sessions
) -> None:
    """It bears the name of the provider's key."""
    identity.key = made_key("one")

    assert (await log_in(browser)).status_code == 403
    assert sessions.begun == []


async def test_a_new_key_is_learnt_without_a_restart(
    browser: httpx.AsyncClient, identity: IdentityProvider, sessions: Sessions, ticks: Ticks
) -> None:
    """After the provider changed its key, a login asks for the keys once more; made-up names of keys do not."""
    assert (await log_in(browser)).status_code == 303
    identity.key, identity.listed = RSA_NEXT, [RSA, RSA_NEXT]
    ticks.now += 31
    assert (await log_in(browser)).status_code == 303
    assert identity.asked.count("/keys") == 2

    identity.key = made_key("three")
    for _ in range(3):
        assert (await log_in(browser)).status_code == 403
    assert identity.asked.count("/keys") == 2
    assert len(sessions.begun) == 2


async def test_groups_may_come_from_the_userinfo(
    browser: httpx.AsyncClient, identity: IdentityProvider, sessions: Sessions
) -> None:
    """Where the ID token tells none; but not if it is about somebody else."""
    del identity.claims["groups"]
    identity.userinfo = {"sub": "s-1", "groups": ["sig-lampes"]}
    assert (await log_in(browser)).status_code == 303
    identity.userinfo = {"sub": "s-2", "groups": ["sig-lampes"]}
    assert (await log_in(browser)).status_code == 403

    assert [one.role for one in sessions.begun] == ["operator"]


async def test_a_login_ends_where_it_began(browser: httpx.AsyncClient, sessions: Sessions) -> None:
    """The address of somebody else's login, without the cookie, with another's, or twice, lets nobody in."""
    stolen = await at_provider(browser)
    mine = browser.cookies
    browser.cookies = httpx.Cookies()
    assert (await browser.get(stolen)).status_code == 403
    await at_provider(browser)
    assert (await browser.get(stolen)).status_code == 403
    browser.cookies = mine
    await browser.get(stolen)
    assert len(sessions.begun) == 1
    browser.cookies = mine
    assert (await browser.get(stolen)).status_code != 303
    assert len(sessions.begun) == 1


async def test_another_providers_answer_is_refused(browser: httpx.AsyncClient, sessions: Sessions) -> None:
    """The answer says who it is from."""
    address = await at_provider(browser)
    issuer = address.partition("&iss=")[2]

    assert (await browser.get(address.replace(issuer, "https%3A%2F%2Fevil.example"))).status_code == 403
    assert sessions.begun == []


async def test_a_wrong_secret_is_said_in_the_log_only(
    browser: httpx.AsyncClient, identity: IdentityProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """The provider refuses us: the page says to try again, the log says why, neither says the secret or the code."""
    identity._known = lambda *_: False  # type: ignore[method-assign]

    answer = await log_in(browser)

    assert answer.status_code == 503
    assert "invalid_client" in caplog.text
    assert "invalid_client" not in answer.text
    assert "code-0" not in caplog.text
    assert CLIENT_SECRET not in caplog.text


async def test_a_secret_may_be_sent_in_the_form(browser: httpx.AsyncClient, identity: IdentityProvider) -> None:
    """Where the provider takes it in no other way."""
    identity.description = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    assert (await log_in(browser)).status_code == 303


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://id.other.example"},
        {"token_endpoint": "ftp://id.city.example/token"},
        {"jwks_uri": 7},
    ],
    ids=["issuer", "scheme", "shape"],
)
async def test_a_description_that_is_not_right_is_not_followed(
    browser: httpx.AsyncClient, identity: IdentityProvider, described: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Of another issuer, with unsafe addresses, or of no sense: nobody is sent there, and the log says why."""
    identity.description = described

    answer = await browser.get("/login/oidc")

    assert answer.status_code == 503
    assert "location" not in answer.headers
    assert identity.issuer in caplog.text


async def test_while_the_provider_is_down_local_accounts_work(sessions: Sessions, ticks: Ticks) -> None:
    """The page says so and leads to the login of our own, and somebody who leaves is logged out here all the same."""
    with running(CALLBACK, RSA, lambda: 0) as gone:
        issuer = gone.issuer
    client = Client(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, redirect_url=CALLBACK)
    provider = Provider(issuer, client, ticks)
    config = OidcConfig(issuer=issuer, public_url=PUBLIC, client=client, mapping=RoleMapping())
    app = FastAPI()
    oidc.install(app, OidcDesk(config, provider, sessions, lambda: NOW, lambda size: b"x" * size))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC) as browser:
        answer = await browser.get("/login/oidc")
        left = await browser.post("/logout/oidc")
    await provider.close()

    assert answer.status_code == 503
    assert "still work" in answer.text
    assert 'href="/login"' in answer.text
    assert (left.status_code, left.headers["location"]) == (303, f"{PUBLIC}/")
    assert len(sessions.ended) == 1


async def test_leaving_ends_both_sessions(
    browser: httpx.AsyncClient, identity: IdentityProvider, sessions: Sessions
) -> None:
    """Ours ends, and the browser goes to the provider to end its own; a mere link ends nothing."""
    answer = await browser.post("/logout/oidc")
    there = urlsplit(answer.headers["location"])

    assert answer.headers["location"].startswith(f"{identity.issuer}/logout?")
    assert f"client_id={CLIENT_ID}" in there.query
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await browser.get("/logout/oidc")).status_code == 405
    assert len(sessions.ended) == 1


async def test_without_settings_there_is_nothing() -> None:
    """An installation without an identity provider has no such pages."""
    app = FastAPI()
    oidc.install(app, None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC) as browser:
        assert (await browser.get("/login/oidc")).status_code == 404
