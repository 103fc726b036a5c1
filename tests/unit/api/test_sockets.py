"""What the WebSocket promises: the events of /stream."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self

import msgspec
import pytest

from api.app import ApiConfig
from tests.unit.api.scene import LAMP, PROBE, Scene, lamp_readings, scene_of


class Socket:
    """One WebSocket, straight on the application."""

    def __init__(self, scene: Scene, query: str = "", headers: Mapping[str, str] | None = None) -> None:
        sent = {"host": "test", **(headers or {})}
        self._scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "scheme": "ws",
            "path": "/api/v1/stream/ws",
            "raw_path": b"/api/v1/stream/ws",
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "subprotocols": [],
            "server": ("test", 80),
            "client": ("test", 1),
            "extensions": {"websocket.http.response": {}},
        }
        self._app = scene.app
        self._says: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._sent: asyncio.Queue[Any] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        """Connect, and wait until that is accepted."""
        self._says.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(self._app(self._scope, self._says.get, self._sent.put))
        assert (await self._sent.get())["type"] == "websocket.accept"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up, and wait until the application has noticed."""
        self._says.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self.task

    async def refused(self) -> int:
        """Connect, and return with which status that is refused."""
        self._says.put_nowait({"type": "websocket.connect"})
        await self._app(self._scope, self._says.get, self._sent.put)
        return int((await self._sent.get())["status"])

    def waiting(self) -> int:
        """Return how many events nobody took."""
        return self._sent.qsize()

    async def next(self) -> Any:  # noqa: ANN401  JSON is what it is
        """Return the next event; the code with which the line ended."""
        message = await self._sent.get()
        return message["code"] if message["type"] == "websocket.close" else json.loads(message["text"])


async def heard(scene: Scene) -> None:
    """Wait until somebody listens."""
    while not scene.hub.subscribers:  # noqa: ASYNC110  the hub has no event for a test
        await asyncio.sleep(0)


def tell(scene: Scene, count: int, device: str = LAMP) -> None:
    """Publish readings."""
    scene.hub.publish(msgspec.json.encode(lamp_readings(count, device=device)))


async def test_readings_come_with_filters_and_ids(scene: Scene) -> None:
    """Each event is an object; who comes back with the last id goes on behind it."""
    async with Socket(scene, f"device={LAMP}&field=power_w") as socket:
        await heard(scene)
        tell(scene, 1, PROBE)
        tell(scene, 2)
        first, second = await socket.next(), await socket.next()
    async with Socket(scene, f"device={LAMP}&last_event_id={first['id']}") as socket:
        again = await socket.next()

    assert first["event"] == "reading"
    assert first["data"]["values"] == {"power_w": 0.0}
    assert again["id"] == second["id"]


async def test_a_gap_is_told(scene: Scene) -> None:
    """An id that is no longer known is answered by an event that says what to ask for."""
    async with Socket(scene, "last_event_id=0-1") as socket:
        assert (await socket.next())["event"] == "gap"


@pytest.mark.parametrize(("query", "word"), [("device_type=lmap", "lamp"), ("district=Nowhere", "Nowhere")])
async def test_a_wrong_question_is_told(scene: Scene, query: str, word: str) -> None:
    """A name that there is not is told as a problem before the line ends."""
    async with Socket(scene, query) as socket:
        problem, code = await socket.next(), await socket.next()

    assert problem["event"] == "problem"
    assert word in problem["data"]["detail"]
    assert code == 1008


async def test_silence_is_no_broken_line() -> None:
    """A listener to whom nothing happens hears that the line still stands."""
    async with Socket(scene_of(ApiConfig(heartbeat_s=0.01))) as socket:
        assert await socket.next() == {"event": "still here"}


async def test_a_closing_service_says_so(scene: Scene) -> None:
    """When the service stops, the listener hears why before the line ends."""
    async with Socket(scene) as socket:
        await heard(scene)
        scene.hub.close()

        assert await socket.next() == {"event": "dropped", "data": {"reason": "the service is stopping"}}
        assert await socket.next() == 1013


async def test_hanging_up_is_noticed(scene: Scene) -> None:
    """A listener that hangs up is forgotten."""
    async with Socket(scene):
        await heard(scene)

    assert scene.hub.subscribers == 0
