"""The elements of a layout: what its lines and blocks mean. docs/layout-language.md is the reference.

Rules:

1. Elements are values. ``decoders.layout_parser`` makes them from text; ``layout_shape`` reads a payload with them,
   ``layout_encoding`` writes one, ``batch`` reads many at once. None of them knows more of a type than stands here.
2. An ``Item`` turns a raw value into a value (``convert``) and back (``invert``). ``convert`` gives null and
   a warning for what means nothing, ``invert`` raises ``EncodeError`` for what does not fit.
3. Names that begin with an underscore are words: used by other lines, not stored.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from decoders.bits import Raw, RawType
from decoders.expression import Expression
from model.device import Kind
from model.errors import EncodeError
from model.value import Value

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
TIME = "time"

_LARGEST = 1e300

Operation = tuple[Literal["+", "-", "*", "/"], int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line that reads something. ``word``, ``low``: it is taken out of that word, from bit ``low`` upwards.

    ``nulls``: ranges of raw values, ends included. ``labels``: raw value -> text, or truth value when ``kind`` is BOOL.
    ``line``: where it stands in the layout, from 1.
    """

    name: str
    raw_type: RawType
    kind: Kind
    line: int = 0
    word: str | None = None
    low: int = 0
    operations: tuple[Operation, ...] = ()
    nulls: tuple[tuple[int | float, int | float], ...] = ()
    labels: Mapping[int, str | bool] = field(default_factory=dict)
    constant: int | None = None

    @property
    def is_field(self) -> bool:
        """Whether the value is stored (or is the time)."""
        return not self.name.startswith("_")

    @property
    def can_be_null(self) -> bool:
        """Whether null can be encoded."""
        return bool(self.nulls) or self.raw_type.form in {"float", "ascii"}

    def convert(self, raw: Raw) -> tuple[Value, str | None]:
        """Return the value that ``raw`` means, and a warning if it means none."""
        if raw is None:
            return None, f"{self.name}: a digit above 9"
        if isinstance(raw, bytes):
            return self._text(raw)
        if self.nulls and self.is_null(raw):
            return None, None
        if self.labels:
            label = self.labels.get(int(raw))
            return label, f"{self.name}: raw value {raw} is not listed" if label is None else None
        if self.kind is Kind.BOOL:
            return bool(raw), None
        value = self.calculate(raw)
        if isinstance(value, float):
            return (value, None) if math.isfinite(value) else (None, None)
        if INT64_MIN <= value <= INT64_MAX:
            return value, None
        return None, f"{self.name}: {value} is larger than 64 bits with sign can hold"

    def is_null(self, raw: float) -> bool:
        """Whether ``raw`` is one of the raw values that mean "not known"."""
        for low, high in self.nulls:  # noqa: SIM110 - a third of the time of any(), in the way of every value
            if low <= raw <= high:
                return True
        return False

    def calculate(self, raw: float) -> int | float:
        """Return ``raw`` after the arithmetic; a float unless the kind is INT."""
        value = raw if self.kind is Kind.INT else float(raw)
        for sign, number in self.operations:
            if sign == "/":
                value = value / number
            elif sign == "*":
                value = value * number
            elif sign == "+":
                value = value + number
            else:
                value = value - number
        return value

    def _text(self, raw: bytes) -> tuple[str | None, str | None]:
        if self.raw_type.form == "hex":
            return raw.hex(), None
        raw = raw.rstrip(b"\0 ")
        if all(0x20 <= byte <= 0x7E for byte in raw):  # noqa: PLR2004 - printable ASCII
            return raw.decode("ascii") or None, None
        return None, f"{self.name}: not a printable text"

    def invert(self, value: Value) -> Raw:
        """Return the raw value for ``value``; raise ``EncodeError`` for one that the item cannot express."""
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return self._null()
        if self.labels:
            return self._label(value)
        if self.kind is Kind.TEXT:
            return self._bytes(value)
        if self.kind is Kind.BOOL:
            if not isinstance(value, bool):
                raise EncodeError(f"{self.name}: {value!r} is not true or false")
            return int(value)
        if isinstance(value, bool | str):
            raise EncodeError(f"{self.name}: {value!r} is not a number")
        return self._number(value)

    def _null(self) -> Raw:
        if self.raw_type.form == "float" and not self.nulls:
            return math.nan
        if self.raw_type.form == "ascii":
            return b""
        if not self.nulls:
            raise EncodeError(f"{self.name}: a value is needed, this frame cannot say that it is not known")
        return self.nulls[0][0]

    def _label(self, value: Value) -> int:
        for raw, label in self.labels.items():
            if label == value and type(label) is type(value):
                return raw
        raise EncodeError(
            f"{self.name}: {value!r} is none of {', '.join(str(label) for label in self.labels.values())}"
        )

    def _bytes(self, value: Value) -> bytes:
        if not isinstance(value, str):
            raise EncodeError(f"{self.name}: {value!r} is not a text")
        count = self.raw_type.bits // 8
        if self.raw_type.form == "hex":
            try:
                content = bytes.fromhex(value)
            except ValueError:
                raise EncodeError(f"{self.name}: {value!r} is not in hex digits") from None
            if count and len(content) != count:
                raise EncodeError(f"{self.name}: {value!r} is {len(content)} bytes, not {count}")
            return content
        if not (value.isascii() and value.isprintable()) or value.endswith(" "):
            raise EncodeError(f"{self.name}: {value!r} is not printable ASCII, or ends in a blank")
        if count and len(value) > count:
            raise EncodeError(f"{self.name}: {value!r} is longer than {count} characters")
        return value.encode("ascii")

    def _number(self, value: float) -> int | float:
        if abs(value) > _LARGEST:
            raise EncodeError(f"{self.name}: the number is too large")
        if self.raw_type.form == "float":
            value = float(value)
        elif self.kind is Kind.INT:
            value = round(value)
        raw = self._inverse(value)
        if not math.isfinite(raw):
            raise EncodeError(f"{self.name}: {value} does not fit")
        if self.raw_type.form == "float":
            return raw
        raw = round(raw)
        low, high = self.raw_type.limits
        if not low <= raw <= high:
            ends = sorted((self.calculate(low), self.calculate(high)))
            raise EncodeError(f"{self.name}: {value} does not fit, it goes from {ends[0]:g} to {ends[1]:g}")
        if self.is_null(raw):
            raise EncodeError(f"{self.name}: {value} does not fit, its code {raw} means that the value is not known")
        return raw

    def _inverse(self, value: float) -> int | float:
        for sign, number in reversed(self.operations):
            if sign == "/":
                value = value * number
            elif sign == "*":
                value = (
                    _nearest(value, number) if isinstance(value, int) and isinstance(number, int) else value / number
                )
            elif sign == "+":
                value = value - number
            else:
                value = value + number
        return value


