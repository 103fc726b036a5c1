"""The part of a device file that says when a device of this type needs a look: ``[alert.NAME]``, as rules.

Rules:

1. A rule is called after its type: ``[alert.full]`` of ``penfeld_binsensor`` is ``penfeld_binsensor/full``. Its scope
   is the type. Whom to tell is for the city to say, not for a device file.
2. Every type has a rule ``silent``, unless its file has one of its own, or says ``silent = false`` in ``[alert]``.
3. What could never hold, or never end, is a problem: a rule that says nothing is worse than none.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches

from model.device import DeviceType, Field, Kind, Text
from model.rule import (
    Geofence,
    Group,
    Is,
    Leaf,
    Range,
    Rate,
    Rule,
    Scope,
    Silence,
    Stuck,
    Threshold,
    leaves,
)
from model.rule_text import rule_from
from model.spans import Span

SILENT = "silent"
ALERT_KEYS = ("title", "when", "severity", "schedule", "text", "enabled")

Problem = Callable[[tuple[str, ...], str], None]
"""Takes the place in the file and what is wrong there."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LONGEST_NAME = 40
_PLACE = re.compile(r"(?P<place>[a-z_]+(?:\[\d+\]|\.[a-z_]+)*): ")
_NOTHING_COMES = Text(en="Nothing comes any more", fr="Plus rien n’arrive")
_TIMES = 3.0


def silent(of: DeviceType) -> Rule:
    """Return the rule that every device type has: nothing comes for three times as long as is usual."""
    return Rule(
        name=f"{of.name}/{SILENT}",
        title=_NOTHING_COMES,
        when=Silence(by="cadence", times=_TIMES),
        scope=Scope(type=(of.name,)),
    )


def read_alerts(tables: object, of: DeviceType, problem: Problem) -> tuple[Rule, ...]:
    """Return the rules of a device type, in the order of their file; problems go to ``problem``, placed."""
    if not isinstance(tables, Mapping):
        problem(("alert",), "alerts are tables: [alert.NAME]")
        return ()
    found = [] if SILENT in tables else [silent(of)]
    for name, table in tables.items():
        where = ("alert", name)
        if name == SILENT and table is False:
            continue
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            problem(
                where,
                f"'{name}' cannot be an alert's name: write lower-case words joined by '_', at most {_LONGEST_NAME} "
                "characters",
            )
        elif not isinstance(table, Mapping):
            hint = f"; {SILENT} = false switches it off" if name == SILENT else ""
            problem(where, f"an alert is a table: [alert.{name}] with title and when{hint}")
        else:
            found += _rule(name, table, of, problem)
    return tuple(found)


def _rule(name: str, table: Mapping[str, object], of: DeviceType, problem: Problem) -> Iterator[Rule]:
    """Yield the rule that a table says, if it says one that can work."""
    where, wrong = ("alert", name), False

    def told(place: str, text: str) -> None:
        nonlocal wrong
        wrong = True
        problem((*where, *re.sub(r"\[\d+\]", "", place).split(".")), f"{place}: {text}" if place else text)

    for key in set(table) - set(ALERT_KEYS):
        told(key, f"'{key}' is no key here: {', '.join(ALERT_KEYS)}" + _OF_THE_CITY.get(key, ""))
    known = {key: value for key, value in table.items() if key in ALERT_KEYS}
    try:
        rule = rule_from(f"{of.name}/{name}", {**known, "scope": {"type": of.name}})
    except ValueError as error:
        match = _PLACE.match(str(error))
        told(match["place"] if match else "", str(error)[match.end() :] if match else str(error))
        return
    for word in ("title", "text"):
        text = getattr(rule, word)
        if text is not None and not (text.en.strip() and text.fr.strip()):
            told(word, "is empty in a language: write both, en and fr")
    for leaf in leaves(rule.when):
        for place, text in _troubles(leaf, of):
            told(f"when.{place}" if len(list(leaves(rule.when))) == 1 else "when", text)
    if not wrong:
        yield rule


_OF_THE_CITY = {
    "name": "; its name is that of its table",
    "scope": "; it watches all devices of this type. For others, copy it into a rule of your own",
    "notify": "; channels are the city's: name them in a rule of your own of the same name",
    "escalate": "; channels are the city's: name them in a rule of your own of the same name",
    "simulated": "; who is told is the city's business: say it in a rule of your own of the same name",
}


