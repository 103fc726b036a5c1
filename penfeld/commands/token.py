"""``penfeld token``: tokens of programs."""

import argparse
import asyncio

from model.access import READING, Permission, user_name
from penfeld.config import Config, load
from penfeld.output import as_json, remark, table

DESCRIPTION = """\
Tokens by which programs use the API: `Authorization: Bearer pf_…`. A token speaks for its owner, and may at most what
its scope says. It is printed once, on standard output; only a fingerprint of it is kept."""
EXAMPLES = f"""\
  penfeld token new anne notebook                        may read: {", ".join(sorted(READING))}
  penfeld token new anne grafana --scope data --days 90
  penfeld token list
  penfeld token revoke 3"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    making = actions.add_parser("new", help="make a token and print it, this once")
    making.add_argument("owner", metavar="OWNER", help="for whom it speaks: an account")
    making.add_argument("name", metavar="NAME", help="what it is for")
    making.add_argument(
        "--scope",
        action="append",
        choices=[one.value for one in Permission],
        help="what it may; may be repeated (default: what reads only)",
    )
    making.add_argument("--days", type=int, metavar="N", help="how long it works (default: until it is revoked)")
    listing = actions.add_parser("list", help="list tokens, also those that ended")
    listing.add_argument("--owner", metavar="NAME", help="only those of this account")
    listing.add_argument("--json", action="store_true", help="print JSON")
    revoking = actions.add_parser("revoke", help="end a token now")
    revoking.add_argument("id", type=int, metavar="ID", help="its number in the list")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    config = load(getattr(options, "config", None))
    actions = {"new": _new, "list": _list, "revoke": _revoke}
    return asyncio.run(actions[options.action](config, options))


async def _new(config: Config, options: argparse.Namespace) -> int:
    from datetime import timedelta

    from penfeld.accounts import accounts, at_terminal
    from penfeld.clock import utc_now

    scope = READING if options.scope is None else {Permission(one) for one in options.scope}
    now = utc_now()
    until = None if options.days is None else now + timedelta(days=max(0, min(options.days, 36500)))
    async with accounts(config) as access:
        secret, made = await access.new_token(
            user_name(options.owner), options.name, scope, who=at_terminal(), at=now, expires_at=until
        )
    remark(f"token {made.id} of {made.owner}; it is told this once:")
    print(secret)
    return 0


async def _list(config: Config, options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from penfeld.accounts import accounts

    async with accounts(config) as access:
        found = await access.tokens(None if options.owner is None else user_name(options.owner))
    if options.json:
        as_json([{**asdict(one), "scope": sorted(one.scope)} for one in found])
        return 0
    table(
        ("id", "name", "owner", "begins", "scope", "expires", "last used", "revoked"),
        [
            (
                one.id,
                one.name,
                one.owner,
                f"{one.prefix}…",
                " ".join(sorted(one.scope)),
                one.expires_at and f"{one.expires_at:%Y-%m-%d}",
                one.used_at and f"{one.used_at:%Y-%m-%d %H:%M}Z",
                one.revoked_at and f"{one.revoked_at:%Y-%m-%d}",
            )
            for one in found
        ],
    )
    return 0


async def _revoke(config: Config, options: argparse.Namespace) -> int:
    from penfeld.accounts import accounts, at_terminal
    from penfeld.clock import utc_now

    async with accounts(config) as access:
        await access.revoke(options.id, who=at_terminal(), at=utc_now())
    remark(f"token {options.id} works no more")
    return 0
