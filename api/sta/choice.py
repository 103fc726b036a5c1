"""Which observations are meant: from a ``$filter`` to what the database is asked, and in which order. Pure.

Rules:

1. What a filter says of datastreams, things and places is settled here, series by series; what is left speaks of
   observations themselves and is left to the database.
2. Series of which the same is left are asked together; how many such groups there may be is bounded.
3. A page goes on behind the last observation of the one before, whose place in the order is in its link.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from api.sta.entities import Entity, World, place_fields
from api.sta.errors import bad, undone
from api.sta.evaluate import Lookup, shortened
from api.sta.joins import Asker
from api.sta.kinds import Kind, all_steps
from model.device import DeviceType, Field
from model.device import Kind as FieldKind
from model.observations import LOCAL, Chosen, Column, Key, Observed
from model.terms import FALSE, TRUE, Both, Path, Term, children, joined, paths, split, with_children
from model.value import Value

MAX_GROUPS = 50
"""Groups of series of which each is a part of the query."""
_COLUMN_OF: dict[FieldKind, Column] = {
    FieldKind.FLOAT: "number",
    FieldKind.INT: "number",
    FieldKind.BOOL: "truth",
    FieldKind.TEXT: "word",
}
Position = list[Value | datetime]


@dataclass(frozen=True, slots=True)
class Scope:
    """Series before any filter: fields of the devices of one type; ``None``: all that are registered."""

    device_type: DeviceType
    devices: tuple[str, ...] | None
    fields: tuple[Field, ...]


def is_local(term: Term) -> bool:
    """Return whether a term speaks of nothing but observations themselves."""
    return all(parts in LOCAL for parts in paths(term))


def asks_entities(term: Term | None) -> bool:
    """Return whether a filter can only be settled by looking at each series."""
    return term is not None and any(not is_local(part) for part in split(term))


def chosen(asker: Asker, scopes: Iterable[Scope], term: Term | None) -> list[Chosen]:
    """Return what to ask the database for; nothing where the filter leaves nothing."""
    parts = [] if term is None else split(term)
    local = [_settled(part) for part in parts if is_local(part)]
    if FALSE in local:
        return []
    own = [part for part in local if part != TRUE]
    others = joined([part for part in parts if not is_local(part)])
    if others is None:
        return [
            Chosen(device_type=one.device_type, devices=one.devices, fields=one.fields, where=joined(own))
            for one in scopes
        ]
    return [found for scope in scopes for found in _grouped(asker, scope, others, own)]


def _settled(term: Term) -> Term:
    """Return the term, as ``TRUE`` or ``FALSE`` where it speaks of nothing at all."""
    if any(True for _ in paths(term)):
        return term
    return TRUE if shortened(term, lambda _: True, lambda _: None) == TRUE else FALSE


def _grouped(asker: Asker, scope: Scope, term: Term, own: list[Term]) -> list[Chosen]:
    world, device_type = asker.world, scope.device_type
    everyone = tuple(name for name in world.devices if world.type_of(name) is device_type)
    settled = _Settled(asker, term)
    groups: dict[Term, dict[str, list[Field]]] = {}
    for device in everyone if scope.devices is None else scope.devices:
        for field in scope.fields:
            left = settled.left(device, field.name)
            if left != FALSE:
                groups.setdefault(left, {}).setdefault(device, []).append(field)
    found = []
    for left, fields in groups.items():
        alike: dict[tuple[Field, ...], list[str]] = {}
        for device, those in fields.items():
            alike.setdefault(tuple(those), []).append(device)
        where = joined(own if left == TRUE else [*own, left])
        for kept, devices in alike.items():
            every = scope.devices is None and len(devices) == len(everyone)
            names = None if every else tuple(devices)
            found.append(Chosen(device_type=device_type, devices=names, fields=kept, where=where))
    if len(found) > MAX_GROUPS:
        raise undone(
            f"this $filter asks each of more than {MAX_GROUPS} groups of series something else: ask fewer Datastreams"
        )
    return found


class _Settled:
    """What is left of a filter for each series of one device type; what only device or field tell is settled once."""

    def __init__(self, asker: Asker, term: Term) -> None:
        self._asker = asker
        many = any(step.relation.many for step in all_steps(Kind.OBSERVATION, term))
        self._parts = [(part, *_tells(part)) for part in ([term] if many else split(term))]
        self._known: dict[tuple[int, str, str], Term] = {}

    def left(self, device: str, field: str) -> Term:
        """Return what is left of the filter for the observations of one datastream."""
        found = []
        for n, (part, by_device, by_field) in enumerate(self._parts):
            place = (n, device if by_device else "", field if by_field else "")
            left = self._known.get(place)
            if left is None:
                left = self._known[place] = _left(self._asker, Entity(Kind.DATASTREAM, device, field), part)
            if left == FALSE:
                return FALSE
            if left != TRUE:
                found.append(left)
        whole = joined(found) or TRUE
        if any(parts[:2] == _FEATURE for parts in paths(whole)):
            raise undone(
                "$filter by FeatureOfInterest/feature is not done for devices that move: leave them out by"
                f" Datastream/Sensor/id ne '{self._asker.world.devices[device].type}',"
                " or ask the Datastreams of their latitude and longitude"
            )
        return whole


_OF_FIELD = ("Sensor", "ObservedProperty", "unitOfMeasurement", "observationType")


def _tells(term: Term) -> tuple[bool, bool]:
    """Return whether the device, and whether the field, makes a difference to what a condition says of a series."""
    heads = [parts[:2] for parts in paths(term) if parts not in LOCAL]
    only_device = all(head[0] == "FeatureOfInterest" or head == ("Datastream", "Thing") for head in heads)
    only_field = all(head[0] == "Datastream" and head[1:] and head[1] in _OF_FIELD for head in heads)
    return not only_field, not only_device


def _left(asker: Asker, stream: Entity, term: Term) -> Term:
    """Return what is left of a filter for the observations of one datastream."""
    start = Entity(Kind.OBSERVATION, stream.device, stream.name)
    known = _is_known_of_moving if asker.world.moves(stream.device) else _is_known
    whole: Term = FALSE
    for lookup in asker.lookups(start, term):
        left = shortened(term, known, partial(_known, lookup))
        if left == TRUE:
            return TRUE
        if any(True for _ in paths(left)):
            whole = left if whole == FALSE else whole if whole == left else Both("or", whole, left)
    return whole


_FEATURE = ("FeatureOfInterest", "feature")


def _is_known(parts: tuple[str, ...]) -> bool:
    return parts not in LOCAL


def _is_known_of_moving(parts: tuple[str, ...]) -> bool:
    return parts not in LOCAL and parts[:2] != _FEATURE


def _known(look: Lookup, parts: tuple[str, ...]) -> object:
    if parts[0] not in {"Datastream", "FeatureOfInterest"}:
        return None  # within a result or parameters there is nothing else
    return look(parts)


@dataclass(frozen=True, slots=True)
class Needed:
    """What a datastream must have an observation of, for an entity to be meant: a term over ``LOCAL``."""

    stream: Entity
    term: Term


def through_observations(asker: Asker, entity: Entity, term: Term) -> Iterator[Needed]:
    """Yield, for a filter that goes through observations, what would do for an entity: any one of these."""
    steps = {step.path: step for step in all_steps(entity.kind, term) if step.relation.many}
    path = next(path for path, step in steps.items() if step.relation.kind is Kind.OBSERVATION)
    beyond = [other for other in steps if len(other) > len(path) and other[: len(path)] == path]
    if beyond:
        raise undone(f"$filter through {'/'.join(beyond[0])} is not done here; ask Observations and write Datastream/…")
    for bound in asker.ways(entity, steps.keys() - {path}):
        origin = asker.walk(entity, bound, path[:-1])
        if origin is None:
            continue
        streams = [origin] if origin.kind is Kind.DATASTREAM else list(asker.world.streams(origin.device))
        for stream in streams:
            left = _of_stream(asker, partial(asker.look, entity, bound), term, path, stream)
            if left != FALSE:
                yield Needed(stream, left)


def _of_stream(asker: Asker, look: Lookup, term: Term, path: tuple[str, ...], stream: Entity) -> Term:
    """Return what is left of a filter for the observations of one datastream, told of observations themselves."""
    start, moves, n = Entity(Kind.OBSERVATION, stream.device, stream.name), asker.world.moves(stream.device), len(path)

    def known(parts: tuple[str, ...]) -> bool:
        is_known = _is_known_of_moving if moves else _is_known
        return parts[:n] != path or is_known(parts[n:] or ("id",))

    def said(parts: tuple[str, ...]) -> object:
        return look(parts) if parts[:n] != path else _known(partial(asker.look, start, {}), parts[n:])

    left = _without(shortened(term, known, said), n)
    if any(parts[:2] == _FEATURE for parts in paths(left)):
        raise undone(f"$filter by FeatureOfInterest/feature is not done for {stream.device}, which moves")
    return left if any(True for _ in paths(left)) or left == TRUE else FALSE


def _without(term: Term, n: int) -> Term:
    """Return the term with so many parts fewer at the beginning of each path."""
    if isinstance(term, Path):
        return Path(term.parts[n:] or ("id",))
    return with_children(term, tuple(_without(child, n) for child in children(term)))


def scopes_of(world: World, parent: Entity | None) -> list[Scope]:
    """Return the series of a datastream, of a feature of interest, or (``None``) all that there are."""
    if parent is None:
        return [Scope(each, None, each.fields) for each in world.types.values() if each.fields]
    device_type = world.type_of(parent.device)
    if device_type is None:
        return []
    fields = (world.field(parent),) if parent.kind is Kind.DATASTREAM else device_type.fields
    return [Scope(device_type, (parent.device,), fields)] if fields else []


def moving_scope(world: World, device: str) -> list[Scope]:
    """Return the series in which a moving device says where it is; none for one that stands."""
    device_type = world.type_of(device)
    names = place_fields(device_type) if device_type else None
    field = device_type.field(names[0]) if device_type and names else None
    return [Scope(device_type, (device,), (field,))] if device_type and field else []


# Order


def keys(orderby: Sequence[tuple[Path, bool]], wanted: Sequence[Chosen], *, single: bool) -> list[Key]:
    """Return the columns of an order, completed so that no two observations are at one place in it."""
    found: list[Key] = []
    for path, descending in orderby:
        for column in _columns(path.parts, wanted, single=single):
            if all(key.column != column for key in found):
                found.append(Key(column, descending))
    there = {key.column for key in found}
    last: tuple[Column, ...] = ("time", "device", "field")
    return [*found, *(Key(column) for column in last if column not in there)]


def _columns(parts: tuple[str, ...], wanted: Sequence[Chosen], *, single: bool) -> tuple[Column, ...]:
    match parts:
        case ("phenomenonTime",):
            return ("time",)
        case ("resultTime",):
            return ("received_at",)
        case ("id",):
            return ("device", "field", "time")
        case ("result",):
            kinds = {_COLUMN_OF[field.kind] for one in wanted for field in one.fields}
            if len(kinds) > 1:
                raise bad("$orderby=result: the results are of several sorts; ask for one Datastream")
            return tuple(kinds)
        case ("validTime",) | ("resultQuality",):
            return ()
        case _ if single and parts[0] == "Datastream":
            return ()
        case _:
            raise undone(
                f"$orderby={'/'.join(parts)[:60]} is not done for Observations:"
                " there are phenomenonTime, resultTime, result, id"
            )


def position_of(seen: Observed, order: Sequence[Key]) -> Position:
    """Return where an observation stands in an order."""
    return [_cell(seen, key.column) for key in order]


def _cell(seen: Observed, column: Column) -> Value | datetime:
    match column:
        case "time":
            return seen.time
        case "received_at":
            return seen.received_at
        case "device":
            return seen.device
        case "field":
            return seen.field
        case _:
            return seen.value


def token_of(position: Sequence[object]) -> str:
    """Return a place in an order as it stands in a link."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(position))).decode().rstrip("=")


def opened(token: str) -> list[Any]:
    """Return what is in a link; raise ``StaError`` for what is none of ours."""
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(text, type=list[Any])
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        raise _strange() from None


def _strange() -> Exception:
    return bad("$skiptoken is none of ours; follow @iot.nextLink of the page before")


_TYPES: dict[Column, tuple[type, ...]] = {"number": (int, float), "truth": (bool,)}


def position_in(token: str, order: Sequence[Key]) -> Position:
    """Return the place in this order that a link tells."""
    values: list[Any] = opened(token)
    if len(values) != len(order):
        raise _strange()
    found: Position = []
    value: Any
    for key, value in zip(order, values, strict=True):
        kinds = _TYPES.get(key.column, (str,))
        if not _is_one_of(value, kinds):
            raise _strange()
        found.append(_moment(str(value)) if key.column in {"time", "received_at"} else value)
    return found


def _is_one_of(value: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _moment(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise _strange() from None
    if when.tzinfo is None:
        raise _strange()
    return when
