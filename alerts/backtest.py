"""A rule tried on the past: the same conditions over stored readings, and what that would have meant for people.

Rules:

1. Readings from before the period are looked at as far as they matter, so that what began before it is known. An
   episode counts where it was raised within the period.
2. Silences end with the period: what was silent at its end is open then.
3. Where the rule has one limit, others are tried on the same readings while they are in memory: by half and by all of
   the way to the value to come back to, both ways (without such a value, of a twentieth of the limit).
4. Readings that can raise nothing whatever is tried are left out as far as rollups tell (``storage.prospects``).
"""

import math
from asyncio import to_thread
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec
import numpy as np

from alerts.board import Board
from alerts.compiled import Compiled, Place, World, compiled, fields_of
from alerts.groups import Group, episodes
from alerts.joined import joined
from alerts.leaves import Part
from alerts.runs import LATER
from alerts.schedule import local_hours
from alerts.windows import evaluated, every_us, measures, reach_us, subject_of
from model.alarm import Episode, StoredRule
from model.alert_ports import AlertStore, Member, Stretch
from model.instants import microseconds
from model.rule import Range, Rule, Silence, Threshold
from model.trial import Alternative, SubjectEpisodes, Trial

_MOST_SUBJECTS = 200
_FACTORS = (-1.0, -0.5, 0.5, 1.0)
_S = 1_000_000


@dataclass(slots=True)
class _Sums:
    """What was found so far. ``others``: limit -> subject -> alarms."""

    readings: int = 0
    found: dict[str, list[Episode]] = field(default_factory=dict)
    others: dict[float, Counter[str]] = field(default_factory=dict)


async def trial(
    rule: Rule,
    start: datetime,
    end: datetime,
    *,
    store: AlertStore,
    world: World,
    place: Place,
    progress: Callable[[float], None] = lambda _: None,
) -> Trial:
    """Return what a rule that works (``alerts.check``) would have raised from ``start`` to ``end``."""
    start_us, end_us = microseconds(start), microseconds(end)
    of = compiled(StoredRule(rule=rule, version="", origin="console", changed_at=start, changed_by=""), world, place)
    sums = _Sums()
    if of.kind == "windows":
        await _windows(of, store, world, place, start_us, end_us, sums)
    elif of.kind == "readings":
        types = list(of.members)
        for number, name in enumerate(types):
            await _readings(of, name, store, start_us, end_us, sums, _scaled(progress, number, len(types)))
    progress(1.0)
    return _trial(of, place, start, end, sums)


def _scaled(progress: Callable[[float], None], number: int, count: int) -> Callable[[float], None]:
    """Return what tells the share of one of several pieces of work as that of all."""
    return lambda share: progress((number + share) / count)


async def _readings(
    of: Compiled,
    name: str,
    store: AlertStore,
    start_us: int,
    end_us: int,
    sums: _Sums,
    progress: Callable[[float], None],
) -> None:
    """Look at all readings of one device type."""
    members = {member.key: member for member in of.members[name]}
    parts = of.parts[name]
    reach = max(part.reach_us() for part in parts)
    for part in parts:
        if isinstance(part.condition, Silence):
            reach = max(reach, *(part.limit_us(member.cadence_us) for member in members.values()))
    seen: set[int] = set()
    names = sorted(fields_of(of.rule))
    async for share, stretch in store.history(
        name, names, list(members), start_us - reach, end_us, within=_calm(of, parts[0])
    ):
        keys = np.unique(stretch.device).tolist()
        seen.update(keys)
        some = [members[key] for key in keys if key in members]
        await to_thread(_part, of, parts, stretch, some, start_us, end_us, sums)  # others wait for this loop, too
        progress(share)
    silent = [member for key, member in members.items() if key not in seen]
    if silent and any(isinstance(part.condition, Silence) for part in parts):
        nothing = np.zeros(0, dtype=np.int64)
        _part(
            of,
            parts,
            Stretch(device_type=name, device=nothing, time_us=nothing, columns={}),
            silent,
            start_us,
            end_us,
            sums,
        )


def _part(
    of: Compiled,
    parts: Sequence[Part],
    stretch: Stretch,
    members: Sequence[Member],
    start_us: int,
    end_us: int,
    sums: _Sums,
) -> None:
    """Look at all readings of some devices."""
    sums.readings += int((stretch.time_us >= start_us).sum())
    each = [_episodes(part, stretch, members, end_us) for part in parts]
    for i, member in enumerate(members):
        some = each[0].get(i, [])
        if not of.alone:
            spans = {
                part.number: [(one.raised_us, LATER if one.end_us is None else one.end_us) for one in found.get(i, ())]
                for part, found in zip(parts, each, strict=True)
            }
            whole = joined(of.rule.when, spans, member.since_us)
            some = [Episode(start_us=a, raised_us=a, end_us=None if b == LATER else b) for a, b in whole]
        if within := _within(some, start_us, end_us):
            sums.found[member.id] = within
    if of.alone and isinstance(parts[0].condition, Threshold):
        for limit, part in _others(parts[0]):
            counts = sums.others.setdefault(limit, Counter())
            for i, some in _episodes(part, stretch, members, end_us).items():
                if within := _within(some, start_us, end_us):
                    counts[members[i].id] = len(within)


