"""What /stream promises."""

import asyncio
import json

import msgspec
import pytest

from api.app import ApiConfig
from api.context import context_of
from tests.unit.api.scene import LAMP, PROBE, Scene, lamp_readings, notice_of, problem_of, scene_of
from tests.unit.api.sse import Listener

PATH = "/api/v1/stream"


async def test_readings_come_as_events(scene: Scene) -> None:
    """Each reading is one event with an id and the reading as JSON; the line says when to come back."""
    async with Listener(scene.app, PATH) as listener:
        assert listener.status == 200
        assert listener.headers["content-type"].startswith("text/event-stream")
        assert listener.headers["cache-control"] == "no-store"
        assert await listener.next() == {"retry": "3000"}
        scene.hub.publish(json_of(2))

        first, second = await listener.next(), await listener.next()

    assert first["event"] == "reading"
    assert json.loads(first["data"]) == {
        "device": LAMP,
        "device_type": "lamp",
        "time": "2026-03-29T06:00:00Z",
        "received_at": "2026-03-29T06:00:00Z",
        "values": {"power_w": 0.0, "lamp_on": "on"},
        "flags": [],
        "simulated": False,
    }
    assert int(second["id"].rpartition("-")[2]) == int(first["id"].rpartition("-")[2]) + 1


def json_of(count: int, device: str = LAMP) -> bytes:
    return msgspec.json.encode(lamp_readings(count, device=device))


async def test_events_are_not_compressed(scene: Scene) -> None:
    """A listener that would take gzip still gets each event at once, as it is."""
    async with Listener(scene.app, PATH, headers={"Accept-Encoding": "gzip"}) as listener:
        assert "content-encoding" not in listener.headers
        assert await listener.next() == {"retry": "3000"}


async def test_filters(scene: Scene) -> None:
    """A listener can ask for devices, in any spelling, and for device types."""
    async with Listener(scene.app, PATH, f"device_type=lamp&device={PROBE.upper()}") as listener:
        await listener.next()
        scene.hub.publish(json_of(1))
        scene.hub.publish(json_of(1, PROBE))

        assert json.loads((await listener.next())["data"])["device"] == PROBE


@pytest.mark.parametrize(("query", "near"), [("device_type=lmap", "lamp"), ("device=70b3d50000000003", LAMP)])
async def test_unknown_filters(scene: Scene, query: str, near: str) -> None:
    """A filter that can never match is refused with names that are like it, instead of waiting for ever."""
    problem = problem_of(await scene.client.get(f"{PATH}?{query}"))

    assert near in problem["near"]


async def test_silence_is_told() -> None:
    """When nothing happens a comment says that the line still stands."""
    scene = scene_of(ApiConfig(heartbeat_s=0.01))
    async with Listener(scene.app, PATH) as listener:
        await listener.next()

        assert await listener.next() == {"": "still here"}
        assert await listener.next() == {"": "still here"}


async def test_a_slow_reader_is_dropped_with_a_reason() -> None:
    """Who does not read is dropped and told why; who reads gets everything."""
    scene = scene_of(ApiConfig(subscriber_queue=10))
    async with Listener(scene.app, PATH) as slow, Listener(scene.app, PATH) as quick:
        await slow.next()
        await quick.next()
        slow.reading.clear()
        for _ in range(30):
            scene.hub.publish(json_of(1))
            assert (await quick.next())["event"] == "reading"
        assert (scene.hub.dropped, scene.hub.subscribers) == (1, 1)

        slow.reading.set()
        told = [await slow.next()]
        while told[-1]:
            told.append(await slow.next())

    assert 0 < len([event for event in told if event.get("event") == "reading"]) < 30
    assert told[-2]["event"] == "dropped"
    assert "too slow" in told[-2]["data"]


async def test_hanging_up_is_noticed(scene: Scene) -> None:
    """A listener that hangs up is forgotten."""
    async with Listener(scene.app, PATH) as listener:
        await listener.next()
        assert scene.hub.subscribers == 1

    assert scene.hub.subscribers == 0


