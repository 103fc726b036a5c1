"""What live streams promise to who does not see all."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest

from api.context import context_of
from api.routes.stream import AGAIN
from tests.unit.api.access_scene import HIDDEN, MARK, NOBODY, OPEN_LAMP, AccessScene, access_scene
from tests.unit.api.scene import LAMP, lamp_readings, notice_of
from tests.unit.api.test_sockets import Socket, heard


@pytest.fixture
async def made() -> AsyncIterator[AccessScene]:
    scene = await access_scene()
    async with scene.scene.client:
        yield scene


def tell(made: AccessScene) -> None:
    """Publish a reading of each lamp and an alarm of each, those that are hidden first."""
    hub = made.scene.hub
    for device in (HIDDEN, OPEN_LAMP, LAMP):
        hub.publish(b"[" + b",".join(_json(one) for one in lamp_readings(1, device=device)) + b"]")
    for number, device in enumerate((HIDDEN, OPEN_LAMP), 1):
        hub.publish_alarms(b"[" + _json(notice_of(number, device=device, subject=device)) + b"]")
    hub.publish_alarms(b"[" + _json(notice_of(3, device=None, subject=f"district:{MARK}")) + b"]")


def _json(told: object) -> bytes:
    return msgspec.json.encode(told)


@pytest.mark.parametrize(
    ("asker", "told"),
    [
        ("public", [("reading", OPEN_LAMP)]),
        ("viewer", [("reading", OPEN_LAMP), ("reading", LAMP), ("alarm", OPEN_LAMP)]),
        (
            "member",
            [("reading", HIDDEN), ("reading", OPEN_LAMP), ("reading", LAMP), ("alarm", HIDDEN), ("alarm", OPEN_LAMP)],
        ),
    ],
)
async def test_a_listener_hears_of_what_he_sees(made: AccessScene, asker: str, told: list[tuple[str, str]]) -> None:
    """Readings and alarms of those devices and of no other; of alarms only who may look at alarms."""
    async with Socket(made.scene, headers=made.headers[asker]) as socket:
        await heard(made.scene)
        tell(made)
        events = [await socket.next() for _ in told]
        assert socket.waiting() == 0

    found = [
        (one["event"], one["data"]["device"] if one["event"] == "reading" else one["data"]["alarm"]["device"])
        for one in events
    ]
    assert found == told


async def test_what_is_hidden_cannot_be_named(made: AccessScene) -> None:
    """A listener who asks for a hidden device is told that there is none, as of one that never was."""
    async with Socket(made.scene, f"device={HIDDEN}", headers=made.headers["viewer"]) as socket:
        event = await socket.next()

    assert event["data"]["status"] == 404
    assert MARK not in str(event)


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}, {"Authorization": "Bearer pf_x"}, {}],
)
async def test_a_line_is_refused_to_who_may_not(headers: dict[str, str]) -> None:
    """To nobody where there is no public tier, to a wrong token, and to the page of another site with a session."""
    made = await access_scene(public=False)
    session = made.headers["operator"]["Cookie"]
    sent = {**headers, **({"Cookie": session} if headers and "Authorization" not in headers else {})}
    async with made.scene.client:
        answer = await Socket(made.scene, headers=sent).refused()

    assert answer in {401, 403}


async def test_a_stream_over_http_is_no_other(made: AccessScene) -> None:
    """Server-sent events are asked for and refused in the same way."""
    closed = await access_scene(public=False)
    async with closed.scene.client:
        nobody = await closed.scene.client.get("/api/v1/stream", headers=closed.headers[NOBODY])
    hidden = await made.scene.client.get("/api/v1/stream", params={"device": HIDDEN}, headers=made.headers["viewer"])

    assert (nobody.status_code, hidden.status_code) == (401, 404)


async def test_who_listens_is_looked_at_again(made: AccessScene) -> None:
    """A line ends after a while with the reason, so that nobody hears for ever what he may hear no longer."""
    soon = replace(context_of(made.scene.app).config, listening_s=0.0)
    made.scene.app.state.context = replace(context_of(made.scene.app), config=soon)
    async with Socket(made.scene, headers=made.headers["viewer"]) as socket:
        event = await socket.next()

    assert event == {"event": "dropped", "data": {"reason": AGAIN}}


async def test_what_a_feed_sees_may_change() -> None:
    """A listener that is bound to a choice of devices hears of those that are in it when something is told."""
    made = await access_scene()
    seen: set[str] = set()
    async with made.scene.client:
        with made.scene.hub.subscribe(seen=seen) as subscription:
            tell(made)
            assert await subscription.take(0) == []
            seen.add(LAMP)
            tell(made)
            events = await asyncio.wait_for(subscription.take(), 5)

    assert [one.about.device for one in events if one.about] == [LAMP]
