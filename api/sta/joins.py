"""Terms asked of entities, through their relations. Pure.

Rules:

1. A path through a relation to many means any of them; all paths through the same relation mean the same one, as a join
   of tables would: ``Datastreams/name eq 'a' and Datastreams/properties/counter eq true`` asks for one datastream.
2. Where a relation leads to nothing, its properties are null.
3. How often terms are asked in one request is bounded (``MAX_ASKED``), and the refusal says what to do.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from api.sta.entities import Entity, World
from api.sta.errors import undone
from api.sta.evaluate import Lookup, evaluate
from api.sta.kinds import RELATIONS, all_steps
from model.terms import Term

MAX_ASKED = 500_000
Bound = Mapping[tuple[str, ...], Entity | None]


class Asker:
    """Asks terms of the entities of a world, so often and no more."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._left = MAX_ASKED

    def holds(self, entity: Entity, term: Term) -> bool:
        """Return whether a term holds of an entity."""
        return any(evaluate(term, lookup) is True for lookup in self.lookups(entity, term))

    def filtered(self, entities: Sequence[Entity], term: Term) -> list[Entity]:
        """Return the entities of which a term holds."""
        return [entity for entity in entities if self.holds(entity, term)]

    def lookups(self, entity: Entity, term: Term) -> Iterator[Lookup]:
        """Yield what tells the properties of an entity, once for each way to go through relations to many."""
        many = {step.path for step in all_steps(entity.kind, term) if step.relation.many}
        for bound in self.ways(entity, many):
            yield partial(self.look, entity, bound)

    def value(self, entity: Entity, parts: tuple[str, ...]) -> object:
        """Return what a path through relations to one leads to."""
        return self.look(entity, {}, parts)

    def ways(self, entity: Entity, many: Iterable[tuple[str, ...]]) -> Iterator[Bound]:
        """Yield each way to go through these relations to many: path -> the one that is gone to."""
        yield from self._ways(entity, sorted(many, key=lambda path: (len(path), path)), {})

    def _ways(self, entity: Entity, many: Sequence[tuple[str, ...]], bound: Bound) -> Iterator[Bound]:
        if not many:
            self._left -= 1
            if self._left < 0:
                raise undone(
                    f"this $filter asks for more than {MAX_ASKED:,} comparisons: begin at a Thing, a Sensor or an"
                    " ObservedProperty, or ask with fewer relations"
                )
            yield bound
            return
        path, *others = many
        origin = self.walk(entity, bound, path[:-1])
        candidates: list[Entity | None] = [*self.world.related(origin, path[-1])] if origin is not None else []
        for found in candidates or [None]:
            yield from self._ways(entity, others, {**bound, path: found})

    def walk(self, entity: Entity, bound: Bound, path: tuple[str, ...]) -> Entity | None:
        """Return the entity to which a path of relations leads."""
        current: Entity | None = entity
        for n, part in enumerate(path):
            if current is None:
                return None
            known = path[: n + 1]
            current = bound[known] if known in bound else next(iter(self.world.related(current, part)), None)
        return current

    def look(self, entity: Entity, bound: Bound, parts: tuple[str, ...]) -> object:
        """Return what a path says, through the relations to many as they are bound."""
        kind, n = entity.kind, 0
        while n < len(parts) and parts[n] in RELATIONS[kind]:
            kind = RELATIONS[kind][parts[n]].kind
            n += 1
        found = self.walk(entity, bound, parts[:n])
        if found is None:
            return None
        if n == len(parts) or parts[n] == "id":
            return found.id
        return within(self.world.properties(found), parts[n:])


def within(value: object, parts: tuple[str, ...]) -> object:
    """Return what stands in objects within objects, ``None`` where there is nothing."""
    for part in parts:
        if isinstance(value, list) and part.isascii() and part.isdecimal() and int(part[:9]) < len(value):
            value = value[int(part[:9])]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return None
    return value