def _troubles(leaf: Leaf, of: DeviceType) -> Iterator[tuple[str, str]]:
    """Yield what keeps a condition from working on devices of this type: the word, and what to write."""
    if isinstance(leaf, Silence) and leaf.of != "device":
        yield "of", f"a {leaf.of} is no part of a device type: leave it out"
    named = list(_named(leaf))
    for word, name in named:
        if of.field(name) is None:
            near = get_close_matches(name, [field.name for field in of.fields], 1)
            there = ", ".join(field.name for field in of.fields)
            yield (
                word,
                f"'{name}' is no field of this file; " + (f"did you mean {near[0]}?" if near else f"it has {there}"),
            )
    fields = [found for _, name in named if (found := of.field(name)) is not None]
    if isinstance(leaf, Is):
        yield from (("values", text) for field in fields for text in _impossible(leaf, field))
    elif not isinstance(leaf, Silence | Group):
        for field in fields:
            if field.kind not in (Kind.FLOAT, Kind.INT):
                yield "field", f"'{field.name}' is {field.kind.value} and has no limits: write values = […]"
                return
    if isinstance(leaf, Threshold | Range) and not leaf.flagged:
        yield from (trouble for field in fields for trouble in _out_of_range(leaf, field))
    yield from _too_short(leaf, of)


def _named(leaf: Leaf) -> Iterator[tuple[str, str]]:
    """Yield the fields that a condition reads, each with the word that names it."""
    if isinstance(leaf, Geofence):
        yield from (("latitude", leaf.latitude), ("longitude", leaf.longitude))
    elif leaf.field is not None:
        yield "field", leaf.field
    if isinstance(leaf, Group) and leaf.where is not None:
        yield "where", leaf.where.field


def _impossible(leaf: Is, field: Field) -> Iterator[str]:
    """Yield why a field is never one of these values."""
    for value in leaf.values:
        if field.kind is Kind.BOOL and not isinstance(value, bool):
            yield f"'{field.name}' is true or false: write [true] or [false]"
        elif field.choices and value not in field.choices:
            yield f"{value!r} is no value of '{field.name}', which has {', '.join(field.choices)}"
    if field.kind is Kind.FLOAT:
        yield f"'{field.name}' is hardly ever exactly one value: write above or below"


def _out_of_range(leaf: Threshold | Range, field: Field) -> Iterator[tuple[str, str]]:
    """Yield which limits no plausible value reaches: what is flagged as implausible does not count."""
    low, high = field.minimum, field.maximum
    if low is None or high is None:
        return
    over, under = (leaf.above, leaf.below) if isinstance(leaf, Threshold) else (leaf.high, leaf.low)
    words = ("above", "below") if isinstance(leaf, Threshold) else ("high", "low")
    lost = [
        word
        for word, limit, beyond in (
            (words[0], over, over is not None and over >= high),
            (words[1], under, under is not None and under <= low),
        )
        if limit is not None and beyond
    ]
    limits = sum(limit is not None for limit in (over, under))
    if lost and len(lost) == limits:  # of a range, one side that is reached is enough
        text = f"can never hold: '{field.name}' beyond it lies outside of its range ([{low:g}, {high:g}]), "
        yield lost[0], text + "and such readings do not count: write flagged = true, or another limit"
    clear = leaf.clear if isinstance(leaf, Threshold) else None
    if clear is not None and not low <= clear <= high:
        yield "clear", f"can never be reached: it lies outside of the range of '{field.name}' ([{low:g}, {high:g}])"


def _too_short(leaf: Leaf, of: DeviceType) -> Iterator[tuple[str, str]]:
    """Yield which lengths of time are shorter than the time from one reading to the next."""
    period = Span.of(of.period)
    if isinstance(leaf, Silence):
        spans = {"after": leaf.after}
    elif isinstance(leaf, Threshold | Range | Is | Rate | Stuck | Geofence):
        spans = {"for": leaf.for_, "hold": leaf.hold}
    else:
        spans = {"every": leaf.every} if isinstance(leaf, Group) else {}
    for word, span in spans.items():
        if span is not None and span < period:
            yield word, f"{span} is shorter than the period: a device speaks every {period}; write that or more"


__all__ = ["ALERT_KEYS", "SILENT", "read_alerts", "silent"]
