"""One step of decoding history again: a part's frames and readings on one snapshot, and what is changed there.

Rules:

1. Devices and times stand as constants in each command that reads or deletes: other chunks are left out, and of
   compressed ones only the batches of these devices are unpacked.
2. Readings that change are deleted and written anew by COPY: as cheap as an update, since no page has room for a new
   version of a row beside the old one, and the row before goes into ``penfeld.superseded`` in the same command.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from model.batch import Frame
from model.device import DeviceType
from model.errors import ConfigError, ConflictError
from model.history import Changes, Counts, Part, Place, Rows, Run, Scope, Seen
from model.instants import microseconds, moment
from model.readings import Ints
from model.uplink import Uplink
from storage import latest, packing
from storage.arrays import Bytes, Int4s, Times
from storage.cells import HEAD, TAIL
from storage.connection import CollisionError, Connection
from storage.connection import rows as fetch
from storage.partitions import UPLINK, Partitions
from storage.rows import HOUR_US, months
from storage.statements import statement
from storage.tables import COLUMN_TYPES, table

_NEVER_US = np.iinfo(np.int64).min


class Step:
    """One look, in one transaction."""

    def __init__(
        self,
        connection: Connection,
        device_type: DeviceType,
        scope: Scope,
        part: Part,
        codecs: Mapping[int, str],
        columns: Mapping[str, str],
        until: datetime,
        run: Run | None,
        partitions: Partitions | None,
    ) -> None:
        self._connection = connection
        self._type = device_type
        self._scope = scope
        self._part = part
        self._codecs = codecs
        self._columns = columns
        self._until = until
        self._run = run
        self._partitions = partitions
        self._ids: dict[int, str] = {}
        self.stale: dict[str, list[int]] = {}

    async def frames(self) -> Seen:
        """Return the part's raw frames in order of device, event time and key."""
        after = "-infinity" if self._part.after_us is None else moment(self._part.after_us).isoformat()
        frames = await self._frames(self._part.limit, after=after, **times_of(self._scope))
        moved: set[tuple[int, int, bytes]] = set()
        if self._run is not None and self._run.counts.moved:
            query = statement("history_moved_here")
            there = await fetch(self._connection, query, (list(self._part.devices), self._run.number))
            moved = {(device, microseconds(time), key) for device, time, key in there}
        until_us = microseconds(self._until)
        mine = [one.received_us < until_us and (one.device, one.time_us, one.key) not in moved for one in frames]
        return Seen(frames, np.array(mine, dtype=np.bool_))

    async def neighbours(self, start_us: int, end_us: int) -> Sequence[Frame]:
        """Return other raw frames of the part's devices with start <= event time < end."""
        times = {"start": moment(start_us).isoformat(), "end": moment(end_us).isoformat()}
        return await self._frames(None, after="-infinity", **times)

    async def rows(self, start_us: int, end_us: int) -> Rows:
        """Return the readings of the part's devices with start <= time < end."""
        self._check_kinds()
        if not self._columns:
            return packing.unpacked(self._type, {}, (None,) * 6)
        query = SQL(
            "select {} from {} where device = any(%(devices)s)"
            " and time >= %(start)s::timestamptz and time < %(end)s::timestamptz"
        ).format(packing.packed(self._columns), table(self._type.name))
        parameters = {
            "devices": list(self._part.devices),
            "start": moment(start_us).isoformat(),
            "end": moment(end_us).isoformat(),
        }
        [answer] = await fetch(self._connection, query, parameters)
        return packing.unpacked(self._type, self._columns, answer)

    def _check_kinds(self) -> None:
        problems = [
            f"{self._type.name}: field {field.name} is {field.kind} in the device file, but its column holds"
            f" {self._columns[field.name]}: give the field a new name; the old column keeps the history"
            for field in self._type.fields
            if self._columns.get(field.name, COLUMN_TYPES[field.kind]) != COLUMN_TYPES[field.kind]
        ]
        if problems:
            raise ConfigError(problems)

    async def change(self, changes: Changes, place: Place, counts: Counts) -> None:
        """Write the changes, with the run's new place and sums."""
        run = self._run
        if run is None:
            raise RuntimeError("a look without a run changes nothing")
        if missing := [name for name in changes.rows.columns if name not in self._columns]:
            raise ConfigError([f"readings.{self._type.name} has no column {missing[0]}: run `penfeld db migrate`"])
        await self._make_parts(changes)
        await self._take_away(*changes.removed, run.number)
        await self._put(changes.rows)
        await self._move(changes, run.number)
        touched = np.concatenate((changes.rows.time_us, changes.removed[1]))
        if len(touched):
            hours = Times(np.unique(touched // HOUR_US) * HOUR_US)
            await self._connection.execute(statement("history_hours"), (self._type.name, hours))
            await self._find_stale(changes)
        old = run.place
        progress = {
            "run": run.number,
            "device": place.device,
            "time": place.time,
            "key": place.key,
            "old_device": old and old.device,
            "old_time": old and old.time,
            "old_key": old and old.key,
            "counts": Jsonb(asdict(counts)),
            "stale": Jsonb(self.stale),
        }
        if (await self._connection.execute(statement("history_progress"), progress)).rowcount != 1:
            raise ConflictError(f"run {run.number} was changed by another process: `penfeld redecode --list` shows it")

    async def _frames(self, limit: int | None, **times: str) -> list[Frame]:
        parameters = {
            "devices": list(self._part.devices),
            "codecs": list(self._codecs),
            "limit": limit or 2**62,
            **times,
        }
        found = await fetch(self._connection, statement("history_frames"), parameters)
        await self._learn_ids({row[0] for row in found})
        found.sort(key=lambda row: row[:3])
        return [self._frame(row) for row in found]

    async def _learn_ids(self, devices: Iterable[int]) -> None:
        wanted = [device for device in devices if device not in self._ids]
        if wanted:
            query = SQL("select key, id from penfeld.device where key = any(%s)")
            self._ids.update(await fetch(self._connection, query, (wanted,)))

    def _frame(self, row: Sequence[Any]) -> Frame:
        device, time, key, received_at, network_time, source, network, session, f_cnt, f_port, codec = row[:11]
        simulated, payload, values = row[11:14]
        return Frame(
            uplink=Uplink(
                network=network,
                device=self._ids.get(device, ""),
                time=network_time,
                payload=payload,
                values=values,
                f_port=f_port,
                f_cnt=f_cnt,
                session=session,
            ),
            key=key,
            source=source,
            device=device,
            device_type=self._type.name,
            time_us=microseconds(time),
            received_us=microseconds(received_at),
            network_us=None if network_time is None else microseconds(network_time),
            simulated=simulated,
            decoded_with=self._codecs[codec],
        )

    async def _make_parts(self, changes: Changes) -> None:
        if self._partitions is None:
            return
        wanted = {(self._type.name, month) for month in months(changes.rows.time_us)}
        moved = np.array([one.new_time_us for one in changes.moved], dtype=np.int64)
        await self._partitions.ensure(wanted | {(UPLINK, month) for month in months(moved)})

    async def _take_away(self, devices: Ints, times: Ints, run: int) -> None:
        """Delete readings, and keep what they said."""
        if not len(devices):
            return
        # The bounds leave out other chunks, and other devices' parts of compressed ones.
        query = SQL(
            "with taken as (delete from {} as r using unnest(%(devices)s, %(times)s) as p (device, time)"
            " where r.device = p.device and r.time = p.time"
            " and r.device = any(%(some)s) and r.time between %(start)s and %(end)s"
            " returning r.device, r.time, r.codec, r.simulated, (select to_jsonb(x) from (select {}) as x) as said) {}"
        ).format(
            table(self._type.name),
            SQL(", ").join(Identifier("r", name) for name in ("received_at", "flags", *self._columns)),
            statement("history_supersede"),
        )
        parameters = {
            "devices": Int4s(devices),
            "times": Times(times),
            "some": np.unique(devices).tolist(),
            "start": moment(int(times.min())),
            "end": moment(int(times.max())),
            "type": self._type.name,
            "run": run,
        }
        if (await self._connection.execute(query, parameters)).rowcount != len(devices):
            raise CollisionError("a reading is not there any more")

    async def _put(self, rows: Rows) -> None:
        """Write readings, with the version that said them."""
        if not len(rows):
            return
        names = {"type": self._type.name, "version": self._type.version}
        [(codec,)] = await fetch(self._connection, statement("codec_key"), names)
        columns, data = packing.copied(rows, codec)
        command = SQL("copy {} ({}) from stdin (format binary)").format(
            table(self._type.name), SQL(", ").join(map(Identifier, columns))
        )
        async with self._connection.cursor() as cursor, cursor.copy(command) as copy:
            await copy.write(HEAD + data + TAIL)

    async def _move(self, changes: Changes, run: int) -> None:
        """Give raw frames their new event times."""
        if not changes.moved:
            return
        parameters = _moves(changes.moved)
        done = set(await fetch(self._connection, statement("history_move"), parameters))
        moved = [one for one in changes.moved if (one.device, moment(one.new_time_us), one.new_key) in done]
        if not moved:
            return
        parameters = {**_moves(moved), "run": run}
        await self._connection.execute(statement("history_leave"), parameters)
        await self._connection.execute(statement("history_remember_moved"), parameters)
        heard = parameters["devices"], parameters["new_times"]
        await self._connection.execute(statement("history_heard_moved"), heard)

    async def _find_stale(self, changes: Changes) -> None:
        """Learn whose newest values were among what changed, or are older than it."""
        rows = changes.rows
        device = np.concatenate((rows.device, changes.removed[0]))
        time_us = np.concatenate((rows.time_us, changes.removed[1]))
        devices = np.unique(device)
        at, row_at = np.searchsorted(devices, device), np.searchsorted(devices, rows.device)
        heard = await fetch(self._connection, statement("history_heard"), (devices.tolist(),))
        self._stale("", devices, at[time_us >= _newest(devices, heard)[at]])
        names = [name for name in rows.columns if name in self._columns]
        query = SQL("select device, {} from {} where device = any(%s)").format(
            SQL(", ").join(Identifier(name + latest.TIME) for name in names), latest.table(self._type.name)
        )
        found = await fetch(self._connection, query, (devices.tolist(),)) if names else []
        for number, name in enumerate(names, 1):
            newest = _newest(devices, [(row[0], row[number]) for row in found if row[number] is not None])
            newer = rows.columns[name].valid & (rows.time_us > newest[row_at])
            self._stale(name, devices, np.concatenate((at[time_us == newest[at]], row_at[newer])))

    def _stale(self, field: str, devices: Ints, at: Ints) -> None:
        if len(at):
            self.stale[field] = devices[np.unique(at)].tolist()


def _moves(moved: Sequence[Any]) -> dict[str, Any]:
    times = np.array([one.time_us for one in moved], dtype=np.int64)
    return {
        "devices": Int4s(np.array([one.device for one in moved], dtype=np.int64)),
        "times": Times(times),
        "keys": Bytes([one.key for one in moved]),
        "new_times": Times(np.array([one.new_time_us for one in moved], dtype=np.int64)),
        "new_keys": Bytes([one.new_key for one in moved]),
        "start": moment(int(times.min())),
        "end": moment(int(times.max())),
    }


def _newest(devices: Ints, found: Sequence[tuple[Any, ...]]) -> Ints:
    """Return a time for each device, the earliest possible where none was found."""
    times = np.full(len(devices), _NEVER_US)
    for device, time in found:
        times[np.searchsorted(devices, device)] = microseconds(time)
    return times


def times_of(scope: Scope) -> dict[str, str]:
    """Return first and last event time of a scope, as the database reads them."""
    return {
        "start": "-infinity" if scope.start is None else scope.start.isoformat(),
        "end": "infinity" if scope.end is None else scope.end.isoformat(),
    }
