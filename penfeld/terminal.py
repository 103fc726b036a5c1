"""What a person sees of a running service: children's lines with a name in front, and signals turned into an event."""

import asyncio
import signal
import sys

WIDTH = 9
"""Of the column for the names of children."""


def tell(name: str, line: str) -> None:
    """Print one line of a child on standard error."""
    print(f"{name.ljust(WIDTH)}| {line}", file=sys.stderr, flush=True)


def interrupted() -> asyncio.Event:
    """Return an event that is set by Ctrl-C or SIGTERM; a second Ctrl-C changes nothing: stopping is under way."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, event.set)
    return event
