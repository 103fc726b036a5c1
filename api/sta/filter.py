"""``$filter`` and ``$orderby`` read into terms, and a term written as text again. Pure.

Rules:

1. Any text gives a term or one of our errors, which says at which character and what is expected there.
2. ``parse(text_of(term)) == term``; brackets are written around everything that is made of parts.
3. ``not`` binds weaker than a comparison, as in FROST: ``not result gt 1`` is the opposite of ``result gt 1``.
4. Times are brought to UTC, and one without a zone is refused. ``x in (1, 2)`` is read as ``x eq 1 or x eq 2``;
   ``x in properties/list`` is a function.
5. What makes a text costly is bounded: parts (``MAX_TOKENS``) and brackets within brackets (``MAX_DEPTH``).

Own code, because the one library that there is, odata-query, takes OData's functions and literals for databases of its
own kinds: STA's spans of times and ``st_`` functions, ``not`` as FROST reads it, and refusals that name the place would
have to be put around it.
"""

import difflib
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NoReturn, cast

from api.sta.errors import bad, undone
from api.sta.geometry import shape_of
from model.terms import (
    FUNCTIONS,
    Both,
    Call,
    Compare,
    Comparison,
    Constant,
    Geography,
    Interval,
    Not,
    Operator,
    Path,
    Reckon,
    Scalar,
    Term,
)

