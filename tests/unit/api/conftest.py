"""Fixtures of the tests of the HTTP application."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.api.scene import Scene, scene_of


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Make the application on fakes; its live hub does not run by itself."""
    made = scene_of()
    async with made.client:
        yield made
