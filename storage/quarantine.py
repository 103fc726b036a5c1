"""Keeps what could not be understood, with its original bytes, registers unknown devices as pending, and lets go.

Rules:

1. Quarantine is the last resort, so it refuses nothing: characters that PostgreSQL cannot keep in a text (NUL, halves
   of surrogate pairs) are written as escapes; the bytes of the message stay as they came.
2. A line leaves only in the transaction that stores its frames, and with a line of the ledger that balances: worker
   ``replay``, the hour of the replay, the source that the line came by. Nothing is taken off what was written before.
3. Who takes lines out holds them first, and passes over those that another holds, so nobody waits in a circle and
   nothing is taken twice. Locks are taken in the writers' order: devices, quarantine, lines, ledger.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

import numpy as np
from psycopg.sql import SQL, Composed

from model.batch import Replay, Replayed, ReplayLine, SetAside
from model.errors import BadRequestError, Reason
from model.readings import Bools
from model.views import QuarantinedFrame, QuarantineFilter
from storage.connection import Connection
from storage.connection import rows as fetch
from storage.statements import statement

REPLAY = "replay"
"""The worker in whose name the ledger says what left quarantine."""

_HEARD = {Reason.PENDING_DEVICE, Reason.RETIRED_DEVICE, Reason.UNKNOWN_DEVICE}


async def set_aside(connection: Connection, asides: Sequence[SetAside]) -> None:
    """Store each message once, in order of arrival, counting how often it came."""
    if not asides:
        return
    messages: dict[bytes, dict[str, Any]] = {}
    devices: dict[str, dict[str, Any]] = {}
    for aside in asides:
        row = _row(aside)
        known = messages.setdefault(row["hash"], row)
        if known is not row:
            _again(known, row)
        if aside.device and aside.reason in _HEARD:
            _hear(devices, aside)
    async with connection.cursor() as cursor:
        await cursor.execute(statement("lock_quarantine"))
        await cursor.executemany(statement("write_quarantine"), list(messages.values()))
        await cursor.executemany(statement("hear_device"), list(devices.values()))


async def devices_changed(connection: Connection, devices: Sequence[str]) -> None:
    """Mark for replay what was judged by what these devices were before; to be called where the register changes."""
    if devices:
        await connection.execute(statement("request_devices"), (list(devices),))


class Taking:
    """Lines of quarantine on their way out, within one transaction of the writer: ``claim``, store, ``settle``."""

    def __init__(self, replay: Replay, at: datetime) -> None:
        self._replay = replay
        self._hour = at.replace(minute=0, second=0, microsecond=0)
        self._claimed: dict[int, _Claimed] = {}

    async def claim(self, connection: Connection, kept: Bools) -> Bools:
        """Hold the lines that are still there; return which of the frames to be kept are theirs."""
        lines = self._replay.lines
        if any(line.set_aside for line in lines):  # some may be set aside anew: its lock comes before those of lines
            await connection.execute(statement("lock_quarantine"))
        found = await fetch(connection, statement("claim_lines"), ([line.id for line in lines],))
        self._claimed = {row[0]: _Claimed(*row) for row in found}
        mine = np.zeros(len(kept), dtype=np.bool_)
        for line in lines:
            if line.id in self._claimed:
                mine[list(line.frames)] = True
        return kept & mine

    async def settle(self, connection: Connection, kept: Bools) -> Replayed:
        """Let go what is understood, keep what is not, and write the ledger."""
        gone, stay, moved = list[int](), list[dict[str, Any]](), list[SetAside]()
        sums = Replayed(passed=len(self._replay.lines) - len(self._claimed))
        ledger: Counter[tuple[str, str]] = Counter()
        for line in self._replay.lines:
            if line.id not in self._claimed:
                continue
            claimed = self._claimed[line.id]
            left = _Left.of(line, claimed, sum(bool(kept[frame]) for frame in line.frames))
            moved += left.moved
            if left.same is None:
                gone.append(line.id)
            else:
                stay.append(_kept_row(line, left.same, left.times))
            sums += Replayed(lines=1, stored=left.stored, duplicates=left.duplicates, kept=left.quarantined)
            ledger[claimed.source, "stored"] += left.stored
            ledger[claimed.source, "duplicate"] += left.duplicates
            ledger[claimed.source, "quarantined"] += left.quarantined - claimed.times
        async with connection.cursor() as cursor:
            await cursor.execute(statement("remove_lines"), (gone,))
            await cursor.executemany(statement("keep_line"), stay)
        await set_aside(connection, moved)
        await self._count(connection, ledger)
        return sums

    async def _count(self, connection: Connection, ledger: Counter[tuple[str, str]]) -> None:
        for source in sorted({source for source, _ in ledger}):
            counts = [ledger[source, state] for state in ("stored", "duplicate", "quarantined")]
            if any(counts):
                line = (self._hour, source, REPLAY, sum(counts), *counts)
                await connection.execute(statement("write_ledger"), line)


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A line as it is while it is held."""

    id: int
    hash: bytes
    source: str
    times: int
    received_at: datetime
    last_received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """What becomes of a line. ``same``: what stays of it, so many ``times``; ``moved``: what gets a line of its own."""

    stored: int
    duplicates: int
    same: SetAside | None
    times: int
    moved: tuple[SetAside, ...]

    @property
    def quarantined(self) -> int:
        """Frames that stay in quarantine."""
        return self.times + sum(aside.times for aside in self.moved)

    @classmethod
    def of(cls, line: ReplayLine, claimed: _Claimed, stored: int) -> "_Left":
        """Work it out. A message that came k times is one frame and k - 1 duplicates of it.

        A line of one device stands for those uplinks of it that were not understood when they came. If others of the
        same message were, they are found stored now; they counted then, and only what is stored now leaves the line.
        """
        same, moved = None, []
        for aside in line.set_aside:
            if _hash(aside) == claimed.hash:
                same = aside
            else:
                first, last = claimed.received_at, claimed.last_received_at
                moved.append(replace(aside, times=claimed.times, received_at=first, last_received_at=last))
        rest = claimed.times - stored if line.frames else claimed.times
        return cls(
            stored=stored,
            duplicates=max(0, rest) if line.frames and same is None else 0,
            same=same,
            times=0 if same is None else max(1, rest),
            moved=tuple(moved),
        )


