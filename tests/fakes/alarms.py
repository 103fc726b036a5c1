"""``model.alert_ports.Alarms`` in memory."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from model.alarm import Alarm, AlarmEvent, AlarmFilter, AlarmPage, AlarmState, EventKind, Silence
from model.errors import BadRequestError, NotFoundError
from model.weekly import problem


class Alarms:
    """Alarms in a dictionary; ``add`` puts one in."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.alarms: dict[int, Alarm] = {}
        self.happened: dict[int, list[AlarmEvent]] = {}
        self.silence_list: dict[int, Silence] = {}
        self._clock = clock

    def add(self, alarm: Alarm) -> None:
        """Put an alarm in."""
        self.alarms[alarm.id] = alarm
        self.happened[alarm.id] = [AlarmEvent(at=alarm.opened_at, kind=EventKind.OPENED)]

    async def page(self, wanted: AlarmFilter, *, limit: int = 100, before: int | None = None) -> AlarmPage:
        """Return alarms, the newest first."""
        some = [
            one
            for number, one in sorted(self.alarms.items(), reverse=True)
            if (before is None or number < before) and _fits(one, wanted)
        ]
        page = some[:limit]
        return AlarmPage(alarms=page, next_before=page[-1].id if len(some) > limit else None)

    async def counts(self) -> Mapping[tuple[str, bool], int]:
        """Return open alarms by severity and whether they are acknowledged."""
        found: dict[tuple[str, bool], int] = {}
        for one in self.alarms.values():
            if one.state is AlarmState.OPEN and one.folded_into is None and not one.simulated:
                key = (one.severity, one.acknowledged_at is not None)
                found[key] = found.get(key, 0) + 1
        return found

    async def alarm(self, alarm_id: int) -> Alarm:
        """Return one alarm."""
        if alarm_id not in self.alarms:
            raise NotFoundError(f"there is no alarm {alarm_id}")
        return self.alarms[alarm_id]

    async def events(self, alarm_id: int) -> Sequence[AlarmEvent]:
        """Return what happened to it."""
        await self.alarm(alarm_id)
        return list(self.happened[alarm_id])

    async def acknowledge(self, alarm_ids: Sequence[int], who: str, text: str = "") -> Sequence[Alarm]:
        """Note that somebody looks after them."""
        for number in alarm_ids:
            alarm = await self.alarm(number)
            if alarm.acknowledged_at is None:
                self.alarms[number] = replace(alarm, acknowledged_at=self._clock(), acknowledged_by=who)
                self._note(number, EventKind.ACKNOWLEDGED, who, text)
        return [self.alarms[number] for number in sorted(alarm_ids, reverse=True)]

    async def comment(self, alarm_id: int, who: str, text: str) -> Alarm:
        """Note what somebody says."""
        alarm = await self.alarm(alarm_id)
        self._note(alarm_id, EventKind.COMMENTED, who, text)
        return alarm

    async def assign(self, alarm_id: int, who: str, to: str | None) -> Alarm:
        """Note whose it is."""
        self.alarms[alarm_id] = replace(await self.alarm(alarm_id), assigned_to=to)
        self._note(alarm_id, EventKind.ASSIGNED, who, to or "")
        return self.alarms[alarm_id]

    async def silences(self, *, ended: bool = False) -> Sequence[Silence]:
        """Return silences, the newest first."""
        some = sorted(self.silence_list.values(), key=lambda one: -one.id)
        return [one for one in some if ended or one.ends_at > self._clock()]

    async def silence(self, silence: Silence) -> Silence:
        """Store a silence."""
        if silence.ends_at <= silence.starts_at:
            raise BadRequestError("ends_at: a silence ends after it starts")
        if silence.weekly is not None and (wrong := problem(silence.weekly)):
            raise BadRequestError(wrong)
        stored = replace(silence, id=len(self.silence_list) + 1)
        self.silence_list[stored.id] = stored
        return stored

    async def unsilence(self, silence_id: int, who: str) -> None:
        """End a silence."""
        del who
        if silence_id not in self.silence_list:
            raise NotFoundError(f"there is no silence {silence_id}")
        self.silence_list[silence_id] = replace(self.silence_list[silence_id], ends_at=self._clock())

    def _note(self, number: int, kind: EventKind, who: str, text: str) -> None:
        self.happened[number].append(AlarmEvent(at=self._clock(), kind=kind, who=who, text=text))


def _fits(one: Alarm, wanted: AlarmFilter) -> bool:
    return all(
        (
            not wanted.state or one.state in wanted.state,
            not wanted.severity or one.severity in wanted.severity,
            wanted.rule in (None, one.rule),
            wanted.subject in (None, one.subject),
            wanted.device_type in (None, one.device_type),
            wanted.district in (None, one.district),
            wanted.devices is None or one.device in wanted.devices,
            wanted.acknowledged in (None, one.acknowledged_at is not None),
            wanted.folded in (None, one.folded_into is not None),
            wanted.simulated in (None, one.simulated),
            wanted.end is None or one.raised_at < wanted.end,
            wanted.start is None or one.ended_at is None or one.ended_at >= wanted.start,
        )
    )
