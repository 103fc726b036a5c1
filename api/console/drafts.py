"""A rule while somebody writes it: what stands in the boxes of the editor, and the rule that this makes. Pure.

Rules:

1. What the boxes cannot show (joined conditions, a geofence, escalation, texts of one's own) is kept as it was.
2. What cannot be read names its box.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Literal

import msgspec

from api.console.conditions import field_of
from api.console.formats import number, unit
from api.console.texts import Words
from model.device import DeviceType, Field, Kind, Text
from model.rule import Condition, Is, Range, Rate, Rule, Schedule, Scope, Silence, Stuck, Threshold
from model.severity import Severity
from model.spans import Span

Sort = Literal["threshold", "range", "is", "rate", "stuck", "silence", "kept"]
When = Literal["always", "day", "night", "hours"]
SORTS: tuple[Sort, ...] = ("threshold", "range", "is", "rate", "stuck", "silence")
_CLASSES: Mapping[type, Sort] = {
    Threshold: "threshold", Range: "range", Is: "is", Rate: "rate", Stuck: "stuck", Silence: "silence",
}  # fmt: skip
_MEANINGFUL = frozenset({"float", "int"})
_NAME = re.compile(r"[^a-z0-9_.\-/]+")


class DraftError(ValueError):
    """A box that cannot be read. ``box``: which; ``key``: the text that says what it wants."""

    def __init__(self, box: str, key: str) -> None:
        super().__init__(f"{box}: {key}")
        self.box, self.key = box, key


@dataclass(slots=True, kw_only=True)
class Draft:
    """What stands in the boxes. Numbers and lengths of time are as they were written.

    ``base``: the rule that is changed, ``None`` for a new one; ``sort`` "kept": its condition has no boxes.
    ``named``, ``titled``: somebody wrote name or titles, which follow the condition otherwise.
    """

    base: Rule | None = None
    type: str = ""
    devices: str = ""
    districts: list[str] = dataclass_field(default_factory=list)
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
    after: str = ""
    for_: str = ""
    repeat: str = "1"
    when: When = "always"
    start: str = "22:00"
    end: str = "06:00"
    severity: Severity = "warning"
    notify: list[str] = dataclass_field(default_factory=list)
    simulated: bool = False
    enabled: bool = True
    name: str = ""
    title_en: str = ""
    title_fr: str = ""
    named: bool = False
    titled: bool = False


def draft_of(rule: Rule) -> Draft:
    """Return what stands in the boxes for a rule."""
    scope, of = rule.scope, rule.when
    draft = Draft(
        base=rule,
        type=scope.type[0] if len(scope.type) == 1 else "",
        devices=", ".join(scope.device),
        districts=list(scope.district),
        sort=_CLASSES.get(type(of), "kept"),
        severity=rule.severity,
        notify=list(rule.notify),
        simulated=rule.simulated,
        enabled=rule.enabled,
        name=rule.name,
        title_en=rule.title.en,
        title_fr=rule.title.fr,
        named=True,
        titled=True,
    )
    if isinstance(of, Silence) and of.of != "device":
        draft.sort = "kept"
    if draft.sort != "kept":
        _fill(draft, of)
    _fill_schedule(draft, rule.schedule)
    return draft


def _fill(draft: Draft, of: Condition) -> None:
    draft.field = getattr(of, "field", None) or ""
    for side in ("above", "below", "beyond"):
        limit: float | None = getattr(of, side, None)
        if limit is not None:
            draft.side, draft.limit = side, plain(limit)
    for name in ("clear", "low", "high", "margin", "tolerance"):
        said: float | None = getattr(of, name, None)
        if said is not None:
            setattr(draft, name, plain(said))
    for name in ("after", "per", "for_"):
        span: Span | None = getattr(of, name, None)
        if span is not None:
            setattr(draft, name, str(span))
    draft.repeat = str(getattr(of, "repeat", 1))
    if isinstance(of, Is):
        draft.values = ", ".join(_word(one) for one in of.values)


def _fill_schedule(draft: Draft, of: Schedule | None) -> None:
    if of is None:
        return
    if of.sun is not None:
        draft.when = of.sun
    elif of.start is not None and of.end is not None:
        draft.when, draft.start, draft.end = "hours", of.start, of.end


def plain(of: float) -> str:
    """Return a number as one writes it into a box."""
    return f"{of:.10g}"


def _word(of: object) -> str:
    return ("true" if of else "false") if isinstance(of, bool) else str(of)


def sorts_of(of: Field | None) -> tuple[Sort, ...]:
    """Return the kinds of condition that make sense for a field; of no field, only silence does."""
    if of is None:
        return ("silence",)
    return SORTS if of.kind.value in _MEANINGFUL else ("is", "stuck", "silence")


def rule_of_draft(draft: Draft) -> Rule:
    """Return the rule that the boxes make; raise ``DraftError`` with the first box that cannot be read."""
    base = draft.base
    scope = base.scope if base is not None else Scope()
    if draft.type or len(scope.type) == 1:
        scope = msgspec.structs.replace(scope, type=(draft.type,) if draft.type else ())
    devices = tuple(one.strip() for one in draft.devices.split(",") if one.strip())
    scope = msgspec.structs.replace(scope, device=devices, district=tuple(draft.districts))
    changes = {
        "name": draft.name.strip(),
        "title": Text(en=draft.title_en.strip(), fr=draft.title_fr.strip()),
        "when": condition_of(draft),
        "scope": scope,
        "severity": draft.severity,
        "schedule": _schedule(draft),
        "notify": tuple(draft.notify),
        "simulated": draft.simulated,
        "enabled": draft.enabled,
    }
    return msgspec.structs.replace(base, **changes) if base is not None else Rule(**changes)  # type: ignore[arg-type]  # as its fields say


def condition_of(draft: Draft) -> Condition:
    """Return the condition that the boxes make; what they do not show of the one before is kept."""
    before = draft.base.when if draft.base is not None else None
    if draft.sort == "kept":
        if before is None:
            raise DraftError("sort", "editor.missing")
        return before
    if draft.sort != "silence" and not draft.field:
        raise DraftError("field", "editor.missing")
    made, changes = _made(draft)
    if not isinstance(made, Silence):
        changes["for_"] = span_of(draft.for_, "for_")
        changes["repeat"] = count_of(draft.repeat, "repeat")
    return msgspec.structs.replace(before if type(before) is type(made) else made, **changes)


def _made(draft: Draft) -> tuple[Condition, dict[str, object]]:
    """Return a condition of the kind chosen, and what the boxes say of it."""
    name = draft.field
    if draft.sort == "range":
        low, high = needed(draft.low, "low"), needed(draft.high, "high")
        margin = number_of(draft.margin, "margin") or 0.0
        return Range(field=name, low=low, high=high), {"field": name, "low": low, "high": high, "margin": margin}
    if draft.sort == "is":
        values = values_of(draft.values)
        return Is(field=name, values=values), {"field": name, "values": values}
    if draft.sort == "stuck":
        tolerance = number_of(draft.tolerance, "tolerance") or 0.0
        return Stuck(field=name), {"field": name, "tolerance": tolerance}
    if draft.sort == "silence":
        return Silence(), {"field": name or None, "after": span_of(draft.after, "after")}
    changes: dict[str, object] = {"field": name, "above": None, "below": None}
    changes[draft.side] = needed(draft.limit, "limit")
    changes["clear"] = number_of(draft.clear, "clear")
    if draft.sort == "rate":
        per = span_of(draft.per, "per")
        if per is None:
            raise DraftError("per", "editor.missing")
        return Rate(field=name, per=per), {"beyond": None, **changes, "per": per}
    return Threshold(field=name), changes


def _schedule(draft: Draft) -> Schedule | None:
    before = draft.base.schedule if draft.base is not None else None
    if draft.when == "always":
        # days alone have no box: they stay
        return before if before is not None and before.days and before.sun is None and before.start is None else None
    days = before.days if before is not None else ()
    if draft.when == "hours":
        return Schedule(start=draft.start.strip(), end=draft.end.strip(), days=days)
    return Schedule(sun=draft.when, days=days)


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
