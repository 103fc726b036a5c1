"""Which networks may push to the API, by what the settings say: with a token, without one, to nobody."""

from collections.abc import Collection
from difflib import get_close_matches
from ipaddress import ip_address

from api.pushes import CALLBACKS, networks
from ingest.topics import matches
from model.errors import ConfigError
from penfeld.config import ApiSettings, Config
from penfeld.sources import sources


def tokens_checked(settings: ApiSettings, known: Collection[str] | None = None) -> None:
    """Raise ``ConfigError`` for tokens of networks that do not push. ``known``: those that do."""
    known = networks() if known is None else known
    problems = []
    for name in settings.tokens:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            problems.append(f"[api] callback_tokens: no network {name[:64]!r} pushes over HTTP; {hint}")
    if problems:
        raise ConfigError(problems)


def taken(config: Config) -> tuple[str, ...]:
    """Return the networks whose pushes a source takes; raise ``ConfigError`` as ``sources`` does."""
    filters = [(source.adapter.name, topic) for source in sources(config) for topic in source.filters]
    return tuple(
        name for name in networks() if any(of == name and matches(topic, CALLBACKS + name) for of, topic in filters)
    )


def without_token(settings: ApiSettings, pushing: Collection[str]) -> tuple[str, ...]:
    """Return which of these networks anybody may pretend to be who reaches the API."""
    guarded = {*settings.tokens, *(["thingpark"] if settings.thingpark_key else [])}
    return tuple(name for name in pushing if name not in guarded)


def only_here(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
