"""From "is so" at readings to "has been so for long enough": runs, and the latch that they set and free. Pure numpy.

Many *instances* (a condition on a subject) are looked at together, each with its readings in order of time. What is
known of an instance between two looks is in its ``Carry``; a look at all readings at once and any number of looks at
parts of them find the same.

Rules:

1. A run is readings one after the other at which a condition is so, none more than ``hold`` behind the one before.
2. A reading stands for what follows it, until the next one, at most for ``hold``: so a run of one reading can last, and
   is *met* when it has lasted ``for`` and has ``repeat`` readings. A run is met at most once.
3. A run of the condition that is met sets the latch; a run of its opposite that is met frees it.
4. ``horizon`` is up to when all readings are taken to be there: what the last one stands for ends there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.readings import Bools, Ints

Floats = npt.NDArray[np.float64]
NEVER = int(np.iinfo(np.int64).min // 4)
"""Before all times, so far that differences do not overflow."""
LATER = -NEVER

Active = Callable[[Ints, Ints], Bools]
"""(instances, times in µs) -> whether the rule counts then."""


def always(instances: Ints, _times: Ints) -> Bools:
    """Return that every time counts."""
    return np.ones(len(instances), dtype=np.bool_)


@dataclass(slots=True)
class Limits:
    """What is long enough, for each instance, in microseconds."""

    for_us: Ints
    repeat: Ints
    clear_for_us: Ints
    hold_us: Ints

    def take(self, instances: Ints) -> "Limits":
        """Return those of some instances."""
        return Limits(*(getattr(self, name)[instances] for name in self.__slots__))


@dataclass(slots=True)
class Run:
    """A run that goes on, for each instance; ``start`` NEVER: none does.

    ``count``: its readings; ``ready``: the time of the one that made it ``repeat`` of them, NEVER before; ``met``.
    """

    start: Ints
    count: Ints
    ready: Ints
    met: Bools
    first: Floats

    @classmethod
    def blank(cls, count: int) -> "Run":
        """Return no runs for so many instances."""
        return cls(
            np.full(count, NEVER),
            np.zeros(count, dtype=np.int64),
            np.full(count, NEVER),
            np.zeros(count, dtype=np.bool_),
            np.full(count, np.nan),
        )

    def put(self, at: Ints, other: "Run") -> None:
        """Take the other's runs for these instances."""
        for name in self.__slots__:
            getattr(self, name)[at] = getattr(other, name)

    def take(self, at: Ints) -> "Run":
        """Return the runs of these instances."""
        return Run(*(getattr(self, name)[at] for name in self.__slots__))


@dataclass(slots=True)
class Carry:
    """What is known of each instance: the newest reading, both runs, and the latch with the episode that set it.

    ``raised_last``: when the condition was so, or the latch turned, for the last time; ``turned_us``: up to when
    something was concluded, which is behind the newest reading where the clock did it. ``read_through``,
    ``read_from_us``: what transactions of lower numbers stored (``Stretch.through``), from this time on, was read, and
    what it changes was concluded.
    """

    last_us: Ints
    last: Floats
    raised_last: Ints
    raising: Run
    clearing: Run
    open: Bools
    start_us: Ints
    raised_us: Ints
    first: Floats
    turned_us: Ints
    read_through: Ints
    read_from_us: Ints

    @classmethod
    def blank(cls, count: int) -> "Carry":
        """Return what is known of instances of which nothing is."""
        return cls(
            last_us=np.full(count, NEVER),
            last=np.full(count, np.nan),
            raised_last=np.full(count, NEVER),
            raising=Run.blank(count),
            clearing=Run.blank(count),
            open=np.zeros(count, dtype=np.bool_),
            start_us=np.full(count, NEVER),
            raised_us=np.full(count, NEVER),
            first=np.full(count, np.nan),
            turned_us=np.full(count, NEVER),
            read_through=np.zeros(count, dtype=np.int64),
            read_from_us=np.full(count, LATER),
        )

    def take(self, at: Ints) -> "Carry":
        """Return what is known of these instances."""
        return Carry(*(getattr(self, name).take(at) if name in _RUNS else getattr(self, name)[at] for name in _NAMES))

    def put(self, at: Ints, other: "Carry") -> None:
        """Take what the other knows, for these instances."""
        for name in _NAMES:
            if name in _RUNS:
                getattr(self, name).put(at, getattr(other, name))
            else:
                getattr(self, name)[at] = getattr(other, name)


