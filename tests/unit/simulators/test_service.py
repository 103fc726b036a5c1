"""The city at work: everything that is due leaves, is counted once, and a stop is clean."""

import asyncio
import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from decoders.catalogue import Catalogue
from model.errors import UnavailableError
from simulators.envelopes import Event
from simulators.fleet import city
from simulators.replay import read
from simulators.service import Simulation, send_all

CATALOGUE = Catalogue.builtin()
INFINITE = float("inf")


def clock() -> datetime:
    """Return the time: these tests send live frames."""
    return datetime.fromtimestamp(time.time(), UTC)


class Door:
    """Takes events into memory and acknowledges them in the next turn of the loop; ``broken`` takes none."""

    def __init__(
        self,
        *,
        stop_at: int = 0,
        stop: asyncio.Event | None = None,
        broken: bool = False,
        opens: asyncio.Event | None = None,
    ) -> None:
        self.sent: Counter[str] = Counter()
        self.events: list[Event] = []
        self._taken: list[Event] = []
        self.empty = asyncio.Event()
        self.empty.set()
        self._stop_at, self._stop, self._broken, self._opens = stop_at, stop, broken, opens

    @property
    def outstanding(self) -> int:
        """Return how many are not acknowledged."""
        return len(self._taken)

    async def send(self, event: Event) -> None:
        """Take an event; set the stop when enough came."""
        if self._broken:
            raise UnavailableError("the broker at test is away")
        if self._opens is not None:
            await self._opens.wait()
        self.events.append(event)
        self._taken.append(event)
        self.empty.clear()
        asyncio.get_running_loop().call_soon(self._acknowledge)
        if self._stop is not None and len(self.events) == self._stop_at:
            self._stop.set()

    async def drain(self, patience_s: float) -> int:
        """Wait until all is acknowledged."""
        await asyncio.wait_for(self.empty.wait(), patience_s)
        return len(self._taken)

    def _acknowledge(self) -> None:
        if self._taken:
            self.sent[self._taken.pop(0).source] += 1
        if not self._taken:
            self.empty.set()


async def test_live_frames_leave_until_the_stop() -> None:
    """Trams leave once a second each; after the stop nothing leaves, and all that left is acknowledged and counted."""
    stop = asyncio.Event()
    door = Door(stop_at=60, stop=stop)
    fleet = city(CATALOGUE, lamps=0, meters=0, sigfox=0, trams=40)
    simulation = Simulation(fleet, {"": door}, clock)
    await asyncio.wait_for(simulation.run(stop), 30)
    assert simulation.sent == {"native": len(door.events)}
    assert 60 <= len(door.events) == simulation.progress.live_frames
    assert simulation.progress.unacknowledged == 0
    assert simulation.progress.lag_s < 10.0
    assert len({(event.topic, event.payload) for event in door.events}) == len(door.events)


async def test_history_is_told_in_the_background() -> None:
    """The last two hours leave oldest first through the doors of their networks, and progress says when that is."""
    stop = asyncio.Event()
    sigfox, others = Door(), Door()
    fleet = city(CATALOGUE, lamps=5, meters=5, sigfox=4, trams=2)
    simulation = Simulation(
        fleet, {"sigfox": sigfox, "": others}, clock, history=timedelta(hours=2), history_rate=INFINITE
    )
    running = asyncio.create_task(simulation.run(stop))
    while simulation.progress.history_done < 1.0:  # noqa: ASYNC110 progress is a number, as for those who show it
        await asyncio.sleep(0.01)
    stop.set()
    await running
    assert {event.source for event in sigfox.events} == {"sigfox"}
    assert {event.source for event in others.events} >= {"chirpstack", "thethingsstack", "native"}
    assert sum(simulation.sent.values()) == simulation.progress.history_frames + simulation.progress.live_frames
    assert simulation.progress.history_frames > 30  # how many exactly depends on the moment


