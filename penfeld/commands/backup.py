"""``penfeld backup``: database and configuration in one file."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from penfeld.config import Config, load
from penfeld.output import as_json, remark

DESCRIPTION = """\
Write database and configuration (penfeld.toml, device files of one's own, authorities) into one file that only its
owner can read. Ingest may run meanwhile: the backup is the database of the moment at which it began. Passwords, tokens
and keys are left out unless asked for."""
EXAMPLES = """\
  penfeld backup --out /backup/penfeld-2026-11-23.tar
  penfeld backup --out /safe/penfeld.tar --with-secrets"""
_DUMPING = "dumping contents of table"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to; must not be there yet")
    parser.add_argument("--with-secrets", action="store_true", help="keep passwords, tokens and keys, too")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Write the backup."""
    return asyncio.run(_backup(load(getattr(options, "config", None)), options))


async def _backup(config: Config, options: argparse.Namespace) -> int:
    from penfeld import backup, pgtools
    from penfeld.clock import utc_now
    from penfeld.progress import Progress
    from penfeld.runtime import database_url
    from penfeld.version import version
    from storage.connection import Database
    from storage.migrate import POSTGRESQL, TIMESCALEDB
    from storage.queries import Queries
    from storage.restoring import tables, tool_environment

    out: Path = options.out
    backup.place(out)
    made_at = utc_now()
    with tempfile.TemporaryDirectory(prefix=".penfeld-backup-", dir=out.parent) as folder:
        dump = Path(folder) / backup.DUMP
        async with database_url(config) as url:
            async with Database(url, max_size=1) as opened:
                facts = await Queries(opened).facts()
                total = await tables(opened)
            tool = pgtools.tool("pg_dump", int(facts.server_version.split(".")[0]))
            command = (tool, "--format=custom", "--no-owner", "--no-privileges", "--verbose", f"--file={dump}")
            with Progress("tables", total) as progress:
                done = 0

                def told(line: str) -> None:
                    nonlocal done
                    done += _DUMPING in line
                    progress.at(done)

                await asyncio.to_thread(pgtools.run, command, tool_environment(url), told)
        configuration, left = backup.settings_texts(config, secrets=options.with_secrets)
        manifest = backup.write(
            out,
            dump,
            configuration,
            lambda files: backup.Manifest(
                format=backup.FORMAT,
                penfeld=version(),
                made_at=made_at,
                engine=TIMESCALEDB if facts.timescaledb_version else POSTGRESQL,
                postgresql=facts.server_version,
                timescaledb=facts.timescaledb_version,
                migration=facts.migration,
                tables=done,
                secrets=options.with_secrets,
                files=files,
                left_out=left,
            ),
        )
    backup.note(config.data_dir, made_at, out)
    for line in left:
        remark(f"left out: {line}")
    size = sum(member.bytes for member in manifest.files.values())
    if options.json:
        as_json({"file": out, "bytes": size, "made_at": made_at, "files": len(manifest.files), "left_out": left})
    else:
        print(f"{out}: {size / 1e6:.1f} MB, {len(manifest.files)} files, database at migration {facts.migration}")
    return 0
