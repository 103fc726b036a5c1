"""Quarantine put to work: who brings lines back, and the step that does it beside ingest.

What waits is marked in the database (by the register, the API, the console), so any ingest worker takes it, and none
twice.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from decoders.catalogue import Catalogue
from ingest.pipeline import Pipeline, Source
from ingest.replay import Replayer
from model.batch import Replayed
from model.ports import Codecs, Quarantine
from storage.connection import Database
from storage.quarantine import REPLAY
from storage.registry import Registry
from storage.replay import Quarantine as StoredQuarantine
from storage.writer import Writer

log = logging.getLogger(__name__)

EVERY_S = 2.0
"""How often to look whether anything waits: a registered device's frames are there within so many seconds."""


def quarantine(database: Database) -> StoredQuarantine:
    """Return the quarantine of a database."""
    return StoredQuarantine(database, Writer(database, REPLAY))


def replayer(
    database: Database, known: Catalogue, taken: Sequence[Source], clock: Callable[[], datetime], codecs: Codecs
) -> Replayer:
    """Return who brings lines of a database's quarantine back."""
    return Replayer(Pipeline(known, taken, Registry(database), codecs), quarantine(database), clock)


def replays(who: Replayer, where: Quarantine, device_types: Sequence[str]) -> Callable[[], Awaitable[bool]]:
    """Return the replay of what is marked as a step; it returns whether more waits.

    The first step marks what waits for one of these device types: its file may have come since.
    """
    asked = False
    sums = Replayed()

    async def step() -> bool:
        nonlocal asked, sums
        if not asked:
            await where.request_types(device_types)
            asked = True
        sums += await who.step()
        if who.more:
            return True
        if sums.lines:
            log.info("replay: %s", told(sums))
        sums = Replayed()
        return False

    return step


def told(sums: Replayed) -> str:
    """Say in one line what became of replayed frames."""
    return (
        f"{sums.stored:,} frames stored, {sums.duplicates:,} duplicates, {sums.kept:,} still in quarantine"
        f" ({sums.lines:,} messages)"
    )
