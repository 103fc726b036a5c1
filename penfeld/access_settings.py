"""Settings of the door: ``[access.oidc]``, logging in by an identity provider; ``[api.limits]``, who may ask how often.

Without an issuer nobody logs in by a provider. The client's secret never shows in ``repr``.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from api.oidc.claims import ROLES
from penfeld.setting_checks import between

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _safe(value: str) -> str | None:
    """Check an address that a login goes by: over TLS, but on this machine."""
    if not value:
        return None
    try:
        parts = urlsplit(value)
        good = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        good = good and bool(parts.hostname) and not parts.query and not parts.fragment and parts.username is None
    except ValueError:
        good = False
    return None if good else "must be an address as https://id.city.example (http only for this machine)"


def _roles(value: Mapping[str, str]) -> str | None:
    """Check to which roles groups are mapped."""
    for group, role in value.items():
        if role not in ROLES:
            return f"maps {group[:64]!r} to {role[:64]!r}: the roles are {', '.join(ROLES)}"
    return None


def _role(value: str) -> str | None:
    """Check a role, or none."""
    return None if value in ("", *ROLES) else f"must be {', '.join(ROLES)}, or empty: who has no group is refused"


def _scopes(value: tuple[str, ...]) -> str | None:
    """Check what is asked of the provider."""
    return None if "openid" in value else 'must hold "openid": without it the provider sends no ID token'


def _networks(value: tuple[str, ...]) -> str | None:
    """Check addresses or networks."""
    for one in value:
        try:
            ipaddress.ip_network(one)
        except ValueError:
            return f"holds {one[:64]!r}, which is neither an address nor a network as 10.0.0.0/8"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """``[access.oidc]``. ``roles``: group -> role. ``default_role`` empty: who has no mapped group is refused.

    ``public_url``: under which address browsers reach Penfeld. ``label``: what the login calls the provider.
    """

    issuer: str = field(default="", metadata={"check": _safe})
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    client_secret_file: Path | None = field(default=None, metadata={"must_exist": True})
    public_url: str = field(default="", metadata={"check": _safe})
    scopes: tuple[str, ...] = field(default=("openid", "profile", "email"), metadata={"check": _scopes})
    role_claim: str = "groups"
    roles: Mapping[str, str] = field(default_factory=dict, metadata={"check": _roles})
    default_role: str = field(default="", metadata={"check": _role})
    label: str = ""

    @property
    def wanted(self) -> bool:
        """Whether anybody logs in by a provider."""
        return bool(self.issuer)


def oidc_problem(settings: OidcSettings, *, accounts: bool) -> tuple[str, str] | None:
    """Return which key of a login by a provider is missing, and why it must be there."""
    if not settings.wanted:
        return None
    if not accounts:
        return "issuer", 'is set, but [access] mode is "open": set it to "accounts", or nobody logs in'
    for key in ("client_id", "public_url"):
        if not getattr(settings, key):
            return key, "must be set, since issuer is: see docs/access-oidc.md"
    if not settings.client_secret and settings.client_secret_file is None:
        return "client_secret_file", "must name the file with the secret that the provider gave, since issuer is set"
    if settings.client_secret and settings.client_secret_file is not None:
        return "client_secret", "is set beside client_secret_file: keep one of them"
    if not settings.roles and not settings.default_role:
        return "roles", "must map a group to a role, or default_role be set: nobody could log in"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """``[api.limits]``. Numbers are requests a minute by one user, token or address; 0: as many as they like.

    ``trusted_proxies``: addresses whose word counts on where a request comes from (``X-Forwarded-For``).
    """

    queries: int = field(default=600, metadata={"check": between(0, 1_000_000)})
    exports: int = field(default=20, metadata={"check": between(0, 1_000_000)})
    streams: int = field(default=60, metadata={"check": between(0, 1_000_000)})
    logins: int = field(default=20, metadata={"check": between(1, 1_000)})
    remembered: int = field(default=20_000, metadata={"check": between(100, 1_000_000)})
    trusted_proxies: tuple[str, ...] = field(default=(), metadata={"check": _networks})
