"""What was just stored, for who evaluates rules: one row of ``penfeld.news`` in the transaction of the data.

Rules:

1. Told are the rows of frames that were kept, as they came; where one met a stored row, that is the truth.
2. Told is what is wanted (``penfeld.news_wanted``), and nothing at all while nothing is. Writers look at that at the
   end of each transaction, and who asks waits for those that looked already: what was not told can be read then.
3. Where nobody takes news they would fill the disk: beyond a bound they are let go, nothing more is told, and
   ``penfeld.news_lost`` says from which arrival on. Who evaluates rules then reads what is stored, and asks again.
4. News that cannot be read count as lost, too: what they tell of is stored.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from psycopg.types.json import Jsonb

from model.alert_ports import News, Stretch
from model.instants import microseconds, moment
from model.readings import Array, Bools, Column, Ints, Readings
from storage.connection import Connection, Database, rows
from storage.rows import Frames
from storage.statements import statement

logger = logging.getLogger(__name__)

_ROWS = 256
"""Rows of news looked at at once: each holds what one transaction stored."""
_BYTES_A_ROW = 40
"""Of a reading, about."""
_CODES = {"f": "<f8", "i": "<i8", "b": "?"}


class _Part(msgspec.Struct, array_like=True):
    """Rows of one device type. ``columns``: name -> code, values, where there are any; texts are a list."""

    device_type: str
    device: bytes
    time_us: bytes
    columns: dict[str, tuple[str, bytes | list[str], bytes]]
    flagged: dict[str, bytes]

    def check(self) -> None:
        """Raise ``ValueError`` where columns are not as long as there are rows."""
        count = len(self.device) // 8
        lengths = {len(self.device) / 8, len(self.time_us) / 8}
        for code, values, valid in self.columns.values():
            lengths.add(len(valid))
            texts = isinstance(values, list)
            lengths.add(count - sum(valid) + len(values) if texts else len(values) / np.dtype(code).itemsize)
        if lengths != {count}:
            raise ValueError(f"columns of {self.device_type} have {sorted(lengths)} rows")


class _News(msgspec.Struct, array_like=True):
    parts: list[_Part]
    heard: dict[str, int]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_News)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """How much may wait in vain: so many bytes, or for so long. Writers look every ``every_s``."""

    size: int = 1_000_000_000
    age: timedelta = timedelta(days=3)
    every_s: float = 30.0


class Teller:
    """A writer's part: it tells of readings, where they are wanted and not too many wait."""

    def __init__(self, database: Database, bound: Bound | None = None) -> None:
        self._database = database
        self._bound = bound or Bound()
        self._told = False
        self._bounded_s = 0.0

    async def keep_bound(self, now_s: float) -> None:
        """Let news go that nobody takes, now and then; raise ``UnavailableError``."""
        if not self._told or now_s - self._bounded_s < self._bound.every_s:
            return
        self._told, self._bounded_s = False, now_s
        parameters = {"bytes": self._bound.size, "age": self._bound.age}
        for (since,) in await self._database.fetch(statement("bound_news"), parameters):
            logger.warning("nobody evaluates alert rules: news from %s on are let go; start `penfeld alerts`", since)

    async def tell(
        self, connection: Connection, readings: Iterable[tuple[Readings, Ints]], frames: Frames, kept: Bools
    ) -> None:
        """Tell of these readings (with the device of each row) and of who brought their frames, as the last thing."""
        async with connection.pipeline():
            await connection.execute(statement("lock_telling"))
            cursor = await connection.execute(statement("news_wanted"))
        found = await cursor.fetchall()
        if not found:
            return
        arrived, lost = moment(int(frames.received_us[kept].min())), found[0][2]
        if lost is not None:
            if arrived < lost:
                await connection.execute(statement("lose_news"), (arrived,))
            return
        wanted: dict[str, list[str]] = {name: fields for name, fields, _ in found}
        parts = [
            _part(some, device, wanted[some.device_type]) for some, device in readings if some.device_type in wanted
        ]
        body = _ENCODER.encode(_News(parts, _heard(frames, kept)))
        await connection.execute(statement("tell_news"), (body, arrived))
        self._told = True


def _part(readings: Readings, device: Ints, fields: Sequence[str]) -> _Part:
    columns: dict[str, tuple[str, bytes | list[str], bytes]] = {}
    for name in fields:
        column = readings.columns.get(name)
        if column is None:
            continue
        code = _CODES.get(column.values.dtype.kind)
        values = column.values[column.valid].tolist() if code is None else column.values.astype(code).tobytes()
        columns[name] = (code or "", values, column.valid.tobytes())
    flagged: dict[str, list[int]] = {}
    for row, flags in readings.flags.items():
        for flag in flags:
            name = flag.partition(":")[0]
            if name in columns:
                flagged.setdefault(name, []).append(row)
    return _Part(
        readings.device_type,
        device.astype("<i8").tobytes(),
        readings.time_us.astype("<i8").tobytes(),
        columns,
        {name: np.array(some, dtype="<i8").tobytes() for name, some in flagged.items()},
    )


