"""A login ends only in the browser that began it, soon, and at an address of ours."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.oidc import flow
from api.oidc.claims import RefusedError
from api.oidc.flow import Client

NOW = 1_795_000_000
CLIENT = Client(client_id="penfeld", client_secret="hush", redirect_url="https://iot.city.example/login/oidc/callback")  # noqa: S106 -- made up
KEY = flow.sealing_key("hush")


def counted() -> "flow.Attempt":
    """Return a login whose chance is known."""
    bytes_ = iter((b"a" * 32, b"b" * 32, b"c" * 32))
    return flow.attempt("/devices?type=lamp", NOW, lambda _: next(bytes_))


def test_the_browser_is_sent_with_all_that_the_provider_needs() -> None:
    """Code flow, PKCE by SHA-256, state and nonce, behind whatever query the address has; never the secret."""
    begun = counted()

    url = flow.authorization_url("https://id.city.example/auth?tenant=1", CLIENT, begun)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    assert query["tenant"] == "1"
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    assert (query["state"], query["nonce"]) == (begun.state, begun.nonce)
    digest = hashlib.sha256(begun.verifier.encode()).digest()
    assert query["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert len(begun.verifier) >= 43
    assert "hush" not in url
    assert begun.verifier not in url


def test_a_sealed_login_is_opened_by_its_key_only() -> None:
    """What is in the cookie comes back; with one sign changed or another key it is nothing."""
    begun = counted()
    value = flow.seal(begun, KEY)

    assert flow.opened(value, KEY) == begun
    assert flow.opened(value, flow.sealing_key("other")) is None
    assert flow.opened(value[:-1], KEY) is None
    assert begun.nonce not in repr(begun)
    for position in range(0, len(value), 7):
        changed = value[:position] + ("A" if value[position] != "A" else "B") + value[position + 1 :]
        assert flow.opened(changed, KEY) is None


@given(st.text(max_size=200))
def test_no_cookie_is_too_strange(value: str) -> None:
    """Whatever a browser sends as the cookie, it is a login that we sealed, or none."""
    assert flow.opened(value, KEY) is None


@pytest.mark.parametrize(
    ("query", "later"),
    [
        ({"code": "c", "state": "other"}, 0),
        ({"code": "c"}, 0),
        ({"code": "c", "state": ""}, 0),
        ({"state": "right"}, 0),
        ({"state": "right", "error": "access_denied"}, 0),
        ({"state": "right", "error": "server_error", "code": "c"}, 0),
        ({"code": "c", "state": "right"}, flow.LIFETIME_S),
    ],
)
def test_who_comes_back_with_something_else_is_refused(query: dict[str, str], later: int) -> None:
    """Another state, no code, an error, or too late."""
    begun = counted()
    asked = {name: begun.state if value == "right" else value for name, value in query.items()}

    with pytest.raises(RefusedError):
        flow.code_of(asked, begun, NOW + later)


def test_who_comes_back_with_the_right_state_has_the_code() -> None:
    """In time, and in this browser; without its cookie there is no login."""
    begun = counted()

    assert flow.code_of({"code": "c", "state": begun.state}, begun, NOW + flow.LIFETIME_S - 1) == "c"
    with pytest.raises(RefusedError):
        flow.code_of({"code": "c", "state": begun.state}, None, NOW)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "/a\nb",
        "/é",
        "\\\\x",
        "a",
    ],
)
def test_nobody_is_sent_elsewhere(elsewhere: str) -> None:
    """What is no path of ours becomes the first page."""
    assert flow.local(elsewhere) == "/"
    assert flow.local("/devices?type=lamp#map") == "/devices?type=lamp#map"


def test_the_secret_is_not_shown() -> None:
    """Neither ours in a repr, nor in the form beside who we are."""
    assert "hush" not in repr(CLIENT)
    assert "hush" not in str(flow.token_form(CLIENT, counted(), "c"))
