"""How many open alarms nobody looks after, for every page; asked once in two seconds, however many people look."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from api.console.alarm_lines import unacknowledged
from model.alert_ports import Alarms

_KNOWN_FOR = timedelta(seconds=1.5)


class Bell:
    """Raises ``UnavailableError`` as the alarms do."""

    def __init__(self, alarms: Alarms, clock: Callable[[], datetime]) -> None:
        self._alarms, self._clock = alarms, clock
        self._asked: datetime | None = None
        self._known = (0, False)
        self._lock = asyncio.Lock()

    async def ringing(self) -> tuple[int, bool]:
        """Return how many there are, and whether a critical one is among them."""
        async with self._lock:
            now = self._clock()
            if self._asked is None or not timedelta() <= now - self._asked < _KNOWN_FOR:
                self._known = unacknowledged(await self._alarms.counts())
                self._asked = now
            return self._known
