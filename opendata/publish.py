"""Freezes days of datasets: asks for rows, writes them beside, and keeps them if they are new.

Rules:

1. A day is published when it is over and the dataset's delay has passed; until the last frames of it have settled the
   daily step leaves it for later, a person who asks for it gets it at once.
2. What a day was made from has a fingerprint. The same fingerprint: nothing is read again. The same bytes: nothing is
   written. Other bytes: another version, with a note that says what came or changed.
3. A day without readings is no file. Readings that are no longer kept never replace a published day.
4. First the devices by the register, then their readings by their ids.
"""

import asyncio
import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from model.dataset import Cell, Choice, Dataset, Day, DayFile, Extent, FrozenRows, Slice, Version
from model.device import Device, DeviceType, State
from model.errors import BadRequestError
from model.ports import Registry
from model.resolution import Resolution
from opendata.columns import Column, columns, fields_csv, measured, table_schema
from opendata.personal import guarded
from opendata.shelf import DEVICES, FIELDS, SCHEMA, Draft, Shelf

SETTLE = timedelta(minutes=2)
"""A day whose newest reading came later than that ago is still filling up."""
PATIENCE = timedelta(hours=6)
"""So long after a day could be published, it is, whatever still comes."""
AGAIN = timedelta(hours=20)
"""How long the daily step leaves a published day before it looks for late data."""
LOOK_BACK = 30
"""For so many days the daily step looks for late data."""
_PAGE = 1000
_PREVIEW_S = 3600


