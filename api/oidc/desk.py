"""Logging in by an identity provider, from the first click to a session."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from api.oidc import flow
from api.oidc.claims import Person, RefusedError, RoleMapping, groups, person
from api.oidc.flow import Attempt, Client
from api.oidc.provider import Provider
from api.oidc.verification import NOT_GENUINE, Expected, UnknownKeyError, verified
from model.errors import UnavailableError

log = logging.getLogger(__name__)


class Sessions(Protocol):
    """Where sessions begin and end: the same as those of local accounts."""

    async def begin(self, somebody: Person, *, at: datetime) -> str:
        """Return the ``Set-Cookie`` of a new session; make the account, or give it the role it has now."""
        ...

    async def end(self, cookies: Mapping[str, str], *, at: datetime) -> str:
        """End the session in a browser's cookies; return the ``Set-Cookie`` that clears it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConfig:
    """Settings of the login. ``public_url``: under which address browsers reach Penfeld, without a slash behind."""

    issuer: str
    public_url: str
    client: Client
    mapping: RoleMapping
    label: str = ""

    @property
    def secure(self) -> bool:
        """Whether cookies are for TLS only."""
        return self.public_url.startswith("https://")


class OidcDesk:
    """Begins and ends logins. ``random``: secret bytes; ``clock``: what time it is."""

    def __init__(
        self,
        config: OidcConfig,
        provider: Provider,
        sessions: Sessions,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        self.config = config
        self._provider = provider
        self._sessions = sessions
        self._clock = clock
        self._random = random
        self._key = flow.sealing_key(config.client.client_secret)

    async def begin(self, back: str) -> tuple[str, str]:
        """Return where the browser goes, and the value of the cookie it takes along; raise ``UnavailableError``."""
        description = await self._provider.description()
        begun = flow.attempt(back, self._now(), self._random)
        return flow.authorization_url(description.authorization_endpoint, self.config.client, begun), flow.seal(
            begun, self._key
        )

    async def finish(self, query: Mapping[str, str], cookie: str) -> tuple[str, str]:
        """Return the ``Set-Cookie`` of a session and where to go; raise ``RefusedError``, ``UnavailableError``."""
        begun = flow.opened(cookie, self._key)
        code = flow.code_of(query, begun, self._now())
        if begun is None:  # code_of has refused it
            raise RefusedError("no login is under way in this browser", flow.BEGIN_AGAIN)
        told = query.get("iss")
        if told is not None and told != (await self._provider.description()).issuer:
            raise RefusedError("another provider than the one that was asked answers", NOT_GENUINE)
        somebody = await self._somebody(code, begun)
        log.info("login by %s: %s as %s", self.config.issuer, somebody.account, somebody.role)
        return await self._sessions.begin(somebody, at=self._clock()), begun.back

    async def leave(self, cookies: Mapping[str, str]) -> tuple[str, str]:
        """End a session; return the ``Set-Cookie`` that clears it, and where to go to end the provider's, too.

        While the provider does not answer, ours ends all the same.
        """
        cleared = await self._sessions.end(cookies, at=self._clock())
        back = f"{self.config.public_url}/"
        try:
            endpoint = (await self._provider.description()).end_session_endpoint
        except UnavailableError as error:
            log.warning("logout by %s: %s", self.config.issuer, error)
            return cleared, back
        return cleared, flow.logout_url(endpoint, self.config.client, back) if endpoint else back

    async def _somebody(self, code: str, begun: Attempt) -> Person:
        id_token, access_token = await self._provider.tokens(code, begun)
        claims = await self._verified(id_token, begun)
        if not groups(claims, self.config.mapping.claim):  # some providers tell groups there only
            more = await self._provider.userinfo(access_token)
            if more and more.get("sub") != claims["sub"]:
                raise RefusedError("the userinfo is about somebody else", NOT_GENUINE)
            claims = {**more, **claims}
        return person(self.config.issuer, claims, self.config.mapping)

    async def _verified(self, id_token: str, begun: Attempt) -> Mapping[str, object]:
        expected = Expected(
            issuer=(await self._provider.description()).issuer,
            client_id=self.config.client.client_id,
            nonce=begun.nonce,
            now=self._now(),
        )
        try:
            return verified(id_token, await self._provider.keys(), expected)
        except UnknownKeyError:
            pass
        try:
            return verified(id_token, await self._provider.keys(again=True), expected)
        except UnknownKeyError:
            raise RefusedError("the ID token is signed by a key that the provider does not list", NOT_GENUINE) from None

    def _now(self) -> int:
        return int(self._clock().timestamp())
