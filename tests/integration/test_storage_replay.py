"""The real quarantine keeps the promises, on every engine; and nobody doubles anything by coming at the same time."""

import asyncio

import pytest
from psycopg.sql import SQL

from model.batch import Replay, Replayed, ReplayLine
from model.errors import Reason
from model.views import QuarantineFilter
from storage.connection import Database
from storage.quarantine import filtered, parameters_of
from storage.queries import Queries
from storage.registry import Registry
from storage.replay import Quarantine
from storage.statements import statement
from storage.tables import prepare
from storage.writer import Writer
from tests.unit.storage.batches import NOON, SECOND, TYPES, Builder, device
from tests.unit.storage.replay_promises import LATER, REQUESTED, ReplayPromises, Ward, still


@pytest.fixture
async def ward(database: Database) -> Ward:
    await prepare(database, TYPES)
    return Ward(
        sink=Writer(database, "worker-1"),
        registry=Registry(database),
        queries=Queries(database),
        quarantine=Quarantine(database, Writer(database, "worker-1")),
    )


class TestPostgreSQL(ReplayPromises):
    """Everything in PostgreSQL, with and without TimescaleDB."""


async def test_replays_at_the_same_time_share_the_lines(ward: Ward, database: Database) -> None:
    """Four replays of the same hundred lines, beside ingest of the same messages: each frame is stored once.

    A line that ingest holds at that moment is passed over by all of them, and is taken by the replay that comes next.
    """
    batch = Builder({})
    for number in range(100):
        batch.aside(bytes([number]), device="lamp-1")
    aside = batch.build()
    await ward.sink.write(aside)
    lines = await ward.quarantine.lines(QuarantineFilter())
    builder = await ward.builder()
    for number, line in enumerate(lines):
        builder.frame("lamp-1", NOON + number * SECOND, {"steps": number}, payload=line.message)
    replay = Replay(
        batch=builder.build(),
        lines=tuple(ReplayLine(id=line.id, frames=(number,)) for number, line in enumerate(lines)),
    )
    others = [Quarantine(database, Writer(database, "worker-1")) for _ in range(4)]

    done = await asyncio.gather(
        *(other.replay(replay, LATER) for other in others),
        *(Writer(database, "worker-2").write(aside) for _ in range(3)),
    )

    replays = [sums for sums in done if isinstance(sums, Replayed)]
    replays.append(await others[0].replay(replay, LATER))
    assert sum(sums.stored for sums in replays) == 100 == len(await ward.rows())
    assert sum(sums.lines for sums in replays) == 100
    received, stored, duplicate, quarantined = await ward.totals()
    assert (received, stored) == (400, 100)
    assert quarantined == sum(times for _, times in await ward.lines()) == 300 - duplicate


async def test_a_replay_and_the_register_do_not_wait_in_a_circle(ward: Ward, database: Database) -> None:
    """Lines are kept, moved and marked at once by replay, ingest and register; all come to an end, and it balances."""
    lines = [await ward.aside(bytes([n]), device=f"lamp-{n}", reason=Reason.UNKNOWN_DEVICE) for n in range(20)]
    moved = [await ward.aside(b"x%d" % n, reason=Reason.BAD_ENVELOPE) for n in range(20)]
    kept = tuple(ReplayLine(id=line.id, set_aside=(still(line),)) for line in lines)
    named = tuple(
        ReplayLine(id=line.id, set_aside=(still(line, device=f"new-{line.id}", reason=Reason.UNKNOWN_DEVICE),))
        for line in moved
    )
    again = Builder({})
    for number in range(20):
        again.aside(bytes([number]), device=f"lamp-{number}", reason=Reason.UNKNOWN_DEVICE)
    aside = again.build()

    async with asyncio.timeout(60):
        await asyncio.gather(
            *(
                Quarantine(database, Writer(database, "worker-1")).replay(
                    Replay(batch=Builder({}).build(), lines=some), LATER
                )
                for some in (kept, named, kept[::-1])
            ),
            *(Writer(database, f"worker-{n}").write(aside) for n in range(3)),
            ward.registry.register([device(f"lamp-{n}") for n in range(20)]),
            ward.quarantine.request(QuarantineFilter()),
        )

    assert sum(times for _, times in await ward.lines()) == (await ward.totals())[3] == 100


async def test_asking_what_waits_reads_no_other_line(ward: Ward, database: Database) -> None:
    """The question that is asked every second is answered from an index of the lines that wait."""
    batch = Builder({})
    for number in range(2000):
        batch.aside(number.to_bytes(2, "big"))
    await ward.sink.write(batch.build())
    async with database.connection() as connection:
        await connection.execute(SQL("analyze penfeld.quarantine"))
    parameters = {**parameters_of(REQUESTED), "after": 0, "limit": 500, "bytes": 1_000_000}

    plan = await database.fetch(SQL("explain {}").format(filtered(statement("quarantine_lines"))), parameters)

    assert any("quarantine_replay" in line for (line,) in plan)
    assert not any("Seq Scan" in line for (line,) in plan)


async def test_large_messages_come_a_few_at_a_time(ward: Ward) -> None:
    """However large messages are, what is read at once is bounded; each comes, in order."""
    await ward.sink.write(Builder({}).aside(b"small").build())
    for number in range(3):
        await ward.sink.write(Builder({}).aside(bytes([number]) * 5_000_000).build())

    read = [await ward.quarantine.lines(QuarantineFilter())]
    while read[-1]:
        read.append(await ward.quarantine.lines(QuarantineFilter(), after=read[-1][-1].id))

    assert [[len(line.message) for line in some] for some in read] == [[5, 5_000_000, 5_000_000], [5_000_000], []]
