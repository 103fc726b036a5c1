"""``penfeld demo``: a city on this machine, in one command."""

import argparse
import asyncio
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from penfeld.config import Config, load, terminal_allows_browser
from penfeld.options import tcp_port
from penfeld.output import as_json, remark

if TYPE_CHECKING:
    from penfeld.demonstration import Account

DESCRIPTION = """\
Start broker, database, ingest and API on this machine, and a simulated city that speaks to them in real wire formats:
lamps over ChirpStack, meters over The Things Stack, bins and water meters over Sigfox callbacks, trams natively. The
last 24 hours are told in the background. Data stays in ./penfeld-data, and the next start goes on with it. Ctrl-C stops
everything, in order."""
EXAMPLES = """\
  penfeld demo
  penfeld demo --lamps 3000 --meters 800 --speed 10
  penfeld demo --faults loss=0.01,duplicates=0.05,late=0.02
  penfeld demo --for 60 --json                 runs by itself, prints an account of every frame on the last line"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from penfeld.commands.simulate import city_arguments

    parser.add_argument(
        "--for",
        dest="for_s",
        type=float,
        metavar="SECONDS",
        help="stop by itself, so many seconds after the first reading",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line of the output")
    parser.add_argument("--port", type=tcp_port, metavar="N", help="port of page and API (default 8080, 0: any)")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where data is kept (default ./penfeld-data); other commands find it by PENFELD_DATA_DIR=DIR",
    )
    parser.add_argument("--no-history", action="store_true", help="do not tell the last 24 hours")
    parser.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="open the page in a browser (default: where there is a desktop)",
    )
    city_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Run the demonstration; exit code 1 if the account does not add up."""
    from penfeld.commands.simulate import check_city

    began = time.monotonic()
    check_city(options)
    config = load(getattr(options, "config", None))
    if options.data is not None:
        config = replace(config, data_dir=options.data)
    if options.port is not None:
        config = replace(config, api=replace(config.api, port=options.port))
    config = _with_datasets(config)
    account = asyncio.run(_demo(config, options, began))
    problems = account.problems()
    _report(account, as_line=options.json)
    for problem in problems:
        remark(f"penfeld: {problem}")
    return 1 if problems and options.for_s is not None else 0


def _with_datasets(config: Config) -> Config:
    """Return the settings with the city's own datasets, where nobody set any."""
    from penfeld.datasets import DEMONSTRATION

    if config.opendata.datasets or config.dataset_tables:
        return config
    return replace(config, opendata=replace(config.opendata, datasets=(DEMONSTRATION,)))


async def _demo(config: Config, options: argparse.Namespace, began: float) -> "Account":
    from penfeld.clock import utc_now
    from penfeld.commands.simulate import city_words
    from penfeld.reached import OPEN
    from penfeld.stack import Stack
    from penfeld.supervisor import Supervisor
    from penfeld.terminal import interrupted, tell

    remark("Starting broker, database, ingest and API …")
    stop = interrupted()
    supervisor = Supervisor(tell)
    stack = Stack(config, supervisor)
    loading = asyncio.to_thread(import_module, "penfeld.stage")  # takes a second, in which the database starts
    try:
        database, _ = await asyncio.gather(stack.start(), loading)
        from penfeld.demonstration import Demonstration
        from penfeld.stage import Stage

        wanted = terminal_allows_browser() and options.for_s is None if options.open is None else options.open
        note = f"There is {OPEN}." if config.access.mode == "open" else ""
        with Stage(open_page=wanted, note=note) as stage:
            supervisor.tell = stage.tell
            show = Demonstration(
                stack, supervisor, stage, database, utc_now, city_words(options), history=not options.no_history
            )
            return await show.run(stop, began=began, for_s=options.for_s)
    finally:
        await stack.stop()


def _report(account: "Account", *, as_line: bool) -> None:
    if as_line:
        import msgspec

        as_json(msgspec.to_builtins(account), compact=True)
        return
    sent = ", ".join(f"{source} {count}" for source, count in account.sent.items())
    remark(
        f"sent {sum(account.sent.values())} frames ({sent}); received {account.received} = stored {account.stored}"
        f" + duplicate {account.duplicate} + quarantined {account.quarantined}"
    )
