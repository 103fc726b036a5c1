"""``penfeld codec``: makers' JavaScript codecs as they are published: try their examples, make devices of them."""

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import BadRequestError
from penfeld.output import as_json, remark

if TYPE_CHECKING:
    from decoders.corpora import Found, Published
    from penfeld.corpora import Outcome, Tried

DESCRIPTION = """\
Makers' JavaScript codecs, as the world publishes them with examples: the folder of The Things Network's device
repository, of Actility's or Watteco's drivers, of ChirpStack's device profiles, or a single script. Penfeld ships none
of them: each stays under its maker's licence. `test` runs every example in the cage, where a script can hurt nobody."""
EXAMPLES = """\
  penfeld codec test ~/lorawan-devices/vendor/adeunis          every codec of one maker
  penfeld codec test decoder.js                                a script, with decoder.examples.json beside it
  penfeld codec test ~/device-catalog --only sensecap --json   for programs: failures with input, expected and got
  penfeld codec import ~/lorawan-devices --only adeunis/temp   a device of it, in ./my-devices"""
_IMPORT = """\
Write a device for each codec: the script as its maker wrote it, and a device file beside it with the fields that names
and values of its examples tell. What was guessed is marked there, and what could not be told stands in remarks. A file
that is there already is left alone, unless --force is given. The scripts stay under their makers' licences: they are
yours to use, and not to hand on without asking."""
_OWN_FOLDER = "my-devices"
_LONGEST_LINE = 160


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    testing = actions.add_parser("test", help="run every example of published codecs")
    testing.add_argument("path", type=Path, metavar="PATH", help="a folder, a git checkout, or one script (.js)")
    testing.add_argument("--json", action="store_true", help="print JSON, with every failure")
    importing = actions.add_parser(
        "import",
        help="make devices of published codecs",
        description=_IMPORT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    importing.add_argument("path", type=Path, metavar="PATH", help="a folder, a git checkout, or one script (.js)")
    importing.add_argument("--to", type=Path, metavar="FOLDER", help=f"where to (default: ./{_OWN_FOLDER})")
    importing.add_argument("--vendor", metavar="NAME", help="who makes it, where the layout does not say so")
    importing.add_argument("--force", action="store_true", help="write over files that are there")
    for action in (testing, importing):
        action.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="NAME",
            help="codecs whose name (vendor/model) holds NAME, or matches it with * and ?; may be repeated",
        )


def run(options: argparse.Namespace) -> int:
    """Do what is asked."""
    from penfeld.corpora import found_in

    found = found_in(options.path)
    codecs = chosen(found.codecs, options.only)
    return asyncio.run(_test(options, found, codecs) if options.action == "test" else _import(options, codecs))


def chosen(codecs: Sequence["Published"], only: Sequence[str]) -> list["Published"]:
    """Return the codecs that a person wants; raise ``BadRequestError`` where that is none."""
    wanted = [
        codec
        for codec in codecs
        if not only or any(fnmatchcase(codec.name, name if set("*?[") & set(name) else f"*{name}*") for name in only)
    ]
    if not wanted:
        some = ", ".join(codec.name for codec in codecs[:5])
        raise BadRequestError(f"no codec is called {' or '.join(only)}; there are {len(codecs)}: {some} …")
    return wanted


async def _test(options: argparse.Namespace, found: "Found", codecs: Sequence["Published"]) -> int:
    from penfeld.corpora import run_all

    width = max(len(codec.name) for codec in codecs)
    outcomes: list[Outcome] = []
    async for outcome in run_all(codecs):
        outcomes.append(outcome)
        if not options.json:
            print(line(outcome, width), flush=True)
    total = totals(outcomes)
    if options.json:
        as_json(_report(options.path, outcomes, total, found.problems))
    else:
        for problem in found.problems:
            remark(f"cannot be read: {problem}")
        print(told(total))
    return 0 if total["passed"] == total["examples"] and not found.problems else 1