def _heard(frames: Frames, kept: Bools) -> dict[str, int]:
    """Return which sources and gateways brought kept frames; the arrival of the newest is near enough for all."""
    at = np.flatnonzero(kept)
    if not len(at):
        return {}
    newest = int(frames.received_us[at].max())
    sources = {frames.source.values[place] for place in np.unique(frames.source.places[at]).tolist()}
    gateways = {frames.gateway.values[place] for place in np.unique(frames.gateway.places[at]).tolist()}
    found = {f"source:{name}": newest for name in sources}
    return found | {f"gateway:{name}": newest for name in gateways if name}


def _told(
    bodies: Iterable[tuple[int, datetime, bytes, int]],
) -> tuple[list[Stretch], dict[str, int], list[datetime]]:
    """Return what rows of news tell, rows of one device type together in order of device and time.

    The last are the arrivals of those that cannot be read.
    """
    parts: dict[str, list[tuple[_Part, int]]] = {}
    heard: dict[str, int] = {}
    unread = []
    for number, at, body, stored_by in bodies:
        try:
            news = _DECODER.decode(body)
            for part in news.parts:
                part.check()
        except (msgspec.DecodeError, ValueError) as error:
            logger.warning("news %d cannot be read, what is stored is read instead: %s", number, error)
            unread.append(at)
            continue
        for part in news.parts:
            parts.setdefault(part.device_type, []).append((part, stored_by))
        for subject, at_us in news.heard.items():
            heard[subject] = max(at_us, heard.get(subject, 0))
    return [_joined(name, some) for name, some in parts.items()], heard, unread


def _joined(name: str, told: Sequence[tuple[_Part, int]]) -> Stretch:
    parts = [part for part, _ in told]
    device = np.concatenate([np.frombuffer(part.device, dtype="<i8") for part in parts])
    time_us = np.concatenate([np.frombuffer(part.time_us, dtype="<i8") for part in parts])
    counts = [len(part.device) // 8 for part in parts]
    starts = np.cumsum([0, *counts[:-1]])
    order = np.lexsort((time_us, device))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    columns = {}
    for column in dict.fromkeys(name for part in parts for name in part.columns):
        values = [_column(part.columns.get(column), count) for part, count in zip(parts, counts, strict=True)]
        kinds = {one.values.dtype for one in values if one.valid.any()} or {values[0].values.dtype}
        kind: Any = kinds.pop() if len(kinds) == 1 else np.object_
        columns[column] = Column(
            np.concatenate([one.values.astype(kind) for one in values])[order],
            np.concatenate([one.valid for one in values])[order],
        )
    flagged: dict[str, list[Ints]] = {}
    for part, start in zip(parts, starts, strict=True):
        for field, rows_of in part.flagged.items():
            flagged.setdefault(field, []).append(place[np.frombuffer(rows_of, dtype="<i8") + start])
    return Stretch(
        device_type=name,
        device=device[order],
        time_us=time_us[order],
        columns=columns,
        flagged={field: np.sort(np.concatenate(some)) for field, some in flagged.items()},
        told=np.repeat([stored_by for _, stored_by in told], counts)[order],
    )


def _column(told: tuple[str, bytes | list[str], bytes] | None, count: int) -> Column:
    if told is None:
        return Column(np.zeros(count), np.zeros(count, dtype=np.bool_))
    code, values, valid = told
    there = np.frombuffer(valid, dtype="?")
    if isinstance(values, bytes):
        found: Array = np.frombuffer(values, dtype=code)
        return Column(found, there)
    texts = np.zeros(count, dtype=np.object_)
    texts[there] = values
    return Column(texts, there)


async def take(connection: Connection, ids: Sequence[int]) -> None:
    """Delete news that were looked at."""
    if ids:
        await connection.execute(statement("take_news"), (list(ids),))


async def waiting(connection: Connection, count: int) -> News:
    """Return the oldest news, about so many readings."""
    async with connection.pipeline():
        lost = await connection.execute(statement("news_lost"))
        parameters = {"count": _ROWS + 1, "bytes": count * _BYTES_A_ROW}
        found = await connection.execute(statement("news"), parameters)
    bodies = [(number, at, bytes(body), by, last) for number, at, body, by, last in await found.fetchall()]
    parts, heard, unread = _told(one[:4] for one in bodies)
    since = [since for (since,) in await lost.fetchall()] + unread
    return News(
        ids=tuple(one[0] for one in bodies),
        parts=parts,
        heard=heard,
        more=bool(bodies) and bodies[-1][0] < bodies[-1][4],
        lost_us=microseconds(min(since)) if since else None,
    )


async def ask(connection: Connection, fields: Mapping[str, Sequence[str]]) -> None:
    """Have writers tell of these, within a transaction; once it is over, all that they did not tell can be read."""
    [(asked, silent)] = await rows(connection, statement("news_asked"))
    if silent or (asked or {}) != {name: list(some) for name, some in fields.items()}:
        await connection.execute(statement("lock_asking"))
    wanted = Jsonb([{"type": name, "fields": list(some)} for name, some in fields.items()])
    await connection.execute(statement("ask_for_news"), {"types": list(fields), "wanted": wanted})
    await connection.execute(statement("tell_again"))
