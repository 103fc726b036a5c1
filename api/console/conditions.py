"""Rules in words: whom one watches, what it waits for. Pure."""

from collections.abc import Mapping, Sequence

from api.console.formats import number, unit, value
from api.console.texts import Words
from model.device import DeviceType, Field
from model.rule import (
    All,
    AnyOf,
    Condition,
    Group,
    Is,
    Leaf,
    Not,
    Range,
    Rate,
    Rule,
    Schedule,
    Silence,
    Stuck,
    Usual,
    leaves,
)
from model.rule import Threshold as Limit
from model.spans import Span

Types = Mapping[str, DeviceType]


def types_of(rule: Rule, types: Types) -> list[DeviceType]:
    """Return the device types that a rule may be about."""
    return [types[name] for name in rule.scope.type if name in types] or list(types.values())


def field_of(name: str, among: Sequence[DeviceType]) -> Field | None:
    """Return the field of that name of the first device type that has it."""
    return next((field for kind in among if (field := kind.field(name)) is not None), None)


def span_words(of: Span, words: Words) -> str:
    """Return a length of time as people read it."""
    count, _, name = str(of).partition(" ")
    names = {"d": "j", "week": "semaine", "weeks": "semaines"} if words.language == "fr" else {}
    return f"{number(float(count), words.language)}\u00a0{names.get(name, name)}"


def watched(rule: Rule, types: Types, words: Words) -> str:
    """Return whom a rule watches."""
    scope = rule.scope
    parts = [", ".join(words.pick(types[name].title) if name in types else name for name in scope.type)]
    if scope.device:
        parts.append(", ".join(scope.device))
    if scope.district:
        parts.append(words("rule.in", districts=", ".join(scope.district)))
    parts += [", ".join(one) for one in (scope.experiment, scope.network) if one]
    parts += [f"{name}: {text}" for name, text in scope.tags.items()]
    things = {one.of for one in leaves(rule.when) if isinstance(one, Silence)} - {"device"}
    if things:
        return words(f"rule.all.{min(things)}")
    return " · ".join(filter(None, parts)) or words("rule.all.device")


def waited_for(rule: Rule, types: Types, words: Words) -> str:
    """Return what a rule waits for, and when."""
    said = _Said(types_of(rule, types), words).condition(rule.when)
    when = scheduled(rule.schedule, words)
    return f"{said}, {when}" if when else said


def scheduled(of: Schedule | None, words: Words) -> str:
    """Return when a rule counts, "" for always."""
    if of is None:
        return ""
    parts = [words(f"rule.sun.{of.sun}")] if of.sun else []
    if of.start is not None and of.end is not None:
        parts.append(words("rule.hours.said", start=of.start, end=of.end))
    if of.days:
        parts.append(" ".join(words(f"day.{day}") for day in of.days))
    return ", ".join(parts)


class _Said:
    """Conditions in words."""

    def __init__(self, among: Sequence[DeviceType], words: Words) -> None:
        self._among, self._words = among, words

    def condition(self, of: Condition, *, inner: bool = False) -> str:
        words = self._words
        if isinstance(of, Not):
            return words("rule.not", what=self.condition(of.of))
        if isinstance(of, All | AnyOf):
            sign = f" {words('rule.and' if isinstance(of, All) else 'rule.or')} "
            said = sign.join(self.condition(one, inner=True) for one in of.of)
            return f"({said})" if inner else said
        return self._leaf(of) + self._lasting(of)

    def _leaf(self, of: Leaf) -> str:  # noqa: PLR0911  a line a kind
        words = self._words
        if isinstance(of, Silence):
            return self._silence(of)
        if isinstance(of, Is):
            return words("rule.said.is", field=self._field(of.field), values=self._values(of))
        if isinstance(of, Range):
            low, high = number(of.low, words.language), self._measured(of.high, of.field)
            return words("rule.said.range", field=self._field(of.field), low=low, high=high)
        if isinstance(of, Rate):
            return words(
                "rule.said.rate", field=self._field(of.field), per=span_words(of.per, words), limit=self._limit(of)
            )
        if isinstance(of, Stuck):
            return words("rule.said.stuck", field=self._field(of.field))
        if isinstance(of, Limit):
            return f"{self._field(of.field)} {self._limit(of)}"
        if isinstance(of, Group):
            what = self._field(of.field or (of.where.field if of.where else ""))
            every = span_words(of.every, words)
            return words(f"rule.said.group.{of.measure}", field=what, every=every, limit=self._limit(of))
        if isinstance(of, Usual):
            return words("rule.said.usual", field=self._field(of.field), limit=self._limit(of))
        return words("rule.said.inside" if of.inside else "rule.said.outside")

    def _silence(self, of: Silence) -> str:
        words = self._words
        times = words(f"rule.times.{of.by}", times=number(of.times, words.language))
        long = span_words(of.after, words) if of.after is not None else times
        if of.field is not None:
            return words("rule.said.silence.field", field=self._field(of.field), long=long)
        return words(f"rule.said.silence.{of.of}", long=long)

    def _lasting(self, of: Leaf) -> str:
        if isinstance(of, Silence):
            return ""
        words = self._words
        said = ""
        if of.for_ is not None:
            said += " " + words("rule.said.for", span=span_words(of.for_, words))
        if of.repeat > 1:
            said += " " + words("rule.said.repeat", count=of.repeat)
        return said

    def _limit(self, of: Limit | Rate | Group | Usual) -> str:
        name = getattr(of, "field", None) or ""
        if isinstance(of, Group) and of.measure in {"count", "share"}:
            name = ""
        for side in ("above", "below", "beyond"):
            limit: float | None = getattr(of, side, None)
            if limit is not None:
                said = self._measured(limit, name)
                if isinstance(of, Group) and of.measure == "share":
                    said += "\u00a0%"
                return self._words(f"rule.said.{side}", limit=said)
        percent: float | None = getattr(of, "beyond_percent", None)
        if percent is None:
            return ""
        return self._words("rule.said.beyond", limit=f"{number(percent, self._words.language)}\u00a0%")

    def _measured(self, of: float, name: str) -> str:
        field = field_of(name, self._among)
        sign = unit(field.unit) if field is not None else ""
        return f"{number(of, self._words.language)}\u00a0{sign}".rstrip("\u00a0")

    def _field(self, name: str) -> str:
        field = field_of(name, self._among)
        return self._words.pick(field.title) if field is not None else name

    def _values(self, of: Is) -> str:
        words = self._words
        field = field_of(of.field, self._among)
        said = [value(v, field, words.language, yes=words("yes"), no=words("no")) for v in of.values]
        return f" {words('rule.or')} ".join(said)
