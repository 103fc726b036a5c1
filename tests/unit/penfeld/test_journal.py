"""What a process says on standard error."""

import logging
from collections.abc import Iterator

import pytest

from penfeld import journal


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    """Leave the loggers as they were."""
    names = (*journal.OURS, "psycopg")
    before = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_a_lost_database_is_told_once() -> None:
    """Our own lines are told from INFO; the driver does not repeat in its words what one of them says."""
    journal.start()

    assert logging.getLogger("ingest.service").isEnabledFor(logging.INFO)
    assert not logging.getLogger("psycopg").isEnabledFor(logging.WARNING)
    assert logging.getLogger("psycopg").isEnabledFor(logging.ERROR)