MAX_TOKENS = 600
MAX_DEPTH = 30
_COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")
_WORDS = {"true": True, "false": False, "null": None}
RESERVED = frozenset((*_COMPARISONS, *_WORDS, "and", "or", "not", "in", "add", "sub", "mul", "div", "mod"))
_MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+ -]\d\d:?\d\d)?"
_TOKENS = re.compile(
    rf"""(?P<space>\s+)
    |(?P<shape>geo(?:graphy|metry)'[^']*')
    |(?P<length>duration'[^']*')
    |(?P<text>'(?:[^']|'')*')
    |(?P<span>{_MOMENT}/{_MOMENT})
    |(?P<moment>{_MOMENT})
    |(?P<day>\d{{4}}-\d\d-\d\d)
    |(?P<clock>\d\d:\d\d(?::\d\d(?:\.\d+)?)?)
    |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<word>[^\W\d][\w.]*(?:\[\d+\])*(?:/[\w.@:-]+(?:\[\d+\])*)*|@iot\.id)
    |(?P<mark>[(),:])""",
    re.VERBOSE,
)
_LENGTH = re.compile(
    r"(?P<sign>-?)P(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d{1,6})?)S)?)?"
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(text: str) -> Term:
    """Return the term that a text says; raise ``StaError``."""
    reader = _Reader(text, "$filter")
    term = reader.term()
    reader.end()
    return term


def parse_order(text: str) -> list[tuple[Term, bool]]:
    """Return what ``$orderby`` says: terms, and whether the largest comes first; raise ``StaError``."""
    reader = _Reader(text, "$orderby")
    found = [reader.order()]
    while reader.takes(","):
        found.append(reader.order())
    reader.end()
    return found


class _Reader:
    """Recursive descent over the parts of a text."""

    def __init__(self, text: str, option: str) -> None:
        self._option = option
        self._text = text
        self._tokens = list(self._split())
        self._next = 0
        self._depth = 0

    def _split(self) -> Iterator[_Token]:
        at = count = 0
        while at < len(self._text):
            found = _TOKENS.match(self._text, at)
            if found is None or found.lastgroup is None:
                self._fail(at, "that character begins nothing; texts stand in single quotes")
            if found.lastgroup != "space":
                count += 1
                if count > MAX_TOKENS:
                    raise bad(f"{self._option} has more than {MAX_TOKENS} parts: ask in several requests")
                yield _Token(found.lastgroup, found.group(), at)
            at = found.end()

    def _fail(self, at: int, problem: str) -> NoReturn:
        here = self._text[at : at + 20]
        raise bad(f"{self._option}, character {at + 1} ({here!r}): {problem}" if here else f"{self._option}: {problem}")

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else _Token("end", "", len(self._text))

    def takes(self, *texts: str) -> str:
        """Go on behind the next part if it is one of these, and return it; else the empty text."""
        token = self._token
        if token.kind in {"word", "mark"} and token.text in texts:
            self._next += 1
            return token.text
        return ""

    def _expect(self, text: str) -> None:
        if not self.takes(text):
            self._fail(self._token.at, f"{text!r} is expected here")

    def end(self) -> None:
        """Refuse what is left."""
        if self._token.kind != "end":
            self._fail(self._token.at, "nothing more is expected here; join conditions with and, or")

    def order(self) -> tuple[Term, bool]:
        """Return one term of ``$orderby`` with its direction."""
        term = self._sum()
        descending = self.takes("desc") == "desc"
        if not descending:
            self.takes("asc")
        return term, descending

    def term(self) -> Term:
        """Return a condition, which ``or`` may join."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(self._token.at, f"more than {MAX_DEPTH} brackets within each other")
        left = self._all()
        while self.takes("or"):
            left = Both("or", left, self._all())
        self._depth -= 1
        return left

    def _all(self) -> Term:
        left = self._condition()
        while self.takes("and"):
            left = Both("and", left, self._condition())
        return left

    def _condition(self) -> Term:
        opposites = 0
        while self.takes("not"):
            opposites += 1
        term = self._comparison()
        for _ in range(opposites):
            term = Not(term)
        return term

    def _comparison(self) -> Term:
        left = self._sum()
        if word := self.takes(*_COMPARISONS):
            return Compare(cast("Comparison", word), left, self._sum())
        if self.takes("in"):
            if self._token.text != "(":
                return Call("in", (left, self._listed()))
            self._expect("(")
            term: Term = Compare("eq", left, self._sum())
            while self.takes(","):
                term = Both("or", term, Compare("eq", left, self._sum()))
            self._expect(")")
            return term
        return left

    def _listed(self) -> Path:
        """Return the property that holds the list in which something is looked for."""
        at = self._token.at
        found = self._value()
        if not isinstance(found, Path):
            self._fail(at, "a property that is a list, or values in brackets, are expected here")
        return found

    def _sum(self) -> Term:
        left = self._product()
        while word := self.takes("add", "sub"):
            left = Reckon(cast("Operator", word), left, self._product())
        return left

    def _product(self) -> Term:
        left = self._value()
        while word := self.takes("mul", "div", "mod"):
            left = Reckon(cast("Operator", word), left, self._value())
        return left

    def _value(self) -> Term:
        token = self._token
        if self.takes("("):
            inner = self.term()
            self._expect(")")
            return inner
        if token.kind in {"end", "mark"} or (token.text in RESERVED and token.text not in _WORDS):
            self._fail(token.at, "a value, a property or a function is expected here")
        self._next += 1
        if token.kind == "word":
            return self._word(token)
        try:
            return Constant(_LITERALS[token.kind](token.text))
        except (ValueError, OverflowError) as error:
            self._fail(token.at, str(error))

    def _word(self, token: _Token) -> Term:
        if token.text in _WORDS:
            return Constant(_WORDS[token.text])
        if not self.takes("("):
            name = "id" if token.text == "@iot.id" else token.text
            parts = re.split(r"[/\[]", name.replace("]", ""))  # list[1] is list/1
            return Path(tuple("id" if part == "@iot.id" else part for part in parts))
        if token.text.endswith(("/any", "/all")):
            raise undone(f"{token.text}(…) is not done here; write a path through the relation, it means any of them")
        if token.text not in FUNCTIONS:
            likely = difflib.get_close_matches(token.text, FUNCTIONS, n=1)
            hint = f"did you mean {likely[0]}?" if likely else "docs/sensorthings.md lists the functions"
            self._fail(token.at, f"there is no function {token.text}; {hint}")
        return self._call(token)

    def _call(self, token: _Token) -> Term:
        arguments: list[Term] = []
        if not self.takes(")"):
            arguments.append(self.term())
            while self.takes(","):
                arguments.append(self.term())
            self._expect(")")
        wanted = FUNCTIONS[token.text]
        if len(arguments) not in wanted:
            needed = " or ".join(map(str, wanted))
            self._fail(token.at, f"{token.text} takes {needed} values, here are {len(arguments)}")
        return Call(token.text, tuple(arguments))


def _number(text: str) -> int | float:
    if (
        text.removeprefix("-").isdigit()
        and -(2**63) <= (whole := int(text[:20])) < 2**63
        and len(text) <= len("-9") + 18
    ):
        return whole
    number = float(text)
    if math.isinf(number):
        raise ValueError("this number is too large")
    return number


def moment_of(text: str) -> datetime:
    """Return a moment in UTC; raise ``ValueError`` saying what is wrong."""
    try:
        when = datetime.fromisoformat(text.replace(" ", "+"))  # a + that nobody encoded comes as a blank
    except ValueError:
        raise ValueError("this is no time: write 2026-03-29T06:00:00Z") from None
    if when.tzinfo is None:
        raise ValueError(f"this time has no zone: write {text}Z for UTC")
    try:
        return when.astimezone(UTC)
    except OverflowError:
        raise ValueError("this time lies outside the years 1 to 9999") from None


def _span(text: str) -> Interval:
    start, end = map(moment_of, text.split("/"))
    if end < start:
        raise ValueError("this span ends before it begins")
    return Interval(start, end)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("there is no such day") from None


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError("there is no such time of day") from None


def _length(text: str) -> timedelta:
    found = _LENGTH.fullmatch(text[len("duration'") : -1])
    if found is None or not any(found.group("days", "hours", "minutes", "seconds")):
        raise ValueError("write a length of time as duration'P1DT2H30M'")
    days, hours, minutes = (int(found[part] or 0) for part in ("days", "hours", "minutes"))
    seconds, _, fraction = (found["seconds"] or "0").partition(".")
    try:
        length = timedelta(days, int(seconds), int(fraction.ljust(6, "0") or 0), 0, minutes, hours)
    except OverflowError:
        raise ValueError("this length of time is too long") from None
    return -length if found["sign"] else length


def _quoted(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text holds no zero byte")
    return text[1:-1].replace("''", "'")


def _shape(text: str) -> Geography:
    geography = Geography(text.partition("'")[2][:-1])
    shape_of(geography)
    return geography


_LITERALS: dict[str, Callable[[str], Scalar]] = {
    "shape": _shape,
    "length": _length,
    "text": _quoted,
    "span": _span,
    "moment": moment_of,
    "day": _day,
    "clock": _clock,
    "number": _number,
}


def text_of(term: Term) -> str:
    """Return a term as text that is read as the same term."""
    match term:
        case Constant():
            return literal_of(term.value)
        case Path():
            return "/".join(term.parts)
        case Not():
            return f"not {_within(term.term)}"
        case Call() if term.name == "in":
            return f"{_within(term.arguments[0])} in {_within(term.arguments[1])}"
        case Call():
            return f"{term.name}({', '.join(map(text_of, term.arguments))})"
        case Both() | Compare() | Reckon():
            return f"{_within(term.left)} {term.word} {_within(term.right)}"


def _within(term: Term) -> str:
    bare = isinstance(term, Constant | Path) or (isinstance(term, Call) and term.name != "in")
    return text_of(term) if bare else f"({text_of(term)})"


def stamp(when: datetime) -> str:
    """Return a moment as it stands in answers and in terms: UTC, with as many digits as it needs."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def literal_of(value: Scalar) -> str:
    """Return a value as it stands in a term."""
    match value:
        case None | bool():
            return next(word for word, meant in _WORDS.items() if meant is value)
        case str():
            return "'" + value.replace("'", "''") + "'"
        case Geography():
            return f"geography'{value.wkt}'"
        case int() | float():
            return repr(value)
        case _:
            return _time_text(value)


def _time_text(value: datetime | date | time | timedelta | Interval) -> str:
    match value:
        case datetime():
            return stamp(value)
        case Interval():
            return f"{stamp(value.start)}/{stamp(value.end)}"
        case timedelta():
            sign, length = ("-", -value) if value < timedelta() else ("", value)
            return f"duration'{sign}P{length.days}DT{length.seconds}.{length.microseconds:06d}S'"
        case _:
            return value.isoformat()
