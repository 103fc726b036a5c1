"""Rules tried on the past, for the routes and the console: few at a time, with progress, given up when nobody waits.

Rules:

1. A trial reads months of readings: no more than ``most`` at the same time; who asks for one more is told to wait.
2. Whoever stops listening ends the trial.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import datetime

from model.alert_ports import Rules
from model.errors import UnavailableError
from model.rule import Rule
from model.trial import Trial

_STEP_S = 0.2


class Trials:
    """Runs trials. ``running``: how many do now."""

    def __init__(self, rules: Rules, most: int) -> None:
        self.running = 0
        self._rules = rules
        self._most = most

    async def run(
        self, rule: Rule, start: datetime, end: datetime, *, step_s: float = _STEP_S
    ) -> AsyncGenerator[float | Trial]:
        """Yield how much is done (0 to 1) every ``step_s`` while that changes, at last the trial.

        Raise what ``Rules.test`` raises, and ``UnavailableError`` while too many are running.
        """
        if self.running >= self._most:
            raise UnavailableError(f"{self._most} rules are being tried already: try again in a moment")
        done = [0.0]
        self.running += 1
        task = asyncio.create_task(
            self._rules.test(rule, start, end, lambda share: done.__setitem__(0, share)), name=f"trial {rule.name}"
        )
        told = -1.0
        try:
            while not (await asyncio.wait((task,), timeout=step_s))[0]:
                if done[0] != told:
                    told = done[0]
                    yield told
            yield await task
        finally:
            self.running -= 1
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):  # it is told above, or nobody waits for it any more
                await task

    async def result(self, rule: Rule, start: datetime, end: datetime) -> Trial:
        """Return the trial; raise as ``run``."""
        async with aclosing(self.run(rule, start, end)) as steps:
            async for told in steps:
                if isinstance(told, Trial):
                    return told
        raise UnavailableError("the trial was given up: try again")
