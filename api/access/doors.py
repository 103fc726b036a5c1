"""The doors to data as somebody has them who does not see all: the same promises, about the devices that he sees.

Rules:

1. Every promise of a port is narrowed here; what cannot be narrowed tells nothing. So a route that asks a port cannot
   tell what is hidden, whether or not whoever wrote it thought of that.
2. What other people's devices need (quarantine, ledger) is behind permissions that only who sees all has; here it is
   empty besides.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from api.access.sight import Sight
from model.batch import Replay, Replayed
from model.device import Device, DeviceType, NewField
from model.errors import BadRequestError, NotFoundError
from model.observations import Chosen, Extent, Key, Observations, Observed
from model.ports import EVERYTHING, ArrowBatch, Dashboards, Exports, Quarantine, Queries, Registry
from model.questions import Aggregation
from model.resolution import POINTS, Resolution
from model.uplink import Value
from model.views import (
    Amount,
    BucketPage,
    Chart,
    DatabaseFacts,
    GapReport,
    Latest,
    LedgerRow,
    Newest,
    QuarantinedFrame,
    QuarantineFilter,
    QuarantinePage,
    QuarantineSums,
    Ranking,
    ReadingPage,
    StateValue,
    UnmappedPath,
    WorkerSums,
)


class SeenRegistry:
    """``Registry``: devices that are seen, and changes of those that are one's own."""

    def __init__(self, registry: Registry, sight: Sight) -> None:
        self._registry, self._sight = registry, sight

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
        """Return devices in order of id."""
        seen = self._sight.experiments
        return await self._registry.devices(
            device_type=device_type,
            state=state,
            district=district,
            search=search,
            simulated=simulated,
            experiments=seen if experiments is None else seen & set(experiments),
            limit=limit,
            after=after,
        )

    async def device(self, device_id: str) -> Device:
        """Return one device; raise ``NotFoundError``."""
        return await self._sight.device(device_id)

    async def register(self, devices: Sequence[Device]) -> Mapping[str, str]:
        """Insert or update devices of one's own experiments; raise ``BadRequestError`` for others."""
        problems = [problem for device in devices if (problem := await self._strange(device))]
        if problems:
            raise BadRequestError("; ".join(problems))
        return await self._registry.register(devices)

    async def remove(self, device_id: str) -> None:
        """Retire a device of one's own."""
        if not self._sight.owns(await self.device(device_id)):
            raise BadRequestError(f"{device_id} is in no experiment of yours: ask its people, or an operator")
        await self._registry.remove(device_id)

    async def purge_simulated(self) -> Mapping[str, int]:
        """Refuse: simulated devices are everybody's."""
        raise BadRequestError("simulated devices are removed by an operator: penfeld purge-simulated")

    async def _strange(self, device: Device) -> str | None:
        """Return why a device cannot be registered by who asks, ``None`` if it can."""
        if not self._sight.owns(device):
            mine = ", ".join(sorted(self._sight.own)) or "none so far"
            return f"device {device.id}: name an experiment of yours (experiment: {mine})"
        try:
            there = await self._registry.device(device.id)
        except NotFoundError:
            return None
        if there.state == "pending" or self._sight.owns(there):
            return None
        return f"device {device.id}: it is registered already, in no experiment of yours: ask an operator"


