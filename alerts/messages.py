"""One message to one channel: of one alarm, of many at once, or a test. Pure.

Rules:

1. Of several events of one alarm in one message the last one counts: what is over is told as over, not twice.
2. The worst come first; at most ``NAMED`` are named in words, the document names all of them.
3. ``Message.id`` follows from the notifications alone: the same lines of the outbox give the same id, so whoever gets a
   message again after a crash can see that it is the same.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Literal

import msgspec

from alerts import texts
from alerts.texts import News
from model.alarm import Alarm, EventKind
from model.device import Language, Text
from model.notification import Due, Notification
from model.severity import SEVERITIES, Severity

Tongue = Literal["fr", "en", "both"]
NAMED = 20
BETWEEN = "\n\n" + "─" * 20 + "\n\n"
"""What stands between the two languages."""

_ORDER = (EventKind.OPENED, EventKind.CHANGED, EventKind.ESCALATED, EventKind.CLEARED, EventKind.WITHDRAWN)
_OVER = (EventKind.CLEARED, EventKind.WITHDRAWN)
_TEST = Text(en="Test of the channel {channel}", fr="Essai du canal {channel}")
_TESTED = Text(
    en="Whoever reads this gets Penfeld's alarms for the channel {channel}. Nothing is wrong.",
    fr="Qui lit ceci reçoit les alarmes de Penfeld pour le canal {channel}. Tout va bien.",
)
_COUNTS: Sequence[tuple[tuple[EventKind, ...], Text, Text]] = (
    ((EventKind.OPENED, EventKind.CHANGED), Text(en="alarm", fr="alarme"), Text(en="alarms", fr="alarmes")),
    ((EventKind.ESCALATED,), Text(en="unanswered", fr="sans réponse"), Text(en="unanswered", fr="sans réponse")),
    ((EventKind.CLEARED,), Text(en="over", fr="terminée"), Text(en="over", fr="terminées")),
    ((EventKind.WITHDRAWN,), Text(en="false alarm", fr="fausse alerte"), Text(en="false alarms", fr="fausses alertes")),
)
_CRITICAL = Text(en="{count} critical", fr="dont {count} critique")
_CRITICALS = Text(en="{count} critical", fr="dont {count} critiques")
_MORE = Text(en="… and {count} more", fr="… et {count} de plus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a channel sends. ``thread``: of which alarm it is, where it is of one; ``document``: the same as JSON.

    ``severity``: of the worst that it tells; ``over``: everything in it is over.
    """

    id: str
    at: datetime
    subject: str
    body: str
    severity: Severity
    document: bytes
    over: bool = False
    test: bool = False
    thread: str = ""


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm in the document."""

    notifications: tuple[int, ...]
    event: EventKind
    step: int
    title: str
    text: str
    name: str
    unit: str
    alarm: Alarm


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """What webhooks and MQTT carry. ``type``: ``alarms`` or ``test``."""

    type: str
    id: str
    channel: str
    timestamp: datetime
    severity: Severity
    subject: str
    text: str
    alarms: tuple[_Told, ...] = ()


def message_id(channel: str, notifications: Sequence[Notification]) -> str:
    """Return the id of the message that tells these notifications."""
    parts = (f"{one.id} {one.created_at.timestamp():.6f}" for one in sorted(notifications, key=lambda one: one.id))
    return "penfeld_" + hashlib.sha256("\n".join([channel, *parts]).encode()).hexdigest()[:32]


def message_of_test(notification: Notification, language: Tongue, at: datetime) -> Message:
    """Return a message that says that a channel works."""
    values = {"channel": notification.channel}
    subject = _joined(language, lambda one: texts.filled(_TEST.get(one), values), " / ")
    body = _joined(language, lambda one: texts.filled(_TESTED.get(one), values), BETWEEN)
    number = message_id(notification.channel, [notification])
    document = _Document(
        type="test", id=number, channel=notification.channel, timestamp=at, severity="info", subject=subject, text=body
    )
    return Message(
        id=number, at=at, subject=subject, body=body, severity="info", document=_encoded(document), test=True
    )


def message_of(
    channel: str, dues: Sequence[Due], facts: Mapping[int, texts.Facts], language: Tongue, zone: tzinfo, at: datetime
) -> Message:
    """Return the message that tells these notifications (one at least). ``facts``: alarm -> what is known besides."""
    told = _told(dues, facts)
    news = [one for one, _ in told]
    if len(news) == 1:
        only = news[0]
        subject = _joined(language, lambda one: texts.subject(only, one), " / ")
        body = _joined(language, lambda one: texts.body(only, one, zone), BETWEEN)
    else:
        subject = _joined(language, lambda one: _many_subject(news, one), " / ")
        body = _joined(language, lambda one: _many_body(news, one, zone), BETWEEN)
    number = message_id(channel, [due.notification for due in dues])
    severity: Severity = max((one.alarm.severity for one in news), key=SEVERITIES.index)
    first: Language = "en" if language == "en" else "fr"
    document = _Document(
        type="alarms",
        id=number,
        channel=channel,
        timestamp=at,
        severity=severity,
        subject=subject,
        text=body,
        alarms=tuple(_in_document(one, ids, first, zone) for one, ids in told),
    )
    return Message(
        id=number,
        at=at,
        subject=texts.one_line(subject),
        body=body,
        severity=severity,
        document=_encoded(document),
        over=all(one.kind in _OVER for one in news),
        thread=f"alarm-{news[0].alarm.id}" if len(news) == 1 else "",
    )


def event_of(kind: EventKind | None) -> EventKind:
    """Return what people are told for an event: an alarm that stands by itself again is told as one that opened."""
    return kind if kind in _ORDER else EventKind.OPENED if kind is EventKind.UNFOLDED else EventKind.CHANGED


def _told(dues: Sequence[Due], facts: Mapping[int, texts.Facts]) -> list[tuple[News, tuple[int, ...]]]:
    """Return each alarm once, with the notifications that tell of it; the worst first."""
    lines: dict[int, list[tuple[Due, Alarm]]] = {}
    for due in dues:
        if due.alarm is not None:
            lines.setdefault(due.alarm.id, []).append((due, due.alarm))
    told = []
    for alarm_id, of_it in lines.items():
        due, alarm = max(
            of_it, key=lambda pair: (_ORDER.index(event_of(pair[0].notification.kind)), pair[0].notification.id)
        )
        news = News(
            kind=event_of(due.notification.kind),
            alarm=alarm,
            rule=due.rule,
            facts=facts.get(alarm_id, texts.Facts()),
            step=due.notification.step,
        )
        told.append((news, tuple(sorted(one.notification.id for one, _ in of_it))))
    return sorted(told, key=lambda pair: _rank(pair[0]))


def _rank(news: News) -> tuple[bool, int, bool, datetime, int]:
    """Return what orders alarms: what goes on, the worst, what nobody answered, the oldest."""
    alarm = news.alarm
    severity = -SEVERITIES.index(alarm.severity)
    return news.kind in _OVER, severity, news.kind is not EventKind.ESCALATED, alarm.started_at, alarm.id


def _many_subject(news: Sequence[News], language: Language) -> str:
    parts = []
    for kinds, one, many in _COUNTS:
        count = sum(each.kind in kinds for each in news)
        if count:
            parts.append(f"{count} {(one if count == 1 else many).get(language)}")
    critical = sum(each.alarm.severity == "critical" and each.kind not in _OVER for each in news)
    if critical:
        parts.append(texts.filled((_CRITICAL if critical == 1 else _CRITICALS).get(language), {"count": str(critical)}))
    colon = " :" if language == "fr" else ":"
    return texts.one_line(
        f"{', '.join(parts)}{colon} {texts.title(news[0], language)} – {texts.name_of(news[0], language)}, …"
    )


def _many_body(news: Sequence[News], language: Language, zone: tzinfo) -> str:
    lines = [f"• {texts.line(one, language, zone)}" for one in news[:NAMED]]
    if len(news) > NAMED:
        lines.append(texts.filled(_MORE.get(language), {"count": str(len(news) - NAMED)}))
    return "\n".join(lines)


def _in_document(news: News, notifications: tuple[int, ...], language: Language, zone: tzinfo) -> _Told:
    return _Told(
        notifications=notifications,
        event=news.kind,
        step=news.step,
        title=texts.title(news, language),
        text=texts.sentence(news, language, zone),
        name=texts.name_of(news, language),
        unit=texts.unit_of(news),
        alarm=news.alarm,
    )


def _joined(language: Tongue, say: Callable[[Language], str], between: str) -> str:
    """Return what is said in one language, or in both."""
    return between.join((say("fr"), say("en"))) if language == "both" else say(language)


def _encoded(document: Any) -> bytes:  # noqa: ANN401 -- msgspec's own
    return msgspec.json.encode(document, order="deterministic")