_NAMES: tuple[str, ...] = Carry.__slots__
_RUNS = ("raising", "clearing")


@dataclass(slots=True)
class Turns:
    """The latch turning, in order of instance, then time. ``opened``: set, else freed.

    ``at_us``: when it turned; ``start_us``, ``first``: when what turned it began, and the value there.
    """

    instance: Ints
    at_us: Ints
    opened: Bools
    start_us: Ints
    first: Floats

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.instance)

    @classmethod
    def none(cls) -> "Turns":
        """Return no turns."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, empty.astype(np.bool_), empty, empty.astype(np.float64))


@dataclass(slots=True)
class Series:
    """Readings in order of instance, then time. ``start_us``: when what a reading says began (its time, as a rule)."""

    instance: Ints
    time_us: Ints
    value: Floats
    raised: Bools
    cleared: Bools
    start_us: Ints

    def __len__(self) -> int:
        """Return the number of readings."""
        return len(self.instance)

    def take(self, at: Ints) -> "Series":
        """Return some of them."""
        return Series(*(getattr(self, name)[at] for name in self.__slots__))


@dataclass(slots=True)
class _Rows:
    """Where each instance's readings begin and end (inclusive), and the time of the reading before and after each."""

    heads: Ints
    tails: Ints
    new: Bools
    before_us: Ints
    after_us: Ints

    @classmethod
    def of(cls, instance: Ints, time: Ints, last_us: Ints) -> "_Rows":
        new = np.ones(len(time), dtype=np.bool_)
        new[1:] = instance[1:] != instance[:-1]
        heads = np.flatnonzero(new)
        tails = np.append(heads[1:], len(time)) - 1
        before, after = np.empty_like(time), np.full_like(time, LATER)
        before[1:] = time[:-1]
        before[heads] = last_us[instance[heads]]
        after[:-1] = time[1:]
        after[tails] = LATER
        return cls(heads, tails, new, before, after)


def advance(series: Series, limits: Limits, carry: Carry, horizon_us: int, active: Active = always) -> Turns:
    """Return how the latches turn by these readings; ``carry`` is brought up to date.

    Readings of an instance must be newer than ``carry.last_us``.
    """
    if not len(series):
        return Turns.none()
    rows = _Rows.of(series.instance, series.time_us, carry.last_us)
    sets = _met(series, series.raised, rows, limits.for_us, limits.repeat, limits.hold_us, carry.raising, horizon_us)
    once = np.ones_like(limits.repeat)
    frees = _met(series, series.cleared, rows, limits.clear_for_us, once, limits.hold_us, carry.clearing, horizon_us)
    late = sets.at_us > sets.start_us  # between readings the rule may have stopped to count
    if late.any() and active is not always:
        sets = _chosen(sets, ~late | active(sets.instance, sets.at_us))
    turns = latch(sets, frees, carry)
    seen = series.instance[rows.tails]
    carry.last_us[seen] = series.time_us[rows.tails]
    carry.last[seen] = series.value[rows.tails]
    at = np.flatnonzero(series.raised)
    np.maximum.at(carry.raised_last, series.instance[at], series.time_us[at])
    np.maximum.at(carry.raised_last, turns.instance, turns.at_us)
    return turns


