"""Readings in any number as Arrow record batches: the ``Exports`` of ``model.ports``, in constant memory.

Rules:

1. A range is read slice by slice, each by a statement of its own, sorted here, and given on before the next but one is
   asked for. So a slow reader holds neither a transaction nor a connection, and what comes is in order of time without
   a sort on the server's disk.
2. A slice is as long as gives about ``slice_rows`` of them. One that turns out to hold more than ``most_rows`` is given
   up and read again in halves; memory is bounded by that, not by what devices were expected to send.
3. ADBC's driver reads COPY straight into Arrow (docs/decisions/0007-export.md). It knows nothing of parameters in COPY:
   names are quoted, times and keys are literals that we made.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import numpy as np
import pyarrow as pa
from adbc_driver_manager import Error as DriverError
from adbc_driver_postgresql import dbapi
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from model.device import DeviceType, Field, Kind
from model.errors import ConfigError, UnavailableError
from model.export import NAMES, TIME, schema
from model.ports import ArrowBatch
from model.readings import Ints
from storage.connection import Database, unavailable
from storage.queries import check_fields, check_page
from storage.statements import statement
from storage.tables import table

_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(days=31)
_OUR_MISTAKES = {"42P01", "42703", "3F000"}
"""Tables, columns and schemas that there are not: the database is of another version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfig:
    """``slice_rows``: readings in a slice, about; ``most_rows``: at most.

    ``readers``: slices that are read at the same time, by all exports together; who gets none of them within ``wait_s``
    seconds sees ``UnavailableError``.
    """

    slice_rows: int = 65_000
    most_rows: int = 200_000
    readers: int = 2
    wait_s: float = 30.0


