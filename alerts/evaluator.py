"""Looks at what was stored, again and again: which rules hold now, and what that means for alarms.

Rules:

1. Each look takes news out of the database and writes what they mean in one transaction, so nothing is looked at twice
   or never. After a failure the database is believed, and all is read again.
2. News that are newer than all before turn latches in memory. Whatever is late has the readings around it looked at
   again, from before it on (``_again``): what is stored then is what all readings in order would have told.
3. What only the clock tells (silence, "for ten minutes" without another reading) waits ``grace`` longer, since frames
   take their time; and while most of what comes is older than that, as after an outage, it waits as long as they lag.
4. Gateways and sources come first, so that the silence of devices behind them is folded into theirs.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from alerts.board import Board, Watch
from alerts.compiled import Compiled, Key, Place, World, compiled, enabled
from alerts.folding import Folding
from alerts.groups import Group, ended, episodes, plain
from alerts.joined import joined
from alerts.lag import Lag
from alerts.newest import NewestValues
from alerts.runs import LATER, Turns
from alerts.settling import ending, opening, ordered, revision, settle
from alerts.things import Things
from alerts.windows import WindowRules
from model.alarm import AlarmNotice, AlarmState, Episode, EventKind, Signal, Standing, Verdict
from model.alert_ports import AlertStore, Stretch
from model.device import DeviceType
from model.errors import PenfeldError
from model.instants import microseconds
from model.readings import Ints
from model.value import Value

logger = logging.getLogger(__name__)

_ASK_EVERY_US = 3_600_000_000
_DONE = (AlarmState.CLEARED, AlarmState.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorConfig:
    """``grace``: how long what only the clock tells waits for frames that are on their way."""

    grace: timedelta = timedelta(seconds=30)
    place: Place = field(default_factory=Place)
    rows: int = 20_000


@dataclass(slots=True)
class _Look:
    """One look: what it found.

    ``live``: rule and subject -> episodes that began or ended; ``stale``: what is to be looked at again, from when on.
    """

    now_us: int
    horizon_us: int
    verdict: Verdict
    live: dict[Key, tuple[Compiled, int, list[Episode]]] = field(default_factory=dict)
    stale: dict[Watch, int] = field(default_factory=dict)

    def again(self, watch: Watch, since_us: int) -> None:
        """Have readings from this time on looked at again."""
        self.stale[watch] = min(since_us, self.stale.get(watch, LATER))


class Evaluator:
    """The evaluator of one database. ``start`` it within ``alone()``, then ``look`` again and again."""

    def __init__(
        self,
        store: AlertStore,
        types: Mapping[str, DeviceType],
        clock: Callable[[], datetime],
        config: EvaluatorConfig | None = None,
    ) -> None:
        self._store = store
        self._types = types
        self._clock = clock
        self._config = config or EvaluatorConfig()
        self._board = Board(World({}, []))
        self._things = Things()
        self._windows = WindowRules(self._config.place)
        self._folding = Folding(store)
        self._stamp: int | None = None
        self._asked_us = 0
        self._lag = Lag()
        self._newest = NewestValues()
        self._horizon_us = 0
        self.readings = 0
        """How many readings it has looked at."""

    @property
    def rules(self) -> int:
        """How many rules are at work."""
        return len(self._board.rules)

    @property
    def standing(self) -> int:
        """How many alarms are open."""
        return len(self._board.standing)

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Be the only evaluator of this database; raise ``ConflictError`` when another process is."""
        return self._store.alone()

    async def look(self) -> tuple[Sequence[AlarmNotice], bool]:
        """Look once; return what changed for people, and whether more news wait.

        Raise ``UnavailableError``; the next look begins with all that is stored then.
        """
        try:
            return await self._look()
        except BaseException:
            self._forget()  # memory is ahead of what is stored
            raise

    def _forget(self) -> None:
        """Begin again with what is stored."""
        self._stamp = None
        self._board = Board(World({}, []))
        self._windows = WindowRules(self._config.place)

    async def _look(self) -> tuple[Sequence[AlarmNotice], bool]:
        at = self._clock()
        now_us = microseconds(at)
        news = await self._store.news(self._config.rows)
        self._lag.note(now_us, news.parts)
        grace_us = self._config.grace // timedelta(microseconds=1)
        self._horizon_us = max(self._horizon_us, now_us - max(grace_us, self._lag.us(now_us)))
        look = _Look(now_us, self._horizon_us, Verdict())
        notices: list[AlarmNotice] = []
        if news.lost_us is not None:
            logger.warning("not all that was stored was told: it is read again")
            self._forget()
        notices += await self._renew(look, at, news.lost_us)
        look.verdict.taken = news.ids
        look.verdict.regained_us = news.lost_us
        self._things.heard(news.heard)
        notices += await self._look_at_things(look, at)
        for part in news.parts:
            self._read(part, look)
        for group in self._board.all_groups():
            self._turned(group, group.clock(look.horizon_us), look)
        self._windows.note(news.parts, look.now_us)
        await self._again(look)
        await self._windows.look(self._store, self._board, look.horizon_us, look.now_us, look.verdict)
        self._settle_live(look)
        self._newest.tell(self._board, now_us, look.verdict)
        await self._folding.fold(self._board, look.verdict, now_us)
        notices += await self._commit(look.verdict, at)
        return notices, news.more

    async def _renew(self, look: _Look, at: datetime, lost_us: int | None) -> Sequence[AlarmNotice]:
        """Take rules and devices as they are now, if they changed.

        ``lost_us``: of what arrived since then, some was not told.
        """
        stamp = await self._store.stamp()
        if stamp == self._stamp:
            if look.now_us - self._asked_us > _ASK_EVERY_US:
                await self._ask(look.now_us)
            return ()
        first, believed_us = self._stamp is None, None
        world = World(self._types, await self._store.members())
        rules = []
        for stored in enabled(await self._store.rules()):
            try:
                one = compiled(stored, world, self._config.place)
                one.check()
                rules.append(one)
            except (PenfeldError, ValueError, OverflowError) as error:
                logger.warning("the rule %s does not work and is left out: %s", stored.rule.name, error)
        board = Board.of(rules, world)
        new = board.adopt(self._board)
        if first:
            board.standing = {(one.rule, one.subject): one for one in await self._store.standing()}
            believed_us = self._things.start(await self._store.heard())
        else:
            board.standing = self._board.standing
        self._board = board
        await self._ask(look.now_us)
        self._things.use([one for one in rules if one.kind == "things"])
        self._windows.use([one for one in rules if one.kind == "windows"], look.now_us)
        begin_us = min(look.now_us, believed_us or look.now_us)
        missed = {} if lost_us is None else await self._missed(lost_us)
        if missed:
            self._windows.again(min(missed.values()), look.now_us)
        for watch in new:
            look.again(watch, min(begin_us, missed.get(watch[1], begin_us)))
        self._leave(look)
        verdict = look.verdict
        look.verdict = Verdict()
        notices = await self._commit(verdict, at)
        await self._again(look)
        board.newest_known()
        notices = [*notices, *await self._commit(look.verdict, at)]
        look.verdict = Verdict()
        look.stale.clear()
        self._stamp = stamp
        logger.info("%d rules are at work on %d devices", len(rules), len(world.members))
        return notices

    async def _missed(self, lost_us: int) -> dict[int, int]:
        """Return device -> its oldest reading of those that may not have been told."""
        found: dict[int, int] = {}
        for name in self._board.wanted():
            found |= await self._store.arrived(name, lost_us)
        return found

    async def _ask(self, now_us: int) -> None:
        """Have writers tell what rules read; they go on for a day."""
        await self._store.want(self._board.wanted())
        self._asked_us = now_us

    def _leave(self, look: _Look) -> None:
        """End the alarms of rules and devices that are gone."""
        for (name, subject), standing in list(self._board.standing.items()):
            rule = self._board.rules.get(name)
            member = self._board.world.by_id.get(subject)
            if rule is None:
                look.verdict.revisions.append(ending(standing, "rule_removed", look.now_us))
            elif rule.kind == "readings" and (member is None or (name, member.key) not in self._board.places):
                look.verdict.revisions.append(ending(standing, "device_left", look.now_us))

    async def _look_at_things(self, look: _Look, at: datetime) -> Sequence[AlarmNotice]:
        """Look at gateways and sources, and write that before devices are looked at."""
        verdict = Verdict()
        self._things.look(self._board, look.now_us, verdict)
        return await self._commit(verdict, at) if verdict else ()

    def _read(self, stretch: Stretch, look: _Look) -> None:
        """Look at new readings of one device type."""
        self.readings += len(stretch)
        for group in self._board.groups.get(stretch.device_type, ()):
            pairs = group.pairs(stretch)
            late = group.late(pairs)
            if late.any():
                old = pairs.take(late)
                for i in np.flatnonzero(~group.harmless(old)).tolist():
                    watch = self._watch(group, int(old.instance[i]))
                    look.again(watch, int(old.time_us[i]))
                pairs = pairs.take(~late)
            self._turned(group, group.look(pairs, look.horizon_us), look)

    @staticmethod
    def _watch(group: Group, instance: int) -> Watch:
        return group.part_of(instance).rule.name, int(group.device[instance])

    def _turned(self, group: Group, turns: Turns, look: _Look) -> None:
        """Note what turned: of rules with one condition episodes, of others that they are to be looked at again."""
        for instance, at_us, opened, start_us, first in plain(turns):
            part, watch = group.part_of(instance), self._watch(group, instance)
            if not part.alone:
                look.again(watch, at_us)
                continue
            of = self._board.rules[part.rule.name]
            key = (part.rule.name, group.members[instance][1].id)
            value = group.value(instance, first)
            if key not in look.live:
                known = self._board.standing.get(key)
                look.live[key] = (of, watch[1], [known.episode] if known is not None else [])
            found = look.live[key][2]
            goes_on = bool(found) and found[-1].end_us is None
            if opened is goes_on:  # memory and what is stored do not agree
                look.again(watch, start_us)
            elif opened:
                found.append(Episode(start_us=start_us, raised_us=at_us, first=value))
            else:
                found[-1] = ended(found[-1], start_us, value)

    def _settle_live(self, look: _Look) -> None:
        """Write the episodes that began or ended, but for those that were looked at again."""
        for key, (of, device, found) in look.live.items():
            if (key[0], device) in look.stale:
                continue
            subject = self._board.subject(device)
            standing = self._board.standing.get(key)
            if standing is not None:
                changed = revision(of, subject, standing, found.pop(0))
                if changed is not None:
                    look.verdict.revisions.append(changed)
            for episode in found:
                if new := opening(of, subject, episode, look.now_us):
                    look.verdict.openings.append(new)

    async def _again(self, look: _Look) -> None:
        """Look again at the readings around whatever is late, and settle what they tell."""
        if not look.stale:
            return
        by_type: dict[str, list[Watch]] = {}
        for watch in look.stale:
            member = self._board.world.members.get(watch[1])
            if member is not None and watch in self._board.places:
                by_type.setdefault(member.type, []).append(watch)
        for name, watches in by_type.items():
            await self._again_type(name, watches, look)

    async def _again_type(self, name: str, watches: list[Watch], look: _Look) -> None:
        since, fields, some = self._where(watches, look)
        wanted = [(rule, self._board.world.members[key].id, since[key]) for rule, key in watches]
        alarms: dict[Key, list[Standing]] = {}
        for one in await self._store.since(wanted):
            alarms.setdefault((one.rule, one.subject), []).append(one)
        signals: dict[tuple[str, int, str], list[Signal]] = {}
        if any(not self._board.rules[rule].alone for rule, _ in watches):
            for signal in await self._store.signals(wanted):
                signals.setdefault((signal.rule, signal.leaf, signal.subject), []).append(signal)
        # what was concluded by the clock before is not unsaid because the clock is believed less now
        sure = [one.episode.raised_us for some_of in alarms.values() for one in some_of]
        sure += [signal.raised_us for some_of in signals.values() for signal in some_of]
        look = replace(look, horizon_us=max([look.horizon_us, *sure]))
        stretch = await self._store.stretch(name, sorted(fields), since)
        found: dict[tuple[Watch, int], list[Episode]] = {}
        for group, instances in some.values():
            order = np.array(sorted(instances), dtype=np.int64)
            earlier: Mapping[int, tuple[int, Value]] = {}
            if group.looks_back:
                field_name = next(iter(group.parts[0].fields), None)
                mine = {int(group.device[i]) for i in instances}
                earlier = await self._store.before(name, field_name, {key: since[key] for key in mine})
            self._again_group(group, order, stretch, since, earlier, alarms, signals, found, look)
        sooner = []
        for watch in watches:
            known = self._known(watch, signals)
            begun = self._begun_before(watch, since[watch[1]], found, known)
            if begun is not None:
                look.stale[watch] = begun
                sooner.append(watch)
            else:
                self._settle_again(watch, since[watch[1]], alarms, found, look)
        if sooner:
            await self._again_type(name, sooner, look)

    def _where(
        self, watches: Sequence[Watch], look: _Look
    ) -> tuple[dict[int, int], set[str], dict[int, tuple[Group, list[int]]]]:
        """Return from when on each device is to be read, which fields, and the instances concerned, by group."""
        since: dict[int, int] = {}
        fields: set[str] = set()
        some: dict[int, tuple[Group, list[int]]] = {}
        for watch in watches:
            places = self._board.places[watch]
            reach = max(int(group.reach_us[i]) for group, i in places)
            since[watch[1]] = min(max(look.stale[watch] - reach, 0), since.get(watch[1], LATER))
            for group, instance in places:
                fields.update(group.parts[0].fields)
                some.setdefault(id(group), (group, []))[1].append(instance)
        return since, fields, some

    def _known(self, watch: Watch, signals: Mapping[tuple[str, int, str], Sequence[Signal]]) -> set[tuple[int, int]]:
        """Return which conditions are stored to have held, and since when."""
        subject = self._board.world.members[watch[1]].id
        return {
            (leaf, one.start_us)
            for (rule, leaf, name), some in signals.items()
            if (rule, name) == (watch[0], subject)
            for one in some
        }

    def _begun_before(
        self,
        watch: Watch,
        begin_us: int,
        found: Mapping[tuple[Watch, int], Sequence[Episode]],
        known: Collection[tuple[int, int]],
    ) -> int | None:
        """Return since when a condition of a joined rule holds, where that is news and before what was looked at."""
        if self._board.rules[watch[0]].alone:
            return None
        each = [
            one.raised_us
            for group, instance in self._board.places[watch]
            for number in (group.part_of(instance).number,)
            for one in found.get((watch, number), ())
            if one.raised_us < begin_us and (number, one.start_us) not in known
        ]
        return min(each, default=None)

    def _again_group(
        self,
        group: Group,
        instances: Ints,
        stretch: Stretch,
        since: Mapping[int, int],
        earlier: Mapping[int, tuple[int, Value]],
        alarms: Mapping[Key, Sequence[Standing]],
        signals: Mapping[tuple[str, int, str], Sequence[Signal]],
        found: dict[tuple[Watch, int], list[Episode]],
        look: _Look,
    ) -> None:
        """Look again at some instances of a group, and let it know what they know then."""
        sub = group.sub(instances)
        before: dict[int, Episode] = {}
        from_us, doubted_us = np.empty(len(instances), dtype=np.int64), np.empty(len(instances), dtype=np.int64)
        for i, instance in enumerate(instances.tolist()):
            watch, part = self._watch(group, instance), group.part_of(instance)
            subject, begin_us = group.members[instance][1].id, since[watch[1]]
            from_us[i], doubted_us[i] = begin_us, look.stale[watch]
            if part.alone:
                known = [one.episode for one in alarms.get((watch[0], subject), ())]
            else:
                known = [_episode(one) for one in signals.get((watch[0], part.number, subject), ())]
            # what was raised later than what is late may never have been
            sure = (one for one in known if one.start_us < begin_us and one.raised_us <= look.stale[watch])
            episode = next(sure, None)
            if episode is not None:
                before[i] = Episode(start_us=episode.start_us, raised_us=episode.raised_us, first=episode.first)
            sub.begin(i, before.get(i), begin_us)
            member = group.members[instance][1]
            if member.key in earlier:
                sub.precede(i, *earlier[member.key])
            elif sub.silence and member.since_us:
                sub.precede(i, member.since_us, value=True)
        pairs = sub.pairs(stretch)
        pairs = pairs.take(pairs.time_us >= from_us[pairs.instance])
        turns = [sub.look(pairs, look.horizon_us), sub.clock(look.horizon_us)]
        for i, some in episodes(sub, turns, before).items():
            instance = int(instances[i])
            found[self._watch(group, instance), group.part_of(instance).number] = some
        old = group.carry.last_us[instances]
        group.carry.put(instances, sub.carry)
        group.carry.last_us[instances] = np.maximum(old, sub.carry.last_us)
        group.carry.read_through[instances], group.carry.read_from_us[instances] = stretch.through, doubted_us

    def _settle_again(
        self,
        watch: Watch,
        begin_us: int,
        alarms: Mapping[Key, Sequence[Standing]],
        found: Mapping[tuple[Watch, int], Sequence[Episode]],
        look: _Look,
    ) -> None:
        of, subject = self._board.rules[watch[0]], self._board.subject(watch[1])
        stored = alarms.get((of.rule.name, subject.name), ())
        if of.alone:
            settle(of, subject, stored, found.get((watch, 0), ()), look.now_us, look.verdict)
            return
        parts = {}
        for group, instance in self._board.places[watch]:
            number = group.part_of(instance).number
            some = found.get((watch, number), ())
            parts[number] = [(one.raised_us, LATER if one.end_us is None else one.end_us) for one in some]
            look.verdict.signals[of.rule.name, number, subject.name, begin_us] = [
                Signal(
                    rule=of.rule.name,
                    leaf=number,
                    subject=subject.name,
                    start_us=one.start_us,
                    raised_us=one.raised_us,
                    end_us=one.end_us,
                )
                for one in some
            ]
        since_us = max(begin_us, self._board.world.members[watch[1]].since_us)
        whole = []
        for low, high in joined(of.rule.when, parts, since_us):
            known = next((one.episode for one in stored if low == since_us and one.episode.start_us < low), None)
            start_us, raised_us = (known.start_us, known.raised_us) if known else (low, low)
            whole.append(Episode(start_us=start_us, raised_us=raised_us, end_us=None if high == LATER else high))
        settle(of, subject, stored, whole, look.now_us, look.verdict)

    async def _commit(self, verdict: Verdict, at: datetime) -> Sequence[AlarmNotice]:
        """Write a verdict, and keep the open alarms as they are stored then."""
        self._things.save(verdict, microseconds(at), self._horizon_us)
        if not verdict:
            return ()
        ordered(verdict)
        notices = await self._store.commit(verdict, at)
        standing = self._board.standing
        stored = {(one.alarm.rule, one.alarm.subject): one.alarm for one in notices if one.kind is EventKind.OPENED}
        by_id = {one.id: key for key, one in standing.items()}
        for revised in verdict.revisions:
            key = by_id.get(revised.id)
            if key is not None and revised.state in _DONE:
                standing.pop(key, None)
            elif key is not None:
                was = standing[key]
                standing[key] = Standing(
                    id=was.id,
                    rule=was.rule,
                    version=was.version,
                    subject=was.subject,
                    episode=revised.episode,
                    late=was.late,
                    folded_into=revised.folded_into,
                )
        reopened = any(one.state is AlarmState.OPEN and one.id not in by_id for one in verdict.revisions)
        for new in verdict.openings:
            key = (new.rule, new.subject.name)
            alarm = stored.get(key)
            if new.episode.end_us is None and alarm is not None:
                standing[key] = Standing(
                    id=alarm.id,
                    rule=new.rule,
                    version=new.version,
                    subject=new.subject.name,
                    episode=new.episode,
                    late=new.late,
                    folded_into=new.folded_into,
                )
        if reopened:
            self._board.standing = {(one.rule, one.subject): one for one in await self._store.standing()}
        return notices


def _episode(signal: Signal) -> Episode:
    return Episode(start_us=signal.start_us, raised_us=signal.raised_us, end_us=signal.end_us)
