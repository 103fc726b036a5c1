"""What every page of the console is given."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi import Request

from api.console.bell import Bell
from api.console.config import ConsoleConfig
from api.console.feed import Feed
from api.console.feeds import Feeds
from api.console.reader import reader_of
from api.live import Hub
from decoders.catalogue import Catalogue
from model.access import OPEN, Principal
from model.access_ports import Access
from model.alert_ports import Alarms, Channels, Outbox, Rules
from model.ports import Codecs, DeviceFiles, Interpreter, Quarantine, Queries, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of the application that pages look at."""

    feed: Feed
    bell: Bell
    hub: Hub
    queries: Queries
    registry: Registry
    quarantine: Quarantine
    interpreter: Interpreter
    catalogue: Catalogue
    codecs: Codecs
    device_files: DeviceFiles
    alarms: Alarms
    rules: Rules
    outbox: Outbox
    channels: Channels
    clock: Callable[[], datetime]
    config: ConsoleConfig
    feeds: Feeds
    access: Access | None = None
    asker: Principal = OPEN

    async def note(self, what: str, target: str, **detail: object) -> None:
        """Write down a change that no port writes down itself; where there are no accounts, nobody is asked."""
        if self.access is not None:
            await self.access.note(what, target, detail, who=self.asker.who, at=self.clock())

    def of(self, request: Request) -> "Parts":
        """Return the parts as the reader of a page has them."""
        known = reader_of(request)
        if known is None or known.asker.sort == "open":
            return self
        reader = known.context
        if reader.sight is None:
            return replace(self, asker=reader.asker)
        return replace(
            self,
            feed=self.feeds.of(reader, self.feed),
            bell=Bell(reader.alarms, self.clock),
            queries=reader.queries,
            registry=reader.registry,
            quarantine=reader.quarantine,
            device_files=reader.device_files,
            alarms=reader.alarms,
            rules=reader.rules,
            outbox=reader.outbox,
            asker=reader.asker,
        )
