"""Where frames come from: the ``[[source]]`` tables of the settings, or one source for each network adapter."""

from difflib import get_close_matches

from decoders.networks import adapters
from ingest.pipeline import Source, default_sources
from model.errors import ConfigError
from penfeld.config import Config


def sources(config: Config) -> tuple[Source, ...]:
    """Return the sources; raise ``ConfigError`` for a network that nobody speaks."""
    if not config.sources:
        return default_sources()
    known = adapters()
    problems = []
    found = []
    for source in config.sources:
        adapter = known.get(source.network)
        if adapter is None:
            near = get_close_matches(source.network, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            problems.append(f"[[source]] {source.name}: there is no network {source.network!r}; {hint}")
        else:
            topics = (source.topic,) if source.topic else ()
            found.append(Source(name=source.name, adapter=adapter, topics=topics))
    if problems:
        raise ConfigError(problems)
    return tuple(found)
