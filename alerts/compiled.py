"""Rules made ready: which devices each of them watches, and which parts it has on their types. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.leaves import Part
from alerts.schedule import Times
from model.alarm import StoredRule
from model.alert_ports import Member
from model.device import DeviceType
from model.instants import microseconds
from model.rule import Geofence, Group, Leaf, Rule, Scope, Silence, Usual, leaves

_MOST_US = 10**17
"""Three thousand years: sums of a few such lengths still fit where times are counted."""
Key = tuple[str, str]
"""Rule and subject: what at most one alarm is open of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the city is: its time zone, and (latitude, longitude) for devices without a place."""

    zone: str = "Europe/Paris"
    centre: tuple[float, float] = (48.39, -4.49)


class World:
    """Device types and registered devices, found by what rules say of them."""

    def __init__(self, types: Mapping[str, DeviceType], members: Sequence[Member]) -> None:
        self.types = types
        self.members = {member.key: member for member in members if member.type in types}
        self.by_id = {member.id: member for member in self.members.values()}
        self._by: dict[tuple[str, str | None], set[int]] = {}
        for member in self.members.values():
            for word in ("type", "district", "experiment", "network"):
                self._by.setdefault((word, getattr(member, word)), set()).add(member.key)

    def watched(self, scope: Scope, fields: Iterable[str]) -> list[Member]:
        """Return the devices in a scope whose type has all these fields, in order of their keys."""
        wanted = set(fields)
        types = [name for name, of in self.types.items() if wanted <= {each.name for each in of.fields}]
        found = self._any("type", [name for name in types if not scope.type or name in scope.type])
        for word in ("district", "experiment", "network"):
            if names := getattr(scope, word):
                found &= self._any(word, names)
        if scope.device:
            found &= {self.by_id[name].key for name in scope.device if name in self.by_id}
        tags = scope.tags.items()
        return [self.members[key] for key in sorted(found) if tags <= self.members[key].tags.items()]

    def _any(self, word: str, names: Iterable[str]) -> set[int]:
        return set().union(*(self._by.get((word, name), set()) for name in names))


@dataclass(slots=True, kw_only=True)
class Compiled:
    """A rule that is at work. ``members``: by device type; ``parts``: by device type, in the order of its leaves.

    ``kind``: what it looks at: ``readings``, ``windows`` (measures over time), ``things`` (gateways, sources).
    """

    stored: StoredRule
    kind: str
    types: Mapping[str, DeviceType] = field(default_factory=dict)
    members: dict[str, list[Member]] = field(default_factory=dict)
    parts: dict[str, list[Part]] = field(default_factory=dict)

    @property
    def rule(self) -> Rule:
        """The rule as it was written."""
        return self.stored.rule

    @property
    def alone(self) -> bool:
        """Whether it has one condition only."""
        return all(len(parts) == 1 for parts in self.parts.values())

    @property
    def since_us(self) -> int:
        """When it became what it is; episodes that were over before are none of its."""
        return microseconds(self.stored.changed_at)

    def check(self) -> None:
        """Raise ``OverflowError`` for lengths that no clock can count: one such rule must not stop the others."""
        for parts in self.parts.values():
            for part in parts:
                numbers = [part.for_us, part.clear_for_us, part.hold_us, part.repeat, part.reach_us(), part.limit_us(0)]
                if max(numbers) > _MOST_US:
                    raise OverflowError(f"{max(numbers)} µs are too long")

    def notify(self, *, simulated: bool, late: bool, folded: bool) -> tuple[str, ...]:
        """Return which channels hear of an alarm."""
        return () if late or folded or (simulated and not self.rule.simulated) else self.rule.notify


def compiled(stored: StoredRule, world: World, place: Place) -> Compiled:
    """Return a rule made ready for the world as it is."""
    rule = stored.rule
    each = list(leaves(rule.when))
    first = each[0]
    if _kind(first) == "things":
        return Compiled(stored=stored, kind="things")
    result = Compiled(stored=stored, kind=_kind(first), types=world.types)
    for member in world.watched(rule.scope, fields_of(rule)):
        result.members.setdefault(member.type, []).append(member)
    if result.kind == "readings":
        times = None if rule.schedule is None else Times(rule.schedule, place.zone, place.centre)
        for name in result.members:
            result.parts[name] = [
                Part(
                    rule=rule,
                    version=stored.version,
                    number=number,
                    alone=len(each) == 1,
                    condition=leaf,
                    type=world.types[name],
                    times=times,
                )
                for number, leaf in enumerate(each)
                if not isinstance(leaf, Group | Usual)
            ]
    return result


def _kind(leaf: Leaf) -> str:
    if isinstance(leaf, Silence) and leaf.of != "device":
        return "things"
    return "windows" if isinstance(leaf, Group | Usual) else "readings"


def fields_of(rule: Rule) -> set[str]:
    """Return the fields that a rule reads."""
    found: set[str | None] = set()
    for leaf in leaves(rule.when):
        if isinstance(leaf, Geofence):
            found |= {leaf.latitude, leaf.longitude}
        else:
            found.add(leaf.field)
        if isinstance(leaf, Group) and leaf.where is not None:
            found.add(leaf.where.field)
    return {name for name in found if name is not None}


def wanted(rules: Iterable[Compiled]) -> dict[str, tuple[str, ...]]:
    """Return the fields of each device type that these rules read."""
    found: dict[str, set[str]] = {}
    for one in rules:
        for name in one.members:
            found.setdefault(name, set()).update(fields_of(one.rule))
    return {name: tuple(sorted(fields)) for name, fields in sorted(found.items())}


def enabled(rules: Iterable[StoredRule]) -> list[StoredRule]:
    """Return the rules that are switched on."""
    return [one for one in rules if one.rule.enabled]
