"""A rule while somebody writes it: what stands in the boxes of the editor, and the rule that this makes. Pure.

Rules:

1. All that a rule can say has a box; a condition without boxes of its own (joined ones, a geofence, a measure over a
   group) is written as in a rule file.
2. What nobody changes stays as it was to the last digit, also where a box shows it shorter.
3. What cannot be read names its box.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any, Literal, cast

import msgspec

from api.console.conditions import field_of
from api.console.formats import number, unit
from api.console.texts import Words
from decoders.rule_lines import shortened, value_lines
from model.device import DeviceType, Field, Kind, Text
from model.rule import (
    Condition,
    Escalation,
    Is,
    Range,
    Rate,
    Rule,
    Schedule,
    Scope,
    Silence,
    Stuck,
    Threshold,
)
from model.rule import plain as plain_rule
from model.rule_text import rule_from
from model.said import Said, told
from model.severity import Severity
from model.spans import Span

Sort = Literal["threshold", "range", "is", "rate", "stuck", "silence", "written"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SORTS: tuple[Sort, ...] = ("threshold", "range", "is", "rate", "stuck", "silence", "written")
SEVERAL = "*"
"""In the box of the device type: several, as they were written."""
_CLASSES: Mapping[type, Sort] = {
    Threshold: "threshold", Range: "range", Is: "is", Rate: "rate", Stuck: "stuck", Silence: "silence",
}  # fmt: skip
_MEANINGFUL = frozenset({"float", "int"})
_NAME = re.compile(r"[^a-z0-9_.\-/]+")
_TOO_DEEP = Said("is nested far too deep; write fewer levels", "est trop imbriqué ; écrivez moins de niveaux")
_NO_TITLE: Mapping[str, str] = {"en": "-", "fr": "-"}


class DraftError(ValueError):
    """A box that cannot be read. ``box``: which; ``key``: the text that says what it wants, with ``detail``."""

    def __init__(self, box: str, key: str, detail: str = "") -> None:
        super().__init__(f"{box}: {detail or key}")
        self.box, self.key, self.detail = box, key, detail


@dataclass(slots=True)
class Step:
    """One step of the escalation: after how long, and who hears of it then."""

    after: str = ""
    notify: list[str] = dataclass_field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Draft:
    """What stands in the boxes. Numbers and lengths of time are as they were written.

    ``base``: the rule that is changed, ``None`` for a new one; ``written``: a condition as a rule file says it.
    ``named``, ``titled``: somebody wrote name or titles, which follow the condition otherwise.
    """

    base: Rule | None = None
    type: str = ""
    devices: str = ""
    districts: list[str] = dataclass_field(default_factory=list)
    experiments: str = ""
    networks: str = ""
    tags: str = ""
    field: str = ""
    sort: Sort = "threshold"
    side: Literal["above", "below", "beyond"] = "above"
    limit: str = ""
    clear: str = ""
    low: str = ""
    high: str = ""
    margin: str = ""
    values: str = ""
    per: str = "1 h"
    tolerance: str = ""
    of: Literal["device", "gateway", "source"] = "device"
    after: str = ""
    times: str = ""
    by: Literal["cadence", "period"] = "cadence"
    written: str = ""
    for_: str = ""
    repeat: str = "1"
    clear_for: str = ""
    hold: str = ""
    flagged: bool = False
    sun: Literal["", "day", "night"] = ""
    start: str = ""
    end: str = ""
    days: list[str] = dataclass_field(default_factory=list)
    severity: Severity = "warning"
    notify: list[str] = dataclass_field(default_factory=list)
    steps: list[Step] = dataclass_field(default_factory=list)
    simulated: bool = False
    enabled: bool = True
    name: str = ""
    title_en: str = ""
    title_fr: str = ""
    text_en: str = ""
    text_fr: str = ""
    named: bool = False
    titled: bool = False


def draft_of(rule: Rule) -> Draft:
    """Return what stands in the boxes for a rule."""
    scope, of = rule.scope, rule.when
    draft = Draft(
        base=rule,
        type=SEVERAL if len(scope.type) > 1 else next(iter(scope.type), ""),
        devices=", ".join(scope.device),
        districts=list(scope.district),
        experiments=", ".join(scope.experiment),
        networks=", ".join(scope.network),
        tags=", ".join(f"{name} = {said}" for name, said in scope.tags.items()),
        sort=_CLASSES.get(type(of), "written"),
        severity=rule.severity,
        notify=list(rule.notify),
        steps=[Step(str(step.after), list(step.notify)) for step in rule.escalate],
        simulated=rule.simulated,
        enabled=rule.enabled,
        name=rule.name,
        title_en=rule.title.en,
        title_fr=rule.title.fr,
        text_en=rule.text.en if rule.text is not None else "",
        text_fr=rule.text.fr if rule.text is not None else "",
        named=True,
        titled=True,
    )
    if draft.sort == "written":
        draft.written = condition_text(rule)
    else:
        _fill(draft, of)
    _fill_schedule(draft, rule.schedule)
    return draft


def condition_text(rule: Rule) -> str:
    """Return the condition of a rule as a rule file says it."""
    return value_lines(shortened(plain_rule(rule)["when"]))


def _fill(draft: Draft, of: Condition) -> None:
    draft.field = getattr(of, "field", None) or ""
    for side in ("above", "below", "beyond"):
        limit: float | None = getattr(of, side, None)
        if limit is not None:
            draft.side, draft.limit = side, plain(limit)
    for name in ("clear", "low", "high", "margin", "tolerance", "times"):
        said: float | None = getattr(of, name, None)
        if said is not None:
            setattr(draft, name, plain(said))
    for name in ("after", "per", "for_", "clear_for", "hold"):
        span: Span | None = getattr(of, name, None)
        if span is not None:
            setattr(draft, name, str(span))
    draft.repeat = str(getattr(of, "repeat", 1))
    draft.flagged = bool(getattr(of, "flagged", False))
    if isinstance(of, Is):
        draft.values = ", ".join(_word(one) for one in of.values)
    elif isinstance(of, Silence):
        draft.of, draft.by = of.of, of.by


def _fill_schedule(draft: Draft, of: Schedule | None) -> None:
    if of is None:
        return
    draft.sun = of.sun or ""
    draft.start, draft.end = (_clock(text or "") for text in (of.start, of.end))
    draft.days = list(of.days)


def _clock(text: str) -> str:
    """Return an hour as the browser's box takes it: 7:30 is 07:30."""
    return f"0{text}" if re.fullmatch(r"[0-9]:[0-9]{2}", text) else text