def _nearest(value: int, number: int) -> int:
    """Return ``value / number`` rounded, exactly however large."""
    return (2 * value + number) // (2 * number)


@dataclass(frozen=True, slots=True)
class Derived:
    """A value calculated from others; takes no place."""

    name: str
    expression: Expression
    line: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """Elements that follow each other. ``names``: the fields that encoding writes into it, blocks inside included."""

    elements: tuple["Element", ...] = ()
    names: frozenset[str] = frozenset()

    def items(self) -> Iterator["Item | Derived"]:
        """Yield every line that gives a value, blocks inside included."""
        for element in self.elements:
            if isinstance(element, Item | Derived):
                yield element
            elif isinstance(element, Chain):
                for case in element.cases:
                    yield from case.body.items()
            else:
                yield from element.body.items()


@dataclass(frozen=True, slots=True)
class When:
    """A block that is there only if a word has a bit set (``bit``), or is one of ``values``."""

    word: str
    bit: int | None
    values: tuple[int, ...]
    body: Block

    def holds(self, raw: int) -> bool:
        """Whether the block is there for this raw value of the word."""
        return raw in self.values if self.bit is None else bool(raw >> self.bit & 1)


@dataclass(frozen=True, slots=True)
class Optional:
    """A block that is there whole, or not at all because the payload ends before it."""

    body: Block


@dataclass(frozen=True, slots=True)
class Case:
    """What follows one header of a chain; the first of ``headers`` is written."""

    headers: tuple[int, ...]
    body: Block


@dataclass(frozen=True, slots=True)
class Chain:
    """Headers, each followed by what its case says, up to ``until`` bytes before the end."""

    header: RawType
    length: RawType | None
    until: int
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """The time between two records: ``seconds``, times the raw value of ``word`` if there is one."""

    seconds: int
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """Records. ``count``: how many, a number or a word; ``None``: up to ``until`` bytes before the end."""

    newest_first: bool
    step: Step | None
    count: int | str | None
    until: int
    body: Block


Element = Item | Derived | When | Optional | Chain | Repeat


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole layout. ``open_end``: it ends with ``...`` and takes a longer payload."""

    body: Block
    open_end: bool = False

    def repeats(self) -> Iterator[Repeat]:
        """Yield the repeat blocks."""
        yield from _repeats(self.body)


def _repeats(block: Block) -> Iterator[Repeat]:
    for element in block.elements:
        if isinstance(element, Repeat):
            yield element
        elif isinstance(element, When | Optional):
            yield from _repeats(element.body)
