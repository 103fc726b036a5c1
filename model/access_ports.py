"""The door to users, tokens and what they did. As in ``model.ports``: one real implementation, and a fake.

Secrets are given to a person once; what is kept of them tells whether one is right, and not what it is. Whatever is
changed is a line of audit, in the same transaction, with what was before and what is after.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from model.access import Permission, Principal, Role, Token, User, Visibility
from model.alarm import AuditLine


class Access(Protocol):
    """Accounts, sessions, tokens, experiments, audit. All raise ``UnavailableError``."""

    async def login(self, name: str, password: str, *, at: datetime, until: datetime) -> str | None:
        """Return the secret of a new session that ends at ``until``; ``None`` where name or password are wrong."""
        ...

    async def logout(self, session: str, *, at: datetime) -> None:
        """End a session; one that there is not is passed over."""
        ...

    async def by_session(self, session: str, *, at: datetime) -> Principal | None:
        """Return whose session this is now, ``None`` if it is nobody's."""
        ...

    async def by_token(self, token: str, *, at: datetime) -> Principal | None:
        """Return for whom this token speaks now, ``None`` if for nobody; note that it was used."""
        ...

    async def session_for(self, name: str, *, at: datetime, until: datetime) -> str:
        """Return the secret of a new session of somebody whom another service knows; raise ``NotFoundError``."""
        ...

    async def users(self) -> Sequence[User]:
        """Return all accounts in order of their names."""
        ...

    async def add_user(self, name: str, role: Role, password: str | None, *, who: str, at: datetime) -> User:
        """Make an account; raise ``ConflictError`` where there is one, ``BadRequestError`` for a bad name or password.

        Without a password it is for somebody whom another service knows.
        """
        ...

    async def set_password(self, name: str, password: str, *, who: str, at: datetime) -> None:
        """Give an account another password, and end its sessions; raise ``NotFoundError``, ``BadRequestError``."""
        ...

    async def set_role(self, name: str, role: Role, *, who: str, at: datetime) -> None:
        """Make somebody something else; raise ``NotFoundError``, ``ConflictError`` for the last admin."""
        ...

    async def remove_user(self, name: str, *, who: str, at: datetime) -> None:
        """Remove an account with its sessions and tokens; raise as ``set_role``."""
        ...

    async def set_member(self, experiment: str, name: str, role: Role | None, *, who: str, at: datetime) -> None:
        """Make somebody a member of an experiment, ``None``: no longer; raise ``NotFoundError`` for no such user."""
        ...

    async def visibility(self) -> Mapping[str, Visibility]:
        """Return experiment -> who may see it, of those of which somebody said it; ``CITY``: devices of none."""
        ...

    async def set_visibility(self, experiment: str, visibility: Visibility, *, who: str, at: datetime) -> None:
        """Say who may see an experiment."""
        ...

    async def new_token(
        self,
        owner: str,
        name: str,
        scope: Collection[Permission],
        *,
        who: str,
        at: datetime,
        expires_at: datetime | None = None,
    ) -> tuple[str, Token]:
        """Make a token; return it, this once, with what is kept of it; raise ``NotFoundError``, ``BadRequestError``."""
        ...

    async def tokens(self, owner: str | None = None) -> Sequence[Token]:
        """Return tokens, also those that ended, the newest first; ``owner``: only his."""
        ...

    async def revoke(self, token_id: int, *, who: str, at: datetime, owner: str | None = None) -> None:
        """End a token; raise ``NotFoundError`` where there is none (of this owner)."""
        ...

    async def note(self, what: str, target: str, detail: Mapping[str, object], *, who: str, at: datetime) -> None:
        """Write down a change that is made elsewhere."""
        ...

    async def audit(
        self, *, who: str | None = None, target: str | None = None, limit: int = 100, before: int | None = None
    ) -> Sequence[AuditLine]:
        """Return who changed what, the newest first, below the number ``before``."""
        ...
