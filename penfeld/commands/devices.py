"""``penfeld devices``: the register of devices, and the types there are."""

import argparse
import asyncio
import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import BadRequestError
from penfeld.config import Config, load
from penfeld.output import as_json, remark, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model.device import Device
    from model.registration import Row, Values

DESCRIPTION = """\
The register of devices. `import` reads CSV (header: id, type, name, latitude, longitude, district, tag.NAME ...) or
TOML ([[device]] tables); one wrong row spoils no other, and each is reported. A list can be imported again. A device
that was heard and is not registered is pending; `add` registers one: its frames in quarantine and its next ones are
decoded and stored."""
EXAMPLES = """\
  penfeld devices types
  penfeld devices list --state pending                                   heard, but not registered
  penfeld devices add 70b3d57ed0001234 --type penfeld_streetlight --name "Rue de Siam 4"
  penfeld devices import lamps.csv                                       many at once
  penfeld devices list --type penfeld_streetlight --district Recouvrance
  penfeld devices show 70b3d57ed0001234
  penfeld devices export > devices.csv"""
_FORMS = """\
A row says all of a device: what it leaves out is empty afterwards. CSV cells are separated by comma, semicolon or tab
(with the latter two, numbers may have a decimal comma). id and type are needed; there are also name, network, latitude,
longitude, district, experiment, state, simulated, tag.NAME and variable.NAME.

lamps.csv:
  id;type;name;latitude;longitude;district;tag.pole
  70B3D57ED0001234;penfeld_streetlight;Rue de Siam 4;48,3857;-4,4903;Siam;P-104
lamps.toml:
  [[device]]
  id = "70B3D57ED0001234"
  type = "penfeld_streetlight"
  name = "Rue de Siam 4"
"""
_PAGE = 1000
_COLUMNS = ("id", "type", "state", "name", "network", "latitude", "longitude", "district", "experiment", "simulated")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list devices, in order of id")
    listing.add_argument("--type", metavar="TYPE", help="only devices of this type")
    listing.add_argument("--state", choices=("pending", "active", "retired"), help="only devices in this state")
    listing.add_argument("--district", metavar="NAME", help="only devices of this district")
    listing.add_argument("--search", metavar="WORD", help="only devices with this in id or name")
    showing = actions.add_parser("show", help="show one device")
    showing.add_argument("id", metavar="ID", help="its id")
    adding = actions.add_parser("add", help="register one device, or change it")
    adding.add_argument("id", metavar="ID", help="its id, in any spelling")
    adding.add_argument("--type", required=True, metavar="TYPE", help="device type: `penfeld devices types`")
    for name in ("name", "latitude", "longitude", "district", "network"):
        adding.add_argument(f"--{name}", metavar=name.upper())
    importing = actions.add_parser(
        "import",
        help="register devices from a CSV or TOML file",
        description="Register devices, or change them, from a CSV or TOML file (UTF-8).",
        epilog=_FORMS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    importing.add_argument("file", type=Path, metavar="FILE", help="a .csv or .toml file")
    exporting = actions.add_parser("export", help="print all devices as CSV that `import` reads")
    typing = actions.add_parser("types", help="list device types")
    for action in (listing, showing, adding, importing, exporting, typing):
        action.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    config = load(getattr(options, "config", None))
    if options.action == "types":
        return _types(config, options)
    actions = {"list": _list, "show": _show, "add": _add, "import": _import, "export": _export}
    return asyncio.run(actions[options.action](config, options))


def _types(config: Config, options: argparse.Namespace) -> int:
    from penfeld.devicefiles import catalogue

    types = catalogue(config).types()
    if options.json:
        as_json(types)
    else:
        rows = [(t.name, t.title.en, t.domain, ", ".join(t.networks), f"{len(t.fields)}") for t in types]
        table(("type", "title", "domain", "networks", "fields"), rows)
    return 0


async def _list(config: Config, options: argparse.Namespace) -> int:
    found = await _devices(
        config, device_type=options.type, state=options.state, district=options.district, search=options.search
    )
    if options.json:
        as_json(found)
    else:
        table(_COLUMNS, [[getattr(device, column) for column in _COLUMNS] for device in found])
    return 0


async def _show(config: Config, options: argparse.Namespace) -> int:
    from penfeld.wiring import database
    from storage.registry import Registry

    async with database(config) as opened:
        device = await Registry(opened).device(options.id)
    if options.json:
        as_json(device)
    else:
        table(
            ("device", ""), [(name, getattr(device, name)) for name in (*_COLUMNS, "tags", "first_seen", "last_seen")]
        )
    return 0


async def _import(config: Config, options: argparse.Namespace) -> int:
    from model.registration import read_csv, read_toml

    readers = {".csv": read_csv, ".toml": read_toml}
    reader = readers.get(options.file.suffix.lower())
    if reader is None:
        raise BadRequestError(
            f"{options.file} is neither .csv nor .toml; `penfeld devices import --help` shows both forms"
        )
    try:
        data = options.file.read_bytes()
    except OSError as error:
        raise BadRequestError(f"{options.file} cannot be read: {error.strerror}; check the path") from error
    return await _register(config, reader(data), options)


async def _add(config: Config, options: argparse.Namespace) -> int:
    columns = ("id", "type", "name", "latitude", "longitude", "district", "network")
    return await _register(config, [{column: getattr(options, column) for column in columns}], options)


async def _register(config: Config, written: "Sequence[Values]", options: argparse.Namespace) -> int:
    from model.registration import devices_of, noted
    from penfeld.accounts import write_down
    from penfeld.devicefiles import catalogue, definition_in
    from penfeld.replays import quarantine
    from penfeld.wiring import database
    from storage.registry import Registry

    types = catalogue(config)
    rows = devices_of(written, lambda name: definition_in(types, name).type)
    good = [row.device for row in rows if row.device is not None]
    async with database(config) as opened:
        outcome = await Registry(opened).register(good)
        for what, target, after in noted(good, outcome):
            await write_down(opened, what, target, after=after)
        waiting = (await quarantine(opened).waiting(list(outcome))).frames
    return _report(rows, outcome, waiting, options)


def _report(rows: "Sequence[Row]", outcome: "Mapping[str, str]", waiting: int, options: argparse.Namespace) -> int:
    """Tell what became of each row, and how many frames of theirs wait; exit code 1 if one was wrong."""
    wrong = [row for row in rows if row.device is None]
    counts = {word: list(outcome.values()).count(word) for word in ("created", "updated", "unchanged")}
    if options.json:
        lines = [
            {"row": row.number, "id": row.id, "result": outcome.get(row.id, "wrong"), "problem": row.problem}
            for row in rows
        ]
        as_json({**counts, "wrong": len(wrong), "waiting_frames": waiting, "rows": lines})
    else:
        print(", ".join(f"{number} {word}" for word, number in {**counts, "wrong": len(wrong)}.items()))
        if waiting:
            print(f"{waiting:,} frames of theirs wait in quarantine: `penfeld ingest` takes them in within seconds")
        for row in wrong:
            where = f"row {row.number} ({row.id or 'no id'})" if options.action == "import" else "penfeld"
            remark(f"{where}: {row.problem}")
        if wrong and options.action == "import":
            remark("correct these rows and import the file again: rows that were right stay as they are")
    return 1 if wrong else 0


async def _export(config: Config, options: argparse.Namespace) -> int:
    found = await _devices(config)
    if options.json:
        as_json(found)
        return 0
    tags = sorted({key for device in found for key in device.tags})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(column for column in _COLUMNS if column != "state"), *(f"tag.{tag}" for tag in tags)])
    for device in found:
        cells = [getattr(device, column) for column in _COLUMNS if column != "state"]
        writer.writerow(["" if cell is None else cell for cell in cells] + [device.tags.get(tag, "") for tag in tags])
    sys.stdout.write(text.getvalue())
    return 0


async def _devices(config: Config, **wanted: str | None) -> "list[Device]":
    """Return all devices that fit, page by page."""
    from penfeld.wiring import database
    from storage.registry import Registry

    found: list[Device] = []
    async with database(config) as opened:
        registry = Registry(opened)
        while True:
            after = found[-1].id if found else None
            page = await registry.devices(**wanted, limit=_PAGE, after=after)  # type: ignore[arg-type]  # all are texts
            found += page
            if len(page) < _PAGE:
                return found
