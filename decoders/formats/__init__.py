"""Payload formats that many devices share: one module each, found by looking in this folder; adding one edits none.

A format module has ``NAME``, ``OPTIONS`` (each option's name, with what it means in a line) and ``make(options)``. That
gives a ``Format``, or raises ``ConfigError`` naming every wrong option. docs/formats.md tells of each format.
Modules that begin with an underscore are what formats share.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from decoders.formats._base import Format, OutputBatch, OutputGroup, join_path, split_path

__all__ = ["Format", "FormatModule", "OutputBatch", "OutputGroup", "formats", "join_path", "split_path"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatModule:
    """One format before its options are chosen. ``options``: what each means; ``make(options)`` chooses them."""

    name: str
    options: Mapping[str, str]
    make: Callable[[Mapping[str, str]], Format]


@cache
def formats() -> Mapping[str, FormatModule]:
    """Return every format of this folder by its name."""
    found: dict[str, FormatModule] = {}
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"{__name__}.{info.name}")
            found[module.NAME] = FormatModule(name=module.NAME, options=module.OPTIONS, make=module.make)
    return MappingProxyType(found)
