"""``LiveFeed`` in memory: ``readings`` by device type and ``statuses``, as they were told; ``down`` makes it fail."""

import asyncio

import msgspec

from model.errors import UnavailableError
from model.status import IngestStatus, LiveReading


class LiveFeed:
    """What was told, decoded again."""

    def __init__(self) -> None:
        self.readings: list[LiveReading] = []
        self.statuses: list[IngestStatus] = []
        self.down = False
        self.told = asyncio.Event()

    async def publish(self, device_type: str, readings: bytes) -> None:
        """Keep the readings."""
        self._check()
        some = msgspec.json.decode(readings, type=list[LiveReading])
        assert {reading.device_type for reading in some} == {device_type}
        self.readings += some

    async def status(self, status: bytes) -> None:
        """Keep the status."""
        self._check()
        self.statuses.append(msgspec.json.decode(status, type=IngestStatus))
        self.told.set()

    def _check(self) -> None:
        if self.down:
            raise UnavailableError("the broker does not answer")
