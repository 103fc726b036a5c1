"""Real accounts keep the promises, on every engine; and what is kept of a secret is not the secret."""

import asyncio

import pytest
from argon2 import PasswordHasher, extract_parameters
from psycopg.sql import SQL

from model.access import Permission, Role
from model.alarm import AlarmFilter
from model.device import Device, State
from model.errors import ConflictError
from storage.access import Access
from storage.alarms import Alarms
from storage.connection import Database
from storage.registry import Registry
from tests.fakes.memory import Memory
from tests.fakes.registry import Registry as FakeRegistry
from tests.unit.storage.access_promises import LATER, WORDS, AccessPromises, added, session
from tests.unit.storage.batches import NOON

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def access(database: Database) -> Access:
    return Access(database, CHEAP)


class TestPostgreSQL(AccessPromises):
    """Everything in PostgreSQL, with and without TimescaleDB."""


async def test_nothing_that_is_kept_lets_anybody_in(access: Access, database: Database) -> None:
    """Whoever reads all tables finds neither password, session nor token, and what he finds is none of them."""
    await added(access, "anne")
    secret = await session(access)
    token, _ = await access.new_token("anne", "n", {Permission.DATA}, who="anne", at=NOON)
    assert secret is not None
    kept = str(
        [
            await database.fetch(SQL(f"select row_to_json(t)::text from penfeld.{table} as t"))  # noqa: S608  names of ours
            for table in ("account", "session", "token", "audit")
        ]
    )

    assert "$argon2id$" in kept
    for text in (WORDS, secret, token, secret.encode().hex(), token.encode().hex()):
        assert text not in kept


async def test_passwords_cost_what_they_should(database: Database) -> None:
    """As installed, argon2id with the memory of RFC 9106; a cheaper hash is replaced when its owner logs in."""
    await added(Access(database, CHEAP), "anne")
    assert await session(Access(database)) is not None
    [(kept,)] = await database.fetch(SQL("select password from penfeld.account"))

    assert kept.startswith("$argon2id$")
    assert extract_parameters(kept).memory_cost == 65536


async def test_two_admins_cannot_remove_each_other(access: Access) -> None:
    """However both interleave, one stays."""
    for name in ("anne", "jean"):
        await added(access, name, Role.ADMIN)
    results = await asyncio.gather(
        access.remove_user("anne", who="jean", at=LATER),
        access.set_role("jean", Role.VIEWER, who="anne", at=LATER),
        return_exceptions=True,
    )

    assert [type(one) for one in results if one is not None] == [ConflictError]
    assert [user.role for user in await access.users()].count(Role.ADMIN) == 1


async def test_devices_are_found_by_experiments_as_in_memory(database: Database) -> None:
    """Those of none under an empty name, pending ones never; no experiments are no devices; alarms alike."""
    registry, memory = Registry(database), Memory()
    for number, (experiment, state) in enumerate(
        [("quay", State.ACTIVE), (None, State.ACTIVE), ("roof", State.RETIRED), (None, State.PENDING)]
    ):
        device = Device(id=f"lamp-{number}", type=None, experiment=experiment, state=state)
        await registry.register([device])
        memory.add(device)
    for asked in (None, [], [""], ["quay"], ["quay", "roof", ""], ["nothing"]):
        found = [one.id for one in await registry.devices(experiments=asked)]
        assert found == [one.id for one in await FakeRegistry(memory).devices(experiments=asked)]
        assert (await Alarms(database).page(AlarmFilter(devices=frozenset(found)))).alarms == []
    assert await registry.devices(experiments=[]) == []
