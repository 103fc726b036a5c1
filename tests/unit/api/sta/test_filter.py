"""Conditions of SensorThings: text to terms and back."""

import math
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.sta.errors import StaError
from api.sta.filter import MAX_DEPTH, MAX_TOKENS, RESERVED, parse, parse_order, text_of
from model.terms import (
    FUNCTIONS,
    Both,
    Call,
    Compare,
    Constant,
    Geography,
    Interval,
    Not,
    Path,
    Reckon,
    Term,
)

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


def is_(left: str, value: object) -> Compare:
    return Compare("eq", Path(tuple(left.split("/"))), Constant(value))  # type: ignore[arg-type]  # any value


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("result eq 1", is_("result", 1)),
        ("result eq -1.5e3", is_("result", -1500.0)),
        ("name eq 'it''s'", is_("name", "it's")),
        ("@iot.id eq 'a' ", is_("id", "a")),
        ("Datastream/@iot.id eq 'a'", is_("Datastream/id", "a")),
        ("properties/domain ne null", Compare("ne", Path(("properties", "domain")), Constant(None))),
        ("a eq 1 or b eq 2 and c eq 3", Both("or", is_("a", 1), Both("and", is_("b", 2), is_("c", 3)))),
        ("(a eq 1 or b eq 2) and c eq 3", Both("and", Both("or", is_("a", 1), is_("b", 2)), is_("c", 3))),
        ("not a eq 1 and not b eq 2", Both("and", Not(is_("a", 1)), Not(is_("b", 2)))),
        ("1 in properties/some", Call("in", (Constant(1), Path(("properties", "some"))))),
        ("a[1]/b[0] eq 1", is_("a/1/b/0", 1)),
        ("a in (1, 2)", Both("or", is_("a", 1), is_("a", 2))),
        (
            "1 add a mul 2 sub -1 eq 4",
            Compare(
                "eq",
                Reckon(
                    "sub",
                    Reckon("add", Constant(1), Reckon("mul", Path(("a",)), Constant(2))),
                    Constant(-1),
                ),
                Constant(4),
            ),
        ),
        ("t ge 2026-03-29T14:00:00+02:00", Compare("ge", Path(("t",)), Constant(NOON))),
        ("t ge 2026-03-29T14:00:00 02:00", Compare("ge", Path(("t",)), Constant(NOON))),
        (
            "during(t, 2026-03-29T12:00:00Z/2026-03-29T13:00:00Z)",
            Call("during", (Path(("t",)), Constant(Interval(NOON, NOON + timedelta(hours=1))))),
        ),
        (
            "t gt now() sub duration'P1DT2H'",
            Compare("gt", Path(("t",)), Reckon("sub", Call("now", ()), Constant(timedelta(days=1, hours=2)))),
        ),
        ("date(t) eq 2026-03-29", Compare("eq", Call("date", (Path(("t",)),)), Constant(date(2026, 3, 29)))),
        ("time(t) lt 06:30", Compare("lt", Call("time", (Path(("t",)),)), Constant(time(6, 30)))),
        (
            "st_within(location, geography'POINT (1 2)')",
            Call("st_within", (Path(("location",)), Constant(Geography("POINT (1 2)")))),
        ),
    ],
)
def test_what_is_written_is_read(text: str, term: Term) -> None:
    """Each form of the standard is read as what it means, with the precedence that FROST gives it."""
    assert parse(text) == term


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a value, a property or a function is expected"),
        ("result gt", "a value, a property or a function is expected"),
        ("result gt 1 2", r"character 13 \('2'\): nothing more is expected here"),
        ("(result gt 1", r"'\)' is expected here"),
        ("result gt 2026-01-01T00:00:00", "has no zone: write 2026-01-01T00:00:00Z"),
        ("result gt 2026-13-01T00:00:00Z", "this is no time"),
        ("result gt 0001-01-01T00:00:00+10:00", "outside the years"),
        ("a during 2026-01-02T00:00:00Z/2026-01-01T00:00:00Z", "nothing more is expected"),
        ("during(a,2026-01-02T00:00:00Z/2026-01-01T00:00:00Z)", "ends before it begins"),
        ("a eq 2026-02-30", "no such day"),
        ("a eq 25:00", "no such time of day"),
        ("a eq duration'P'", "write a length of time"),
        ("a eq duration'P9999999999D'", "too long"),
        ("a eq 1e999", "too large"),
        ("a eq 'open", "texts stand in single quotes"),
        ('a eq "b"', "texts stand in single quotes"),
        ("startwith(a,'b')", "did you mean startswith"),
        ("length(a,'b')", "length takes 1 values, here are 2"),
        ("st_within(a, geography'POLY')", "no shape in well-known text"),
        ("a eq '\0'", "no zero byte"),
        ("a in 1", "a property that is a list"),
        ("a in ()", "a value, a property or a function is expected"),
        ("and eq 1", "a value, a property or a function is expected"),
        ("Datastreams/any(d: d/name eq 'a')", "is not done here"),
        ("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1), f"more than {MAX_DEPTH} brackets"),
        (" and ".join(["a eq 1"] * MAX_TOKENS), f"more than {MAX_TOKENS} parts"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, says: str) -> None:
    """The refusal says where it stopped and what is wrong there."""
    with pytest.raises(StaError, match=says):
        parse(text)


def test_an_order_is_read() -> None:
    """Several terms, each with its direction; ascending is what is not said."""
    assert parse_order("phenomenonTime desc, result asc,id") == [
        (Path(("phenomenonTime",)), True),
        (Path(("result",)), False),
        (Path(("id",)), False),
    ]
    with pytest.raises(StaError, match=r"\$orderby, character 4"):
        parse_order("id down")


NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_.]{0,8}", fullmatch=True).filter(
    lambda name: name not in RESERVED and name not in FUNCTIONS
)
MOMENTS = st.datetimes(timezones=st.just(UTC))
SHAPES = st.sampled_from(["POINT (-4.5 48.4)", "POLYGON ((0 0, 0 1, 1 1, 0 0))", "LINESTRING (0 0, 1 1)"])
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    MOMENTS,
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.tuples(MOMENTS, MOMENTS).map(lambda pair: Interval(min(pair), max(pair))),
    SHAPES.map(Geography),
)
LEAVES = st.one_of(VALUES.map(Constant), st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: Path(tuple(parts))))


