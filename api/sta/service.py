"""One SensorThings request answered: which entities, what they say, what is expanded in them.

Rules:

1. First the devices, from the register, in one place (``_know``): who may see which is decided there; then readings, by
   those devices. A request that names a device looks up this one only.
2. Everything but observations is held in memory for the time of the request; the number of devices has an end
   (``MAX_DEVICES``), and a request that reaches it is told so.
3. What one answer holds is bounded at each level (``MAX_ENTITIES``): pages get shorter, and links lead on.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from api.sta import address as addresses
from api.sta import options as asked
from api.sta.address import Address, Hop
from api.sta.choice import (
    MAX_GROUPS,
    Needed,
    Scope,
    asks_entities,
    chosen,
    keys,
    moving_scope,
    position_in,
    position_of,
    scopes_of,
    through_observations,
    token_of,
)
from api.sta.entities import Entity, Place, World, place_fields
from api.sta.errors import bad, missing, undone
from api.sta.evaluate import with_now
from api.sta.joins import Asker, within
from api.sta.kinds import EXTENTS, RELATIONS, Kind, Relation, all_steps, asks_extents, asks_observations
from api.sta.options import Options
from api.sta.selection import Page, select
from api.sta.wire import Document, Links, data_array, encoded, entity_document, geojson, page, quoted
from model.device import Device, State
from model.errors import NotFoundError
from model.instants import microseconds, moment
from model.observations import Chosen, Key, Observations, Observed
from model.ports import Queries, Registry
from model.terms import TRUE, Both, Compare, Constant, Path, Term, children, with_children

MAX_DEVICES = 50_000
MAX_ENTITIES = 20_000
MAX_COUNT = 1_000_000
MAX_SERIES = 2000
FEW = 20
"""So many devices are looked up one by one; for more, all are."""
_MANY = 2000
"""More entities than this are filtered beside the event loop."""
_OF_DEVICE = frozenset({Kind.THING, Kind.LOCATION, Kind.HISTORY, Kind.FEATURE, Kind.DATASTREAM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the service asks."""

    registry: Registry
    queries: Queries
    observations: Observations


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: a document, or the bare value of one property. Neither: the property is null."""

    document: object = None
    text: str | None = None


class Service:
    """Answers one request."""

    def __init__(self, doors: Doors, world: World, links: Links, now: datetime) -> None:
        self._doors = doors
        self._world = world
        self._links = links
        self._now = now
        self._asker = Asker(world)
        self._everything = False

    async def answer(self, path: str, pairs: Iterable[tuple[str, str]]) -> Answer:
        """Return the answer; raise ``StaError``."""
        address = addresses.read(path)
        options = self._settled(address.kind, asked.read(address.kind, pairs))
        await self._know(self._devices_of(address, options))
        parent = await self._parent(address)
        last = address.hops[-1]
        if last.single:
            entity = await self._step(parent, last)
            return await self._entity(entity, address, options)
        if last.kind is Kind.OBSERVATION:
            found = await self._observations(parent, options)
        else:
            entities = self._world.all(last.kind) if parent is None else self._world.related(parent, last.name)
            found = await self._selected(entities, options, options.top)
        return await self._collection(found, address, options)

    # Devices

    def _devices_of(self, address: Address, options: Options) -> list[str] | None:
        """Return the devices that a request is about, ``None`` for all of them."""
        first = address.hops[0]
        kinds = [first.kind, *(hop.kind for hop in address.hops)]
        fans_out = any(
            kind in {Kind.SENSOR, Kind.PROPERTY} and hop.kind is Kind.DATASTREAM
            for kind, hop in zip(kinds[1:], address.hops[1:], strict=False)
        )
        if fans_out or _reaches_all(address.kind, options):
            return None
        if first.key is not None and first.kind in {*_OF_DEVICE, Kind.OBSERVATION}:
            return [device_in(first.kind, first.key)]
        if first.kind in _OF_DEVICE or (first.kind is Kind.OBSERVATION and asks_entities(options.filter)):
            return None
        return []

    async def _know(self, ids: Iterable[str] | None) -> None:
        """Learn of these devices (``None``: all), where they are, and nothing of those that nobody registered."""
        wanted = None if ids is None else [name for name in dict.fromkeys(ids) if name not in self._world.devices]
        if self._everything or wanted == []:
            return
        registry = self._doors.registry
        if wanted is None or len(wanted) > FEW:
            found = list(await registry.devices(limit=MAX_DEVICES + 1))
            if len(found) > MAX_DEVICES:
                raise undone(f"there are more than {MAX_DEVICES:,} devices: ask for one, as in Things('id')")
            self._everything = True
        else:
            found = [device for name in wanted if (device := await self._device(name)) is not None]
        devices = {device.id: device for device in found if device.state is not State.PENDING}
        self._world.learn(devices=devices)
        self._world.learn(places={name: place for name, place in (await self._places(devices)).items() if place})

    async def _device(self, name: str) -> Device | None:
        try:
            return await self._doors.registry.device(name)
        except NotFoundError:
            return None

    async def _places(self, devices: Mapping[str, Device]) -> dict[str, Place | None]:
        """Return where devices are: where they say themselves, else where they are registered."""
        places = {name: _registered(device) for name, device in devices.items()}
        moving: dict[str, list[str]] = {}
        for name, device in devices.items():
            if self._world.moves(name):
                moving.setdefault(device.type or "", []).append(name)
        for device_type, names in moving.items():
            fields = place_fields(self._world.types[device_type])
            for latest in await self._doors.queries.latest(device_type=device_type, devices=names) if fields else ():
                latitude, longitude = (latest.values.get(field) for field in fields or ())
                if latitude is None or longitude is None:
                    continue
                if isinstance(latitude.value, int | float) and isinstance(longitude.value, int | float):
                    since = min(latitude.time, longitude.time)
                    places[latest.device.id] = Place(float(longitude.value), float(latitude.value), since)
        return places

    async def _extents(self, streams: Iterable[Entity]) -> None:
        """Learn how far these datastreams go in time."""
        wanted: dict[str, set[str]] = {}
        for stream in streams:
            device_type = self._world.type_of(stream.device)
            if device_type is not None:
                wanted.setdefault(device_type.name, set()).add(stream.device)
        for name, devices in wanted.items():
            self._world.learn(extents=await self._doors.observations.extents(self._world.types[name], sorted(devices)))

    # Which entities

    async def _parent(self, address: Address) -> Entity | None:
        """Return the entity of which the last hop is asked, ``None`` for a set of the service."""
        parent = None
        for hop in address.hops[:-1]:
            parent = await self._step(parent, hop)
        return parent

    async def _step(self, parent: Entity | None, hop: Hop) -> Entity:
        """Return the one entity to which a hop leads; raise ``StaError`` where there is none."""
        found: Entity | None = None
        if hop.kind is Kind.OBSERVATION:
            found = await self._observation(parent, hop.key or "")
        elif parent is None:
            found = self._world.find(hop.kind, hop.key or "")
            if found is None and hop.kind is Kind.FEATURE:
                found = await self._feature(hop.key or "")
        else:
            related = self._world.related(parent, hop.name)
            found = next((entity for entity in related if hop.key in {None, entity.id}), None)
        if found is None:
            name = f"{hop.name}({hop.key!r})" if hop.key is not None else hop.name
            raise missing(f"there is no {name[:200]}" + (f" at {parent.kind}({parent.id!r})" if parent else ""))
        return found

    async def _observation(self, parent: Entity | None, name: str) -> Entity | None:
        place = place_in(name)
        if place is None:
            return None
        device, field, when = place
        await self._know([device])
        stream = self._world.find(Kind.DATASTREAM, f"{device}:{field}")
        if stream is None or (parent is not None and (parent.device, parent.name or field) != (device, field)):
            return None
        return await self._at(scopes_of(self._world, stream), when, Kind.OBSERVATION)

    async def _feature(self, name: str) -> Entity | None:
        """Return the feature of interest of a device that moves, at one moment."""
        device, _, digits = name.rpartition(":")
        when = _moment(digits)
        return None if when is None else await self._at(moving_scope(self._world, device), when, Kind.FEATURE)

    async def _at(self, scopes: Sequence[Scope], when: datetime, kind: Kind) -> Entity | None:
        term = Compare("eq", Path(("phenomenonTime",)), Constant(when))
        wanted = chosen(self._asker, scopes, term)
        order = keys((), wanted, single=True)
        rows = await self._doors.observations.observations(wanted, order=order, limit=1) if wanted else ()
        for row in rows:
            if kind is Kind.FEATURE:
                return Entity(kind, row.device, observed=row) if row.longitude is not None else None
            return _seen(row)
        return None

    async def _selected(self, entities: Sequence[Entity], options: Options, top: int) -> Page:
        """Return a page of entities that are held in memory."""
        kind = entities[0].kind if entities else None
        terms = [*([options.filter] if options.filter else []), *(path for path, _ in options.orderby)]
        if kind is not None and any(asks_extents(kind, term) for term in terms):
            streams = entities if kind is Kind.DATASTREAM else self._world.all(Kind.DATASTREAM)
            await self._extents(streams)
        if kind is not None and options.filter is not None and asks_observations(kind, options.filter):
            entities = await self._having(entities, options.filter)
            options = replace(options, filter=None)
        if len(entities) > _MANY and terms:
            return await asyncio.to_thread(select, self._asker, entities, options, top)
        return select(self._asker, entities, options, top)

    async def _having(self, entities: Sequence[Entity], term: Term) -> list[Entity]:
        """Return the entities that have observations of which a filter holds."""
        needs = await asyncio.to_thread(_needs, self._asker, entities, term)
        groups: dict[tuple[str, str, Term], list[str]] = {}
        for needed in {needed for some in needs.values() for needed in some}:
            device_type = self._world.type_of(needed.stream.device)
            if device_type is not None:
                place = (device_type.name, needed.stream.name, needed.term)
                groups.setdefault(place, []).append(needed.stream.device)
        if len(groups) > MAX_GROUPS:
            raise undone(f"this $filter asks more than {MAX_GROUPS} groups of series something else: ask fewer at once")
        found: set[Needed] = set()
        for (name, field, left), devices in groups.items():
            device_type = self._world.types[name]
            fields = tuple(one for one in device_type.fields if one.name == field)
            where = None if left == TRUE else left
            wanted = Chosen(device_type=device_type, devices=tuple(devices), fields=fields, where=where)
            for row in await self._doors.observations.of_each([wanted], order=(Key("time", descending=True),), limit=1):
                found.add(Needed(Entity(Kind.DATASTREAM, row.device, row.field), left))
        return [entity for entity, some in needs.items() if not found.isdisjoint(some)]

    async def _observations(self, parent: Entity | None, options: Options) -> Page:
        """Return a page of observations."""
        scopes = scopes_of(self._world, parent)
        term = options.filter
        if parent is not None and parent.observed is not None:
            here = Compare("eq", Path(("phenomenonTime",)), Constant(parent.observed.time))
            term = here if term is None else Both("and", here, term)
        wanted = await self._chosen(scopes, term)
        single = parent is not None and parent.kind is Kind.DATASTREAM
        order = keys(options.orderby, wanted, single=single)
        count = await self._counted(wanted) if options.count else None
        after = None if options.token is None else position_in(options.token, order)
        rows: Sequence[Observed] = ()
        if options.top and wanted:
            rows = await self._doors.observations.observations(
                wanted, order=order, limit=options.top + 1, skip=options.skip, after=after
            )
        token = token_of(position_of(rows[options.top - 1], order)) if len(rows) > options.top else None
        entities = [_seen(row) for row in rows[: options.top]]
        if options.expand:
            await self._know({entity.device for entity in entities})
        return Page(entities, count, token)

    async def _chosen(self, scopes: Sequence[Scope], term: Term | None) -> list[Chosen]:
        if term is not None and asks_extents(Kind.OBSERVATION, term):
            await self._extents(self._world.all(Kind.DATASTREAM))
        return await asyncio.to_thread(chosen, self._asker, scopes, term)

    async def _counted(self, wanted: Sequence[Chosen]) -> int:
        count = await self._doors.observations.count(wanted, limit=MAX_COUNT + 1)
        if count > MAX_COUNT:
            raise undone(f"$count goes up to {MAX_COUNT:,} observations: ask for one Datastream, or a span of times")
        return count

    # What is answered

    async def _collection(self, found: Page, address: Address, options: Options) -> Answer:
        here = self._links.root + "".join(f"/{_written(hop)}" for hop in address.hops)
        here += "/$ref" if address.ref else ""
        following = None if found.token is None else self._links.next(here, options, found.token)
        if address.ref:
            links: list[Document] = [{"@iot.selfLink": self._links.entity(entity)} for entity in found.entities]
            return Answer(page(links, found.count, following))
        if options.format == "dataArray":
            return Answer(data_array(self._world, self._links, found.entities, options, found.count, following))
        documents = await self._documents(found.entities, options)
        if options.format == "GeoJSON":
            return Answer(geojson(self._world, found.entities, documents, found.count, following))
        return Answer(page(documents, found.count, following))

    async def _entity(self, entity: Entity, address: Address, options: Options) -> Answer:
        if address.ref:
            return Answer({"@iot.selfLink": self._links.entity(entity)})
        if address.inside:
            return await self._inside(entity, address)
        if options.filter is not None or options.orderby or options.count:
            raise bad("$filter, $orderby and $count are for collections; this is one entity")
        [document] = await self._documents([entity], options)
        if options.format == "GeoJSON":
            return Answer(geojson(self._world, [entity], [document], None, None))
        return Answer(document)

    async def _inside(self, entity: Entity, address: Address) -> Answer:
        name, *deeper = address.inside
        if entity.kind is Kind.DATASTREAM and name in EXTENTS:
            await self._extents([entity])
        said = {"id": entity.id, "@iot.id": entity.id, **self._world.properties(entity)}
        value = within(said, (name, *deeper))
        if value is None:
            if deeper:
                raise missing(f"there is nothing at {'/'.join(address.inside)[:200]} of {entity.kind}({entity.id!r})")
            return Answer()
        if not address.value:
            return Answer({address.inside[-1]: value})
        return Answer(value, text=_bare(value))

    async def _documents(self, entities: Sequence[Entity], options: Options) -> list[Document]:
        """Return what entities say, with what is expanded in them."""
        streams = [entity for entity in entities if entity.kind is Kind.DATASTREAM]
        if streams and any(options.shows(name) for name in EXTENTS):
            await self._extents(streams)
        documents = [entity_document(self._world, self._links, entity, options) for entity in entities]
        for name, inner in options.expand.items():
            if entities:
                await self._expand(name, entities, documents, inner)
        return documents

    async def _expand(
        self, name: str, entities: Sequence[Entity], documents: Sequence[Document], options: Options
    ) -> None:
        """Put what a relation leads to into documents."""
        relation = RELATIONS[entities[0].kind][name]
        pages = await self._pages(name, relation, entities, options)
        every = list(dict.fromkeys(entity for found in pages for entity in found.entities))
        said = dict(zip(every, await self._documents(every, options), strict=True))
        for entity, document, found in zip(entities, documents, pages, strict=True):
            inner = [said[each] for each in found.entities]
            if not relation.many:
                document[name] = inner[0] if inner else None
                continue
            document[name] = inner
            if found.count is not None:
                document[f"{name}@iot.count"] = found.count
            if found.token is not None:
                here = f"{self._links.entity(entity)}/{name}"
                document[f"{name}@iot.nextLink"] = self._links.next(here, options, found.token)

    async def _pages(
        self, name: str, relation: Relation, entities: Sequence[Entity], options: Options
    ) -> Sequence[Page]:
        """Return what a relation of each of these leads to."""
        top = max(1, min(options.top, MAX_ENTITIES // len(entities))) if options.top else 0
        if relation.kind is not Kind.OBSERVATION:
            if not relation.many:
                return [Page(self._world.related(entity, name)) for entity in entities]
            return [await self._selected(self._world.related(entity, name), options, top) for entity in entities]
        shorter = replace(options, top=top)
        if entities[0].kind is Kind.DATASTREAM and not options.count and not options.skip and options.token is None:
            return await self._of_each(entities, shorter)
        if len(entities) > FEW:
            raise undone(
                f"Observations with $count or $skip, or of a FeatureOfInterest, are expanded in at most {FEW} entities;"
                " ask for fewer with $top"
            )
        return [await self._observations(entity, shorter) for entity in entities]

    async def _of_each(self, streams: Sequence[Entity], options: Options) -> Sequence[Page]:
        """Return the observations of each datastream, all of them asked for together."""
        scopes = [scope for stream in streams for scope in scopes_of(self._world, stream)]
        wanted = _together(await self._chosen(scopes, options.filter))
        found: dict[tuple[str, str], list[Observed]] = {}
        orders: dict[tuple[str, str], list[Key]] = {}
        for group in _by_sort(wanted) if options.orderby else [wanted]:
            order = keys(options.orderby, group, single=True)
            rows = await self._doors.observations.of_each(group, order=order, limit=options.top + 1) if group else ()
            for row in rows:
                found.setdefault((row.device, row.field), []).append(row)
                orders[row.device, row.field] = order
        pages = []
        for stream in streams:
            rows = found.get((stream.device, stream.name), [])
            token = None
            if options.top and len(rows) > options.top:
                token = token_of(position_of(rows[options.top - 1], orders[stream.device, stream.name]))
            pages.append(Page([_seen(row) for row in rows[: options.top]], None, token))
        return pages

    def _settled(self, kind: Kind, options: Options) -> Options:
        """Return options in which ``now()`` is a moment, and ids of observations are places."""
        term = None if options.filter is None else with_now(options.filter, self._now)
        if term is not None and kind is Kind.OBSERVATION:
            term = _placed(term)
        inner = {name: self._settled(RELATIONS[kind][name].kind, each) for name, each in options.expand.items()}
        return replace(options, filter=term, expand=inner)


def _needs(asker: Asker, entities: Sequence[Entity], term: Term) -> dict[Entity, set[Needed]]:
    """Return what would do for each entity; refuse to look through too many series."""
    needs = {}
    left = MAX_SERIES
    for entity in entities:
        needs[entity] = set(through_observations(asker, entity, term))
        left -= len(needs[entity])
        if left < 0:
            raise undone(
                f"this $filter looks through observations of more than {MAX_SERIES:,} series: say more of the things"
                " or datastreams that are meant, or ask Observations and write Datastream/…"
            )
    return needs


def _reaches_all(kind: Kind, options: Options) -> bool:
    """Return whether a filter, an order or what is expanded goes from a sensor or a quantity to its datastreams."""
    terms = [*([options.filter] if options.filter else []), *(path for path, _ in options.orderby)]
    if any(step.origin in {Kind.SENSOR, Kind.PROPERTY} for term in terms for step in all_steps(kind, term)):
        return True
    if kind in {Kind.SENSOR, Kind.PROPERTY} and options.expand:
        return True
    return any(_reaches_all(RELATIONS[kind][name].kind, inner) for name, inner in options.expand.items())


def device_in(kind: Kind, name: str) -> str:
    """Return the device in the id of an entity; of a moving device's feature, too."""
    if kind is Kind.OBSERVATION:
        return name.rpartition(":")[0].rpartition(":")[0]
    if kind is Kind.DATASTREAM:
        return name.rpartition(":")[0]
    if kind is Kind.FEATURE and ":" in name:
        return name.rpartition(":")[0]
    return name


