"""Live readings from the broker to many who listen: ``penfeld serve`` as a process, with a real broker and database.

1. 1,000 readings a second of 5,000 lamps are published on the live topic, 50 messages a second, as ingest tells them.
   Half of the listeners follow by server-sent events, half over a WebSocket, each 20 lamps of its own choice.
2. ``subscribers.p99`` and ``.p50``: from the moment of publishing to that at which a listener has the reading; beside
   it, in the same run, what one listener alone waits. Publisher and listeners share the machine with the API.
3. Two more listeners follow all lamps and never read. They must be dropped, or there is no figure. ``subscribers.cpu``:
   processor time of the API's process, in percent of a core.
"""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

import aiomqtt
import httpx
import msgspec
from websockets.asyncio.client import connect

from model.status import LIVE_TOPIC, LiveReading
from tests.acceptance.command import get, service, until
from tests.bench import processes
from tests.bench.figure import Figure, Size
from tests.bench.frames import TYPE, devices
from tests.bench.progress import tell
from tests.bench.rig import Rig, VoidError, rig
from tests.bench.servers import temporary_folder
from tests.integration.fix_brokers import free_port

SIZES: Mapping[Size, tuple[int, int, int, float]] = {
    Size.TINY: (50, 4, 100, 1.0),
    Size.SHORT: (5000, 500, 1000, 20.0),
    Size.FULL: (5000, 500, 1000, 120.0),
}
"""Lamps, listeners, readings a second, and seconds."""
FOLLOWED = 20
MESSAGES_A_S = 50
_LAZY = 2
_SETTLE_S = 2.0


@dataclass
class Heard:
    """What listeners heard: seconds from publishing to hearing, one of each reading and listener."""

    waits: list[float] = field(default_factory=list)
    count: int = 0

    def note(self, data: Mapping[str, str]) -> None:
        """Note a reading that was just heard."""
        self.count += 1
        self.waits.append(time.time() - datetime.fromisoformat(data["received_at"]).timestamp())

    def percentile(self, part: float) -> float:
        """Return what so large a part of all waits does not exceed, ms."""
        if not self.waits:
            raise VoidError("nothing was heard")
        return sorted(self.waits)[min(int(len(self.waits) * part), len(self.waits) - 1)] * 1000


def figures(size: Size) -> Iterator[Figure]:
    """Yield what listeners wait, and what it costs."""
    lamps, listeners, rate, seconds = SIZES[size]
    with temporary_folder() as folder, rig(folder, lamps) as city:
        port = free_port()
        with service("serve", "--port", str(port), folder=city.folder) as running:
            address = f"127.0.0.1:{port}"
            until(lambda: get(f"http://{address}/readyz")["ready"], running)
            alone, _ = asyncio.run(_measured(city, address, 1, rate, seconds / 2))
            before = processes.cpu_s(running.process.pid)
            many, took_s = asyncio.run(_measured(city, address, listeners, rate, seconds))
            cpu = (processes.cpu_s(running.process.pid) - before) / took_s * 100
            _dropped(address, size)
            tell(f"{listeners} listeners heard {many.count:,} readings")
    yield Figure("subscribers.p99", many.percentile(0.99), "ms", "one listener", alone.percentile(0.99))
    yield Figure("subscribers.p50", many.percentile(0.5), "ms", "one listener", alone.percentile(0.5))
    yield Figure("subscribers.cpu", cpu, "% of a core", "all of it", 100.0)


def _dropped(address: str, size: Size) -> None:
    """Raise ``VoidError`` unless those who never read were dropped; few readings fit into the lines between."""
    said = httpx.get(f"http://{address}/metrics").text
    line = next(one for one in said.splitlines() if one.startswith("penfeld_live_subscribers_dropped"))
    if size is not Size.TINY and float(line.split()[-1]) < _LAZY:
        raise VoidError(f"listeners who never read were not dropped: {line}")


async def _measured(city: Rig, address: str, count: int, rate: int, seconds: float) -> tuple[Heard, float]:
    """Return what so many listeners heard within so many seconds, and how long it took."""
    names = [device.id for device in devices(city.lamps)]
    heard = Heard()
    async with _listening(address, names, count, heard), contextlib.AsyncExitStack() as lazy:
        for _ in range(_LAZY if count > 1 else 0):
            lazy.callback((await _lazy(address)).close)
        await asyncio.sleep(_SETTLE_S)
        began = time.monotonic()
        await _publish(city, names, rate, seconds)
        await asyncio.sleep(_SETTLE_S)
        took_s = time.monotonic() - began
    expected = count * FOLLOWED * rate * seconds / len(names)
    if heard.count < expected * 0.99:
        raise VoidError(f"{heard.count:,} of some {expected:,.0f} readings were heard")
    return heard, took_s


@contextlib.asynccontextmanager
async def _listening(address: str, names: Sequence[str], count: int, heard: Heard) -> AsyncIterator[None]:
    """Let so many listen during the block, by turns over either line."""
    ready = [asyncio.Event() for _ in range(count)]
    tasks = []
    for number, known in enumerate(ready):
        asked = [("device", names[(number * 7919 + step * 251) % len(names)]) for step in range(FOLLOWED)]
        way = _by_socket if number % 2 else _by_events
        tasks.append(asyncio.create_task(way(address, urlencode(asked), known, heard)))
        if number % 50 == 0:
            await asyncio.sleep(0.2)  # they come one after the other
    try:
        async with asyncio.timeout(60):
            await asyncio.gather(*(known.wait() for known in ready))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _by_events(address: str, asked: str, ready: asyncio.Event, heard: Heard) -> None:
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /api/v1/stream?{asked} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    try:
        while line := await reader.readline():
            if line.startswith(b"retry:"):
                ready.set()
            elif line.startswith(b'data: {"device"'):
                heard.note(json.loads(line[6:]))
    finally:
        writer.close()


async def _by_socket(address: str, asked: str, ready: asyncio.Event, heard: Heard) -> None:
    async with connect(f"ws://{address}/api/v1/stream/ws?{asked}", compression=None) as line:
        ready.set()
        async for message in line:
            told = json.loads(message)
            if told["event"] == "reading":
                heard.note(told["data"])


async def _lazy(address: str) -> socket.socket:
    """Return a line on which everything was asked for, of which nothing is ever read."""
    host, _, port = address.partition(":")
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.settimeout(0)
    await asyncio.get_running_loop().sock_connect(line, (host, int(port)))
    line.send(b"GET /api/v1/stream HTTP/1.1\r\nHost: test\r\n\r\n")
    return line


async def _publish(city: Rig, names: Sequence[str], rate: int, seconds: float) -> None:
    """Publish readings of all lamps in turn, at this rate."""
    size, number = max(rate // MESSAGES_A_S, 1), 0
    async with aiomqtt.Client(city.broker.address.host, city.broker.address.port) as client:
        began = time.monotonic()
        while number < rate * seconds:
            now = datetime.now(UTC)
            readings = [
                LiveReading(
                    device=names[(number + one) % len(names)],
                    device_type=TYPE,
                    time=now,
                    received_at=now,
                    values={"power_w": 41.5, "lamp_on": "on", "dimming_pct": 80.0},
                )
                for one in range(size)
            ]
            await client.publish(f"{LIVE_TOPIC}{TYPE}", msgspec.json.encode(readings), qos=0)
            number += size
            await asyncio.sleep(max(began + number / rate - time.monotonic(), 0))
