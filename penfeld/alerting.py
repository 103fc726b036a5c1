"""Joins settings and packages for alert rules."""

from collections.abc import Callable
from datetime import datetime

from alerts.compiled import Place
from alerts.desk import RuleDesk
from decoders.catalogue import Catalogue
from penfeld.clock import utc_now
from penfeld.config import Config
from penfeld.upkeep import Step
from storage import cadence
from storage.alerts import AlertStore
from storage.connection import Database
from storage.rulebook import RuleBook


def place(config: Config) -> Place:
    """Return where the city is."""
    return Place(zone=config.city.time_zone, centre=(config.console.centre[0], config.console.centre[1]))


def desk(database: Database, config: Config, known: Catalogue) -> RuleDesk:
    """Return the rules for people: over the catalogue as it is whenever they are asked."""
    return RuleDesk(
        book=RuleBook(database),
        store=AlertStore(database),
        types=lambda: {one.name: one for one in known.types()},
        channels=lambda: [channel.name for channel in config.channels],
        clock=utc_now,
        place=place(config),
    )


def cadences(database: Database, known: Catalogue, clock: Callable[[], datetime]) -> Step:
    """Return as a step that the cadences of all devices are learnt, one device type after the other."""
    names = [one.name for one in known.types()]

    async def step() -> bool:
        for name in names:
            await cadence.learn(database, name, clock())
        return False

    return step
