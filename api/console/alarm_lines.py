"""Alarms as people read them: which come first, what a line of the list says, what of the past belongs to one. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.console.formats import age, clock_time, number, value
from api.console.texts import Words
from model.alarm import Alarm, AlarmEvent, AlarmFilter, AlarmState
from model.alert_ports import Alarms
from model.device import DeviceType, Field
from model.notification import Notification
from model.rule import Group, Leaf, Range, Rule, Threshold, leaves
from model.severity import SEVERITIES, Severity

MOST_OPEN = 100
_BESIDE = timedelta(hours=1)
_PERIODS = 12
_LONGEST = timedelta(days=14)
_OVER = (AlarmState.CLEARED, AlarmState.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which alarms somebody looks at. ``state``: "open", "cleared", "withdrawn", "" for all."""

    state: str = ""
    severity: str = ""
    simulated: str = ""

    @property
    def open(self) -> AlarmFilter | None:
        """The open ones that are meant, without those that another explains; ``None``: none are."""
        if self.state not in {"", AlarmState.OPEN}:
            return None
        return AlarmFilter(state=(AlarmState.OPEN,), severity=self.severities, folded=False, simulated=self._simulated)

    @property
    def over(self) -> AlarmFilter | None:
        """Those of the past that are meant; ``None``: none are."""
        states = tuple(state for state in _OVER if self.state in {"", state})
        if not states:
            return None
        return AlarmFilter(state=states, severity=self.severities, simulated=self._simulated)

    @property
    def severities(self) -> tuple[Severity, ...]:
        """The severities that are meant, none for all."""
        return tuple(one for one in SEVERITIES if one == self.severity)

    @property
    def _simulated(self) -> bool | None:
        return {"exclude": False, "only": True}.get(self.simulated)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLine:
    """What the list says of one alarm. ``href``: its device's page, "" where it is about none."""

    id: int
    severity: Severity
    state: AlarmState
    title: str
    subject: str
    href: str
    about: str
    since: str
    exact: str
    value: str
    marks: tuple[str, ...]
    notes: tuple[str, ...]
    simulated: bool
    acknowledged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What lines are made with. ``name``: of a device by its id, "" where it has none."""

    rules: Mapping[str, Rule]
    types: Mapping[str, DeviceType]
    name: Callable[[str], str]


async def open_ones(alarms: Alarms, wanted: AlarmFilter, most: int = MOST_OPEN) -> tuple[list[Alarm], bool]:
    """Return open alarms in order of their urgency, and whether there are more; the worst are never left out."""
    found: list[Alarm] = []
    more = False
    for severity in reversed(SEVERITIES):
        if wanted.severity and severity not in wanted.severity:
            continue
        if len(found) >= most:
            page = await alarms.page(_of(wanted, severity), limit=1)
            more = more or bool(page.alarms)
            continue
        page = await alarms.page(_of(wanted, severity), limit=most - len(found))
        more = more or page.next_before is not None
        found += page.alarms
    return by_urgency(found), more


def _of(wanted: AlarmFilter, severity: Severity) -> AlarmFilter:
    return AlarmFilter(
        state=wanted.state, severity=(severity,), folded=wanted.folded, simulated=wanted.simulated, rule=wanted.rule
    )


def by_urgency(alarms: Iterable[Alarm]) -> list[Alarm]:
    """Return them as they want to be looked at: unacknowledged first, the worst first, then the newest."""
    return sorted(alarms, key=lambda one: (one.acknowledged_at is not None, -SEVERITIES.index(one.severity), -one.id))


def unacknowledged(counts: Mapping[tuple[str, bool], int]) -> tuple[int, bool]:
    """Return how many open alarms nobody looks after, and whether a critical one is among them."""
    waiting = {severity: count for (severity, acknowledged), count in counts.items() if not acknowledged and count}
    return sum(waiting.values()), "critical" in waiting


def line_of(alarm: Alarm, known: Known, now: datetime, words: Words) -> AlarmLine:
    """Return what the list says of an alarm."""
    name, href = subject_of(alarm, known.name, words)
    field = field_of(alarm, known)
    return AlarmLine(
        id=alarm.id,
        severity=alarm.severity,
        state=alarm.state,
        title=title_of(alarm.rule, known.rules, words),
        subject=name,
        href=href,
        about=" · ".join(filter(None, (alarm.device if alarm.device != name else "", alarm.district))),
        since=when_of(alarm, now, words),
        exact=clock_time(alarm.started_at, words.language),
        value=said_value(alarm.first_value, alarm, known, words, field),
        marks=tuple(_marks(alarm, words)),
        notes=tuple(_notes(alarm, words)),
        simulated=alarm.simulated,
        acknowledged=alarm.acknowledged_at is not None,
    )


def title_of(rule: str, rules: Mapping[str, Rule], words: Words) -> str:
    """Return a rule's title; its name where it is gone."""
    return words.pick(rules[rule].title) if rule in rules else rule


