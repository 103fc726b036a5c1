"""What runs beside ingest, again and again: upkeep of the database, and whatever else waits for its turn.

Rules:

1. A step that fails is one line in the log, and is tried again; it never stops ingest.
2. Steps are modest: after one that took long, there is a long pause, so that each takes a small part of the time. Where
   more waits to be done, pauses are as long as the work.
3. Rollups wait while ingest is behind, though not for ever: what is read at once is worth more than what is summed up,
   and an hour that is computed when all of it is there is computed once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from decoders.catalogue import Catalogue
from model.device import DeviceType
from model.errors import ConfigError, PenfeldError
from model.retention import KEYS, Retention
from penfeld.config import Config
from storage.connection import Database
from storage.retention import UpkeepConfig
from storage.upkeep import Round, Upkeep

log = logging.getLogger(__name__)

EVERY_S = 5.0
FIRST_S = 15.0
"""When rollups are looked after for the first time."""
_REST = 19
"""How many times as long as a step took, the pause after it is: a twentieth of the time is its own."""
_LONGEST_PAUSE_S = 300.0
_ROUND_S = 20.0
"""After so many seconds a round leaves the rest to the next one."""
BEHIND_S = 0.5
"""A frame that waits longer for its transaction tells that ingest is behind."""
_PATIENCE_S = 300.0
"""No step waits longer than this for ingest to catch up."""
_LOOK_S = 0.2
_NAMED = 3

Step = Callable[[], Awaitable[bool]]
"""Does something, and returns whether more waits to be done."""


class Repeated:
    """One step, again and again until cancelled. ``name`` begins its lines in the log.

    ``first_s``: how long the first time waits, so that what piled up in the broker is stored before. ``behind_s``: for
    how many seconds a frame has waited for its transaction now; the step waits until it is few.
    """

    def __init__(
        self,
        name: str,
        step: Step,
        *,
        every_s: float = EVERY_S,
        first_s: float = 0.0,
        behind_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._name = name
        self._step = step
        self._every_s = every_s
        self._first_s = first_s
        self._behind_s = behind_s
        self._trouble = ""

    async def run(self) -> None:
        """Do the step, pause, and so on."""
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(self._first_s)
        while True:
            patience = clock() + _PATIENCE_S
            while self._behind_s() > BEHIND_S and clock() < patience:  # noqa: ASYNC110 -- a length of time is no event
                await asyncio.sleep(_LOOK_S)
            began = clock()
            more = await self._once()
            took = clock() - began
            pause = took if more else min(_REST * took, _LONGEST_PAUSE_S)
            await asyncio.sleep(max(pause, 0.0 if more else self._every_s))

    async def _once(self) -> bool:
        try:
            more = await self._step()
        except PenfeldError as error:
            self._tell(str(error))
        except Exception as error:  # noqa: BLE001 -- ingest goes on, whatever fails beside it
            self._tell(f"{type(error).__name__}: {error}")
        else:
            if self._trouble:
                log.info("%s works again", self._name)
            self._trouble = ""
            return more
        return False

    def _tell(self, trouble: str) -> None:
        """Say what is wrong, once."""
        trouble = " ".join(trouble.split())
        if trouble != self._trouble:
            log.warning("%s fails, and is tried again: %s", self._name, trouble)
        self._trouble = trouble


def rounds(upkeep: Upkeep, behind_s: Callable[[], float]) -> Step:
    """Return rounds of upkeep as a step. ``behind_s``: for how many seconds a frame has waited for its transaction."""

    async def step() -> bool:
        clock = asyncio.get_running_loop().time
        end = clock() + _ROUND_S
        begun_behind = behind_s() > BEHIND_S  # patience has come to its end: then a whole round
        done = await upkeep.round(enough=lambda: clock() > end or (behind_s() > BEHIND_S and not begun_behind))
        for line in told(done):
            log.info("upkeep: %s", line)
        return done.left > 0 and done.hours > 0

    return step


def told(done: Round) -> Sequence[str]:
    """Return what a round did that is worth a line: rollups and parts that are new share one each."""
    lines = []
    for kind in ("rollup", "part"):
        new = [
            name for word, _, name in (line.partition(" ") for line in done.made) if word == kind and " " not in name
        ]
        if new:
            more = f" and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
            lines.append(f"new {kind}s: {', '.join(new[:_NAMED])}{more}")
    lines += [line for line in done.made if line.count(" ") != 1]
    if done.too_old:
        lines.append(f"{done.too_old} hours changed that are older than readings are kept: rollups stay as they are")
    return lines


def upkeep(database: Database, config: Config, known: Catalogue, clock: Callable[[], datetime]) -> Upkeep:
    """Return the upkeep of a database; raise ``ConfigError`` for what settings say of types that there are not."""
    types = known.types()
    return Upkeep(database, types, clock, upkeep_config(config, types))


def upkeep_config(config: Config, types: Sequence[DeviceType]) -> UpkeepConfig:
    """Return what upkeep goes by: penfeld.toml for a type, then its device file, then penfeld.toml for all."""
    by_name = {device_type.name: device_type for device_type in types}
    problems = [
        f"{of.place}: {name!r} is no device type: `penfeld devices types` lists them"
        for name, of in config.retention_types.items()
        if name not in by_name
    ]
    if problems:
        raise ConfigError(problems)
    settings, columnstore = config.retention, config.columnstore
    everybody = Retention({key: getattr(settings, key) for key in KEYS})
    return UpkeepConfig(
        zone=config.city.time_zone,
        retention=everybody,
        types={
            name: Retention(of.ages if (of := config.retention_types.get(name)) else {})
            .over(device_type.retention)
            .over(everybody)
            for name, device_type in by_name.items()
        },
        uplink=settings.uplink,
        columnstore=columnstore.readings or UpkeepConfig().columnstore,
        uplink_columnstore=columnstore.uplink or UpkeepConfig().uplink_columnstore,
    )
