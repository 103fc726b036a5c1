"""People whom an identity provider knows have accounts and sessions like all others."""

from dataclasses import replace
from datetime import UTC, datetime
from http.cookies import SimpleCookie

import pytest

from api.access.gate import COOKIE, SECURE_COOKIE
from api.oidc.claims import Person, RefusedError
from api.oidc.sessions import AccountSessions
from model.access import Role
from tests.fakes.access import Access

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MARIE = Person(subject="s-1", name="Marie", email="m@city.example", role="operator", account="marie.4f2a")


def value(cookie: str, name: str = SECURE_COOKIE) -> str:
    """Return what a cookie says."""
    return SimpleCookie(cookie)[name].value


async def test_the_first_login_makes_an_account_without_a_password() -> None:
    """The cookie is that of a session of this account, for TLS only and for no script."""
    access = Access()

    cookie = await AccountSessions(access, secure=True).begin(MARIE, at=NOW)

    [user] = await access.users()
    somebody = await access.by_session(value(cookie), at=NOW)
    assert (user.name, user.role, user.has_password) == ("marie.4f2a", Role.OPERATOR, False)
    assert somebody is not None
    assert somebody.name == "marie.4f2a"
    assert "Secure" in cookie
    assert "HttpOnly" in cookie


async def test_the_role_is_what_the_groups_give_now() -> None:
    """Another role at the next login is the account's, and a line of audit; the same role is none."""
    access = Access()
    sessions = AccountSessions(access, secure=False)
    await sessions.begin(MARIE, at=NOW)
    await sessions.begin(MARIE, at=NOW)
    await sessions.begin(replace(MARIE, role="viewer"), at=NOW)

    [user] = await access.users()
    changes = [line.what for line in await access.audit(target="marie.4f2a")]
    assert user.role is Role.VIEWER
    assert changes.count("user.role") == 1


async def test_the_last_admin_stays_one() -> None:
    """Who would leave nobody to look after accounts is told so, and not let in as less."""
    access = Access()
    sessions = AccountSessions(access, secure=False)
    await sessions.begin(replace(MARIE, role="admin"), at=NOW)

    with pytest.raises(RefusedError, match="admin"):
        await sessions.begin(replace(MARIE, role="viewer"), at=NOW)
    assert (await access.users())[0].role is Role.ADMIN


async def test_logging_out_ends_the_session_and_clears_the_cookie() -> None:
    """What the browser had is nobody's afterwards; a browser without a session is not told."""
    access = Access()
    sessions = AccountSessions(access, secure=False)
    cookie = value(await sessions.begin(MARIE, at=NOW), COOKIE)

    cleared = await sessions.end({COOKIE: cookie}, at=NOW)

    assert await access.by_session(cookie, at=NOW) is None
    assert "Max-Age=0" in cleared
    assert "Max-Age=0" in await sessions.end({}, at=NOW)
