"""The schema: migrations and the tables of device types, on every engine."""

from storage.connection import Database
from storage.migrate import migrate
from tests.integration.fix_database import Cluster


async def test_migrating_twice_applies_nothing_the_second_time(empty_dsn: str, cluster: Cluster) -> None:
    """A second migration finds all done; the engine is the best that the server has."""
    async with Database(empty_dsn) as database:
        first = await migrate(database)
        second = await migrate(database)

    assert first == ("0001_foundation", "0002_uplink")
    assert second == ()
