"""A term evaluated on what properties say, or made shorter where only some of them are known. Pure.

Rules:

1. What is not there is ``None``; what is reckoned or compared with it is ``None``, which is not true. ``and``, ``or``
   and ``not`` treat it as SQL does, so that the database and this module say the same.
2. Values of different sorts are never equal and never ordered; nothing raises for what a property happens to hold.
3. Of a span of times: before something means that it has ended by then, after means that it has not begun.
"""

import math
import operator
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

from api.sta import geometry
from api.sta.errors import bad
from model.terms import (
    FALSE,
    TRUE,
    Both,
    Call,
    Compare,
    Constant,
    Geography,
    Interval,
    Not,
    Path,
    Reckon,
    Scalar,
    Term,
    children,
    paths,
    with_children,
)

Lookup = Callable[[tuple[str, ...]], object]
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


def evaluate(term: Term, lookup: Lookup) -> object:
    """Return what a term says where ``lookup`` knows the properties."""
    match term:
        case Constant():
            return term.value
        case Path():
            return lookup(term.parts)
        case Not():
            inner = evaluate(term.term, lookup)
            return not inner if isinstance(inner, bool) else None
        case Both():
            return _both(term, lookup)
        case Compare():
            return compare(term.word, evaluate(term.left, lookup), evaluate(term.right, lookup))
        case Reckon():
            return reckon(term.word, evaluate(term.left, lookup), evaluate(term.right, lookup))
        case Call():
            return call(term.name, [evaluate(argument, lookup) for argument in term.arguments])


def _both(term: Both, lookup: Lookup) -> bool | None:
    decisive = term.word == "or"
    left = evaluate(term.left, lookup)
    if left is decisive:
        return decisive
    right = evaluate(term.right, lookup)
    if right is decisive:
        return decisive
    return not decisive if isinstance(left, bool) and isinstance(right, bool) else None


def shortened(term: Term, known: Callable[[tuple[str, ...]], bool], lookup: Lookup) -> Term:
    """Return the term with all that is known already put in: ``TRUE`` or ``FALSE`` where nothing else is left."""
    if all(known(parts) for parts in paths(term)):
        value = evaluate(term, lookup)
        return Constant(value if isinstance(value, _SCALARS) else None)
    parts = tuple(shortened(child, known, lookup) for child in children(term))
    if isinstance(term, Both):
        return _shorter(term, *parts)
    return with_children(term, parts)


_SCALARS = (str, int, float, bool, datetime, date, time, timedelta, Interval, Geography)


def _shorter(term: Both, left: Term, right: Term) -> Term:
    decisive, other = (TRUE, FALSE) if term.word == "or" else (FALSE, TRUE)
    if decisive in {left, right}:
        return decisive
    if left == other:
        return right
    return left if right == other else Both(term.word, left, right)


def compare(word: str, left: object, right: object) -> bool | None:
    """Return what a comparison says."""
    if left is None or right is None:
        return (left is right) == (word == "eq") if word in {"eq", "ne"} else None
    if Interval in {type(left), type(right)}:
        return _spans(word, left, right)
    same = _sort(left) == _sort(right)
    if word in {"eq", "ne"}:
        return (same and left == right) == (word == "eq")
    if not same or _sort(left) not in _ORDERED:
        return None
    return bool(_SIGNS[word](left, right))


_ORDERED = ("number", "text", "moment", "day", "clock", "length")


def _sort(value: object) -> str | None:
    sorts: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "truth"),
        ((int, float), "number"),
        (str, "text"),
        (datetime, "moment"),
        (date, "day"),
        (time, "clock"),
        (timedelta, "length"),
        (Geography, "shape"),
    )
    return None if value is None else next((name for kind, name in sorts if isinstance(value, kind)), "other")


def _spans(word: str, left: object, right: object) -> bool | None:
    one, other = _ends(left), _ends(right)
    if one is None or other is None:
        return None
    if word in {"eq", "ne"}:
        return (one == other) == (word == "eq")
    return {
        "gt": one[0] > other[1] or (one[0] == other[1] and one != other),
        "ge": one[0] >= other[0] and one[1] >= other[1],
        "lt": one[1] < other[0] or (one[1] == other[0] and one != other),
        "le": one[0] <= other[0] and one[1] <= other[1],
    }[word]


def _ends(value: object) -> tuple[datetime, datetime] | None:
    if isinstance(value, Interval):
        return value.start, value.end
    return (value, value) if isinstance(value, datetime) else None


