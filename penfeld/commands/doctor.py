"""``penfeld doctor``: is everything well, and what to do where it is not."""

import argparse
import asyncio
from collections import Counter

from model.errors import ConfigError
from penfeld.config import load
from penfeld.output import as_json

DESCRIPTION = """\
Check settings, folder, disk, device files, ports, database (version, TimescaleDB, migrations, clock, ledger), broker
(there and back) and ingest workers. Changes nothing. Exit code 1 if something fails; warnings alone are 0."""
EXAMPLES = """\
  penfeld doctor
  penfeld doctor --config /etc/penfeld.toml --json"""
_SIGNS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Check, print, and return 1 if something fails."""
    import logging

    from penfeld.checks import Finding, Level, examine
    from penfeld.clock import utc_now

    logging.disable(logging.CRITICAL)  # a check tells what it found; the libraries' own words would come on top
    try:
        config = load(getattr(options, "config", None))
        findings = list(asyncio.run(examine(config, utc_now)))
    except ConfigError as error:
        findings = [Finding(Level.FAIL, "settings", problem) for problem in error.problems]
    finally:
        logging.disable(logging.NOTSET)
    counts = Counter(finding.level.value for finding in findings)
    if options.json:
        as_json({"findings": findings, **{level.value: counts[level.value] for level in Level}})
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            print(f"{_SIGNS[finding.level]}  {finding.what.ljust(width)}  {finding.text}")
            if finding.remedy:
                print(f"      {' ' * width}  → {finding.remedy}")
        print(f"\n{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} failed")
    return 1 if counts["fail"] else 0
