"""The fake of observations keeps the promises of the real ones (``tests/integration/test_storage_sta.py``)."""

import pytest

from tests.fakes.memory import Memory
from tests.fakes.observations import Observations
from tests.fakes.queries import Queries
from tests.fakes.registry import Registry
from tests.unit.storage.observation_promises import Archive, ObservationPromises
from tests.unit.storage.promises import House


@pytest.fixture
def archive() -> Archive:
    memory = Memory()
    house = House(sink=memory, registry=Registry(memory), queries=Queries(memory))
    return Archive(house, Observations(memory))


class TestFake(ObservationPromises):
    """Everything in memory."""
