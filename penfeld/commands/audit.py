"""``penfeld audit``: who changed what."""

import argparse
import asyncio
import json

from penfeld.config import Config, load
from penfeld.output import as_json, table

DESCRIPTION = """\
Every change over API, console and command line: who, when, what, on what, what was before and what is after. The newest
first. There is never a secret in it."""
EXAMPLES = """\
  penfeld audit
  penfeld audit --who anne --limit 20
  penfeld audit --target jean --json"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--who", metavar="WHO", help="only what this one did")
    parser.add_argument("--target", metavar="TARGET", help="only what was done to this: an account, a rule, …")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="so many lines at most (default 100)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    return asyncio.run(_show(load(getattr(options, "config", None)), options))


async def _show(config: Config, options: argparse.Namespace) -> int:
    import msgspec

    from penfeld.wiring import database
    from storage.access import Access

    async with database(config) as opened:
        lines = await Access(opened).audit(who=options.who, target=options.target, limit=max(1, options.limit))
    if options.json:
        as_json(msgspec.to_builtins(lines))
        return 0
    rows = [(f"{one.at:%Y-%m-%d %H:%M:%S}Z", one.who, one.what, one.target, _said(one.detail)) for one in lines]
    table(("when", "who", "what", "on what", "more"), rows)
    return 0


def _said(detail: dict[str, object]) -> str:
    return json.dumps(detail, ensure_ascii=False)[:200] if detail else ""
