"""``penfeld db``: what the database is, and bringing it to the schema of this version."""

import argparse
import asyncio

from penfeld.config import Config, load
from penfeld.output import as_json, table

DESCRIPTION = """\
State of the database of penfeld.toml (or of the embedded one), and bringing its tables up to date with this version and
with the device files. `run` and `demo` migrate by themselves; for a database run by somebody else, do it here first."""
EXAMPLES = """\
  penfeld db status
  penfeld db status --json
  penfeld db migrate"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, line in (("status", "say what the database is"), ("migrate", "bring schema and tables up to date")):
        action = actions.add_parser(name, help=line, description=line)
        action.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    config = load(getattr(options, "config", None))
    return asyncio.run({"status": _status, "migrate": _migrate}[options.action](config, options))


async def _status(config: Config, options: argparse.Namespace) -> int:
    from penfeld.wiring import database
    from storage.queries import Queries

    async with database(config) as opened:
        facts = await Queries(opened).facts()
    if options.json:
        as_json(facts)
        return 0
    engine = f"TimescaleDB {facts.timescaledb_version}" if facts.timescaledb_version else "no TimescaleDB"
    table(
        ("database", ""),
        [
            ("server", f"PostgreSQL {facts.server_version}, {engine}"),
            ("migration", facts.migration),
            ("size", f"{facts.size_bytes / 1e6:.1f} MB"),
            ("its clock", facts.now.isoformat(timespec="seconds")),
        ],
    )
    return 0


async def _migrate(config: Config, options: argparse.Namespace) -> int:
    from penfeld.devicefiles import catalogue
    from penfeld.wiring import database, make_ready

    async with database(config) as opened:
        done = await make_ready(opened, catalogue(config))
    if options.json:
        as_json({"done": done})
    else:
        print("\n".join(done) or "everything is up to date")
    return 0
