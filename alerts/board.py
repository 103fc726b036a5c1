"""All conditions at work on all devices: groups, and where in them a rule's condition on a device is. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from alerts.compiled import Compiled, Key, World, wanted
from alerts.groups import Group
from alerts.leaves import Part
from alerts.runs import NEVER
from model.alarm import Standing, Subject
from model.alert_ports import Member

Watch = tuple[str, int]
"""A rule and a device's key."""


@dataclass(slots=True)
class Board:
    """Rules at work. ``standing``: open alarms. ``places``: rule and device -> its instances in groups, by leaf."""

    world: World
    rules: dict[str, Compiled] = field(default_factory=dict)
    groups: dict[str, list[Group]] = field(default_factory=dict)
    places: dict[Watch, list[tuple[Group, int]]] = field(default_factory=dict)
    standing: dict[Key, Standing] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Iterable[Compiled], world: World) -> "Board":
        """Return a board for these rules, on which nothing is known yet."""
        board = cls(world=world, rules={one.rule.name: one for one in rules})
        together: dict[tuple[object, ...], list[tuple[Part, Sequence[Member]]]] = {}
        for one in board.rules.values():
            for name, parts in one.parts.items():
                for part in parts:
                    together.setdefault(part.group, []).append((part, one.members[name]))
        for some in together.values():
            parts = [part for part, _ in some]
            group = Group(parts, [(i, member) for i, (_, members) in enumerate(some) for member in members])
            board.groups.setdefault(parts[0].type.name, []).append(group)
            for instance, (number, member) in enumerate(group.members):
                board.places.setdefault((parts[number].rule.name, member.key), []).append((group, instance))
        for found in board.places.values():
            found.sort(key=lambda place: place[0].part_of(place[1]).number)
        return board

    def adopt(self, old: "Board") -> list[Watch]:
        """Take over what another board knows; return what is new here."""
        new = []
        moved: dict[tuple[int, int], tuple[Group, Group, list[int], list[int]]] = {}
        for watch, found in self.places.items():
            before = old.places.get(watch)
            if before is None or [group.part_of(i).key for group, i in before] != [g.part_of(i).key for g, i in found]:
                new.append(watch)
                continue
            for (group, instance), (was, was_instance) in zip(found, before, strict=True):
                pair = moved.setdefault((id(group), id(was)), (group, was, [], []))
                pair[2].append(instance)
                pair[3].append(was_instance)
        for group, was, here, there in moved.values():
            group.carry.put(np.array(here), was.carry.take(np.array(there)))
        return new

    def all_groups(self) -> Iterable[Group]:
        """Yield every group."""
        for groups in self.groups.values():
            yield from groups

    def wanted(self) -> Mapping[str, Sequence[str]]:
        """Return the fields that rules read, by device type."""
        return wanted(self.rules.values())

    def rule_of(self, group: Group, instance: int) -> Compiled:
        """Return whose instance it is."""
        return self.rules[group.part_of(instance).rule.name]

    def subject(self, device: int) -> Subject:
        """Return a device as the subject of alarms."""
        member = self.world.members[device]
        return Subject(name=member.id, device=device, device_type=member.type, simulated=member.simulated)

    def newest_known(self) -> None:
        """Let instances of which no reading was found know when their device spoke last."""
        for group in self.all_groups():
            for instance in np.flatnonzero(group.carry.last_us == NEVER).tolist():
                member = group.members[instance][1]
                since = member.newest_us or (member.since_us if group.silence else 0)
                if since:
                    group.carry.last_us[instance] = since
                    group.carry.raised_last[instance] = since
