"""Joins settings and packages: what more than one command builds. A command builds what only it needs.

Rules: nothing is read at import; what is opened here is closed by the block that asked for it.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Sequence

from decoders.catalogue import Catalogue
from model.broker import BrokerAddress
from model.device import DeviceType
from model.errors import UnavailableError
from penfeld import runtime
from penfeld.config import Config
from storage.connection import Database
from storage.migrate import migrate
from storage.tables import prepare

_PAUSE_S = 0.2
_ANSWER_S = 5.0


def broker_address(config: Config) -> BrokerAddress:
    """Return where the broker is: the one of the settings, or the embedded one that runs."""
    settings = config.broker
    return dataclasses.replace(
        BrokerAddress.parse(runtime.broker_url(config), protocol=settings.protocol),
        ca_file=str(settings.ca_file) if settings.ca_file else None,
        cert_file=str(settings.cert_file) if settings.cert_file else None,
        key_file=str(settings.key_file) if settings.key_file else None,
    )


@contextlib.asynccontextmanager
async def database(config: Config, *, wait_s: float = 0.0) -> AsyncIterator[Database]:
    """Yield the open database; the embedded one is started for as long as needed if it does not run.

    Tries again for ``wait_s`` seconds while the database does not answer; then raises ``UnavailableError``.
    """
    settings = config.database
    async with runtime.database_url(config) as url:
        opened = Database(url, min_size=settings.min_connections, max_size=settings.max_connections)
        await _open(opened, wait_s)
        try:
            yield opened
        finally:
            await opened.close()


async def answers(address: BrokerAddress) -> None:
    """Raise ``UnavailableError`` if nothing listens at a broker's address."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except (OSError, TimeoutError) as error:
        why = getattr(error, "strerror", None) or "no answer"
        remedy = "start it, or correct [broker] url"
        raise UnavailableError(f"broker {address} does not answer ({why}): {remedy}") from error
    writer.close()


async def make_ready(opened: Database, catalogue: Catalogue) -> Sequence[str]:
    """Bring schema and tables up to date for the catalogue; return what was done, a line each."""
    types: Sequence[DeviceType] = catalogue.types()
    return (*await migrate(opened), *await prepare(opened, types))


async def _open(opened: Database, wait_s: float) -> None:
    clock = asyncio.get_running_loop().time
    deadline = clock() + wait_s
    while True:
        try:
            await opened.open()
        except UnavailableError:
            if clock() >= deadline:
                raise
            await asyncio.sleep(_PAUSE_S)
        else:
            return
