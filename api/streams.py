"""How many long answers are under way: there is an end to it, so that pages and live readings still find a database."""

from collections.abc import AsyncIterator
from contextlib import aclosing


class Streams:
    """Counts streams of readings. ``full``: as many as there may be are under way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.open = 0

    @property
    def full(self) -> bool:
        """Whether another one is too many."""
        return self.open >= self._most

    async def counted(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the same bytes, and count this stream until they end or nobody wants them any more."""
        self.open += 1
        try:
            async with aclosing(body):  # type: ignore[type-var]  # ours are generators
                async for data in body:
                    yield data
        finally:
            self.open -= 1
