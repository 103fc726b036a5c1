"""The door to an identity provider: its description, its keys, codes into tokens, and what it says of a person.

Rules:

1. Description and keys are kept for a while. Where a token names a key that we do not have, the keys are asked for once
   more, but not again and again: anybody can make up a name of a key.
2. The description must be about the very issuer of the settings, and every address in it as safe as the issuer's.
3. A provider that does not answer, or answers nonsense, is ``UnavailableError``: nobody waits for it but who logs in by
   it. No redirect is followed, and no answer read beyond a size.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlsplit

import httpx
import msgspec

from api.oidc.flow import Attempt, Client, token_form
from model.errors import UnavailableError

T = TypeVar("T")

_TIMEOUT_S = 8.0
_KEPT_S = 3600.0
_KEYS_AGAIN_S = 30.0
_MOST_BYTES = 1 << 20
_OK = 200


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What OpenID Connect Discovery says of a provider, as far as we use it."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str = ""

    def __repr__(self) -> str:
        return "_Tokens(…)"


@dataclass(slots=True)
class _Kept:
    """Something that was fetched, and when."""

    what: Any = None
    at: float = float("-inf")


class Provider:
    """One identity provider. ``monotonic``: seconds that only go forward."""

    def __init__(self, issuer: str, client: Client, monotonic: Callable[[], float]) -> None:
        self._issuer = issuer
        self._us = client
        self._monotonic = monotonic
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False, headers={"User-Agent": "penfeld"})
        self._description = _Kept()
        self._keys = _Kept()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def description(self) -> Description:
        """Return what the provider says of itself; raise ``UnavailableError``."""
        now = self._monotonic()
        if now - self._description.at > _KEPT_S:
            address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            found = self._read(await self._get(address), Description, address)
            self._check(found)
            self._description = _Kept(found, now)
        kept: Description = self._description.what
        return kept

    async def keys(self, *, again: bool = False) -> Mapping[str, Any]:
        """Return its keys; ``again``: ask for them, unless that was just done. Raise ``UnavailableError``."""
        now = self._monotonic()
        if now - self._keys.at > (_KEYS_AGAIN_S if again else _KEPT_S):
            address = (await self.description()).jwks_uri
            found = self._read(await self._get(address), dict[str, Any], address)
            self._keys = _Kept(found, now)
        kept: Mapping[str, Any] = self._keys.what
        return kept

    async def tokens(self, code: str, begun: Attempt) -> tuple[str, str]:
        """Return ID token and access token for a code; raise ``UnavailableError``."""
        description = await self.description()
        form, headers = dict(token_form(self._us, begun, code)), {}
        if "client_secret_basic" in description.token_endpoint_auth_methods_supported:
            pair = f"{quote_plus(self._us.client_id)}:{quote_plus(self._us.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": self._us.client_id, "client_secret": self._us.client_secret}
        address = description.token_endpoint
        request = self._http.build_request("POST", address, data=form, headers=headers)
        found = self._read(await self._send(request), _Tokens, address)
        return found.id_token, found.access_token

    async def userinfo(self, access_token: str) -> Mapping[str, object]:
        """Return what it says of a person beside the ID token; empty where it has no such address."""
        address = (await self.description()).userinfo_endpoint
        if not address or not access_token:
            return {}
        request = self._http.build_request("GET", address, headers={"Authorization": f"Bearer {access_token}"})
        found: Mapping[str, object] = self._read(await self._send(request), dict[str, Any], address)
        return found

    def _check(self, found: Description) -> None:
        if found.issuer.rstrip("/") != self._issuer.rstrip("/"):
            raise self._trouble(f"it says that it is {found.issuer[:200]!r}: correct [access.oidc] issuer")
        scheme = urlsplit(self._issuer).scheme
        addresses = (
            found.authorization_endpoint,
            found.token_endpoint,
            found.jwks_uri,
            found.userinfo_endpoint,
            found.end_session_endpoint,
        )
        for address in addresses:
            if address and urlsplit(address).scheme not in ("https", scheme):
                raise self._trouble(f"it names {address[:200]}, which is less safe than its own address")

    async def _get(self, address: str) -> bytes:
        return await self._send(self._http.build_request("GET", address, headers={"Accept": "application/json"}))

    async def _send(self, request: httpx.Request) -> bytes:
        """Return the body of an answer; what was sent is not told, since it may hold our secret."""
        where = f"{request.url.scheme}://{request.url.host}{request.url.path}"
        body = b""
        try:
            answer = await self._http.send(request, stream=True)
            try:
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise self._trouble(f"{where} answers with more than {_MOST_BYTES >> 20} MiB")
            finally:
                await answer.aclose()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._trouble(f"{where}: {type(error).__name__}") from error
        if answer.status_code != _OK:
            raise self._trouble(f"{where} answers {answer.status_code}{_said(body)}")
        return body

    def _read(self, body: bytes, kind: type[T], address: str) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._trouble(f"{address} answers what it should not: {error}") from error

    def _trouble(self, what: str) -> UnavailableError:
        return UnavailableError(f"identity provider {self._issuer}: {what}")


class _Error(msgspec.Struct):
    error: str = ""


def _said(body: bytes) -> str:
    """Return the code of an OAuth error in an answer; nothing else of it is repeated."""
    try:
        found = msgspec.json.decode(body, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return f" ({found[:60]})" if found.isascii() and found.isprintable() and found else ""
