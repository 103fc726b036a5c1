"""What the live hub promises."""

from collections.abc import Sequence

import msgspec
import pytest

from api.live import CLOSING, SLOW, Event, Hub
from model.alarm import AlarmNotice
from model.status import AlertsStatus, LiveReading
from tests.fakes.live_source import LiveSource
from tests.unit.api.scene import LAMP, NOW, PROBE, lamp_readings, notice_of


def hub_of(queue: int = 100, kept: int = 100) -> Hub:
    return Hub(LiveSource(), clock=lambda: NOW, queue=queue, kept=kept)


def publish(hub: Hub, *readings: LiveReading) -> None:
    hub.publish(msgspec.json.encode(readings))


def publish_alarms(hub: Hub, *notices: AlarmNotice) -> None:
    hub.publish_alarms(msgspec.json.encode(notices))


def numbers(events: Sequence[Event]) -> list[int]:
    return [event.number for event in events]


async def test_everyone_gets_everything_in_order() -> None:
    """Every listener without filter gets every reading, in order, each once."""
    hub = hub_of()
    with hub.subscribe() as first, hub.subscribe() as second:
        publish(hub, *lamp_readings(3))
        publish(hub, *lamp_readings(2, device=PROBE))

        for listener in (first, second):
            events = await listener.take()
            assert [event.reading for event in events] == [*lamp_readings(3), *lamp_readings(2, device=PROBE)]
            assert numbers(events) == [1, 2, 3, 4, 5]


async def test_filters() -> None:
    """A listener gets only the device types and devices that it asked for; both filters count together."""
    hub = hub_of()
    with (
        hub.subscribe(devices=[PROBE]) as by_device,
        hub.subscribe(device_types=["lamp"]) as by_type,
        hub.subscribe(device_types=["bin"]) as other_type,
        hub.subscribe(device_types=["bin"], devices=[PROBE]) as neither,
    ):
        publish(hub, *lamp_readings(1), *lamp_readings(1, device=PROBE), *lamp_readings(1))

        assert numbers(await by_device.take()) == [2]
        assert numbers(await by_type.take()) == [1, 2, 3]
        assert await other_type.take(0) == []
        assert await neither.take(0) == []


async def test_a_slow_listener_is_dropped_and_the_rest_go_on() -> None:
    """Whose queue is full is dropped with the reason, after what was queued; the others lose nothing."""
    hub = hub_of(queue=5)
    with hub.subscribe() as slow, hub.subscribe(devices=[LAMP]) as slow_too, hub.subscribe() as quick:
        got: list[Event] = []
        for _ in range(10):
            publish(hub, *lamp_readings(2))
            got += await quick.take()

        assert len(got) == 20
        assert (slow.dropped, slow_too.dropped, quick.dropped) == (SLOW, SLOW, None)
        assert numbers(await slow.take()) == [1, 2, 3, 4, 5, 6]
        assert (hub.dropped, hub.subscribers) == (2, 1)


async def test_one_large_batch_drops_nobody() -> None:
    """A batch larger than the queue reaches a listener who had read everything before it."""
    hub = hub_of(queue=5)
    with hub.subscribe() as listener:
        publish(hub, *lamp_readings(50))

        assert len(await listener.take()) == 50
        assert listener.dropped is None


async def test_leaving() -> None:
    """Who leaves is forgotten, with its filters."""
    hub = hub_of()
    with hub.subscribe(devices=[LAMP, PROBE]) as gone:
        assert hub.subscribers == 1
    publish(hub, *lamp_readings(1))

    assert hub.subscribers == 0
    assert await gone.take(0) == []


async def test_closing_ends_every_listener() -> None:
    """Closing tells every listener so, and what was queued can still be read."""
    hub = hub_of()
    with hub.subscribe() as listener:
        publish(hub, *lamp_readings(2))
        hub.close()

        assert [len(events) async for events in listener] == [2]
        assert listener.dropped == CLOSING


async def test_going_on_behind_the_last_id() -> None:
    """Who comes back with the last id it saw gets what it missed, filtered, and no gap."""
    hub = hub_of()
    with hub.subscribe() as listener:
        publish(hub, *lamp_readings(3))
        seen = (await listener.take())[0].sse.decode().splitlines()[0].removeprefix("id: ")
    publish(hub, *lamp_readings(2, device=PROBE))

    with hub.subscribe(after=seen) as back, hub.subscribe(after=seen, devices=[PROBE]) as filtered:
        assert numbers(await back.take()) == [2, 3, 4, 5]
        assert numbers(await filtered.take()) == [4, 5]
        assert (back.gap, filtered.gap) == (False, False)


