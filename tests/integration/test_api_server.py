"""What the HTTP application promises behind a real server and real sockets."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import httpx
import msgspec
import pytest
import uvicorn

from api.app import ApiConfig
from tests.unit.api.scene import Scene, lamp_readings, scene_of

WAIT_S = 15


@pytest.fixture
async def served() -> AsyncIterator[tuple[Scene, str, uvicorn.Server]]:
    """Serve the application on a free port, with small queues."""
    scene = scene_of(ApiConfig(subscriber_queue=100))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(scene.app, log_level="error", timeout_graceful_shutdown=5))
    task = asyncio.create_task(server.serve([listening]))
    await until(lambda: server.started)
    yield scene, f"http://127.0.0.1:{listening.getsockname()[1]}", server
    server.should_exit = True
    scene.hub.close()
    await task


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that nobody tells."""
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110  the server and the hub have no event for a test
            await asyncio.sleep(0.01)


async def test_a_reader_who_stops_reading_harms_nobody(served: tuple[Scene, str, uvicorn.Server]) -> None:
    """Who opens the stream and never reads is dropped; who reads gets every reading meanwhile."""
    scene, address, _ = served
    host, port = address.removeprefix("http://").split(":")
    _, lazy = await asyncio.open_connection(host, int(port), limit=1024)
    lazy.write(b"GET /api/v1/stream HTTP/1.1\r\nHost: test\r\n\r\n")
    batch = msgspec.json.encode(lamp_readings(50))
    async with httpx.AsyncClient(base_url=address) as client, client.stream("GET", "/api/v1/stream") as response:
        await until(lambda: scene.hub.subscribers == 2)
        lines = response.aiter_lines()
        got = 0
        async with asyncio.timeout(WAIT_S):
            while not scene.hub.dropped:
                scene.hub.publish(batch)
                expected = got + 50
                while got < expected:
                    got += (await anext(lines)).startswith("data:")

        assert scene.hub.subscribers == 1
        assert got % 50 == 0
    lazy.close()
    with contextlib.suppress(OSError):
        await lazy.wait_closed()


async def test_stopping_does_not_wait_for_streams(served: tuple[Scene, str, uvicorn.Server]) -> None:
    """When the server is told to stop and the hub is closed, open streams end with the reason."""
    scene, address, server = served
    async with httpx.AsyncClient(base_url=address) as client, client.stream("GET", "/api/v1/stream") as response:
        await until(lambda: scene.hub.subscribers == 1)
        server.should_exit = True
        scene.hub.close()

        async with asyncio.timeout(WAIT_S):
            lines = [line async for line in response.aiter_lines() if line]

    assert lines[-2:] == ["event: dropped", 'data: {"reason":"the service is stopping"}']


async def test_hanging_up_is_noticed(served: tuple[Scene, str, uvicorn.Server]) -> None:
    """A listener whose line breaks is forgotten."""
    scene, address, _ = served
    async with httpx.AsyncClient(base_url=address) as client, client.stream("GET", "/api/v1/stream"):
        await until(lambda: scene.hub.subscribers == 1)
    await until(lambda: scene.hub.subscribers == 0)


async def test_a_body_that_breaks_off(
    served: tuple[Scene, str, uvicorn.Server], caplog: pytest.LogCaptureFixture
) -> None:
    """A sender that hangs up in the middle of a body leaves nothing behind, in the broker or in the log."""
    scene, address, _ = served
    host, port = address.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /api/v1/callbacks/sigfox HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with httpx.AsyncClient(base_url=address) as client:
        assert (await client.get("/healthz")).status_code == 200

    assert scene.publisher.published == []
    assert "Traceback" not in caplog.text
