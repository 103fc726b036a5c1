"""What an alarm says to people, in French and English. Pure.

Rules:

1. A rule's text has placeholders in braces, of the closed list ``PLACEHOLDERS``; ``{{`` and ``}}`` are braces. They are
   replaced in one pass: what a device is called is never read as a placeholder, nor as anything else.
2. What comes from outside (names, texts of rules, values) is cleaned: no control characters, no marks that turn the
   direction of writing around. ``one_line`` is what may stand in a subject.
3. Times are those of the city; numbers are written as each language writes them.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from difflib import get_close_matches

from model.alarm import Alarm, AlarmState, EventKind
from model.device import Field, Language, Text
from model.numbers import number, unit
from model.rule import Geofence, Group, Is, Leaf, Range, Rate, Rule, Silence, Stuck, Threshold, Usual, leaves
from model.said import Said
from model.severity import Severity
from model.spans import Span
from model.value import Value

NOTHING = "–"
SUBJECT_CHARACTERS = 200

PLACEHOLDERS: Mapping[str, Text] = {
    "device": Text(en="the device's id, or what else the alarm is about", fr="l’identifiant du capteur, ou de l’objet"),
    "name": Text(en="the device's name", fr="le nom du capteur"),
    "district": Text(en="its district", fr="son quartier"),
    "value": Text(en="the newest value of the alarm", fr="la dernière valeur de l’alarme"),
    "unit": Text(en="its unit", fr="son unité"),
    "limit": Text(en="the limit of the rule", fr="la limite de la règle"),
    "since": Text(en="since when it has been so, local time", fr="depuis quand, heure locale"),
    "rule": Text(en="the rule's title", fr="le titre de la règle"),
    "severity": Text(en="how bad it is", fr="la gravité"),
}
"""What may stand in braces in a rule's text, and what takes its place."""

SEVERITY_WORDS: Mapping[Severity, Text] = {
    "critical": Text(en="critical", fr="critique"),
    "warning": Text(en="warning", fr="avertissement"),
    "info": Text(en="information", fr="information"),
}

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")

