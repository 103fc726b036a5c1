"""The panel that says that ingest asks a script no more, why, and what to do. It is there as long as that is so."""

from api.codecs import suspended
from api.console.components.elements import Refresh, Text, block, link
from api.console.parts import Parts
from api.console.texts import Words
from decoders.device import Definition


class Suspension:
    """The panel of one device type; nothing is to be seen while its script is asked."""

    def __init__(self, definition: Definition, parts: Parts, words: Words, notice: Text) -> None:
        self._definition, self._parts = definition, parts
        script = definition.script.name if definition.script is not None else ""
        self._panel = block("section", "call alarm", role="alert")
        with self._panel:
            Text("h2", words("type.suspended", script=script))
            self._reason = Text("p", "", "code breakable")
            Text("p", words("type.suspended.hint", script=script))
            link(words("type.suspended.quarantine"), "/quarantine")
        self._panel.set_visibility(False)
        Refresh(3.0, self._load, notice)

    async def _load(self) -> None:
        reason = suspended(self._definition, self._parts.hub.statuses.values(), self._parts.clock())
        self._reason.say(reason or "")
        self._panel.set_visibility(reason is not None)
