"""What a rule tried on the past says: sentences, bars, other limits. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from api.console.conditions import span_words
from api.console.drafts import Draft, plain
from api.console.formats import age, number
from api.console.texts import Words
from model.spans import Span
from model.trial import Alternative, Trial

_WORST = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """An hour of the day. ``share``: its height in percent of the highest."""

    label: str
    count: int
    share: int


def days_of(trial: Trial) -> int:
    """Return how many days were tried."""
    return max(1, round((trial.end - trial.start) / timedelta(days=1)))


def sentence(trial: Trial, words: Words) -> str:
    """Return how many alarms that would have been."""
    language = words.language
    days = number(days_of(trial), language)
    if not trial.alarms:
        return words("trial.none", days=days, devices=number(trial.subjects, language))
    said = words(
        "trial.alarms",
        count=number(trial.alarms, language),
        days=days,
        devices=number(len(trial.found), language),
        all=number(trial.subjects, language),
    )
    parts = [said, words("trial.longest", length=age(timedelta(seconds=trial.longest_s), language))]
    if trial.open:
        parts.append(words("trial.open", count=number(trial.open, language)))
    if trial.simulated:
        parts.append(words("trial.simulated", count=number(trial.simulated, language)))
    return " ".join(parts)


def bars(trial: Trial) -> list[Bar]:
    """Return a bar for each hour of the day."""
    most = max(trial.by_hour, default=0) or 1
    return [Bar(f"{hour:02d}", count, round(100 * count / most)) for hour, count in enumerate(trial.by_hour)]


def worst(trial: Trial) -> list[tuple[str, int]]:
    """Return (subject, alarms) of those with most."""
    counted = [(one.subject, len(one.episodes)) for one in trial.found]
    return sorted(counted, key=lambda pair: -pair[1])[:_WORST]


def taken(draft: Draft, of: Alternative) -> None:
    """Write another limit into the boxes; a value to come back to moves along with it."""
    before = draft.limit
    draft.limit = plain(of.limit)
    if draft.clear.strip():
        try:
            draft.clear = plain(of.limit + float(draft.clear.replace(",", ".")) - float(before.replace(",", ".")))
        except ValueError:
            draft.clear = ""


def lately(trial: Trial, words: Words) -> str:
    """Return what is said before a rule is saved."""
    per_day = number(round(trial.alarms / days_of(trial), 1), words.language)
    span = span_words(Span.of(timedelta(days=days_of(trial))), words)
    return words("trial.before_saving", count=number(trial.alarms, words.language), span=span, per_day=per_day)
