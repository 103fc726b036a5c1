"""Shapes on the wire of alarms, rules, silences and notifications, as ``api.schemas`` has those of all else.

Rules themselves are no shapes: ``model.rule`` reads them, which names the place of a mistake, and describes them.
"""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from api.schemas import Page, Shape, Time, Value, Word
from model.alarm import AlarmState, EventKind, Origin
from model.notification import NotificationState
from model.severity import Severity
from model.weekly import Day

MAX_IDS = 500
MAX_WHO = 100
MAX_EPISODES = 10_000
MAX_TEXT = 2000
MAX_REASON = 500

Who = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_WHO, pattern=r"^[^\x00-\x1f\x7f]*$"),
    Field(examples=["M. Le Gall"]),
]
"""A person's or a program's name."""
OptionalWho = Annotated[
    Who | None, Field(description="Who does it: written down as said. Left out: `X-Penfeld-User`, else `api`")
]
Said = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_TEXT, pattern=r"^[^\x00]*$")]
"""What a person writes: shown as text, never as markup."""

RULE_EXAMPLE: dict[str, Any] = {
    "title": {"en": "Lamp draws too much", "fr": "Lampadaire qui consomme trop"},
    "scope": {"type": ["penfeld_streetlight"], "district": ["Recouvrance"]},
    "when": {"kind": "threshold", "field": "power_w", "above": 150, "clear": 120, "for": "10 min"},
    "severity": "warning",
    "schedule": {"sun": "night"},
    "notify": ["lighting-team"],
}

RULE_MARK = "x-penfeld-rule"
"""Stands where ``api.openapi`` puts the schema of rules."""

RuleBody = Annotated[dict[str, Any], WithJsonSchema({"type": "object", RULE_MARK: True, "examples": [RULE_EXAMPLE]})]
"""A rule, read by ``api.rule_bodies``."""


class AlarmOut(Shape):
    """One episode of one rule on one subject."""

    id: int = Field(examples=[17])
    rule: str = Field(examples=["penfeld_streetlight/power-high"])
    version: str = Field(description="Of the rule, as it was when it found this")
    severity: Severity
    state: AlarmState = Field(description="`withdrawn`: late data proved it wrong; it counts nowhere")
    subject: str = Field(
        description="A device's id, `district:…`, `experiment:…`, `gateway:…`, `source:…` or `all`",
        examples=["70b3d50000000001"],
    )
    device: str | None
    device_type: str | None
    district: str | None
    simulated: bool
    started_at: AwareDatetime = Field(description="Event time: since when it has been so")
    raised_at: AwareDatetime = Field(description="Event time: when it had been so for long enough")
    ended_at: AwareDatetime | None = Field(description="Event time; null: it is still so")
    opened_at: AwareDatetime = Field(description="When Penfeld came to know")
    closed_at: AwareDatetime | None = Field(description="When Penfeld came to know that it was over")
    first_value: Value = None
    last_value: Value = None
    last_at: AwareDatetime | None = Field(description="Event time of `last_value`")
    reason: str = Field(description="Why it ended, where that is not what the data say", examples=["rule_changed"])
    late: bool = Field(description="It was over or long begun when it became known: nobody was told")
    folded_into: int | None = Field(description="The open alarm that explains this one")
    folded: int = Field(description="How many open alarms it explains")
    acknowledged_at: AwareDatetime | None
    acknowledged_by: str | None
    assigned_to: str | None
    silenced_until: AwareDatetime | None = Field(description="Nobody is told until then; null: people are")


class AlarmEventOut(Shape):
    """What happened to an alarm."""

    at: AwareDatetime
    kind: EventKind
    who: str = Field(description='"" for Penfeld itself')
    text: str


class NotificationOut(Shape):
    """A message to people, and what became of it."""

    id: int
    channel: str = Field(examples=["lighting-team"])
    kind: EventKind | None = Field(description="What it tells; null: a test message")
    alarm: int | None
    step: int = Field(description="Of the escalation; 0: the first call")
    state: NotificationState
    created_at: AwareDatetime
    due_at: AwareDatetime = Field(description="It is not sent before")
    attempts: int
    sent_at: AwareDatetime | None
    detail: str = Field(description="What went wrong last, or why it is held back")


class AlarmDetail(AlarmOut):
    """An alarm with all that happened to it and who was told."""

    events: list[AlarmEventOut] = Field(description="The oldest first")
    notifications: list[NotificationOut] = Field(description="The newest first, 100 at most")


