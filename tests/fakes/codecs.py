"""Codecs that run in this process, within the engine's own limits only; and such as say what a test tells them to."""

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


class ToldCodecs:
    """Answers for scripts by their names: with ``says``, else that nobody knows what to say.

    ``asked``: every call, with the script's name. ``refused``: who is asked no more.
    """

    def __init__(self, **says: Result) -> None:
        self.says = says
        self.asked: list[tuple[str, Way, Call]] = []
        self.refused: list[Suspension] = []

    async def run(self, script: Script, way: Way, calls: Sequence[Call]) -> Sequence[Result]:
        """Return what the script is to say, for each call."""
        self.asked += [(script.name, way, call) for call in calls]
        reason = next((one.reason for one in self.refused if one.codec == script.name), None)
        if reason is not None:
            return [Result(errors=(reason,), suspended=True)] * len(calls)
        nothing = Result(errors=(f"{script.name} says nothing",))
        return [self.says.get(script.name.removesuffix(".js"), nothing)] * len(calls)

    def suspended(self) -> Sequence[Suspension]:
        """Return who is asked no more."""
        return tuple(self.refused)
