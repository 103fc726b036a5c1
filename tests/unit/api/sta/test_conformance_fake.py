"""The service keeps its promises on fakes (on databases: ``tests/integration/test_api_sta.py``)."""

from collections.abc import AsyncIterator

import pytest

from tests.fakes.registry import Registry
from tests.unit.api.scene import scene_of
from tests.unit.api.sta.conformance import TRAM_FILE, Conformance, Town


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    scene = scene_of(types={"tram": TRAM_FILE})
    async with scene.client:
        yield Town(scene.client, scene.memory, Registry(scene.memory))


class TestFakes(Conformance):
    """Everything in memory."""
