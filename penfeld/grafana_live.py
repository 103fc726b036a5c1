"""Live panels: readings as they come, pushed into Grafana Live once a second.

Rules:

1. What is pushed is InfluxDB's line protocol, to ``/api/live/push/penfeld``. Grafana makes a channel of each name that
   a line begins with: of a device its id, of a type its name with the device as label, ``city`` with readings a second.
2. Nothing is kept: a panel shows what came while it was open. While Grafana does not answer, what comes is counted
   and let go; readings are safe in the database.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import httpx

from dashboards.query import STREAM
from model.errors import ConfigError, UnavailableError
from penfeld.client.errors import ClientError
from penfeld.client.live import LiveEvent

log = logging.getLogger(__name__)

EVERY_S = 1.0
MOST = 5000
"""Readings a second that a browser is still glad to get."""
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What is needed of a live reading. Values are numbers and switches."""

    device: str
    device_type: str
    time: datetime
    values: Mapping[str, float]


def reading(data: Mapping[str, Any]) -> Reading:
    """Return a reading from the live stream's JSON; texts are left out, since curves have none."""
    values = {name: float(value) for name, value in data["values"].items() if isinstance(value, bool | int | float)}
    return Reading(data["device"], data["device_type"], datetime.fromisoformat(data["time"]), values)


def lines(readings: Iterable[Reading], names: Mapping[str, str], now: datetime) -> str:
    """Return the line protocol of readings of one second; ``names``: device -> what people call it."""
    found = []
    counts: dict[str, int] = {}
    for each in readings:
        counts[each.device_type] = counts.get(each.device_type, 0) + 1
        if each.values:
            fields = ",".join(f"{_escaped(name)}={value!r}" for name, value in each.values.items())
            at = _ns(each.time)
            label = _escaped(names.get(each.device) or each.device)
            found.append(f"{_escaped(each.device, name=True)} {fields} {at}")
            found.append(f"{_escaped(each.device_type, name=True)},device={label} {fields} {at}")
    found += [f"city,type={_escaped(name)} readings={number}i {_ns(now)}" for name, number in sorted(counts.items())]
    return "\n".join(found)


class Push:
    """Pushes lines into one Grafana."""

    def __init__(self, url: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=_TIMEOUT_S,
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, text: str) -> None:
        """Push lines; raise ``UnavailableError`` if Grafana does not take them now, ``ConfigError`` if never."""
        try:
            answer = self._client.post(f"/api/live/push/{STREAM}", content=text.encode())
        except httpx.TransportError as error:
            raise UnavailableError(f"Grafana at {self._url} does not answer ({type(error).__name__})") from None
        if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise ConfigError([f"Grafana at {self._url} takes no live data: [grafana] token must be an editor's"])
        if answer.is_error:
            raise UnavailableError(f"Grafana at {self._url} takes no live data now ({answer.status_code})")


class Collector:
    """Takes readings from the live stream in a thread of its own, so that each second ends when it is over."""

    def __init__(self, events: Iterator[LiveEvent]) -> None:
        self.skipped = 0
        self.ended: Exception | None = None
        self._queue: SimpleQueue[Reading] = SimpleQueue()
        self._thread = Thread(target=self._read, args=(events,), daemon=True)
        self._thread.start()

    def take(self) -> list[Reading]:
        """Return what came since the last time, the newest ``MOST`` of it; raise what ended the stream."""
        found = []
        with suppress(Empty):
            while True:
                found.append(self._queue.get_nowait())
        if not found and self.ended is not None:
            raise self.ended
        self.skipped += max(0, len(found) - MOST)
        return found[-MOST:]

    def _read(self, events: Iterator[LiveEvent]) -> None:
        try:
            for event in events:
                if event.kind == "reading":
                    self._queue.put(reading(event.data))
            self.ended = UnavailableError("the live stream of Penfeld's API has ended: is it running?")
        except (ClientError, KeyError, ValueError) as error:
            self.ended = UnavailableError(f"the live stream of Penfeld's API ended: {error}")


def forward(
    collector: Collector,
    push: Push,
    names: Mapping[str, str],
    clock: Callable[[], datetime],
    pause: Callable[[float], None],
) -> None:
    """Push what came, once a second, until the stream ends; what Grafana does not take is counted and let go."""
    trouble = ""
    while True:
        pause(EVERY_S)
        some = collector.take()
        if not some:
            continue
        try:
            push.send(lines(some, names, clock()))
            said = ""
        except UnavailableError as error:
            collector.skipped += len(some)
            said = str(error)
        if said != trouble:
            log.warning("%s", said or f"Grafana takes live data again; {collector.skipped} readings were not shown")
            trouble = said


def _escaped(text: str, *, name: bool = False) -> str:
    """Return a text as the line protocol writes it; the equals sign is free in a name."""
    kept = "".join(sign for sign in text if sign.isprintable()).replace("\\", "/")
    for sign in ", " if name else ",= ":
        kept = kept.replace(sign, f"\\{sign}")
    return kept


def _ns(time: datetime) -> int:
    return int(time.timestamp() * 1_000_000) * 1000
