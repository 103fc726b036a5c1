"""What every page of the console is given."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from api.console.config import ConsoleConfig
from api.console.feed import Feed
from decoders.catalogue import Catalogue
from model.ports import Queries, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of the application that pages look at."""

    feed: Feed
    queries: Queries
    registry: Registry
    catalogue: Catalogue
    clock: Callable[[], datetime]
    config: ConsoleConfig
