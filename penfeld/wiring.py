"""Joins settings and packages: what more than one command builds. A command builds what only it needs.

Rules: nothing is read at import; what is opened here is closed by the block that asked for it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from alerts.shipped import RULES, working
from decoders.catalogue import Catalogue
from model.device import DeviceType
from model.errors import UnavailableError
from penfeld import runtime
from penfeld.clock import Clock, utc_now
from penfeld.config import Config
from penfeld.upkeep import upkeep_config
from storage.connection import Database
from storage.dashboards import Dashboards
from storage.migrate import migrate
from storage.rulebook import RuleBook
from storage.stock import config_of
from storage.tables import prepare

_PAUSE_S = 0.2
_NAMED = 5


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


async def make_ready(opened: Database, catalogue: Catalogue, clock: Clock = utc_now) -> Sequence[str]:
    """Bring schema, tables and shipped rules up to date for the catalogue; return what was done, a line each."""
    types: Sequence[DeviceType] = catalogue.types()
    done = [*await migrate(opened), *await prepare(opened, types)]
    rules, wrong = working([*RULES, *catalogue.rules()], {one.name: one for one in types})
    done += [f"shipped alert rule {name} cannot work and is left out: {said[0]}" for name, said in wrong.items()]
    changed = await RuleBook(opened).take(rules, clock())
    if changed:
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        done.append(f"shipped alert rules: {len(changed)} changed ({', '.join(changed[:_NAMED])}{more})")
    return done


def dashboards(opened: Database, config: Config, catalogue: Catalogue, clock: Clock) -> Dashboards:
    """Return what answers dashboards, from what upkeep keeps; raise ``ConfigError`` as that does."""
    return Dashboards(opened, clock=clock, config=config_of(upkeep_config(config, catalogue.types())))


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
