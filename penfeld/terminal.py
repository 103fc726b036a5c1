"""What a person sees of a running service: children's lines with a name in front, and signals turned into an event."""

import asyncio
import signal
import sys

_WIDTH = 9
_COLOURS = {"database": 36, "broker": 35, "api": 34, "ingest": 32, "simulate": 33, "history": 33}


def tell(name: str, line: str) -> None:
    """Print one line of a child on standard error."""
    label = name.ljust(_WIDTH)
    if sys.stderr.isatty():
        label = f"\033[{_COLOURS.get(name, 37)}m{label}\033[0m"
    print(f"{label}| {line}", file=sys.stderr, flush=True)


def interrupted() -> asyncio.Event:
    """Return an event that is set by Ctrl-C or SIGTERM; a second Ctrl-C changes nothing: stopping is under way."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, event.set)
    return event
