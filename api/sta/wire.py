"""SensorThings' documents: links, entities, pages, data arrays and GeoJSON as clients read them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

import msgspec

from api.sta.entities import Entity, World
from api.sta.errors import bad
from api.sta.filter import stamp
from api.sta.joins import within
from api.sta.kinds import PROPERTIES, RELATIONS, SET_OF, Kind
from api.sta.options import DEFAULT_TOP, MAX_EXPAND_DEPTH, MAX_SKIP, MAX_TOP, Options
from model.terms import Interval

Document = dict[str, object]
_ARRAY = ("id", "phenomenonTime", "resultTime", "result", "parameters")


def encoded(document: object) -> bytes:
    """Return a document as JSON."""
    return msgspec.json.encode(document, enc_hook=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Interval):
        return f"{stamp(value.start)}/{stamp(value.end)}"
    raise TypeError(type(value).__name__)


class Links:
    """Addresses under a service's root."""

    def __init__(self, root: str, also: Sequence[tuple[str, str]] = ()) -> None:
        self.root = root
        self._also = also

    def entity(self, entity: Entity) -> str:
        """Return the address of an entity."""
        return f"{self.root}/{SET_OF[entity.kind]}({quoted(entity.id)})"

    def asking(self, address: str, pairs: Iterable[tuple[str, str]]) -> str:
        """Return an address with query options."""
        text = "&".join(f"{quote(name, safe='$')}={quote(value, safe=_SAFE)}" for name, value in (*pairs, *self._also))
        return f"{address}?{text}" if text else address

    def next(self, address: str, options: Options, token: str) -> str:
        """Return the address of the page behind a place."""
        asked = [(name, value) for name, value in options.asked if name not in {"$skip", "$skiptoken", "lang"}]
        return self.asking(address, [*asked, ("$skiptoken", token)])


_SAFE = "$'(),:;/@-._~"


def quoted(name: str) -> str:
    """Return an id as it stands in an address."""
    return "'" + quote(name.replace("'", "''"), safe=":.-_~'") + "'"


def entity_document(world: World, links: Links, entity: Entity, options: Options) -> Document:
    """Return what an entity says, with its id and its links, without what is expanded."""
    document: Document = {}
    if options.shows("id"):
        document["@iot.id"] = entity.id
    if options.shows("@iot.selfLink"):
        document["@iot.selfLink"] = links.entity(entity)
    said = world.properties(entity)
    if options.select is None:
        document.update((name, value) for name, value in said.items() if value is not None)
    else:
        for name in options.select:
            _put(document, name.split("/"), said)
    for name in RELATIONS[entity.kind]:
        if options.shows(name) and name not in options.expand:
            document[f"{name}@iot.navigationLink"] = f"{links.entity(entity)}/{name}"
    return document


def _put(document: Document, parts: Sequence[str], said: Mapping[str, object]) -> None:
    """Put what stands at a path into a document, under the same names."""
    if parts[0] not in said:
        return
    value = within(said, tuple(parts))
    for part in parts[:-1]:
        inner = document.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        document = inner
    if value is not None:
        document[parts[-1]] = value


def page(documents: Sequence[Document], count: int | None, following: str | None) -> Document:
    """Return a page of a collection."""
    return {**_about(count, following), "value": documents}


def _about(count: int | None, following: str | None) -> Document:
    about: Document = {}
    if count is not None:
        about["@iot.count"] = count
    if following is not None:
        about["@iot.nextLink"] = following
    return about


def data_array(
    world: World, links: Links, entities: Sequence[Entity], options: Options, count: int | None, following: str | None
) -> Document:
    """Return observations as arrays, one for each datastream."""
    if options.expand:
        raise bad("$resultFormat=dataArray takes no $expand")
    names = [name for name in options.select or _ARRAY if name in {"id", *PROPERTIES[Kind.OBSERVATION]}]
    arrays: dict[tuple[str, str], list[list[object]]] = {}
    for entity in entities:
        said = {"id": entity.id, **world.properties(entity)}
        arrays.setdefault((entity.device, entity.name), []).append([said[name] for name in names])
    value = [
        {
            "Datastream@iot.navigationLink": links.entity(Entity(Kind.DATASTREAM, device, field)),
            "components": names,
            "dataArray@iot.count": len(rows),
            "dataArray": rows,
        }
        for (device, field), rows in arrays.items()
    ]
    return {**_about(count, following), "value": value}


def geojson(
    world: World, entities: Sequence[Entity], documents: Sequence[Document], count: int | None, following: str | None
) -> Document:
    """Return entities as features at their places; what is in objects within them gets names with slashes."""
    features = [
        {
            "type": "Feature",
            "id": entity.id,
            "geometry": world.shape(entity),
            "properties": dict(_flat("", document)),
        }
        for entity, document in zip(entities, documents, strict=True)
    ]
    return {**_about(count, following), "type": "FeatureCollection", "features": features}


def _flat(front: str, value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if not (isinstance(inner, dict) and "coordinates" in inner):
                yield from _flat(f"{front}/{name}" if front else name, inner)
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _flat(f"{front}/{n}", inner)
    else:
        yield front, value


def root_document(root: str) -> Document:
    """Return what the service is: its sets, and which parts of the standard it keeps."""
    return {
        "value": [{"name": name, "url": f"{root}/{name}"} for name in SET_OF.values()],
        "serverSettings": {"conformance": list(CONFORMANCE), **LIMITS},
    }


_STANDARD = "http://www.opengis.net/spec/iot_sensing/1.1/req"
# Data arrays are read but not written, so that part of the standard is not claimed.
CONFORMANCE = (
    f"{_STANDARD}/datamodel",
    f"{_STANDARD}/resource-path/resource-path-to-entities",
    f"{_STANDARD}/request-data",
)
LIMITS: Mapping[str, object] = {
    "limits": {"$top": MAX_TOP, "$skip": MAX_SKIP, "$expand": MAX_EXPAND_DEPTH, "defaultTop": DEFAULT_TOP}
}
