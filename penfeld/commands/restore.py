"""``penfeld restore``: the database of a backup, and its configuration into a folder."""

import argparse
import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from penfeld.config import Config, load
from penfeld.output import as_json, remark

if TYPE_CHECKING:
    from penfeld.backup import Manifest

DESCRIPTION = """\
Make the database of penfeld.toml (or the embedded one) what it was at a backup. The backup is checked first, then put
into a new database beside the one in use, which it replaces when it is whole. Penfeld's services must not run
meanwhile. A database that holds data is replaced with --replace only, and stays on the server under another name. The
configuration goes into a folder of its own, for a person to compare and to copy."""
EXAMPLES = """\
  penfeld restore /backup/penfeld-2026-11-23.tar
  penfeld restore /backup/penfeld-2026-11-23.tar --replace --configuration restored
  penfeld restore /backup/penfeld-2026-11-23.tar --check"""
_RESTORING = "processing data for table"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, metavar="FILE", help="what `penfeld backup` wrote")
    parser.add_argument("--replace", action="store_true", help="also if the database holds data, which is kept beside")
    parser.add_argument(
        "--configuration", type=Path, metavar="DIR", help="take the configuration out into a new folder"
    )
    parser.add_argument("--check", action="store_true", help="only check that the backup is whole and would fit")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Restore the backup."""
    return asyncio.run(_restore(load(getattr(options, "config", None)), options))


async def _restore(config: Config, options: argparse.Namespace) -> int:
    from model.errors import BadRequestError
    from penfeld import backup
    from penfeld.runtime import database_url

    manifest = backup.read(options.file)
    if options.configuration is not None and options.configuration.exists():
        raise BadRequestError(f"{options.configuration} is there already: name a folder that is not")
    config.data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".penfeld-restore-", dir=config.data_dir) as name:
        folder = Path(name)
        backup.unpack(options.file, manifest, folder)
        async with database_url(config) as url:
            kept, done = await _database(config, url, manifest, folder, options)
        if options.configuration is not None and not options.check:
            (folder / backup.CONFIGURATION).mkdir(exist_ok=True)
            shutil.move(folder / backup.CONFIGURATION, options.configuration)
    if kept:
        remark(f"what was there before is now the database {kept}; drop it when nobody misses it")
    if options.json:
        as_json({"made_at": manifest.made_at, "penfeld": manifest.penfeld, "kept": kept, "migrations": done})
    else:
        word = "would be" if options.check else "is"
        print(f"the database {word} that of {manifest.made_at.isoformat(timespec='seconds')}")
    return 0


async def _database(
    config: Config, url: str, manifest: "Manifest", folder: Path, options: argparse.Namespace
) -> tuple[str | None, list[str]]:
    """Restore the database; return the name under which the old one is kept, and what brought it up to date."""
    from model.errors import ConflictError
    from penfeld import backup, pgtools
    from penfeld.clock import utc_now
    from penfeld.devicefiles import catalogue
    from penfeld.progress import Progress
    from penfeld.wiring import make_ready
    from storage.connection import Database
    from storage.migrate import migrations
    from storage.restoring import beside, holds_data, offered, server_version, take_place, target, tool_environment

    async with Database(url, max_size=1) as opened:
        major = await server_version(opened)
        timescaledb, held = await offered(opened), await holds_data(opened)
    newest = migrations(manifest.engine)[-1].number
    backup.refuse_mismatch(manifest, major=major, timescaledb=timescaledb, newest=newest)
    if held and not options.replace:
        raise ConflictError("the database holds data: --replace puts the backup in its place and keeps it beside")
    if options.check:
        return None, []
    to = target(url, utc_now().strftime("%Y%m%d%H%M%S"))
    tool = pgtools.tool("pg_restore", max(major, int(manifest.postgresql.split(".")[0])))
    command = (tool, "--no-owner", "--no-privileges", "--exit-on-error", "--verbose", f"--dbname={to.beside}")
    async with beside(url, to, timescaledb=manifest.timescaledb is not None):
        with Progress("tables", manifest.tables) as progress:
            done = 0

            def told(line: str) -> None:
                nonlocal done
                done += _RESTORING in line
                progress.at(done)

            environment = {**tool_environment(url), "PGDATABASE": to.beside}
            await asyncio.to_thread(pgtools.run, (*command, folder / backup.DUMP), environment, told)
    await take_place(url, to, keep=held)
    async with Database(url, max_size=2) as opened:
        brought = await make_ready(opened, catalogue(config))
    return (to.before if held else None), list(brought)