async def test_coming_back(scene: Scene) -> None:
    """With Last-Event-ID a listener goes on behind it; with an id of another start it is told of the gap."""
    async with Listener(scene.app, PATH) as listener:
        await listener.next()
        scene.hub.publish(json_of(2))
        first, second = await listener.next(), await listener.next()

    async with Listener(scene.app, PATH, headers={"Last-Event-ID": first["id"]}) as back:
        await back.next()
        assert await back.next() == second
    async with Listener(scene.app, PATH, headers={"Last-Event-ID": "1-1"}) as foreign:
        await foreign.next()
        assert (await foreign.next())["event"] == "gap"


async def test_too_many_listeners() -> None:
    """One listener more than there may be is told to come later."""
    scene = scene_of(ApiConfig(max_subscribers=1))
    async with Listener(scene.app, PATH) as first:
        await first.next()

        response = await scene.client.get(PATH)

    assert problem_of(response)["status"] == 503
    assert response.headers["retry-after"] == "60"


async def test_the_source_feeds_the_stream_while_the_application_runs(scene: Scene) -> None:
    """While the application runs, what the live source tells arrives; when it stops, listeners are told and let go."""
    async with scene.app.router.lifespan_context(scene.app), Listener(scene.app, PATH) as listener:
        await listener.next()
        scene.live.tell("lamp", lamp_readings(1))
        assert (await listener.next())["event"] == "reading"
        context_of(scene.app).hub.close()

        assert (await listener.next())["event"] == "dropped"
        assert await listener.next() == {}
    assert len(asyncio.all_tasks()) == 1


async def test_alarms_come_as_events(scene: Scene) -> None:
    """What changes of an alarm is an event with the alarm as the API tells it; who wants only those gets only those."""
    scene.alarms.add(notice_of(7).alarm)
    async with Listener(scene.app, PATH) as both, Listener(scene.app, PATH, "events=alarm") as alarms:
        await both.next()
        await alarms.next()
        scene.hub.publish(json_of(1))
        scene.hub.publish_alarms(msgspec.json.encode([notice_of(7)]))

        assert (await both.next())["event"] == "reading"
        told = await both.next()
        assert await alarms.next() == told
    assert told["event"] == "alarm"
    assert json.loads(told["data"]) == {"kind": "opened", "alarm": msgspec.to_builtins(notice_of(7).alarm)}


async def test_fields_are_chosen(scene: Scene) -> None:
    """Who asks for a field gets readings that say it, with that one only; the other listeners get all."""
    async with Listener(scene.app, PATH, "field=power_w") as one, Listener(scene.app, PATH) as other:
        await one.next()
        await other.next()
        scene.hub.publish(json_of(1))

        assert json.loads((await one.next())["data"])["values"] == {"power_w": 0.0}
        assert json.loads((await other.next())["data"])["values"] == {"power_w": 0.0, "lamp_on": "on"}


async def test_readings_without_the_field_are_not_told(scene: Scene) -> None:
    """A reading that says nothing of the field asked for is no event."""
    async with Listener(scene.app, PATH, "field=lamp_on") as listener:
        await listener.next()
        mute = [msgspec.structs.replace(lamp_readings(1)[0], values={"power_w": 1.0})]
        scene.hub.publish(msgspec.json.encode(mute))
        scene.hub.publish(json_of(1))

        assert json.loads((await listener.next())["data"])["values"] == {"lamp_on": "on"}


async def test_a_district_is_its_devices(scene: Scene) -> None:
    """Only devices of the district are heard; a district of nobody is refused."""
    async with Listener(scene.app, PATH, "district=Recouvrance") as listener:
        await listener.next()
        scene.hub.publish(json_of(1, PROBE))
        scene.hub.publish(json_of(1))

        assert json.loads((await listener.next())["data"])["device"] == LAMP

    assert "Nowhere" in (await scene.problem("/stream", district="Nowhere"))["detail"]
    assert (await scene.problem("/stream", field="power"))["near"] == ["power_w"]
