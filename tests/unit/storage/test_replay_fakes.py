"""The storage fakes keep the promises that the real quarantine keeps (``tests/integration/test_storage_replay.py``)."""

import pytest

from tests.fakes.memory import Memory
from tests.fakes.quarantine import Quarantine
from tests.fakes.queries import Queries
from tests.fakes.registry import Registry
from tests.unit.storage.replay_promises import ReplayPromises, Ward


@pytest.fixture
def ward() -> Ward:
    memory = Memory()
    return Ward(sink=memory, registry=Registry(memory), queries=Queries(memory), quarantine=Quarantine(memory))


class TestFakes(ReplayPromises):
    """Everything in memory."""
