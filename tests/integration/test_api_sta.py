"""SensorThings over every database."""

from collections.abc import AsyncIterator

import pytest

from storage.connection import Database
from storage.queries import Queries
from storage.registry import Registry
from storage.sta import Observations
from storage.tables import prepare
from storage.writer import Writer
from tests.unit.api.scene import scene_of
from tests.unit.api.sta.conformance import TRAM_FILE, TYPES, Conformance, Town


@pytest.fixture
async def town(database: Database) -> AsyncIterator[Town]:
    await prepare(database, TYPES)
    registry = Registry(database)
    scene = scene_of(
        queries=Queries(database),
        registry=registry,
        observations=Observations(database),
        types={"tram": TRAM_FILE},
    )
    async with scene.client:
        yield Town(scene.client, Writer(database, "worker-1"), registry)


class TestPostgreSQL(Conformance):
    """Everything in PostgreSQL, with and without TimescaleDB."""
