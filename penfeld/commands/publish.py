"""``penfeld publish``: open data. Freezes days of datasets; the daily step beside ingest does the same by itself."""

import argparse
import asyncio
from datetime import date, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from model.errors import BadRequestError, NotFoundError
from penfeld.config import Config, load
from penfeld.moments import moment_of, take_spans
from penfeld.output import as_json, remark, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.dataset import Dataset
    from opendata.publish import Outcome, Publisher

DESCRIPTION = """\
Freeze days of datasets ([opendata] datasets) into one Parquet and one CSV file a day, with checksums, under
<data_dir>/open/<dataset>/, which /catalog serves. What has not changed is not written again; late readings make a new
version of the day beside the old one. Ingest does this every day by itself. Exit code 1: a day could not be made."""
EXAMPLES = """\
  penfeld publish                                         yesterday, of every dataset
  penfeld publish street-lamps --day 2026-11-20
  penfeld publish street-lamps --from 2026-11-01 --to 2026-11-20
  penfeld publish --day yesterday --dry-run               says what it would do
  penfeld publish --list                                  the datasets, and what was published of them"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    take_spans(parser)
    parser.add_argument("dataset", nargs="?", metavar="DATASET", help="this one only (default: all)")
    parser.add_argument("--day", metavar="DAY", help="a local day: 2026-11-20, yesterday, -7d (default: yesterday)")
    parser.add_argument("--from", dest="first", metavar="DAY", help="first of several days")
    parser.add_argument("--to", dest="last", metavar="DAY", help="last of several days (default: yesterday)")
    parser.add_argument("--dry-run", action="store_true", help="read how much there is, write nothing")
    parser.add_argument("--list", action="store_true", help="list datasets instead")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Publish; return 1 if a day could not be made."""
    if options.day and (options.first or options.last):
        raise BadRequestError("--day is one day, --from and --to are several: give one or the other")
    config = load(getattr(options, "config", None))
    found = _datasets(config, options.dataset)
    return _list(config, found, options) if options.list else asyncio.run(_publish(config, found, options))


def _datasets(config: Config, name: str | None) -> "Sequence[Dataset]":
    from penfeld.datasets import datasets
    from penfeld.devicefiles import catalogue

    found = datasets(config, catalogue(config).types())
    if not found:
        raise NotFoundError("there is no dataset yet: write datasets/<name>.toml, as docs/open-data.md shows")
    if name is None:
        return found
    chosen = [dataset for dataset in found if dataset.id == name]
    if not chosen:
        names = [dataset.id for dataset in found]
        near = get_close_matches(name, names, 1)
        raise NotFoundError(
            f"there is no dataset {name!r}; {f'did you mean {near[0]}?' if near else 'there are ' + ', '.join(names)}"
        )
    return chosen


def _list(config: Config, found: "Sequence[Dataset]", options: argparse.Namespace) -> int:
    from opendata.shelf import Shelf
    from penfeld.datasets import OPEN_FOLDER

    shelf = Shelf(config.data_dir / OPEN_FOLDER)
    lines = []
    for dataset in found:
        days = shelf.days(dataset.id)
        ends = (days[0].isoformat(), days[-1].isoformat()) if days else (None, None)
        lines.append((dataset.id, dataset.title.en, dataset.resolution.value, dataset.visibility, len(days), *ends))
    headers = ("dataset", "title", "resolution", "visibility", "days", "first", "last")
    if options.json:
        as_json([dict(zip(headers, line, strict=True)) for line in lines])
    else:
        table(headers, lines, right=("days",))
    return 0


async def _publish(config: Config, found: "Sequence[Dataset]", options: argparse.Namespace) -> int:
    from penfeld.clock import utc_now
    from penfeld.datasets import publisher
    from penfeld.devicefiles import catalogue
    from penfeld.wiring import database

    async with database(config) as opened:
        freezes = publisher(opened, config, catalogue(config), utc_now)
        days = _days(options, freezes, utc_now(), config.city.time_zone)
        outcomes = []
        for dataset in found:
            for day in days:
                outcomes.append(await freezes.publish(dataset, day, dry_run=options.dry_run))
                if not options.json:
                    remark(_line(outcomes[-1], dry_run=options.dry_run))
    if options.json:
        as_json(outcomes)
    return 1 if any(_failed(outcome) for outcome in outcomes) else 0


def _days(options: argparse.Namespace, freezes: "Publisher", now: datetime, zone: str) -> "list[date]":
    from opendata.publish import span

    def day_of(text: str) -> date:
        return moment_of(text, now=now, zone=zone).astimezone(ZoneInfo(zone)).date()

    if options.day:
        return [day_of(options.day)]
    last = day_of(options.last) if options.last else freezes.yesterday()
    return span(day_of(options.first), last) if options.first else [last]


def _failed(outcome: "Outcome") -> bool:
    from opendata.publish import Result

    return outcome.result in {Result.EARLY, Result.GONE}


def _line(outcome: "Outcome", *, dry_run: bool) -> str:
    what = f"{outcome.dataset} {outcome.day}: {'would be ' if dry_run else ''}{outcome.result.value}"
    if outcome.version:
        what += f", version {outcome.version}"
    if outcome.readings:
        what += f", {outcome.readings} readings" + (f" in {outcome.rows} rows" if outcome.rows else "")
    return f"{what}: {outcome.note}" if outcome.note else what