def place_in(name: str) -> tuple[str, str, datetime] | None:
    """Return device, field and time in the id of an observation, ``None`` if it is no such id."""
    stream, _, digits = name.rpartition(":")
    device, _, field = stream.rpartition(":")
    when = _moment(digits)
    return (device, field, when) if device and field and when is not None else None


def _moment(digits: str) -> datetime | None:
    if not digits.removeprefix("-").isdecimal() or not digits.isascii():
        return None
    try:
        when = moment(int(digits[:20]))
    except OverflowError:
        return None
    return when if str(microseconds(when)) == digits else None


def _placed(term: Term) -> Term:
    """Return the term with ``id eq 'device:field:time'`` written as the place that it is, which the index knows."""
    match term:
        case Both():
            return with_children(term, tuple(map(_placed, children(term))))
        case Compare("eq", Path(("id",)), Constant(str() as name)):
            place = place_in(name)
            if place is not None:
                stream = Compare("eq", Path(("Datastream", "id")), Constant(f"{place[0]}:{place[1]}"))
                return Both("and", stream, Compare("eq", Path(("phenomenonTime",)), Constant(place[2])))
    return term


def _registered(device: Device) -> Place | None:
    if device.latitude is None or device.longitude is None:
        return None
    return Place(device.longitude, device.latitude, device.first_seen)


def _seen(row: Observed) -> Entity:
    return Entity(Kind.OBSERVATION, row.device, row.field, row)


def _together(wanted: Sequence[Chosen]) -> list[Chosen]:
    """Return the same series, those that are asked the same way in one."""
    groups: dict[tuple[str, tuple[object, ...], Term | None], list[Chosen]] = {}
    for one in wanted:
        names = tuple(field.name for field in one.fields)
        groups.setdefault((one.device_type.name, names, one.where), []).append(one)
    return [
        replace(some[0], devices=tuple(device for one in some for device in one.devices or ()))
        for some in groups.values()
    ]


def _by_sort(wanted: Sequence[Chosen]) -> list[list[Chosen]]:
    """Return the series by the sort of their results: each is ordered by another column."""
    groups: dict[object, list[Chosen]] = {}
    for one in wanted:
        groups.setdefault(one.fields[0].kind, []).append(one)
    return list(groups.values())


def _written(hop: Hop) -> str:
    return hop.name if hop.key is None else f"{hop.name}({quoted(hop.key)})"


def _bare(value: object) -> str:
    return value if isinstance(value, str) else encoded(value).decode().strip('"')
