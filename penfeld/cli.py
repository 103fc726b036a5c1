"""The command ``penfeld``: finds the subcommand, runs it, turns our errors into one line each and an exit code.

Exit codes: 0 fine; 1 something is wrong, said in one line with what to do; 2 the command was used wrongly.
Only the module of the subcommand in use is imported (``penfeld/commands/<name>.py``, with ``DESCRIPTION``,
``EXAMPLES``, ``arguments(parser)`` and ``run(options)``), and each imports what it runs: ``penfeld decode`` answers at
once. argparse and not a larger library for the same reason: it loads in a fifth of the time.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from model.errors import ConfigError, PenfeldError

COMMANDS = {
    "demo": "a whole city on this machine, in one command",
    "run": "ingest, alerts and API together, with the broker and database of penfeld.toml",
    "ingest": "take frames from the broker into the database",
    "serve": "serve the API and the console",
    "alerts": "evaluate alert rules, raise alarms and tell people",
    "rules": "alert rules: list, check, apply from files, compare, export, try on the past; channels",
    "alarms": "alarms: list, show, acknowledge, comment, assign; silences",
    "simulate": "send frames of simulated devices of any type",
    "replay": "send recorded frames through the same door, at any speed",
    "decode": "decode one payload of a device type",
    "encode": "encode values as a device of a type would send them",
    "codec": "makers' JavaScript codecs: try their published examples, make devices of them",
    "device": "make a device file from nothing, a script, a grammar or a format; look one over",
    "devices": "list, show, add, import and export devices; list device types",
    "ledger": "what became of every frame, and whether it balances",
    "quarantine": "frames that were not understood: list, inspect, replay after a fix",
    "user": "accounts: add, list, change password or role, remove; who sees which experiment",
    "token": "tokens of programs: make, list, revoke",
    "audit": "who changed what",
    "db": "state of the database, and bringing it up to date",
    "mqtt": "who may say and hear what on the broker: grant, revoke, list, show",
    "grafana": "boards for Grafana: write, push, compare, save edits; the role it reads with; live panels",
    "deploy": "passwords, certificates and MQTT users of a first installation",
    "backup": "write database and configuration into one file",
    "restore": "make the database that of a backup",
    "redecode": "decode history again after a device file was mended, the difference first",
    "publish": "open data: freeze days of datasets into Parquet and CSV",
    "purge-simulated": "delete simulated devices and all that came from them",
    "doctor": "check everything and say what to do",
}
EPILOG = """\
first steps:
  penfeld demo                                             a city in a minute; open the address it prints
  penfeld decode yobiiq_em4301 --port 1 HEX                what does this payload say?
  penfeld devices import lamps.csv                         register devices
  penfeld run                                              production: broker and database of penfeld.toml
  penfeld doctor                                           is everything well?

Settings come from penfeld.toml and from PENFELD_... variables; `penfeld COMMAND --help` has examples.
exit codes: 0 fine, 1 something is wrong (said in one line, with what to do), 2 wrong usage
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(words)
    options = parser.parse_args(words)
    if options.command is None:
        parser.print_help()
        return 2
    module = import_module(_module(options.command))
    try:
        code: int = module.run(options)
    except ConfigError as error:
        return _fail(*error.problems)
    except PenfeldError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        return 0
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser; only the subcommand in use gets its options."""
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument(
        "--config", type=Path, metavar="FILE", help="settings (default: ./penfeld.toml if there is one)"
    )
    parser = argparse.ArgumentParser(
        prog="penfeld",
        description="City sensors over any low-power network: nothing lost, one file a device.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared],
    )
    parser.add_argument("--version", action="store_true", default=argparse.SUPPRESS, help="print the version and exit")
    if "--version" in words:
        from penfeld.version import version

        print(f"penfeld {version()}")
        parser.exit()
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    chosen = next((word for word in words if word in COMMANDS), None)
    for name, line in COMMANDS.items():
        module = import_module(_module(name)) if name == chosen else None
        child = commands.add_parser(
            name,
            help=line,
            description=module.DESCRIPTION if module else line,
            epilog=f"examples:\n{module.EXAMPLES}" if module else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[shared],
        )
        if module:
            module.arguments(child)
    return parser


def _module(name: str) -> str:
    return f"penfeld.commands.{name.replace('-', '_')}"


def _fail(*problems: str) -> int:
    for problem in problems:
        print(f"penfeld: {problem}", file=sys.stderr)
    return 1
