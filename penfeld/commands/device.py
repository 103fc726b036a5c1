"""``penfeld device``: a device file made, one looked at, and what no field takes put into one."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from model.device import Kind
from model.errors import BadRequestError
from penfeld.config import OWN_FOLDER, load
from penfeld.output import as_json, remark, table

if TYPE_CHECKING:
    from decoders.drafts import About
    from penfeld.inspection import Report, Shown
    from penfeld.newdevice import Example, Made
    from penfeld.unmapped import Line

DESCRIPTION = """\
A device type is one file. `new` writes a first one, with remarks on every line: from nothing, from a maker's script,
from a Sigfox grammar, or for a known format. `check` runs its examples, shows the bytes against the fields, and says
what is wrong and what is missing. `map` lists what a script says that no field takes, and makes fields of it."""
EXAMPLES = """\
  penfeld device new lab_soil                                    a layout to be changed into yours
  penfeld device new acme_soil --script acme.js --example 04b05032:2
  penfeld device new acme_bin --sigfox 'level::uint:8 temperature::int:8'
  penfeld device new acme_node --format cayenne --example 03670110
  penfeld device check my-devices/lab_soil.toml                  what its examples say, byte by byte; what is missing
  penfeld device check lab_soil elsys_ers --json
  penfeld device map acme_soil                                   what its devices say that no field takes
  penfeld device map acme_soil battery_mv                        make it a field, as proposed
  penfeld device map acme_soil s.t --name soil_c --quantity temperature --kind float"""
_NEW = """\
Write a device file, and copy the script beside it as it is. Payloads (--example, may be repeated) are decoded, and what
is said of them becomes fields, as far as names and values tell what they are; the rest is listed. Nothing is asked, and
no file is written over without --force."""
_CHECK = """\
Look a device file over: run its examples (a maker's script in the cage), show the bytes against the fields, and say
what is wrong and what is missing. Without a name, all files of the catalogue's own folders. Exit code 1 if one is
wrong; what is missing makes none wrong."""
_MAP = """\
Without a path, list what the file's examples and the newest frames say that no field takes, with the field that each
most likely is. With one, write that field into the device file, which must be one of your own; what is given of it
counts, the rest is as proposed. It counts within seconds where Penfeld runs; `penfeld redecode` mends the past."""
_ABOUT = {
    "title-en": "what people read, in English",
    "title-fr": "the same in French",
    "vendor": "who makes it",
    "model": "what they call it",
    "domain": "lighting, energy, mobility, parking, tracking, environment, water or waste",
    "period": "how often it is expected to speak: 10 s, 15 min, 1 h, 1 d",
    "source": "where this is known from",
}
_MOST_ROWS = 60
_SOME = 3
_LAST_PORT = 255


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    making = actions.add_parser("new", help="write a first device file")
    making.description = _NEW
    making.add_argument("name", metavar="NAME", help="the new type's name, as vendor_model")
    making.add_argument("--to", type=Path, metavar="FOLDER", help="where to (default: ./my-devices)")
    source = making.add_mutually_exclusive_group()
    source.add_argument("--layout", action="store_true", help="with a layout, to be written by hand (the default)")
    source.add_argument("--script", type=Path, metavar="FILE.js", help="for a maker's JavaScript codec")
    source.add_argument("--sigfox", metavar="GRAMMAR", help="for a custom payload configuration of the Sigfox backend")
    source.add_argument("--format", metavar="NAME", help="for a known format: cayenne, senml, cbor, json")
    making.add_argument(
        "--example",
        action="extend",
        nargs="+",
        default=[],
        metavar="HEX[:PORT]",
        help="payloads that a device sent; may be repeated (JSON may be given as it is)",
    )
    about = making.add_argument_group("about the device")
    for word, what in _ABOUT.items():
        about.add_argument(f"--{word}", metavar=word.upper().replace("-", "_"), help=what)
    about.add_argument("--network", action="append", metavar="NAME", help="lorawan, sigfox or native; may be repeated")
    making.add_argument("--force", action="store_true", help="write over files that are there")
    checking = actions.add_parser("check", help="run the examples of device files, and say what is missing")
    checking.description = _CHECK
    checking.add_argument("files", nargs="*", metavar="FILE|NAME", help="device files, or names of types")
    checking.add_argument("--json", action="store_true", help="print JSON")
    mapping = actions.add_parser("map", help="list what no field takes, and make fields of it")
    mapping.description = _MAP
    mapping.add_argument("type", metavar="TYPE", help="a device type of your own, or its file")
    mapping.add_argument("path", metavar="PATH", nargs="?", help="where the value stands in what the script says")
    mapping.add_argument("--name", help="the field's name")
    mapping.add_argument("--quantity", help="what it measures: a name of model/quantities.py")
    mapping.add_argument("--kind", choices=[kind.value for kind in Kind], help="what kind of value it is")
    mapping.add_argument("--unit", help="what the script says it in, where it is not the quantity's unit")
    mapping.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what is asked."""
    todo = {"new": _new, "check": _check, "map": _map}
    return asyncio.run(todo[options.action](options))


async def _new(options: argparse.Namespace) -> int:
    from penfeld.newdevice import check_name, of_format, of_nothing, of_script, of_sigfox, write

    config = load(getattr(options, "config", None))
    folder = options.to or (config.catalogue[0] if config.catalogue else Path(OWN_FOLDER))
    check_name(options.name, folder, options.script, force=options.force)
    name, about, examples = options.name, _about(options), [_example(text) for text in options.example]
    if options.script is not None:
        made = await of_script(name, about, options.script, examples)
    elif options.sigfox is not None:
        made = of_sigfox(name, about, options.sigfox, examples)
    elif options.format is not None:
        made = of_format(name, about, options.format, examples)
    elif examples:
        raise BadRequestError("--example needs --script, --sigfox or --format: a new layout knows no payload yet")
    else:
        made = of_nothing(name, about, with_layout=options.layout)
    files = write(folder, name, made)
    print(f"written: {', '.join(map(str, files))}")
    _print_made(made)
    _print_steps(options, files[0], examples, left=bool(made.unplaced))
    return 0


def _about(options: argparse.Namespace) -> "About":
    """Return what is said of the device; what is not is taken from its name."""
    from decoders.drafts import About

    first, _, rest = options.name.partition("_")
    if options.script is not None:
        source = f"the maker's script {options.script.name}"
    elif options.sigfox is not None:
        source = f"Sigfox custom payload configuration: {options.sigfox}"
    else:
        source = f"payloads in the format {options.format}" if options.format is not None else "to be filled in"
    return About(
        title=options.title_en or options.name.replace("_", " ").capitalize(),
        french=options.title_fr or "",
        vendor=options.vendor or first.capitalize(),
        model=options.model or rest.replace("_", " ") or options.name,
        domain=options.domain or "",
        period=options.period or "",
        source=options.source or source,
        networks=tuple(options.network or ["sigfox" if options.sigfox is not None else "lorawan"]),
    )


def _example(text: str) -> "Example":
    """Return a payload as a person gives it: hex with a port behind it, or JSON as it is; raise ``BadRequestError``."""
    from penfeld.commands.decode import payload_of
    from penfeld.newdevice import Example

    if text.lstrip()[:1] in {"{", "["}:
        return Example(text.encode())
    digits, colon, port = text.partition(":")
    if colon and not (port.isascii() and port.isdigit() and int(port) <= _LAST_PORT):
        raise BadRequestError(
            f"--example {text}: write HEX or HEX:PORT, as 04b05032:2 (a port is at most {_LAST_PORT})"
        )
    return Example(payload_of(digits), int(port) if colon else None)


def _print_made(made: "Made") -> None:
    """Print what became of what the codec says."""
    for field in made.fields:
        unit = f" in {field.unit}" if field.unit else ""
        print(f"field: {field.name} from {field.path}{unit}{'' if field.sure else ' (guessed: check unit and scale)'}")
    for path, values in made.unplaced.items():
        print(f"no field: {path} ({', '.join(f'{value!r}' for value in list(dict.fromkeys(values))[:_SOME])})")
    for note in made.notes:
        print(f"note: {note}")


def _print_steps(options: argparse.Namespace, file: Path, examples: "Sequence[Example]", *, left: bool) -> None:
    """Print what to do next; ``left``: whether the codec says something that has no field."""
    name = options.name
    steps = [(f"penfeld device check {file}", "its examples, byte by byte, and what is missing")]
    if left:
        steps.append((f"penfeld device map {name}", "what has no field yet; with a path behind it, it gets one"))
    if options.script is not None and not examples:
        again = f"penfeld device new {name} --script {options.script} --example HEX:PORT --force"
        steps.insert(0, (again, "with a payload that a device sent, fields are proposed"))
    if examples and not examples[0].payload.startswith((b"{", b"[")):
        port = f" --port {examples[0].f_port}" if examples[0].f_port is not None else ""
        steps.append((f"penfeld decode {name}{port} {examples[0].payload.hex()}", "one payload"))
    steps.append(("penfeld demo", "or `penfeld run`, in another terminal; what runs takes the file by itself"))
    if options.script is None or examples:
        steps.append((f"penfeld simulate --devices {name} --count 5", "five of them, before there is any hardware"))
    steps += [
        (f"penfeld devices add ID --type {name} --name NAME", "a real one: its frames count from now on"),
    ]
    folders = [folder.resolve() for folder in load(getattr(options, "config", None)).catalogue]
    if file.resolve().parent not in folders:
        steps.insert(0, (f'catalogue = ["{file.parent}"]', "in penfeld.toml, so that Penfeld looks into that folder"))
    print("next:")
    width = max(len(step) for step, _ in steps)
    for step, what in steps:
        print(f"  {step:{width}}  {what}")


async def _check(options: argparse.Namespace) -> int:
    from ingest.cage import Cage
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
    if report.alerts:
        print()
        rows = [(one.name, one.severity, one.title, one.when) for one in report.alerts]
        _rows(("alert", "severity", "title", "waits for"), rows)
    if report.alerts or report.examples or report.missing:
        print()
    for problem in report.problems:
        print(f"wrong: {problem}")
    for lack in report.missing:
        print(f"missing: {lack}")
    bad = sum(bool(example.wrong) for example in report.examples)
    count = len(report.examples)
    verdict = f"{count - bad} of {_number(count, 'example')} hold" if count else "no examples"
    print(f"{report.name}: {verdict if not report.problems else 'wrong'}\n")


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


async def _map(options: argparse.Namespace) -> int:
    """List what no field takes, or make a field of one of it."""
    from decoders.device_edit import table_of
    from ingest.cage import Cage
    from penfeld.devicefiles import definition, map_path, name_in
    from penfeld.unmapped import chosen, lines

    config = load(getattr(options, "config", None))
    wanted = definition(config, name_in(config, options.type))
    name = wanted.type.name
    async with Cage() as cage:
        found, why = await lines(config, cage, wanted)
        if options.path is None:
            _print_left(options, name, found)
            if why:
                remark(f"only the examples of the file were looked at, no frames: {why}")
            return 0
        given = {word: getattr(options, word) for word in ("name", "quantity", "kind", "unit")}
        field = chosen(found, options.path, **given)
        changed = await map_path(config, cage, name, field)
    if options.json:
        as_json({"device_type": name, "version": changed.version, "field": changed.field(field.name)})
        return 0
    print(f"{name} has the field {field.name} now:\n\n{table_of(field)}")
    if any(one.path == options.path and one.proposal and not one.proposal.sure for one in found):
        remark("its values decided what its name does not say: check the unit")
    remark(f"what runs takes it within seconds; for the past: penfeld redecode --device-type {name} --from -30d")
    return 0


def _print_left(options: argparse.Namespace, name: str, found: "Sequence[Line]") -> None:
    """Print what no field takes."""
    if options.json:
        as_json([asdict(one) for one in found])
        return
    if not found:
        remark("nothing is left: fields take all that the codec says, as far as it is known")
        return
    rows = [(one.path, one.value, one.devices or None, _proposed(one)) for one in found]
    table(("path", "value", "devices", "proposed field"), rows, right=("devices",))
    remark(f"`penfeld device map {name} PATH` makes the field; --name, --quantity, --kind and --unit change it")


def _proposed(line: "Line") -> str:
    """Return a proposed field in a few words."""
    field = line.proposal
    if field is None:
        return "? say --name and --quantity"
    unit = f", said in {field.unit}" if field.unit else ""
    return f"{field.name} ({field.quantity}{unit}{'' if field.sure else '; check the unit'})"
