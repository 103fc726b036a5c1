"""Terms over observations made into SQL. Pure.

Rules:

1. Values are parameters; what is written into the text is chosen from what stands in this module.
2. A result is a number, a word or a truth: what it is compared with says which is meant, and rows of another sort are
   neither equal nor ordered.
3. What makes no sense (a time compared with a number) is refused and names both sorts. A division by zero is null.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from psycopg.sql import SQL, Composable, Placeholder

from model.errors import BadRequestError
from model.terms import Both, Call, Compare, Constant, Interval, Not, Path, Reckon, Scalar, Term

Sort = Literal["number", "text", "truth", "moment", "day", "clock", "length"]

_PATHS: dict[tuple[str, ...], tuple[SQL, Sort]] = {
    ("phenomenonTime",): (SQL("r.time"), "moment"),
    ("resultTime",): (SQL("r.received_at"), "moment"),
    ("id",): (
        SQL("d.id || ':' || v.field || ':' || (extract(epoch from r.time) * 1000000)::bigint::text"),
        "text",
    ),
    ("parameters", "simulated"): (SQL("r.simulated"), "truth"),
    ("parameters", "codec"): (SQL("c.version"), "text"),
    ("parameters", "flags"): (SQL("coalesce(array_to_string(r.flags, ','), '')"), "text"),
}
_RESULTS: dict[str, SQL] = {"number": SQL("v.number"), "text": SQL("v.word"), "truth": SQL("v.truth")}
_CASTS: tuple[tuple[type | tuple[type, ...], Sort, SQL], ...] = (
    # the first that fits holds: a bool is an int, a datetime a date
    (bool, "truth", SQL("{}::boolean")),
    ((int, float), "number", SQL("{}::double precision")),
    (str, "text", SQL("{}::text")),
    (datetime, "moment", SQL("{}::timestamptz")),
    (date, "day", SQL("{}::date")),
    (time, "clock", SQL("{}::time")),
    (timedelta, "length", SQL("{}::interval")),
)
_SIGNS = {
    "eq": SQL("is not distinct from"),
    "ne": SQL("is distinct from"),
    "gt": SQL(">"),
    "ge": SQL(">="),
    "lt": SQL("<"),
    "le": SQL("<="),
}
_ITSELF = {
    "eq": SQL("true"),
    "ne": SQL("false"),
    **dict.fromkeys(("ge", "le"), SQL("(case when v.truth is null then true end)")),
    **dict.fromkeys(("gt", "lt"), SQL("(case when v.truth is null then false end)")),
}
"""A result compared with itself: it is of one sort with it, whichever that is."""
_UNORDERED = ("truth",)

_FUNCTIONS: dict[str, tuple[tuple[Sort, ...], Sort, str]] = {
    "startswith": (("text", "text"), "truth", "starts_with({0}, {1})"),
    "endswith": (("text", "text"), "truth", "right({0}, length({1})) = {1}"),
    "substringof": (("text", "text"), "truth", "position({0} in {1}) > 0"),
    "contains": (("text", "text"), "truth", "position({1} in {0}) > 0"),
    "indexof": (("text", "text"), "number", "(position({1} in {0}) - 1)::double precision"),
    "concat": (("text", "text"), "text", "({0} || {1})"),
    "length": (("text",), "number", "length({0})::double precision"),
    "tolower": (("text",), "text", "lower({0})"),
    "toupper": (("text",), "text", "upper({0})"),
    "trim": (("text",), "text", "btrim({0}, ' ')"),
    "round": (("number",), "number", "(floor(abs({0}) + 0.5) * sign({0}))"),
    "floor": (("number",), "number", "floor({0})"),
    "ceiling": (("number",), "number", "ceil({0})"),
    "second": (("moment",), "number", "floor(extract(second from {0}))::double precision"),
    "fractionalseconds": (
        ("moment",),
        "number",
        "(extract(microsecond from {0})::bigint %% 1000000)::double precision / 1000000",
    ),
    "date": (("moment",), "day", "({0} at time zone 'UTC')::date"),
    "time": (("moment",), "clock", "({0} at time zone 'UTC')::time"),
    "totaloffsetminutes": (("moment",), "number", "(case when {0} is not null then 0.0::double precision end)"),
    **{
        part: (("moment",), "number", f"extract({part} from {{0}} at time zone 'UTC')::double precision")
        for part in ("year", "month", "day", "hour", "minute")
    },
}
"""Function -> what it takes, what it gives, and how PostgreSQL says it."""
_PERIODS = {
    "before": "{1} < {2}",
    "after": "{0} > {3}",
    "meets": "({1} = {2} or {0} = {3})",
    "during": "({0} >= {2} and {1} <= {3})",
    "overlaps": "({0} <= {3} and {2} <= {1})",
    "starts": "{0} = {2}",
    "finishes": "{1} = {3}",
}
_RECKONED: dict[tuple[str, Sort, Sort], Sort] = {
    ("add", "moment", "length"): "moment",
    ("add", "length", "moment"): "moment",
    ("sub", "moment", "length"): "moment",
    ("add", "length", "length"): "length",
    ("sub", "length", "length"): "length",
    ("sub", "moment", "moment"): "length",
}
_NUMBERS = {
    "add": "({0} + {1})",
    "sub": "({0} - {1})",
    "mul": "({0} * {1})",
    "div": "({0} / nullif({1}, 0))",
    "mod": "({0} - trunc({0} / nullif({1}, 0)) * {1})",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Makes SQL of terms; ``parameters`` fill up with their values."""

    parameters: dict[str, Any] = field(default_factory=dict)

    def of(self, term: Term) -> Composable:
        """Return the SQL of a condition; raise ``BadRequestError`` for what is none."""
        return self._as(term, "truth")

    def value(self, value: object) -> Placeholder:
        """Return a parameter for a value."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return Placeholder(name)

    def _as(self, term: Term, sort: Sort) -> Composable:
        """Return a term that must be of this sort."""
        if isinstance(term, Constant) and term.value is None:
            return next(cast for _, name, cast in _CASTS if name == sort).format(SQL("null"))
        if isinstance(term, Path) and term.parts == ("result",):
            if sort in _RESULTS:
                return _RESULTS[sort]
            raise BadRequestError(f"$filter: a result is no {sort}")
        made, found = self.made(term)
        if found != sort:
            raise BadRequestError(f"$filter: a {found} stands where a {sort} is expected")
        return made

    def made(self, term: Term) -> tuple[Composable, Sort]:
        """Return the SQL of a term, and of which sort it is."""
        match term:
            case Constant():
                return self._constant(term.value)
            case Path():
                return _path(term.parts)
            case Not():
                return SQL("(not {})").format(self._as(term.term, "truth")), "truth"
            case Both():
                word = SQL("and" if term.word == "and" else "or")
                return SQL("({} {} {})").format(self.of(term.left), word, self.of(term.right)), "truth"
            case Compare():
                return self._compare(term), "truth"
            case Reckon():
                return self._reckon(term)
            case Call():
                return self._call(term)

    def _constant(self, value: Scalar) -> tuple[Composable, Sort]:
        for kind, sort, cast in _CASTS:
            if isinstance(value, kind):
                return cast.format(self.value(value)), sort
        raise BadRequestError("$filter: a span of times or a shape stands where it cannot be compared")

    def _sort(self, term: Term) -> Sort | None:
        """Return of which sort a term is, ``None`` where that is open."""
        if isinstance(term, Constant) and (term.value is None or isinstance(term.value, Interval)):
            return None
        if isinstance(term, Path) and (term.parts == ("result",) or term.parts not in _PATHS):
            return None
        return Condition().made(term)[1]

    def _compare(self, term: Compare) -> Composable:
        if _null(term.left) or _null(term.right):
            return self._with_null(term)
        if isinstance(term.left, Constant) and isinstance(term.left.value, Interval):
            return self._span(_TURNED[term.word], term.right, term.left.value)
        if isinstance(term.right, Constant) and isinstance(term.right.value, Interval):
            return self._span(term.word, term.left, term.right.value)
        if term.left == term.right == Path(("result",)):
            return _ITSELF[term.word]
        left, right = self._sort(term.left), self._sort(term.right)
        sort = left or right or "number"
        if (right or sort) != sort:
            raise BadRequestError(f"$filter compares a {left} with a {right}")
        if sort in _UNORDERED and term.word not in {"eq", "ne"}:
            raise BadRequestError(f"$filter: a {sort} is neither more nor less than another")
        sign = _SIGNS[term.word]
        if term.word == "eq" and sort == "moment":  # for the index by time; times are never null
            sign = SQL("=")
        collation = SQL(' collate "C"') if sort == "text" else SQL("")
        return SQL("({} {} {}{})").format(self._as(term.left, sort), sign, self._as(term.right, sort), collation)

    def _with_null(self, term: Compare) -> Composable:
        other = term.right if _null(term.left) else term.left
        if term.word not in {"eq", "ne"}:
            return SQL("null::boolean")
        if _null(other):
            return SQL("true" if term.word == "eq" else "false")
        if isinstance(other, Path) and other.parts == ("result",):  # there is no observation without one
            return SQL("false" if term.word == "eq" else "true")
        made, _ = self.made(other)
        return SQL("({} {})").format(made, SQL("is null" if term.word == "eq" else "is not null"))

    def _span(self, word: str, moment: Term, span: Interval) -> Composable:
        when = self._as(moment, "moment")
        if span.start == span.end:
            return SQL("({} {} {})").format(when, _SIGNS[word], self.value(span.start))
        if word in {"eq", "ne"}:
            return SQL("false" if word == "eq" else "true")
        if word in {"gt", "ge"}:
            return SQL("({} >= {})").format(when, self.value(span.end))
        return SQL("({} <= {})").format(when, self.value(span.start))

    def _reckon(self, term: Reckon) -> tuple[Composable, Sort]:
        left, right = self._sort(term.left) or "number", self._sort(term.right) or "number"
        if left == right == "number":
            one, other = self._as(term.left, "number"), self._as(term.right, "number")
            return _format(_NUMBERS[term.word], one, other), "number"
        sort = _RECKONED.get((term.word, left, right))
        if sort is None:
            raise BadRequestError(f"$filter: {left} {term.word} {right} cannot be reckoned")
        return _format(_NUMBERS[term.word], self._as(term.left, left), self._as(term.right, right)), sort

    def _call(self, term: Call) -> tuple[Composable, Sort]:
        name, arguments = term.name, term.arguments
        if name in _PERIODS:
            ends = [end for argument in arguments for end in self._ends(argument)]
            return _format(f"({_PERIODS[name]})", *ends), "truth"
        if name == "in":
            if arguments[1] != Path(("parameters", "flags")):
                raise BadRequestError("$filter: of observations, parameters/flags is the only list")
            return SQL("({} = any(coalesce(r.flags, '{{}}')))").format(self._as(arguments[0], "text")), "truth"
        if name == "substring":
            start = SQL("(greatest({}, 0)::integer + 1)").format(self._as(arguments[1], "number"))
            count = [SQL("greatest({}, 0)::integer").format(self._as(argument, "number")) for argument in arguments[2:]]
            parts = SQL(", ").join([self._as(arguments[0], "text"), start, *count])
            return SQL("substr({})").format(parts), "text"
        if name not in _FUNCTIONS:
            raise BadRequestError(f"$filter: {name}() cannot be asked of observations; ask it of Locations")
        takes, gives, text = _FUNCTIONS[name]
        values = [self._as(argument, sort) for argument, sort in zip(arguments, takes, strict=True)]
        return _format(f"({text})", *values), gives

    def _ends(self, term: Term) -> tuple[Composable, Composable]:
        if isinstance(term, Constant) and isinstance(term.value, Interval):
            return self.value(term.value.start), self.value(term.value.end)
        made = self._as(term, "moment")
        return made, made


_TURNED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}


def _format(text: str, *values: Composable) -> Composable:
    """Fill in one of the texts of this module."""
    make: Callable[[str], SQL] = SQL
    return make(text).format(*values)


def _null(term: Term) -> bool:
    """Return whether a term is null whatever the row says."""
    if isinstance(term, Path):
        return term.parts != ("result",) and term.parts not in _PATHS
    return isinstance(term, Constant) and term.value is None


def _path(parts: tuple[str, ...]) -> tuple[Composable, Sort]:
    found = _PATHS.get(parts)
    if found is None:
        return SQL("null::boolean"), "truth"
    return found