def mature(instances: Ints, limits: Limits, carry: Carry, horizon_us: int, active: Active = always) -> Turns:
    """Return how latches turn without a reading, by what the newest ones stand for; ``carry`` is brought up to date."""
    found = []
    for run, long_us in ((carry.raising, limits.for_us), (carry.clearing, limits.clear_for_us)):
        at = due_us(instances, run, long_us, limits, carry)
        now = at <= horizon_us
        some, at = instances[now], at[now]
        if run is carry.raising and len(some):
            counts = active(some, at)
            some, at = some[counts], at[counts]
        run.met[some] = True
        found.append(Turns(some, at, np.ones(len(some), dtype=np.bool_), run.start[some], run.first[some]))
    return latch(found[0], found[1], carry)


def due_us(instances: Ints, run: Run, long_us: Ints, limits: Limits, carry: Carry) -> Ints:
    """Return when the run of each instance is met if no other reading comes; LATER where it will not be."""
    some = run.take(instances)
    at = np.maximum(some.start + long_us[instances], some.ready)
    good = (some.start != NEVER) & (some.ready != NEVER) & ~some.met
    good &= at <= carry.last_us[instances] + limits.hold_us[instances]
    return np.where(good, at, LATER)


def latch(sets: Turns, frees: Turns, carry: Carry) -> Turns:
    """Return the turns of both that change something, in order; ``carry`` takes what they begin and end."""
    both = Turns(*(np.concatenate((getattr(frees, name), getattr(sets, name))) for name in Turns.__slots__))
    if not len(both):
        return both
    both.opened[: len(frees)] = False
    order = np.lexsort((both.opened, both.at_us, both.instance))
    both = _chosen(both, order)
    first = np.ones(len(both), dtype=np.bool_)
    first[1:] = both.instance[1:] != both.instance[:-1]
    before = np.empty(len(both), dtype=np.bool_)
    before[1:] = both.opened[:-1]
    before[first] = carry.open[both.instance[first]]
    turns = _chosen(both, both.opened != before)
    last = np.ones(len(turns), dtype=np.bool_)
    last[:-1] = turns.instance[1:] != turns.instance[:-1]
    carry.open[turns.instance[last]] = turns.opened[last]
    begun = last & turns.opened
    at = turns.instance[begun]
    carry.start_us[at], carry.raised_us[at] = turns.start_us[begun], turns.at_us[begun]
    carry.first[at] = turns.first[begun]
    carry.turned_us[turns.instance[last]] = turns.at_us[last]
    return turns


def quiet(instance: Ints, time_us: Ints, limit_us: Ints, carry: Carry, horizon_us: int) -> Turns:
    """Return how latches turn that gaps between readings set and readings free; ``limit_us``: of each instance.

    ``first`` is the length of the gap so far, in seconds.
    """
    if not len(instance):
        return Turns.none()
    rows = _Rows.of(instance, time_us, carry.last_us)
    since, limit = rows.before_us, limit_us[instance]
    gap = np.flatnonzero((time_us - since > limit) & (since != NEVER))
    sets = Turns(instance[gap], (since + limit)[gap], np.ones(len(gap), dtype=np.bool_), since[gap], limit[gap] / 1e6)
    heard = np.union1d(gap, rows.heads)
    frees = Turns(
        instance[heard], time_us[heard], np.zeros(len(heard), dtype=np.bool_), time_us[heard], np.zeros(len(heard))
    )
    turns = latch(sets, frees, carry)
    np.maximum.at(carry.raised_last, turns.instance[~turns.opened], turns.at_us[~turns.opened])
    seen = instance[rows.tails]
    carry.last_us[seen] = time_us[rows.tails]
    overdue = seen[carry.last_us[seen] + limit_us[seen] < horizon_us]
    more = grown_quiet(overdue, limit_us, carry, horizon_us)
    return Turns(*(np.concatenate((getattr(turns, name), getattr(more, name))) for name in Turns.__slots__))


def grown_quiet(instances: Ints, limit_us: Ints, carry: Carry, horizon_us: int) -> Turns:
    """Return which latches a gap sets that lasts until now."""
    at = carry.last_us[instances] + limit_us[instances]
    over = (at < horizon_us) & ~carry.open[instances] & (carry.last_us[instances] != NEVER)
    some, at = instances[over], at[over]
    sets = Turns(some, at, np.ones(len(some), dtype=np.bool_), carry.last_us[some], limit_us[some] / 1e6)
    return latch(sets, Turns.none(), carry)


