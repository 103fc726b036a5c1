"""A maker's JavaScript codec, unmodified: the engine for one codec in one process (``ingest/cage.py`` has the workers).

Rules:

1. A codec runs as a sloppy script, as its maker's server ran it; entry points are those of LoRa Alliance TS013
   (``decodeUplink``, ``encodeDownlink``, ``decodeDownlink``), ChirpStack v3 (``Decode``, ``Encode``), The Things
   Network v2 (``Decoder``, ``Encoder``) and Actility's drivers (the same names in ``exports`` or a ``driver``).
2. It has a realm of its own with ``Buffer``, ``console``, ``exports``, ``module``, and AES where it asks for
   ``crypto``; it has neither network nor file, neither timer nor other modules. Its clock is the frame's, its chance
   always the same: what it says depends on its input.
3. A realm has ``Limits``: memory, stack, CPU time. What oversteps them is an error of its frame; the realm is made new.
4. Limits hold inside the engine only. Some of its built-in functions cannot be stopped, so code that nobody has read
   belongs into the cage, whose process is killed from outside.

The engine is quickjs-ng (docs/decisions/0006-javascript.md has what others cost and lack).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
import quickjs

from model.errors import ConfigError
from model.script import Call, Result, Way

__all__ = ["Call", "Codec", "Limits", "Result", "Stopped", "about", "results"]

_BEHIND = 100_000
"""Lines that our own scripts are moved down by, so that a line number tells whose it is: the engine knows no names."""
_AT = re.compile(r"<input>:(\d+):\d+")
_EXPORT = re.compile(
    r"^([ \t]*)export[ \t]+(?:default[ \t]+)?(?=(?:async[ \t]+)?(?:function|const|let|var|class)\b)", re.MULTILINE
)
_EXPORTED = re.compile(r"^[ \t]*export[ \t]*(?:default\b[^\n]*|\{[^}]*\})[ \t]*;?", re.MULTILINE)
_REQUIRE = re.compile(r"""\brequire\s*\(\s*["'](?:node:)?(?:crypto|buffer)["']""")
_HALVES = re.compile(r"(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}")
"""Halves of surrogate pairs, which JSON.stringify writes with a backslash, and only these: no text can hold them."""
_WANTED = ("recvTime", "context", "thing", "time")
_SHOWN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a realm may use. ``frame_s``, ``load_s``: CPU time of the process for one frame, and for the script itself.

    ``batch_s``: CPU time that each frame adds to a batch. ``memory``, ``stack``: bytes.
    """

    memory: int = 16 * 2**20
    stack: int = 256 * 2**10
    frame_s: float = 0.05
    batch_s: float = 0.001
    load_s: float = 0.5


_RESULTS = msgspec.json.Decoder(tuple[Result, ...])
_CALLS = msgspec.json.Encoder()


class Stopped(Exception):  # noqa: N818 -- what happened, told among ourselves; callers get a ``Result``
    """The engine stopped a script: too much time, memory or stack."""


class Codec:
    """One codec with its realm. ``source``: the script; ``name``: what errors call it. ``has``: its entry points.

    ``fresh``: a realm of its own for each call, for codecs whose answers depend on what they were asked before.
    Raises ``ConfigError`` with the line for a script that cannot be read, or that has no function to call.
    """

    def __init__(
        self, source: str, *, name: str = "codec.js", fresh: bool = False, limits: Limits | None = None
    ) -> None:
        self.name = name
        self.fresh = fresh
        self._limits = limits or Limits()
        self._source = source
        self._context: Any = None
        self._host: Any = None
        self.has: tuple[str, ...] = ()
        if "\0" in source:
            raise ConfigError([f"{name}: the script holds the character NUL: it is no text"])
        self._open()
        if not self.has:
            wanted = "decodeUplink (or Decode, or Decoder)"
            raise ConfigError([f"{name}: no function {wanted} is found; Penfeld calls nothing else"])

    def decode(
        self,
        payload: bytes,
        *,
        f_port: int | None = None,
        recv_time: datetime | None = None,
        variables: Mapping[str, str] | None = None,
        context: Sequence[Any] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Result:
        """Return what the codec makes of an uplink's payload; never raises for what codec or device do.

        ``recv_time``: when the frame came; it is also what the codec's clock shows (1970 where none is given).
        ``more``: what else its input is to hold.
        """
        time_ms = None if recv_time is None else recv_time.timestamp() * 1000
        [result] = self.run("uplink", [Call(list(payload), f_port, time_ms, variables or {}, context, more)])
        return result

    def encode_downlink(
        self, data: Mapping[str, Any], *, f_port: int | None = None, variables: Mapping[str, str] | None = None
    ) -> Result:
        """Return the downlink that says ``data``: an object with ``bytes`` (numbers) and ``fPort``."""
        [result] = self.run("downlink", [Call(data, f_port, None, variables or {})])
        return result

    def decode_downlink(
        self, payload: bytes, *, f_port: int | None = None, variables: Mapping[str, str] | None = None
    ) -> Result:
        """Return what the codec makes of a downlink's payload."""
        [result] = self.run("back", [Call(list(payload), f_port, None, variables or {})])
        return result

    def run(self, way: Way, calls: Sequence[Call]) -> Sequence[Result]:
        """Return the result of each call, in order. Where a limit stops them together, each runs by itself."""
        try:
            return results(self.together(way, _CALLS.encode(calls).decode(), len(calls)), len(calls))
        except Stopped as error:
            if len(calls) == 1:
                return [Result(errors=(about(str(error), calls[0]),), stopped=True)]
            return [result for call in calls for result in self.run(way, [call])]

    def together(self, way: Way, calls: str, count: int) -> str:
        """Return the results of ``count`` calls, all as JSON; raise ``Stopped`` where a limit stops them.

        A fresh codec takes them one at a time.
        """
        if self.fresh and count > 1:
            raise Stopped(f"{self.name}: its answers depend on what it was asked before")
        self.prepare()
        seconds = self._limits.frame_s + self._limits.batch_s * (count - 1)
        self._context.set_time_limit(seconds)
        try:
            text = str(self._host(way, calls))
        except (quickjs.JSException, TypeError) as error:  # the latter for an answer that is no text
            self._context = None
            raise Stopped(self._stopped(error, seconds)) from None
        if self.fresh:
            self._context = None
        return _HALVES.sub(r"\1\\ufffd", text) if "\\ud" in text else text

    def prepare(self) -> None:
        """Make the realm where there is none for the next call; raise ``Stopped`` where it cannot be made again."""
        if self._context is None:
            try:
                self._open()
            except ConfigError as error:
                raise Stopped(str(error)) from None

    def steady(self, probes: Sequence[Call]) -> bool:
        """Return whether it says the same of these uplinks in any order as it says of each in a realm of its own."""
        if not probes:
            return True
        expected = Codec(self._source, name=self.name, fresh=True, limits=self._limits).run("uplink", probes)
        forward, backward = self.run("uplink", probes), self.run("uplink", probes[::-1])
        same = list(forward) == list(expected) == list(backward[::-1])
        if not same:
            self._context = None  # it remembers what was tried
        return same

    def _open(self) -> None:
        """Make the realm: what we put there, the codec, and what it can do."""
        context = quickjs.Context()
        context.set_memory_limit(self._limits.memory)
        context.set_max_stack_size(self._limits.stack)
        context.set_time_limit(self._limits.load_s)
        self._host = context.eval(_script("host.js"))
        asks = _REQUIRE.search(self._source) is not None
        if asks or "Buffer" in self._source:
            context.eval(_script("buffer.js"))
        if asks:
            context.eval(_script("crypto.js"))
        try:
            _evaluate(context, self._source)
        except quickjs.JSException as error:
            raise ConfigError([self._placed(*_told(error))]) from None
        wants = {word: word in self._source for word in _WANTED}
        try:
            probe = context.eval(_script("probe.js"))
            bound = self._host("bind", probe, self.name, msgspec.json.encode(wants).decode())
            self.has = tuple(msgspec.json.decode(bound, type=list[str]))
        except (quickjs.JSException, msgspec.MsgspecError, TypeError) as error:
            raise ConfigError(
                [f"{self.name}: it changes the language so that nothing can be called: {error}"]
            ) from None
        self._context = context

    def _stopped(self, error: Exception, seconds: float) -> str:
        said, stack = _told(error)
        if "interrupted" in said:
            said = f"stopped after {seconds * 1000:.0f} ms of CPU time"
        elif "out of memory" in said:
            said = f"stopped at {self._limits.memory / 2**20:.0f} MB of memory"
        return self._placed(said, stack)

    def _placed(self, said: str, stack: str) -> str:
        """Return what was said with the codec's name and line."""
        lines = (int(number) for number in _AT.findall(stack))
        line = next((number for number in lines if number < _BEHIND), None)
        return f"{self.name}:{line}: {said}" if line else f"{self.name}: {said}"


def results(answer: str | bytes, count: int) -> Sequence[Result]:
    """Return the results in an answer to so many calls; raise ``Stopped`` for one that a codec has spoilt."""
    try:
        found = _RESULTS.decode(answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Stopped(f"the codec spoilt its answer: {error}") from None
    if len(found) != count:
        raise Stopped(f"the codec spoilt its answer: {len(found)} for {count} calls")
    return found


def about(error: str, call: Call) -> str:
    """Return an error with what the codec was given."""
    if isinstance(call.given, Mapping):
        return error
    shown = bytes(call.given[:_SHOWN]).hex() + ("…" if len(call.given) > _SHOWN else "")
    port = "" if call.f_port is None else f", port {call.f_port}"
    return f"{error} (payload {shown or 'empty'}{port})"


def _evaluate(context: Any, source: str) -> None:  # noqa: ANN401 -- the engine has no types
    """Run the script; what was written as a module is run as a script without its ``export``."""
    try:
        context.eval(source)
    except quickjs.JSException as error:
        plain = _EXPORTED.sub("", _EXPORT.sub(r"\1", source))
        if "SyntaxError" not in str(error) or plain == source:
            raise
        context.eval(plain)


def _told(error: Exception) -> tuple[str, str]:
    """Return what an exception of the engine says, and its stack."""
    said, _, stack = str(error).partition("\n")
    return said, stack


@cache
def _script(name: str) -> str:
    return "\n" * _BEHIND + files(__name__).joinpath(name).read_text("utf-8")
