"""Network adapters: one module a network server, found by looking in this folder; adding one edits none.

An adapter module has ``NAME``, ``TOPICS`` (the MQTT filters its events come on) and ``uplinks(topic, payload)``. That
function is pure: any bytes give uplinks and facts about devices (``Told``), or ``EnvelopeError``. An event that carries
no frame gives facts, or nothing.
Modules that begin with an underscore are what adapters share.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from model.told import Told
from model.uplink import Uplink


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One network server's events. ``topics``: MQTT filters; ``uplinks(topic, payload)`` reads one event."""

    name: str
    topics: tuple[str, ...]
    uplinks: Callable[[str, bytes], tuple[Uplink | Told, ...]]


@cache
def adapters() -> Mapping[str, Adapter]:
    """Return every adapter of this folder by its name."""
    found: dict[str, Adapter] = {}
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"{__name__}.{info.name}")
            found[module.NAME] = Adapter(name=module.NAME, topics=module.TOPICS, uplinks=module.uplinks)
    return MappingProxyType(found)
