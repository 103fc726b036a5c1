"""The fake source keeps the promises of the real one."""

import pytest

from tests.fakes import source
from tests.unit.ingest.source_contract import SourceContract


class FakeDoor:
    """The fake, which is its own other side."""

    def __init__(self) -> None:
        self.source = source.FrameSource()

    async def publish(self, topic: str, payload: bytes) -> None:
        """Let it wait."""
        self.source.publish(topic, payload)

    async def reconnect(self) -> None:
        """Deliver again."""
        self.source.reconnect()

    async def close(self) -> None:
        """End it."""
        self.source.close()


class TestFake(SourceContract):
    """Every promise."""

    @pytest.fixture
    def door(self) -> FakeDoor:
        """Return a fresh one."""
        return FakeDoor()