def plain(of: float) -> str:
    """Return a number as one writes it into a box."""
    return f"{of:.10g}"


def _word(of: object) -> str:
    return ("true" if of else "false") if isinstance(of, bool) else str(of)


def sorts_of(of: Field | None) -> tuple[Sort, ...]:
    """Return the kinds of condition that make sense for a field; of no field, only silence does."""
    if of is None:
        return ("silence", "written")
    return SORTS if of.kind.value in _MEANINGFUL else ("is", "stuck", "silence", "written")


_BOXES: Mapping[str, tuple[str, ...]] = {
    "name": ("name",),
    "title": ("title_en", "title_fr"),
    "when": (
        "sort", "field", "side", "limit", "clear", "low", "high", "margin", "values", "per", "tolerance", "of", "after",
        "times", "by", "written", "for_", "repeat", "clear_for", "hold", "flagged",
    ),
    "scope": ("type", "devices", "districts", "experiments", "networks", "tags"),
    "severity": ("severity",),
    "text": ("text_en", "text_fr"),
    "schedule": ("sun", "start", "end", "days"),
    "notify": ("notify",),
    "escalate": ("steps",),
    "simulated": ("simulated",),
    "enabled": ("enabled",),
}  # fmt: skip
"""What of a rule the boxes make."""


def rule_of_draft(draft: Draft) -> Rule:
    """Return the rule that the boxes make; raise ``DraftError`` with the first box that cannot be read."""
    base, old = draft.base, draft_of(draft.base) if draft.base is not None else None
    said: dict[str, Any] = {}
    for part, boxes in _BOXES.items():
        if base is not None and all(getattr(draft, box) == getattr(old, box) for box in boxes):
            said[part] = getattr(base, part)
        else:
            said[part] = _MAKERS[part](draft)
            if base is not None and old is not None:
                said[part] = _merged(getattr(base, part), _attempt(_MAKERS[part], old), said[part])
    return Rule(**said)


def _attempt(maker: Callable[[Draft], object], draft: Draft) -> object:
    try:
        return maker(draft)
    except DraftError:
        return None


def _merged(base: object, before: object, made: object) -> object:
    """Return what the boxes make now, with what they said before as it stands in the rule: no box shows every digit."""
    if repr(made) == repr(before):
        return base
    if isinstance(made, msgspec.Struct) and type(base) is type(before) is type(made):
        each = {name: _merged(*(getattr(one, name) for one in (base, before, made))) for name in made.__struct_fields__}
        if "unit" in each and each.get("field") != getattr(base, "field", None):
            each["unit"] = None  # it was that of the other field
        return msgspec.structs.replace(made, **each)
    return made


