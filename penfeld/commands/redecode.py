"""``penfeld redecode``: history by today's device file, the difference first."""

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from model.errors import BadRequestError, ConflictError, NotFoundError, UnavailableError
from penfeld.config import Config, load
from penfeld.moments import FORMS, moment_of, take_spans
from penfeld.output import as_json, remark, table

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.history import Redecoding
    from model.history import Run, Scope, Survey
    from storage.history import History

DESCRIPTION = """\
Decode the raw frames of a device type again, after its device file was mended. First the difference is shown: how many
readings would change, each field by how much, the worst examples. Then, when you agree, it is made in small steps:
readings, rollups and latest values follow while everything keeps running; what a reading said before stays readable.
Ctrl-C stops it, and --resume goes on where it stopped (so it does after a crash). A frame that no longer decodes keeps
its readings."""
EXAMPLES = """\
  penfeld redecode --device-type yobiiq_em4301 --dry-run              the difference only
  penfeld redecode --device-type yobiiq_em4301 --from 2026-03-01 --to yesterday
  penfeld redecode --device-type yobiiq_em4301 --device 70b3d57ed0001234 --from -7d --yes --json
  penfeld redecode --resume                                           go on with what was stopped
  penfeld redecode --list                                             all runs
  penfeld redecode --history 70b3d57ed0001234 2026-03-01T12:00        what a reading said before"""


