"""``model.access_ports.Access`` in memory. Passwords are kept as they are: nothing here is secret."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

import msgspec

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


@dataclass
class Access:
    """Accounts in dictionaries."""

    accounts: dict[str, User] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    kept: dict[str, Token] = field(default_factory=dict)
    seen: dict[str, Visibility] = field(default_factory=dict)
    lines: list[AuditLine] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def login(self, name: str, password: str, *, at: datetime, until: datetime) -> str | None:
        """Return the secret of a new session."""
        try:
            known = user_name(name)
        except BadRequestError:
            return None
        if self.passwords.get(known) != password:
            return None
        return await self.session_for(known, at=at, until=until)

    async def session_for(self, name: str, *, at: datetime, until: datetime) -> str:
        """Return the secret of a new session."""
        self._account(name)
        secret = f"session-{next(self.numbers)}"
        self.sessions[secret] = (name, until)
        self._note(at, name, "session.begun", name)
        return secret

    async def logout(self, session: str, *, at: datetime) -> None:
        """End a session."""
        name, _ = self.sessions.pop(session, ("", at))
        if name:
            self._note(at, name, "session.ended", name)

    async def by_session(self, session: str, *, at: datetime) -> Principal | None:
        """Return whose session this is."""
        name, until = self.sessions.get(session, ("", at))
        if not name or until <= at:
            return None
        user = self.accounts[name]
        return Principal(sort="user", name=name, role=user.role, memberships=user.memberships)

    async def by_token(self, token: str, *, at: datetime) -> Principal | None:
        """Return for whom a token speaks."""
        found = self.kept.get(token)
        if found is None or found.revoked_at or (found.expires_at and found.expires_at <= at):
            return None
        self.kept[token] = replace(found, used_at=at)
        user = self.accounts[found.owner]
        return Principal(
            sort="token",
            name=user.name,
            role=user.role,
            memberships=user.memberships,
            scope=found.scope,
            token=found.name,
        )

    async def users(self) -> Sequence[User]:
        """Return all accounts."""
        return [user for _, user in sorted(self.accounts.items())]

    async def add_user(self, name: str, role: Role, password: str | None, *, who: str, at: datetime) -> User:
        """Make an account."""
        known = user_name(name)
        if password is not None:
            checked_password(password)
        if known in self.accounts:
            raise ConflictError(f"there is an account {known} already")
        if password is not None:
            self.passwords[known] = password
        self.accounts[known] = User(name=known, role=role, created_at=at, has_password=password is not None)
        self._note(at, who, "user.added", known, before=None, after={"role": role})
        return self.accounts[known]

    async def set_password(self, name: str, password: str, *, who: str, at: datetime) -> None:
        """Give an account another password."""
        checked_password(password)
        self._account(name)
        self.passwords[name] = password
        self.accounts[name] = replace(self.accounts[name], has_password=True)
        self.sessions = {key: one for key, one in self.sessions.items() if one[0] != name}
        self._note(at, who, "user.password", name)

    async def set_role(self, name: str, role: Role, *, who: str, at: datetime) -> None:
        """Make somebody something else."""
        known = self._account(name)
        if role is not Role.ADMIN:
            self._keep_an_admin(known)
        self.accounts[name] = replace(known, role=role)
        self._note(at, who, "user.role", name, before={"role": known.role}, after={"role": role})

    async def remove_user(self, name: str, *, who: str, at: datetime) -> None:
        """Remove an account."""
        known = self._account(name)
        self._keep_an_admin(known)
        del self.accounts[name]
        self.passwords.pop(name, None)
        self.sessions = {key: one for key, one in self.sessions.items() if one[0] != name}
        self.kept = {key: one for key, one in self.kept.items() if one.owner != name}
        self._note(at, who, "user.removed", name, before={"role": known.role}, after=None)

    async def set_member(self, experiment: str, name: str, role: Role | None, *, who: str, at: datetime) -> None:
        """Make somebody a member, or not."""
        label, known = checked_label("experiment", experiment), self._account(name)
        memberships = dict(known.memberships)
        before = memberships.pop(label, None)
        if role is not None:
            memberships[label] = role
        self.accounts[name] = replace(known, memberships=memberships)
        self._note(at, who, "experiment.member", label, user=name, before=before, after=role)

    async def visibility(self) -> Mapping[str, Visibility]:
        """Return who may see which experiment."""
        return dict(self.seen)

    async def set_visibility(self, experiment: str, visibility: Visibility, *, who: str, at: datetime) -> None:
        """Say who may see an experiment."""
        label = experiment if experiment == CITY else checked_label("experiment", experiment)
        before = self.seen.get(label)
        self.seen[label] = visibility
        self._note(at, who, "experiment.visibility", label, before=before, after=visibility)

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
        """Make a token."""
        label = checked_label("token", name)
        check_scope(scope, at, expires_at)
        self._account(owner)
        number = next(self.numbers)
        secret = f"{TOKEN_MARK}{number:05}-fake"
        self.kept[secret] = made = Token(
            id=number,
            name=label,
            owner=owner,
            prefix=secret[:8],
            scope=frozenset(scope),
            created_at=at,
            expires_at=expires_at,
        )
        detail = {"owner": owner, "name": label, "scope": sorted(scope), "expires_at": expires_at, "prefix": secret[:8]}
        self._note(at, who, "token.made", str(number), before=None, after=detail)
        return secret, made

    async def tokens(self, owner: str | None = None) -> Sequence[Token]:
        """Return tokens."""
        found = [one for one in self.kept.values() if owner in (None, one.owner)]
        return sorted(found, key=lambda one: one.id, reverse=True)

    async def revoke(self, token_id: int, *, who: str, at: datetime, owner: str | None = None) -> None:
        """End a token."""
        for secret, one in self.kept.items():
            if one.id == token_id and one.revoked_at is None and owner in (None, one.owner):
                self.kept[secret] = replace(one, revoked_at=at)
                before = {"owner": one.owner, "name": one.name, "prefix": one.prefix}
                self._note(at, who, "token.revoked", str(token_id), before=before, after=None)
                return
        raise NotFoundError(f"there is no token {token_id} that still works")

    async def note(self, what: str, target: str, detail: Mapping[str, object], *, who: str, at: datetime) -> None:
        """Write down a change."""
        self._note(at, who, what, target, **detail)

    async def audit(
        self, *, who: str | None = None, target: str | None = None, limit: int = 100, before: int | None = None
    ) -> Sequence[AuditLine]:
        """Return who changed what."""
        return [
            one
            for one in reversed(self.lines)
            if who in (None, one.who) and target in (None, one.target) and (before is None or one.id < before)
        ][:limit]

    def _account(self, name: str) -> User:
        if name not in self.accounts:
            raise NotFoundError(f"there is no account {name!r}")
        return self.accounts[name]

    def _keep_an_admin(self, known: User) -> None:
        if [one.name for one in self.accounts.values() if one.role is Role.ADMIN] == [known.name]:
            raise ConflictError(f"{known.name} is the only admin")

    def _note(self, at: datetime, who: str, what: str, target: str, **detail: object) -> None:
        told = msgspec.to_builtins(detail)
        self.lines.append(AuditLine(id=len(self.lines) + 1, at=at, who=who, what=what, target=target, detail=told))
