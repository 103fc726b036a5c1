"""Who may do what, and whose devices somebody may see: words and pure decisions, asked everywhere in the same way.

Rules:

1. Permissions are a closed list, and one table says which role has which. What is not in the table nobody may.
2. An experiment's devices are seen by its members; by everybody with an account, or by anybody, where it is opened so.
   An experiment of which nobody said anything is for its members. Devices of no experiment are those of the city: an
   experiment of no name, for everybody with an account.
3. Which experiments somebody may see is a set, or ``None`` for all. The empty set is none, never all.
4. A token can do less than who made it, never more.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from model.device import Device, State
from model.errors import BadRequestError

CITY = ""
"""The name of what is in no experiment."""


class Permission(StrEnum):
    """What there is to be allowed: a closed list, told, stored and shown as it stands here."""

    DATA = "data"
    """Look at device types, devices and what they said, as far as one may see them."""
    ALARMS = "alarms"
    """Look at alarms of devices that one may see, and at the rules about them."""
    DECODE = "decode"
    """Have payloads decoded and encoded, rules checked and tried."""
    DEVICES = "devices"
    """Register, change and retire devices: those of one's own experiments, or all."""
    RULES = "rules"
    """Write and remove rules: about one's own experiments, or all."""
    ATTEND = "attend"
    """Acknowledge, comment and assign alarms."""
    SILENCE = "silence"
    """Say of what nobody is told for a while; send test messages; see the channels."""
    FRAMES = "frames"
    """Look at ledger, workers and quarantine, and take frames up again."""
    CATALOGUE = "catalogue"
    """Change device files."""
    METRICS = "metrics"
    """Read the service's own figures."""
    TOKENS = "tokens"
    """Make tokens for oneself."""
    MANAGE = "manage"
    """Make users, give rights, open experiments, read who did what."""


class Role(StrEnum):
    """What somebody is. Each may do what the one before may, and more."""

    VIEWER = "viewer"
    EXPERIMENTER = "experimenter"
    OPERATOR = "operator"
    ADMIN = "admin"


class Visibility(StrEnum):
    """Who may see what devices of an experiment say."""

    PUBLIC = "public"
    ACCOUNTS = "accounts"
    MEMBERS = "members"


_VIEWER = frozenset({Permission.DATA, Permission.ALARMS, Permission.TOKENS})
_EXPERIMENTER = _VIEWER | {Permission.DECODE, Permission.DEVICES, Permission.RULES, Permission.ATTEND}
_OPERATOR = _EXPERIMENTER | {Permission.SILENCE, Permission.FRAMES, Permission.CATALOGUE, Permission.METRICS}

EVERYTHING = frozenset(Permission)
READING = frozenset({Permission.DATA, Permission.ALARMS, Permission.METRICS})
"""What changes nothing: the scope of a token that is made for reading."""

MAY: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.EXPERIMENTER: _EXPERIMENTER,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: EVERYTHING,
}
PUBLIC = frozenset({Permission.DATA})
"""What anybody may, where there is a public tier."""

SEES_ALL = frozenset({Role.OPERATOR, Role.ADMIN})
"""Who looks after the city sees all of it."""

Sort = Literal["open", "anonymous", "user", "token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks. ``open``: there are no accounts, everybody may everything. ``name``: "" where nobody is known.

    ``memberships``: experiment -> what somebody is there, which is never more than in the whole city.
    ``scope``: what a token may at most. ``token``: what a token is called.
    """

    sort: Sort
    name: str = ""
    role: Role | None = None
    memberships: Mapping[str, Role] = field(default_factory=dict)
    scope: frozenset[Permission] = EVERYTHING
    token: str = ""

    @property
    def permissions(self) -> frozenset[Permission]:
        """Everything that it may."""
        if self.sort == "open":
            return EVERYTHING
        given = PUBLIC if self.role is None else MAY[self.role]
        return given & self.scope

    def may(self, permission: Permission) -> bool:
        """Whether it may."""
        return permission in self.permissions

    @property
    def everywhere(self) -> bool:
        """Whether it may what it may with all devices there are."""
        return self.sort == "open" or self.role in SEES_ALL

    @property
    def who(self) -> str:
        """What is written down of who did something, "" where nobody is known."""
        return f"{self.name} (token {self.token})" if self.token else self.name


OPEN = Principal(sort="open")
ANONYMOUS = Principal(sort="anonymous")


def seen_experiments(principal: Principal, visibility: Mapping[str, Visibility]) -> frozenset[str] | None:
    """Return the experiments whose devices somebody may see, ``CITY`` for those of none; ``None``: all there are."""
    if principal.everywhere:
        return None
    known = {CITY: Visibility.ACCOUNTS, **visibility}
    wide = {Visibility.PUBLIC} if principal.role is None else {Visibility.PUBLIC, Visibility.ACCOUNTS}
    found = {name for name, to in known.items() if to in wide}
    return frozenset(found | set(principal.memberships))


def own_experiments(principal: Principal) -> frozenset[str] | None:
    """Return the experiments whose devices and rules somebody may change, ``None``: all; the empty set: none."""
    if principal.everywhere:
        return None
    if principal.role in {None, Role.VIEWER}:
        return frozenset()
    return frozenset(name for name, role in principal.memberships.items() if role is not Role.VIEWER)


def sees(experiments: Collection[str] | None, device: Device) -> bool:
    """Whether a device is in what somebody may see. What nobody registered is seen by who sees all."""
    if experiments is None:
        return True
    return device.state is not State.PENDING and (device.experiment or CITY) in experiments


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account. Without a password it is of somebody whom another service knows."""

    name: str
    role: Role
    created_at: datetime
    has_password: bool = True
    memberships: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, but not its secret. ``prefix``: how it begins, by which people recognise it."""

    id: int
    name: str
    owner: str
    prefix: str
    scope: frozenset[Permission]
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None


SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 1000
LONGEST_NAME = 100
TOKEN_MARK = "pf_"  # noqa: S105  how tokens begin, so that people and scanners know one when they see it
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")


def user_name(written: str) -> str:
    """Return the name of an account as it is kept; raise ``BadRequestError`` for what is none."""
    name = written.strip().lower()
    if not _NAME.fullmatch(name):
        raise BadRequestError(
            f"{written[:LONGEST_NAME]!r} is no name of an account: write letters a to z, digits and . _ @ + - ,"
            f" {LONGEST_NAME} at most, beginning with a letter or digit"
        )
    return name


def checked_password(password: str) -> str:
    """Return a password that will do; raise ``BadRequestError``, which never says it."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise BadRequestError(
            f"this password has {len(password)} characters: take {SHORTEST_PASSWORD} to {LONGEST_PASSWORD};"
            " three words that do not belong together are good"
        )
    if len(set(password)) < SHORTEST_PASSWORD // 2:
        raise BadRequestError("this password is almost one letter again and again: take another")
    return password


def checked_label(what: str, text: str) -> str:
    """Return the name of a token or experiment; raise ``BadRequestError`` for what is none."""
    label = text.strip()
    if not label or len(label) > LONGEST_NAME or not label.isprintable():
        raise BadRequestError(f"{what}: write a name on one line, of {LONGEST_NAME} characters at most")
    return label


def check_scope(scope: Collection[Permission], at: datetime, expires_at: datetime | None) -> None:
    """Raise ``BadRequestError`` for a token that could do nothing."""
    if not scope:
        raise BadRequestError("scope: a token that may nothing is of no use; name what it may")
    if expires_at is not None and expires_at <= at:
        raise BadRequestError(f"expires_at: {expires_at.isoformat()} is over; write a time to come")
