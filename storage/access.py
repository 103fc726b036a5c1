"""Accounts, sessions, tokens, experiments, and who changed what: ``model.access_ports.Access`` on PostgreSQL.

Rules:

1. A password is kept as argon2id, and computed beside the event loop. Of sessions and tokens, which are 256 random bits
   that nobody can guess, SHA-256 is kept. Nothing kept here lets anybody in.
2. Who gives a wrong name waits as long as who gives a wrong password.
3. Every change is a line of audit in its transaction; there is never a secret in one.
"""

import asyncio
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from model.access import (
    CITY,
    TOKEN_MARK,
    Permission,
    Principal,
    Role,
    Token,
    User,
    Visibility,
    check_scope,
    checked_label,
    checked_password,
    user_name,
)
from model.alarm import AuditLine
from model.errors import BadRequestError, ConflictError, NotFoundError
from storage.connection import Connection, Database
from storage.connection import rows as fetch
from storage.rulebook import audit
from storage.statements import statement

_PREFIX = 8
"""Letters of a token that are kept, with its mark: enough to recognise it, far too few to guess the rest."""
_USED = timedelta(minutes=1)
"""How exactly it is known when a token was used."""

_AT_ONCE = 2
"""Passwords that are looked at together: each takes 64 MB meanwhile, whoever sent it."""


