"""What an identity provider says of a person, and what Penfeld makes of it. Pure.

Rules:

1. The role is the highest of those to which the person's groups are mapped. Who is in none of them has the default
   role, and is refused where there is no default.
2. An account is bound to issuer and subject, never to a name or mail address: those can be given to somebody else, and
   would let whoever is called "admin" over there be admin here.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from model.access import Role
from model.device import Text

ROLES = tuple(role.value for role in Role)
"""From the least to the most."""

_LONGEST = 200
_NO_NAME = re.compile(r"[^a-z0-9._-]+")
_MARK_DIGITS = 12
_NAME_SIGNS = 60


class RefusedError(Exception):
    """Somebody is not let in. ``reason``: for that person; the message: for the log, without any token in it."""

    def __init__(self, message: str, reason: Text) -> None:
        super().__init__(message)
        self.reason = reason


NO_GROUP = Text(
    en="Your account is known, but none of its groups may use Penfeld. Ask whoever gives rights here.",
    fr="Votre compte est reconnu, mais aucun de ses groupes n'a accès à Penfeld. Demandez à qui gère les droits ici.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleMapping:
    """How groups become roles. ``claim``: where groups stand, with dots for what is inside (``realm_access.roles``)."""

    claim: str = "groups"
    roles: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody whom the provider vouches for. ``account``: the name under which Penfeld keeps this person."""

    subject: str
    name: str
    email: str
    role: str
    account: str


def person(issuer: str, claims: Mapping[str, object], mapping: RoleMapping) -> Person:
    """Return who verified claims are about; raise ``RefusedError`` for nobody that has a role here."""
    subject = _text(claims, "sub")
    name = _text(claims, "name") or _text(claims, "preferred_username") or subject
    return Person(
        subject=subject,
        name=name,
        email=_text(claims, "email"),
        role=role(claims, mapping),
        account=account(issuer, subject, _text(claims, "preferred_username") or _text(claims, "email") or name),
    )


def role(claims: Mapping[str, object], mapping: RoleMapping) -> str:
    """Return the highest role that the groups of some claims give; raise ``RefusedError`` where they give none."""
    given = [mapping.roles[group] for group in groups(claims, mapping.claim) if group in mapping.roles]
    if given:
        return max(given, key=ROLES.index)
    if mapping.default is None:
        raise RefusedError(f"no group of claim {mapping.claim!r} is mapped to a role", NO_GROUP)
    return mapping.default


def groups(claims: Mapping[str, object], claim: str) -> tuple[str, ...]:
    """Return the texts of a claim: of one by this very name, else along its dots; what is no text is passed over."""
    found: object = claims.get(claim)
    if found is None:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return (found,)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def account(issuer: str, subject: str, called: str) -> str:
    """Return the name of somebody's account: readable, and nobody else's because it ends in a mark of the subject."""
    mark = hashlib.sha256(f"{len(issuer)}:{issuer}{subject}".encode()).hexdigest()[:_MARK_DIGITS]
    readable = _NO_NAME.sub("-", called.split("@", maxsplit=1)[0].lower())[:_NAME_SIGNS].strip("-._") or "oidc"
    return f"{readable}+{mark}"


def _text(claims: Mapping[str, object], name: str) -> str:
    """Return a claim as one line, "" if it is none."""
    found = claims.get(name)
    return " ".join(found.split())[:_LONGEST] if isinstance(found, str) else ""