def _chosen(turns: Turns, which: Bools | Ints) -> Turns:
    return Turns(*(getattr(turns, name)[which] for name in Turns.__slots__))


def _met(
    series: Series, so: Bools, rows: _Rows, long_us: Ints, repeat: Ints, hold_us: Ints, run: Run, horizon_us: int
) -> Turns:
    """Return where runs of readings at which it is ``so`` are met; ``run`` takes those that go on."""
    instance, time = series.instance, series.time_us
    lasts = time - rows.before_us <= hold_us[instance]
    follows = np.zeros(len(series), dtype=np.bool_)
    follows[1:] = so[:-1]
    follows[rows.heads] = run.start[instance[rows.heads]] != NEVER
    goes_on = so & follows & lasts
    ended = _between(series, rows, goes_on, long_us, hold_us, run)
    at = np.flatnonzero(so)
    begins = (~goes_on | rows.new)[at]
    heads = at[begins]
    place = np.flatnonzero(begins)
    tails = at[np.append(place[1:], len(at)) - 1] if len(heads) else heads
    who, carried = instance[heads], goes_on[heads]  # at a head of a slice, or after a pause: where none, it begins
    start = np.where(carried, run.start[who], series.start_us[heads])
    first = np.where(carried, run.first[who], series.value[heads])
    before = np.where(carried, run.count[who], 0)
    count = before + np.append(place[1:], len(at)) - place
    lacking = repeat[who] - before  # at which reading of this part it is repeated often enough
    nth = at[np.minimum(place + np.maximum(lacking, 1) - 1, len(at) - 1)] if len(heads) else heads
    ready = np.where(lacking <= 0, run.ready[who], np.where(count >= repeat[who], time[nth], NEVER))
    done = carried & run.met[who]
    met_at = np.maximum(start + long_us[who], ready)
    reach = np.minimum(rows.after_us[tails] - 1, time[tails] + hold_us[who])
    open_end = rows.after_us[tails] == LATER
    reach = np.where(open_end, np.maximum(time[tails], np.minimum(horizon_us, reach)), reach)
    met = ~done & (ready != NEVER) & (met_at <= np.maximum(reach, time[tails]))
    _remember(series, so, rows, run, Run(start, count, ready, done | met, first), tails)
    found = Turns(who[met], met_at[met], np.ones(int(met.sum()), dtype=np.bool_), start[met], first[met])
    if not len(ended):
        return found
    return Turns(*(np.concatenate((getattr(ended, name), getattr(found, name))) for name in Turns.__slots__))


def _between(series: Series, rows: _Rows, goes_on: Bools, long_us: Ints, hold_us: Ints, run: Run) -> Turns:
    """Return which carried runs, ended by the first reading of now, had been met by what their last one stood for."""
    heads = rows.heads[~goes_on[rows.heads]]
    who = series.instance[heads]
    at = np.maximum(run.start[who] + long_us[who], run.ready[who])
    met = (run.start[who] != NEVER) & (run.ready[who] != NEVER) & ~run.met[who]
    met &= (at < series.time_us[heads]) & (at <= rows.before_us[heads] + hold_us[who])
    who = who[met]
    return Turns(who, at[met], np.ones(len(who), dtype=np.bool_), run.start[who], run.first[who])


def _remember(series: Series, so: Bools, rows: _Rows, run: Run, runs: Run, tails: Ints) -> None:
    """Keep the runs that the last readings belong to; instances whose last reading ends one have none."""
    run.put(series.instance[rows.tails], Run.blank(len(rows.tails)))
    going = np.isin(tails, rows.tails, assume_unique=True) & so[tails]
    run.put(series.instance[tails[going]], runs.take(np.flatnonzero(going)))
