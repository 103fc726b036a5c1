"""``Codecs`` without any engine: scripts say what a test tells them to say."""

from collections.abc import Sequence

from model.script import Call, Result, Script, Suspension, Way


class Codecs:
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
