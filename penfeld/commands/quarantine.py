"""``penfeld quarantine``: frames that were not understood, and bringing them back after a fix."""

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from model.errors import BadRequestError, Reason
from model.identity import possible_ids
from model.views import Interpretation, QuarantinedFrame, QuarantineFilter
from penfeld.config import Config, load
from penfeld.moments import FORMS, moment_of, take_spans
from penfeld.output import as_json, remark, table

if TYPE_CHECKING:
    from ingest.cage import Cage
    from ingest.replay import Replayer
    from storage.connection import Database

DESCRIPTION = """\
Frames that were not understood are kept with their original bytes. `list` shows them, `show` one of them with what to
do and what it would mean today, `replay` takes those that are understood by now into the readings, with their first
arrival. Frames of a device that gets registered are taken by `penfeld ingest` within seconds; `replay` is for all other
fixes: a device file, a source, a network server. What is not understood stays, under its reason of today."""
EXAMPLES = """\
  penfeld quarantine list --reason bad_payload --from today
  penfeld quarantine show 4711
  penfeld quarantine replay --reason bad_payload --device 70b3d57ed0001234 --dry-run    what would be taken?
  penfeld quarantine replay --reason bad_payload --device 70b3d57ed0001234
  penfeld quarantine replay --from 2026-03-01 --to 2026-03-02 --json"""
_PAGE = 500
_DUMP = 1024


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list what is in quarantine, newest first")
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="lines at most (default 20)")
    showing = actions.add_parser("show", help="one frame: its bytes, what to do, what it would mean today")
    showing.add_argument("id", type=int, metavar="ID", help="its number in the list")
    replaying = actions.add_parser("replay", help="take what is understood by now into the readings")
    replaying.add_argument("--id", type=int, metavar="ID", help="only the one of this number")
    replaying.add_argument("--dry-run", action="store_true", help="say what would be taken, and change nothing")
    for action in (listing, replaying):
        take_spans(action)
        reasons = [reason.value for reason in Reason]
        action.add_argument("--reason", choices=reasons, metavar="REASON", help=f"one of {', '.join(reasons)}")
        action.add_argument("--device", metavar="ID", help="frames of this device only, in any spelling")
        action.add_argument("--source", metavar="NAME", help="frames that came in by this source only")
        action.add_argument("--from", dest="start", metavar="TIME", help=f"first arrival: {FORMS}")
        action.add_argument("--to", dest="end", metavar="TIME", help="arrivals before this time only")
    for action in (listing, showing, replaying):
        action.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    config = load(getattr(options, "config", None))
    return asyncio.run({"list": _list, "show": _show, "replay": _replay}[options.action](config, options))


async def _list(config: Config, options: argparse.Namespace) -> int:
    from penfeld.wiring import database
    from storage.queries import Queries

    wanted = _wanted(config, options)
    async with database(config) as opened:
        wanted = await _spelled(opened, wanted)
        queries = Queries(opened)
        page = await queries.quarantine(wanted, limit=options.limit)
        sums = await queries.quarantine_sums()
    if options.json:
        as_json({"items": [_told(frame) for frame in page.rows], "more": page.next_cursor is not None, "sums": sums})
        return 0
    if page.rows:
        heads = ("id", "last arrival", "reason", "device", "times", "detail")
        table(heads, [_row(frame, config.city.time_zone) for frame in page.rows], right=("id", "times"))
    else:
        print("nothing in quarantine is like that" if sums else "quarantine is empty")
    if sums:
        print()
        cells = [(one.reason.value, f"{one.lines:,}", f"{one.frames:,}", f"{one.waiting:,}") for one in sums]
        table(("in all", "messages", "frames", "marked"), cells, right=("messages", "frames", "marked"))
    if page.next_cursor:
        remark(f"there are more: --limit shows more than {options.limit}")
    return 0


async def _show(config: Config, options: argparse.Namespace) -> int:
    from api.remedies import remedy
    from ingest.cage import Cage
    from model.dump import hex_lines
    from penfeld.wiring import database
    from storage.queries import Queries

    async with database(config) as opened, Cage() as cage:
        frame = await Queries(opened).quarantined(options.id)
        today = await _replayer(config, opened, cage).interpret(frame)
    if options.json:
        text = _text(frame.message)
        more = {"remedy": remedy(frame, "en"), "hex": frame.message.hex(), "text": text, "today": today}
        as_json(_told(frame) | more)
        return 0
    zone = config.city.time_zone
    rows = [
        ("reason", f"{frame.reason.value}: {frame.detail}"),
        ("what to do", remedy(frame, "en")),
        ("device", frame.device),
        ("device type", frame.device_type),
        ("source", frame.source),
        ("topic", frame.topic),
        ("first arrival", _local(frame.received_at, zone)),
        ("last arrival", _local(frame.last_received_at, zone)),
        ("times", frame.times),
        ("simulated", frame.simulated),
        ("marked for replay", frame.replay_requested_at and _local(frame.replay_requested_at, zone)),
    ]
    table(("frame", f"{frame.id}"), rows)
    print(f"\nmessage, {len(frame.message)} bytes")
    if (text := _text(frame.message)) is not None:
        print(text)
    for offset, digits, letters in hex_lines(frame.message, limit=_DUMP):
        print(f"{offset}  {digits:<47}  {letters}")
    print("\ntoday it would be")
    for one in today:
        for line in meaning(one):
            print(f"  {line}")
    return 0


