"""A silence while somebody writes it: what stands in the boxes, and the silence that this makes. Pure.

Rules: from now for so many hours, unless a beginning or an end is written; local times are those of the city.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime, timedelta

from api.console.drafts import DraftError, number_of
from api.console.formats import PARIS, clock_time, moment
from api.console.texts import Words
from model.alarm import Silence
from model.said import told
from model.weekly import DAYS, Weekly, comes, problem

_LONGEST_H = 1000.0
_SEASON = timedelta(days=366)
"""So long a silence comes again every week, unless an end is written."""


@dataclass(slots=True, kw_only=True)
class SilenceDraft:
    """What stands in the boxes, as it was written."""

    rule: str = ""
    district: str = ""
    subject: str = ""
    device_type: str = ""
    hours: str = "1"
    starts: str = ""
    ends: str = ""
    days: Sequence[str] = dataclass_field(default_factory=tuple)
    day_start: str = ""
    day_end: str = ""
    maintenance: bool = False
    reason: str = ""


def silence_of(draft: SilenceDraft, who: str, now: datetime) -> Silence:
    """Return the silence that the boxes make; raise ``DraftError`` with the first box that cannot be read."""
    if not draft.reason.strip():
        raise DraftError("reason", "silences.reason.missing")
    starts = _moment(draft.starts, "starts") or now
    weekly = _weekly(draft)
    ends = _moment(draft.ends, "ends")
    if ends is None:
        ends = starts + (_SEASON if weekly is not None else _length(draft.hours))
    if ends <= max(starts, now):
        raise DraftError("ends", "silences.ends.wrong")
    return Silence(
        starts_at=starts,
        ends_at=ends,
        reason=draft.reason.strip(),
        by=who,
        rule=draft.rule or None,
        district=draft.district or None,
        subject=draft.subject.strip() or None,
        device_type=draft.device_type or None,
        maintenance=draft.maintenance,
        weekly=weekly,
    )


def _length(written: str) -> timedelta:
    try:
        found = number_of(written, "hours")
    except DraftError:
        found = None
    if found is None or not 0 < found <= _LONGEST_H:
        raise DraftError("hours", "silences.hours.wrong")
    return timedelta(hours=found)


def _moment(written: str, box: str) -> datetime | None:
    if not written.strip():
        return None
    found = moment(written.strip())
    if found is None:
        raise DraftError(box, "silences.time.wrong")
    return found


def _weekly(draft: SilenceDraft) -> Weekly | None:
    if not (draft.days or draft.day_start or draft.day_end):
        return None
    made = Weekly(
        days=tuple(day for day in DAYS if day in draft.days),
        start=draft.day_start.strip(),
        end=draft.day_end.strip(),
        zone=str(PARIS),
    )
    if wrong := problem(made):
        raise DraftError("weekly", "silences.weekly.wrong", told(ValueError(wrong)))
    return made


def when_of(silence: Silence, now: datetime, words: Words) -> str:
    """Return from when to when a silence holds, and in which hours of the week."""
    language = words.language
    ends = clock_time(silence.ends_at, language)
    if silence.starts_at > now:
        said = words("silences.from_to", start=clock_time(silence.starts_at, language), time=ends)
    else:
        said = words("silences.to", time=ends)
    of = silence.weekly
    if of is None:
        return said
    days = ", ".join(words(f"day.{day}") for day in of.days)
    hours = words("silences.weekly.said", days=days, start=of.start, end=of.end)
    turn = comes(of, max(now, silence.starts_at))
    if silence.until(now) is not None:
        following = words("silences.weekly.now")
    elif turn is not None and turn[0] < silence.ends_at:
        following = words("silences.weekly.next", time=clock_time(turn[0], language))
    else:
        following = ""
    return " · ".join(filter(None, (hours, following, said)))
