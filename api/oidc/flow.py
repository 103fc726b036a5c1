"""One login by authorization code with PKCE: what the browser is sent with, and what it must come back with. Pure.

Rules:

1. State, nonce and the code's verifier are new for each login, and only the browser that began it can end it: they wait
   in a cookie that is sealed by a key of ours, for ten minutes.
2. A person goes back to an address of ours, never to another's.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import msgspec

from api.oidc.claims import RefusedError
from model.device import Text

LIFETIME_S = 600
_BYTES = 32
_LONGEST_RETURN = 2000

BEGIN_AGAIN = Text(
    en="This login is over or was begun in another browser. Begin again.",
    fr="Cette connexion a expiré ou a été commencée dans un autre navigateur. Recommencez.",
)
NOT_ALLOWED = Text(
    en="The identity provider did not let you in.", fr="Le fournisseur d'identité ne vous a pas laissé entrer."
)
PROVIDER_TROUBLE = Text(
    en="The identity provider reports an error. Begin again; if it stays so, tell the operator.",
    fr="Le fournisseur d'identité signale une erreur. Recommencez ; si cela persiste, prévenez l'exploitant.",
)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A login under way. ``until``: seconds since 1970. Its ``repr`` says nothing of it."""

    state: str
    nonce: str
    verifier: str
    back: str
    until: int

    def __repr__(self) -> str:
        """Return nothing that helps anybody."""
        return "Attempt(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who we are to the provider. ``redirect_url``: where it sends browsers back to."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_url: str
    scopes: tuple[str, ...] = ("openid", "profile", "email")


def attempt(back: str, now: int, random: Callable[[int], bytes]) -> Attempt:
    """Return a new login that ends at an address of ours."""
    state, nonce, verifier = (_plain(random(_BYTES)) for _ in range(3))
    return Attempt(state=state, nonce=nonce, verifier=verifier, back=local(back), until=now + LIFETIME_S)


def authorization_url(endpoint: str, client: Client, begun: Attempt) -> str:
    """Return where the browser goes first."""
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_url,
        "scope": " ".join(client.scopes),
        "state": begun.state,
        "nonce": begun.nonce,
        "code_challenge": _plain(hashlib.sha256(begun.verifier.encode()).digest()),
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"


def logout_url(endpoint: str, client: Client, back: str) -> str:
    """Return where the browser goes to end its session at the provider, too."""
    query = {"client_id": client.client_id, "post_logout_redirect_uri": back}
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"


def token_form(client: Client, begun: Attempt, code: str) -> Mapping[str, str]:
    """Return what the code is exchanged with, beside who we are."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_url,
        "code_verifier": begun.verifier,
    }


def code_of(query: Mapping[str, str], begun: Attempt | None, now: int) -> str:
    """Return the code with which a browser comes back; raise ``RefusedError`` if this is not the login it began."""
    if begun is None or begun.until <= now:
        raise RefusedError("no login is under way in this browser", BEGIN_AGAIN)
    if not hmac.compare_digest(query.get("state", "").encode(), begun.state.encode()):
        raise RefusedError("the state is not the one of this login", BEGIN_AGAIN)
    error = query.get("error")
    if error is not None:
        reason = NOT_ALLOWED if error in ("access_denied", "login_required") else PROVIDER_TROUBLE
        raise RefusedError(f"the provider answers {error[:100]!r}", reason)
    code = query.get("code", "")
    if not code:
        raise RefusedError("the provider sent no code", PROVIDER_TROUBLE)
    return code


def seal(begun: Attempt, key: bytes) -> str:
    """Return a login as the value of a cookie."""
    body = msgspec.json.encode(begun)
    return f"{_plain(body)}.{_plain(_mark(body, key))}"


def opened(value: str, key: bytes) -> Attempt | None:
    """Return the login in a cookie; ``None`` if we did not seal it."""
    body, _, mark = value.partition(".")
    try:
        raw, shown = _bytes(body), _bytes(mark)
        if not hmac.compare_digest(_mark(raw, key), shown):
            return None
        return msgspec.json.decode(raw, type=Attempt)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None


def sealing_key(client_secret: str) -> bytes:
    """Return the key that all processes of one installation share without a setting more."""
    return hmac.digest(client_secret.encode(), b"penfeld: the cookie of a login by OpenID Connect", "sha256")


def local(back: str) -> str:
    """Return an address of ours to go back to; ``/`` for any other."""
    plain = back.isascii() and back.isprintable() and "\\" not in back and len(back) <= _LONGEST_RETURN
    return back if plain and back.startswith("/") and not back.startswith("//") else "/"


def _mark(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")


def _plain(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
