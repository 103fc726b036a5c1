"""``LiveSource`` in memory: what a test tells it comes out of its iterators; they end with ``close``."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec

from model.alarm import AlarmNotice
from model.status import AlertsStatus, IngestStatus, LiveReading


class LiveSource:
    """A queue for each kind."""

    def __init__(self) -> None:
        self._readings: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self._statuses: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._alarms: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._alerts: asyncio.Queue[bytes | None] = asyncio.Queue()

    def tell(self, device_type: str, readings: Sequence[LiveReading] | bytes) -> None:
        """Publish readings of one type, or any bytes in their place."""
        payload = readings if isinstance(readings, bytes) else msgspec.json.encode(readings)
        self._readings.put_nowait((device_type, payload))

    def report(self, status: IngestStatus | bytes) -> None:
        """Publish a worker's state, or any bytes in its place."""
        self._statuses.put_nowait(status if isinstance(status, bytes) else msgspec.json.encode(status))

    def raise_alarms(self, notices: Sequence[AlarmNotice] | bytes) -> None:
        """Publish changes of alarms, or any bytes in their place."""
        self._alarms.put_nowait(notices if isinstance(notices, bytes) else msgspec.json.encode(notices))

    def report_alerts(self, status: AlertsStatus | bytes) -> None:
        """Publish the evaluator's state, or any bytes in its place."""
        self._alerts.put_nowait(status if isinstance(status, bytes) else msgspec.json.encode(status))

    def close(self) -> None:
        """End all iterators behind what was told."""
        self._readings.put_nowait(None)
        for queue in (self._statuses, self._alarms, self._alerts):
            queue.put_nowait(None)

    async def readings(self) -> AsyncIterator[tuple[str, bytes]]:
        """Yield what was told."""
        while (told := await self._readings.get()) is not None:
            yield told

    async def statuses(self) -> AsyncIterator[bytes]:
        """Yield what was reported."""
        while (reported := await self._statuses.get()) is not None:
            yield reported

    async def alarms(self) -> AsyncIterator[bytes]:
        """Yield what was raised."""
        while (raised := await self._alarms.get()) is not None:
            yield raised

    async def alerts(self) -> AsyncIterator[bytes]:
        """Yield what the evaluator reported."""
        while (reported := await self._alerts.get()) is not None:
            yield reported
