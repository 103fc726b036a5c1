"""The register of devices in the database: the ``Registry`` and ``DeviceLookup`` of ``model.ports``."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from psycopg.sql import SQL, Literal
from psycopg.types.json import Jsonb

from model.device import Device, DeviceRef, State
from model.errors import BadRequestError, NotFoundError
from storage import latest, rollups_purge
from storage.arrays import Texts
from storage.connection import Connection, Database, RefusedError, rows
from storage.heard import LOCKS
from storage.quarantine import devices_changed
from storage.statements import statement
from storage.tables import FIXED, columns, table


class Registry:
    """Devices, registered and pending."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def identify(self, devices: Sequence[str]) -> Mapping[str, DeviceRef]:
        """Return what is known of these canonical device ids; unknown ones are absent."""
        return await identified(self._database, devices)

    async def devices(
        self,
        *,
        device_type: str | None = None,
        state: str | None = None,
        district: str | None = None,
        search: str | None = None,
        simulated: bool | None = None,
        experiments: Collection[str] | None = None,
        limit: int = 1000,
        after: str | None = None,
    ) -> Sequence[Device]:
        """Return devices in order of id (of its code points), at most ``limit``, behind the id ``after``.

        ``search``: a part of id or name, in any case. ``experiments``: only registered ones of these.
        """
        parameters = {
            "type": device_type,
            "state": state,
            "district": district,
            "search": search,
            "simulated": simulated,
            "experiments": None if experiments is None else sorted(experiments),
            "limit": limit,
            "after": after,
        }
        if any(isinstance(text, str) and not text.isprintable() for text in parameters.values()):
            return ()
        return [device_of(row) for row in await self._database.fetch(statement("devices"), parameters)]

    async def device(self, device_id: str) -> Device:
        """Return one device; raise ``NotFoundError``."""
        found = await self._database.fetch(statement("device"), (device_id,)) if device_id.isprintable() else []
        if not found:
            raise NotFoundError(f"no device {device_id!r} is registered")
        return device_of(found[0])

    async def register(self, devices: Sequence[Device]) -> Mapping[str, str]:
        """Insert or update devices; return id -> ``"created"`` | ``"updated"`` | ``"unchanged"``.

        Raise ``BadRequestError`` naming every device that cannot be stored; nothing is changed then. A device that
        gets another type loses its latest values, which were of the old type; its readings stay.
        """
        _check(devices)
        document = Jsonb([_document(device) for device in devices])
        try:
            async with self._database.transaction() as connection:
                # the writer's locks, in the writer's order: it changes the same rows in an order of its own
                await connection.execute(statement("lock_all_devices"), (LOCKS,))
                await connection.execute(statement("lock_quarantine"))
                retyped = [key for (key,) in await rows(connection, statement("retyped"), (document,))]
                await _forget_latest(connection, retyped)
                changed = dict(await rows(connection, statement("register"), (document,)))
                await devices_changed(connection, list(changed))
        except RefusedError as error:
            raise BadRequestError(f"the database refuses these devices: {error}") from error
        states = {None: "unchanged", True: "created", False: "updated"}
        return {device.id: states[changed.get(device.id)] for device in devices}

    async def remove(self, device_id: str) -> None:
        """Retire a device: its readings stay, its frames go to quarantine. Raise ``NotFoundError``."""
        found = await self._database.fetch(statement("retire"), (device_id,)) if device_id.isprintable() else []
        if not found:
            raise NotFoundError(f"no device {device_id!r} is registered")

    async def purge_simulated(self) -> Mapping[str, int]:
        """Delete simulated devices with all that came from them, and simulated frames of real devices.

        Raw frames, readings, rollups, latest values, facts and quarantine go; real devices' latest values are found
        again from what stays. The ledger is history, not stock: what was received was received, so it is not touched
        and still balances. All in one transaction; writers wait. Return rows deleted by table.
        """
        async with self._database.transaction() as connection:
            await connection.execute(statement("lock_all_devices"), (LOCKS,))
            await connection.execute(statement("lock_quarantine"))
            keys = [key for (key,) in await rows(connection, statement("simulated_devices"))]
            touched = [key for (key,) in await rows(connection, statement("touched_devices"))]
            tables = await columns(connection)
            deleted = {}
            for name in tables:
                [(count,)] = await rows(connection, _PURGE.format(table(name), type=Literal(name)), (keys,))
                deleted[f"readings.{name}"] = count
            await rollups_purge.purge(connection, keys)
            await latest.forget(connection, list(tables), [*keys, *touched])
            await connection.execute(statement("history_purge"), {"devices": keys})
            for name in ("uplink", "heard", "device_state", "quarantine", "alarm", "signal", "device"):
                parameters = (keys,) if name in _BY_KEY else None
                cursor = await connection.execute(statement(f"purge_{name}"), parameters)
                deleted[f"penfeld.{name}"] = cursor.rowcount
            await _hear_again(connection, touched, tables)
        return deleted


