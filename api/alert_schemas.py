"""Shapes on the wire of alert rules, alarms and messages: Pydantic, as ``api.schemas``.

A rule itself is read and written as ``model.rule`` says it; here it is an object whose parts docs/rules.md explains.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from api.schemas import Page, Shape, Time, Value, Word
from model.alarm import AlarmState, EventKind
from model.notification import NotificationState

RuleIn = Annotated[
    dict[str, Any],
    Field(
        description="A rule: name, title, when, scope, severity, schedule, notify and so on, as in docs/rules.md.",
        examples=[
            {
                "name": "lamp/hot",
                "title": {"en": "Lamp too hot", "fr": "Lampe trop chaude"},
                "scope": {"type": ["penfeld_streetlight"]},
                "when": {"kind": "threshold", "field": "driver_temperature_c", "above": 75, "clear": 65},
                "severity": "warning",
            }
        ],
    ),
]
Who = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00\n\r]*$")]
Said = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
Severity = Literal["info", "warning", "critical"]


class AlarmOut(Shape):
    """An alarm. Times started, raised, ended: of the data; opened, closed: when it became known."""

    id: int
    rule: str
    version: str = Field(description="Of the rule, as it was")
    severity: Severity
    state: AlarmState = Field(description="`withdrawn`: late data showed that it was none")
    subject: str = Field(description="A device's id, or `district:…`, `gateway:…`, `source:…`, `all`")
    device: str | None
    device_type: str | None
    district: str | None
    simulated: bool
    started_at: Time
    raised_at: Time
    ended_at: Time | None
    opened_at: Time
    closed_at: Time | None
    first_value: Value = None
    last_value: Value = None
    last_at: Time | None = None
    reason: str = Field(default="", description="Why it ended, where the data did not end it")
    late: bool = Field(default=False, description="It was over when it became known: nobody was told")
    folded_into: int | None = Field(default=None, description="The alarm that explains this one")
    folded: int = Field(default=0, description="How many open alarms it explains")
    acknowledged_at: Time | None = None
    acknowledged_by: str | None = None
    assigned_to: str | None = None
    silenced_until: Time | None = None


class AlarmEventOut(Shape):
    """What happened to an alarm; `who` is empty where Penfeld did it."""

    at: Time
    kind: EventKind
    who: str = ""
    text: str = ""


class NotificationOut(Shape):
    """A message to people."""

    id: int
    channel: str
    kind: EventKind | None = Field(description="null: a test message")
    alarm: int | None
    step: int = Field(description="Of the escalation; 0: the first call")
    state: NotificationState
    created_at: Time
    due_at: Time
    attempts: int
    sent_at: Time | None
    detail: str


class AlarmDetailOut(AlarmOut):
    """An alarm with its history."""

    events: list[AlarmEventOut]
    notifications: list[NotificationOut]


class AcknowledgeIn(Shape):
    """Which alarms somebody looks after."""

    ids: Annotated[list[int], Field(min_length=1, max_length=1000)]
    who: Who = "api"
    text: Said = ""


class RemarkIn(Shape):
    """What somebody says of an alarm."""

    who: Who = "api"
    text: Said = ""


class CommentIn(Shape):
    """What somebody says of an alarm."""

    who: Who = "api"
    text: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]


class AssignIn(Shape):
    """Whose an alarm is; null: nobody's."""

    who: Who = "api"
    to: Who | None


class AnnotationOut(Shape):
    """An alarm as Grafana's annotations: milliseconds since 1970."""

    time: int
    timeEnd: int  # noqa: N815 -- Grafana's name
    title: str
    text: str
    tags: list[str]


class SilenceIn(Shape):
    """Nobody is told of alarms that fit; what is left out fits all."""

    starts_at: Time | None = Field(default=None, description="Now, where it is left out")
    ends_at: Time
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
    by: Who = "api"
    rule: Word | None = None
    subject: Word | None = None
    device_type: Word | None = None
    district: Word | None = None
    maintenance: bool = False


class SilenceOut(Shape):
    """A silence."""

    id: int
    starts_at: Time
    ends_at: Time
    reason: str
    by: str
    rule: str | None
    subject: str | None
    device_type: str | None
    district: str | None
    maintenance: bool


class StoredRuleOut(Shape):
    """A rule with where it is from. `version` is its ETag."""

    rule: dict[str, Any]
    version: str
    origin: Literal["device", "file", "console"]
    changed_at: Time
    changed_by: str


class CheckOut(Shape):
    """Whether a rule works: without problems it does. Notes stop nothing."""

    problems: list[str]
    notes: list[str]


class TestIn(Shape):
    """A rule to try on the past."""

    rule: RuleIn
    start: Annotated[Time, Field(alias="from")]
    end: Annotated[Time, Field(alias="to")]


class EpisodeOut(Shape):
    """From when to when; `end` null: it still goes on at the end."""

    start: Time
    raised: Time
    end: Time | None
    first: Value


class SubjectOut(Shape):
    """What a rule finds for one subject."""

    subject: str
    episodes: list[EpisodeOut]


class AlternativeOut(Shape):
    """What another limit would have done."""

    limit: float
    alarms: int
    subjects: int


class TrialOut(Shape):
    """What a rule would have raised."""

    start: Time
    end: Time
    readings: int = Field(description="How many were read; those that can surely raise nothing may be left out")
    subjects: int
    alarms: int
    open: int
    raised_s: float
    longest_s: float
    by_hour: list[int] = Field(description="24 counts: the local hours in which they would have paged somebody")
    by_day: list[tuple[str, int]]
    found: list[SubjectOut]
    alternatives: list[AlternativeOut]
    simulated: int


class AuditOut(Shape):
    """Who changed what, when."""

    id: int
    at: Time
    who: str
    what: str
    target: str
    detail: dict[str, Any]


class ChannelOut(Shape):
    """A way to tell people. `trouble`: why its last message did not go."""

    name: str
    kind: str
    target: str
    trouble: str


AlarmPageOut = Page[AlarmOut]