class AcknowledgeIn(BaseModel):
    """Which alarms somebody looks after."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Annotated[int, Field(ge=1, le=2**63 - 1)]] = Field(min_length=1, max_length=MAX_IDS, examples=[[17, 18]])
    who: OptionalWho = None
    text: Said = Field(default="", examples=["On my way"])


class AcknowledgeOneIn(BaseModel):
    """That somebody looks after an alarm."""

    model_config = ConfigDict(extra="forbid")

    who: OptionalWho = None
    text: Said = Field(default="", examples=["On my way"])


class CommentIn(BaseModel):
    """What somebody has to say."""

    model_config = ConfigDict(extra="forbid")

    who: OptionalWho = None
    text: Annotated[Said, StringConstraints(min_length=1)] = Field(examples=["The fuse was replaced"])


class AssignIn(BaseModel):
    """Whose an alarm is."""

    model_config = ConfigDict(extra="forbid")

    who: OptionalWho = None
    to: Who | None = Field(description="null: nobody's")


class AcknowledgedOut(Shape):
    """The alarms as they are now."""

    items: list[AlarmOut]


class AnnotationOut(Shape):
    """An alarm as Grafana draws it into a chart."""

    id: int
    time: int = Field(description="Milliseconds since 1970 UTC: since when it was so", examples=[1774764000000])
    timeEnd: int = Field(description="When it was over; of an open one the end that was asked for")  # noqa: N815  Grafana's name
    title: str
    text: str
    tags: list[str] = Field(examples=[["warning", "penfeld_streetlight", "open"]])


class RuleOut(Shape):
    """A rule with where it is from."""

    name: str = Field(examples=["penfeld_streetlight/power-high"])
    version: str = Field(description="Changes whenever what it says does; it is the ETag, too")
    origin: Origin = Field(description="From a device file, from a file that was applied, or from console and API")
    changed_at: AwareDatetime
    changed_by: str
    rule: RuleBody = Field(description="The rule in full")


class RuleSavedOut(RuleOut):
    """A rule that was stored."""

    notes: list["FindingOut"] = Field(description="What whoever writes it should know; it works all the same")


class FindingOut(Shape):
    """What is wrong with one part of a rule, and what to write instead."""

    where: str = Field(examples=["when.of[0].for"])
    problem: str = Field(examples=["'10' is no length of time: write \"10 min\""])


class CheckedOut(Shape):
    """Whether a rule works."""

    works: bool
    problems: list[FindingOut] = Field(description="What keeps it from working")
    notes: list[FindingOut] = Field(description="What whoever writes it should know; it works all the same")


class EpisodeOut(Shape):
    """From when to when a rule would have held."""

    started_at: AwareDatetime
    raised_at: AwareDatetime
    ended_at: AwareDatetime | None
    first_value: Value
    last_value: Value


class SubjectEpisodesOut(Shape):
    """What a rule finds for one subject."""

    subject: str
    episodes: list[EpisodeOut]


class AlternativeOut(Shape):
    """What another limit would have done."""

    limit: float
    alarms: int
    subjects: int


class DayOut(Shape):
    """How many alarms one local day would have had."""

    day: str = Field(examples=["2026-03-01"])
    alarms: int


class TrialIn(BaseModel):
    """A rule to try on the past."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    rule: RuleBody | Word = Field(description="A rule, or the name of one that is stored")
    start: Time | None = Field(default=None, alias="from", description="Left out: 30 days before `to`")
    end: Time | None = Field(default=None, alias="to", description="Left out: now")


class TrialOut(Shape):
    """What a rule would have raised."""

    start: AwareDatetime
    end: AwareDatetime
    readings: int = Field(description="That were read; those that can surely raise nothing may be left out")
    subjects: int = Field(description="That the rule watches")
    alarms: int
    open: int = Field(description="Of these, still going on at the end")
    simulated: int = Field(description="Of these, of simulated devices")
    raised_s: float = Field(description="How long in all, each subject for itself")
    longest_s: float
    by_hour: list[int] = Field(description="24 counts: the local hours in which they would have paged somebody")
    by_day: list[DayOut]
    alternatives: list[AlternativeOut]
    found: list[SubjectEpisodesOut] = Field(description=f"Those with most first; {MAX_EPISODES:,} episodes at most")
    cut: bool = Field(description="Whether there are more episodes than `found` tells")


class AuditOut(Shape):
    """Who changed what."""

    id: int
    at: AwareDatetime
    who: str
    what: str = Field(examples=["rule.changed"])
    target: str
    detail: dict[str, Any]


class WeeklyIn(BaseModel):
    """Hours that come again every week, by the clocks of a place. An end before the start is of the day after."""

    model_config = ConfigDict(extra="forbid")

    days: list[Day] = Field(min_length=1, max_length=7, examples=[["tue"]], description="On which days they begin")
    start: str = Field(max_length=5, examples=["22:00"])
    end: str = Field(max_length=5, examples=["04:00"])
    zone: str = Field(default="Europe/Paris", max_length=64)


class WeeklyOut(Shape):
    """Hours that come again every week."""

    days: list[Day]
    start: str
    end: str
    zone: str


class SilenceIn(BaseModel):
    """Of what nobody is to be told for a while. What is left out fits all; alarms are recorded as ever."""

    model_config = ConfigDict(extra="forbid")

    starts_at: Time | None = Field(default=None, description="Left out: now")
    ends_at: Time
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\x00]*$")] = Field(
        max_length=MAX_REASON, examples=["Cable works in rue de Siam"]
    )
    who: OptionalWho = None
    rule: Word | None = None
    subject: Word | None = Field(default=None, description="A device in any spelling, or `district:…` and so on")
    device_type: Word | None = None
    district: Word | None = None
    everything: bool = Field(default=False, description="That really all is meant, where nothing says which alarms")
    maintenance: bool = Field(default=False, description="Planned work, shown as such")
    weekly: WeeklyIn | None = Field(default=None, description="Only in these hours of every week until it ends")


class SilenceOut(Shape):
    """Of what nobody is told for a while."""

    id: int
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    reason: str
    by: str
    rule: str | None
    subject: str | None
    device_type: str | None
    district: str | None
    maintenance: bool
    weekly: WeeklyOut | None


class ChannelOut(Shape):
    """A way to tell people; secrets of its address are not told."""

    name: str = Field(examples=["lighting-team"])
    kind: str = Field(examples=["mail"])
    target: str = Field(examples=["lighting@example.org"])
    trouble: str = Field(description='Why it last failed; "" if it works')


class WhoIn(BaseModel):
    """Who asks."""

    model_config = ConfigDict(extra="forbid")

    who: OptionalWho = None


class AlarmsOut(Page[AlarmOut]):
    """A page of alarms, the newest first."""
