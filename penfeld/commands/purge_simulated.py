"""``penfeld purge-simulated``: simulated devices and all that came from them, gone in one command."""

import argparse
import asyncio
import sys

from penfeld.config import Config, load
from penfeld.output import as_json, remark, table

DESCRIPTION = """\
Delete all simulated devices with their readings, frames, latest and quarantined values. Everything that a simulator
sends is marked from the frame on, so nothing real is touched. Stop simulators first, or new frames come in."""
EXAMPLES = """\
  penfeld purge-simulated          asks first
  penfeld purge-simulated --yes --json"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Ask, delete, and say what was deleted."""
    config = load(getattr(options, "config", None))
    if not options.yes:
        if not sys.stdin.isatty():
            remark("penfeld: nobody is there to confirm; add --yes")
            return 2
        if input("Delete all simulated data? [y/N] ").strip().lower() not in {"y", "yes", "o", "oui"}:
            print("nothing was deleted")
            return 0
    return asyncio.run(_purge(config, options))


async def _purge(config: Config, options: argparse.Namespace) -> int:
    from penfeld.accounts import write_down
    from penfeld.wiring import database
    from storage.registry import Registry

    async with database(config) as opened:
        deleted = await Registry(opened).purge_simulated()
        if any(deleted.values()):
            await write_down(opened, "simulated.purged", "all", before=deleted)
    if options.json:
        as_json({"deleted": deleted})
    elif any(deleted.values()):
        table(("table", "rows deleted"), [(name, count) for name, count in deleted.items() if count])
    else:
        print("there was no simulated data")
    return 0
