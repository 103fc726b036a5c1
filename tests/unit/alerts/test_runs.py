"""Runs and latches: looked at by numpy, in parts or as a whole, they are what a plain loop finds."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alerts.runs import NEVER, Carry, Limits, Series, Turns, advance, grown_quiet, mature, quiet

Turn = tuple[int, int, bool, int]
"""Instance, when, opened, since when."""


@dataclass(frozen=True)
class Reading:
    """What a condition says at one time: 1 so, 0 neither, -1 the opposite."""

    instance: int
    time: int
    state: int


@dataclass(frozen=True)
class Case:
    """Limits, readings, and where they are cut in parts."""

    for_: int
    repeat: int
    clear_for: int
    hold: int
    readings: tuple[Reading, ...]
    cuts: tuple[int, ...]

    @property
    def end(self) -> int:
        """Long after the last reading."""
        return max((one.time for one in self.readings), default=0) + 30


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 3))
    readings = []
    for instance in range(count):
        time = 0
        for step, state in draw(
            st.lists(st.tuples(st.integers(1, 9), st.sampled_from([1, 1, 0, -1, -1])), max_size=25)
        ):
            time += step
            readings.append(Reading(instance, time, state))
    return Case(
        draw(st.integers(0, 12)),
        draw(st.integers(1, 3)),
        draw(st.integers(0, 8)),
        draw(st.integers(2, 8)),
        tuple(readings),
        tuple(sorted(draw(st.lists(st.integers(0, 200), max_size=5)))),
    )


def by_loop(case: Case) -> list[Turn]:
    """Return the turns as the rules say them, one instance and one reading after the other."""
    found = []
    for instance in sorted({one.instance for one in case.readings}):
        rows = [one for one in case.readings if one.instance == instance]
        events = sorted(
            [(at, 1, start) for at, start in met(case, rows, 1, case.for_, case.repeat)]
            + [(at, 0, start) for at, start in met(case, rows, -1, case.clear_for, 1)]
        )
        open_ = False
        for at, opened, start in events:
            if bool(opened) != open_:
                open_ = bool(opened)
                found.append((instance, at, open_, start))
    return found


def met(case: Case, rows: list[Reading], state: int, long: int, repeat: int) -> list[tuple[int, int]]:
    """Return when runs of this state are met, and since when they were."""
    runs: list[list[int]] = []
    for i, one in enumerate(rows):
        if one.state != state:
            continue
        if i and rows[i - 1].state == state and one.time - rows[i - 1].time <= case.hold:
            runs[-1].append(i)
        else:
            runs.append([i])
    found = []
    for run in runs:
        if len(run) < repeat:
            continue
        at = max(rows[run[0]].time + long, rows[run[repeat - 1]].time)
        last = rows[run[-1]].time
        after = rows[run[-1] + 1].time - 1 if run[-1] + 1 < len(rows) else case.end
        if at <= max(last, min(after, last + case.hold)):
            found.append((at, rows[run[0]].time))
    return found


def series(rows: list[Reading]) -> Series:
    rows = sorted(rows, key=lambda one: (one.instance, one.time))
    time = np.array([one.time for one in rows], dtype=np.int64)
    state = np.array([one.state for one in rows], dtype=np.int64)
    instance = np.array([one.instance for one in rows], dtype=np.int64)
    return Series(instance, time, state.astype(np.float64), state == 1, state == -1, time)


def plain(turns: Turns) -> list[Turn]:
    rows = zip(turns.instance, turns.at_us, turns.opened, turns.start_us, strict=True)
    return [(int(who), int(at), bool(opened), int(start)) for who, at, opened, start in rows]


def limits(case: Case) -> Limits:
    return Limits(*(np.full(3, value) for value in (case.for_, case.repeat, case.clear_for, case.hold)))


@given(case=cases())
def test_all_at_once(case: Case) -> None:
    """A look at all readings finds what a loop over them finds."""
    turns = advance(series(list(case.readings)), limits(case), Carry.blank(3), case.end)
    assert sorted(plain(turns)) == sorted(by_loop(case))


@given(case=cases())
def test_in_parts(case: Case) -> None:
    """Readings that come in parts, with the clock looked at in between, turn the latches as all of them at once do."""
    carry, found, everybody = Carry.blank(3), [], np.arange(3)
    borders = [0, *case.cuts, case.end + 1]
    for low, high in pairwise(borders):
        some = [one for one in case.readings if low <= one.time < high]
        now = min(high - 1, case.end)
        found += plain(advance(series(some), limits(case), carry, now))
        found += plain(mature(everybody, limits(case), carry, now))
    assert sorted(found) == sorted(by_loop(case))


@given(case=cases(), limit=st.integers(1, 9))
def test_silence(case: Case, limit: int) -> None:
    """A gap that is longer than the limit is told once, when it is that long, in whatever parts readings come."""
    expected = []
    for instance in sorted({one.instance for one in case.readings}):
        times = [one.time for one in case.readings if one.instance == instance]
        for before, after in zip(times, [*times[1:], None], strict=True):
            if (after if after is not None else case.end) - before > limit:
                expected.append((instance, before + limit, True, before))
                if after is not None:
                    expected.append((instance, after, False, after))
    carry, found, limit_us = Carry.blank(3), [], np.full(3, limit)
    borders = [0, *case.cuts, case.end + 1]
    for low, high in pairwise(borders):
        some = series([one for one in case.readings if low <= one.time < high])
        now = min(high - 1, case.end)
        found += plain(quiet(some.instance, some.time_us, limit_us, carry, now))
        found += plain(grown_quiet(np.arange(3), limit_us, carry, now))
    assert sorted(found) == sorted(expected)


def test_blank_carries_know_nothing() -> None:
    """An instance without a reading never turns, however late it gets."""
    carry, everybody = Carry.blank(2), np.arange(2)
    zero = np.zeros(2, dtype=np.int64)
    assert not len(mature(everybody, Limits(zero, zero + 1, zero, zero), carry, 10**18))
    assert not len(grown_quiet(everybody, zero, carry, 10**18))
    assert (carry.last_us == NEVER).all()
