"""The book of rules in memory keeps the promises."""

import pytest

from tests.fakes.rulebook import RuleBook
from tests.unit.storage.rulebook_promises import RuleBookPromises


@pytest.fixture
def book() -> RuleBook:
    return RuleBook()


class TestFake(RuleBookPromises):
    """Everything in memory."""