class Access:
    """The ``Access`` on PostgreSQL. ``hasher``: how dear a password is; its defaults are those of RFC 9106."""

    def __init__(self, database: Database, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._hasher = hasher or PasswordHasher()
        self._nobody = ""
        self._turns = asyncio.Semaphore(_AT_ONCE)

    # Sessions

    async def login(self, name: str, password: str, *, at: datetime, until: datetime) -> str | None:
        """Return the secret of a new session that ends at ``until``; ``None`` where name or password are wrong."""
        try:
            known = user_name(name)
        except BadRequestError:
            known = ""
        found = await self._database.fetch(statement("account_password"), (known,))
        kept = found[0][0] if found else None
        async with self._turns:
            fits = await asyncio.to_thread(self._fits, kept, password)
        if kept is None or not fits:
            return None
        if self._hasher.check_needs_rehash(kept):
            values = {"name": known, "password": await asyncio.to_thread(self._hasher.hash, password)}
            async with self._database.transaction() as connection:
                await connection.execute(statement("set_password"), values)
        return await self.session_for(known, at=at, until=until)

    async def session_for(self, name: str, *, at: datetime, until: datetime) -> str:
        """Return the secret of a new session of somebody whom another service knows; raise ``NotFoundError``."""
        secret = secrets.token_urlsafe(32)
        async with self._database.transaction() as connection:
            await _account(connection, name)
            await connection.execute(statement("forget_sessions"), (at,))
            values = {"hash": _hash(secret), "name": name, "at": at, "until": until}
            await connection.execute(statement("add_session"), values)
            await audit(connection, at, name, "session.begun", name)
        return secret

    async def logout(self, session: str, *, at: datetime) -> None:
        """End a session; one that there is not is passed over."""
        async with self._database.transaction() as connection:
            for (name,) in await fetch(connection, statement("end_session"), (_hash(session),)):
                await audit(connection, at, name, "session.ended", name)

    async def by_session(self, session: str, *, at: datetime) -> Principal | None:
        """Return whose session this is now, ``None`` if it is nobody's."""
        found = await self._database.fetch(statement("by_session"), {"hash": _hash(session), "at": at})
        for name, role, memberships in found:
            return Principal(sort="user", name=name, role=Role(role), memberships=_memberships(memberships))
        return None

    async def by_token(self, token: str, *, at: datetime) -> Principal | None:
        """Return for whom this token speaks now, ``None`` if for nobody; note that it was used."""
        found = await self._database.fetch(statement("by_token"), {"hash": _hash(token), "at": at})
        for name, role, memberships, scope, label, number, used_at in found:
            if used_at is None or at - used_at > _USED:
                async with self._database.connection() as connection:
                    await connection.execute(statement("token_used"), {"id": number, "at": at})
            return Principal(
                sort="token",
                name=name,
                role=Role(role),
                memberships=_memberships(memberships),
                scope=_scope(scope),
                token=label,
            )
        return None

    # Accounts

    async def users(self) -> Sequence[User]:
        """Return all accounts in order of their names."""
        async with self._database.connection() as connection:
            return await _accounts(connection, None)

    async def add_user(self, name: str, role: Role, password: str | None, *, who: str, at: datetime) -> User:
        """Make an account; raise ``ConflictError`` where there is one, ``BadRequestError`` for a bad name or password.

        Without a password it is for somebody whom another service knows.
        """
        known = user_name(name)
        kept = None
        if password is not None:
            kept = await asyncio.to_thread(self._hasher.hash, checked_password(password))
        async with self._database.transaction() as connection:
            await connection.execute(statement("lock_access"))
            if await _accounts(connection, known):
                raise ConflictError(f"there is an account {known} already: change its role or password, or remove it")
            await connection.execute(
                statement("add_account"), {"name": known, "role": role.value, "password": kept, "at": at}
            )
            await audit(connection, at, who, "user.added", known, {"before": None, "after": {"role": role.value}})
        return User(name=known, role=role, created_at=at, has_password=kept is not None)

    async def set_password(self, name: str, password: str, *, who: str, at: datetime) -> None:
        """Give an account another password, and end its sessions; raise ``NotFoundError``, ``BadRequestError``."""
        kept = await asyncio.to_thread(self._hasher.hash, checked_password(password))
        async with self._database.transaction() as connection:
            await _account(connection, name)
            await connection.execute(statement("set_password"), {"name": name, "password": kept})
            await connection.execute(statement("end_sessions"), (name,))
            await audit(connection, at, who, "user.password", name)

    async def set_role(self, name: str, role: Role, *, who: str, at: datetime) -> None:
        """Make somebody something else; raise ``NotFoundError``, ``ConflictError`` for the last admin."""
        async with self._database.transaction() as connection:
            await connection.execute(statement("lock_access"))
            known = await _account(connection, name)
            if role is not Role.ADMIN:
                await _keep_an_admin(connection, known)
            await connection.execute(statement("set_role"), {"name": name, "role": role.value})
            detail = {"before": {"role": known.role.value}, "after": {"role": role.value}}
            await audit(connection, at, who, "user.role", name, detail)

    async def remove_user(self, name: str, *, who: str, at: datetime) -> None:
        """Remove an account with its sessions and tokens; raise as ``set_role``."""
        async with self._database.transaction() as connection:
            await connection.execute(statement("lock_access"))
            known = await _account(connection, name)
            await _keep_an_admin(connection, known)
            await connection.execute(statement("remove_account"), (name,))
            await audit(
                connection, at, who, "user.removed", name, {"before": {"role": known.role.value}, "after": None}
            )

    # Experiments

    async def set_member(self, experiment: str, name: str, role: Role | None, *, who: str, at: datetime) -> None:
        """Make somebody a member of an experiment, ``None``: no longer; raise ``NotFoundError`` for no such user."""
        label = checked_label("experiment", experiment)
        async with self._database.transaction() as connection:
            await connection.execute(statement("lock_access"))
            known = await _account(connection, name)
            before = known.memberships.get(label)
            if role is None:
                await connection.execute(statement("remove_member"), {"name": name, "experiment": label})
            else:
                values = {"name": name, "experiment": label, "role": role.value}
                await connection.execute(statement("set_member"), values)
            detail = {"user": name, "before": before, "after": role}
            await audit(connection, at, who, "experiment.member", label, detail)

    async def visibility(self) -> Mapping[str, Visibility]:
        """Return experiment -> who may see it, of those of which somebody said it; ``CITY``: devices of none."""
        return {name: Visibility(to) for name, to in await self._database.fetch(statement("visibility"))}

    async def set_visibility(self, experiment: str, visibility: Visibility, *, who: str, at: datetime) -> None:
        """Say who may see an experiment."""
        label = experiment if experiment == CITY else checked_label("experiment", experiment)
        async with self._database.transaction() as connection:
            await connection.execute(statement("lock_access"))
            before = dict(await fetch(connection, statement("visibility"))).get(label)
            values = {"experiment": label, "visibility": visibility.value}
            await connection.execute(statement("set_visibility"), values)
            detail = {"before": before, "after": visibility.value}
            await audit(connection, at, who, "experiment.visibility", label, detail)

    # Tokens

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
        label = checked_label("token", name)
        check_scope(scope, at, expires_at)
        secret = TOKEN_MARK + secrets.token_urlsafe(32)
        told = sorted(one.value for one in scope)
        values = {
            "hash": _hash(secret),
            "prefix": secret[:_PREFIX],
            "name": label,
            "owner": owner,
            "scope": told,
            "at": at,
            "expires_at": expires_at,
        }
        async with self._database.transaction() as connection:
            await _account(connection, owner)
            [(number,)] = await fetch(connection, statement("add_token"), values)
            detail = {
                "owner": owner,
                "name": label,
                "scope": told,
                "expires_at": expires_at,
                "prefix": secret[:_PREFIX],
            }
            await audit(connection, at, who, "token.made", str(number), {"before": None, "after": detail})
        made = Token(
            id=number,
            name=label,
            owner=owner,
            prefix=secret[:_PREFIX],
            scope=frozenset(scope),
            created_at=at,
            expires_at=expires_at,
        )
        return secret, made

    async def tokens(self, owner: str | None = None) -> Sequence[Token]:
        """Return tokens, also those that ended, the newest first; ``owner``: only his."""
        return [
            Token(
                id=row[0],
                name=row[1],
                owner=row[2],
                prefix=row[3],
                scope=_scope(row[4]),
                created_at=row[5],
                expires_at=row[6],
                used_at=row[7],
                revoked_at=row[8],
            )
            for row in await self._database.fetch(statement("tokens"), {"owner": owner})
        ]

    async def revoke(self, token_id: int, *, who: str, at: datetime, owner: str | None = None) -> None:
        """End a token; raise ``NotFoundError`` where there is none (of this owner)."""
        async with self._database.transaction() as connection:
            values = {"id": token_id, "at": at, "owner": owner}
            found = await fetch(connection, statement("revoke_token"), values)
            if not found:
                raise NotFoundError(f"there is no token {token_id} that still works")
            of, label, prefix = found[0]
            detail = {"before": {"owner": of, "name": label, "prefix": prefix}, "after": None}
            await audit(connection, at, who, "token.revoked", str(token_id), detail)

    # Audit

    async def note(self, what: str, target: str, detail: Mapping[str, object], *, who: str, at: datetime) -> None:
        """Write down a change that is made elsewhere."""
        async with self._database.transaction() as connection:
            await audit(connection, at, who, what, target, detail)

    async def audit(
        self, *, who: str | None = None, target: str | None = None, limit: int = 100, before: int | None = None
    ) -> Sequence[AuditLine]:
        """Return who changed what, the newest first, below the number ``before``."""
        values = {"who": who, "target": target, "limit": limit, "before": before}
        return [
            AuditLine(id=row[0], at=row[1], who=row[2], what=row[3], target=row[4], detail=row[5])
            for row in await self._database.fetch(statement("audit_page"), values)
        ]

    def _fits(self, kept: str | None, password: str) -> bool:
        """Whether a password is the one that is kept; takes as long where there is none."""
        if kept is None and not self._nobody:
            self._nobody = self._hasher.hash(secrets.token_urlsafe(16))
        try:
            self._hasher.verify(kept or self._nobody, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False
        return kept is not None


def _hash(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _memberships(told: Mapping[str, str]) -> Mapping[str, Role]:
    return {experiment: Role(role) for experiment, role in told.items()}


def _scope(told: Sequence[str]) -> frozenset[Permission]:
    """Return what a token may; what this version does not know, it may not."""
    known = {one.value for one in Permission}
    return frozenset(Permission(one) for one in told if one in known)


async def _accounts(connection: Connection, name: str | None) -> list[User]:
    found: list[tuple[Any, ...]] = await fetch(connection, statement("accounts"), {"name": name})
    return [
        User(
            name=row[0],
            role=Role(row[1]),
            created_at=row[2],
            has_password=row[3],
            memberships=_memberships(row[4]),
        )
        for row in found
    ]


async def _account(connection: Connection, name: str) -> User:
    found = await _accounts(connection, name) if name.isprintable() else []
    if not found:
        raise NotFoundError(f"there is no account {name[:100]!r}: `penfeld user list` shows all")
    return found[0]


async def _keep_an_admin(connection: Connection, known: User) -> None:
    """Raise ``ConflictError`` where nobody would be left to manage accounts."""
    admins = [one.name for one in await _accounts(connection, None) if one.role is Role.ADMIN]
    if admins == [known.name]:
        raise ConflictError(f"{known.name} is the only admin: make somebody else one first")
