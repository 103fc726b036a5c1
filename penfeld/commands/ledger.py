"""``penfeld ledger``: what became of every frame, and whether it balances."""

import argparse
import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from model.errors import BadRequestError
from model.views import LedgerRow
from penfeld.config import Config, load
from penfeld.moments import FORMS, moment_of, take_spans
from penfeld.output import as_json, remark, table

if TYPE_CHECKING:
    from model.status import IngestStatus

DESCRIPTION = """\
What became of every frame that arrived: received = stored + duplicate + quarantined, by hour of arrival and source.
Then each ingest worker as it tells of itself: how old its oldest frame is that no transaction holds yet. "Replayed" are
frames that left quarantine in that hour; they count in the other columns too. Exit code 1 when anything is off."""
EXAMPLES = """\
  penfeld ledger                                 the last 24 hours, by hour and source
  penfeld ledger --from today --source sigfox
  penfeld ledger --from -30d --by day            local days
  penfeld ledger --from 2026-03-01 --to 2026-04-01 --by source --json"""
_COUNTS = ("received", "stored", "duplicate", "quarantined", "replayed")
_GONE = "last heard of at {when}: start it again, if it should run"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    take_spans(parser)
    parser.add_argument("--from", dest="start", default="-24h", metavar="TIME", help=f"first hour of arrival: {FORMS}")
    parser.add_argument("--to", dest="end", metavar="TIME", help="hours of arrival before this time only")
    parser.add_argument("--source", metavar="NAME", help="frames that came in by this source only")
    parser.add_argument("--by", choices=("hour", "day", "source"), default="hour", help="a line for each (and source)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Show the ledger; return 1 when it does not balance."""
    return asyncio.run(_ledger(load(getattr(options, "config", None)), options))


class Books(NamedTuple):
    """What was found. ``forgotten``: frames that a worker counted and the ledger has not; ``off``: of all books."""

    rows: Sequence[LedgerRow]
    statuses: "Mapping[str, IngestStatus] | str"
    forgotten: Mapping[str, int]
    off: int


async def _ledger(config: Config, options: argparse.Namespace) -> int:
    from api.audit import forgotten
    from penfeld.clock import utc_now
    from penfeld.wiring import database
    from penfeld.workers import asked
    from storage.queries import Queries

    now, zone = utc_now(), config.city.time_zone
    start = _floor(moment_of(options.start, now=now, zone=zone))
    end = moment_of(options.end, now=now, zone=zone) if options.end else None
    if end is not None and end <= start:
        raise BadRequestError(f"--to ({end.isoformat()}) does not lie behind --from ({start.isoformat()})")
    statuses = await asked(config)
    async with database(config) as opened:
        queries = Queries(opened)
        rows = await queries.ledger(start=start, end=end, source=options.source)
        told = {} if isinstance(statuses, str) else statuses
        found = Books(rows, statuses, await forgotten(queries, told.values()), await queries.unaccounted())
    problems = problems_of(found)
    if options.json:
        as_json(_document(found, problems, options.by, now, zone))
    else:
        _show(found, options.by, utc_now(), zone)
        for problem in problems:
            remark(f"penfeld: {problem}")
    return 1 if problems else 0


def problems_of(found: Books) -> list[str]:
    """Return what is off, a line each, with what to do."""
    wrong = [row for row in found.rows if not row.balanced]
    problems = [
        f"the hour {row.hour.isoformat()} of {row.source} does not balance: received {row.received},"
        f" accounted for {row.stored + row.duplicate + row.quarantined}; keep the log of that hour and report a defect"
        for row in wrong
    ]
    if found.off and not wrong:
        problems.append(
            f"the books are off by {found.off} frames: an hour outside this range does not balance, or quarantine holds"
            " more than the ledger says; look with --from 2020-01-01 --by source, and report a defect"
        )
    problems += [
        f"worker {name} stored {frames} frames that the ledger does not have: was the database restored, or failed over"
        " to a copy that was behind? have the network server send again what it kept since then"
        for name, frames in found.forgotten.items()
        if frames
    ]
    return problems


class Line(NamedTuple):
    """Sums of rows. ``when``: start of the hour or day; ``source``: where the line is of one."""

    when: datetime | None
    source: str | None
    received: int
    stored: int
    duplicate: int
    quarantined: int
    replayed: int

    @property
    def balanced(self) -> bool:
        """Whether every frame received is accounted for."""
        return self.received == self.stored + self.duplicate + self.quarantined


def lines_of(rows: Iterable[LedgerRow], by: str, zone: str) -> list[Line]:
    """Return the lines to show, newest first: by hour, local day, or over the whole time; each by source."""
    places: Mapping[str, Callable[[LedgerRow], datetime | None]] = {
        "hour": lambda row: row.hour,  # UTC: two local hours may have one name
        "day": lambda row: row.hour.astimezone(ZoneInfo(zone)).replace(hour=0, fold=0),
        "source": lambda _row: None,
    }
    groups: dict[tuple[datetime | None, str], list[LedgerRow]] = {}
    for row in rows:
        groups.setdefault((places[by](row), row.source), []).append(row)
    return [sum_of(group, when, source) for (when, source), group in groups.items()]


def sum_of(rows: Sequence[LedgerRow], when: datetime | None = None, source: str | None = None) -> Line:
    """Return the sum of rows as a line."""
    return Line(when, source, *(sum(getattr(row, name) for row in rows) for name in _COUNTS))


def _show(found: Books, by: str, now: datetime, zone: str) -> None:
    lines = lines_of(found.rows, by, zone)
    if lines:
        form = "%Y-%m-%d %H:%M %Z" if by == "hour" else "%Y-%m-%d"
        heads = ([] if by == "source" else [by]) + ["source", *_COUNTS, "balanced"]
        local = ZoneInfo(zone)
        cells = [([line.when.astimezone(local).strftime(form)] if line.when else []) + _cells(line) for line in lines]
        total = _cells(sum_of(found.rows)._replace(source="total"))
        table(heads, [*cells, ([] if by == "source" else [""]) + total], right=_COUNTS)
    else:
        print("nothing arrived in this time")
    print()
    if isinstance(found.statuses, str):
        remark(f"workers cannot be asked: {found.statuses}")
        return
    workers = [_worker(status, now, zone) for status in found.statuses.values()]
    if workers:
        table(("worker", "oldest unacknowledged", "waiting", "state"), workers, right=("waiting",))
    else:
        print("no ingest worker tells of itself: start `penfeld run` or `penfeld ingest`")


def _cells(line: Line) -> list[object]:
    counts = [f"{getattr(line, name):,}" for name in _COUNTS]
    return [line.source, *counts, "yes" if line.balanced else "NO"]


def _worker(status: "IngestStatus", now: datetime, zone: str) -> list[object]:
    from penfeld.workers import GONE, oldest_s

    state = status.trouble or "well"
    if now - status.time > GONE:
        state = _GONE.format(when=status.time.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %Z"))
    oldest = f"{oldest_s(status, now):.1f} s" if status.unacknowledged else "none"
    return [status.worker, oldest, f"{status.unacknowledged:,}", state]


def _document(found: Books, problems: Sequence[str], by: str, now: datetime, zone: str) -> dict[str, object]:
    from penfeld.workers import oldest_s

    def told(line: Line) -> dict[str, object]:
        place = {} if line.when is None else {"day" if by == "day" else "hour": line.when.isoformat()}
        source = {} if line.source is None else {"source": line.source}
        return {**place, **source, **{name: getattr(line, name) for name in _COUNTS}, "balanced": line.balanced}

    statuses = {} if isinstance(found.statuses, str) else found.statuses
    return {
        "items": [told(line) for line in lines_of(found.rows, by, zone)],
        "totals": told(sum_of(found.rows)),
        "workers": [
            {
                "worker": status.worker,
                "time": status.time,
                "unacknowledged": status.unacknowledged,
                "oldest_unacknowledged_s": round(oldest_s(status, now), 3),
                "trouble": status.trouble,
                "forgotten": found.forgotten.get(status.worker),
            }
            for status in statuses.values()
        ],
        "balanced": not problems,
        "problems": list(problems),
    }


def _floor(of: datetime) -> datetime:
    """Return the start of the hour: the ledger knows no less."""
    return of - timedelta(minutes=of.minute, seconds=of.second, microseconds=of.microsecond)
