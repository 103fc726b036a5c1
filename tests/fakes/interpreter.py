"""``Interpreter`` that says what it is told to. ``meanings``: by line of quarantine; others mean a bad payload."""

from collections.abc import Sequence

from model.errors import Reason
from model.views import Interpretation, QuarantinedFrame


class Interpreter:
    """Meanings by the line's id."""

    def __init__(self) -> None:
        self.meanings: dict[int, Sequence[Interpretation]] = {}

    async def interpret(self, frame: QuarantinedFrame) -> Sequence[Interpretation]:
        """Return what the line means."""
        still = Interpretation(
            device=frame.device, device_type=frame.device_type, reason=Reason.BAD_PAYLOAD, detail="too short"
        )
        return self.meanings.get(frame.id, (still,))
