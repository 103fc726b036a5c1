"""``FrameSource`` in memory: a broker with one persistent session.

``send`` puts messages in; ``batches`` hands out what waits; ``reconnect`` hands out again what is not acknowledged.
``failures``: how many times ``batches`` finds the broker down. ``close`` ends ``batches`` when nothing waits.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import msgspec

from model.errors import UnavailableError
from model.uplink import Message

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class FrameSource:
    """Messages in a list, and which of them are acknowledged."""

    def __init__(self, *messages: Message) -> None:
        self.queued: list[Message] = []
        self.unacknowledged: dict[int, Message] = {}
        self.acknowledged: list[Message] = []
        self.failures = 0
        self.line_lost = False
        self.reason = ""
        self._token = 0
        self._closed = False
        self._changed = asyncio.Event()
        self.send(*messages)

    def send(self, *messages: Message) -> None:
        """Let messages wait for the next batch."""
        for message in messages:
            self._token += 1
            self.queued.append(msgspec.structs.replace(message, token=self._token))
        self._changed.set()

    def publish(self, topic: str, payload: bytes, *, received_at: datetime = NOON) -> None:
        """Let one message wait."""
        self.send(Message(topic=topic, payload=payload, received_at=received_at))

    def reconnect(self) -> None:
        """Deliver again what was handed out and not acknowledged."""
        again = [msgspec.structs.replace(message, redelivered=True) for message in self.unacknowledged.values()]
        self.unacknowledged.clear()
        self.queued[:0] = again
        self._changed.set()

    def close(self) -> None:
        """End ``batches`` when nothing waits any more."""
        self._closed = True
        self._changed.set()

    def waiting(self) -> tuple[int, datetime | None]:
        """Return what no batch has taken yet."""
        return len(self.queued), self.queued[0].received_at if self.queued else None

    def trouble(self) -> str:
        """Return ``reason``."""
        return self.reason

    async def batches(self) -> AsyncIterator[Sequence[Message]]:
        """Yield what waits, all of it at once."""
        if self.failures:
            self.failures -= 1
            raise UnavailableError("the broker does not answer")
        while True:
            while not self.queued:
                if self._closed:
                    return
                self._changed.clear()
                await self._changed.wait()
            batch, self.queued = self.queued, []
            self.unacknowledged.update((message.token, message) for message in batch)
            yield batch

    async def acknowledge(self, batch: Sequence[Message]) -> None:
        """Take these messages off the session; fail when ``line_lost``."""
        if self.line_lost:
            raise UnavailableError("the line is gone")
        for message in batch:
            self.unacknowledged.pop(message.token, None)
        self.acknowledged += batch
