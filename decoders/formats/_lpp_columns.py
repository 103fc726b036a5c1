"""Many Cayenne LPP payloads at once: columns by numpy, with what ``cayenne`` says of them one by one.

Rules:

1. Payloads of one length become rows of bytes. All rows with the first row's bytes at its headers are read together,
   the others wait for the next round.
2. A few rows, or too many kinds of rows (garbage), are left to be read one by one: columns would not pay.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from decoders.formats._base import OutputBatch, OutputGroup, join_path
from decoders.formats._lpp import Number, Shape, Shapes
from decoders.output import Output
from model.errors import DecodeError
from model.readings import Array, Ints

Rows = npt.NDArray[np.uint8]
Numbers = Callable[[Shape], Iterable[tuple[tuple[str, ...], Number, int]]]

_FEW = 8  # rows of one shape from which columns pay
_MANY = 32  # shapes of one length after which the rest is read one by one
_LOW = np.dtype(">u2")
_LONGEST = 255  # bytes; what is longer came over no radio, and is read one by one


def decode_columns(
    payloads: Sequence[bytes], shapes: Shapes, numbers: Numbers, one: Callable[[bytes], Output]
) -> OutputBatch:
    """Return what the payloads say. ``numbers``: those of a shape, with keys and place; ``one`` decodes a payload."""
    batch = _Batch(payloads, shapes, numbers)
    lengths = np.fromiter(map(len, payloads), np.int64, len(payloads))
    content = np.frombuffer(b"".join(payloads) + b"\0", np.uint8)
    begins = np.cumsum(lengths) - lengths
    order = np.argsort(lengths, kind="stable")
    ends = (np.flatnonzero(np.diff(lengths[order])) + 1).tolist()
    for start, end in pairwise([0, *ends, len(payloads)]):
        positions = order[start:end]
        width = int(lengths[positions[0]]) if len(positions) else 0
        if len(positions) >= _FEW and width <= _LONGEST:
            rows = content[begins[positions][:, np.newaxis] + np.arange(width)]
            positions = batch.length(rows, positions)
        for position in positions.tolist():
            try:
                batch.outputs[position] = one(payloads[position])
            except DecodeError as error:
                batch.errors[position] = error
    return OutputBatch(len(payloads), tuple(batch.groups), batch.outputs, batch.warnings, batch.errors)


class _Batch:
    """One batch on its way."""

    def __init__(self, payloads: Sequence[bytes], shapes: Shapes, numbers: Numbers) -> None:
        self.payloads = payloads
        self.shapes = shapes
        self.numbers = numbers
        self.groups: list[OutputGroup] = []
        self.outputs: dict[int, Output] = {}
        self.warnings: dict[int, tuple[str, ...]] = {}
        self.errors: dict[int, DecodeError] = {}

    def length(self, rows: Rows, positions: Ints) -> Ints:
        """Read rows of one length, shape by shape; return the positions of those that are left."""
        for _ in range(_MANY):
            if len(rows) < _FEW:
                break
            shape = self.shapes.of(self.payloads[int(positions[0])])
            headers = rows[:, shape.headers]
            same = (headers == headers[0]).all(axis=1)
            if same.all():
                self.rows(shape, rows, positions)
                return positions[:0]
            self.rows(shape, rows[same], positions[same])
            others = ~same
            rows, positions = rows[others], positions[others]
        return positions

    def rows(self, shape: Shape, rows: Rows, positions: Ints) -> None:
        """Read rows of one shape."""
        if shape.error is not None:
            self.errors.update((position, shape.raised()) for position in positions.tolist())
            return
        if not isinstance(shape.columns, dict):
            shape.columns = {join_path(keys): _Reader(number, start) for keys, number, start in self.numbers(shape)}
        self.groups.append(OutputGroup(positions, {path: read(rows) for path, read in shape.columns.items()}))
        if shape.warnings:
            self.warnings.update(dict.fromkeys(positions.tolist(), shape.warnings))


class _Reader:
    """Reads one number out of every row."""

    __slots__ = ("divisor", "first", "place", "rest")

    def __init__(self, number: Number, start: int) -> None:
        head = 1 if number.size == 3 else number.size  # noqa: PLR2004 - numpy has no integers of three bytes
        self.place = start
        self.first = np.dtype(f">{'i' if number.signed else 'u'}{head}")
        self.rest = number.size - head
        self.divisor = number.divisor

    def __call__(self, rows: Rows) -> Array:
        raw = self._integers(rows, self.place, self.first)
        if self.rest:
            raw = raw.astype(np.int64) << 16 | self._integers(rows, self.place + 1, _LOW)
        return raw.astype(np.int64) if self.divisor == 1 else raw / self.divisor

    @staticmethod
    def _integers(rows: Rows, start: int, kind: np.dtype[np.generic]) -> Ints:
        """Return the integers that begin there, without copying: every row's bytes follow each other."""
        found: Ints = np.ndarray((len(rows),), kind, rows, start, (rows.strides[0],))
        return found