class SeenQueries:
    """``Queries`` about devices that are seen."""

    def __init__(self, queries: Queries, sight: Sight) -> None:
        self._queries, self._sight = queries, sight

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
        """Return readings."""
        seen = await self._sight.of(devices or None, device_type.name)
        if not seen:
            return ReadingPage(rows=[], next_cursor=None)
        return await self._queries.readings(
            device_type,
            devices=seen,
            start=start,
            end=end,
            fields=fields,
            limit=limit,
            cursor=cursor,
            newest_first=newest_first,
            simulated=simulated,
        )

    async def latest(self, *, device_type: str | None = None, devices: Sequence[str] = ()) -> Sequence[Latest]:
        """Return the newest values."""
        seen = await self._sight.of(devices or None, device_type)
        return await self._queries.latest(device_type=device_type, devices=seen) if seen else ()

    async def state(self, device: str) -> Mapping[str, StateValue]:
        """Return what networks told of a device."""
        return await self._queries.state(device) if await self._sight.of([device]) else {}

    async def unmapped(self, device_type: DeviceType, *, device: str | None = None) -> Sequence[UnmappedPath]:
        """Return what no field took of one device: of a whole type it cannot be told whose it is."""
        if device is None or not await self._sight.of([device], device_type.name):
            return ()
        return await self._queries.unmapped(device_type, device=device)

    async def ledger(
        self, *, start: datetime | None = None, end: datetime | None = None, source: str | None = None
    ) -> Sequence[LedgerRow]:
        """Return nothing: it counts everybody's frames."""
        del start, end, source
        return ()

    async def ledger_workers(self, *, start: datetime | None = None) -> Sequence[WorkerSums]:
        """Return nothing: the same."""
        del start
        return ()

    async def unaccounted(self) -> int:
        """Return nothing: the same."""
        return 0

    async def quarantine(
        self, wanted: QuarantineFilter = EVERYTHING, *, limit: int = 100, cursor: str | None = None
    ) -> QuarantinePage:
        """Return nothing: frames are nobody's before they are understood."""
        del wanted, limit, cursor
        return QuarantinePage(rows=(), next_cursor=None)

    async def quarantine_sums(self) -> Sequence[QuarantineSums]:
        """Return nothing: the same."""
        return ()

    async def quarantined(self, frame_id: int) -> QuarantinedFrame:
        """Find nothing: the same."""
        raise NotFoundError(f"no frame {frame_id} is in quarantine")

    async def facts(self) -> DatabaseFacts:
        """Return what the database is."""
        return await self._queries.facts()


class SeenExports:
    """``Exports`` of devices that are seen."""

    def __init__(self, exports: Exports, sight: Sight) -> None:
        self._exports, self._sight = exports, sight

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
        """Yield readings."""
        seen = await self._sight.of(devices, device_type.name)
        async for batch in self._exports.batches(
            device_type, devices=seen, start=start, end=end, fields=fields, simulated=simulated
        ):
            yield batch


class SeenDashboards:
    """``Dashboards`` about devices that are seen."""

    def __init__(self, dashboards: Dashboards, sight: Sight) -> None:
        self._dashboards, self._sight = dashboards, sight

    async def series(
        self,
        device_type: DeviceType,
        *,
        devices: Sequence[str],
        start: datetime,
        end: datetime,
        fields: Sequence[str] = (),
        resolution: Resolution | None = None,
        points: int = POINTS,
        simulated: bool | None = None,
    ) -> Chart:
        """Return a line for each device and field."""
        seen = await self._sight.of(devices, device_type.name)
        if len(seen) < len(devices):
            strange = next(one for one in devices if one not in seen)
            raise NotFoundError(f"no device {strange!r} is registered")
        return await self._dashboards.series(
            device_type,
            devices=seen,
            start=start,
            end=end,
            fields=fields,
            resolution=resolution,
            points=points,
            simulated=simulated,
        )

    async def aggregated(
        self,
        device_type: DeviceType,
        *,
        start: datetime,
        end: datetime,
        resolution: Resolution,
        aggregation: Aggregation,
        devices: Sequence[str] | None = None,
        fields: Sequence[str] = (),
        limit: int = 1000,
        cursor: str | None = None,
        simulated: bool | None = None,
    ) -> BucketPage:
        """Return a page of buckets."""
        return await self._dashboards.aggregated(
            device_type,
            start=start,
            end=end,
            resolution=resolution,
            aggregation=aggregation,
            devices=await self._sight.of(devices, device_type.name),
            fields=fields,
            limit=limit,
            cursor=cursor,
            simulated=simulated,
        )

    async def groups(
        self,
        device_types: Sequence[DeviceType],
        *,
        start: datetime,
        end: datetime,
        fields: Sequence[str],
        by_district: bool = False,
        districts: Sequence[str] = (),
        resolution: Resolution | None = None,
        points: int = POINTS,
        simulated: bool | None = None,
    ) -> Chart:
        """Return no lines: sums over a district are sums over everybody's devices."""
        whole = await self._dashboards.groups(
            device_types,
            start=start,
            end=end,
            fields=fields,
            by_district=by_district,
            districts=districts,
            resolution=resolution,
            points=points,
            simulated=simulated,
        )
        return replace(whole, lines=())

    async def top(
        self,
        device_type: DeviceType,
        field: str,
        *,
        start: datetime,
        end: datetime,
        limit: int = 20,
        districts: Sequence[str] = (),
        resolution: Resolution | None = None,
        simulated: bool | None = None,
    ) -> Ranking:
        """Return the devices whose counter grew most, of those that are seen."""
        seen = await self._sight.ids(device_type.name)
        whole = await self._dashboards.top(
            device_type,
            field,
            start=start,
            end=end,
            limit=_ALL,
            districts=districts,
            resolution=resolution,
            simulated=simulated,
        )
        return replace(whole, consumers=[one for one in whole.consumers if one.device in seen][:limit])

    async def newest(self, device_type: DeviceType, *, fields: Sequence[str] = ()) -> Sequence[Newest]:
        """Return the newest values of devices that are seen."""
        seen = await self._sight.ids(device_type.name)
        return [one for one in await self._dashboards.newest(device_type, fields=fields) if one.device in seen]

    async def gaps(
        self,
        device_type: DeviceType,
        *,
        start: datetime,
        end: datetime,
        devices: Sequence[str] = (),
        districts: Sequence[str] = (),
        limit: int = 20,
        simulated: bool | None = None,
    ) -> GapReport:
        """Return the devices that lack most, of those that are seen."""
        seen = await self._sight.of(devices or None, device_type.name)
        if not seen:
            return GapReport(
                resolution=Resolution.RAW,
                sources=(),
                start=start,
                end=end,
                widened=False,
                devices=0,
                completeness=100.0,
                worst=(),
            )
        return await self._dashboards.gaps(
            device_type,
            start=start,
            end=end,
            devices=seen,
            districts=districts,
            limit=limit,
            simulated=simulated,
        )


