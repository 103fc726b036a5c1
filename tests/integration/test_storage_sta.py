"""Observations for SensorThings, on every engine."""

import pytest

from storage.connection import Database
from storage.queries import Queries
from storage.registry import Registry
from storage.sta import Observations
from storage.tables import prepare
from storage.writer import Writer
from tests.unit.storage.observation_promises import TYPES, Archive, RealPromises
from tests.unit.storage.promises import House


@pytest.fixture
async def archive(database: Database) -> Archive:
    await prepare(database, TYPES)
    house = House(sink=Writer(database, "worker-1"), registry=Registry(database), queries=Queries(database))
    return Archive(house, Observations(database))


class TestPostgreSQL(RealPromises):
    """Everything in PostgreSQL, with and without TimescaleDB."""
