"""``python -m tests.bench.drain HOST PORT COUNT``: a bare client takes so many messages, and does nothing else.

A raw asyncio socket on a persistent session: it finds the packets in what it reads, acknowledges them at once in one
write, and forgets them. COUNT 0 makes the session and leaves. Prints ``ready`` when it is subscribed; then messages a
second, from the first packet to the last, and microseconds of its processor time a message.
"""

import asyncio
import sys
import time
from collections.abc import Callable

from tests.bench.topics import topic_filter

NAME = "bench-drain"
_PUBLISH, _SUBACK = 3, 9


class Bare(asyncio.Protocol):
    """Takes ``count`` messages; ``done`` is then the seconds from the first to the last."""

    def __init__(self, count: int, ready: Callable[[], None]) -> None:
        self.done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.cpu_s = 0.0
        self._left = count
        self._ready = ready
        self._rest = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who we are, and what we want, in MQTT 3.1.1: the session stays."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        name, topics = NAME.encode(), topic_filter("bare").encode()
        transport.write(
            b"\x10" + bytes([12 + len(name), 0, 4]) + b"MQTT\x04\x00\x00\x00\x00" + bytes([len(name)]) + name
        )
        transport.write(b"\x82" + bytes([5 + len(topics), 0, 1, 0, len(topics)]) + topics + b"\x01")

    def data_received(self, data: bytes) -> None:
        """Acknowledge what came."""
        data = self._rest + data if self._rest else data
        acknowledgements = bytearray()
        place, end = 0, len(data)
        while place + 2 <= end:
            length, shift, body = 0, 0, place + 1
            while body < end:
                byte = data[body]
                body += 1
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:  # the last byte of a length
                    break
            else:
                break
            if body + length > end:
                break
            if data[place] >> 4 == _PUBLISH:
                number = body + 2 + (data[body] << 8 | data[body + 1])
                acknowledgements += b"\x40\x02" + data[number : number + 2]
            elif data[place] >> 4 == _SUBACK:
                self._ready()
                if not self._left:
                    self.done.set_result(0.0)
            place = body + length
        self._rest = data[place:]
        if acknowledgements:
            self._transport.write(acknowledgements)
            self._count(len(acknowledgements) // 4)

    def _count(self, taken: int) -> None:
        now = time.perf_counter()
        if not self._began:
            self._began, self.cpu_s = now, -time.process_time()
        self._left -= taken
        if self._left <= 0 and not self.done.done():
            self.cpu_s += time.process_time()
            self.done.set_result(now - self._began)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail if it came too early."""
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError(f"the broker hung up with {self._left} messages to come"))


async def drain(host: str, port: int, count: int, ready: Callable[[], None] = lambda: None) -> tuple[float, float]:
    """Return the seconds from the first message to the last, and those of processor time.

    ``ready`` is called when it is subscribed.
    """
    transport, bare = await asyncio.get_running_loop().create_connection(lambda: Bare(count, ready), host, port)
    try:
        return await bare.done, bare.cpu_s
    finally:
        transport.write(b"\xe0\x00")
        transport.close()


if __name__ == "__main__":
    host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    seconds, cpu_s = asyncio.run(drain(host, port, count, lambda: print("ready", flush=True)))
    if count:
        print(count / seconds, cpu_s / count * 1e6)
