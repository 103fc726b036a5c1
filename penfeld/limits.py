"""Who may ask how often, and which proxies are believed, as the settings say."""

from api.limits import Kind, LimitConfig, Policy
from penfeld.access_settings import LimitSettings

_LOOPBACK = ("127.0.0.1", "::1")


def limits(settings: LimitSettings) -> LimitConfig:
    """Return the limits; a class without a number has none."""
    numbers = {
        Kind.LOGINS: settings.logins,
        Kind.QUERIES: settings.queries,
        Kind.EXPORTS: settings.exports,
        Kind.STREAMS: settings.streams,
    }
    policies = {kind: Policy(number) for kind, number in numbers.items() if number}
    return LimitConfig(policies=policies, remembered=settings.remembered)


def trusted(settings: LimitSettings) -> list[str]:
    """Return whose word counts on where a request comes from: this machine's, and the proxies of the settings."""
    return [*_LOOPBACK, *settings.trusted_proxies]
