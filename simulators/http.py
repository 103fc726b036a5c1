"""The door for Sigfox callbacks: each is posted to an address, as the Sigfox backend does it.

1. An event counts as sent when it was answered with 2xx. Otherwise it is posted again after 1, 2 and 4 minutes, then
   given up: that is what Sigfox promises.
2. A few connections work at a time; who sends more than they and a short queue can take waits.
"""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass

import httpx

from model.errors import UnavailableError
from simulators.envelopes import Event

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    """``url``: where callbacks go. ``token``: sent as a bearer token, where the address asks for one."""

    url: str
    token: str | None = None
    connections: int = 4
    timeout_s: float = 10.0
    retries_s: tuple[float, ...] = (60.0, 120.0, 240.0)


class HttpDoor:
    """Posts events. ``sent``: answered events by source; ``given_up``: those that no retry brought home."""

    def __init__(self, config: HttpConfig) -> None:
        self.sent: Counter[str] = Counter()
        self.given_up: Counter[str] = Counter()
        self._config = config
        self._queue: asyncio.Queue[tuple[Event, int]] = asyncio.Queue(4 * config.connections)
        self._tasks: set[asyncio.Task[None]] = set()
        self._later = 0
        self._at_work = 0
        self._trouble = ""
        headers = {"content-type": "application/json", "user-agent": "SIGFOX"}
        if config.token is not None:
            headers["authorization"] = f"Bearer {config.token}"
        self._client = httpx.AsyncClient(headers=headers, timeout=config.timeout_s)

    @property
    def outstanding(self) -> int:
        """How many events are not answered yet, those that wait for a retry included."""
        return self._queue.qsize() + self._at_work + self._later

    async def open(self) -> None:
        """Look whether somebody answers at the address; raise ``UnavailableError`` with one line if nobody does."""
        try:
            await self._client.get(self._config.url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            await self._client.aclose()
            why = str(error) or type(error).__name__
            raise UnavailableError(f"nobody takes Sigfox callbacks at {self._config.url}: {why}") from None
        self._tasks = {asyncio.create_task(self._work()) for _ in range(self._config.connections)}

    async def send(self, event: Event) -> None:
        """Put an event on its way; waits while all connections are busy and the queue is full."""
        await self._queue.put((event, 0))

    async def drain(self, patience_s: float) -> int:
        """Wait until everything is answered, ``patience_s`` at most; return how many are not."""
        waited = 0.0
        while self.outstanding and waited < patience_s:
            await asyncio.sleep(0.01)
            waited += 0.01
        return self.outstanding

    async def close(self) -> None:
        """End all connections; what was not answered is given up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def _work(self) -> None:
        while True:
            event, attempt = await self._queue.get()
            self._at_work += 1
            try:
                taken = await self._posted(event)
            finally:
                self._at_work -= 1
            if taken:
                self.sent[event.source] += 1
            elif attempt < len(self._config.retries_s):
                self._later += 1
                task = asyncio.create_task(self._again(event, attempt))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                self.given_up[event.source] += 1
                logger.warning("a callback to %s is given up: %s", self._config.url, self._trouble)

    async def _posted(self, event: Event) -> bool:
        try:
            answer = await self._client.post(self._config.url, content=event.payload)
        except httpx.HTTPError as error:
            trouble = str(error) or type(error).__name__
        else:
            trouble = "" if answer.is_success else f"{answer.status_code} {answer.reason_phrase}"
        if trouble and trouble != self._trouble:  # once, not for each event
            logger.warning("callbacks to %s fail and are tried again later: %s", self._config.url, trouble)
        self._trouble = trouble
        return not trouble

    async def _again(self, event: Event, attempt: int) -> None:
        try:
            await asyncio.sleep(self._config.retries_s[attempt])
            await self._queue.put((event, attempt + 1))
        finally:
            self._later -= 1
