"""Conditions of one kind on one device type, looked at together for all their devices. Pure numpy.

An *instance* is one part (``alerts.leaves``) on one device. A look takes readings in order of device and time, finds
those that are newer than all that was looked at, and turns latches by them. The others are *late*: most change nothing
(``harmless``), for the rest the readings around them are looked at again by a group of these instances alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alerts import runs
from alerts.leaves import Judge, Judged, Part, Seen, rows_of, value_of
from alerts.runs import LATER, NEVER, Carry, Floats, Limits, Series, Turns
from model.alarm import Episode
from model.alert_ports import Member, Stretch
from model.readings import Bools, Ints
from model.rule import Geofence, Is, Range, Silence, Threshold
from model.value import Value

_PLAIN = (Threshold, Range, Is, Geofence)
"""Conditions that one reading decides, whatever was before it."""


@dataclass(slots=True)
class Pairs:
    """Readings for instances, in order of instance, then time. ``judged``: what the judge sees, ``shown``: people."""

    instance: Ints
    time_us: Ints
    judged: Floats
    shown: Floats

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.instance)

    def take(self, which: Bools | Ints) -> "Pairs":
        """Return some of them."""
        return Pairs(self.instance[which], self.time_us[which], self.judged[which], self.shown[which])


class Group:
    """Parts of one ``Part.group`` on their devices. ``members``: (position in ``parts``, device) of each instance."""

    def __init__(self, parts: Sequence[Part], members: Sequence[tuple[int, Member]]) -> None:
        self.parts = parts
        self.members = sorted(members, key=lambda pair: (pair[1].key, pair[0]))
        self.part = np.array([number for number, _ in self.members], dtype=np.int64)
        self.device = np.array([member.key for _, member in self.members], dtype=np.int64)
        self.silence = isinstance(parts[0].condition, Silence)
        self.plain = isinstance(parts[0].condition, _PLAIN)
        self.limits = Limits(
            *(self._of_part(name) for name in ("for_us", "repeat", "clear_for_us", "hold_us")),
        )
        self.limit_us = np.array([parts[n].limit_us(member.cadence_us) for n, member in self.members], dtype=np.int64)
        per_part = np.array([part.reach_us() for part in parts], dtype=np.int64)
        self.reach_us: Ints = self.limit_us if self.silence else per_part[self.part]
        self.looks_back = parts[0].looks_back
        self.carry = Carry.blank(len(self.members))
        self._judge = Judge(parts)
        self._quiet_at: dict[int, tuple[int, int]] = {}
        self._devices, self._starts = np.unique(self.device, return_index=True)
        self._ends = np.append(self._starts[1:], len(self.device))
        self._latitude = self._place("latitude")
        self._longitude = self._place("longitude")
        self._scheduled = np.array([part.times is not None for part in parts])[self.part]

    def __len__(self) -> int:
        """Return the number of instances."""
        return len(self.members)

    def sub(self, instances: Ints) -> "Group":
        """Return a group of these instances (in ascending order) that knows nothing yet."""
        return Group(self.parts, [self.members[i] for i in instances.tolist()])

    def pairs(self, stretch: Stretch) -> Pairs:
        """Return what these readings say to which instances, but for what was read already."""
        flagged = dict(stretch.flagged)
        rows, judged, shown = rows_of(self.parts[0], stretch.columns, flagged, len(stretch))
        place = np.searchsorted(self._devices, stretch.device[rows])
        place[place == len(self._devices)] = 0
        known = self._devices[place] == stretch.device[rows] if len(self._devices) else np.zeros(0, dtype=np.bool_)
        rows, place, judged, shown = rows[known], place[known], judged[known], shown[known]
        times = stretch.time_us[rows]
        counts = self._ends[place] - self._starts[place]
        if len(counts) and counts.max() > 1:
            each = np.repeat(np.arange(len(rows)), counts)
            within = np.arange(len(each)) - np.repeat(np.cumsum(counts) - counts, counts)
            found = Pairs(self._starts[place][each] + within, times[each], judged[each], shown[each])
            rows, order = rows[each], np.argsort(found.instance, kind="stable")
            rows, found = rows[order], found.take(order)
        else:
            found = Pairs(self._starts[place], times, judged, shown)
        return found if stretch.told is None else self._unread(found, stretch.told[rows])

    def _unread(self, pairs: Pairs, told: Ints) -> Pairs:
        """Return those that were not among what was read when something was looked at again."""
        carry, at = self.carry, pairs.instance
        read = (told < carry.read_through[at]) & (pairs.time_us >= carry.read_from_us[at])
        return pairs.take(~read) if read.any() else pairs

    def late(self, pairs: Pairs) -> Bools:
        """Return which of them are not newer than all that was concluded of their instance."""
        known = np.maximum(self.carry.last_us, self.carry.turned_us)[pairs.instance]
        late: Bools = np.less_equal(pairs.time_us, known)
        late[1:] |= (pairs.instance[1:] == pairs.instance[:-1]) & (pairs.time_us[1:] == pairs.time_us[:-1])
        return late

    def harmless(self, pairs: Pairs) -> Bools:
        """Return which late ones surely change nothing."""
        at, carry = pairs.instance, self.carry
        if self.silence:
            behind: Bools = (pairs.time_us <= carry.last_us[at]) & (pairs.time_us > carry.raised_last[at])
            return behind
        if not self.plain:
            return np.zeros(len(pairs), dtype=np.bool_)
        judged = self._judge(self.part[at], self._seen(pairs))
        calm = ~carry.open[at] & (carry.raising.start[at] == NEVER)
        since = pairs.time_us - self.limits.hold_us[at] > carry.raised_last[at]
        found: Bools = ~judged.raised & calm & since & (pairs.time_us <= carry.last_us[at])
        return found

    def look(self, pairs: Pairs, horizon_us: int) -> Turns:
        """Return how latches turn by readings that are newer than all before."""
        if not len(pairs):
            return Turns.none()
        if self.silence:
            turns = runs.quiet(pairs.instance, pairs.time_us, self.limit_us, self.carry, horizon_us)
            return self._in_schedule(turns, horizon_us)
        judged = self._judge(self.part[pairs.instance], self._seen(pairs))
        raised, cleared = judged.raised, judged.cleared
        if self._scheduled.any():
            counts = self._counts(pairs.instance, pairs.time_us)
            raised, cleared = raised & counts, cleared | ~counts
        shown = pairs.shown if self.plain else judged.value
        series = Series(pairs.instance, pairs.time_us, shown, raised, cleared, judged.start_us)
        tails = self._tails(pairs)
        turns = runs.advance(self._stirred(series), self.limits, self.carry, horizon_us, self._counts)
        seen = pairs.instance[tails]
        self.carry.last_us[seen], self.carry.last[seen] = pairs.time_us[tails], pairs.judged[tails]
        return turns

    def _stirred(self, series: Series) -> Series:
        """Return the readings of instances at which something is so, or was: most devices are well at most times.

        What the others say ends nothing; the run of their opposite that it would go on with matters to open latches.
        """
        at = series.instance
        stirs = series.raised | self.carry.open[at] | (self.carry.raising.start[at] != NEVER)
        if stirs.all():
            return series
        stirred = np.zeros(len(self), dtype=np.bool_)
        stirred[at[stirs]] = True
        return series.take(np.flatnonzero(stirred[at]))

    def clock(self, horizon_us: int) -> Turns:
        """Return how latches turn by what time it is."""
        if self.silence:
            found = runs.grown_quiet(np.arange(len(self)), self.limit_us, self.carry, horizon_us)
            return self._in_schedule(found, horizon_us)
        waiting = np.flatnonzero(
            ((self.carry.raising.start != NEVER) & ~self.carry.raising.met & ~self.carry.open)
            | ((self.carry.clearing.start != NEVER) & ~self.carry.clearing.met & self.carry.open)
        )
        return runs.mature(waiting, self.limits, self.carry, horizon_us, self._counts)

    def begin(self, instance: int, episode: Episode | None, since_us: int) -> None:
        """Say what was so before the readings that are looked at next, which begin at ``since_us``."""
        self.carry.raised_last[instance] = since_us
        if episode is not None:
            self.carry.open[instance] = True
            self.carry.start_us[instance] = episode.start_us
            self.carry.raised_us[instance] = self.carry.turned_us[instance] = episode.raised_us

    def precede(self, instance: int, time_us: int, value: Value) -> None:
        """Say which reading was before those that are looked at next."""
        self.carry.last_us[instance] = time_us
        self.carry.last[instance] = float(value) if isinstance(value, float | int) else np.nan

    def part_of(self, instance: int) -> Part:
        """Return the part of an instance."""
        return self.parts[int(self.part[instance])]

    def value(self, instance: int, shown: float) -> Value | None:
        """Return what people see as a value."""
        return value_of(self.part_of(instance), shown)

    def _of_part(self, name: str) -> Ints:
        return np.array([getattr(part, name) for part in self.parts], dtype=np.int64)[self.part]

    def _place(self, name: str) -> Floats:
        places = [getattr(member, name) for _, member in self.members]
        return np.array([np.nan if place is None else place for place in places], dtype=np.float64)

    @staticmethod
    def _tails(pairs: Pairs) -> Ints:
        return np.append(np.flatnonzero(np.diff(pairs.instance)), len(pairs) - 1)

    def _seen(self, pairs: Pairs) -> Seen:
        """Return the pairs with the reading before each."""
        before, before_us = np.empty(len(pairs)), np.empty(len(pairs), dtype=np.int64)
        before[1:], before_us[1:] = pairs.judged[:-1], pairs.time_us[:-1]
        heads = np.append(0, self._tails(pairs)[:-1] + 1)
        before[heads] = self.carry.last[pairs.instance[heads]]
        before_us[heads] = self.carry.last_us[pairs.instance[heads]]
        return Seen(pairs.time_us, pairs.judged, before, before_us, self.limits.hold_us[pairs.instance])

    def _counts(self, instance: Ints, time_us: Ints) -> Bools:
        """Return at which of these times the rules of these instances count."""
        found = np.ones(len(instance), dtype=np.bool_)
        for number, part in enumerate(self.parts):
            if part.times is not None:
                some = np.flatnonzero(self.part[instance] == number)
                who = instance[some]
                found[some] = part.times.counts(time_us[some], self._latitude[who], self._longitude[who])
        return found

    def _in_schedule(self, turns: Turns, horizon_us: int) -> Turns:
        """Return the turns of silences, those that began out of hours when they had lasted within them."""
        if not self._scheduled.any() or not len(turns):
            return turns
        keep = np.ones(len(turns), dtype=np.bool_)
        for i in np.flatnonzero(turns.opened & self._scheduled[turns.instance]).tolist():
            who = int(turns.instance[i])
            at = self._quiet_in_hours(who, int(turns.start_us[i]))
            ends = i + 1 < len(turns) and turns.instance[i + 1] == who
            until = int(turns.at_us[i + 1]) if ends else horizon_us
            if at >= until:
                keep[i] = False
                if ends:
                    keep[i + 1] = False
                else:
                    self.carry.open[who] = False
            else:
                turns.at_us[i] = at
                self.carry.turned_us[who] = max(at, int(self.carry.turned_us[who]))
        return Turns(*(getattr(turns, name)[keep] for name in Turns.__slots__))

    def _quiet_in_hours(self, instance: int, since_us: int) -> int:
        """Return when a silence has lasted long enough while its rule counted; LATER: not within a week."""
        known = self._quiet_at.get(instance)
        if known is not None and known[0] == since_us:
            return known[1]
        times = self.part_of(instance).times
        at: int | None = since_us + int(self.limit_us[instance])
        if times is not None:
            place = float(self._latitude[instance]), float(self._longitude[instance])
            at = times.after(since_us, int(self.limit_us[instance]), *place)
        found = LATER if at is None else at
        self._quiet_at[instance] = (since_us, found)
        return found


def episodes(group: Group, turns: Sequence[Turns], before: Mapping[int, Episode]) -> Mapping[int, list[Episode]]:
    """Return instance -> its episodes by these turns, beginning with the one that was going on ``before``."""
    found: dict[int, list[Episode]] = {instance: [episode] for instance, episode in before.items()}
    each = [row for some in turns for row in plain(some)]
    for instance, at_us, opened, start_us, first in sorted(each, key=lambda row: row[:2]):
        some = found.setdefault(instance, [])
        value = group.value(instance, first)
        if opened:
            some.append(Episode(start_us=start_us, raised_us=at_us, first=value))
        else:
            some[-1] = ended(some[-1], start_us, value)
    return found


def ended(episode: Episode, end_us: int, last: Value | None) -> Episode:
    """Return an episode with its end."""
    return replace(episode, end_us=end_us, last=last, last_us=end_us)


def plain(turns: Turns) -> Iterable[tuple[int, int, bool, int, float]]:
    """Return turns as rows: instance, when, opened, since when, value there."""
    return zip(*(getattr(turns, name).tolist() for name in Turns.__slots__), strict=True)


__all__ = ["Group", "Judged", "Pairs", "ended", "episodes", "plain"]
