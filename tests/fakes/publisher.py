"""``Publisher`` in memory: what was published stands in ``published``; ``down`` makes the broker refuse."""

from model.errors import UnavailableError


class Publisher:
    """Keeps (topic, payload) in order."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.down = False

    async def publish(self, topic: str, payload: bytes) -> None:
        """Keep the message; raise ``UnavailableError`` while ``down``."""
        if self.down:
            raise UnavailableError("the broker does not answer")
        self.published.append((topic, payload))
