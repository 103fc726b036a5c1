"""The account of a run: what the broker has taken, beside what is in the database, by content.

published = stored + quarantined, and what is published or delivered twice is a duplicate in the ledger. ``check`` says
which frames are missing and which are there twice.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psycopg

from tests.acceptance.faults.load import Identity, Publication

_SHOWN, _LONGEST = 5, 300
_UPLINKS = """
select d.id, u.f_cnt, u.payload, u.time from penfeld.uplink as u join penfeld.device as d on d.key = u.device
"""
_READINGS = """
select d.id, r.time, r.energy_kwh from readings.penfeld_streetlight as r join penfeld.device as d on d.key = r.device
"""
_QUARANTINE = "select message, times from penfeld.quarantine"
_LEDGER = """
select coalesce(sum(received), 0)::bigint, coalesce(sum(stored), 0)::bigint, coalesce(sum(duplicate), 0)::bigint,
       coalesce(sum(quarantined), 0)::bigint
from penfeld.ledger where worker = %(worker)s or %(worker)s::text is null
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The sums of all lines."""

    received: int
    stored: int
    duplicate: int
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of what was published. ``problems`` is empty when nothing is lost, double or miscounted."""

    published: int
    stored: int
    quarantined: int
    duplicates: int
    lost: int
    double: int
    problems: tuple[str, ...]

    def check(self) -> None:
        """Fail with every problem."""
        assert not self.problems, "\n".join((str(self), *self.problems))

    def __str__(self) -> str:
        """Return the figures in a line."""
        return (
            f"published {self.published}, stored {self.stored}, quarantined {self.quarantined}, "
            f"duplicates {self.duplicates}, lost {self.lost}, double {self.double}"
        )


def ledger(dsn: str, worker: str | None = None) -> Ledger:
    """Return what the ledger says now, of one worker or of all."""
    with psycopg.connect(dsn) as connection:
        return _ledger(connection, worker)


def settled(dsn: str, published: Sequence[Publication]) -> bool:
    """Whether as much is in the database as was published: by number, which is quick."""
    with psycopg.connect(dsn) as connection:
        books, row = _ledger(connection), connection.execute("select count(*) from penfeld.quarantine").fetchone()
    assert row is not None
    good = len({one.identity for one in published if one.identity is not None})
    garbage = len({one.message for one in published if one.identity is None})
    return books.received >= len(published) and books.stored >= good and row[0] >= garbage


def account(dsn: str, published: Sequence[Publication]) -> Account:
    """Compare what was published with what is there, as one transaction sees it."""
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("set timezone to 'UTC'")
        frames = Counter(Identity(*row) for row in connection.execute(_UPLINKS))
        readings = Counter(connection.execute(_READINGS).fetchall())
        aside: dict[bytes, int] = dict(connection.execute(_QUARANTINE).fetchall())
        books = _ledger(connection)
    expected = {one.identity for one in published if one.identity is not None}
    garbage = {one.message for one in published if one.identity is None}
    wanted = {(one.device, one.time, one.energy_kwh) for one in expected}
    problems = (
        *_shown("lost", expected - frames.keys()),
        *_shown("lost from quarantine", garbage - aside.keys()),
        *_shown("stored twice", [one for one, times in frames.items() if times > 1]),
        *_shown("read twice", [one for one, times in readings.items() if times > 1]),
        *_shown("stored, but never published", frames.keys() - expected),
        *_shown("in quarantine for no reason", aside.keys() - garbage),
        *_shown("stored without its reading", wanted - readings.keys()),
        *_shown("a reading of no frame", readings.keys() - wanted),
        *_off("stored", books.stored, frames.total()),
        *_off("quarantined", books.quarantined, sum(aside.values())),
        *_off("received", books.received, books.stored + books.duplicate + books.quarantined),
        *([f"received {books.received} of {len(published)}"] if books.received < len(published) else []),
    )
    return Account(
        published=len(published),
        stored=books.stored,
        quarantined=books.quarantined,
        duplicates=books.duplicate,
        lost=len(expected - frames.keys()) + len(garbage - aside.keys()),
        double=frames.total() - len(frames) + readings.total() - len(readings),
        problems=problems,
    )


def _ledger(connection: psycopg.Connection[tuple[Any, ...]], worker: str | None = None) -> Ledger:
    row = connection.execute(_LEDGER, {"worker": worker}).fetchone()
    assert row is not None
    return Ledger(*row)


def _shown(what: str, found: Collection[object]) -> list[str]:
    return (
        [f"{what}: {len(found)}, such as {', '.join(repr(one)[:_LONGEST] for one in islice(found, _SHOWN))}"]
        if found
        else []
    )


def _off(what: str, told: int, counted: int) -> list[str]:
    return [] if told == counted else [f"{what}: the ledger says {told}, and {counted} are there"]