class Result(StrEnum):
    """What became of a day."""

    NEW = "new"
    VERSION = "new version"
    SAME = "unchanged"
    EMPTY = "no readings"
    EARLY = "too early"
    GONE = "no longer kept"
    FILLING = "still filling up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one day of one dataset. ``version``: 0 if there is none."""

    dataset: str
    day: date
    result: Result
    version: int = 0
    rows: int = 0
    readings: int = 0
    files: tuple[DayFile, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """What all datasets share. ``kept``: how long readings of a device type are kept, ``None`` for ever."""

    zone: ZoneInfo
    types: Mapping[str, DeviceType]
    kept: Mapping[str, timedelta | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Work:
    """One day of one dataset, ready to be read."""

    dataset: Dataset
    day: date
    slices: tuple[Slice, ...]
    extents: tuple[Extent, ...]
    fingerprint: str

    @property
    def readings(self) -> int:
        return sum(each.readings for each in self.extents)

    @property
    def newest(self) -> datetime | None:
        return max((each.newest for each in self.extents if each.newest is not None), default=None)


class Publisher:
    """Publishes datasets that were checked."""

    def __init__(
        self, *, registry: Registry, rows: FrozenRows, shelf: Shelf, city: City, clock: Callable[[], datetime]
    ) -> None:
        self._registry = registry
        self._rows = rows
        self._shelf = shelf
        self._city = city
        self._clock = clock
        self._looked: dict[tuple[str, date], datetime] = {}

    async def publish(self, dataset: Dataset, day: date, *, dry_run: bool = False) -> Outcome:
        """Publish a day now if there is anything new to publish."""
        with self._shelf.locked():
            return await self._publish(dataset, await self._devices(dataset), day, dry_run=dry_run, patient=False)

    async def due(self, datasets: Sequence[Dataset]) -> list[Outcome]:
        """Publish what is due, and newer versions of days that changed; return what was published."""
        found = []
        with self._shelf.locked():
            for dataset in datasets:
                days = [day for day in self._recent() if self._wants_a_look(dataset, day)]
                devices = await self._devices(dataset) if days else []
                for day in days:
                    outcome = await self._publish(dataset, devices, day, dry_run=False, patient=True)
                    if outcome.result not in {Result.FILLING, Result.EARLY}:
                        self._looked[dataset.id, day] = self._clock()
                    if outcome.result in {Result.NEW, Result.VERSION}:
                        found.append(outcome)
        return found

    def yesterday(self) -> date:
        """Return the last day that is over."""
        return self._clock().astimezone(self._city.zone).date() - timedelta(days=1)

    def _recent(self) -> Iterator[date]:
        last = self.yesterday()
        for back in range(LOOK_BACK - 1, -1, -1):
            yield last - timedelta(days=back)

    def _wants_a_look(self, dataset: Dataset, day: date) -> bool:
        looked = self._looked.get((dataset.id, day))
        if looked is None:
            known = self._shelf.day(dataset.id, day)
            looked = known.current.frozen_at if known else None
        return self._over(dataset, day) <= self._clock() and (looked is None or self._clock() - looked >= AGAIN)

    def _over(self, dataset: Dataset, day: date) -> datetime:
        return _bounds(day, self._city.zone)[1] + dataset.delay

    async def _publish(
        self, dataset: Dataset, devices: Sequence[Device], day: date, *, dry_run: bool, patient: bool
    ) -> Outcome:
        if self._clock() < self._over(dataset, day):
            return Outcome(dataset=dataset.id, day=day, result=Result.EARLY, note=self._early(dataset, day))
        known = await asyncio.to_thread(self._shelf.day, dataset.id, day)
        number = known.current.number if known else 0
        if known is not None and any(guarded(dataset, self._city.types[name]) for name in dataset.choice.device_types):
            return replace(_same(dataset, known), note=_ONCE)
        if self._gone(dataset, day):
            return Outcome(dataset=dataset.id, day=day, result=Result.GONE, version=number, note=_KEPT)
        work = await self._work(dataset, devices, day)
        if not work.readings and known is None:
            return Outcome(dataset=dataset.id, day=day, result=Result.EMPTY)
        if known is not None and known.current.fingerprint == work.fingerprint:
            return _same(dataset, known)
        waited = self._clock() - self._over(dataset, day)
        if patient and work.newest and self._clock() - work.newest < SETTLE and waited < PATIENCE:
            return Outcome(dataset=dataset.id, day=day, result=Result.FILLING, version=number, readings=work.readings)
        if dry_run:
            result = Result.VERSION if known else Result.NEW
            return Outcome(dataset=dataset.id, day=day, result=result, version=number + 1, readings=work.readings)
        return await self._freeze(work, known, devices)

    async def _freeze(self, work: _Work, known: Day | None, devices: Sequence[Device]) -> Outcome:
        dataset, day = work.dataset, work.day
        columns_ = columns(dataset, self._city.types)
        number = known.current.number + 1 if known else 1
        with self._shelf.draft(dataset.id, day, number, columns_, _about(dataset)) as draft:
            seen = _Seen(columns_)
            for of in work.slices:
                if of.devices:
                    async for rows in self._rows.rows(of):
                        cells = _cells(dataset, of, rows)
                        seen.take(cells)
                        await asyncio.to_thread(draft.write, cells)
            files = await asyncio.to_thread(draft.finish)
            version = Version(
                number=number,
                frozen_at=self._clock(),
                rows=draft.rows,
                devices=sum(each.devices for each in work.extents),
                readings=work.readings,
                flagged=seen.flagged,
                codecs=tuple(sorted(seen.codecs)),
                fingerprint=work.fingerprint,
                files=files,
                preview_column=seen.column,
                preview=seen.preview(),
            )
            await asyncio.to_thread(self._living, dataset, columns_, devices)
            return await asyncio.to_thread(self._keep, dataset, day, draft, known, version)

    def _keep(self, dataset: Dataset, day: date, draft: Draft, known: Day | None, version: Version) -> Outcome:
        """Keep a version if it says anything new."""
        if known is not None and _sums(known.current.files) == _sums(version.files):
            return _same(dataset, known)
        if not version.rows and known is None:
            return Outcome(dataset=dataset.id, day=day, result=Result.EMPTY, readings=version.readings, note=_TOO_FEW)
        if known is not None:
            version = replace(version, note=_note(known.current, version))
        versions = (*known.versions, version) if known else (version,)
        self._shelf.keep(dataset.id, draft, Day(day=day, versions=versions))
        return Outcome(
            dataset=dataset.id,
            day=day,
            result=Result.VERSION if known else Result.NEW,
            version=version.number,
            rows=version.rows,
            readings=version.readings,
            files=version.files,
            note=version.note.get("en", ""),
        )

    def _living(self, dataset: Dataset, columns_: Sequence[Column], devices: Sequence[Device]) -> None:
        self._shelf.living(dataset.id, FIELDS, fields_csv(columns_))
        self._shelf.living(dataset.id, SCHEMA, table_schema(dataset, columns_))
        if dataset.aggregate is None:
            self._shelf.living(dataset.id, DEVICES, devices_csv(devices))

    async def _work(self, dataset: Dataset, devices: Sequence[Device], day: date) -> _Work:
        start, end = _bounds(day, self._city.zone)
        fields = measured(dataset, self._city.types)
        slices = tuple(
            Slice(
                device_type=self._city.types[name],
                fields=fields,
                devices=tuple(device.id for device in devices if device.type == name),
                start=start,
                end=end,
                resolution=dataset.resolution,
                aggregate=dataset.aggregate,
                simulated=None if dataset.simulated == "mark" else False,
                zone=self._city.zone.key,
            )
            for name in dataset.choice.device_types
        )
        extents = tuple([await self._rows.extent(of) if of.devices else Extent(0, 0, None, 0) for of in slices])
        return _Work(dataset, day, slices, extents, self._fingerprint(slices, extents, devices))

    def _fingerprint(self, slices: Sequence[Slice], extents: Sequence[Extent], devices: Sequence[Device]) -> str:
        """Return what changes whenever a day may have other bytes: its readings, its devices, what is asked of them."""
        said = [
            [
                of.device_type.name,
                of.device_type.version,
                [(each.name, each.kind, each.counter) for each in of.fields],
                of.resolution,
                of.aggregate,
                of.simulated,
                of.zone,
                extent,
            ]
            for of, extent in zip(slices, extents, strict=True)
        ]
        who = [(device.id, device.district) for device in devices]
        return hashlib.blake2b(msgspec.json.encode([said, who]), digest_size=16).hexdigest()

    async def _devices(self, dataset: Dataset) -> list[Device]:
        """Return the devices of a dataset, by type and id."""
        found: list[Device] = []
        for name in dataset.choice.device_types:
            after: str | None = None
            while page := await self._registry.devices(device_type=name, limit=_PAGE, after=after):
                found += [device for device in page if _meant(dataset, device)]
                after = page[-1].id
        return found

    def _gone(self, dataset: Dataset, day: date) -> bool:
        """Whether readings of that day are deleted by now, or may be."""
        start = _bounds(day, self._city.zone)[0]
        ages = [self._city.kept.get(name) for name in dataset.choice.device_types]
        return any(age is not None and self._clock() - start >= age for age in ages)

    def _early(self, dataset: Dataset, day: date) -> str:
        when = self._over(dataset, day).astimezone(self._city.zone)
        return f"it can be published from {when:%Y-%m-%d %H:%M} on"


def span(first: date, last: date) -> list[date]:
    """Return the days from one to another; raise ``BadRequestError`` for the wrong way round."""
    if last < first:
        raise BadRequestError(f"{first} is after {last}: give the earlier day first")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def devices_csv(devices: Sequence[Device]) -> bytes:
    """Return the list of devices with their places."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("device", "device_type", "name", "district", "latitude", "longitude", "simulated"))
    for one in devices:
        where = (one.latitude, one.longitude)
        writer.writerow((one.id, one.type, one.name, one.district or "", *where, str(one.simulated).lower()))
    return out.getvalue().encode()


class _Seen:
    """What is noted of rows while they pass: flags, codecs, and a few points for a chart."""

    def __init__(self, columns_: Sequence[Column]) -> None:
        names = [column.name for column in columns_]
        self._time = names.index("time")
        self._flags = names.index("flags") if "flags" in names else None
        self._flagged = names.index("flagged") if "flagged" in names else None
        self._codec = names.index("codecs" if "codecs" in names else "codec")
        figures = [at for at, column in enumerate(columns_) if column.field and column.type in {"number", "integer"}]
        measures = [at for at in figures if columns_[at].unit]
        self._value = next(iter([*measures, *figures]), None)
        self.column = names[self._value] if self._value is not None else ""
        self.flagged = 0
        self.codecs: set[str] = set()
        self._sums: dict[datetime, tuple[float, int]] = {}

    def take(self, rows: Sequence[tuple[Cell, ...]]) -> None:
        """Note some rows."""
        for row in rows:
            if self._flags is not None:
                self.flagged += bool(row[self._flags])
            elif self._flagged is not None:
                self.flagged += int(str(row[self._flagged]))
            self.codecs.update(str(row[self._codec]).split())
            time = row[self._time]
            value = row[self._value] if self._value is not None else None
            if isinstance(time, datetime) and isinstance(value, int | float):
                hour = time - timedelta(seconds=time.timestamp() % _PREVIEW_S)
                total, count = self._sums.get(hour, (0.0, 0))
                self._sums[hour] = (total + value, count + 1)

    def preview(self) -> tuple[tuple[datetime, float], ...]:
        """Return the mean of each hour."""
        return tuple((hour, total / count) for hour, (total, count) in sorted(self._sums.items()))


_KEPT = "readings of that day are deleted by now ([retention] readings): what was published stays"
_ONCE = "it tells of homes or vehicles and is published once: what another version added could be one of them"
_TOO_FEW = "no group has devices enough"


def _cells(dataset: Dataset, of: Slice, rows: Sequence[tuple[Cell, ...]]) -> Sequence[tuple[Cell, ...]]:
    """Return rows with the device type in front where there are several, and without the mark where nobody wants it."""
    front: tuple[Cell, ...] = (of.device_type.name,) if len(dataset.choice.device_types) > 1 else ()
    if dataset.simulated == "mark":
        return [(*front, *row) for row in rows] if front else rows
    return [(*front, *row[:-1]) for row in rows]


def _meant(dataset: Dataset, device: Device) -> bool:
    choice = dataset.choice
    return (
        device.state is not State.PENDING
        and (dataset.simulated == "mark" or not device.simulated)
        and (not choice.districts or device.district in choice.districts)
        and _may_be_told(choice, device)
        and (not choice.devices or device.id in choice.devices)
        and all(device.tags.get(key) == value for key, value in choice.tags.items())
    )


def _may_be_told(choice: Choice, device: Device) -> bool:
    """Whether a device of an experiment is named by its experiment or itself: never by the way."""
    if choice.experiments:
        return device.experiment in choice.experiments
    return not device.experiment or device.id in choice.devices


def _bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return beginning and end of a local day."""
    following = day + timedelta(days=1)
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    return begin, datetime(following.year, following.month, following.day, tzinfo=zone)


def _about(dataset: Dataset) -> dict[str, str]:
    """Return what a file says of itself. No time stands in it: the same data gives the same bytes."""
    return {
        "dataset": dataset.id,
        "title_en": dataset.title.en,
        "title_fr": dataset.title.fr,
        "licence": dataset.licence.id,
        "publisher": dataset.publisher,
        "resolution": "raw" if dataset.resolution is Resolution.RAW else dataset.resolution.value,
    }


def _note(before: Version, now: Version) -> dict[str, str]:
    """Return what changed between two versions, in both languages."""
    more = now.readings - before.readings
    if more > 0:
        return {"en": f"{more} late readings were added", "fr": f"{more} mesures tardives ajoutées"}
    if more < 0:
        return {"en": f"{-more} readings were withdrawn", "fr": f"{-more} mesures retirées"}
    if now.codecs != before.codecs:
        return {"en": "decoded again by a newer device file", "fr": "décodé de nouveau avec une version plus récente"}
    return {"en": "values, devices or the dataset changed", "fr": "valeurs, appareils ou jeu de données modifiés"}


def _same(dataset: Dataset, known: Day) -> Outcome:
    current = known.current
    return Outcome(
        dataset=dataset.id,
        day=known.day,
        result=Result.SAME,
        version=current.number,
        rows=current.rows,
        readings=current.readings,
        files=current.files,
    )


def _sums(files: Sequence[DayFile]) -> list[str]:
    return [file.sha256 for file in files]
