"""The accounts, who sits at this terminal, what he changes there (a line of audit), passwords from it."""

import contextlib
import getpass
import sys
from collections.abc import AsyncIterator

from model.access import checked_password
from model.errors import BadRequestError
from penfeld.clock import utc_now
from penfeld.config import Config
from penfeld.output import remark
from storage.access import Access
from storage.connection import Database


@contextlib.asynccontextmanager
async def accounts(config: Config) -> AsyncIterator[Access]:
    """Yield the accounts; tell who is here where the API asks nobody for one."""
    from penfeld.wiring import database  # noqa: PLC0415 -- takes a second

    if config.access.mode == "open":
        remark('penfeld: accounts count where [access] mode = "accounts" is set in penfeld.toml; it is "open" now')
    async with database(config) as opened:
        yield Access(opened)


def at_terminal() -> str:
    """Return who is written down of what is done on the command line."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):  # a container's user that has no name
        return "command line"


async def write_down(opened: Database, what: str, target: str, **detail: object) -> None:
    """Write a change that somebody makes at this terminal into the audit."""
    await Access(opened).note(what, target, detail, who=at_terminal(), at=utc_now())


def new_password() -> str:
    """Return a password that somebody types twice, or the first line of standard input; raise ``BadRequestError``."""
    if not sys.stdin.isatty():
        return checked_password(sys.stdin.readline().rstrip("\r\n"))
    first = checked_password(getpass.getpass("Password: "))
    if getpass.getpass("Again: ") != first:
        raise BadRequestError("these are two different passwords: nothing was changed")
    return first
