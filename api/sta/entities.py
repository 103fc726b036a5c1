"""What there is in SensorThings' words: things, datastreams and so on, made of the register and the catalogue.

Rules:

1. Nothing has a table of its own. A thing is a device; its location, history of one place and feature of interest
   have its id; a datastream is a device's field (``70b3d50000000001:power_w``), a sensor a device type, an observed
   property a quantity; an observation adds its time in microseconds since 1970.
2. Ids are texts that stay the same in every database and can be worked out; pending devices are not there.
3. A device whose type says where it is (latitude and longitude are fields of it) moves: its location is the newest,
   and its observations have features of interest of their own, ``device:microseconds``.
4. Properties hold values (moments, spans); ``api.sta.wire`` writes them. Titles follow the language of the request,
   both are in ``properties/title``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.sta.geometry import point
from api.sta.kinds import Kind
from model.device import Device, DeviceType, Field, Text
from model.device import Kind as FieldKind
from model.instants import microseconds
from model.observations import Extent, Observed
from model.quantities import QUANTITIES, Quantity
from model.terms import Interval

GEOJSON = "application/geo+json"
_OM = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_"
_OBSERVATION_TYPES = {
    FieldKind.FLOAT: _OM + "Measurement",
    FieldKind.INT: _OM + "CountObservation",
    FieldKind.BOOL: _OM + "TruthObservation",
    FieldKind.TEXT: _OM + "Observation",
}
Properties = dict[str, object]


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity. ``name``: the field of a datastream or observation, the device type of a sensor, the quantity."""

    kind: Kind
    device: str = ""
    name: str = ""
    observed: Observed | None = None

    @property
    def id(self) -> str:
        """What names it among its kind."""
        parts = [part for part in (self.device, self.name) if part]
        if self.observed is not None:
            parts.append(str(microseconds(self.observed.time)))
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device is. ``since``: from when on, as far as is known."""

    longitude: float
    latitude: float
    since: datetime | None

    def shape(self) -> dict[str, object]:
        """Return it as GeoJSON."""
        return point(self.longitude, self.latitude)


def place_fields(device_type: DeviceType) -> tuple[str, str] | None:
    """Return the fields in which a type says latitude and longitude, ``None`` for one that does not."""
    first: dict[str, str] = {}
    for field in device_type.fields:
        first.setdefault(field.quantity, field.name)
    if "latitude" in first and "longitude" in first:
        return first["latitude"], first["longitude"]
    return None


class World:
    """Entities and their properties, of the devices that it was given. ``extents``: of datastreams, where looked up."""

    def __init__(self, types: Sequence[DeviceType], language: str, base: str) -> None:
        self.types = {each.name: each for each in types}
        self.quantities = {field.quantity for each in types for field in each.fields} & QUANTITIES.keys()
        self.devices: dict[str, Device] = {}
        self.places: dict[str, Place] = {}
        self.extents: dict[tuple[str, str], Extent] = {}
        self._language = language
        self._base = base
        self._properties: dict[Entity, Properties] = {}
        self._all: dict[Kind, list[Entity]] = {}
        self._streams: dict[tuple[Kind, str], list[Entity]] = {}

    def type_of(self, device: str) -> DeviceType | None:
        """Return the type of a device, if it has one that is in the catalogue."""
        return self.types.get(self.devices[device].type or "") if device in self.devices else None

    def moves(self, device: str) -> bool:
        """Return whether a device says itself where it is."""
        device_type = self.type_of(device)
        return device_type is not None and place_fields(device_type) is not None

    # Which there are

    def all(self, kind: Kind) -> list[Entity]:
        """Return every entity of a kind, in order of their ids; observations are not for this."""
        if kind not in self._all:
            self._all[kind] = sorted(self._made(kind), key=lambda entity: entity.id)
        return self._all[kind]

    def _made(self, kind: Kind) -> list[Entity]:
        match kind:
            case Kind.SENSOR:
                return [Entity(kind, name=name) for name in self.types]
            case Kind.PROPERTY:
                return [Entity(kind, name=name) for name in self.quantities]
            case Kind.DATASTREAM:
                return [stream for device in self.devices for stream in self.streams(device)]
            case _:
                return [one for device in self.devices for one in self._of_device(kind, device)]

    def streams(self, device: str) -> Iterator[Entity]:
        """Yield the datastreams of a device."""
        device_type = self.type_of(device)
        for field in device_type.fields if device_type else ():
            yield Entity(Kind.DATASTREAM, device, field.name)

    def _of_device(self, kind: Kind, device: str) -> list[Entity]:
        there = kind is Kind.THING or device in self.places
        if kind is Kind.HISTORY and there:
            there = self.places[device].since is not None
        return [Entity(kind, device)] if there and device in self.devices else []

    def find(self, kind: Kind, name: str) -> Entity | None:
        """Return the entity of that id, if there is one; observations are not for this."""
        match kind:
            case Kind.SENSOR:
                return Entity(kind, name=name) if name in self.types else None
            case Kind.PROPERTY:
                return Entity(kind, name=name) if name in self.quantities else None
            case Kind.DATASTREAM:
                device, _, field = name.rpartition(":")
                return next((stream for stream in self.streams(device) if stream.name == field), None)
            case _:
                return next(iter(self._of_device(kind, name)), None)

    def related(self, entity: Entity, relation: str) -> list[Entity]:
        """Return what a relation leads to; an observation's feature where its device does not move."""
        match entity.kind, relation:
            case (Kind.SENSOR | Kind.PROPERTY, "Datastreams"):
                return self._streams_of(entity)
            case (_, "Datastreams"):
                return sorted(self.streams(entity.device), key=lambda stream: stream.id)
            case (_, "Datastream"):
                stream = self.find(Kind.DATASTREAM, f"{entity.device}:{entity.name}")
                return [] if stream is None else [stream]
            case (_, "Sensor"):
                return [Entity(Kind.SENSOR, name=self._sensor(entity))]
            case (_, "ObservedProperty"):
                return [Entity(Kind.PROPERTY, name=self._quantity(entity))]
            case (_, "FeatureOfInterest"):
                return self._feature(entity)
            case _:
                return self._of_device(_OF_DEVICE[relation], entity.device)

    def _feature(self, entity: Entity) -> list[Entity]:
        seen = entity.observed
        if seen is not None and seen.latitude is not None and seen.longitude is not None and self.moves(entity.device):
            return [Entity(Kind.FEATURE, entity.device, observed=seen)]
        return self._of_device(Kind.FEATURE, entity.device)

    def _streams_of(self, entity: Entity) -> list[Entity]:
        """Return the datastreams of a sensor or an observed property, of all devices."""
        if not self._streams:
            for stream in self.all(Kind.DATASTREAM):
                self._streams.setdefault((Kind.SENSOR, self._sensor(stream)), []).append(stream)
                self._streams.setdefault((Kind.PROPERTY, self._quantity(stream)), []).append(stream)
        return self._streams.get((entity.kind, entity.name), [])

    def _sensor(self, stream: Entity) -> str:
        device_type = self.type_of(stream.device)
        return device_type.name if device_type else ""

    def _quantity(self, stream: Entity) -> str:
        return self.field(stream).quantity

    def field(self, stream: Entity) -> Field:
        """Return the field that a datastream or observation is of."""
        device_type = self.type_of(stream.device)
        field = device_type.field(stream.name) if device_type else None
        if field is None:
            raise KeyError(stream.id)
        return field

    # What they say

    def properties(self, entity: Entity) -> Properties:
        """Return what an entity says of itself, without its id."""
        known = self._properties.get(entity) if entity.observed is None else None
        if known is None:
            known = _MAKERS[entity.kind](self, entity)
            if entity.observed is None:
                self._properties[entity] = known
        return known

    def learn(
        self,
        devices: Mapping[str, Device] | None = None,
        places: Mapping[str, Place] | None = None,
        extents: Mapping[tuple[str, str], Extent] | None = None,
    ) -> None:
        """Take in more; what was worked out from less is forgotten."""
        self.devices.update(devices or {})
        self.places.update(places or {})
        self.extents.update(extents or {})
        self._properties.clear()
        self._all.clear()
        self._streams.clear()

    def shape(self, entity: Entity) -> dict[str, object] | None:
        """Return where an entity is, as GeoJSON."""
        if entity.kind in {Kind.OBSERVATION, Kind.FEATURE}:
            seen = entity.observed
            if seen is not None and seen.latitude is not None and seen.longitude is not None:
                return point(seen.longitude, seen.latitude)
        place = self.places.get(entity.device)
        return None if place is None else place.shape()

    def _say(self, text: Text) -> str:
        return text.get(self._language)

    def _name(self, device: str) -> str:
        return self.devices[device].name or device

    def thing(self, entity: Entity) -> Properties:
        """Return what a thing says."""
        device = self.devices[entity.device]
        device_type = self.type_of(entity.device)
        told = {
            "deviceType": device.type,
            "domain": device_type.domain if device_type else None,
            "district": device.district,
            "experiment": device.experiment,
            "network": device.network,
            "state": device.state.value,
            "simulated": device.simulated,
            "tags": dict(device.tags),
            "firstSeen": device.first_seen,
            "lastSeen": device.last_seen,
        }
        return {
            "name": self._name(entity.device),
            "description": self._say(device_type.title) if device_type else device.type or "",
            "properties": _without_none(told),
        }

    def located(self, entity: Entity) -> Properties:
        """Return what a location or a feature of interest says."""
        device = self.devices[entity.device]
        key = "location" if entity.kind is Kind.LOCATION else "feature"
        return {
            "name": self._name(entity.device),
            "description": device.district or self._name(entity.device),
            "encodingType": GEOJSON,
            key: self.shape(entity),
            "properties": _without_none({"district": device.district, "simulated": device.simulated}),
        }

    def history(self, entity: Entity) -> Properties:
        """Return what a historical location says."""
        return {"time": self.places[entity.device].since}

    def datastream(self, entity: Entity) -> Properties:
        """Return what a datastream says."""
        field, title = self.field(entity), self._say(self.field(entity).title)
        extent = self.extents.get((entity.device, entity.name))
        told = {
            "field": field.name,
            "title": _both(field.title),
            "quantity": field.quantity,
            "minimum": field.minimum,
            "maximum": field.maximum,
            "choices": list(field.choices) or None,
            "counter": field.counter or None,
            "simulated": self.devices[entity.device].simulated,
        }
        return {
            "name": f"{self._name(entity.device)}: {title}",
            "description": f"{title} ({field.name})",
            "observationType": _OBSERVATION_TYPES[field.kind],
            "unitOfMeasurement": _unit(QUANTITIES.get(field.quantity), field.unit, self._language),
            "observedArea": self.shape(entity),
            "phenomenonTime": None if extent is None else Interval(extent.first, max(extent.first, extent.last)),
            "resultTime": None
            if extent is None
            else Interval(extent.first_received, max(extent.first_received, extent.last_received)),
            "properties": _without_none(told),
        }

    def sensor(self, entity: Entity) -> Properties:
        """Return what a sensor says."""
        device_type = self.types[entity.name]
        return {
            "name": self._say(device_type.title),
            "description": f"{device_type.vendor} {device_type.model}",
            "encodingType": "application/json",
            "metadata": f"{self._base}/api/v1/device-types/{device_type.name}",
            "properties": {
                "title": _both(device_type.title),
                "vendor": device_type.vendor,
                "model": device_type.model,
                "domain": device_type.domain,
                "networks": list(device_type.networks),
                "periodSeconds": device_type.period.total_seconds(),
                "version": device_type.version,
            },
        }

    def observed_property(self, entity: Entity) -> Properties:
        """Return what an observed property says."""
        quantity = QUANTITIES[entity.name]
        return {
            "name": self._say(quantity.title),
            "definition": f"urn:penfeld:quantity:{quantity.name}",
            "description": self._say(quantity.title),
            "properties": {"title": _both(quantity.title), "quantity": quantity.name, "unit": quantity.unit},
        }

    def observation(self, entity: Entity) -> Properties:
        """Return what an observation says."""
        seen = entity.observed
        if seen is None:
            raise KeyError(entity.id)
        return {
            "phenomenonTime": seen.time,
            "resultTime": seen.received_at,
            "result": seen.value,
            "resultQuality": None,
            "validTime": None,
            "parameters": {"flags": list(seen.flags), "simulated": seen.simulated, "codec": seen.version},
        }


_OF_DEVICE = {
    "Thing": Kind.THING,
    "Things": Kind.THING,
    "Locations": Kind.LOCATION,
    "HistoricalLocations": Kind.HISTORY,
}
_MAKERS = {
    Kind.THING: World.thing,
    Kind.LOCATION: World.located,
    Kind.FEATURE: World.located,
    Kind.HISTORY: World.history,
    Kind.DATASTREAM: World.datastream,
    Kind.SENSOR: World.sensor,
    Kind.PROPERTY: World.observed_property,
    Kind.OBSERVATION: World.observation,
}


def _both(text: Text) -> dict[str, str]:
    return {"en": text.en, "fr": text.fr}


def _unit(quantity: Quantity | None, unit: str, language: str) -> dict[str, str | None]:
    """Return a unit as its UCUM code; all of it null where there is none, as the standard says."""
    if not unit:
        return {"name": None, "symbol": None, "definition": None}
    name = quantity.title.get(language) if quantity else unit
    return {"name": f"{unit} ({name})", "symbol": unit, "definition": f"http://unitsofmeasure.org/ucum#{unit}"}


def _without_none(told: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in told.items() if value is not None}
