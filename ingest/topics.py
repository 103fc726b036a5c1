"""MQTT topic filters: which source does a topic belong to. Pure.

``+`` stands for one level, ``#`` at the end for all that follow (and for none). A shared subscription
(``$share/group/…``) matches what its filter does. Topics that begin with ``$`` match only filters that say so.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

_REMEMBERED = 20_000
_SHARED = re.compile(r"\$share/[^/]+/")


def matches(topic_filter: str, topic: str) -> bool:
    """Return whether the broker would deliver this topic to a subscription of this filter."""
    return re.fullmatch(_pattern(topic_filter), topic, re.DOTALL) is not None


def is_filter(text: str) -> bool:
    """Return whether a broker accepts this as a filter."""
    levels = _SHARED.sub("", text).split("/")
    wild = [level for level in levels if "+" in level or "#" in level]
    return bool(text) and all(level in ("+", "#") for level in wild) and "#" not in levels[:-1]


class Topics:
    """Finds the name under which a topic's filter was given; the first given wins."""

    def __init__(self, filters: Mapping[str, Sequence[str]]) -> None:
        self._names = tuple(name for name, some in filters.items() for _ in some)
        patterns = (f"({_pattern(one)})" for some in filters.values() for one in some)
        self._any = re.compile("|".join(patterns), re.DOTALL)
        self.find = lru_cache(maxsize=_REMEMBERED)(self._find)
        """Return the name under which a topic's filter was given, ``None`` where no filter matches."""

    def _find(self, topic: str) -> str | None:
        match = self._any.fullmatch(topic) if self._names else None
        return self._names[match.lastindex - 1] if match and match.lastindex else None


def _pattern(topic_filter: str) -> str:
    """Return the regular expression of a filter, without groups."""
    levels = _SHARED.sub("", topic_filter).split("/")
    rest = ""
    if levels[-1] == "#":
        levels.pop()
        rest = "(?:/.*)?" if levels else ".*"
    own = "/".join("[^/]*" if level == "+" else re.escape(level) for level in levels) + rest
    return own if topic_filter.startswith("$") and not _SHARED.match(topic_filter) else rf"(?!\$){own}"