@dataclass(frozen=True, slots=True)
class _Names:
    """Texts by their keys in the database. ``place``: key -> position in ``texts``, -1 for keys of nobody here."""

    texts: Any
    place: Ints

    @classmethod
    def of(cls, rows: Sequence[tuple[int, str]]) -> "_Names":
        """Return the names of these rows, in their order."""
        place = np.full(max((key for key, _ in rows), default=0) + 1, -1, dtype=np.int64)
        for position, (key, _) in enumerate(rows):
            place[key] = position
        return cls(pa.array([text for _, text in rows], pa.string()), place)

    def places(self, keys: Ints) -> Ints:
        """Return the position of each key."""
        known = keys < len(self.place)
        found: Ints = np.where(known, self.place[np.where(known, keys, 0)], -1)
        return found

    def column(self, places: Ints) -> Any:  # noqa: ANN401  pyarrow tells no types
        """Return a dictionary column."""
        return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), self.texts).cast(NAMES)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One export: what is selected, from which rows, with which names."""

    device_type: DeviceType
    fields: Sequence[Field]
    chosen: Sequence[Composable]
    devices: _Names
    codecs: _Names

    def query(self, start: datetime, end: datetime) -> str:
        """Return the SQL of one slice."""
        within = SQL("time >= {} and time < {}").format(_time(start), _time(end))
        return (
            SQL("select device, time, received_at{}, flags, simulated, codec from {} where {}")
            .format(
                SQL("").join(map(_selected, self.fields)),
                table(self.device_type.name),
                SQL(" and ").join([within, *self.chosen]),
            )
            .as_string(None)
        )

    def batch(self, found: Sequence[Any]) -> Any:  # noqa: ANN401  pyarrow tells no types
        """Return a slice in order of time and device, without rows of devices that were not asked for."""
        rows = pa.Table.from_batches(found).combine_chunks()
        device = self.devices.places(_numbers(rows.column("device")))
        time = _numbers(rows.column("time").cast(TIME).cast(pa.int64()))
        order = np.lexsort((device, time))
        order = order[device[order] >= 0]
        rows = rows.take(pa.array(order))
        codec = self.codecs.places(_numbers(rows.column("codec")))
        columns = {
            **{name: rows.column(name) for name in rows.column_names},
            "device": self.devices.column(device[order]),
            "version": self.codecs.column(codec),
        }
        named = schema(self.device_type, self.fields)
        made = pa.table([columns[name] for name in named.names], schema=named).combine_chunks()
        return made.to_batches()[0] if len(made) else None


class Exports:
    """Reads readings in large numbers from one database; what it opened meanwhile is closed by ``close``."""

    def __init__(self, database: Database, config: ExportConfig | None = None) -> None:
        self._database = database
        self._config = config or ExportConfig()
        self._dsn = make_conninfo(database.dsn, options="-c jit=off -c client_min_messages=warning")
        self._slots = asyncio.Semaphore(self._config.readers)
        self._idle: list[Any] = []

    def close(self) -> None:
        """Close the connections that nobody uses now."""
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    async def batches(
        self,
        device_type: DeviceType,
        *,
        devices: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        fields: Sequence[str] = (),
        simulated: bool | None = None,
    ) -> AsyncIterator[ArrowBatch]:
        """Yield readings with start <= time < end in order of time, then device; see the port."""
        check_page(1, start=start, end=end)
        names = check_fields(device_type, fields)
        asked = await self._asked(device_type, names, devices, simulated=simulated)
        extent = await self._extent(asked, start, end)
        if extent is None:
            return
        slices = _Slices(*extent, width=self._width(device_type, len(asked.devices.texts)), config=self._config)
        reading = asyncio.create_task(self._next(asked, slices))
        try:
            while (found := await reading) is not None:
                reading = asyncio.create_task(self._next(asked, slices))
                if found.num_rows:
                    yield found
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError, Exception):  # nobody is left who wants it
                await reading

    async def _asked(
        self, device_type: DeviceType, names: Sequence[str], devices: Sequence[str] | None, *, simulated: bool | None
    ) -> _Asked:
        wanted = None if devices is None else [name for name in devices if name.isprintable()]
        rows = await self._database.fetch(statement("keys_of_devices"), {"devices": wanted})
        keys = [(int(key), str(name)) for key, name in rows]
        chosen: list[Composable] = []
        if devices is not None:
            chosen.append(SQL("device = any({}::integer[])").format(Literal([key for key, _ in keys])))
        if simulated is not None:
            chosen.append(SQL("simulated" if simulated else "not simulated"))
        codecs = await self._database.fetch(statement("versions_of_codecs"))
        return _Asked(
            device_type,
            [field for name in names if (field := device_type.field(name))],
            chosen,
            _Names.of(keys),
            _Names.of([(int(key), str(version)) for key, version in codecs]),
        )

    async def _extent(
        self, asked: _Asked, start: datetime | None, end: datetime | None
    ) -> tuple[datetime, datetime] | None:
        """Return where readings begin and end within what was asked; ``None``: there are none."""
        conditions = list(asked.chosen)
        if start is not None:
            conditions.append(SQL("time >= {}").format(_time(start)))
        if end is not None:
            conditions.append(SQL("time < {}").format(_time(end)))
        query = SQL("select min(time), max(time) from {} where {}").format(
            table(asked.device_type.name), SQL(" and ").join(conditions) if conditions else SQL("true")
        )
        [(first, last)] = await self._database.fetch(query)
        return None if first is None else (first, last + timedelta(microseconds=1))

    def _width(self, device_type: DeviceType, devices: int) -> timedelta:
        """Return how long a slice is to begin with, from what the devices should send."""
        return device_type.period * (self._config.slice_rows / max(devices, 1))

    async def _next(self, asked: _Asked, slices: "_Slices") -> Any:  # noqa: ANN401  pyarrow tells no types
        """Return the next slice; ``None`` at the end."""
        while (span := slices.next()) is not None:
            found = await self._read(asked, *span, most=slices.most)
            if found is None:
                slices.halve()
                continue
            rows = sum(batch.num_rows for batch in found)
            slices.read(rows)
            if rows:
                batch = await asyncio.to_thread(asked.batch, found)
                if batch is not None:
                    return batch
        return None

    async def _read(self, asked: _Asked, start: datetime, end: datetime, most: int | None) -> Sequence[Any] | None:
        """Return the batches of one slice; ``None`` if it holds more than ``most`` rows."""
        try:
            async with asyncio.timeout(self._config.wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise UnavailableError(
                f"database {self._database.address}: {self._config.readers} exports are being read already"
            ) from None
        try:
            # Not cancelled: a thread goes on whatever happens to who waits for it, and must have the connection alone.
            work = asyncio.ensure_future(asyncio.to_thread(self._fetch, asked.query(start, end), most))
            try:
                return await asyncio.shield(work)
            except _TooMuchError:
                return None
            finally:
                if not work.done():
                    await asyncio.wait([work])
        finally:
            self._slots.release()

    def _fetch(self, query: str, most: int | None) -> Sequence[Any]:
        """Return the batches that a query answers with, in a thread."""
        with self._translated(), self._lent() as connection, connection.cursor() as cursor:
            cursor.execute(query)
            found, rows = [], 0
            with cursor.fetch_record_batch() as reader:
                for batch in reader:
                    found.append(batch)
                    rows += batch.num_rows
                    if most is not None and rows > most:
                        cursor.adbc_cancel()
                        raise _TooMuchError
            return found

    @contextmanager
    def _lent(self) -> Iterator[Any]:
        """Lend a connection; one on which anything went wrong is closed. Making one costs as much as a slice."""
        try:
            connection = self._idle.pop()
            connection.execute("select").close()
        except (IndexError, DriverError):  # there is none, or the server was started again meanwhile
            connection = dbapi.connect(self._dsn, autocommit=True)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DriverError as error:
            if error.sqlstate in _OUR_MISTAKES:
                raise ConfigError(
                    [f"database {self._database.address}: {_said(error)}: run `penfeld db migrate`"]
                ) from error
            raise unavailable(self._database.address, _said(error)) from error


class _TooMuchError(Exception):
    """A slice holds more than it may."""


class _Slices:
    """Spans of time, one behind the other, as long as the readings in the last one let expect."""

    def __init__(self, start: datetime, end: datetime, *, width: timedelta, config: ExportConfig) -> None:
        self._start = self._at = start
        self._end = end
        self._width = _bounded(width)
        self._config = config

    @property
    def most(self) -> int | None:
        """How many rows the slice may have; ``None`` where it cannot be shorter."""
        return None if self._width <= _SHORTEST else self._config.most_rows

    def next(self) -> tuple[datetime, datetime] | None:
        """Return the next span; the same again until ``read`` says that it is."""
        if self._at >= self._end:
            return None
        return self._at, min(self._at + self._width, self._end)

    def halve(self) -> None:
        """Try again with less."""
        self._width = _bounded(self._width / 4)

    def read(self, rows: int) -> None:
        """Go on behind the span."""
        self._at = min(self._at + self._width, self._end)
        factor = self._config.slice_rows / max(rows, 1)
        self._width = _bounded(self._width * min(max(factor, 0.25), 4.0))


def _bounded(width: timedelta) -> timedelta:
    return min(max(width, _SHORTEST), _LONGEST)


def _selected(field: Field) -> Composed:
    """Return a field as it is selected: a domain is no type that the driver knows."""
    form = SQL(", {0}::double precision as {0}" if field.kind is Kind.FLOAT else ", {0}")
    return form.format(Identifier(field.name))


def _time(time: datetime) -> Composed:
    return SQL("{}::timestamptz").format(Literal(time.astimezone(UTC).isoformat()))


def _numbers(column: Any) -> Ints:  # noqa: ANN401  pyarrow tells no types
    found: Ints = column.to_numpy().astype(np.int64)
    return found


def _said(error: DriverError) -> str:
    """Return what the database said, without what the driver puts around it."""
    text = str(error).partition("ERROR:")[2] or str(error).partition("server at")[2] or str(error)
    return text.strip().splitlines()[0]
