"""SensorThings' eight kinds of entity and how they are related: names only. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from api.sta.errors import bad
from model.terms import Term, paths


class Kind(StrEnum):
    """One kind of entity, by its name in the singular."""

    THING = "Thing"
    LOCATION = "Location"
    HISTORY = "HistoricalLocation"
    DATASTREAM = "Datastream"
    SENSOR = "Sensor"
    PROPERTY = "ObservedProperty"
    OBSERVATION = "Observation"
    FEATURE = "FeatureOfInterest"


SETS: Mapping[str, Kind] = {
    "Things": Kind.THING,
    "Locations": Kind.LOCATION,
    "HistoricalLocations": Kind.HISTORY,
    "Datastreams": Kind.DATASTREAM,
    "Sensors": Kind.SENSOR,
    "ObservedProperties": Kind.PROPERTY,
    "Observations": Kind.OBSERVATION,
    "FeaturesOfInterest": Kind.FEATURE,
}
SET_OF: Mapping[Kind, str] = {kind: name for name, kind in SETS.items()}


@dataclass(frozen=True, slots=True)
class Relation:
    """What a navigation property leads to."""

    kind: Kind
    many: bool


def _relations(*names: str) -> Mapping[str, Relation]:
    return {
        name: Relation(SETS[name], many=True) if name in SETS else Relation(Kind(name), many=False) for name in names
    }


RELATIONS: Mapping[Kind, Mapping[str, Relation]] = {
    Kind.THING: _relations("Locations", "HistoricalLocations", "Datastreams"),
    Kind.LOCATION: _relations("Things", "HistoricalLocations"),
    Kind.HISTORY: _relations("Thing", "Locations"),
    Kind.DATASTREAM: _relations("Thing", "Sensor", "ObservedProperty", "Observations"),
    Kind.SENSOR: _relations("Datastreams"),
    Kind.PROPERTY: _relations("Datastreams"),
    Kind.OBSERVATION: _relations("Datastream", "FeatureOfInterest"),
    Kind.FEATURE: _relations("Observations"),
}

PROPERTIES: Mapping[Kind, tuple[str, ...]] = {
    Kind.THING: ("name", "description", "properties"),
    Kind.LOCATION: ("name", "description", "encodingType", "location", "properties"),
    Kind.HISTORY: ("time",),
    Kind.DATASTREAM: (
        "name",
        "description",
        "observationType",
        "unitOfMeasurement",
        "observedArea",
        "phenomenonTime",
        "resultTime",
        "properties",
    ),
    Kind.SENSOR: ("name", "description", "encodingType", "metadata", "properties"),
    Kind.PROPERTY: ("name", "definition", "description", "properties"),
    Kind.OBSERVATION: ("phenomenonTime", "resultTime", "result", "resultQuality", "validTime", "parameters"),
    Kind.FEATURE: ("name", "description", "encodingType", "feature", "properties"),
}
EXTENTS = ("phenomenonTime", "resultTime")
"""The properties of a datastream for which the database must be asked."""
MAX_HOPS = 6
"""Relations that one path may go through."""


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a path that leads to related entities: the path up to it, from which kind to which."""

    path: tuple[str, ...]
    origin: Kind
    relation: Relation


def steps(kind: Kind, parts: tuple[str, ...]) -> tuple[list[Step], Kind, tuple[str, ...]]:
    """Return the relations that a path goes through, the kind where it ends, and the property there.

    Raise ``StaError`` for a name that there is not.
    """
    found: list[Step] = []
    for n, part in enumerate(parts):
        relation = RELATIONS[kind].get(part)
        if relation is None:
            if part != "id" and part not in PROPERTIES[kind]:
                known = ", ".join(("id", *PROPERTIES[kind], *RELATIONS[kind]))
                raise bad(f"{kind} has no {part[:60]!r}; it has {known}")
            return found, kind, parts[n:]
        found.append(Step(parts[: n + 1], kind, relation))
        if len(found) > MAX_HOPS:
            raise bad(f"{'/'.join(parts)[:200]} goes through more than {MAX_HOPS} relations")
        kind = relation.kind
    return found, kind, ()


def all_steps(kind: Kind, term: Term) -> Iterator[Step]:
    """Yield the relations that any path of a term goes through."""
    for parts in paths(term):
        yield from steps(kind, parts)[0]


def asks_observations(kind: Kind, term: Term) -> bool:
    """Return whether a term goes through observations."""
    return any(step.relation.kind is Kind.OBSERVATION for step in all_steps(kind, term))


def asks_extents(kind: Kind, term: Term) -> bool:
    """Return whether a term speaks of how far datastreams go in time."""
    return any(
        end is Kind.DATASTREAM and rest[:1] and rest[0] in EXTENTS
        for _, end, rest in (steps(kind, parts) for parts in paths(term))
    )
