"""Sessions of people whom an identity provider knows: the same as those of local accounts, in the same cookies.

Rules:

1. An account is made at the first login, without a password, and has the role that its groups give now.
2. Whoever would be the last admin to stop being one is refused: somebody must be able to look after the accounts.
"""

from collections.abc import Mapping
from datetime import datetime

from api.access.gate import COOKIE, SECURE_COOKIE, SESSION, clearing_cookie, session_cookie
from api.oidc.claims import Person, RefusedError
from model.access import Role
from model.access_ports import Access
from model.device import Text
from model.errors import ConflictError

_LAST_ADMIN = Text(
    en="You are the last admin here, and your groups no longer make you one. Give that right to somebody else first.",
    fr="Vous êtes le dernier administrateur, et vos groupes ne vous donnent plus ce rôle. Donnez-le d'abord.",
)


class AccountSessions:
    """``Sessions`` of ``api.oidc.desk`` on the accounts. ``secure``: browsers come over TLS."""

    def __init__(self, access: Access, *, secure: bool) -> None:
        self._access = access
        self._secure = secure

    async def begin(self, somebody: Person, *, at: datetime) -> str:
        """Return the ``Set-Cookie`` of a new session; make the account, or give it the role it has now."""
        role = Role(somebody.role)
        known = {user.name: user for user in await self._access.users()}.get(somebody.account)
        try:
            if known is None:
                await self._access.add_user(somebody.account, role, None, who=somebody.account, at=at)
            elif known.role is not role:
                await self._access.set_role(somebody.account, role, who=somebody.account, at=at)
        except ConflictError as error:
            raise RefusedError(str(error), _LAST_ADMIN) from error
        session = await self._access.session_for(somebody.account, at=at, until=at + SESSION)
        return session_cookie(session, secure=self._secure)

    async def end(self, cookies: Mapping[str, str], *, at: datetime) -> str:
        """End the session in a browser's cookies; return the ``Set-Cookie`` that clears it."""
        session = cookies.get(SECURE_COOKIE if self._secure else COOKIE)
        if session is not None:
            await self._access.logout(session, at=at)
        return clearing_cookie(secure=self._secure)
