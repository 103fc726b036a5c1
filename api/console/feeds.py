"""A feed for each choice of experiments that somebody sees: readers who see the same share one.

Rule: no more than ``MOST`` are kept; the one that nobody asked for the longest ends first.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from datetime import datetime

from api.console.feed import Feed
from api.context import Context
from model.device import DeviceType

MOST = 16


class Feeds:
    """The feeds of who does not see all."""

    def __init__(self, types: tuple[DeviceType, ...], clock: Callable[[], datetime], reload_s: float) -> None:
        self._types, self._clock, self._reload_s = types, clock, reload_s
        self._feeds: OrderedDict[frozenset[str], Feed] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, reader: Context, whole: Feed) -> Feed:
        """Return the feed of a reader; ``whole``: that of who sees all."""
        if reader.sight is None:
            return whole
        seen = reader.sight.experiments
        if seen not in self._feeds:
            self._feeds[seen] = feed = Feed(
                queries=reader.queries,
                registry=reader.registry,
                types=self._types,
                hub=reader.hub,
                clock=self._clock,
                reload_s=self._reload_s,
                narrow=True,
            )
            self._do(feed.start())
            if len(self._feeds) > MOST:
                self._do(self._feeds.popitem(last=False)[1].stop())
        self._feeds.move_to_end(seen)
        return self._feeds[seen]

    async def stop(self) -> None:
        """End all of them."""
        while self._feeds:
            await self._feeds.popitem()[1].stop()

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
