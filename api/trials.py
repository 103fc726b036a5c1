"""Rules tried on the past, for the routes and the console: few at a time, with progress, given up when nobody waits.

Rules:

1. A trial reads months of readings: no more than ``most`` at the same time; who asks for one more is told to wait.
2. Whoever stops listening ends the trial.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import datetime

from model.alert_ports import Rules
from model.errors import UnavailableError
from model.rule import Rule
from model.trial import Trial

_STEP = 0.01
"""How much more has to be done before that is told again."""


class Trials:
    """Runs trials. ``running``: how many do now."""

    def __init__(self, rules: Rules, most: int) -> None:
        self.running = 0
        self._rules = rules
        self._most = most

    async def run(self, rule: Rule, start: datetime, end: datetime) -> AsyncGenerator[float | Trial]:
        """Yield how much is done (0 to 1) as that grows, at last the trial.

        Raise what ``Rules.test`` raises, and ``UnavailableError`` while too many are running.
        """
        if self.running >= self._most:
            raise UnavailableError(f"{self._most} rules are being tried already: try again in a moment")
        progress = _Progress()
        self.running += 1
        task = asyncio.create_task(self._rules.test(rule, start, end, progress.tell), name=f"trial {rule.name}")
        task.add_done_callback(lambda _: progress.news.set())
        told = -1.0
        try:
            while True:
                await progress.news.wait()
                progress.news.clear()
                if task.done():
                    break
                if progress.share - told >= _STEP:
                    told = progress.share
                    yield told
            yield task.result()
        finally:
            self.running -= 1
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):  # it is told above, or nobody waits for it any more
                await task


class _Progress:
    """How much is done. ``news``: whether that changed, or the work ended."""

    def __init__(self) -> None:
        self.share = 0.0
        self.news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def tell(self, share: float) -> None:
        """Note how much is done, from whatever thread the work is in."""
        self.share = share
        self._loop.call_soon_threadsafe(self.news.set)
