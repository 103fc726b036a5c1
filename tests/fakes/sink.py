"""``FrameSink`` in memory, with the ways in which a database fails.

``failures``: how many writes find it down. ``refuse``: devices (keys) whose frames it can never store, and why.
"""

from model.batch import Batch, Written
from model.errors import UnavailableError, WriteRejectedError
from tests.fakes.memory import Memory


class FrameSink:
    """Writes into a ``Memory``; ``batches`` are those that went in, ``attempts`` counts all."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()
        self.batches: list[Batch] = []
        self.attempts = 0
        self.failures = 0
        self.refuse: dict[int, str] = {}

    async def ready(self, batch: Batch) -> Batch:
        """Return the batch: nothing can be made before."""
        return batch

    async def write(self, batch: Batch) -> Written:
        """Store the batch, or nothing of it."""
        self.attempts += 1
        if self.failures:
            self.failures -= 1
            raise UnavailableError("the database does not answer")
        refused = {i: self.refuse[frame.device] for i, frame in enumerate(batch.frames) if frame.device in self.refuse}
        if refused:
            raise WriteRejectedError(refused)
        written = await self.memory.write(batch)
        self.batches.append(batch)
        return written
