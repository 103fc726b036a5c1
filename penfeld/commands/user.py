"""``penfeld user``: accounts, and what they see."""

import argparse
import asyncio

from model.access import CITY, Role, Visibility, user_name
from model.errors import BadRequestError
from penfeld.config import Config, load
from penfeld.output import as_json, remark, table

DESCRIPTION = """\
People who log in, where [access] mode is "accounts". A viewer looks; an experimenter changes what is of the experiments
he is a member of; an operator looks after everything; an admin manages accounts, too. Passwords are asked for, or read
from standard input: never give one as an argument, which everybody on the machine can read."""
EXAMPLES = """\
  penfeld user add anne --role admin                     asks for a password twice
  penfeld user add jean < password.txt                   a viewer
  penfeld user role jean operator
  penfeld user join jean quay --role experimenter        a member of the experiment `quay`
  penfeld user leave jean quay
  penfeld user open quay public                          who sees its devices: public, accounts or members
  penfeld user open - public                             devices of no experiment
  penfeld user list"""
_ROLES = [role.value for role in Role]
_NONE = "-"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    adding = actions.add_parser("add", help="make an account")
    adding.add_argument("name", metavar="NAME", help="its name, such as an address of mail")
    adding.add_argument("--role", choices=_ROLES, default="viewer", help="what it is (default: viewer)")
    adding.add_argument("--no-password", action="store_true", help="for somebody whom another service knows")
    listing = actions.add_parser("list", help="list accounts, and who sees which experiment")
    password = actions.add_parser("password", help="give an account another password; its sessions end")
    password.add_argument("name", metavar="NAME")
    role = actions.add_parser("role", help="make somebody something else")
    role.add_argument("name", metavar="NAME")
    role.add_argument("role", choices=_ROLES)
    removing = actions.add_parser("remove", help="remove an account with its sessions and tokens")
    removing.add_argument("name", metavar="NAME")
    joining = actions.add_parser("join", help="make somebody a member of an experiment")
    joining.add_argument("name", metavar="NAME")
    joining.add_argument("experiment", metavar="EXPERIMENT")
    joining.add_argument("--role", choices=_ROLES, default="viewer", help="what he is there (default: viewer)")
    leaving = actions.add_parser("leave", help="let a member go")
    leaving.add_argument("name", metavar="NAME")
    leaving.add_argument("experiment", metavar="EXPERIMENT")
    opening = actions.add_parser("open", help="say who sees an experiment")
    opening.add_argument("experiment", metavar="EXPERIMENT", help="its name; - for devices of none")
    opening.add_argument("visibility", choices=[one.value for one in Visibility])
    listing.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    config = load(getattr(options, "config", None))
    actions = {
        "add": _add,
        "list": _list,
        "password": _password,
        "role": _role,
        "remove": _remove,
        "join": _join,
        "leave": _leave,
        "open": _open,
    }
    return asyncio.run(actions[options.action](config, options))


async def _add(config: Config, options: argparse.Namespace) -> int:
    from penfeld.accounts import accounts, at_terminal, new_password
    from penfeld.clock import utc_now

    name = user_name(options.name)
    password = None if options.no_password else new_password()
    async with accounts(config) as access:
        made = await access.add_user(name, Role(options.role), password, who=at_terminal(), at=utc_now())
    remark(f"{made.name} is {made.role.value} now")
    return 0


async def _list(config: Config, options: argparse.Namespace) -> int:
    from penfeld.accounts import accounts

    async with accounts(config) as access:
        people, seen = await access.users(), await access.visibility()
    if options.json:
        as_json({"users": people, "experiments": seen})
        return 0
    table(
        ("name", "role", "password", "since", "experiments"),
        [
            (
                one.name,
                one.role.value,
                one.has_password,
                one.created_at.date().isoformat(),
                ", ".join(f"{name} ({role.value})" for name, role in sorted(one.memberships.items())) or None,
            )
            for one in people
        ],
    )
    if seen:
        print()
        table(("experiment", "seen by"), [(name or _NONE, to.value) for name, to in seen.items()])
    return 0


async def _password(config: Config, options: argparse.Namespace) -> int:
    from penfeld.accounts import accounts, at_terminal, new_password
    from penfeld.clock import utc_now

    name, password = user_name(options.name), new_password()
    async with accounts(config) as access:
        await access.set_password(name, password, who=at_terminal(), at=utc_now())
    remark(f"{name} has another password now, and has to log in again")
    return 0


async def _role(config: Config, options: argparse.Namespace) -> int:
    from penfeld.accounts import accounts, at_terminal
    from penfeld.clock import utc_now

    name = user_name(options.name)
    async with accounts(config) as access:
        await access.set_role(name, Role(options.role), who=at_terminal(), at=utc_now())
    remark(f"{name} is {options.role} now")
    return 0


async def _remove(config: Config, options: argparse.Namespace) -> int:
    from penfeld.accounts import accounts, at_terminal
    from penfeld.clock import utc_now

    name = user_name(options.name)
    async with accounts(config) as access:
        await access.remove_user(name, who=at_terminal(), at=utc_now())
    remark(f"{name} is removed, with sessions and tokens")
    return 0


async def _join(config: Config, options: argparse.Namespace) -> int:
    await _member(config, options, Role(options.role))
    remark(f"{options.name} is {options.role} in {options.experiment} now")
    return 0


async def _leave(config: Config, options: argparse.Namespace) -> int:
    await _member(config, options, None)
    remark(f"{options.name} is no member of {options.experiment} now")
    return 0


async def _member(config: Config, options: argparse.Namespace, role: Role | None) -> None:
    from penfeld.accounts import accounts, at_terminal
    from penfeld.clock import utc_now

    if options.experiment == _NONE:
        raise BadRequestError("devices of no experiment have no members: say who sees them with `penfeld user open -`")
    async with accounts(config) as access:
        name = user_name(options.name)
        await access.set_member(options.experiment, name, role, who=at_terminal(), at=utc_now())


async def _open(config: Config, options: argparse.Namespace) -> int:
    from penfeld.accounts import accounts, at_terminal
    from penfeld.clock import utc_now

    name = CITY if options.experiment == _NONE else options.experiment
    to = Visibility(options.visibility)
    async with accounts(config) as access:
        await access.set_visibility(name, to, who=at_terminal(), at=utc_now())
    told = {
        Visibility.PUBLIC: "anybody, where [access] public = true",
        Visibility.ACCOUNTS: "everybody with an account",
        Visibility.MEMBERS: "its members",
    }[to]
    remark(f"{options.experiment} is seen by {told}")
    return 0