async def _replay(config: Config, options: argparse.Namespace) -> int:
    from ingest.cage import Cage
    from model.batch import Replayed
    from penfeld.accounts import write_down
    from penfeld.devicefiles import catalogue
    from penfeld.progress import Progress
    from penfeld.replays import quarantine, told
    from penfeld.wiring import database
    from storage.tables import prepare

    wanted = _wanted(config, options)
    async with database(config) as opened, Cage() as cage:
        replayer = _replayer(config, opened, cage)
        wanted = await _spelled(opened, wanted)
        lines = (await quarantine(opened).count(wanted)).lines
        if options.dry_run:
            return await _try_out(replayer, wanted, lines, options)
        if lines:
            await prepare(opened, catalogue(config).types())
            target = "many" if wanted.frame is None else str(wanted.frame)
            await write_down(opened, "quarantine.replay", target, after={"messages": lines})
        sums = Replayed()
        with Progress("replayed", lines) as progress:
            async for done in replayer.run(wanted):
                sums += done
                progress.at(sums.lines + sums.passed)
    if options.json:
        as_json(sums)
    elif not sums.lines:
        print("nothing in quarantine is like that")
    else:
        print(told(sums))
        if sums.kept:
            remark("what stays says why: `penfeld quarantine list`")
    return 0


async def _try_out(replayer: "Replayer", wanted: QuarantineFilter, lines: int, options: argparse.Namespace) -> int:
    from penfeld.progress import Progress

    taken, kept = 0, Counter[str]()
    done = 0
    with Progress("tried", lines) as progress:
        async for some in replayer.try_out(wanted):
            done += len(some)
            progress.at(done)
            for frame, reason in some:
                if reason is None:
                    taken += frame.times
                else:
                    kept[reason.value] += frame.times
    if options.json:
        as_json({"taken": taken, "kept": kept})
    elif not done:
        print("nothing in quarantine is like that")
    else:
        print(f"{taken:,} frames would be taken, {kept.total():,} would stay")
        if kept:
            table(("would stay as", "frames"), [(name, f"{n:,}") for name, n in kept.most_common()], right=("frames",))
    return 0


async def _spelled(opened: "Database", wanted: QuarantineFilter) -> QuarantineFilter:
    """Return the filter with the device's id as it stands in quarantine, in whatever spelling it was written."""
    from penfeld.replays import quarantine

    for candidate in possible_ids(wanted.device or ""):
        spelled = replace(wanted, device=candidate)
        if (await quarantine(opened).count(spelled)).lines:
            return spelled
    return wanted


def _replayer(config: Config, opened: "Database", cage: "Cage") -> "Replayer":
    from penfeld.clock import utc_now
    from penfeld.devicefiles import catalogue
    from penfeld.replays import replayer
    from penfeld.sources import sources

    return replayer(opened, catalogue(config), sources(config), utc_now, cage)


def _wanted(config: Config, options: argparse.Namespace) -> QuarantineFilter:
    from penfeld.clock import utc_now

    now, zone = utc_now(), config.city.time_zone
    start, end = (moment_of(text, now=now, zone=zone) if text else None for text in (options.start, options.end))
    if start is not None and end is not None and end <= start:
        raise BadRequestError(f"--to ({end.isoformat()}) does not lie behind --from ({start.isoformat()})")
    return QuarantineFilter(
        reason=options.reason,
        device=options.device,
        source=options.source,
        start=start,
        end=end,
        frame=getattr(options, "id", None),
    )


def meaning(of: Interpretation) -> list[str]:
    """Return what an uplink would become, in lines."""
    who = " ".join(filter(None, (of.device, of.device_type and f"({of.device_type})")))
    if of.reason is not None:
        return [f"in quarantine again: {of.reason.value}: {of.detail}"]
    if not of.rows:
        return [f"a frame of {who} without readings"]
    lines = [f"{len(of.rows)} readings of {who}" if len(of.rows) > 1 else f"a reading of {who}"]
    for row in of.rows:
        values = ", ".join(f"{name} {value}" for name, value in row.values.items())
        flags = f" [{', '.join(row.flags)}]" if row.flags else ""
        lines.append(f"  {row.time.isoformat()}  {values}{flags}")
    return lines


def _row(frame: QuarantinedFrame, zone: str) -> Sequence[object]:
    detail = frame.detail if len(frame.detail) <= 80 else f"{frame.detail[:79]}…"  # noqa: PLR2004 -- what a terminal holds
    return (frame.id, _local(frame.last_received_at, zone), frame.reason.value, frame.device, frame.times, detail)


def _told(frame: QuarantinedFrame) -> dict[str, object]:
    names = (
        "id", "source", "reason", "detail", "topic", "device", "device_type", "received_at", "last_received_at",
        "times", "simulated", "replay_requested_at",
    )  # fmt: skip
    return {name: getattr(frame, name) for name in names} | {"size": len(frame.message)}


def _text(message: bytes) -> str | None:
    """Return the message as text where it is one that a terminal can show."""
    try:
        text = message.decode()
    except UnicodeDecodeError:
        return None
    return text if all(letter.isprintable() or letter in "\n\t" for letter in text) else None


def _local(of: datetime, zone: str) -> str:
    return of.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %Z")
