"""The real book of rules keeps the promises, on every engine."""

import asyncio

import pytest
from psycopg.sql import SQL

from model.errors import ConflictError
from storage.alerts import AlertStore
from storage.connection import Database
from storage.rulebook import RuleBook
from tests.unit.storage.batches import NOON
from tests.unit.storage.rulebook_promises import LATER, RuleBookPromises, rule


@pytest.fixture
def book(database: Database) -> RuleBook:
    return RuleBook(database)


class TestPostgreSQL(RuleBookPromises):
    """Everything in PostgreSQL, with and without TimescaleDB."""


async def test_of_two_who_change_a_version_at_once_one_is_refused(book: RuleBook) -> None:
    """However they interleave: one change counts, and one person is told."""
    first = await book.put(rule("hot", 60), who="Anne", origin="console", at=NOON)
    changes = [
        book.put(rule("hot", above), who="Anne", origin="console", at=NOON, version=first.version)
        for above in range(70, 76)
    ]
    results = await asyncio.gather(*changes, return_exceptions=True)

    assert [type(one) for one in results if isinstance(one, BaseException)] == [ConflictError] * 5
    assert [one.what for one in await book.audit()] == ["rule.changed", "rule.added"]


async def test_every_version_stays(book: RuleBook, database: Database) -> None:
    """Alarms show the rule as it was: what was changed, removed or no longer shipped is still there."""
    await book.take([rule("shipped", 1)], NOON)
    await book.take([], LATER)
    for above in (60, 61):
        await book.put(rule("hot", above), who="Anne", origin="console", at=NOON)
    await book.remove("hot", who="Anne", at=LATER)
    found = await database.fetch(
        SQL("select name, (definition -> 'when' ->> 'above')::float8 from penfeld.rule_version order by 1, 2")
    )

    assert found == [("hot", 60.0), ("hot", 61.0), ("shipped", 1.0)]


async def test_the_evaluator_notices_every_change(book: RuleBook, database: Database) -> None:
    """Its stamp is another one after rules were saved, changed, shipped, switched off or removed, and only then."""
    stamps = [await AlertStore(database).stamp()]
    for change in (
        book.put(rule("hot", 60), who="", origin="console", at=NOON),
        book.put(rule("hot", 61), who="", origin="console", at=NOON),
        book.take([rule("a")], NOON),
        book.remove("a", who="", at=NOON),
        book.remove("hot", who="", at=NOON),
    ):
        await change
        stamps.append(await AlertStore(database).stamp())

    assert len(set(stamps)) == 6
    assert await AlertStore(database).stamp() == stamps[-1]
