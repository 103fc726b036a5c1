"""``penfeld device``: a device file made, and one looked at."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from penfeld.config import load
from penfeld.output import as_json, table

if TYPE_CHECKING:
    from penfeld.inspection import Report, Shown

DESCRIPTION = """\
"""
EXAMPLES = """\
  penfeld device check my-devices/lab_soil.toml                  what its examples say, byte by byte; what is missing
  penfeld device check lab_soil elsys_ers --json"""
_CHECK = """\
Look a device file over: run its examples (a maker's script in the cage), show the bytes against the fields, and say
what is wrong and what is missing. Without a name, all files of the catalogue's own folders. Exit code 1 if one is
wrong; what is missing makes none wrong."""
_MOST_ROWS = 60
_OK, _NOT_OK = "holds", "does not hold"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    checking = actions.add_parser("check", help="run the examples of device files, and say what is missing")
    checking.description = _CHECK
    checking.add_argument("files", nargs="*", metavar="FILE|NAME", help="device files, or names of types")
    checking.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what is asked."""
    return asyncio.run(_check(options))


async def _check(options: argparse.Namespace) -> int:
    from ingest.cage import Cage
    from model.errors import BadRequestError
    from penfeld.inspection import inspect

    config = load(getattr(options, "config", None))
    words = options.files or [str(file) for folder in config.catalogue for file in sorted(folder.glob("*.toml"))]
    if not words:
        raise BadRequestError("there is no device file of your own here: name one, or make one by `penfeld device new`")
    async with Cage() as cage:
        reports = [await inspect(cage, config, word) for word in words]
    if options.json:
        as_json([{**asdict(report), "well": report.well} for report in reports])
    for report in () if options.json else reports:
        _print(report)
    return 0 if all(report.well for report in reports) else 1


def _print(report: "Report") -> None:
    """Print what was found in one file."""
    where = f" ({report.file})" if report.file is not None else ""
    what = f": read by {report.read_by}, {_number(report.fields, 'field')}" if report.read_by else ""
    print(f"{report.name}{where}{what}")
    for example in report.examples:
        print()
        _print_example(example)
    if report.examples or report.missing:
        print()
    for problem in report.problems:
        print(f"wrong: {problem}")
    for lack in report.missing:
        print(f"missing: {lack}")
    bad = sum(bool(example.wrong) for example in report.examples)
    holding = f"{len(report.examples) - bad} of {_number(len(report.examples), 'example')} hold"
    print(f"{report.name}: {holding if not report.problems else 'wrong'}\n")


def _print_example(example: "Shown") -> None:
    port = f", port {example.f_port}" if example.f_port is not None else ""
    frame = f", frame '{example.frame}'" if example.frame else ""
    print(f"example '{example.name}'{port}: {example.payload.hex() or 'empty'}{frame}")
    if example.parts:
        rows = [(one.at, one.hex, one.name or "(passed over)", one.value, one.unit) for one in example.parts]
        _rows(("byte", "hex", "field", "value", "unit"), rows)
    if example.said:
        said = [(one.path, one.said, one.field or "(none)", one.value, one.unit) for one in example.said]
        _rows(("the codec says", "value", "field", "becomes", "unit"), said)
    if example.error:
        print(f"fails: {example.error}")
    for line in example.log:
        print(f"console: {line}")
    for warning in example.warnings:
        print(f"warns: {warning}")
    for wrong in example.wrong:
        print(f"wrong: {wrong}")


def _rows(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table(headers, rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        print(f"… and {len(rows) - _MOST_ROWS} more; --json has them all")


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