def reckon(word: str, left: object, right: object) -> object:
    """Return a sum, a difference and so on; ``None`` for what cannot be reckoned."""
    if _sort(left) == _sort(right) == "number":
        return _numbers(word, float(cast("float", left)), float(cast("float", right)))
    try:
        match word, left, right:
            case "add", datetime() | date(), timedelta():
                return left + right
            case "add", timedelta(), datetime() | timedelta():
                return left + right
            case "sub", datetime() | date(), timedelta():
                return left - right
            case "sub", timedelta(), timedelta():
                return left - right
            case "sub", datetime(), datetime():
                return left - right
            case _:
                return None
    except OverflowError:
        return None


def _numbers(word: str, left: float, right: float) -> float | None:
    if word in {"div", "mod"} and not right:
        return None
    try:
        match word:
            case "add":
                result = left + right
            case "sub":
                result = left - right
            case "mul":
                result = left * right
            case "div":
                result = left / right
            case _:
                result = math.fmod(left, right)
    except (OverflowError, ValueError):
        return None
    return result if math.isfinite(result) else None


def call(name: str, values: list[object]) -> object:
    """Return what a function says; ``None`` where a value is none that it takes."""
    if name.startswith(("geo.", "st_")):
        return geometry.length(values[0]) if name == "geo.length" else geometry.ask(name, *values)
    if name == "in":
        return _is_in(*values)
    if name in _PERIODS:
        one, other = _ends(values[0]), _ends(values[1])
        return None if one is None or other is None else _PERIODS[name](one, other)
    if name in _TIMES:
        return _TIMES[name](values[0].astimezone(UTC)) if isinstance(values[0], datetime) else None
    if name in _NUMBERS:
        number = values[0]
        return float(_NUMBERS[name](cast("float", number))) if _sort(number) == "number" else None
    if name == "substring":
        return _substring(*values)
    if name in _TEXTS:
        if not all(isinstance(value, str) for value in values):
            return None
        return _TEXTS[name](*values)
    raise bad(f"{name}() cannot be asked here")


def _is_in(value: object, found: object) -> bool | None:
    if isinstance(found, str):  # flags, as the database joins them
        found = found.split(",")
    if value is None or not isinstance(found, list):
        return None
    return any(compare("eq", value, one) for one in found)


def _substring(text: object, start: object, count: object = None) -> str | None:
    if not isinstance(text, str) or not isinstance(start, int) or not isinstance(count, int | None):
        return None
    begin = max(start, 0)
    return text[begin:] if count is None else text[begin : begin + max(count, 0)]


_Span = tuple[datetime, datetime]
_PERIODS: dict[str, Callable[[_Span, _Span], bool]] = {
    "before": lambda one, other: one[1] < other[0],
    "after": lambda one, other: one[0] > other[1],
    "meets": lambda one, other: one[1] == other[0] or one[0] == other[1],
    "during": lambda one, other: one[0] >= other[0] and one[1] <= other[1],
    "overlaps": lambda one, other: one[0] <= other[1] and other[0] <= one[1],
    "starts": lambda one, other: one[0] == other[0],
    "finishes": lambda one, other: one[1] == other[1],
}
_TIMES: dict[str, Callable[[datetime], object]] = {
    "year": lambda when: when.year,
    "month": lambda when: when.month,
    "day": lambda when: when.day,
    "hour": lambda when: when.hour,
    "minute": lambda when: when.minute,
    "second": lambda when: when.second,
    "fractionalseconds": lambda when: when.microsecond / 1_000_000,
    "date": lambda when: when.date(),
    "time": lambda when: when.time(),
    "totaloffsetminutes": lambda _: 0,
}
_NUMBERS: dict[str, Callable[[float], float]] = {
    "round": lambda number: math.floor(abs(number) + 0.5) * (1 if number >= 0 else -1),
    "floor": math.floor,
    "ceiling": math.ceil,
}
_TEXTS: dict[str, Callable[..., object]] = {
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
    "substringof": lambda part, text: part in text,
    "contains": lambda text, part: part in text,
    "indexof": lambda text, part: text.find(part),
    "concat": lambda text, more: text + more,
    "length": len,
    "tolower": lambda text: text.lower(),
    "toupper": lambda text: text.upper(),
    "trim": lambda text: text.strip(" "),
}


def with_now(term: Term, now: datetime) -> Term:
    """Return the term with the moment in the place of ``now()``, and the ends of time in those of theirs."""
    ends: dict[str, Scalar] = {
        "now": now,
        "mindatetime": datetime.min.replace(tzinfo=UTC),
        "maxdatetime": datetime.max.replace(tzinfo=UTC),
    }
    if isinstance(term, Call) and term.name in ends:
        return Constant(ends[term.name])
    return with_children(term, tuple(with_now(child, now) for child in children(term)))
