"""Rows for COPY in PostgreSQL's binary form, made from whole columns. Pure.

The driver makes a row value by value in Python, about 0.3 µs each; here numpy lays out all columns of fixed width at
once, absent values are cut out by a mask, and only texts and bytes are joined row by row. PostgreSQL checks the length
of a value, not its kind: a column must be made as the table wants it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from model.readings import Array, Bools

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""What COPY in binary form begins with."""
TAIL = b"\xff\xff"
"""What it ends with."""
ABSENT = b"\xff\xff\xff\xff"
"""A cell without a value: NULL."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A column of values of one width. ``form``: numpy's type of a value as sent; ``valid``: where there are any."""

    values: Array
    form: str
    valid: Bools | None = None


Cells = Sequence[bytes]
"""A column of values of any width: each its length, then its bytes, or ``ABSENT``."""


def cell(value: bytes) -> bytes:
    """Return a value of any width as it stands in a row."""
    return len(value).to_bytes(4, "big") + value


def cells(values: Sequence[bytes | None]) -> list[bytes]:
    """Return a column of values of any width, as they stand in rows."""
    if values.count(None) == len(values):
        return [ABSENT] * len(values)
    return [ABSENT if value is None else len(value).to_bytes(4, "big") + value for value in values]


class Texts(dict[str | None, bytes]):
    """The cells of texts that repeat: text -> cell, made when it is first asked for."""

    def __missing__(self, text: str | None) -> bytes:
        """Make the cell; raise ``UnicodeEncodeError`` for halves of surrogate pairs."""
        made = self[text] = ABSENT if text is None else cell(text.encode())
        return made

    def column(self, texts: Iterable[str | None]) -> list[bytes]:
        """Return the cells of these texts."""
        return list(map(self.__getitem__, texts))


def rows(fixed: Sequence[Fixed], varying: Sequence[Cells] = ()) -> bytes:
    """Return the rows of these columns, first those of fixed width, then the others; without head and tail."""
    count = len(fixed[0].values)
    layout: list[tuple[str, str]] = [("cells", ">i2")]
    for place, column in enumerate(fixed):
        layout += [(f"length{place}", ">i4"), (f"value{place}", column.form)]
    table = np.empty(count, dtype=layout)
    table["cells"] = len(fixed) + len(varying)
    gaps: list[tuple[int, int, Bools]] = []  # where such a value begins and ends in a row, and which rows have it
    end = table.dtype["cells"].itemsize
    for place, column in enumerate(fixed):
        width = table.dtype[f"value{place}"].itemsize
        end += table.dtype[f"length{place}"].itemsize + width
        table[f"value{place}"] = column.values
        table[f"length{place}"] = width
        if column.valid is not None and not column.valid.all():
            gaps.append((end - width, end, column.valid))
            table[f"length{place}"][~column.valid] = -1
    if not gaps:
        return table.tobytes() if not varying else _joined(table.view(f"V{table.dtype.itemsize}").tolist(), varying)
    kept = np.ones((count, table.dtype.itemsize), dtype=np.bool_)
    for start, end, valid in gaps:
        kept[:, start:end] = valid[:, None]
    data = table.view(np.uint8).reshape(count, -1)[kept].tobytes()
    if not varying:
        return data
    ends = np.cumsum(kept.sum(axis=1)).tolist()
    return _joined([data[start:end] for start, end in zip([0, *ends], ends, strict=False)], varying)


def _joined(heads: Cells, varying: Sequence[Cells]) -> bytes:
    stride = 1 + len(varying)
    parts: list[bytes] = [b""] * (stride * len(heads))
    parts[::stride] = heads
    for place, column in enumerate(varying, 1):
        parts[place::stride] = column
    return b"".join(parts)
