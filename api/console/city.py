"""The city as the console holds it in memory: every device with its newest values, kept current by live readings.

Pure: it is told what happened and what time it is. Rules:

1. A device keeps its index for the life of the process; the map speaks of indices only.
2. Values never go backwards: a reading older than what is known changes nothing.
3. ``tick`` returns what changed since the tick before, and nothing else: a map of 5,000 devices is told of the few that
   moved or changed their state.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from api.console.states import UNKNOWN, Health, Traits, health, seen, traits
from model.device import Device, DeviceType, State
from model.status import LiveReading
from model.uplink import Value
from model.views import Latest

_ON_THE_WAY = timedelta(seconds=3)
"""How much later than the database the live line may be without having missed anything."""


@dataclass(slots=True)
class Spot:
    """One device in the city.

    ``time``: the newest event time; ``seen``: what counts for silence; ``heard``: when the last frame known here came.
    """

    index: int
    device: Device
    traits: Traits
    health: Health = Health.NO_DATA
    time: datetime | None = None
    seen: datetime | None = None
    heard: datetime | None = None
    values: dict[str, Value] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    latitude: float | None = None
    longitude: float | None = None

    @property
    def placed(self) -> bool:
        """Whether it has a place on the map."""
        return self.latitude is not None and self.longitude is not None


@dataclass(slots=True)
class Changes:
    """What happened between two ticks. ``renewed``: devices that are new or whose register entry changed."""

    renewed: list[Spot] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    states: list[tuple[int, Health]] = field(default_factory=list)
    places: list[tuple[int, float, float]] = field(default_factory=list)
    spoke: set[str] = field(default_factory=set)

    def marker_updates(self) -> dict[str, list[object]]:
        """Return what the map in the browser must do, as small as it can be said; empty when there is nothing."""
        renewed = {spot.index for spot in self.renewed}
        updates: dict[str, list[object]] = {
            "add": [marker(spot) for spot in self.renewed if spot.placed],
            "remove": [*self.removed, *(spot.index for spot in self.renewed if not spot.placed)],
            "states": [[index, state.value] for index, state in self.states if index not in renewed],
            "places": [[index, lat, lon] for index, lat, lon in self.places if index not in renewed],
        }
        return {name: changes for name, changes in updates.items() if changes}


def marker(spot: Spot) -> list[object]:
    """Return a device as the map wants it: index, id, name, type, district, state, latitude, longitude, moving."""
    return [
        spot.index,
        spot.device.id,
        spot.device.name,
        spot.device.type or "",
        spot.device.district or "",
        spot.health.value,
        None if spot.latitude is None else round(spot.latitude, 6),
        None if spot.longitude is None else round(spot.longitude, 6),
        spot.traits.moving,
    ]


class City:
    """All devices by id."""

    def __init__(self, types: Iterable[DeviceType]) -> None:
        self.types: dict[str, DeviceType] = {t.name: t for t in types}
        self._traits: dict[str, Traits] = {name: traits(t) for name, t in self.types.items()}
        self.spots: dict[str, Spot] = {}
        self.unknown: set[str] = set()
        self._next_index = 0
        self._changes = Changes()
        self._touched: set[str] = set()

    def load(self, devices: Iterable[Device]) -> None:
        """Take over the register: new, changed and vanished devices; values that are known stay."""
        here: set[str] = set()
        for device in devices:
            if device.state is State.RETIRED:
                continue
            here.add(device.id)
            self._enter(device)
        for device_id in [d for d in self.spots if d not in here]:
            self._changes.removed.append(self.spots.pop(device_id).index)
            self._touched.discard(device_id)
        self.unknown -= here

    def _enter(self, device: Device) -> None:
        of = self._traits.get(device.type or "", UNKNOWN)
        spot = self.spots.get(device.id)
        if spot is None:
            spot = Spot(self._next_index, device, of, latitude=device.latitude, longitude=device.longitude)
            self._next_index += 1
            self.spots[device.id] = spot
        elif _same(spot.device, device):
            return
        else:
            spot.device, spot.traits = device, of
            if not of.moving or spot.latitude is None:
                spot.latitude, spot.longitude = device.latitude, device.longitude
        self._changes.renewed.append(spot)
        self._touched.add(device.id)

    def remember(self, latest: Iterable[Latest]) -> None:
        """Take over the newest values from the database."""
        for entry in latest:
            values = {name: v.value for name, v in entry.values.items()}
            self._hear(entry.device.id, entry.time, entry.received_at, values, entry.flags)

    def behind(self, devices: Iterable[Device]) -> list[str]:
        """Return the devices of which the register heard something that did not come here: late frames are not live.

        To be asked for once: they count as heard from now on.
        """
        found = []
        for device in devices:
            spot = self.spots.get(device.id)
            if spot is None or device.last_seen is None or device.state is State.PENDING:
                continue
            if spot.heard is None or device.last_seen - spot.heard > _ON_THE_WAY:
                spot.heard = device.last_seen
                found.append(device.id)
        return found

    def apply(self, readings: Sequence[LiveReading]) -> None:
        """Take over live readings. A device nobody knows is noted in ``unknown``."""
        for reading in readings:
            self._hear(reading.device, reading.time, reading.received_at, reading.values, reading.flags)

    def _hear(
        self,
        device_id: str,
        time: datetime,
        received_at: datetime,
        values: Mapping[str, Value],
        flags: Sequence[str],
    ) -> None:
        spot = self.spots.get(device_id)
        if spot is None:
            self.unknown.add(device_id)
            return
        spot.heard = received_at if spot.heard is None else max(spot.heard, received_at)
        if spot.time is not None and time < spot.time:
            return
        spot.time, spot.seen = time, seen(time, received_at)
        spot.values.update(values)
        spot.flags = tuple(flags)
        self._touched.add(device_id)
        self._changes.spoke.add(device_id)
        if spot.traits.moving:
            self._move(spot)

    def _move(self, spot: Spot) -> None:
        latitude, longitude = spot.values.get("latitude_deg"), spot.values.get("longitude_deg")
        if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
            return
        if (latitude, longitude) == (spot.latitude, spot.longitude):
            return
        appeared = not spot.placed
        spot.latitude, spot.longitude = float(latitude), float(longitude)
        if appeared:
            self._changes.renewed.append(spot)
        else:
            self._changes.places.append((spot.index, round(spot.latitude, 6), round(spot.longitude, 6)))

    def tick(self, now: datetime) -> Changes:
        """Return what changed since the last tick, with the states as they are at ``now``."""
        changes, self._changes = self._changes, Changes()
        touched, self._touched = self._touched, set()
        for device_id, spot in self.spots.items():
            late = spot.seen is not None and now - spot.seen > spot.traits.silent_after
            if device_id not in touched and late == (spot.health is Health.SILENT):
                continue
            new = health(spot.traits, spot.seen, spot.values, spot.flags, now)
            if new is not spot.health:
                spot.health = new
                changes.states.append((spot.index, new))
        changes.places = list({index: (index, lat, lon) for index, lat, lon in changes.places}.values())
        return changes

    def markers(self) -> list[list[object]]:
        """Return all devices that have a place, as the map wants them."""
        return [marker(spot) for spot in self.spots.values() if spot.placed]

    def districts(self) -> list[str]:
        """Return the names of the districts that devices stand in, sorted."""
        return sorted({spot.device.district for spot in self.spots.values() if spot.device.district})


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which devices somebody wants to see. Empty sets and texts let everything pass."""

    types: frozenset[str] = frozenset()
    states: frozenset[Health] = frozenset()
    district: str = ""
    search: str = ""
    pending: bool | None = None

    def holds(self, spot: Spot) -> bool:
        """Whether a device is among them."""
        device = spot.device
        return (
            (not self.types or (device.type or "") in self.types)
            and (not self.states or spot.health in self.states)
            and (not self.district or device.district == self.district)
            and (self.pending is None or (device.state is State.PENDING) is self.pending)
            and (not self.search or matches(device, self.search))
        )


def matches(device: Device, search: str) -> bool:
    """Whether the words typed stand in the device's id, name, type, district or tags."""
    text = " ".join(
        (device.id, device.name, device.type or "", device.district or "", *device.tags.values())
    ).casefold()
    return all(word in text for word in search.casefold().split())


def count_states(spots: Iterable[Spot]) -> Counter[Health]:
    """Return how many devices are in each state."""
    return Counter(spot.health for spot in spots)


def _same(a: Device, b: Device) -> bool:
    return (a.type, a.state, a.name, a.network, a.latitude, a.longitude, a.district, a.simulated, a.tags) == (
        b.type, b.state, b.name, b.network, b.latitude, b.longitude, b.district, b.simulated, b.tags,
    )  # fmt: skip
