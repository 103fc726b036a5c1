"""``Dashboards`` in memory: every answer is reckoned from the readings, one by one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil, floor
from zoneinfo import ZoneInfo

from model.device import Device, DeviceType, State
from model.errors import BadRequestError, NotFoundError
from model.questions import (
    Aggregation,
    check_common,
    check_counter,
    check_fields,
    check_known,
    check_limit,
    check_range,
    check_size,
)
from model.resolution import POINTS, Kept, Resolution, begin, choose, whole
from model.views import Bucket, BucketPage, Chart, Consumer, Coverage, Gap, GapReport, Line, Newest, Point, Ranking
from tests.fakes.memory import Memory

FOR_EVER: Kept = dict.fromkeys(Resolution)
NOW = datetime(2026, 7, 2, 12, tzinfo=UTC)
LATE = 1.5


@dataclass(frozen=True)
class _Said:
    """What a reading says of one field, if anything; ``step``: how much a counter grew since the value before."""

    device: Device
    time: datetime
    value: float | None
    step: float | None
    simulated: bool


class Dashboards:
    """Answers from a ``Memory``, which other fakes may share. ``now`` is its clock, ``kept`` what goes back how far."""

    def __init__(
        self,
        memory: Memory | None = None,
        *,
        now: Callable[[], datetime] = lambda: NOW,
        zone: str = "Europe/Paris",
        kept: Kept = FOR_EVER,
    ) -> None:
        self.memory = memory or Memory()
        self.now = now
        self.zone = ZoneInfo(zone)
        self.kept = kept

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
        check_range(start, end, points)
        names = [each.name for each in check_fields(device_type, fields)]
        chosen = choose(
            self.kept,
            start=start,
            end=end,
            now=self.now(),
            period=device_type.period,
            resolution=resolution,
            points=points,
        )
        wanted = list(dict.fromkeys(devices))
        check_size(chosen, end - start, device_type.period, len(wanted) * len(names))
        for name in wanted:
            if name not in self.memory.devices or self.memory.devices[name].type != device_type.name:
                raise NotFoundError(f"no device {name!r} of type {device_type.name} is registered")
        first, last = whole(chosen, start, end, self.zone)
        lines = []
        for device in wanted:
            for name in names:
                said = [
                    each
                    for each in self._said(device_type, name, simulated)
                    if each.device.id == device and first <= each.time < last
                ]
                lines.append(
                    Line(
                        field=name,
                        device=device,
                        points=self._points(said, chosen, counter=_counts([device_type], name)),
                    )
                )
        return _chart(chosen, (start, end), (first, last), lines)

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
        check_range(start, end)
        names = [each.name for each in check_fields(device_type, fields)]
        kept: Kept = {each: how for each, how in self.kept.items() if each is not Resolution.RAW}
        chosen = choose(kept, start=start, end=end, now=self.now(), period=device_type.period, resolution=resolution)
        first, last = whole(chosen, start, end, self.zone)
        found: dict[tuple[datetime, str], dict[str, list[float]]] = {}
        for name in names:
            for said in sorted(self._said(device_type, name, simulated), key=lambda each: each.time):
                if said.value is None:
                    continue
                if first <= said.time < last and (devices is None or said.device.id in devices):
                    place = (begin(chosen, said.time, self.zone), said.device.id)
                    found.setdefault(place, {}).setdefault(name, []).append(said.value)
        rows = [
            Bucket(
                device=device,
                time=time,
                values={name: _AGGREGATES[aggregation](values[name]) if name in values else None for name in names},
            )
            for (time, device), values in sorted(found.items())
            if cursor is None or f"{time.isoformat()} {device}" > cursor
        ]
        more = len(rows) > limit
        rows = rows[:limit]
        following = f"{rows[-1].time.isoformat()} {rows[-1].device}" if more else None
        return BucketPage(resolution=chosen, start=first, end=last, rows=rows, next_cursor=following)

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
        """Return a line for each field (and district)."""
        check_range(start, end, points)
        names = list(dict.fromkeys(fields))
        types = check_common(device_types, names)
        kept = {each: how for each, how in self.kept.items() if each.width >= Resolution.HOUR.width}
        chosen = choose(
            kept, start=start, end=end, now=self.now(), period=timedelta(0), resolution=resolution, points=points
        )
        first, last = whole(chosen, start, end, self.zone)
        said = {
            name: [
                each
                for device_type in types
                if device_type.field(name)
                for each in self._said(device_type, name, simulated)
                if first <= each.time < last and (not districts or (each.device.district or "") in districts)
            ]
            for name in names
        }
        places: list[str | None] = [None]
        if by_district:
            places = sorted({each.device.district or "" for some in said.values() for each in some}, key=str)
        lines = [
            Line(
                field=name,
                district=place,
                points=self._points(
                    [each for each in said[name] if place is None or (each.device.district or "") == place],
                    chosen,
                    counter=_counts(types, name),
                ),
            )
            for place in places
            for name in names
        ]
        return _chart(chosen, (start, end), (first, last), lines)

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
        """Return the devices whose counter grew most."""
        check_range(start, end)
        check_limit(limit)
        check_counter(device_type, field)
        kept = {each: how for each, how in self.kept.items() if each.width >= Resolution.HOUR.width}
        asked = resolution or (Resolution.HOUR if end - start <= timedelta(days=2) else Resolution.DAY)
        chosen = choose(kept, start=start, end=end, now=self.now(), period=device_type.period, resolution=asked)
        first, last = whole(chosen, start, end, self.zone)
        grown: dict[str, float] = {}
        for each in self._said(device_type, field, simulated):
            inside = first <= each.time < last and each.value is not None
            if (
                inside
                and each.simulated == each.device.simulated
                and (not districts or (each.device.district or "") in districts)
            ):
                grown[each.device.id] = grown.get(each.device.id, 0.0) + (each.step or 0.0)
        most = sorted(grown.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
        consumers = [
            Consumer(
                device=device,
                name=self.memory.devices[device].name,
                district=self.memory.devices[device].district,
                increase=increase,
            )
            for device, increase in most
        ]
        return Ranking(
            resolution=chosen,
            sources=("memory",),
            start=first,
            end=last,
            widened=(first, last) != (start, end),
            consumers=consumers,
        )

    async def newest(self, device_type: DeviceType, *, fields: Sequence[str] = ()) -> Sequence[Newest]:
        """Return the newest values of all active devices of a type."""
        check_known(device_type, fields)
        names = list(dict.fromkeys(fields)) or [each.name for each in device_type.fields]
        found = []
        for _, device in sorted(self.memory.devices.items()):
            latest = self.memory.latest_of(device)
            if device.state is not State.ACTIVE or device.type != device_type.name or latest is None:
                continue
            found.append(
                Newest(
                    device=device.id,
                    name=device.name,
                    district=device.district,
                    latitude=device.latitude,
                    longitude=device.longitude,
                    simulated=device.simulated,
                    time=latest.time,
                    flags=latest.flags,
                    values=tuple(latest.values[name].value if name in latest.values else None for name in names),
                    times=tuple(latest.values[name].time if name in latest.values else None for name in names),
                )
            )
        return found

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
        """Return the active devices that lack most; always from readings."""
        check_range(start, end)
        check_limit(limit)
        if start >= self.now():
            raise BadRequestError("the range is not yet")
        until = min(end, self.now())
        covered = [
            self._coverage(device_type, device, start, until)
            for device in self.memory.devices.values()
            if device.type == device_type.name
            and device.state is State.ACTIVE
            and (not devices or device.id in devices)
            and (not districts or (device.district or "") in districts)
            and (simulated is None or device.simulated == simulated)
        ]
        worst = sorted(covered, key=lambda each: (each.completeness, each.device))
        expected = sum(each.expected for each in covered)
        return GapReport(
            resolution=Resolution.RAW,
            sources=("memory",),
            start=start,
            end=until,
            widened=False,
            devices=len(covered),
            completeness=100 * sum(each.received for each in covered) / expected if expected else 100.0,
            worst=worst[:limit],
        )

    def _said(self, device_type: DeviceType, name: str, simulated: bool | None) -> Iterator[_Said]:  # noqa: FBT001 -- as the port has it
        """Yield what each reading says of a field, by device and time."""
        rows = sorted(self.memory.rows.get(device_type.name, {}).values(), key=lambda row: (row.device, row.time))
        before: dict[tuple[str, bool], float] = {}
        for row in rows:
            if simulated is not None and row.simulated != simulated:
                continue
            value, step = row.values.get(name), None
            if value is not None:
                value = float(value)
                last = before.get((row.device, row.simulated))
                step = None if last is None else value - last if value >= last else value
                before[row.device, row.simulated] = value
            yield _Said(self.memory.devices[row.device], row.time, value, step, row.simulated)

    def _points(self, said: Sequence[_Said], resolution: Resolution, *, counter: bool) -> list[Point]:
        buckets: dict[datetime, list[_Said]] = {}
        for each in said:
            buckets.setdefault(begin(resolution, each.time, self.zone), []).append(each)
        found = (_point(time, some, counter=counter) for time, some in sorted(buckets.items()))
        return [point for point in found if point is not None]

    def _coverage(self, device_type: DeviceType, device: Device, start: datetime, end: datetime) -> Coverage:
        times = sorted(
            row.time
            for row in self.memory.rows.get(device_type.name, {}).values()
            if row.device == device.id and start <= row.time < end
        )
        first_seen = self.memory.seen(device).first_seen
        if first_seen is not None and first_seen > start:
            start = min([first_seen, end, *times[:1]])
        period = device_type.period
        expected = int((end - start) / period)
        gaps = []
        if not times and expected:
            gaps = [Gap(start=start, end=end, missing=expected)]
        elif times:
            for left, right in pairwise([start, *times, end]):
                if right - left > LATE * period:
                    periods = (right - left) / period
                    missing = round(periods) - 1
                    if left is start:
                        missing = floor(periods)
                    elif right is end:
                        missing = ceil(periods) - 1
                    gaps.append(Gap(start=left, end=right, missing=missing))
        received = max(0, expected - sum(gap.missing for gap in gaps))
        return Coverage(
            device=device.id,
            name=device.name,
            district=device.district,
            expected=expected,
            received=received,
            completeness=100 * received / expected if expected else 100.0,
            gaps=gaps,
        )


_AGGREGATES: Mapping[Aggregation, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "sum": sum,
    "count": len,
    "last": lambda values: values[-1],
}


def _counts(types: Sequence[DeviceType], name: str) -> bool:
    return any(field is not None and field.counter for field in (each.field(name) for each in types))


def _point(time: datetime, said: Sequence[_Said], *, counter: bool) -> Point | None:
    values = [each.value for each in said if each.value is not None]
    if not values:
        return None
    return Point(
        time=time,
        count=len(values),
        mean=sum(values) / len(values),
        minimum=min(values),
        maximum=max(values),
        total=sum(values),
        increase=sum(each.step or 0.0 for each in said) if counter else None,
        devices=len({each.device.id for each in said}),
    )


def _chart(
    resolution: Resolution, asked: tuple[datetime, datetime], buckets: tuple[datetime, datetime], lines: Sequence[Line]
) -> Chart:
    return Chart(
        resolution=resolution,
        sources=("memory",),
        start=buckets[0],
        end=buckets[1],
        widened=asked != buckets,
        lines=lines,
    )