def subject_of(alarm: Alarm, name: Callable[[str], str], words: Words) -> tuple[str, str]:
    """Return what an alarm is about as people call it, and where that has its page ("" for nowhere)."""
    if alarm.device is not None:
        return name(alarm.device) or alarm.device, f"/devices/{alarm.device}"
    return subject_words(alarm.subject, words), ""


def subject_words(subject: str, words: Words) -> str:
    """Return a subject that is no device in words: a district, a gateway, a source, everything."""
    kind, colon, of = subject.partition(":")
    if subject == "all":
        return words("alarm.subject.all")
    if colon and kind in {"district", "experiment", "gateway", "source"}:
        return words(f"alarm.subject.{kind}", name=of)
    return subject


def leaf_of(rule: Rule | None) -> Leaf | None:
    """Return the condition whose value an alarm carries: the first one."""
    return next(leaves(rule.when), None) if rule is not None else None


def field_of(alarm: Alarm, known: Known) -> Field | None:
    """Return the field that an alarm's values are of, ``None`` where that is not known."""
    leaf = leaf_of(known.rules.get(alarm.rule))
    kind = known.types.get(alarm.device_type or "")
    name = getattr(leaf, "field", None)
    return kind.field(name) if kind is not None and name is not None else None


def said_value(of: object, alarm: Alarm, known: Known, words: Words, field: Field | None) -> str:
    """Return a value of an alarm with its unit; "" where it has none."""
    if of is None or not isinstance(of, float | int | bool | str):
        return ""
    leaf = leaf_of(known.rules.get(alarm.rule))
    said = value(of, field, words.language, yes=words("yes"), no=words("no"))
    return f"{said}\u00a0%" if isinstance(leaf, Group) and leaf.measure == "share" else said


def when_of(alarm: Alarm, now: datetime, words: Words) -> str:
    """Return since when it has been so, or when and for how long it was."""
    language = words.language
    if alarm.ended_at is None:
        return words("alarm.since", age=age(now - alarm.started_at, language))
    length = age(alarm.ended_at - alarm.started_at, language)
    return words("alarm.lasted", ago=words("ago", age=age(now - alarm.ended_at, language)), length=length)


def _marks(alarm: Alarm, words: Words) -> Iterable[str]:
    if alarm.state is AlarmState.CLEARED:
        yield words("alarm.state.cleared")
    elif alarm.state is AlarmState.WITHDRAWN:
        yield words("alarm.state.withdrawn")
    if alarm.late:
        yield words("alarm.late")
    if alarm.folded:
        yield words("alarm.folded", count=number(alarm.folded, words.language))


def _notes(alarm: Alarm, words: Words) -> Iterable[str]:
    if alarm.acknowledged_at is not None:
        yield words("alarm.acknowledged_by", who=alarm.acknowledged_by or "–")
    if alarm.assigned_to:
        yield words("alarm.assigned_to", who=alarm.assigned_to)
    if alarm.silenced_until is not None:
        yield words("alarm.silenced_until", time=clock_time(alarm.silenced_until, words.language))
    if alarm.reason:
        yield reason_words(alarm.reason, words)


def reason_words(reason: str, words: Words) -> str:
    """Return why an alarm ended, where the data did not end it."""
    known = {"rule_changed", "rule_removed", "device_left", "late_data"}
    return words(f"alarm.reason.{reason}") if reason in known else reason


def event_words(event: AlarmEvent, words: Words) -> str:
    """Return what happened in words: who did what."""
    return words(f"alarm.event.{event.kind.value}", who=event.who or "Penfeld", text=event.text)


def event_text(event: AlarmEvent, words: Words) -> str:
    """Return what was said with it, "" where that stands in its words already."""
    if event.kind.value == "assigned":
        return ""
    return reason_words(event.text, words) if event.text and not event.who else event.text


def notification_words(of: Notification, words: Words) -> str:
    """Return what became of a message."""
    said = words(f"notification.{of.state.value}")
    parts = [said]
    if of.attempts > 1:
        parts.append(words("notification.attempts", count=of.attempts))
    if of.step:
        parts.append(words("notification.step", step=of.step))
    return ", ".join(parts)


def span_of(alarm: Alarm, now: datetime, period: timedelta) -> tuple[datetime, datetime]:
    """Return from when to when an alarm's chart goes: the episode and as much beside it as shows how it came."""
    end = alarm.ended_at or now
    beside = max(_BESIDE, _PERIODS * period, (end - alarm.started_at) / 2)
    beside = min(beside, _LONGEST)
    last = min(end + beside, now) if alarm.ended_at is not None else now
    return max(alarm.started_at - beside, last - 2 * _LONGEST), max(last, alarm.started_at + timedelta(seconds=1))


def limits_of(leaf: Leaf | None) -> Sequence[float]:
    """Return the limits of a condition that can be drawn over its field's values."""
    if isinstance(leaf, Threshold):
        return [one for one in (leaf.above, leaf.below) if one is not None]
    return [leaf.low, leaf.high] if isinstance(leaf, Range) else []
