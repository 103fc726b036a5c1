"""Entities in an order, page by page: for what is made of the register and held in memory. Pure.

Rules:

1. Whatever the order, ids come last in it, so that it is the same on every page.
2. What is null comes last, and first where the largest comes first, as in the database.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from api.sta.choice import opened, token_of
from api.sta.entities import Entity
from api.sta.errors import bad
from api.sta.filter import stamp
from api.sta.joins import Asker
from api.sta.options import Options
from model.terms import Interval

_NULL, _NUMBER, _TEXT, _OTHER = 9, 0, 1, 2
Place = tuple[int, float | str]


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a collection. ``count``: how many there are in all, if asked; ``token``: where the next page begins."""

    entities: Sequence[Entity]
    count: int | None = None
    token: str | None = None


def select(asker: Asker, entities: Sequence[Entity], options: Options, top: int) -> Page:
    """Return the entities that options ask for."""
    found = list(entities) if options.filter is None else asker.filtered(entities, options.filter)
    count = len(found) if options.count else None
    places = {entity: _places(asker, entity, options) for entity in found} if options.orderby else {}
    found.sort(key=lambda entity: entity.id)
    for n in range(len(options.orderby) - 1, -1, -1):
        found.sort(key=lambda entity, n=n: places[entity][n], reverse=options.orderby[n][1])  # type: ignore[misc]  # a default is no parameter
    if options.token is not None:
        behind = _position(options)
        found = [entity for entity in found if _is_behind(places.get(entity, []), entity.id, behind, options)]
    found = found[options.skip :]
    page = found[:top]
    more = top > 0 and len(found) > top
    token = None
    if more:
        token = token_of([*(list(place) for place in places.get(page[-1], [])), page[-1].id])
    return Page(page, count, token)


def _places(asker: Asker, entity: Entity, options: Options) -> list[Place]:
    return [_place(asker.value(entity, path.parts)) for path, _ in options.orderby]


def _place(value: object) -> Place:
    """Return where a value stands among others of any sort."""
    match value:
        case None:
            return _NULL, ""
        case bool() | int() | float():
            return _NUMBER, float(value)
        case str():
            return _TEXT, value
        case datetime():
            return _TEXT, stamp(value)
        case Interval():
            return _TEXT, f"{stamp(value.start)}/{stamp(value.end)}"
        case _:
            return _OTHER, json.dumps(value, sort_keys=True, default=str)


def _position(options: Options) -> list[object]:
    found = opened(options.token or "")
    if len(found) != len(options.orderby) + 1 or not isinstance(found[-1], str):
        raise bad("$skiptoken is none of ours; follow @iot.nextLink of the page before")
    return [_opened_place(place) for place in found[:-1]] + [found[-1]]


def _opened_place(value: object) -> Place:
    match value:
        case [int(rank), float(number)] if rank == _NUMBER:
            return rank, number
        case [int(rank), str(text)] if rank != _NUMBER:
            return rank, text
        case _:
            raise bad("$skiptoken is none of ours; follow @iot.nextLink of the page before")


def _is_behind(places: Sequence[Place], name: str, behind: Sequence[object], options: Options) -> bool:
    for (_, descending), here, there in zip(options.orderby, places, behind, strict=False):
        if here != there:
            return (here < there) if descending else (here > there)  # type: ignore[operator]  # _position gives places
    return name > str(behind[-1])