_KINDS: Mapping[str, Text] = {
    "gateway": Text(en="gateway", fr="passerelle"),
    "source": Text(en="source", fr="source"),
    "district": Text(en="district", fr="quartier"),
    "experiment": Text(en="experiment", fr="expérimentation"),
}
_EVERYWHERE = Text(en="the whole city", fr="toute la ville")
_HEADINGS: Mapping[EventKind, Text] = {
    EventKind.CLEARED: Text(en="Over", fr="Terminé"),
    EventKind.WITHDRAWN: Text(en="No alarm after all", fr="Fausse alerte"),
    EventKind.ESCALATED: Text(en="Nobody has answered", fr="Sans réponse"),
    EventKind.CHANGED: Text(en="Changed", fr="Modifié"),
}
_VALUED = Text(en="{name}: {value} {unit}, limit {limit}.", fr="{name} : {value} {unit}, limite {limit}.")
_SILENT = Text(en="{name}: nothing has come since {since}.", fr="{name} : plus rien depuis le {since}.")
_PLAIN = Text(en="{name}: {rule}.", fr="{name} : {rule}.")
_WITHDRAWN = Text(
    en="Data that came late shows that this was no alarm; nothing has to be done.",
    fr="Des données arrivées en retard montrent que ce n’était pas une alarme ; il n’y a rien à faire.",
)
_REASONS: Mapping[str, Text] = {
    "rule_changed": Text(en="the rule was changed", fr="la règle a été modifiée"),
    "rule_removed": Text(en="the rule was removed", fr="la règle a été supprimée"),
    "device_left": Text(en="the device left", fr="le capteur a été retiré"),
    "late_data": Text(en="data that came late", fr="des données arrivées en retard"),
}
_SIMULATED = Text(en="This device is simulated.", fr="Ce capteur est simulé.")
_LABELS: Mapping[str, Text] = {
    "rule": Text(en="Rule", fr="Règle"),
    "severity": Text(en="Severity", fr="Gravité"),
    "about": Text(en="About", fr="Objet"),
    "district": Text(en="District", fr="Quartier"),
    "value": Text(en="Value", fr="Valeur"),
    "limit": Text(en="limit", fr="limite"),
    "since": Text(en="Since", fr="Depuis"),
    "until": Text(en="Until", fr="Jusqu’à"),
    "why": Text(en="Ended because", fr="Fin, car"),
    "folded": Text(en="Alarms that this explains", fr="Alarmes que cela explique"),
    "number": Text(en="Alarm", fr="Alarme"),
}
_COLON = {"en": ":", "fr": "\u00a0:"}
_YES_NO = {"en": ("no", "yes"), "fr": ("non", "oui")}
_AGES = {"en": ("d", "h", "min", "s"), "fr": ("j", "h", "min", "s")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an alarm does not say of itself: the device's ``name``, and the field that the rule is about."""

    name: str = ""
    field: Field | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is told of one alarm. ``kind``: what happened; ``step``: of the escalation."""

    kind: EventKind
    alarm: Alarm
    rule: Rule | None
    facts: Facts = Facts()
    step: int = 0

    @property
    def leaf(self) -> Leaf | None:
        """The condition that value and limit are of: the first one that names a field, else the first."""
        if self.rule is None:
            return None
        found = list(leaves(self.rule.when))
        return next((leaf for leaf in found if getattr(leaf, "field", None)), found[0] if found else None)


def field_of(rule: Rule) -> str | None:
    """Return the field that a rule's value is of, ``None`` if it is of none."""
    return next((leaf.field for leaf in leaves(rule.when) if not isinstance(leaf, Geofence) and leaf.field), None)


def placeholders_of(text: str) -> tuple[str, ...]:
    """Return what stands in braces in a text, in order."""
    return tuple(part for part, _ in _in_braces(text) if part is not None)


def problems(text: Text | None) -> tuple[Said, ...]:
    """Return what is wrong with a rule's text, each with what would be right."""
    found = []
    for language, said in (("en", text.en), ("fr", text.fr)) if text is not None else ():
        for part, sign in _in_braces(said):
            if part is None:
                wrong = Said(
                    f"a single {sign} stands at no placeholder; write {sign}{sign} for a brace",
                    f"un {sign} seul n’est à aucun emplacement ; écrivez {sign}{sign} pour une accolade",
                )
                found.append(wrong.at(f"text.{language}"))
            elif part not in PLACEHOLDERS:
                near = get_close_matches(part, PLACEHOLDERS, 1)
                hint = f"did you mean {{{near[0]}}}?" if near else f"there are {_known()}"
                french = f"vouliez-vous dire {{{near[0]}}} ?" if near else f"il y a {_known()}"
                said_part = one_line(part, 40)
                wrong = Said(
                    f"{{{said_part}}} is no placeholder; {hint}", f"{{{said_part}}} n’est pas un emplacement ; {french}"
                )
                found.append(wrong.at(f"text.{language}"))
    return tuple(found)


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its placeholders replaced; what is unknown stays as it is."""

    def replaced(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        return values.get(match[1], match[0]) if match[1] is not None else match[0]

    return _PART.sub(replaced, text)


def one_line(text: str, limit: int = SUBJECT_CHARACTERS) -> str:
    """Return a text from outside as one line of printable characters, with an ellipsis where it is too long."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def clean(text: str) -> str:
    """Return a text without control characters, but for ends of lines, and without marks that turn its direction."""
    return "".join(
        sign if sign == "\n" or sign.isprintable() or unicodedata.category(sign) == "Zs" else " "
        for sign in text.replace("\r\n", "\n")
    )


def moment(at: datetime, language: Language, zone: tzinfo) -> str:
    """Return a time as the city's clocks showed it, with the zone's short name."""
    form = "%d/%m/%Y %H:%M %Z" if language == "fr" else "%Y-%m-%d %H:%M %Z"
    return at.astimezone(zone).strftime(form)


def duration(length: timedelta, language: Language) -> str:
    """Return a length of time in its two largest units."""
    seconds = max(0, int(length.total_seconds()))
    parts = []
    for size, name in zip((86_400, 3_600, 60, 1), _AGES[language], strict=True):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
        elif parts:
            break
    return " ".join(parts[:2]) or f"0 {_AGES[language][3]}"


def span(of: Span, language: Language) -> str:
    """Return a length of time as a rule says it."""
    text = str(of)
    if language == "fr":
        for english, french in ((" weeks", " semaines"), (" week", " semaine"), (" d", " j")):
            text = text.replace(english, french) if text.endswith(english) else text
    return text


def value(of: Value, language: Language) -> str:
    """Return a value without its unit."""
    if of is None:
        return NOTHING
    if isinstance(of, bool):
        return _YES_NO[language][of]
    if isinstance(of, str):
        return one_line(of)
    return number(of, language)


def name_of(news: News, language: Language) -> str:
    """Return what people call what an alarm is about."""
    return one_line(news.facts.name) or about(news.alarm, language)


def about(alarm: Alarm, language: Language) -> str:
    """Return what an alarm is about: a device's id, or "gateway …", "district …", "the whole city"."""
    kind, colon, rest = alarm.subject.partition(":")
    if alarm.device is not None:
        return one_line(alarm.device)
    if colon and kind in _KINDS:
        return one_line(f"{_KINDS[kind].get(language)} {rest}")
    return _EVERYWHERE.get(language) if alarm.subject == "all" else one_line(alarm.subject)


def title(news: News, language: Language) -> str:
    """Return the rule's title, its name where the rule is gone."""
    return one_line(news.rule.title.get(language) if news.rule is not None else news.alarm.rule)


def limit(of: Leaf | None, language: Language) -> str:
    """Return the limit that a condition has, without its unit; of those that have none, what comes nearest."""
    if isinstance(of, Range):
        return f"{number(of.low, language)} – {number(of.high, language)}"
    if isinstance(of, Is):
        return ", ".join(value(one, language) for one in of.values)
    if isinstance(of, Silence):
        return span(of.after, language) if of.after is not None else f"{number(of.times, language)} ×"
    if isinstance(of, Stuck):
        return span(of.for_, language) if of.for_ is not None else NOTHING
    if isinstance(of, Geofence):
        return f"{number(of.circle.radius_m, language)} m" if of.circle is not None else NOTHING
    if isinstance(of, Usual) and of.beyond_percent is not None:
        return f"{number(of.beyond_percent, language)} %"
    numbers = _numbers(of)
    return f" {'ou' if language == 'fr' else 'or'} ".join(number(one, language) for one in numbers) or NOTHING


def unit_of(news: News) -> str:
    """Return the unit of an alarm's value as people write it, "" if it has none."""
    leaf = news.leaf
    if isinstance(leaf, Group) and leaf.measure in ("count", "share"):
        return "%" if leaf.measure == "share" else ""
    if news.facts.field is not None:
        return unit(news.facts.field.unit)
    said = leaf.unit if isinstance(leaf, Threshold | Range | Rate) else None
    return one_line(unit(said), 20) if said else ""


def values_of(news: News, language: Language, zone: tzinfo) -> Mapping[str, str]:
    """Return placeholder -> what takes its place."""
    alarm = news.alarm
    return {
        "device": about(alarm, language),
        "name": name_of(news, language),
        "district": one_line(alarm.district or NOTHING),
        "value": value(alarm.last_value, language),
        "unit": unit_of(news),
        "limit": limit(news.leaf, language),
        "since": moment(alarm.started_at, language, zone),
        "rule": title(news, language),
        "severity": SEVERITY_WORDS[alarm.severity].get(language),
    }


def subject(news: News, language: Language) -> str:
    """Return one line that says what happened, how bad it is, to whom."""
    word = SEVERITY_WORDS[news.alarm.severity].get(language)
    heading = _HEADINGS.get(news.kind)
    colon = _COLON[language]
    if heading is None:
        start = word.capitalize()
    elif news.kind is EventKind.ESCALATED:
        start = f"{heading.get(language)} ({news.step}), {word}" if news.step else f"{heading.get(language)}, {word}"
    else:
        start = heading.get(language)
    return one_line(f"{start}{colon} {title(news, language)} – {name_of(news, language)}")


def sentence(news: News, language: Language, zone: tzinfo) -> str:
    """Return what the rule says about it, in its own words where it has some."""
    rule, leaf = news.rule, news.leaf
    text = rule.text if rule is not None else None
    if text is None:
        if isinstance(leaf, Silence):
            text = _SILENT
        else:
            text = _VALUED if news.alarm.last_value is not None and limit(leaf, language) != NOTHING else _PLAIN
    said = filled(clean(text.get(language)), values_of(news, language, zone))
    return re.sub(r"[ \t]+(?=[,.\n]|$)", "", said).strip()  # where there is no unit, no gap


def body(news: News, language: Language, zone: tzinfo) -> str:
    """Return all that there is to say of one alarm."""
    said = _WITHDRAWN.get(language) if news.kind is EventKind.WITHDRAWN else ""
    lines = [line for line in (sentence(news, language, zone), said) if line]
    if news.alarm.simulated:
        lines.append(_SIMULATED.get(language))
    colon = _COLON[language]
    details = [f"{_LABELS[key].get(language)}{colon} {text}" for key, text in _details(news, language, zone)]
    return "\n".join([*lines, "", *details])


def line(news: News, language: Language, zone: tzinfo) -> str:
    """Return an alarm in one line, as one of many."""
    alarm = news.alarm
    text = subject(news, language)
    if alarm.last_value is not None:
        text += f", {value(alarm.last_value, language)} {unit_of(news)}".rstrip()
    when = _LABELS["since"].get(language).lower()
    return f"{text} ({when} {moment(alarm.started_at, language, zone)})"


def _details(news: News, language: Language, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """Yield what stands in the lines below: label and text."""
    alarm = news.alarm
    name, device = name_of(news, language), about(alarm, language)
    yield "about", name if name == device else f"{name} ({device})"
    if alarm.district:
        yield "district", one_line(alarm.district)
    if alarm.last_value is not None:
        said = f"{value(alarm.last_value, language)} {unit_of(news)}".rstrip()
        bound = limit(news.leaf, language)
        yield "value", said if bound == NOTHING else f"{said} ({_LABELS['limit'].get(language)} {bound})"
    yield "since", moment(alarm.started_at, language, zone)
    if alarm.ended_at is not None and alarm.state is not AlarmState.OPEN:
        length = duration(alarm.ended_at - alarm.started_at, language)
        yield "until", f"{moment(alarm.ended_at, language, zone)} ({length})"
    if alarm.reason in _REASONS and news.kind is not EventKind.WITHDRAWN:
        yield "why", _REASONS[alarm.reason].get(language)
    if alarm.folded:
        yield "folded", str(alarm.folded)
    yield "severity", SEVERITY_WORDS[alarm.severity].get(language)
    yield "rule", f"{title(news, language)} ({one_line(alarm.rule)})"
    yield "number", str(alarm.id)


def _numbers(of: Leaf | None) -> tuple[float, ...]:
    """Return the limits of a condition that has numbers for limits."""
    both = (getattr(of, key, None) for key in ("below", "above", "beyond"))
    return tuple(one for one in both if one is not None)


def _in_braces(text: str) -> Iterator[tuple[str | None, str]]:
    """Yield (what stands in braces, "") and, for a brace that stands alone, (``None``, the brace)."""
    for match in _PART.finditer(text):
        if match[1] is not None:
            yield match[1], ""
        elif len(match[0]) == 1:
            yield None, match[0]


def _known() -> str:
    return ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
