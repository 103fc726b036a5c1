"""What of a codec's output no field takes today, and which field it most likely is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from decoders.device import Definition
from decoders.drafts import unit_beside
from decoders.mapping import EACH, steps
from decoders.proposals import Proposal, differing_names, propose
from model.device import DeviceType, Kind
from model.value import Value


def unmapped(definition: Definition, seen: Mapping[str, Sequence[Value]]) -> dict[str, Proposal | None]:
    """Return the paths that no field takes, with a field for each, ``None`` where it is not clear what it measures.

    ``seen``: values by path, as frames left them, perhaps when the device file had fewer fields. Names differ from each
    other and from those of the fields that there are.
    """
    if definition.codec is None:
        return {}
    taken = [steps(path) for path in (*(place.path for place in definition.codec.places), *definition.codec.times)]
    left = {path: values for path, values in seen.items() if not _is_taken(path, taken)}
    return dict(_named(left, definition.type, seen))


def _is_taken(path: str, taken: Sequence[tuple[str, ...]]) -> bool:
    """Whether a path is one that is taken, one of those that ``*`` means, or only the name of a list's element."""
    try:
        way = steps(path)
    except ValueError:
        return False  # a key that is empty: no path leads there, and nobody can map it
    if len(way) > 1 and way[-2].partition("=")[0] == way[-1] and "=" in way[-2]:
        return True
    return any(len(one) == len(way) and all(map(_covers, one, way)) for one in taken)


def _covers(told: str, step: str) -> bool:
    return told == step or (told == EACH and (step.isdecimal() or "=" in step))


def _named(
    left: Mapping[str, Sequence[Value]], device_type: DeviceType, seen: Mapping[str, Sequence[Value]]
) -> Iterator[tuple[str, Proposal | None]]:
    told = {path: tuple(values) for path, values in seen.items()}
    proposals = {path: propose(path, values, unit=unit_beside(path, told)) for path, values in left.items()}
    found = [one for one in proposals.values() if one is not None]
    there = [Proposal("", field.name, field.kind, field.quantity) for field in device_type.fields]
    there += [Proposal("", name, Kind.FLOAT, "state") for name in device_type.retired]
    names = iter(differing_names([*there, *found])[len(there) :])
    for path, proposal in proposals.items():
        yield path, None if proposal is None else replace(proposal, name=next(names))