def condition_of(draft: Draft) -> Condition:
    """Return the condition that the boxes make."""
    if draft.sort == "written":
        return _written(draft.written)
    if draft.sort != "silence" and not draft.field:
        raise DraftError("field", "editor.missing")
    made = _made(draft)
    if isinstance(made, Silence):
        return made
    lasting = {
        "for_": span_of(draft.for_, "for_"),
        "repeat": count_of(draft.repeat, "repeat"),
        "clear_for": span_of(draft.clear_for, "clear_for"),
        "hold": span_of(draft.hold, "hold"),
        "flagged": draft.flagged,
    }
    return cast("Condition", msgspec.structs.replace(made, **lasting))


def _made(draft: Draft) -> Condition:
    """Return a condition of the kind chosen, without how long it has to be so."""
    name = draft.field
    if draft.sort == "range":
        low, high = needed(draft.low, "low"), needed(draft.high, "high")
        return Range(field=name, low=low, high=high, margin=number_of(draft.margin, "margin") or 0.0)
    if draft.sort == "is":
        return Is(field=name, values=values_of(draft.values))
    if draft.sort == "stuck":
        return Stuck(field=name, tolerance=number_of(draft.tolerance, "tolerance") or 0.0)
    if draft.sort == "silence":
        times = number_of(draft.times, "times")
        after = span_of(draft.after, "after")
        silence = Silence(of=draft.of, field=name or None, after=after, by=draft.by)
        return silence if times is None else msgspec.structs.replace(silence, times=times)
    limits: dict[str, Any] = {draft.side: needed(draft.limit, "limit")}
    limits["clear"] = number_of(draft.clear, "clear")
    if draft.sort == "rate":
        per = span_of(draft.per, "per")
        if per is None:
            raise DraftError("per", "editor.missing")
        return Rate(field=name, per=per, **limits)
    if draft.side == "beyond":  # of a rate; a value has no such side
        raise DraftError("side", "editor.missing")
    return Threshold(field=name, **limits)


def _written(text: str) -> Condition:
    """Return the condition that a text says as a rule file does; lines may end anywhere."""
    said = text.strip()
    if not said:
        raise DraftError("written", "editor.missing")
    if not re.match(r"when\s*=", said):
        said = f"when = {said}"
    tables: list[dict[str, Any]] = []
    wrong: Said | None = None
    for attempt in (said, " ".join(said.splitlines())):
        try:
            tables.append(tomllib.loads(attempt))
            break
        except tomllib.TOMLDecodeError as error:
            wrong = wrong or _toml_said(str(error))
        except RecursionError:
            raise DraftError("written", "editor.no_condition", _TOO_DEEP) from None
    if wrong is not None and not tables:
        raise DraftError("written", "editor.no_condition", wrong)
    try:
        return rule_from("-", {"title": _NO_TITLE, "when": tables[0]["when"]}).when
    except ValueError as error:
        raise DraftError("written", "editor.no_condition", told(error)) from None


def _toml_said(what: str) -> Said:
    return Said(f"this cannot be read: {what}", f"cela ne peut être lu : {what}")


def as_written(draft: Draft, sort: Sort) -> str:
    """Return what the boxes of a kind of condition say, as a rule file says it."""
    title = Text(en="-", fr="-")
    return condition_text(Rule(name="-", title=title, when=condition_of(replace(draft, sort=sort))))


def _scope(draft: Draft) -> Scope:
    named = draft.base.scope.type if draft.base is not None else ()
    return Scope(
        type=named if draft.type == SEVERAL else (draft.type,) if draft.type else (),
        device=_list(draft.devices),
        district=tuple(draft.districts),
        experiment=_list(draft.experiments),
        network=_list(draft.networks),
        tags=_tags(draft.tags),
    )


def _list(written: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in written.split(",") if one.strip())


def _tags(written: str) -> dict[str, str]:
    found = {}
    for one in _list(written):
        name, sign, said = (part.strip() for part in one.partition("="))
        if not (name and sign and said):
            raise DraftError("tags", "editor.no_tag")
        found[name] = said
    return found


def _schedule(draft: Draft) -> Schedule | None:
    made = Schedule(
        sun=draft.sun or None,
        start=draft.start.strip() or None,
        end=draft.end.strip() or None,
        days=tuple(day for day in DAYS if day in draft.days),
    )
    return None if made == Schedule() else made


def _steps(draft: Draft) -> tuple[Escalation, ...]:
    found = []
    for step in draft.steps:
        after = span_of(step.after, "step_after")
        if after is None:
            raise DraftError("step_after", "editor.missing")
        found.append(Escalation(after=after, notify=tuple(step.notify)))
    return tuple(found)


