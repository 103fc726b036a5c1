"""The demonstration: the whole stack, a simulated city on it, and an account of every frame at the end.

Rules:

1. What it reports is the difference of the ledger: what the database holds, not what a process believes.
2. ``sent`` is what one process counted: simulators that end by themselves end the demonstration, since what they sent
   is not known then.
3. It ends in order: simulators first, until all they sent is acknowledged; then it waits for the ledger; then the rest.
4. The last 24 hours are told once. A later start tells only the time since the last one (``demo.json``).
"""

import asyncio
import contextlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from api.mqtt import MqttConfig, MqttDoor
from model.broker import BrokerAddress
from model.errors import UnavailableError
from model.status import IngestStatus, SimulationStatus
from penfeld.clock import Clock
from penfeld.stack import Stack
from penfeld.supervisor import Child, Supervisor
from storage.connection import Database
from storage.queries import Queries

HISTORY = timedelta(hours=24)
_LOOK_S = 0.1
_PATIENCE_S = 60.0
_SIMULATORS_STOP_S = 30.0
_STATUS_S = 3.0


@dataclass(frozen=True, slots=True)
class Totals:
    """Frames in the ledger."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0

    def __sub__(self, other: "Totals") -> "Totals":
        """Return what was added since."""
        mine, theirs = asdict(self), asdict(other)
        return Totals(**{name: mine[name] - theirs[name] for name in mine})


class Account(msgspec.Struct, kw_only=True):
    """What ``penfeld demo --json`` prints. ``first_reading_s``: from the command's start to the first one stored."""

    sent: dict[str, int] = {}
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    first_reading_s: float | None = None
    latency_p99_ms: float | None = None
    url: str = ""

    def problems(self) -> list[str]:
        """Return what does not add up."""
        found = []
        sent = sum(self.sent.values())
        if self.received != self.stored + self.duplicate + self.quarantined:
            found.append(
                f"the ledger does not balance: {self.received} received, but {self.stored} stored + {self.duplicate}"
                f" duplicate + {self.quarantined} quarantined"
            )
        if sent != self.received:
            found.append(f"{sent} frames were sent and {self.received} received; did somebody else send meanwhile?")
        if self.first_reading_s is None:
            found.append("no reading was stored")
        return found


class Audience(Protocol):
    """Whom the demonstration tells how it goes."""

    def ready(self, url: str, seconds: float) -> None:
        """Tell that the first reading is stored and the page is there."""

    def history(self, share: float, frames: int) -> None:
        """Tell how much of the last hours is told, from 0 to 1."""

    def pulse(self, totals: Totals, status: IngestStatus | None) -> None:
        """Tell what was stored in this run, about once a second."""