_BY_KEY = ("uplink", "heard", "device_state", "alarm", "signal")
"""Which of these are found by the keys of simulated devices."""
_PURGE = SQL(
    "with gone as (delete from {} where simulated or device = any(%s) returning time),"
    " noted as (insert into penfeld.changed_hour (device_type, hour)"
    " select distinct {type}, date_trunc('hour', time) from gone)"
    " select count(*) from gone"
)


async def identified(database: Database, devices: Iterable[str]) -> Mapping[str, DeviceRef]:
    """Return what is known of these canonical device ids; unknown ones are absent."""
    wanted = [name.encode() for name in devices if name.isprintable()]  # others PostgreSQL cannot hold
    found = await database.fetch(statement("identify"), (Texts(wanted),))
    return {
        name: DeviceRef(key=key, type=device_type, state=State(state), simulated=simulated)
        for name, key, device_type, state, simulated in found
    }


async def _forget_latest(connection: Connection, devices: Sequence[int]) -> None:
    """Forget what is known of the fields of these devices; that they were heard is not forgotten."""
    if devices:
        await connection.execute(statement("forget_readings"), (devices,))
        await latest.forget(connection, list(await columns(connection)), devices)


async def _hear_again(connection: Connection, devices: Sequence[int], tables: Mapping[str, Iterable[str]]) -> None:
    """Find again, from their frames and readings, what is known of these devices; their latest values are gone."""
    if not devices:
        return
    await connection.execute(statement("purge_heard"), (devices,))
    await connection.execute(statement("hear_again"), (devices,))
    for name, all_columns in tables.items():
        await connection.execute(
            SQL(
                "update penfeld.heard as h set time = n.time, received_at = n.received_at, flags = n.flags"
                " from penfeld.device as d cross join lateral ("
                "select time, received_at, flags from {} where device = d.key order by time desc limit 1) as n"
                " where d.key = h.device and d.key = any(%s) and (d.type = {type} or d.type is null)"
                " and (h.time is null or n.time > h.time)"
            ).format(table(name), type=Literal(name)),
            (devices,),
        )
        await latest.fill(connection, name, [column for column in all_columns if column not in FIXED], devices)


def device_of(row: Sequence[Any]) -> Device:
    """Return the device of a row of the statement ``device``."""
    return Device(
        id=row[0],
        type=row[1],
        state=State(row[2]),
        name=row[3],
        network=row[4],
        latitude=row[5],
        longitude=row[6],
        district=row[7],
        experiment=row[8],
        simulated=row[9],
        tags=row[10],
        variables=row[11],
        first_seen=row[12],
        last_seen=row[13],
    )


def _document(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "type": device.type,
        "state": device.state.value,
        "name": device.name,
        "network": device.network,
        "latitude": device.latitude,
        "longitude": device.longitude,
        "district": device.district,
        "experiment": device.experiment,
        "simulated": device.simulated,
        "tags": dict(device.tags),
        "variables": dict(device.variables),
    }


def _check(devices: Sequence[Device]) -> None:
    problems = []
    seen = set()
    for device in devices:
        if device.id in seen:
            problems.append(f"device {device.id!r} stands twice in the list")
        seen.add(device.id)
        if not device.id:
            problems.append("a device has an empty id")
        if device.latitude is not None and not -90 <= device.latitude <= 90:  # noqa: PLR2004 -- what degrees are
            problems.append(f"device {device.id!r}: latitude {device.latitude} is not between -90 and 90")
        if device.longitude is not None and not -180 <= device.longitude <= 180:  # noqa: PLR2004 -- what degrees are
            problems.append(f"device {device.id!r}: longitude {device.longitude} is not between -180 and 180")
    if problems:
        raise BadRequestError("; ".join(problems))
