"""Conditions joined by all, any and not: from when to when the whole is so, from when to when its parts are. Pure."""

from collections.abc import Mapping, Sequence
from itertools import count

from alerts.runs import LATER
from model.rule import All, AnyOf, Condition, Not

Interval = tuple[int, int]
"""From when until before when; LATER while it lasts."""


def joined(condition: Condition, parts: Mapping[int, Sequence[Interval]], since_us: int) -> list[Interval]:
    """Return when the condition is so, from ``since_us`` on. ``parts``: number of each leaf -> when that is so."""
    borders = {since_us}
    for intervals in parts.values():
        borders |= {border for interval in intervals for border in interval if since_us < border < LATER}
    found: list[Interval] = []
    ordered = sorted(borders)
    for low, high in zip(ordered, [*ordered[1:], LATER], strict=True):
        if not _holds(condition, parts, low, count()):
            continue
        if found and found[-1][1] == low:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found


def _holds(condition: Condition, parts: Mapping[int, Sequence[Interval]], at_us: int, numbers: "count[int]") -> bool:
    """Return whether it is so; every leaf takes its number, so none is passed over."""
    if isinstance(condition, Not):
        return not _holds(condition.of, parts, at_us, numbers)
    if isinstance(condition, All | AnyOf):
        each = [_holds(one, parts, at_us, numbers) for one in condition.of]
        return all(each) if isinstance(condition, All) else any(each)
    return any(low <= at_us < high for low, high in parts.get(next(numbers), ()))
