"""Codecs as the world publishes them: a script with examples of what it makes of payloads. Values without behaviour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from model.script import MOST_PROBES, Call, Script, Way

NOTHING = object()
"""Where an example does not say what data is expected."""
_DEEPEST = 64


def too_deep(value: object) -> bool:
    """Whether lists and objects stand in each other deeper than any codec means it; walking on would end badly."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


@dataclass(frozen=True, slots=True)
class Expected:
    """What an example promises. ``data``: ``NOTHING`` where it promises none; ``errors``: that there is an error."""

    data: object = NOTHING
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    """One example. ``given``: a payload, or what to encode. ``variables``, ``context``: what is kept of the device.

    ``more``: what else the codec's input holds.
    """

    name: str
    way: Way
    given: bytes | Mapping[str, object] | Sequence[object]
    expected: Expected
    f_port: int | None = None
    time: datetime | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    context: Sequence[object] | None = None
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def call(self) -> Call:
        """What the codec is asked."""
        given = list(self.given) if isinstance(self.given, bytes) else self.given
        time_ms = None if self.time is None else self.time.timestamp() * 1000
        return Call(given, self.f_port, time_ms, self.variables, self.context, self.more or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A codec with its examples. ``path``: of the script; ``title``: what its maker calls the device.

    ``broken``: what is wrong with examples that cannot be read.
    """

    layout: str
    vendor: str
    model: str
    path: str
    source: str
    fixtures: tuple[Fixture, ...] = ()
    title: str = ""
    broken: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people call it by: vendor and model."""
        return f"{self.vendor}/{self.model}" if self.vendor else self.model

    @property
    def script(self) -> Script:
        """The codec as the cage takes it; some of its uplinks try whether it depends on what it was asked before."""
        probes = [fixture.call for fixture in self.fixtures if fixture.way == "uplink"]
        return Script(name=self.path, source=self.source, probes=tuple(probes[:MOST_PROBES]))


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds. ``problems``: files that look like a codec and cannot be read."""

    codecs: tuple[Published, ...] = ()
    problems: tuple[str, ...] = ()
