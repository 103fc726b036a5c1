"""What a path under the service asks for: ``Things('a')/Datastreams('a:power_w')/Observations``. Pure.

Rules:

1. An id stands in single quotes, a quote within it twice; without quotes it is taken as it stands, for clients that
   take every id for a number.
2. A path ends in a collection, an entity, a property of one (and something within it), ``$value`` of that, or ``$ref``.
"""

import re
from dataclasses import dataclass

from api.sta.errors import missing
from api.sta.kinds import MAX_HOPS, PROPERTIES, RELATIONS, SETS, Kind

_KEYED = re.compile(r"(?P<name>\w+)(?:\((?:'(?P<quoted>(?:[^']|'')*)'|(?P<bare>[\w.:-]+))\))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a path: the relation (or set) by name, the kind that it leads to, perhaps one of them by its id."""

    name: str
    kind: Kind
    many: bool
    key: str | None

    @property
    def single(self) -> bool:
        """Whether it leads to one entity."""
        return self.key is not None or not self.many


@dataclass(frozen=True, slots=True)
class Address:
    """A path, read. ``inside``: a property of the last entity and what is within it."""

    hops: tuple[Hop, ...]
    inside: tuple[str, ...] = ()
    value: bool = False
    ref: bool = False

    @property
    def kind(self) -> Kind:
        """What kind of entity it asks for."""
        return self.hops[-1].kind


def read(path: str) -> Address:
    """Return what a path asks for; raise ``StaError`` where there is nothing."""
    hops: list[Hop] = []
    rest = path.strip("/")
    while rest and len(hops) <= MAX_HOPS:
        found = _KEYED.match(rest)
        hop = _hop(hops, found) if found and rest[found.end() :][:1] in {"", "/"} else None
        if found is None or hop is None:
            break
        hops.append(hop)
        rest = rest[found.end() + 1 :]
    if not hops:
        raise missing(f"there is nothing at {path[:100]!r}; there are {', '.join(SETS)}")
    return _ended(path, tuple(hops), tuple(rest.split("/")) if rest else ())


def _hop(hops: list[Hop], found: re.Match[str]) -> Hop | None:
    name, quoted, bare = found["name"], found["quoted"], found["bare"]
    key = bare if quoted is None else quoted.replace("''", "'")
    if not hops:
        kind = SETS.get(name)
        return None if kind is None else Hop(name, kind, many=True, key=key)
    relation = RELATIONS[hops[-1].kind].get(name)
    if relation is None or not hops[-1].single or (key is not None and not relation.many):
        return None
    return Hop(name, relation.kind, many=relation.many, key=key)


def _ended(path: str, hops: tuple[Hop, ...], rest: tuple[str, ...]) -> Address:
    last = hops[-1]
    if not rest:
        return Address(hops)
    if rest == ("$ref",):
        return Address(hops, ref=True)
    value = rest[-1] == "$value"
    inside = rest[:-1] if value else rest
    if not last.single or not inside or inside[0] not in {"id", "@iot.id", *PROPERTIES[last.kind]}:
        known = (*PROPERTIES[last.kind], *RELATIONS[last.kind]) if last.single else ("$ref", f"{last.name}('id')")
        raise missing(f"there is no {'/'.join(rest)[:60]!r} at {path[:100]!r}; there are {', '.join(known)}")
    return Address(hops, inside, value=value)
