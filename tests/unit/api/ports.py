"""Registry and Queries in memory, until tests/fakes has them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from model.device import Device, DeviceType, State
from model.errors import NotFoundError, UnavailableError
from model.views import (
    DatabaseFacts,
    Latest,
    LedgerRow,
    QuarantinedFrame,
    QuarantinePage,
    ReadingPage,
    ReadingRow,
)


class Registry:
    def __init__(self, devices: Sequence[Device]) -> None:
        self.known = {device.id: device for device in devices}
        self.down = False

    def _check(self) -> None:
        if self.down:
            raise UnavailableError("the database does not answer")

    async def devices(
        self,
        *,
        device_type: str | None = None,
        state: str | None = None,
        district: str | None = None,
        search: str | None = None,
        simulated: bool | None = None,
        limit: int = 1000,
        after: str | None = None,
    ) -> Sequence[Device]:
        self._check()
        return [
            device
            for _, device in sorted(self.known.items())
            if device_type in {None, device.type}
            and state in {None, device.state}
            and district in {None, device.district}
            and (search is None or search in device.id or search in device.name)
            and simulated in {None, device.simulated}
            and (after is None or device.id > after)
        ][:limit]

    async def device(self, device_id: str) -> Device:
        self._check()
        if device_id not in self.known:
            raise NotFoundError(f"there is no device {device_id}")
        return self.known[device_id]

    async def register(self, devices: Sequence[Device]) -> Mapping[str, str]:
        self._check()
        told = {}
        for device in devices:
            old = self.known.get(device.id)
            told[device.id] = "created" if old is None else "unchanged" if old == device else "updated"
            self.known[device.id] = device
        return told

    async def remove(self, device_id: str) -> None:
        self.known[device_id] = replace(await self.device(device_id), state=State.RETIRED)

    async def purge_simulated(self) -> Mapping[str, int]:
        return {}


class Queries:
    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.rows: list[ReadingRow] = []
        self.newest: list[Latest] = []
        self.hours: list[LedgerRow] = []
        self.frames: list[QuarantinedFrame] = []
        self.down = False

    def _check(self) -> None:
        if self.down:
            raise UnavailableError("the database does not answer")

    async def readings(
        self,
        device_type: DeviceType,
        *,
        devices: Sequence[str] = (),
        start: datetime | None = None,
        end: datetime | None = None,
        fields: Sequence[str] = (),
        limit: int = 1000,
        cursor: str | None = None,
        newest_first: bool = False,
        simulated: bool | None = None,
    ) -> ReadingPage:
        self._check()
        rows = sorted(
            (
                row
                for row in self.rows
                if (not devices or row.device in devices)
                and (start is None or row.time >= start)
                and (end is None or row.time < end)
                and simulated in {None, row.simulated}
            ),
            key=lambda row: (row.time, row.device),
            reverse=newest_first,
        )
        names = fields or [field.name for field in device_type.fields]
        first = int(cursor or 0)
        page = [replace(row, values={name: row.values.get(name) for name in names}) for row in rows]
        more = len(rows) > first + limit
        return ReadingPage(rows=page[first : first + limit], next_cursor=str(first + limit) if more else None)

    async def latest(self, *, device_type: str | None = None, devices: Sequence[str] = ()) -> Sequence[Latest]:
        self._check()
        return [
            one
            for one in self.newest
            if device_type in {None, one.device.type} and (not devices or one.device.id in devices)
        ]

    async def ledger(self, *, start: datetime | None = None, end: datetime | None = None) -> Sequence[LedgerRow]:
        self._check()
        return [
            row for row in self.hours if (start is None or row.hour >= start) and (end is None or row.hour < end)
        ]

    async def quarantine(
        self,
        *,
        reason: str | None = None,
        device: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> QuarantinePage:
        self._check()
        rows = [f for f in self.frames[::-1] if reason in {None, f.reason} and device in {None, f.device}]
        first = int(cursor or 0)
        more = len(rows) > first + limit
        return QuarantinePage(rows=rows[first : first + limit], next_cursor=str(first + limit) if more else None)

    async def quarantined(self, frame_id: int) -> QuarantinedFrame:
        self._check()
        for frame in self.frames:
            if frame.id == frame_id:
                return frame
        raise NotFoundError(f"there is no frame {frame_id} in quarantine")

    async def facts(self) -> DatabaseFacts:
        self._check()
        return DatabaseFacts(
            server_version="16.4", timescaledb_version=None, migration=1, size_bytes=1, now=datetime.now(UTC)
        )
