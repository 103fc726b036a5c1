"""What the ingest workers say of themselves: the statuses that the broker keeps, for commands that look once."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from api.mqtt import MqttConfig, MqttDoor
from model.errors import ConfigError, UnavailableError
from model.status import IngestStatus
from penfeld.brokers import broker_address
from penfeld.config import Config
from penfeld.reach import answers

GONE = timedelta(seconds=10)
"""A worker that has not told its status for so long is taken to be gone."""
_WAIT_S = 1.5


async def statuses(door: MqttDoor, wait_s: float = _WAIT_S) -> Mapping[str, IngestStatus]:
    """Return the workers' states by name, as far as the broker tells them within ``wait_s`` seconds."""
    found: dict[str, IngestStatus] = {}
    try:
        async with asyncio.timeout(wait_s):
            async for raw in door.statuses():
                status = msgspec.json.decode(raw, type=IngestStatus)
                found[status.worker] = status
    except TimeoutError:
        pass
    return dict(sorted(found.items()))


async def asked(config: Config) -> Mapping[str, IngestStatus] | str:
    """Ask the broker of the settings; return the states, or in one line why it cannot be asked."""
    try:
        address = broker_address(config)
        await answers(address)
    except ConfigError as error:
        return error.problems[0]
    except UnavailableError as error:
        return str(error)
    async with MqttDoor(MqttConfig(broker=address)) as door:
        return await statuses(door)


def oldest_s(status: IngestStatus, now: datetime) -> float:
    """Return the age of a worker's oldest unacknowledged frame in seconds, as of ``now``; 0 without any."""
    if not status.unacknowledged:
        return 0.0
    return status.oldest_unacknowledged_s + max(0.0, (now - status.time).total_seconds())
