"""Rules over measures of windows: of groups of devices, and of hours against the same hours of weeks before.

Rules:

1. A window is looked at when it is over, by event time, and again whenever a late reading falls into it. Windows begin
   at whole multiples of their length since 1970 UTC.
2. Its measure counts as one reading at its end; from there on all is as with readings.
3. A window in which nobody said anything has no measure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from alerts.board import Board
from alerts.compiled import Compiled, Place
from alerts.groups import Group as Conditions
from alerts.groups import episodes
from alerts.leaves import Part
from alerts.schedule import Times, same_hour_before
from alerts.settling import settle
from model.alarm import Episode, Standing, Subject, Verdict
from model.alert_ports import AlertStore, Member, Stretch, Windows
from model.readings import Column
from model.rule import Group, Threshold, Usual, Where
from model.spans import Span

_HOUR_US = 3_600_000_000
_HELD = 3
_MOST = 2_000
"""Windows looked at in one go."""
_ENOUGH = 2
"""Same hours of weeks before that must have said something."""
_VALUE = "window"


def every_us(of: Compiled) -> int:
    """Return how long its windows are."""
    return of.rule.when.every.us if isinstance(of.rule.when, Group) else _HOUR_US


def reach_us(of: Compiled) -> int:
    """Return how far back windows can matter to what is so at a time."""
    when = of.rule.when
    if not isinstance(when, Group | Usual):
        return 0
    hold = when.hold.us if when.hold else _HELD * every_us(of)
    longest = max(when.for_.us if when.for_ else 0, when.clear_for.us if when.clear_for else 0, when.repeat * hold)
    return longest + 2 * hold


@dataclass(slots=True)
class _Waiting:
    """A rule with the windows (their beginnings) that are to be looked at."""

    of: Compiled
    devices: set[int]
    starts: set[int] = field(default_factory=set)


class WindowRules:
    """All rules over windows, and the windows that wait to be looked at."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._waiting: dict[str, _Waiting] = {}

    def use(self, rules: Sequence[Compiled], now_us: int) -> None:
        """Take the rules; what is new begins with the windows that can matter now."""
        old, self._waiting = self._waiting, {}
        for of in rules:
            devices = {member.key for members in of.members.values() for member in members}
            known = old.get(of.rule.name)
            starts = known.starts if known is not None and known.of.stored.version == of.stored.version else None
            if starts is None:
                length = every_us(of)
                starts = set(range((now_us - reach_us(of)) // length * length, now_us, length))
            self._waiting[of.rule.name] = _Waiting(of, devices, starts)

    def again(self, since_us: int, now_us: int) -> None:
        """Have all windows since a time looked at: nobody told which readings fell into them."""
        for one in self._waiting.values():
            length = every_us(one.of)
            first = max(since_us, now_us - _MOST * length) // length * length
            one.starts.update(range(first, now_us, length))

    def note(self, parts: Sequence[Stretch], now_us: int) -> None:
        """Note which windows new readings fall into."""
        for one in self._waiting.values():
            length = every_us(one.of)
            for part in parts:
                if part.device_type not in one.of.members:
                    continue
                mine = np.isin(part.device, np.fromiter(one.devices, np.int64, len(one.devices)))
                starts = np.unique(part.time_us[mine] // length * length).tolist()
                one.starts.update(starts)
                if isinstance(one.of.rule.when, Usual):
                    for weeks in range(1, one.of.rule.when.weeks + 1):
                        later = (same_hour_before(start, -weeks, self._place.zone) for start in starts)
                        one.starts.update(start for start in later if start + length <= now_us)

    async def look(self, store: AlertStore, board: Board, horizon_us: int, now_us: int, verdict: Verdict) -> None:
        """Look at the windows that are over."""
        for one in self._waiting.values():
            length = every_us(one.of)
            over = {start for start in one.starts if start + length <= horizon_us}
            if not over:
                continue
            begin = (min(over) - reach_us(one.of)) // length * length
            found, stored = await self._found(store, board, one.of, begin, horizon_us)
            one.starts -= over
            for subject, some in found.items():
                key = (one.of.rule.name, subject.name)
                settle(one.of, subject, stored.get(key, ()), some, now_us, verdict)

    async def _found(
        self, store: AlertStore, board: Board, of: Compiled, begin_us: int, horizon_us: int
    ) -> tuple[dict[Subject, list[Episode]], dict[tuple[str, str], list[Standing]]]:
        length = every_us(of)
        begin_us = max(begin_us, (horizon_us // length - _MOST) * length)
        starts = list(range(begin_us, horizon_us - length + 1, length))
        values = await measures(store, of, starts, self._place)
        names = sorted({*values, *(key[1] for key in board.standing if key[0] == of.rule.name)})
        first_us = begin_us + length  # a measure stands at the end of its window
        stored: dict[tuple[str, str], list[Standing]] = {}
        for one in await store.since([(of.rule.name, name, first_us) for name in names]):
            stored.setdefault((one.rule, one.subject), []).append(one)
        before: dict[int, Episode] = {}
        for i, name in enumerate(names):
            known = [one.episode for one in stored.get((of.rule.name, name), ()) if one.episode.start_us < first_us]
            if known:
                before[i] = Episode(start_us=known[0].start_us, raised_us=known[0].raised_us, first=known[0].first)
        found = evaluated(of, names, values, self._place, horizon_us, before)
        subjects = {i: subject_of(board, name) for i, name in enumerate(names)}
        return {subjects[i]: found.get(i, []) for i in range(len(names))}, stored


def subject_of(board: Board, name: str) -> Subject:
    """Return a group, or a device, as the subject of alarms."""
    member = board.world.by_id.get(name)
    return board.subject(member.key) if member is not None else Subject(name=name)


def evaluated(
    of: Compiled,
    names: Sequence[str],
    values: Mapping[str, Mapping[int, float]],
    place: Place,
    horizon_us: int,
    before: Mapping[int, Episode],
) -> Mapping[int, list[Episode]]:
    """Return position of a name -> episodes, from measures at the ends of windows."""
    when, length = of.rule.when, every_us(of)
    if not isinstance(when, Group | Usual) or not names:
        return {}
    condition = Threshold(
        field=_VALUE,
        above=when.above if isinstance(when, Group) else _beyond(when),
        below=when.below if isinstance(when, Group) else None,
        clear=when.clear if isinstance(when, Group) else None,
        for_=when.for_,
        repeat=when.repeat,
        clear_for=when.clear_for,
        hold=when.hold or Span(_HELD * length),
    )
    part = Part(
        rule=of.rule,
        version=of.stored.version,
        number=0,
        alone=True,
        condition=condition,
        type=of.types[next(iter(of.members))],
        times=None if of.rule.schedule is None else Times(of.rule.schedule, place.zone, place.centre),
    )
    group = Conditions([part], [(0, _member(i, name)) for i, name in enumerate(names)])
    for i, episode in before.items():
        group.begin(i, episode, episode.start_us)
    rows = sorted(
        (i, start + length, value) for i, name in enumerate(names) for start, value in values.get(name, {}).items()
    )
    stretch = Stretch(
        device_type=part.type.name,
        device=np.array([row[0] for row in rows], dtype=np.int64),
        time_us=np.array([row[1] for row in rows], dtype=np.int64),
        columns={
            _VALUE: Column(np.array([row[2] for row in rows], dtype=np.float64), np.ones(len(rows), dtype=np.bool_))
        },
    )
    turns = [group.look(group.pairs(stretch), horizon_us), group.clock(horizon_us)]
    return episodes(group, turns, before)


async def measures(store: AlertStore, of: Compiled, starts: Sequence[int], place: Place) -> dict[str, dict[int, float]]:
    """Return subject -> beginning of a window -> what its rule compares."""
    when = of.rule.when
    [(device_type, members)] = list(of.members.items())[:1] or [("", [])]
    if not members or not starts or not isinstance(when, Group | Usual):
        return {}
    if isinstance(when, Group):
        answer = await store.windows(
            Windows(
                device_type=device_type,
                devices=[member.key for member in members],
                measure=when.measure,
                group=None if when.by == "all" else when.by,
                starts_us=starts,
                every_us=when.every.us,
                field=when.field,
                where=None if when.where is None else _where(when.where),
                flagged=when.flagged,
            )
        )
        return {name if when.by == "all" else f"{when.by}:{name}": dict(some) for name, some in answer.items()}
    earlier = {
        start: [same_hour_before(start, week, place.zone) for week in range(1, when.weeks + 1)] for start in starts
    }
    answer = await store.windows(
        Windows(
            device_type=device_type,
            devices=[member.key for member in members],
            measure="mean",
            group="device",
            starts_us=sorted({*starts, *(one for some in earlier.values() for one in some)}),
            every_us=_HOUR_US,
            field=when.field,
            flagged=when.flagged,
        )
    )
    ids = {str(member.key): member.id for member in members}
    return {ids[key]: _against(when, some, earlier) for key, some in answer.items() if key in ids}


def _against(when: Usual, means: Mapping[int, float], earlier: Mapping[int, Sequence[int]]) -> dict[int, float]:
    """Return how far each hour is from what is usual, in the field's unit or in percent."""
    found = {}
    for start, before in earlier.items():
        known = [means[one] for one in before if one in means]
        if start not in means or len(known) < _ENOUGH:
            continue
        usual = sum(known) / len(known)
        apart = abs(means[start] - usual)
        if when.beyond is not None:
            found[start] = apart
        elif usual:
            found[start] = 100 * apart / abs(usual)
    return found


def _beyond(when: Usual) -> float:
    return when.beyond if when.beyond is not None else when.beyond_percent or 0.0


def _where(where: Where) -> tuple[str, str, object]:
    if where.above is not None:
        return where.field, "above", where.above
    return (where.field, "below", where.below) if where.below is not None else (where.field, "in", where.values)


def _member(key: int, name: str) -> Member:
    return Member(
        key=key,
        id=name,
        type="",
        district=None,
        experiment=None,
        network=None,
        tags={},
        simulated=False,
        latitude=None,
        longitude=None,
    )
