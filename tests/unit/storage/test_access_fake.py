"""Accounts in memory keep the promises."""

import pytest

from tests.fakes.access import Access
from tests.unit.storage.access_promises import AccessPromises


@pytest.fixture
def access() -> Access:
    return Access()


class TestFake(AccessPromises):
    """Everything in memory."""
