"""The evaluator at work: it looks at news again and again, tells what changed, and says how it is.

Rules:

1. Only one evaluates a database; another process waits until that one is gone, and takes over.
2. While the database does not answer it tries again, with growing pauses; the first look after that begins with all
   that is stored then.
3. What is told live may be lost without harm.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

import msgspec

from alerts.evaluator import Evaluator
from model.alarm import AlarmNotice
from model.alert_ports import AlarmFeed
from model.errors import ConfigError, ConflictError, PenfeldError, UnavailableError
from model.retry import Backoff
from model.status import AlertsStatus

logger = logging.getLogger(__name__)

_KEPT = 1_000
_ENOUGH = 100
_LOGGED = 5
"""Of the changes that one look brings, so many have a line in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsConfig:
    """``every_s``: the pause between looks that found all; ``take_over_s``: between attempts to be the only one."""

    every_s: float = 0.15
    take_over_s: float = 2.0
    status_every_s: float = 1.0
    backoff: Backoff = field(default_factory=Backoff)


class AlertsService:
    """Runs one evaluator. ``troubles``: what keeps channels from sending, by name."""

    def __init__(
        self,
        *,
        evaluator: Evaluator,
        feed: AlarmFeed,
        clock: Callable[[], datetime],
        random: Random,
        config: AlertsConfig | None = None,
        troubles: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._evaluator = evaluator
        self._feed = feed
        self._clock = clock
        self._random = random
        self._config = config or AlertsConfig()
        self._troubles = troubles
        self._stopping = asyncio.Event()
        self._started = clock()
        self._looks = 0
        self._took_s: deque[float] = deque(maxlen=_KEPT)
        self._trouble = ""

    async def run(self) -> None:
        """Work until ``stop``; raise ``ConfigError`` when a person must act."""
        telling = asyncio.create_task(self._tell_status())
        try:
            failures = 0
            while not self._stopping.is_set():
                try:
                    async with self._evaluator.alone():
                        if self._trouble:
                            logger.info("alert rules are evaluated here")
                            self._trouble = ""
                        failures = 0
                        await self._evaluate()
                except ConflictError as error:
                    await self._pause(str(error), self._config.take_over_s)
                except UnavailableError as error:
                    failures += 1
                    await self._pause(str(error), self._config.backoff.wait_s(failures, self._random))
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            await self._tell_once()

    def stop(self) -> None:
        """Finish the look under way, then end ``run``."""
        self._stopping.set()

    def status(self) -> AlertsStatus:
        """Return how it is."""
        took = sorted(self._took_s)
        return AlertsStatus(
            time=self._clock(),
            started=self._started,
            rules=self._evaluator.rules,
            open=self._evaluator.standing,
            looks=self._looks,
            readings=self._evaluator.readings,
            look_p99_ms=1000 * took[int(0.99 * len(took))] if len(took) >= _ENOUGH else None,
            trouble=self._trouble,
            channels=dict(self._troubles()),
        )

    async def _evaluate(self) -> None:
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            began, readings = clock(), self._evaluator.readings
            try:
                notices, more = await self._evaluator.look()
            except (UnavailableError, ConfigError, asyncio.CancelledError):
                raise
            except PenfeldError as error:
                raise UnavailableError(f"a look failed and is done again: {error}") from error
            except Exception as error:  # a bug met by one reading must not end what watches all others
                logger.exception("a look failed; it is done again")
                raise UnavailableError(f"a look failed and is done again: {error!r}") from error
            self._looks += 1
            if self._evaluator.readings > readings:
                self._took_s.append(clock() - began)
            await self._tell(notices)
            if not more:
                await self._rest(self._config.every_s)

    async def _tell(self, notices: Sequence[AlarmNotice]) -> None:
        for one in notices[:_LOGGED]:
            logger.info("alarm %d %s: %s on %s", one.alarm.id, one.kind, one.alarm.rule, one.alarm.subject)
        if len(notices) > _LOGGED:
            logger.info("and %d more changes of alarms", len(notices) - _LOGGED)
        if notices:
            try:
                await self._feed.alarms(msgspec.json.encode(notices))
            except UnavailableError as error:
                logger.debug("changes of alarms are not told live: %s", error)

    async def _tell_status(self) -> None:
        while True:
            await self._tell_once()
            await asyncio.sleep(self._config.status_every_s)

    async def _tell_once(self) -> None:
        try:
            await self._feed.status(msgspec.json.encode(self.status()))
        except UnavailableError as error:
            logger.debug("the status is not told: %s", error)

    async def _pause(self, trouble: str, seconds: float) -> None:
        """Wait before the next attempt, or until asked to stop; say why once, not at every attempt."""
        logger.log(logging.WARNING if trouble != self._trouble else logging.DEBUG, "alert rules wait: %s", trouble)
        self._trouble = trouble
        await self._rest(seconds)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass
