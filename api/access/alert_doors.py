"""The doors to alarms and rules as somebody has them who does not see all.

Rules:

1. An alarm is seen by who sees its device. One about a district, a gateway or a source is about everybody's devices.
2. A rule is seen unless it names a device or an experiment that is hidden. It is changed, and tried on the past, by who
   owns what it watches: its scope says experiments or devices, and all of them are his.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from api.access.sight import Sight
from api.trials import Trials
from model.alarm import Alarm, AlarmEvent, AlarmFilter, AlarmPage, AlarmState, AuditLine, Origin, Silence, StoredRule
from model.alert_ports import Alarms, Outbox, Rules
from model.errors import BadRequestError, NotFoundError
from model.notification import Due, Notification, NotificationState, Outcome
from model.rule import Rule, leaves
from model.rule import Silence as Quiet
from model.trial import Trial

_MOST = 1000


class SeenAlarms:
    """``Alarms`` about devices that are seen; something is done about those of one's own."""

    def __init__(self, alarms: Alarms, sight: Sight) -> None:
        self._alarms, self._sight = alarms, sight

    async def page(self, wanted: AlarmFilter, *, limit: int = 100, before: int | None = None) -> AlarmPage:
        """Return alarms."""
        seen = await self._sight.ids()
        if wanted.devices is not None:
            seen &= wanted.devices
        return await self._alarms.page(replace(wanted, devices=seen), limit=limit, before=before)

    async def counts(self) -> Mapping[tuple[str, bool], int]:
        """Return how many are open; no more than a page of them are counted."""
        wanted = AlarmFilter(state=(AlarmState.OPEN,), folded=False, simulated=False)
        found: dict[tuple[str, bool], int] = {}
        for one in (await self.page(wanted, limit=_MOST)).alarms:
            key = (one.severity, one.acknowledged_at is not None)
            found[key] = found.get(key, 0) + 1
        return found

    async def alarm(self, alarm_id: int) -> Alarm:
        """Return one alarm."""
        found = await self._alarms.alarm(alarm_id)
        if found.device is None or not await self._sight.of([found.device]):
            raise NotFoundError(f"there is no alarm {alarm_id}")
        return found

    async def events(self, alarm_id: int) -> Sequence[AlarmEvent]:
        """Return what happened to it."""
        await self.alarm(alarm_id)
        return await self._alarms.events(alarm_id)

    async def acknowledge(self, alarm_ids: Sequence[int], who: str, text: str = "") -> Sequence[Alarm]:
        """Note that somebody looks after them."""
        for alarm_id in alarm_ids:
            await self._own(alarm_id)
        return await self._alarms.acknowledge(alarm_ids, who, text)

    async def comment(self, alarm_id: int, who: str, text: str) -> Alarm:
        """Note what somebody says."""
        await self._own(alarm_id)
        return await self._alarms.comment(alarm_id, who, text)

    async def assign(self, alarm_id: int, who: str, to: str | None) -> Alarm:
        """Note whose it is."""
        await self._own(alarm_id)
        return await self._alarms.assign(alarm_id, who, to)

    async def silences(self, *, ended: bool = False) -> Sequence[Silence]:
        """Return silences of devices that are seen."""
        seen = await self._sight.ids()
        return [one for one in await self._alarms.silences(ended=ended) if one.subject in seen]

    async def silence(self, silence: Silence) -> Silence:
        """Refuse: a silence is about everybody's alarms."""
        del silence
        raise BadRequestError("silences are an operator's")

    async def unsilence(self, silence_id: int, who: str) -> None:
        """Refuse: the same."""
        del silence_id, who
        raise BadRequestError("silences are an operator's")

    async def _own(self, alarm_id: int) -> None:
        """Raise a problem for an alarm that is not about one's own device."""
        found = await self.alarm(alarm_id)
        if not self._sight.owns(await self._sight.device(found.device or "")):
            raise BadRequestError(f"alarm {alarm_id} is about no device of yours: its people look after it")