def _episodes(part: Part, stretch: Stretch, members: Sequence[Member], end_us: int) -> Mapping[int, list[Episode]]:
    """Return position of a member -> its episodes."""
    group = Group([part], [(0, member) for member in members])
    if group.silence:
        for i, (_, member) in enumerate(group.members):
            group.carry.last_us[i] = member.since_us
    turns = [group.look(group.pairs(stretch), end_us), group.clock(end_us)]
    place = {member.key: i for i, member in enumerate(members)}
    return {place[int(group.device[i])]: some for i, some in episodes(group, turns, {}).items()}


def _calm(of: Compiled, part: Part) -> tuple[str, float, float] | None:
    """Return a field and from where to where its values raise nothing and end what was raised, whatever is tried."""
    if not of.alone or part.times is not None:
        return None
    each = [part.condition, *(other.condition for _, other in _others(part))]
    low, high = -math.inf, math.inf
    for one in each:
        if isinstance(one, Threshold) and one.above is not None:
            high = min(high, one.above if one.clear is None else one.clear)
        elif isinstance(one, Threshold) and one.below is not None:
            low = max(low, one.below if one.clear is None else one.clear)
        elif isinstance(one, Range):
            low, high = max(low, one.low + one.margin), min(high, one.high - one.margin)
        else:
            return None
    if any(isinstance(one, Threshold | Range) and one.clear_for is not None for one in each):
        return None  # its end takes more than one reading
    return part.fields[0], low, high


def _within(found: Sequence[Episode], start_us: int, end_us: int) -> list[Episode]:
    return [one for one in found if start_us <= one.raised_us < end_us]


def _others(part: Part) -> list[tuple[float, Part]]:
    """Return the same condition with other limits."""
    of = part.condition
    if not isinstance(of, Threshold):
        return []
    name = "above" if of.above is not None else "below"
    limit = of.above if of.above is not None else of.below or 0.0
    found = []
    gap = 0.0 if of.clear is None else limit - of.clear
    step = abs(gap) or abs(limit) / 20 or 1.0
    for factor in _FACTORS:
        other = round(limit + factor * step, 6)
        clear = None if of.clear is None else other - gap
        changed = msgspec.structs.replace(of, **{name: other, "clear": clear})
        found.append((other, replace(part, condition=changed)))
    return found


async def _windows(
    of: Compiled, store: AlertStore, world: World, place: Place, start_us: int, end_us: int, sums: _Sums
) -> None:
    """Look at the windows of the period."""
    length = every_us(of)
    starts = list(range((start_us - reach_us(of)) // length * length, end_us - length + 1, length))
    values = await measures(store, of, starts, place)
    names = sorted(values)
    sums.readings = sum(len(some) for some in values.values())
    for i, some in evaluated(of, names, values, place, end_us, {}).items():
        if within := _within(some, start_us, end_us):
            sums.found[subject_of(Board(world), names[i]).name] = within


def _trial(of: Compiled, place: Place, start: datetime, end: datetime, sums: _Sums) -> Trial:
    each = [(subject, one) for subject, some in sums.found.items() for one in some]
    until = microseconds(end)
    lengths = [((one.end_us if one.end_us is not None else until) - one.raised_us) / _S for _, one in each]
    paged = [one for _, one in each]
    hours = local_hours([one.raised_us for one in paged], place.zone)
    by_hour = Counter(local.hour for local in hours)
    by_day = Counter(local.date().isoformat() for local in hours)
    simulated = {member.id for members in of.members.values() for member in members if member.simulated}
    found = sorted(sums.found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return Trial(
        start=start,
        end=end,
        readings=sums.readings,
        subjects=len({member.id for members in of.members.values() for member in members}),
        found=[SubjectEpisodes(subject=name, episodes=some) for name, some in found[:_MOST_SUBJECTS]],
        alarms=len(each),
        open=sum(one.end_us is None for _, one in each),
        raised_s=sum(lengths),
        longest_s=max(lengths, default=0.0),
        by_hour=[by_hour[hour] for hour in range(24)],
        by_day=sorted(by_day.items()),
        alternatives=[
            Alternative(limit=limit, alarms=counts.total(), subjects=len(counts))
            for limit, counts in sorted(sums.others.items())
        ],
        simulated=sum(subject in simulated for subject, _ in each),
    )
