"""Network adapters: one module a network server, found by looking in this folder; adding one edits none.

An adapter module has ``NAME``, ``TOPICS`` (the MQTT filters its events come on; HTTP pushes come on
``penfeld/v1/callbacks/<name>``) and ``uplinks(topic, payload)``. That function is pure: any bytes give a tuple or
``EnvelopeError``, nothing else. The tuple holds the frames as ``Uplink`` and, as ``Told``, what the network says of the
device beside them (that it joined, its battery, where it was heard); it is empty for an event that says neither.
Modules that begin with an underscore are what adapters share. docs/networks.md says what each network must be set to.
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
