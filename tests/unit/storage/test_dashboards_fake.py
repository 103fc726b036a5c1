"""The fake dashboards keep the promises, so that tests which use them mean something."""

import pytest

from tests.fakes.dashboards import Dashboards
from tests.fakes.memory import Memory
from tests.fakes.registry import Registry
from tests.fakes.sink import FrameSink
from tests.unit.storage.dashboard_promises import NOW, City, DashboardPromises


@pytest.fixture
def city() -> City:
    memory = Memory()

    async def refresh() -> None:
        """Nothing: the fake reckons from readings."""

    return City(
        sink=FrameSink(memory),
        registry=Registry(memory),
        dashboards=lambda kept: Dashboards(memory, now=lambda: NOW, kept=kept),
        refresh=refresh,
    )


class TestFake(DashboardPromises):
    """Everything in memory."""
