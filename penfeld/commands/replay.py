"""``penfeld replay``: recorded frames, sent again through the same door."""

import argparse
import asyncio
import math
from pathlib import Path

from model.errors import BadRequestError
from penfeld.config import Config, load
from penfeld.output import as_json

DESCRIPTION = """\
Send recorded frames through the same door as live ones: JSON lines, a JSON array or CSV. Either events as a network
server published them ({"topic", "payload", "time"}): they go as they are, and count as real unless they say otherwise.
Or frames of a device type ({"device_type", "payload" as hex, "f_port", "device", "time"}): they are wrapped into events
and their devices registered, all marked as simulated."""
EXAMPLES = """\
  penfeld replay recorded.jsonl                    at its own pace
  penfeld replay recorded.jsonl --speed 60         an hour in a minute
  penfeld replay vendor-frames.json --speed max    as fast as broker and API take them"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a .jsonl, .json or .csv file")
    parser.add_argument("--speed", default="1", metavar="X", help="times their own pace, or max (default 1)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Send the file."""
    from penfeld import journal

    journal.start()
    return asyncio.run(_replay(load(getattr(options, "config", None)), options, _speed(options.speed)))


def _speed(text: str) -> float:
    try:
        speed = math.inf if text == "max" else float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise BadRequestError(f"--speed must be a number above 0, or max, not {text!r}")
    return speed


async def _replay(config: Config, options: argparse.Namespace, speed: float) -> int:
    from rich.console import Console
    from rich.progress import track

    from penfeld.clock import utc_now
    from penfeld.devicefiles import catalogue
    from penfeld.simulation import doors, register, sigfox_url
    from penfeld.terminal import interrupted
    from simulators.replay import load as load_recording
    from simulators.service import send_all

    recording = load_recording(options.file, start=utc_now())
    if recording.devices:
        await register(config, catalogue(config), recording.devices)
    stop = interrupted()
    wants_http = any(sending.event.source == "sigfox" for sending in recording.sendings)
    console = Console(stderr=True)
    shown = track(recording.sendings, "replaying", console=console, disable=not console.is_terminal)
    async with doors(config, sigfox_url(config) if wants_http else None) as there:
        count = await send_all(shown, there, speed=speed, stop=stop)
        missing = sum({id(door): door.outstanding for door in there.values()}.values())
    if options.json:
        as_json({"sent": count, "unacknowledged": missing, "of": len(recording.sendings)})
    else:
        print(f"sent {count} of {len(recording.sendings)} frames, {missing} of them not acknowledged")
    return 1 if missing else 0