@dataclass(slots=True)
class Demonstration:
    """One run. ``began``: the event loop's time at which the command started."""

    stack: Stack
    supervisor: Supervisor
    audience: Audience
    database: Database
    clock: Clock
    city: Sequence[str]
    history: bool = True
    account: Account = field(default_factory=Account)
    _status: IngestStatus | None = None
    _told: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, stop: asyncio.Event, *, began: float, for_s: float | None) -> Account:
        """Run the city until ``stop``, or for ``for_s`` seconds from the first reading; end it; return the account.

        The stack runs already, on ``database``, which is closed here.
        """
        queries = Queries(self.database)
        before = await totals(queries)
        simulators = await self._start_simulators(queries)
        listening = asyncio.create_task(self._listen())
        try:
            await self._watch(queries, before, simulators, stop, began, for_s)
            await self._end(queries, before, simulators)
        finally:
            listening.cancel()
            await self.database.close()
        return self.account

    async def _start_simulators(self, queries: Queries) -> Child:
        words = ["simulate", "--json", *self.city, "--sigfox-url", f"{self.stack.url}/api/v1/callbacks/sigfox"]
        hours = await self._hours_to_tell(queries) if self.history else 0.0
        self._told = hours == 0.0
        program = self.stack.program(
            "simulate", *words, "--history", f"{hours:.4f}", answers=True, once=True, stop_within_s=_SIMULATORS_STOP_S
        )
        return await self.supervisor.start(program)

    async def _watch(
        self,
        queries: Queries,
        before: Totals,
        simulators: Child,
        stop: asyncio.Event,
        began: float,
        for_s: float | None,
    ) -> None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + _PATIENCE_S
        while not stop.is_set() and clock() < deadline:
            now = await totals(queries) - before
            if self.account.first_reading_s is None and now.stored:
                self.account.first_reading_s = round(clock() - began, 2)
                deadline = clock() + (math.inf if for_s is None else for_s)
                await self._await_page()
                self.audience.ready(self.stack.url, self.account.first_reading_s)
            self._tell_history(simulators)
            self.audience.pulse(now, self._status)
            pause = _LOOK_S if self.account.first_reading_s is None else 1.0
            await self.supervisor.until(stop, timeout_s=max(0.0, min(pause, deadline - clock())))
            if simulators.ended.is_set() and not stop.is_set():
                raise UnavailableError("the simulators were stopped from outside: start the demonstration again")

    async def _await_page(self) -> None:
        """Wait until the API answers: its port is taken at once, but it has much to import."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while not await self._page_answers():  # noqa: ASYNC110 another process is waited for
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise UnavailableError(f"the API at {self.stack.url} did not answer within {_PATIENCE_S:.0f} s") from None

    async def _page_answers(self) -> bool:
        """Whether the API answers; ``False`` while nobody listens, or when who did has ended."""
        host, _, port = self.stack.url.removeprefix("http://").rpartition(":")
        try:
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except OSError:
            return False
        try:
            writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
            return bool(await reader.read(1))
        except OSError:
            return False
        finally:
            writer.close()

    def _tell_history(self, simulators: Child) -> None:
        state = last_state(simulators.output)
        if state is None or self._told or not self.history:
            return
        self.audience.history(state.history_done, state.history_frames)
        if state.history_done >= 1.0:
            self._told = True
            self._remember()

    async def _end(self, queries: Queries, before: Totals, simulators: Child) -> None:
        await self.supervisor.stop(simulators)
        state = last_state(simulators.output) or SimulationStatus()
        self.account.sent = state.sent
        if state.unacknowledged:
            self.supervisor.tell("simulate", f"{state.unacknowledged} frames were never acknowledged")
        sent = sum(state.sent.values())
        clock = asyncio.get_running_loop().time
        now, changed = await totals(queries) - before, clock()
        while now.received < sent and clock() - changed < _PATIENCE_S:
            await asyncio.sleep(_LOOK_S)
            newer = await totals(queries) - before
            if newer != now:
                now, changed = newer, clock()
        self.account.received, self.account.stored = now.received, now.stored
        self.account.duplicate, self.account.quarantined = now.duplicate, now.quarantined
        self.account.url = self.stack.url
        await self._await_status()
        if self._status is not None and self._status.latency_p99_ms is not None:
            self.account.latency_p99_ms = round(self._status.latency_p99_ms, 1)
        if self.history and (self._told or state.history_done >= 1.0):
            self._remember()

    async def _await_status(self) -> None:
        """Wait until the worker has told of itself since the last frame: it does once a second."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), _STATUS_S)

    async def _listen(self) -> None:
        """Keep the newest state of the ingest worker."""
        address = BrokerAddress.parse(self.stack.broker_url)
        async with MqttDoor(MqttConfig(broker=address)) as door:
            async for raw in door.statuses():
                status = msgspec.json.decode(raw, type=IngestStatus)
                if status.worker == self.stack.config.ingest.worker:
                    self._status = status
                    self._news.set()

    async def _hours_to_tell(self, queries: Queries) -> float:
        """Return for how many hours the city has not told anything, 24 at most."""
        there = any(latest.device.simulated for latest in await queries.latest())
        told_until = self._recall() if there else None
        if told_until is None:
            return HISTORY / timedelta(hours=1)
        return max(0.0, min(self.clock() - told_until, HISTORY) / timedelta(hours=1))

    @property
    def _memory(self) -> Path:
        return self.stack.folder.path / "demo.json"

    def _remember(self) -> None:
        self._memory.write_bytes(msgspec.json.encode({"told_until": self.clock()}))

    def _recall(self) -> datetime | None:
        try:
            return msgspec.json.decode(self._memory.read_bytes(), type=dict[str, datetime]).get("told_until")
        except (OSError, msgspec.DecodeError):
            return None


async def totals(queries: Queries) -> Totals:
    """Return the sums of the ledger."""
    rows = await queries.ledger()
    return Totals(
        received=sum(row.received for row in rows),
        stored=sum(row.stored for row in rows),
        duplicate=sum(row.duplicate for row in rows),
        quarantined=sum(row.quarantined for row in rows),
    )


def last_state(lines: Sequence[str]) -> SimulationStatus | None:
    """Return the newest state that the simulators printed."""
    for line in reversed(lines):
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(line, type=SimulationStatus)
    return None
