"""The real storage keeps the promises, on every engine."""

import pytest

from storage.connection import Database
from storage.queries import Queries
from storage.registry import Registry
from storage.tables import prepare
from storage.writer import Writer
from tests.unit.storage.batches import TYPES
from tests.unit.storage.promises import House, StoragePromises


@pytest.fixture
async def house(database: Database) -> House:
    await prepare(database, TYPES)
    return House(sink=Writer(database, "worker-1"), registry=Registry(database), queries=Queries(database))


class TestPostgreSQL(StoragePromises):
    """Everything in PostgreSQL, with and without TimescaleDB."""
