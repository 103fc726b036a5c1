"""Live events, from server-sent events: broken lines are taken up again behind the last event that came."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from penfeld.client.errors import BrokenAnswerError, NotReachedError, ProblemError
from penfeld.client.http import Http, Query

_SILENCE_S = 45.0
"""Three of the service's signs of life: after so long without one, the line is taken to be dead."""
_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """``kind``: ``reading``, ``alarm``, ``gap`` (some events are gone: ask for readings), ``dropped`` (and why).

    ``data``: what it says. ``id``: from where to go on.
    """

    kind: str
    data: dict[str, Any]
    id: str | None = None


def listen(http: Http, query: Query, *, after: str | None, retry_s: float | None) -> Iterator[LiveEvent]:
    """Yield events for ever; ``retry_s``: seconds until a broken line is tried again, ``None``: an error."""
    while True:
        try:
            for event in _once(http, query, after):
                after = event.id or after
                yield event
        except (BrokenAnswerError, NotReachedError):
            if retry_s is None:
                raise
        except ProblemError as problem:
            if retry_s is None or problem.status != _UNAVAILABLE:
                raise
        if retry_s is None:
            return
        time.sleep(retry_s)


def _once(http: Http, query: Query, after: str | None) -> Iterator[LiveEvent]:
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    with http.stream("/stream", query, headers=headers, wait_s=_SILENCE_S) as response:
        yield from parsed(response.iter_lines())


def parsed(lines: Iterator[str]) -> Iterator[LiveEvent]:
    """Yield the events that lines of server-sent events tell."""
    said: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            said[name] = value.removeprefix(" ")
            continue
        if "data" in said:
            yield LiveEvent(said.get("event", "message"), json.loads(said["data"]), said.get("id"))
        said = {}