def _kept_row(line: ReplayLine, aside: SetAside, times: int) -> dict[str, Any]:
    return {
        "id": line.id,
        "reason": aside.reason.value,
        "detail": _text(aside.detail),
        "network": _text(aside.network),
        "device_type": _text(aside.device_type),
        "times": times,
        "requested_at": line.requested_at,
    }


def filtered(query: SQL) -> Composed:
    """Return a statement with the condition of a filter in its place."""
    return query.format(wanted=statement("quarantine_wanted"))


def parameters_of(wanted: QuarantineFilter) -> dict[str, Any]:
    """Return the parameters of ``quarantine_wanted``; raise ``BadRequestError`` for a time without zone."""
    for name, when in (("start", wanted.start), ("end", wanted.end)):
        if when is not None and when.tzinfo is None:
            raise BadRequestError(f"{name} {when.isoformat()} has no zone: write {when.isoformat()}Z for UTC")
    return {
        "reason": wanted.reason,
        "device": _text(wanted.device),
        "source": _text(wanted.source),
        "start": wanted.start,
        "end": wanted.end,
        "frame": wanted.frame,
        "requested": wanted.requested,
    }


def frame_of(row: Sequence[Any]) -> QuarantinedFrame:
    """Return the frame of a row of the statement ``quarantine``."""
    return QuarantinedFrame(
        id=row[0],
        source=row[1],
        reason=Reason(row[2]),
        detail=row[3],
        topic=row[4],
        message=row[5],
        device=row[6],
        device_type=row[7],
        received_at=row[8],
        last_received_at=row[9],
        times=row[10],
        simulated=row[11],
        replay_requested_at=row[12],
    )


def _hash(aside: SetAside) -> bytes:
    identity = f"{_text(aside.topic)}\0{_text(aside.device)}\0".encode() + aside.message
    return blake2b(identity, digest_size=16).digest()


def _row(aside: SetAside) -> dict[str, Any]:
    return {
        "hash": _hash(aside),
        "source": _text(aside.source),
        "reason": aside.reason.value,
        "detail": _text(aside.detail),
        "topic": _text(aside.topic),
        "message": aside.message,
        "network": _text(aside.network),
        "device": _text(aside.device),
        "device_type": _text(aside.device_type),
        "received_at": aside.received_at,
        "last_received_at": aside.last_received_at or aside.received_at,
        "times": aside.times,
        "simulated": aside.simulated,
    }


def _again(known: dict[str, Any], row: dict[str, Any]) -> None:
    known["times"] += row["times"]
    known["received_at"] = min(known["received_at"], row["received_at"])
    known["last_received_at"] = max(known["last_received_at"], row["last_received_at"])
    # Simulated is what was never anything else: a purge takes nothing real.
    known.update(reason=row["reason"], detail=row["detail"], simulated=known["simulated"] and row["simulated"])


def _hear(devices: dict[str, dict[str, Any]], aside: SetAside) -> None:
    name = _text(aside.device)
    heard = devices.setdefault(
        name or "",
        {
            "device": name,
            "device_type": _text(aside.device_type),
            "network": _text(aside.network),
            "simulated": aside.simulated,
            "first": aside.received_at,
            "last": aside.last_received_at or aside.received_at,
        },
    )
    heard["first"] = min(heard["first"], aside.received_at)
    heard["last"] = max(heard["last"], aside.last_received_at or aside.received_at)
    heard["simulated"] &= aside.simulated


def _text(text: str | None) -> str | None:
    if text is None:
        return None
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
