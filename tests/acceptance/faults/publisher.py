"""Publishes at QoS 1 and knows which messages the broker has acknowledged; the others go out again.

paho turns its own thread and repeats after each reconnection what was not acknowledged. Its callbacks only append to
deques; everything else happens in the thread that publishes.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from threading import Event, Thread
from types import TracebackType
from typing import Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from tests.acceptance.faults.load import Publication

WINDOW = 1000
"""Messages on their way at most."""
_STEP_S = 0.01


class Publisher:
    """Publishes at a ``rate`` (messages a second) until it is stopped, or ``messages`` end."""

    def __init__(self, port: int, messages: Iterator[Publication], *, rate: float, name: str = "publisher") -> None:
        self.published: list[Publication] = []
        self._messages = messages
        self._rate = rate
        self._under_way: dict[int, Publication] = {}
        self._acknowledged: deque[int] = deque()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self._client.max_inflight_messages_set(WINDOW)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._on_publish
        self._client.connect("127.0.0.1", port, keepalive=5)

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def under_way(self) -> int:
        """How many messages are not acknowledged yet."""
        return len(self._under_way)

    def finish(self, within_s: float = 30.0) -> Sequence[Publication]:
        """Publish no more, wait for every acknowledgement, return what the broker has taken."""
        self._stopping.set()
        self._thread.join()
        deadline = time.monotonic() + within_s
        while self._under_way and time.monotonic() < deadline:
            time.sleep(_STEP_S)
            self._settle()
        assert not self._under_way, f"the broker has not taken {self.under_way} messages within {within_s:g} s"
        return self.published

    def _run(self) -> None:
        due, last = 0.0, time.monotonic()
        while not self._stopping.wait(_STEP_S):
            self._settle()
            now = time.monotonic()
            due = min(due + (now - last) * self._rate, WINDOW)
            last = now
            some = list(islice(self._messages, max(0, min(int(due), WINDOW - self.under_way))))
            for one in some:
                sent = self._client.publish(one.topic, one.message, qos=1)
                self._under_way[sent.mid] = one
            due -= len(some)

    def _settle(self) -> None:
        while self._acknowledged:
            one = self._under_way.pop(self._acknowledged.popleft())
            # the bytes of good frames are not needed any more, and would fill the memory in a long run
            self.published.append(one if one.identity is None else one._replace(message=b""))

    def _on_publish(self, _client: object, _data: object, mid: int, _reason: ReasonCode, _properties: object) -> None:
        self._acknowledged.append(mid)
