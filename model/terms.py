"""What a condition says about things, as a tree of values: SensorThings' ``$filter`` is read into it.

Rules:

1. Values only: who reads text into a tree, who evaluates one and who makes SQL of one stand elsewhere.
2. What is not there is null, and neither more nor less than anything; ``eq null`` and ``ne null`` ask for it.
3. Times have a zone. A span of times begins and ends; a geography is kept as its well-known text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Interval:
    """From one moment to a later one."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Geography:
    """A shape on the earth as well-known text, longitude first."""

    wkt: str


Scalar: TypeAlias = str | int | float | bool | datetime | date | time | timedelta | Interval | Geography | None
Comparison = Literal["eq", "ne", "gt", "ge", "lt", "le"]
Operator = Literal["add", "sub", "mul", "div", "mod"]


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that stands in the text."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Path:
    """A property, perhaps of something related: ``Datastream/Thing/name``."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    term: "Term"


@dataclass(frozen=True, slots=True)
class Both:
    """Two conditions, both or one of which must hold."""

    word: Literal["and", "or"]
    left: "Term"
    right: "Term"


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values compared."""

    word: Comparison
    left: "Term"
    right: "Term"


@dataclass(frozen=True, slots=True)
class Reckon:
    """Two numbers, or a moment and a length of time, reckoned together."""

    word: Operator
    left: "Term"
    right: "Term"


@dataclass(frozen=True, slots=True)
class Call:
    """A function of values: one of ``FUNCTIONS``, or ``in`` of a value and a list."""

    name: str
    arguments: tuple["Term", ...]


Term: TypeAlias = Constant | Path | Not | Both | Compare | Reckon | Call

FUNCTIONS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("startswith", "endswith", "substringof", "contains", "indexof", "concat"), (2,)),
    **dict.fromkeys(("length", "tolower", "toupper", "trim", "round", "floor", "ceiling"), (1,)),
    "substring": (2, 3),
    **dict.fromkeys(("year", "month", "day", "hour", "minute", "second", "fractionalseconds"), (1,)),
    **dict.fromkeys(("date", "time", "totaloffsetminutes", "geo.length"), (1,)),
    **dict.fromkeys(("now", "mindatetime", "maxdatetime"), (0,)),
    **dict.fromkeys(("before", "after", "meets", "during", "overlaps", "starts", "finishes"), (2,)),
    **dict.fromkeys(("geo.distance", "geo.intersects", "st_equals", "st_disjoint", "st_touches"), (2,)),
    **dict.fromkeys(("st_within", "st_overlaps", "st_crosses", "st_intersects", "st_contains"), (2,)),
    "st_relate": (3,),
}
"""Function -> how many values it may take."""

TRUE = Constant(value=True)
FALSE = Constant(value=False)


def children(term: Term) -> tuple[Term, ...]:
    """Return the terms that a term is made of."""
    match term:
        case Not():
            return (term.term,)
        case Both() | Compare() | Reckon():
            return (term.left, term.right)
        case Call():
            return term.arguments
        case _:
            return ()


def with_children(term: Term, parts: tuple[Term, ...]) -> Term:
    """Return the term with other terms in the places of its own."""
    match term:
        case Not():
            return Not(parts[0])
        case Both():
            return Both(term.word, *parts)
        case Compare():
            return Compare(term.word, *parts)
        case Reckon():
            return Reckon(term.word, *parts)
        case Call():
            return Call(term.name, parts)
        case _:
            return term


def paths(term: Term) -> Iterator[tuple[str, ...]]:
    """Yield every property that a term speaks of."""
    if isinstance(term, Path):
        yield term.parts
    for child in children(term):
        yield from paths(child)


def joined(terms: "tuple[Term, ...] | list[Term]") -> Term | None:
    """Return the condition that all of these hold; ``None`` for none."""
    whole: Term | None = None
    for term in terms:
        whole = term if whole is None else Both("and", whole, term)
    return whole


def split(term: Term) -> list[Term]:
    """Return the conditions of which each must hold for the whole to hold."""
    if isinstance(term, Both) and term.word == "and":
        return [*split(term.left), *split(term.right)]
    return [term]
