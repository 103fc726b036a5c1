"""Codecs that run in this process, within the engine's own limits only."""

from collections.abc import Sequence

from decoders.javascript import Codec
from model.errors import ConfigError, UnavailableError
from model.script import Call, Result, Script, Suspension, Way


class Codecs:
    """Runs scripts at once. ``asked``: every call; ``down``: nobody can be had; ``suspend(name)``: a script is."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Way, Sequence[Call]]] = []
        self.down = False
        self._suspended: dict[str, Suspension] = {}

    def suspend(self, name: str, reason: str) -> None:
        """Ask this script no more."""
        self._suspended[name] = Suspension(codec=name, reason=reason)

    def suspended(self) -> Sequence[Suspension]:
        """Return the scripts that are asked no more."""
        return tuple(self._suspended.values())

    async def run(self, script: Script, way: Way, calls: Sequence[Call]) -> Sequence[Result]:
        """Return the result of each call."""
        if self.down:
            raise UnavailableError("the process for makers' codecs does not start")
        if script.name in self._suspended:
            return [Result(errors=(f"{script.name} is suspended",), suspended=True)] * len(calls)
        self.asked.append((script.name, way, calls))
        try:
            return Codec(script.source, name=script.name).run(way, calls)
        except ConfigError as error:
            return [Result(errors=(str(error),))] * len(calls)