async def _import(options: argparse.Namespace, codecs: Sequence["Published"]) -> int:
    from penfeld.corpora import device_of, plain, run_all, write

    folder = options.to or Path(_OWN_FOLDER)
    fallback = options.vendor or (options.path if options.path.is_dir() else options.path.parent).resolve().name
    written = kept = 0
    taken: set[str] = set()
    outcomes = run_all([one for codec in codecs for one in (codec, plain(codec))])
    async for tried in outcomes:
        name, made = device_of(tried, await anext(outcomes), fallback, taken)
        if left := write(folder, name, tried.codec.source, made.text, force=options.force):
            kept += 1
            remark(f"{tried.codec.name}: {left} is there already; --force writes over it")
            continue
        written += 1
        guessed = sum(not one.sure for one in made.fields)
        marked = f" ({guessed} guessed)" if guessed else ""
        print(
            f"{folder / name}.toml: {len(made.fields)} fields{marked}, {len(made.unplaced)} paths without one",
            flush=True,
        )
    if written:
        remark(
            "The scripts stay under their makers' licences. Look the files over; `penfeld devices types` lists them."
        )
    return 1 if kept else 0


def line(outcome: "Outcome", width: int) -> str:
    """Return one codec's line: how many of its examples it satisfies, and the first that it does not."""
    score = f"{outcome.passed}/{outcome.total}" if outcome.total else "no examples"
    failures = outcome.failures
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    first = " ".join(failures[0].split()) if failures else ""
    text = f"{outcome.codec.name:{width}}  {score:>9}  {first}"
    room = _LONGEST_LINE - len(more)
    return f"{text if len(text) <= room else f'{text[: room - 1]}…'}{more}".rstrip()


def totals(outcomes: Sequence["Outcome"]) -> Counter[str]:
    """Return the counts over all codecs."""
    total = Counter(
        codecs=len(outcomes),
        without=sum(outcome.total == 0 for outcome in outcomes),
        examples=sum(outcome.total for outcome in outcomes),
        passed=sum(outcome.passed for outcome in outcomes),
    )
    for outcome in outcomes:
        for one in outcome.tried:
            total[one.fixture.way] += 1
            total[f"{one.fixture.way}_passed"] += one.difference is None
    return total


def told(total: Counter[str]) -> str:
    """Return the total, in a few lines."""
    share = _share(total["passed"], total["examples"])
    codecs = f"codecs with examples: {total['codecs'] - total['without']}, without: {total['without']}"
    lines = [f"{total['passed']} of {total['examples']} examples satisfied{share}; {codecs}"]
    for way, name in (("uplink", "uplinks decoded"), ("downlink", "downlinks encoded"), ("back", "downlinks decoded")):
        if total[way]:
            passed, count = total[f"{way}_passed"], total[way]
            lines.append(f"  {name}: {passed} of {count}{_share(passed, count)}")
    return "\n".join(lines)


def _share(passed: int, count: int) -> str:
    return f" ({100 * passed / count:.2f} %)" if count else ""


def _report(path: Path, outcomes: Sequence["Outcome"], total: Counter[str], problems: Sequence[str]) -> object:
    """Return all that programs may want to know."""
    return {
        "path": path,
        "total": total,
        "codecs": [
            {
                "name": outcome.codec.name,
                "layout": outcome.codec.layout,
                "script": outcome.codec.path,
                "examples": outcome.total,
                "passed": outcome.passed,
            }
            for outcome in outcomes
        ],
        "failures": [
            _failure(outcome.codec, one) for outcome in outcomes for one in outcome.tried if one.difference is not None
        ]
        + [{"codec": outcome.codec.name, "difference": said} for outcome in outcomes for said in outcome.codec.broken],
        "problems": problems,
    }


def _failure(codec: "Published", one: "Tried") -> dict[str, object]:
    from decoders.corpora.published import NOTHING

    expected = one.fixture.expected
    return {
        "codec": codec.name,
        "script": codec.path,
        "example": one.fixture.name,
        "way": one.fixture.way,
        "difference": one.difference,
        "input": {"f_port": one.fixture.f_port, "given": one.fixture.given, "time": one.fixture.time},
        "expected": {
            "data": None if expected.data is NOTHING else expected.data,
            "errors": expected.errors,
            "warnings": expected.warnings,
        },
        "got": {"data": one.result.data, "errors": one.result.errors, "warnings": one.result.warnings},
    }
