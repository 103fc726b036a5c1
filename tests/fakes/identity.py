"""An identity provider of our own: OpenID Connect over HTTP on a loopback port, as strict as a real one.

It logs everybody in at once, checks client, redirect address, code and PKCE as the standard says, and signs with a key
that it made. A test changes ``claims`` or ``spoil`` to make it wrong in one way.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

CLIENT_ID, CLIENT_SECRET = "penfeld", "hush: a/secret+with signs"

Key = RSAKey | ECKey
Answer = tuple[int, dict[str, str], Any]


def made_key(kid: str, *, ec: bool = False) -> Key:
    """Return a new key pair."""
    if ec:
        return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


class IdentityProvider:
    """What it knows and what it was asked. ``now``: its clock; ``claims``: what it says of whoever logs in."""

    def __init__(self, issuer: str, redirect_url: str, key: Key, now: Callable[[], int]) -> None:
        self.issuer = issuer
        self.redirect_url = redirect_url
        self.key = key
        self.listed: list[Key] = [key]
        self.now = now
        self.claims: dict[str, Any] = {"sub": "s-1", "name": "Marie Le Gall", "email": "marie@city.example"}
        self.claims |= {"groups": ["sig-lampes"]}
        self.userinfo: dict[str, Any] = {}
        self.spoil: Callable[[dict[str, Any]], str | None] = lambda _: None
        self.description: dict[str, Any] = {}
        self.asked: list[str] = []
        self._codes: dict[str, Mapping[str, str]] = {}

    def sign(self, claims: Mapping[str, Any], algorithm: str | None = None) -> str:
        """Return an ID token."""
        found = algorithm or ("ES256" if isinstance(self.key, ECKey) else "RS256")
        return jwt.encode({"alg": found, "kid": str(self.key.kid)}, dict(claims), self.key, algorithms=[found])

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: str
    ) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and JSON for a request."""
        path, query = urlsplit(target).path, _single(urlsplit(target).query)
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return 200, {}, self._described()
        if path == "/keys":
            return 200, {}, KeySet(list(self.listed)).as_dict(private=False)
        if path == "/authorize":
            return self._authorize(query)
        if path == "/token" and method == "POST":
            return self._token(headers, _single(body))
        if path == "/userinfo" and headers.get("Authorization") == "Bearer access-1":
            return 200, {}, self.userinfo
        return 404, {}, {"error": "not_found"}

    def _described(self) -> Mapping[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/logout",
            **self.description,
        }

    def _authorize(self, query: Mapping[str, str]) -> Answer:
        right = (
            query.get("client_id") == CLIENT_ID
            and query.get("redirect_uri") == self.redirect_url
            and query.get("response_type") == "code"
            and query.get("code_challenge_method") == "S256"
            and "openid" in query.get("scope", "").split()
        )
        if not right:
            return 400, {}, {"error": "invalid_request"}
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        back = urlencode({"code": code, "state": query["state"], "iss": self.issuer})
        return 302, {"Location": f"{self.redirect_url}?{back}"}, {}

    def _token(self, headers: Mapping[str, str], form: Mapping[str, str]) -> Answer:
        if not self._known(headers, form):
            return 401, {}, {"error": "invalid_client"}
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        right = (
            asked is not None
            and form.get("grant_type") == "authorization_code"
            and form.get("redirect_uri") == self.redirect_url
            and asked["code_challenge"] == challenge.rstrip(b"=").decode()
        )
        if asked is None or not right:
            return 400, {}, {"error": "invalid_grant"}
        times = {"iat": self.now(), "exp": self.now() + 300}
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "nonce": asked["nonce"], **times, **self.claims}
        token = self.spoil(claims) or self.sign(claims)
        return 200, {}, {"id_token": token, "access_token": "access-1", "token_type": "Bearer"}

    @staticmethod
    def _known(headers: Mapping[str, str], form: Mapping[str, str]) -> bool:
        kind, _, value = headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(value).decode().partition(":")
            return (unquote_plus(name), unquote_plus(secret)) == (CLIENT_ID, CLIENT_SECRET)
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)


@contextmanager
def running(redirect_url: str, key: Key, now: Callable[[], int]) -> Iterator[IdentityProvider]:
    """Run a provider on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            status, headers, document = provider.answer(self.command, self.path, dict(self.headers.items()), body)
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data)), "Connection": "close"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _do  # noqa: N815 -- names that http.server asks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = IdentityProvider(f"http://127.0.0.1:{server.server_address[1]}", redirect_url, key, now)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _single(text: str) -> Mapping[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}
