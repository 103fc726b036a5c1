"""What a rule is checked against: device types, registered devices, channels; and what a check finds. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property

from alerts.compiled import World
from model.alert_ports import Member
from model.device import DeviceType, Field
from model.rule import Scope
from model.said import Said

_SHOWN = 4
NOTHING = Said("", "")


@dataclass(frozen=True, kw_only=True)
class Known:
    """Device types by name, registered devices, and the names of channels."""

    types: Mapping[str, DeviceType]
    members: Sequence[Member] = ()
    channels: Collection[str] = ()

    @cached_property
    def world(self) -> World:
        """Types and devices, to be asked whom a scope holds."""
        return World(self.types, self.members)

    @cached_property
    def names(self) -> Mapping[str, frozenset[str]]:
        """Word of a scope -> all names that devices have."""
        found: dict[str, set[str]] = {"device": set(), "district": set(), "experiment": set(), "network": set()}
        for member in self.members:
            found["device"].add(member.id)
            for word in ("district", "experiment", "network"):
                if name := getattr(member, word):
                    found[word].add(name)
        return {word: frozenset(names) for word, names in found.items()}

    def reach(self, scope: Scope) -> list[DeviceType]:
        """Return the device types that a scope can hold: those it names, else those of its devices, else all."""
        names: Iterable[str] = scope.type
        if not scope.type:
            there = [self.world.by_id[name].type for name in scope.device if name in self.world.by_id]
            names = dict.fromkeys(there) or self.types
        return [self.types[name] for name in names if name in self.types]


@dataclass(slots=True)
class Findings:
    """What a check finds: ``problems`` keep a rule from working, ``notes`` are for who writes it."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def problem(self, place: str, english: str, french: str) -> None:
        """Take a problem, once."""
        if (line := Said(english, french).at(place)) not in self.problems:
            self.problems.append(line)

    def note(self, place: str, english: str, french: str) -> None:
        """Take a note, once."""
        if (line := Said(english, french).at(place)) not in self.notes:
            self.notes.append(line)

    def by_type(self, place: str, types: Sequence[DeviceType], wrong: Callable[[DeviceType], Said | None]) -> None:
        """Take what is wrong for device types: a problem where it is for all of them, else a note that names them."""
        said = {of.name: text for of in types if (text := wrong(of))}
        if not said:
            return
        text = next(iter(said.values()))
        if len(said) == len(types):
            self.problem(place, text, text.french)
        else:
            self.note(
                place,
                f"{text} (device types: {listed(said)}; it works for the others)",
                f"{text.french} (types d’appareils : {listed(said).french} ; cela va pour les autres)",
            )


def nearest(name: str, names: Iterable[str]) -> Said:
    """Return the question whether the nearest name is meant, else what there is; "" where there is nothing."""
    known = sorted(names)
    near = get_close_matches(name, known, 2, 0.5)
    if near:
        return Said(f"did you mean {' or '.join(near)}?", f"vouliez-vous dire {' ou '.join(near)} ?")
    return Said(f"there are {listed(known)}", f"il y a {listed(known).french}") if known else NOTHING


def listed(names: Iterable[str]) -> Said:
    """Return names in a row, the first few of many."""
    each = list(names)
    first, more = ", ".join(each[:_SHOWN]), len(each) - _SHOWN
    return Said(f"{first} and {more} more", f"{first} et {more} autres") if more > 0 else Said(first, first)


def plain(value: float) -> str:
    """Return a number as files say it."""
    return f"{value:.12g}"


def of_types(types: Sequence[DeviceType], name: str) -> list[tuple[DeviceType, Field]]:
    """Return the device types that have a field, with it."""
    return [(of, found) for of in types if (found := of.field(name)) is not None]