_ALL = 100_000


class SeenObservations:
    """``Observations`` of devices that are seen."""

    def __init__(self, observations: Observations, sight: Sight) -> None:
        self._observations, self._sight = observations, sight

    async def observations(
        self,
        chosen: Sequence[Chosen],
        *,
        order: Sequence[Key],
        limit: int,
        skip: int = 0,
        after: Sequence[Value | datetime] | None = None,
    ) -> Sequence[Observed]:
        """Return observations in this order."""
        seen = await self._seen(chosen)
        if not seen:
            return ()
        return await self._observations.observations(seen, order=order, limit=limit, skip=skip, after=after)

    async def of_each(self, chosen: Sequence[Chosen], *, order: Sequence[Key], limit: int) -> Sequence[Observed]:
        """Return observations of each device and field."""
        seen = await self._seen(chosen)
        return await self._observations.of_each(seen, order=order, limit=limit) if seen else ()

    async def count(self, chosen: Sequence[Chosen], *, limit: int) -> int:
        """Return how many there are."""
        seen = await self._seen(chosen)
        return await self._observations.count(seen, limit=limit) if seen else 0

    async def extents(self, device_type: DeviceType, devices: Sequence[str]) -> Mapping[tuple[str, str], Extent]:
        """Return the extents of series."""
        seen = await self._sight.of(devices, device_type.name)
        return await self._observations.extents(device_type, seen) if seen else {}

    async def _seen(self, chosen: Sequence[Chosen]) -> list[Chosen]:
        found = []
        for one in chosen:
            devices = await self._sight.of(one.devices, one.device_type.name)
            if devices:
                found.append(replace(one, devices=tuple(devices)))
        return found


class SeenQuarantine:
    """``Quarantine`` for who registers devices of his own: how much waits for them, and nothing else."""

    def __init__(self, quarantine: Quarantine, sight: Sight) -> None:
        self._quarantine, self._sight = quarantine, sight

    async def lines(self, wanted: QuarantineFilter, *, limit: int = 500, after: int = 0) -> Sequence[QuarantinedFrame]:
        """Return nothing: frames are nobody's before they are understood."""
        del wanted, limit, after
        return ()

    async def count(self, wanted: QuarantineFilter) -> Amount:
        """Return nothing: the same."""
        del wanted
        return Amount(lines=0, frames=0)

    async def request(self, wanted: QuarantineFilter) -> Amount:
        """Refuse."""
        del wanted
        raise BadRequestError(_OPERATORS)

    async def request_types(self, device_types: Sequence[str]) -> Amount:
        """Refuse."""
        del device_types
        raise BadRequestError(_OPERATORS)

    async def waiting(self, devices: Sequence[str]) -> Amount:
        """Return how much of devices that are seen waits."""
        return await self._quarantine.waiting(await self._sight.of(devices))

    async def replay(self, replay: Replay, at: datetime) -> Replayed:
        """Refuse."""
        del replay, at
        raise BadRequestError(_OPERATORS)


class SeenDeviceFiles:
    """``DeviceFiles`` for who reads them only."""

    async def add_field(self, device_type: str, field: NewField) -> DeviceType:
        """Refuse: a device file is of everybody's devices of the type."""
        del device_type, field
        raise BadRequestError(_OPERATORS)


_OPERATORS = "that is an operator's: ask one"
