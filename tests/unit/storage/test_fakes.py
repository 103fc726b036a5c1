"""The storage fakes keep the promises that the real storage keeps (``tests/integration/test_storage_promises.py``)."""

import pytest

from tests.fakes.memory import Memory
from tests.fakes.queries import Queries
from tests.fakes.registry import Registry
from tests.unit.storage.promises import House, StoragePromises


@pytest.fixture
def house() -> House:
    memory = Memory()
    return House(sink=memory, registry=Registry(memory), queries=Queries(memory))


class TestFakes(StoragePromises):
    """Everything in memory."""
