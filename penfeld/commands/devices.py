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
    from model.registration import Row

DESCRIPTION = """\
The register of devices. `import` reads CSV (header: id, type, name, latitude, longitude, district, tag.NAME ...) or
TOML ([[device]] tables); one wrong row spoils no other, and each is reported. A list can be imported again."""
EXAMPLES = """\
  penfeld devices types
  penfeld devices import lamps.csv
  penfeld devices list --type penfeld_streetlight --district Recouvrance
  penfeld devices show 70b3d57ed0001234
  penfeld devices export > devices.csv"""
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
    importing = actions.add_parser("import", help="register devices from a CSV or TOML file")
    importing.add_argument("file", type=Path, metavar="FILE", help="a .csv or .toml file")
    exporting = actions.add_parser("export", help="print all devices as CSV that `import` reads")
    typing = actions.add_parser("types", help="list device types")
    for action in (listing, showing, importing, exporting, typing):
        action.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    config = load(getattr(options, "config", None))
    if options.action == "types":
        return _types(config, options)
    actions = {"list": _list, "show": _show, "import": _import, "export": _export}
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
    from model.registration import devices_of, read_csv, read_toml
    from penfeld.devicefiles import catalogue
    from penfeld.wiring import database
    from storage.registry import Registry

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
    types = catalogue(config)
    rows = devices_of(reader(data), lambda name: types[name].type)
    async with database(config) as opened:
        outcome = await Registry(opened).register([row.device for row in rows if row.device is not None])
    return _report(rows, outcome, options)


def _report(rows: "Sequence[Row]", outcome: "Mapping[str, str]", options: argparse.Namespace) -> int:
    """Tell what became of each row; exit code 1 if one was wrong."""
    wrong = [row for row in rows if row.device is None]
    counts = {word: list(outcome.values()).count(word) for word in ("created", "updated", "unchanged")}
    if options.json:
        lines = [
            {"row": row.number, "id": row.id, "result": outcome.get(row.id, "wrong"), "problem": row.problem}
            for row in rows
        ]
        as_json({**counts, "wrong": len(wrong), "rows": lines})
    else:
        print(", ".join(f"{number} {word}" for word, number in {**counts, "wrong": len(wrong)}.items()))
        for row in wrong:
            remark(f"row {row.number} ({row.id or 'no id'}): {row.problem}")
        if wrong:
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
