"""A listener of the event stream, straight on the application: httpx's own transport waits for an answer's end."""

import asyncio
from types import TracebackType
from typing import Any, Self

from fastapi import FastAPI


class Listener:
    """One open request: a GET, or with a ``body`` a POST.

    ``status`` and ``headers`` are there after entering; ``next`` returns an event.
    """

    def __init__(
        self, app: FastAPI, path: str, query: str = "", headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> None:
        self._app = app
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET" if body is None else "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
            "server": ("test", 80),
            "client": ("test", 1),
        }
        self._body = body or b""
        self._gone = asyncio.Event()
        self._asked = False
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.reading = asyncio.Event()
        self.reading.set()
        self._rest = ""

    async def __aenter__(self) -> Self:
        """Send the request and wait for the head of the answer."""
        self._task = asyncio.create_task(self._app(self._scope, self._receive, self._send))
        start = await self._sent.get()
        self.status = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up, and wait until the application has noticed."""
        self._gone.set()
        self.reading.set()
        await self._task

    async def next(self) -> dict[str, str]:
        """Return the next event as its fields (a comment as ``""``); ``{}`` at the end of the answer."""
        while "\n\n" not in self._rest:
            message = await self._sent.get()
            self._rest += message.get("body", b"").decode()
            if not message.get("more_body", False) and "\n\n" not in self._rest:
                return {}
        block, _, self._rest = self._rest.partition("\n\n")
        lines = (line.partition(":") for line in block.split("\n"))
        return {name: value.strip() for name, _, value in lines}

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:  # noqa: ANN401  whatever an application sends
        await self.reading.wait()  # as a server waits when the line is full
        self._sent.put_nowait(message)
