"""History decoded again, in every database: what changes, what stays, and what is remembered."""

import asyncio

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL

from ingest.history import Redecoding
from model.history import RunState, Scope
from model.uplink import Uplink
from storage.connection import Database
from storage.history import History
from storage.queries import Queries
from storage.registry import Registry
from storage.tables import prepare
from storage.writer import Writer
from tests.fakes.memory import Memory
from tests.fakes.queries import Queries as FakeQueries
from tests.fakes.registry import Registry as FakeRegistry
from tests.unit.ingest.past import DEVICES, NEW_CATALOGUE, OLD_CATALOGUE, heard, ingest, uplinks, without_version

NEW = NEW_CATALOGUE["sensor"]
EVERYTHING = Scope(device_type="sensor", drop_undecodable=True)


async def wipe(database: Database) -> None:
    """Empty all tables, so that one database serves many examples."""
    async with database.connection() as connection:
        await connection.execute(
            SQL(
                "truncate penfeld.uplink, penfeld.heard, latest.sensor, penfeld.device, penfeld.ledger,"
                " penfeld.quarantine, penfeld.redecode, penfeld.superseded, penfeld.moved, penfeld.changed_hour,"
                " readings.sensor restart identity cascade"
            )
        )


def test_history_decoded_again_is_what_ingest_would_have_stored(dsn: str) -> None:
    """Readings and latest values are those that the new device file would have made from the beginning."""

    @settings(max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.lists(uplinks(), max_size=14), st.integers(1, 20))
    def check(drawn: list[Uplink], at_once: int) -> None:
        asyncio.run(compare(dsn, drawn, at_once))

    async def set_up() -> None:
        async with Database(dsn) as database:
            await prepare(database, NEW_CATALOGUE.types())

    asyncio.run(set_up())
    check()


async def compare(dsn: str, drawn: list[Uplink], at_once: int) -> None:
    async with Database(dsn) as database:
        await wipe(database)
        registry = Registry(database)
        await registry.register(DEVICES)
        stored = await ingest(heard(drawn), OLD_CATALOGUE, registry, Writer(database, "w"))
        memory = Memory()
        model = FakeRegistry(memory)
        await model.register(DEVICES)
        await ingest(stored, NEW_CATALOGUE, model, memory)

        again = Redecoding(History(database), NEW, at_once=at_once)
        run = await again.change(await again.begin(await again.survey(EVERYTHING)), stop=lambda: False)

        assert run.state is RunState.FINISHED
        found = (await Queries(database).readings(NEW.type)).rows
        expected = (await FakeQueries(memory).readings(NEW.type)).rows
        assert without_version(found) == without_version(expected)
        assert (await again.survey(EVERYTHING)).counts.differences == 0
