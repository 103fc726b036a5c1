"""The door for Sigfox callbacks, on a real server: what was answered counts, what was not is posted again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from model.errors import UnavailableError
from simulators.envelopes import SIGFOX_TOPIC, Event
from simulators.http import HttpConfig, HttpDoor
from tests.integration.fix_brokers import free_port


class Backend:
    """Takes callbacks, refuses each for the first ``refusals`` times; ``bodies``: what it took."""

    def __init__(self, refusals: int = 0) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[str] = []
        self._refusals = refusals
        self._seen: dict[bytes, int] = {}
        self.connections: set[asyncio.Task[None] | None] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self.connections.add(asyncio.current_task())
        while True:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
            except asyncio.IncompleteReadError:
                break
            length = next(
                (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")), 0
            )
            body = await reader.readexactly(length)
            status = "405 Method Not Allowed" if head.startswith("GET") else self._taken(head, body)
            writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    def _taken(self, head: str, body: bytes) -> str:
        self._seen[body] = self._seen.get(body, 0) + 1
        if self._seen[body] <= self._refusals:
            return "503 Service Unavailable"
        self.bodies.append(body)
        self.headers.append(head.lower())
        return "204 No Content"


@asynccontextmanager
async def _served(backend: Backend) -> AsyncIterator[str]:
    server = await asyncio.start_server(backend.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/api/v1/callbacks/sigfox"
    finally:
        server.close()
        await asyncio.gather(*filter(None, backend.connections))


def _events(count: int) -> list[Event]:
    return [Event("sigfox", SIGFOX_TOPIC, msgspec.json.encode({"device": f"{n:x}"})) for n in range(count)]


async def test_callbacks_are_posted_and_counted() -> None:
    """Fifty callbacks arrive as they are, with the token, once each."""
    backend = Backend()
    async with _served(backend) as url:
        door = HttpDoor(HttpConfig(url=url, token="secret-7"))  # noqa: S106 of this test
        await door.open()
        for event in _events(50):
            await door.send(event)
        assert await door.drain(30) == 0
        await door.close()
    assert sorted(backend.bodies) == sorted(event.payload for event in _events(50))
    assert door.sent == {"sigfox": 50}
    assert all("authorization: bearer secret-7" in head for head in backend.headers)


async def test_a_refused_callback_is_posted_again() -> None:
    """An answer other than 2xx is no answer: the callback comes again, and counts once when it was taken."""
    backend = Backend(refusals=2)
    async with _served(backend) as url:
        door = HttpDoor(HttpConfig(url=url, retries_s=(0.01, 0.01, 0.01)))
        await door.open()
        for event in _events(10):
            await door.send(event)
        assert await door.drain(30) == 0
        await door.close()
    assert len(backend.bodies) == 10
    assert door.sent == {"sigfox": 10}
    assert not door.given_up


async def test_after_the_last_retry_a_callback_is_given_up_and_counted() -> None:
    """What nobody took after all retries is not counted as sent, but as given up."""
    async with _served(Backend(refusals=9)) as url:
        door = HttpDoor(HttpConfig(url=url, retries_s=(0.01,)))
        await door.open()
        for event in _events(3):
            await door.send(event)
        assert await door.drain(30) == 0
        await door.close()
    assert not door.sent
    assert door.given_up == {"sigfox": 3}


async def test_an_address_where_nobody_listens_is_told() -> None:
    """One line says where nobody takes callbacks."""
    url = f"http://127.0.0.1:{free_port()}/api/v1/callbacks/sigfox"
    with pytest.raises(UnavailableError, match="nobody takes Sigfox callbacks at http://127"):
        await HttpDoor(HttpConfig(url=url)).open()