async def test_a_gap_is_told() -> None:
    """Who was away longer than events are kept, or comes from another start of the service, is told of a gap."""
    hub = hub_of(kept=2)
    with hub.subscribe() as listener:
        publish(hub, *lamp_readings(1))
        seen = (await listener.take())[0].sse.decode().splitlines()[0].removeprefix("id: ")
    publish(hub, *lamp_readings(4))

    with hub.subscribe(after=seen) as late:
        assert late.gap
        assert numbers(await late.take()) == [4, 5]
    with hub.subscribe(after="12345-1") as foreign, hub.subscribe(after="nonsense") as nonsense:
        assert foreign.gap
        assert nonsense.gap


@pytest.mark.parametrize("payload", [b"", b"{}", b"[1]", b'[{"device": 1}]', b"\xff", b"["])
async def test_foreign_messages_are_passed_over(payload: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A message that is no list of readings is logged and passed over; the next one arrives."""
    source = LiveSource()
    hub = Hub(source, clock=lambda: NOW, queue=10, kept=10)
    source.tell("lamp", payload)
    source.tell("lamp", lamp_readings(1))
    source.close()
    with hub.subscribe() as listener:
        await hub.run()

        assert len(await listener.take()) == 1
    assert "no list of readings" in caplog.text


async def test_alarms_come_on_the_same_line() -> None:
    """Changes of alarms come between readings, in one order, to who wants them: by kind, by device and by its type."""
    hub = hub_of()
    district = notice_of(8, subject="district:Siam", device=None, device_type=None)
    with (
        hub.subscribe() as both,
        hub.subscribe(kinds=["alarm"]) as alarms,
        hub.subscribe(kinds=["reading"]) as readings,
        hub.subscribe(devices=[PROBE]) as other_device,
        hub.subscribe(device_types=["lamp"], kinds=["alarm"]) as lamps,
    ):
        publish(hub, *lamp_readings(1))
        publish_alarms(hub, notice_of(7), district)
        publish(hub, *lamp_readings(1))

        told = await both.take()
        assert [event.kind for event in told] == ["reading", "alarm", "alarm", "reading"]
        assert [event.notice.alarm.id for event in told if event.notice is not None] == [7, 8]
        assert b"\nevent: alarm\ndata: " in told[1].sse
        assert numbers(await alarms.take()) == [2, 3]
        assert numbers(await readings.take()) == [1, 4]
        assert await other_device.take(0) == []
        assert numbers(await lamps.take()) == [2]


async def test_alarms_outlive_readings() -> None:
    """Who comes back for alarms finds them all, however many readings came in between; alarms, too, can be too many."""
    hub = hub_of(kept=2)
    with hub.subscribe() as listener:
        publish(hub, *lamp_readings(1))
        seen = (await listener.take())[0].sse.decode().splitlines()[0].removeprefix("id: ")
    publish_alarms(hub, notice_of(7))
    publish(hub, *lamp_readings(5))

    with hub.subscribe(after=seen, kinds=["alarm"]) as alarms, hub.subscribe(after=seen) as both:
        assert not alarms.gap
        assert numbers(await alarms.take()) == [2]
        assert both.gap
        assert numbers(await both.take()) == [2, 6, 7]

    publish_alarms(hub, notice_of(7), notice_of(8))
    with hub.subscribe(after=seen, kinds=["alarm"]) as late:
        assert late.gap
        assert numbers(await late.take()) == [8, 9]


@pytest.mark.parametrize("payload", [b"", b"{}", b"[1]", b'[{"kind": "opened"}]', b"\xff", b"["])
async def test_foreign_words_of_alarms_are_passed_over(payload: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """What is no list of changes, or no status of the evaluator, is logged and passed over; the next one arrives."""
    source = LiveSource()
    hub = Hub(source, clock=lambda: NOW, queue=10, kept=10)
    status = AlertsStatus(time=NOW, started=NOW, rules=3)
    source.raise_alarms(payload)
    source.raise_alarms([notice_of(7)])
    source.report_alerts(payload)
    source.report_alerts(status)
    source.close()
    with hub.subscribe() as listener:
        await hub.run()

        assert len(await listener.take()) == 1
    assert hub.alerts == status
    assert "no list of changes" in caplog.text
    assert "status of the alerts" in caplog.text
