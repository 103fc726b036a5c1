"""``penfeld run``: what a city runs: ingest and API, with the broker and the database of the settings."""

import argparse
import asyncio

from penfeld.config import Config, load
from penfeld.options import tcp_port
from penfeld.output import remark

DESCRIPTION = """\
Run ingest and API together, restart what dies, stop in order on Ctrl-C or SIGTERM. Broker and database are those of
penfeld.toml; what it does not name runs embedded (for trials: the embedded broker keeps messages in memory)."""
EXAMPLES = """\
  penfeld run
  penfeld run --config /etc/penfeld.toml
  PENFELD_BROKER_URL=mqtt://broker:1883 PENFELD_DATABASE_URL=postgresql://penfeld:secret@db/penfeld penfeld run"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--port", type=tcp_port, metavar="N", help="port of the API (default: [api] port, 8080)")


def run(options: argparse.Namespace) -> int:
    """Run until told to stop."""
    from dataclasses import replace

    config = load(getattr(options, "config", None))
    if options.port is not None:
        config = replace(config, api=replace(config.api, port=options.port))
    for note in config.notes:
        remark(f"penfeld: {note}")
    return asyncio.run(_run(config))


async def _run(config: Config) -> int:
    from penfeld.stack import Stack
    from penfeld.supervisor import Supervisor
    from penfeld.terminal import interrupted, tell

    supervisor = Supervisor(tell)
    stop = interrupted()
    stack = Stack(config, supervisor)
    try:
        database = await stack.start()
        await database.close()
        remark(f"penfeld: {stack.url} (Ctrl-C stops)")
        await supervisor.until(stop)
    finally:
        await stack.stop()
    return 0
