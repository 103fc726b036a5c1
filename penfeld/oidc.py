"""The login by an identity provider, as the settings say."""

import secrets
import time
from collections.abc import Callable
from datetime import datetime

from api.oidc.claims import RoleMapping
from api.oidc.desk import OidcConfig, OidcDesk, Sessions
from api.oidc.flow import Client
from api.oidc.provider import Provider
from model.errors import ConfigError
from penfeld.access_settings import OidcSettings
from penfeld.config import Config

CALLBACK = "/login/oidc/callback"


def oidc_config(settings: OidcSettings) -> OidcConfig | None:
    """Return the login that the settings describe, ``None`` for none; raise ``ConfigError`` for a missing secret."""
    if not settings.wanted:
        return None
    public_url = settings.public_url.rstrip("/")
    return OidcConfig(
        issuer=settings.issuer,
        public_url=public_url,
        client=Client(
            client_id=settings.client_id,
            client_secret=_secret(settings),
            redirect_url=f"{public_url}{CALLBACK}",
            scopes=settings.scopes,
        ),
        mapping=RoleMapping(
            claim=settings.role_claim, roles=dict(settings.roles), default=settings.default_role or None
        ),
        label=settings.label,
    )


def oidc_desk(config: Config, sessions: Sessions, clock: Callable[[], datetime]) -> tuple[OidcDesk, Provider] | None:
    """Return who logs people in, and the provider to be closed at the end; ``None`` if nobody is."""
    found = oidc_config(config.oidc)
    if found is None:
        return None
    provider = Provider(found.issuer, found.client, time.monotonic)
    return OidcDesk(found, provider, sessions, clock, secrets.token_bytes), provider


def _secret(settings: OidcSettings) -> str:
    if settings.client_secret_file is None:
        return settings.client_secret
    try:
        found = settings.client_secret_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no text"
        raise ConfigError([f"[access.oidc] client_secret_file {settings.client_secret_file}: {why}"]) from error
    if not found:
        raise ConfigError([f"[access.oidc] client_secret_file {settings.client_secret_file} is empty"])
    return found
