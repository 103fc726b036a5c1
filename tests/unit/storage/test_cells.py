"""Rows for COPY, laid out from columns: pure."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.cells import ABSENT, Fixed, Texts, cells, rows

lines = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**31), 2**31 - 1),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.text(st.characters(codec="utf-8"), max_size=4),
        st.none() | st.binary(max_size=4),
    ),
    min_size=1,
)


def one_by_one(line: tuple[int | None, int | None, str | None, bytes | None]) -> bytes:
    """Return the row of these values as PostgreSQL's manual has it: how many, then each behind its length."""
    first, second, third, fourth = line
    values = (
        None if first is None else first.to_bytes(4, "big", signed=True),
        None if second is None else second.to_bytes(8, "big", signed=True),
        None if third is None else third.encode(),
        fourth,
    )
    return (4).to_bytes(2, "big") + b"".join(
        b"\xff\xff\xff\xff" if value is None else len(value).to_bytes(4, "big") + value for value in values
    )


@given(lines)
def test_columns_make_the_rows_that_their_values_make_one_by_one(
    drawn: list[tuple[int | None, int | None, str | None, bytes | None]],
) -> None:
    """Whatever is absent, and wherever: the same bytes."""
    fixed = [
        Fixed(
            np.array([line[place] or 0 for line in drawn]), form, np.array([line[place] is not None for line in drawn])
        )
        for place, form in ((0, ">i4"), (1, ">i8"))
    ]
    varying = [Texts().column([line[2] for line in drawn]), cells([line[3] for line in drawn])]

    assert rows(fixed, varying) == b"".join(map(one_by_one, drawn))


def test_rows_of_numbers_alone_need_no_joining() -> None:
    """Without texts and gaps a table of numbers is the rows."""
    made = rows([Fixed(np.array([1, 2]), ">i4"), Fixed(np.array([True, False]), "u1")])

    assert made == b"\0\2\0\0\0\4\0\0\0\1\0\0\0\1\1\0\2\0\0\0\4\0\0\0\2\0\0\0\1\0"
    assert cells([None, None]) == [ABSENT, ABSENT]
