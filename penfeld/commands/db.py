"""``penfeld db``: what the database is, bringing it to the schema of this version, computing rollups again."""

import argparse
import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from model.errors import BadRequestError
from model.retention import said
from penfeld.config import Config, load
from penfeld.moments import FORMS, moment_of, take_spans
from penfeld.output import as_json, remark, table

if TYPE_CHECKING:
    from storage.inventory import Inventory

DESCRIPTION = """\
State of the database of penfeld.toml (or of the embedded one): what it holds, how large, what its jobs do. Bringing its
tables up to date with this version and with the device files: `run` and `demo` do it by themselves; for a database run
by somebody else, do it here first. Computing rollups again: after devices got another district, for instance; late
frames and whatever Penfeld itself changes need nobody to ask."""
EXAMPLES = """\
  penfeld db status
  penfeld db status --json
  penfeld db migrate
  penfeld db refresh --device-type penfeld_streetlight --from 2026-03-01 --to yesterday"""
_MB = 1e6
_SIZE = ("table", "rows (about)", "MB", "parts")
_STORE = ("in columnstore", "times smaller")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, line in (
        ("status", "say what the database is, what it holds and what its jobs do"),
        ("migrate", "bring schema and tables up to date"),
        ("refresh", "compute rollups of a device type again"),
    ):
        action = actions.add_parser(name, help=line, description=line)
        action.add_argument("--json", action="store_true", help="print JSON")
        if name == "refresh":
            take_spans(action)
            action.add_argument("--device-type", required=True, metavar="TYPE", help="whose rollups")
            action.add_argument("--from", dest="start", metavar="TIME", help=f"first event time: {FORMS}")
            action.add_argument("--to", dest="end", default="now", metavar="TIME", help="event times before this only")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    config = load(getattr(options, "config", None))
    action = {"status": _status, "migrate": _migrate, "refresh": _refresh}[options.action]
    return asyncio.run(action(config, options))


async def _status(config: Config, options: argparse.Namespace) -> int:
    from penfeld.devicefiles import catalogue
    from penfeld.upkeep import upkeep_config
    from penfeld.wiring import database
    from storage.inventory import inventory
    from storage.queries import Queries

    kept = upkeep_config(config, catalogue(config).types())
    async with database(config) as opened:
        facts = await Queries(opened).facts()
        found = await inventory(opened, kept) if facts.migration else None
    if options.json:
        as_json({"database": facts, **({"inventory": found} if found else {})})
        return 0
    engine = f"TimescaleDB {facts.timescaledb_version}" if facts.timescaledb_version else "no TimescaleDB"
    table(
        ("database", ""),
        [
            ("server", f"PostgreSQL {facts.server_version}, {engine}"),
            ("migration", facts.migration),
            ("size", f"{facts.size_bytes / _MB:.1f} MB"),
            ("its clock", facts.now.isoformat(timespec="seconds")),
            *(_upkeep(found) if found else ()),
        ],
    )
    if found:
        _print(found)
    return 0


def _print(found: "Inventory") -> None:
    filled = [one for one in found.tables if one.rows or one.parts]
    if filled:
        print()
        store = any(one.columnstore is not None for one in filled)
        table(
            (*_SIZE, *(_STORE if store else ()), "oldest", "newest", "kept"),
            [
                (
                    one.name,
                    one.rows,
                    f"{one.bytes / _MB:.1f}",
                    one.parts or None,
                    *((one.columnstore, one.ratio) if store else ()),
                    _moment(one.oldest),
                    _moment(one.newest),
                    said(one.kept) if one.oldest else None,
                )
                for one in filled
            ],
            right=(*_SIZE[1:], *_STORE),
        )
    if found.jobs:
        print()
        table(
            ("job", "on", "by age", "last run", "took", "next run", "runs", "failed"),
            [
                (
                    job.does,
                    job.table,
                    job.age,
                    _moment(job.last_run),
                    None if job.took is None else f"{job.took.total_seconds():.1f} s",
                    _moment(job.next_run),
                    job.runs,
                    f"{job.failures}, now failing: {job.error}" if job.failing else job.failures,
                )
                for job in found.jobs
            ],
            right=("took", "runs"),
        )


def _upkeep(found: "Inventory") -> Iterator[tuple[str, str]]:
    last = found.last_round
    if last is None:
        yield "upkeep", "no round yet: `penfeld ingest` does it beside its work"
    else:
        when = last.at.isoformat(timespec="seconds")
        yield "upkeep", f"last round {when}, {last.took.total_seconds():.1f} s, {last.hours} hours, {last.left} left"
    for waiting in found.waiting:
        oldest = waiting.oldest.isoformat(timespec="minutes")
        yield "to compute", f"{waiting.hours} hours of {waiting.device_type}, the oldest {oldest}"


def _moment(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="minutes").replace("+00:00", "Z")


async def _migrate(config: Config, options: argparse.Namespace) -> int:
    from penfeld.devicefiles import catalogue
    from penfeld.wiring import database, make_ready
    from storage.reader import let_log_in

    async with database(config) as opened:
        done = await make_ready(opened, catalogue(config))
        if config.grafana.reader_password:
            await let_log_in(opened, config.grafana.reader_password)
    if options.json:
        as_json({"done": done})
    else:
        print("\n".join(done) or "everything is up to date")
    return 0


async def _refresh(config: Config, options: argparse.Namespace) -> int:
    from penfeld.clock import utc_now
    from penfeld.devicefiles import catalogue, definition_in
    from penfeld.upkeep import upkeep
    from penfeld.wiring import database, make_ready

    known = catalogue(config)
    name = definition_in(known, options.device_type).type.name
    zone = config.city.time_zone
    start = moment_of(options.start, now=utc_now(), zone=zone) if options.start else None
    end = moment_of(options.end, now=utc_now(), zone=zone)
    if start is not None and start >= end:
        raise BadRequestError(f"--from ({start.isoformat()}) is not before --to ({end.isoformat()})")
    async with database(config) as opened:
        await make_ready(opened, known)
        keeper = upkeep(opened, config, known, utc_now)
        hours = await keeper.refresh(name, start, end)
        done = await keeper.round()
    if done.elsewhere:
        remark("another process keeps the rollups of this database just now: it computes these hours, too")
    if options.json:
        as_json({"hours": hours, "left": hours if done.elsewhere else done.left})
    else:
        print(f"{hours} hours of {name}" + ("" if done.elsewhere else f" computed again, {done.left} left"))
    return 0
