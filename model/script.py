"""A maker's codec as a value, what it is asked and what it answers: words between the cage and those who ask it."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any, Literal

import msgspec

Way = Literal["uplink", "downlink", "back"]
"""Which function of a codec is meant: decode an uplink, encode a downlink, decode a downlink."""


MOST_PROBES = 3
"""By so many uplinks a script is tried: each makes a realm, and loading a script may take only so long."""


class Call(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One call of a codec: what it is given (a payload's bytes, or an object to encode), port and time.

    ``time_ms``: milliseconds since 1970 UTC. ``context``: what an Actility driver keeps of its device. ``more``: what
    else the codec's input is to hold.
    """

    given: Any
    f_port: int | None = None
    time_ms: float | None = None
    variables: Mapping[str, str] = {}
    context: Sequence[Any] | None = None
    more: Mapping[str, Any] | None = None


class Result(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a codec gave. Without ``errors``, ``data`` is an object (or a list); ``log``: what it said to its console.

    ``context``: what an Actility driver would keep of its device. ``stopped``: it overstepped a limit.
    ``suspended``: it was not asked, because it overstepped too often.
    """

    data: Any = None
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    context: Sequence[Any] | None = None
    stopped: bool = False
    suspended: bool = False


class Script(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A codec's source. ``name``: what errors call it; ``probes``: uplinks by which it is tried when it is loaded."""

    name: str
    source: str
    probes: tuple[Call, ...] = ()

    @cached_property
    def digest(self) -> str:
        """What tells its source from every other, and from what it was before."""
        return blake2b(self.source.encode(errors="replace"), digest_size=16).hexdigest()

    @cached_property
    def key(self) -> str:
        """What tells it from every other script: its source, its name, and how it is tried."""
        return blake2b(msgspec.json.encode([self.digest, self.name, self.probes]), digest_size=16).hexdigest()


class Suspension(msgspec.Struct, frozen=True, kw_only=True):
    """A codec that is asked no more until its file changes, and why."""

    codec: str
    reason: str