async def test_history_ends_a_minute_ago() -> None:
    """Nothing of the last minute is told as past, not even by a log due in it: it would look like a slow live frame."""
    start = 1_795_345_200 + 30  # half a minute after all logs stand on their grid
    began = time.monotonic()
    stop, door = asyncio.Event(), Door()
    fleet = city(CATALOGUE, lamps=60, meters=0, sigfox=0, trams=0)
    simulation = Simulation(
        fleet,
        {"": door},
        lambda: datetime.fromtimestamp(start + time.monotonic() - began, UTC),
        history=timedelta(hours=6),
        history_rate=INFINITE,
    )
    running = asyncio.create_task(simulation.run(stop))
    while simulation.progress.history_done < 1.0:  # noqa: ASYNC110 progress is a number, as for those who show it
        await asyncio.sleep(0.01)
    stop.set()
    await running
    ages = [start - datetime.fromisoformat(json.loads(event.payload)["time"]).timestamp() for event in door.events]
    assert sum(age > 0 for age in ages) >= 60
    assert not [age for age in ages if 0 < age < 60]


async def test_a_door_that_waits_holds_up_no_other() -> None:
    """While nobody takes callbacks, trams go on and history over the broker is told; what waited leaves later."""
    stop, never = asyncio.Event(), asyncio.Event()
    others = Door(stop_at=80, stop=stop)
    fleet = city(CATALOGUE, lamps=5, meters=0, sigfox=40, trams=20)
    shut = Door(opens=never)
    simulation = Simulation(
        fleet, {"sigfox": shut, "": others}, clock, history=timedelta(hours=2), history_rate=INFINITE
    )
    running = asyncio.create_task(simulation.run(stop))
    await asyncio.wait_for(stop.wait(), 30)
    never.set()
    await asyncio.wait_for(running, 30)
    assert simulation.sent["sigfox"] == len(shut.events) >= 10
    assert simulation.sent["native"] >= 20
    assert simulation.progress.unacknowledged == 0


async def test_a_city_that_nobody_hears_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a door takes nothing, no more than a lane holds is kept; afterwards the city goes on from now."""
    monkeypatch.setattr("simulators.service._MOST_LIVE", 100)
    now = clock()
    stop, opens = asyncio.Event(), asyncio.Event()
    door = Door(stop_at=400, stop=stop, opens=opens)
    fleet = city(CATALOGUE, lamps=0, meters=0, sigfox=0, trams=40)
    simulation = Simulation(fleet, {"": door}, lambda: now)
    running = asyncio.create_task(simulation.run(stop))
    while simulation.progress.live_frames < 100:
        now += timedelta(seconds=1)
        await asyncio.sleep(0.002)
    for _ in range(100):
        now += timedelta(seconds=1)
        await asyncio.sleep(0.002)
    held = simulation.progress.live_frames
    opens.set()
    while not stop.is_set():
        now += timedelta(seconds=1)
        await asyncio.sleep(0.002)
    await asyncio.wait_for(running, 30)
    assert 100 <= held <= 300
    assert simulation.progress.skipped_s > 60
    assert len(door.events) == simulation.progress.live_frames >= 400


async def test_a_dead_door_ends_the_run_with_its_own_error() -> None:
    """Who runs the city gets one error that says what is away, not a group of them."""
    fleet = city(CATALOGUE, lamps=0, meters=0, sigfox=0, trams=40)
    with pytest.raises(UnavailableError, match="the broker at test is away"):
        await asyncio.wait_for(Simulation(fleet, {"": Door(broken=True)}, clock).run(asyncio.Event()), 30)


async def test_a_recording_is_sent_whole_and_in_order() -> None:
    """At infinite speed a recording leaves at once; at a thousandfold its own pace is kept."""
    lines = [f'{{"topic": "a/{n}", "payload": "x", "time": {1795345200 + 10 * n}}}' for n in range(20)]
    recording = read("\n".join(lines), name="a.jsonl", start=clock())
    for speed in (INFINITE, 1000.0):
        door = Door()
        assert await send_all(recording.sendings, {"": door}, speed=speed, stop=asyncio.Event()) == 20
        assert [event.topic for event in door.events] == [f"a/{n}" for n in range(20)]
        assert door.sent == {"mqtt": 20}


async def test_a_recording_can_be_stopped() -> None:
    """A stop in the middle of a long pause ends it there."""
    lines = [f'{{"topic": "a/{n}", "payload": "x", "time": {1795345200 + 3600 * n}}}' for n in range(3)]
    stop = asyncio.Event()
    door = Door(stop_at=1, stop=stop)
    recording = read("\n".join(lines), name="a.jsonl", start=clock())
    assert await asyncio.wait_for(send_all(recording.sendings, {"": door}, speed=1.0, stop=stop), 10) == 1
