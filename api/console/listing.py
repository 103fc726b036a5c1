"""The list of devices as somebody asked for it: chosen, sorted, one page of it. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api.console.city import Selection, Spot
from api.console.states import Health

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_URGENCY = {health: position for position, health in enumerate(Health)}

_Key = Callable[[Spot], tuple[object, ...]]

SORTS: dict[str, _Key] = {
    "device": lambda spot: (natural(spot.device.name or spot.device.id), spot.device.id),
    "type": lambda spot: (spot.device.type or "", spot.device.id),
    "district": lambda spot: (spot.device.district or "", spot.device.id),
    "health": lambda spot: (_URGENCY[spot.health], spot.device.id),
    "last": lambda spot: (spot.time or _LONG_AGO, spot.device.id),
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list. ``first``: position of its first entry, from 0; ``total``: how many were chosen."""

    spots: Sequence[Spot]
    first: int
    total: int


def natural(text: str) -> tuple[tuple[bool, str | int], ...]:
    """Return what sorts texts as people do: ``n°2`` before ``n°10``."""
    parts: list[tuple[bool, str | int]] = []
    digits = ""
    for letter in f"{text.casefold()}\0":
        if letter.isdecimal():
            digits += letter
            continue
        if digits:
            parts.append((False, int(digits)))
            digits = ""
        parts.append((True, letter))
    return tuple(parts)


def listed(spots: Iterable[Spot], selection: Selection, *, sort: str, down: bool, page: int, size: int) -> Listed:
    """Return the page asked for, or the last one there is."""
    chosen = sorted((spot for spot in spots if selection.holds(spot)), key=SORTS[sort], reverse=down)
    first = min(max(page, 0), max(len(chosen) - 1, 0) // size) * size
    return Listed(chosen[first : first + size], first, len(chosen))