def calls(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    names = st.sampled_from(sorted(FUNCTIONS))
    return names.flatmap(
        lambda name: st.lists(inner, min_size=FUNCTIONS[name][0], max_size=FUNCTIONS[name][-1]).map(
            lambda arguments: Call(name, tuple(arguments))
        )
    )


TERMS: st.SearchStrategy[Term] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(Not),
        st.builds(Both, st.sampled_from(["and", "or"]), inner, inner),
        st.builds(Compare, st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]), inner, inner),
        st.builds(Reckon, st.sampled_from(["add", "sub", "mul", "div", "mod"]), inner, inner),
        calls(inner),
    ),
    max_leaves=12,
)


@given(term=TERMS)
def test_a_term_is_read_as_it_was_written(term: Term) -> None:
    """Whatever term there is, its text is read as the same term."""
    assert parse(text_of(term)) == term


def test_a_list_is_written_as_it_is_read() -> None:
    """What is looked for in a list, and where the whole is a part of something, is read as it was written."""
    for text in ("1 in a", "not (1 in a/b)", "(1 in a) and (length(b) in c)", "(1 in a) in b"):
        assert parse(text_of(parse(text))) == parse(text)


PIECES = st.sampled_from(
    [
        "result",
        "eq",
        "and",
        "not",
        "(",
        ")",
        ",",
        "'a'",
        "1",
        "-1",
        "null",
        "in",
        "length(",
        "2026-01-01",
        "geography'",
        "/",
    ]
)


@given(text=st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=20).map(" ".join)))
def test_any_text_is_a_term_or_our_error(text: str) -> None:
    """No text breaks the reader: it gives a term that can be written again, or our refusal."""
    try:
        term = parse(text)
    except StaError as error:
        assert error.status in {400, 501}
        assert str(error)
    else:
        assert parse(text_of(term)) == term


def test_numbers_stay_what_they_are() -> None:
    """Whole numbers are exact as far as the database counts; larger ones are floats."""
    assert parse(str(2**63 - 1)) == Constant(2**63 - 1)
    assert parse(str(2**70)) == Constant(float(2**70))
    assert parse("0.1") == Constant(0.1)
    assert isinstance(parse("2.0"), Constant)
    assert math.isclose(1e-7, parse("1e-07").value)  # type: ignore[arg-type,union-attr]  # a number