class SeenRules:
    """``Rules`` that name nothing hidden; changes of those about one's own."""

    def __init__(self, rules: Rules, sight: Sight) -> None:
        self._rules, self._sight = rules, sight

    async def all(self) -> Sequence[StoredRule]:
        """Return rules in order of their names."""
        return [one for one in await self._rules.all() if await self._shown(one.rule)]

    async def rule(self, name: str) -> StoredRule:
        """Return one rule."""
        found = await self._rules.rule(name)
        if not await self._shown(found.rule):
            raise NotFoundError(f"there is no rule {name!r}")
        return found

    async def problems(self, rule: Rule) -> Sequence[str]:
        """Return what keeps a rule from working."""
        strange = await self._strange(rule)
        return [strange] if strange else await self._rules.problems(rule)

    async def notes(self, rule: Rule) -> Sequence[str]:
        """Return what whoever writes a rule should know."""
        return await self._rules.notes(rule)

    async def save(self, rule: Rule, *, who: str, origin: Origin, version: str | None = None) -> StoredRule:
        """Store a rule about one's own."""
        await self._check(rule)
        for one in await self._rules.all():
            if one.rule.name == rule.name:
                await self._check(one.rule)
        return await self._rules.save(rule, who=who, origin=origin, version=version)

    async def switch(self, name: str, who: str, *, on: bool, version: str | None = None) -> StoredRule:
        """Switch a rule about one's own."""
        await self._check((await self.rule(name)).rule)
        return await self._rules.switch(name, who, on=on, version=version)

    async def remove(self, name: str, who: str) -> None:
        """Remove a rule about one's own."""
        await self._check((await self.rule(name)).rule)
        await self._rules.remove(name, who)

    async def test(
        self, rule: Rule, start: datetime, end: datetime, progress: Callable[[float], None] = lambda _: None
    ) -> Trial:
        """Return what a rule about one's own would have raised."""
        await self._check(rule)
        return await self._rules.test(rule, start, end, progress)

    async def audit(self, target: str | None = None, *, limit: int = 100) -> Sequence[AuditLine]:
        """Return who changed a rule that is seen."""
        if target is None:
            return ()
        try:
            await self.rule(target)
        except NotFoundError:
            return ()
        return await self._rules.audit(target, limit=limit)

    async def _shown(self, rule: Rule) -> bool:
        named = rule.scope.device
        if not self._sight.experiments.issuperset(rule.scope.experiment):
            return False
        return not named or len(await self._sight.of(named)) == len(named)

    async def _strange(self, rule: Rule) -> str | None:
        """Return why a rule is not about one's own, ``None`` if it is."""
        experiments, devices = rule.scope.experiment, rule.scope.device
        if any(isinstance(leaf, Quiet) and leaf.of != "device" for leaf in leaves(rule.when)):
            return "when: gateways and sources are everybody's: an operator makes rules about them"
        if experiments and self._sight.own.issuperset(experiments):
            return None
        if devices and not experiments:
            try:
                if all([self._sight.owns(await self._sight.device(one)) for one in devices]):
                    return None
            except NotFoundError:
                pass
        mine = ", ".join(sorted(self._sight.own)) or "none so far"
        return f"scope: say experiment, one of yours ({mine}), or devices that are in one"

    async def _check(self, rule: Rule) -> None:
        if strange := await self._strange(rule):
            raise BadRequestError(strange)


class SeenTrials(Trials):
    """Trials of rules about one's own; they count with everybody's."""

    def __init__(self, trials: Trials, rules: SeenRules) -> None:
        self._trials, self._seen = trials, rules

    async def run(self, rule: Rule, start: datetime, end: datetime) -> AsyncGenerator[float | Trial]:
        """Yield how much is done, at last the trial."""
        if problems := await self._seen.problems(rule):
            raise BadRequestError("; ".join(problems))
        async for step in self._trials.run(rule, start, end):
            yield step


class SeenOutbox:
    """``Outbox`` about alarms that are seen; it sends nothing."""

    def __init__(self, outbox: Outbox, alarms: SeenAlarms) -> None:
        self._outbox, self._alarms = outbox, alarms

    async def due(self, now: datetime, limit: int = 100) -> Sequence[Due]:
        """Return nothing: who sends has the whole."""
        del now, limit
        return ()

    async def settle(self, outcomes: Sequence[Outcome], at: datetime) -> None:
        """Refuse: the same."""
        del outcomes, at
        raise BadRequestError(_OPERATORS)

    async def escalate(self, now: datetime) -> int:
        """Refuse: the same."""
        del now
        raise BadRequestError(_OPERATORS)

    async def test(self, channel: str, who: str, at: datetime) -> Notification:
        """Refuse: people are not to be written to by everybody."""
        del channel, who, at
        raise BadRequestError(_OPERATORS)

    async def page(
        self,
        *,
        state: NotificationState | None = None,
        alarm: int | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> Sequence[Notification]:
        """Return notifications of one alarm that is seen; of all it cannot be told whose they are."""
        if alarm is None:
            return ()
        await self._alarms.alarm(alarm)
        return await self._outbox.page(state=state, alarm=alarm, limit=limit, before=before)

    async def counts(self) -> Mapping[str, int]:
        """Return nothing: the same."""
        return {}


_OPERATORS = "that is an operator's: ask one"