_MOST = 100_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    take_spans(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--device-type", metavar="TYPE", help="whose frames to decode again, by today's device file")
    what.add_argument("--resume", nargs="?", const=0, type=int, metavar="RUN", help="go on with a run (the last one)")
    what.add_argument("--list", action="store_true", help="show all runs")
    what.add_argument(
        "--history", nargs=2, metavar=("DEVICE", "TIME"), help="what the readings of that minute say and said before"
    )
    parser.add_argument("--from", dest="start", metavar="TIME", help=f"first event time: {FORMS}".replace("%", "%%"))
    parser.add_argument("--to", dest="end", metavar="TIME", help="event times before this one only")
    parser.add_argument("--device", metavar="ID", help="of one device only")
    parser.add_argument("--dry-run", action="store_true", help="show the difference and change nothing")
    parser.add_argument(
        "--drop-undecodable", action="store_true", help="remove what frames said that no longer decode (default: keep)"
    )
    parser.add_argument("--batch", type=_some, default=5000, metavar="N", help="frames in a step (default 5000)")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _some(text: str) -> int:
    """Return a number of frames; raise ``ArgumentTypeError`` for what is none."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is not between 1 and {_MOST}")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    config = load(getattr(options, "config", None))
    if options.list:
        return asyncio.run(_list(config, options))
    if options.history:
        return asyncio.run(_history(config, options))
    if options.resume is not None:
        return asyncio.run(_resume(config, options))
    if not (options.yes or options.dry_run or sys.stdin.isatty()):
        remark("penfeld: nobody is there to confirm; add --yes, or --dry-run to see the difference only")
        return 2
    return asyncio.run(_redecode(config, options))


async def _redecode(config: Config, options: argparse.Namespace) -> int:
    from ingest.cage import Cage
    from ingest.history import Redecoding
    from penfeld.accounts import write_down
    from penfeld.devicefiles import definition
    from penfeld.wiring import database
    from storage.history import History
    from storage.tables import prepare

    wanted = definition(config, options.device_type)
    async with database(config) as opened, Cage() as cage:
        history = History(opened)
        again = Redecoding(history, wanted, cage, at_once=options.batch)
        scope = await _scope(history, options)
        survey = await _survey(again, history, scope)
        if not options.json:
            _show(survey)
        if options.dry_run or not _differs(survey):
            if options.json:
                as_json({"difference": _told(survey), "run": None})
            return 0
        if not (options.yes or _agreed(survey)):
            print("nothing was changed")
            return 0
        await prepare(opened, [wanted.type])
        async with history.working(options.device_type):
            run = await again.begin(survey)
            after = {"run": run.number, "version": run.version, "frames": run.frames}
            await write_down(opened, "readings.redecoded", wanted.type.name, before=run.versions_before, after=after)
            done = await _change(again, run)
    if options.json:
        as_json({"difference": _told(survey), "run": done})
    return _ended(done, options)


async def _resume(config: Config, options: argparse.Namespace) -> int:
    from ingest.cage import Cage
    from ingest.history import Redecoding
    from penfeld.devicefiles import definition
    from penfeld.wiring import database
    from storage.history import History

    async with database(config) as opened, Cage() as cage:
        history = History(opened)
        run = await _chosen(history, options.resume)
        again = Redecoding(history, definition(config, run.scope.device_type), cage, at_once=options.batch)
        async with history.working(run.scope.device_type):
            done = await _change(again, await history.run(run.number))
    if options.json:
        as_json({"run": done})
    return _ended(done, options)


async def _list(config: Config, options: argparse.Namespace) -> int:
    from penfeld.wiring import database
    from storage.history import History

    async with database(config) as opened:
        runs = await History(opened).runs()
    if options.json:
        as_json(runs)
    elif runs:
        headers = (
            "run",
            "device type",
            "state",
            "frames",
            "of",
            "changed",
            "new",
            "gone",
            "undecodable",
            "last change",
        )
        table(headers, [_line(run) for run in runs])
    else:
        print("no history was decoded again yet")
    return 0


async def _history(config: Config, options: argparse.Namespace) -> int:
    from datetime import timedelta

    from model.identity import possible_ids
    from penfeld.clock import utc_now
    from penfeld.wiring import database
    from storage.history import History

    written, text = options.history
    start = moment_of(text, now=utc_now())
    async with database(config) as opened:
        history = History(opened)
        device = await history.known((written, *possible_ids(written)))
        said = await history.said(device, start, start + timedelta(minutes=1))
    if options.json:
        as_json(said)
        return 0
    if not said:
        raise NotFoundError(f"{device} has no reading in the minute from {start.isoformat()} on, and had none")
    table(
        ("time", "until", "version", "run", "values", "flags"),
        [
            (
                one.time.isoformat(),
                one.replaced_at.isoformat(timespec="seconds") if one.replaced_at else "now",
                one.version,
                one.run,
                ", ".join(f"{name} = {value}" for name, value in one.values.items()),
                ", ".join(one.flags),
            )
            for one in said
        ],
    )
    return 0


async def _scope(history: "History", options: argparse.Namespace) -> "Scope":
    """Return what was asked for; raise ``BadRequestError`` for an end before the start."""
    from model.history import Scope
    from model.identity import possible_ids
    from penfeld.clock import utc_now

    now = utc_now()
    start, end = (None if text is None else moment_of(text, now=now) for text in (options.start, options.end))
    if start is not None and end is not None and start >= end:
        raise BadRequestError(f"--from {options.start} is not before --to {options.end}: nothing lies between")
    device = options.device
    if device is not None:
        device = await history.known((device, *possible_ids(device)))
    return Scope(
        device_type=options.device_type,
        device=device,
        start=start,
        end=end,
        drop_undecodable=options.drop_undecodable,
    )


async def _survey(again: "Redecoding", history: "History", scope: "Scope") -> "Survey":
    from penfeld.progress import Progress

    extent = await history.extent(scope)
    with Progress("comparing", extent.frames) as progress:
        return await again.survey(scope, extent=extent, watch=lambda counts: progress.at(counts.frames))


async def _change(again: "Redecoding", run: "Run") -> "Run":
    """Go on with a run until it ends or somebody stops it."""
    from penfeld.progress import Progress
    from penfeld.terminal import interrupted

    stop = interrupted()
    try:
        with Progress(f"run {run.number}", run.frames, start=run.counts.frames) as progress:
            return await again.change(run, stop=stop.is_set, watch=lambda counts: progress.at(counts.frames))
    except UnavailableError as error:
        raise UnavailableError(f"{error}; `penfeld redecode --resume {run.number}` goes on") from error


async def _chosen(history: "History", number: int) -> "Run":
    """Return the run of that number, for 0 the open one; raise ``NotFoundError``."""
    from model.history import RunState

    if number:
        return await history.run(number)
    found = [run for run in await history.runs() if run.state is RunState.OPEN]
    if not found:
        raise NotFoundError("no run waits to be resumed: `penfeld redecode --list` shows all")
    if len(found) > 1:
        numbers = ", ".join(f"{run.number} ({run.scope.device_type})" for run in found)
        raise ConflictError(
            f"several runs wait: {numbers}; name one, as in `penfeld redecode --resume {found[0].number}`"
        )
    return found[0]


def _agreed(survey: "Survey") -> bool:
    question = f"Change {survey.counts.differences:,} readings? [y/N] "
    return input(question).strip().lower() in {"y", "yes", "o", "oui"}


def _differs(survey: "Survey") -> bool:
    return bool(survey.counts.differences or survey.counts.moved)


def _ended(run: "Run", options: argparse.Namespace) -> int:
    """Tell how a run ended; 130 if it was stopped."""
    counts, open_ = run.counts, run.finished_at is None
    if open_:
        remark(
            f"stopped at {counts.frames:,} of {run.frames:,} frames: `penfeld redecode --resume {run.number}` goes on"
        )
    elif not options.json:
        print(
            f"run {run.number} is done: {counts.changed:,} readings changed, {counts.new:,} new, {counts.gone:,} gone;"
            " `penfeld redecode --history DEVICE TIME` shows what one said before"
        )
    return 130 if open_ else 0


def _line(run: "Run") -> tuple[object, ...]:
    counts = run.counts
    state = "working" if run.working else run.state.value.replace("_", " ")
    when = run.changed_at.isoformat(timespec="seconds")
    numbers = (counts.frames, run.frames, counts.changed, counts.new, counts.gone, counts.undecodable)
    return (run.number, run.scope.device_type, state, *numbers, when)


def _told(survey: "Survey") -> dict[str, object]:
    """Return a survey for programs."""
    extent = survey.extent
    return {
        "scope": survey.scope,
        "version": survey.version,
        "versions_before": extent.versions,
        "frames": extent.frames,
        "devices": len(extent.devices),
        "counts": survey.counts,
        "fields": survey.fields,
        "examples": survey.examples,
        "undecodable": survey.undecodable,
    }


def _show(survey: "Survey") -> None:
    """Print a survey for people."""
    counts, extent = survey.counts, survey.extent
    if not extent.frames:
        print(f"there are no frames of {survey.scope.device_type} between these times")
        return
    before = ", ".join(extent.versions)
    print(
        f"{extent.frames:,} frames of {len(extent.devices):,} devices, decoded by {before}; now by {survey.version}\n"
    )
    lines = [
        ("readings that stay as they are", counts.unchanged),
        ("readings that change", counts.changed),
        ("new readings", counts.new),
        ("readings that go", counts.gone),
        ("readings kept although their frame says nothing now", counts.kept),
        ("frames that no longer decode", counts.undecodable),
        ("frames with another event time", counts.moved),
    ]
    table(("", "number"), [line for number, line in enumerate(lines) if line[1] or number < 2])  # noqa: PLR2004 -- always
    if survey.fields:
        print("\nhow fields change")
        headers = ("field", "unit", "readings", "typically by", "at most by", "had none", "has none now")
        rows = [
            (one.field, one.unit, one.changed, one.typical, one.largest, one.appears, one.vanishes)
            for one in survey.fields
        ]
        table(headers, rows)
    if survey.examples:
        print("\nthe largest differences")
        headers = ("field", "device", "time", "before", "after", "port", "frame")
        rows_ = [
            (one.field, one.device, _when(one.time), one.before, one.after, one.f_port, _frame(one.payload, one.values))
            for one in survey.examples
        ]
        table(headers, rows_)
    if survey.undecodable:
        print(f"\nframes that no longer decode ({len(survey.undecodable)} of {counts.undecodable:,})")
        errors = [
            (one.device, _when(one.time), one.error, one.f_port, _frame(one.payload, one.values))
            for one in survey.undecodable
        ]
        table(("device", "time", "why", "port", "frame"), errors)


def _when(time: "datetime") -> str:
    return time.isoformat(timespec="seconds")


def _frame(payload: bytes | None, values: object) -> str:
    return payload.hex() if payload is not None else str(values)
