"""What every page of the console is given."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from api.console.bell import Bell
from api.console.config import ConsoleConfig
from api.console.feed import Feed
from api.live import Hub
from decoders.catalogue import Catalogue
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