def _text(draft: Draft) -> Text | None:
    english, french = draft.text_en.strip(), draft.text_fr.strip()
    if not english and not french:
        return None
    if not english or not french:
        raise DraftError("text_fr" if english else "text_en", "editor.both")
    return Text(en=english, fr=french)


_MAKERS: Mapping[str, Callable[[Draft], object]] = {
    "name": lambda draft: draft.name.strip(),
    "title": lambda draft: Text(en=draft.title_en.strip(), fr=draft.title_fr.strip()),
    "when": condition_of,
    "scope": _scope,
    "severity": lambda draft: draft.severity,
    "text": _text,
    "schedule": _schedule,
    "notify": lambda draft: tuple(draft.notify),
    "escalate": _steps,
    "simulated": lambda draft: draft.simulated,
    "enabled": lambda draft: draft.enabled,
}


def number_of(written: str, box: str) -> float | None:
    """Return the number that somebody wrote, with a point or a comma; ``None`` for nothing."""
    text = written.strip().replace("\u202f", "").replace("\u00a0", "").replace("\u2212", "-").replace(",", ".")
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        raise DraftError(box, "editor.no_number") from None
    if found - found != 0:  # infinite, or none
        raise DraftError(box, "editor.no_number")
    return found


def needed(written: str, box: str) -> float:
    """Return the number; one has to be there."""
    found = number_of(written, box)
    if found is None:
        raise DraftError(box, "editor.missing")
    return found


def count_of(written: str, box: str) -> int:
    """Return a whole number from 1 on; nothing is 1."""
    found = number_of(written, box)
    if found is None:
        return 1
    if found < 1 or found != int(found):
        raise DraftError(box, "editor.no_count")
    return int(found)


def span_of(written: str, box: str) -> Span | None:
    """Return a length of time, ``None`` for nothing. Days may be written in French."""
    text = re.sub(r"\bj(ours?)?\b", "d", written.strip().lower()).replace(",", ".")
    text = re.sub(r"semaines?", "weeks", text)
    if not text:
        return None
    try:
        return Span.parse(text)
    except ValueError:
        raise DraftError(box, "editor.no_span") from None


def values_of(written: str) -> tuple[float | int | bool | str, ...]:
    """Return the values of a state that somebody wrote, with commas between."""
    words = [one.strip() for one in written.split(",") if one.strip()]
    if not words:
        raise DraftError("values", "editor.missing")
    return tuple(_value(word) for word in words)


def _value(word: str) -> int | bool | str:
    if word in {"true", "false"}:
        return word == "true"
    return int(word) if re.fullmatch(r"-?\d{1,9}", word) else word


def titled(draft: Draft, types: Mapping[str, DeviceType]) -> tuple[str, str]:
    """Return titles in English and French that say what the boxes say, for who writes none."""
    among = [types[draft.type]] if draft.type in types else list(types.values())
    of = field_of(draft.field, among)
    both = []
    for words in (Words("en"), Words("fr")):
        name = words.pick(of.title) if of is not None else words("editor.device")
        text = words(f"editor.title.{_title_key(draft)}", field=name, limit=_limit(draft, of, words))
        both.append(" ".join(text.split())[:120])
    return both[0], both[1]


def _title_key(draft: Draft) -> str:
    return draft.side if draft.sort == "threshold" else draft.sort


def _limit(draft: Draft, of: Field | None, words: Words) -> str:
    if draft.sort == "is":
        known = {"true": words("yes"), "false": words("no")}
        return ", ".join(known.get(one.strip(), one.strip()) for one in draft.values.split(","))
    try:
        found = number_of(draft.limit, "limit")
    except DraftError:
        return ""
    sign = unit(of.unit) if of is not None else ""
    return f"{number(found, words.language)} {sign}".strip() if found is not None else ""


def name_of(draft: Draft, taken: Collection[str]) -> str:
    """Return a name that says what the boxes say, and is free."""
    kind = draft.type.removeprefix("penfeld_") or "city"
    base = _NAME.sub("-", f"{kind}/{draft.field or 'device'}-{_title_key(draft)}".lower())[:90]
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}-{count}"
    return name


def prefilled(asked: Mapping[str, str], types: Mapping[str, DeviceType]) -> Draft:
    """Return the boxes of a new rule as an address asks for them: ``?type=…&field=…&device=…``."""
    kind = types.get(asked.get("type", ""))
    draft = Draft(type=kind.name if kind is not None else "", devices=asked.get("device", "")[:200])
    of = kind.field(asked.get("field", "")) if kind is not None else None
    if of is not None:
        draft.field = of.name
        draft.sort = sorts_of(of)[0]
        draft.values = "true" if of.kind is Kind.BOOL else ""
    return draft
