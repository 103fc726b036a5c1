"""From the text of Sigfox's custom payload grammar to its fields, each at its place in the payload.

Rules:

1. Fields are separated by blanks: ``name:[byte]:type:…``. Types are ``bool:bit``, ``char:bytes[:offset]``,
   ``float:32|64[:endianness][:offset]`` and ``uint|int:1-64[:endianness][:offset]``; the endianness may be left blank.
2. Bits are counted from 7, the most significant of a byte, to 0. A field begins at its offset (7 if none is written)
   and goes on into the bytes behind it, most significant bit first.
3. Without a byte index the first field begins at byte 0; a bool is in the byte that the field before it used last; any
   other field begins in the byte behind that one, or in that one if the field before it was written with an offset. So
   two fields of some bits do not share a byte unless the grammar says so.
4. Operations stand last, as Soracom writes them: ``:/100``, ``:*10``, ``:+5``, ``:-40``, from left to right. Numbers
   are those of layouts: integers stay integers without a division, a float that is no number is null.
5. Every problem is found at once, named by its field and its place in the text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from decoders import bits
from decoders.bits import Order, Raw, RawType
from decoders.layout import Item, Operation
from decoders.layout_shape import MOST_BYTES
from model.device import Kind
from model.errors import ConfigError, DecodeError

_FIELD = re.compile(r"\S+")
_NAME = re.compile(r"[A-Za-z0-9#$_-]+")
_OPERATION = re.compile(r"([-+*/])(-?\d+(?:\.\d+)?)")
_ORDERS: dict[str, Order] = {"": "big", "big-endian": "big", "little-endian": "little"}
_OFFSETS = frozenset("01234567")
_SIGNS: tuple[Literal["+", "-", "*", "/"], ...] = ("+", "-", "*", "/")
_TYPES = ("bool", "char", "float", "uint", "int")
_MOST_SIGNIFICANT = 7
_LEAST_PARTS = 3  # name, index, type
_BYTE, _WIDEST = 8, 64
_LONGEST_NUMBER = 18  # digits


@dataclass(frozen=True, slots=True)
class Field:
    """A field at its place: ``item`` says how its bits are read, ``bit`` where they begin.

    ``bit`` is counted from the most significant bit of the payload's first byte.
    """

    item: Item
    bit: int

    @property
    def name(self) -> str:
        """Return the field's name."""
        return self.item.name

    @property
    def end(self) -> int:
        """Return the bit behind the last one."""
        return self.bit + self.item.raw_type.bits

    @property
    def size(self) -> int:
        """Return how many bytes a payload has at least that holds the field."""
        return -(-self.end // _BYTE)

    def raw(self, payload: bytes) -> Raw:
        """Return the raw value in ``payload``; raise ``DecodeError`` if it is too short."""
        if self.size > len(payload):
            first = self.bit // _BYTE
            ends = f"byte {first}" if first + 1 == self.size else f"bytes {first} to {self.size - 1}"
            message = f"{self.name} needs {ends}, counted from 0; the payload has {len(payload)}"
            raise DecodeError(message, offset=min(first, len(payload)))
        raw_type = self.item.raw_type
        if self.bit % _BYTE == 0 or not raw_type.needs_byte:
            return bits.read(payload, self.bit, raw_type)
        content = bits.read_unsigned(payload, self.bit, raw_type.bits, "big").to_bytes(raw_type.bits // _BYTE, "big")
        return bits.read(content, 0, raw_type)


def parse(grammar: str) -> tuple[Field, ...]:
    """Return the fields of a grammar; raise ``ConfigError`` with every problem."""
    problems: list[str] = []
    fields: list[Field] = []
    used = _Used(set())
    for match in _FIELD.finditer(grammar):
        parts = _Parts(match[0].split(":"))
        try:
            fields.append(parts.field(used))
        except _PartError as error:
            at = match.start() + 1 + sum(len(part) + 1 for part in parts.parts[: error.part])
            problems.append(f"grammar: '{parts.parts[0]}' at character {at}: {error}")
    if not fields and not problems:
        problems.append("grammar: there is no field: write name:byte:type:bits, as in temperature:0:int:16")
    if problems:
        raise ConfigError(problems)
    return tuple(fields)


class _PartError(Exception):
    """A part of a field that cannot be understood; never leaves this module."""

    def __init__(self, part: int, message: str) -> None:
        super().__init__(message)
        self.part = part


@dataclass(slots=True)
class _Used:
    """What the field before has used: its last byte, and whether it was written with an offset. All names used."""

    names: set[str]
    byte: int = -1
    offset: bool = False


@dataclass(slots=True)
class _Parts:
    """The parts of one field, between its colons."""

    parts: list[str]

    def field(self, used: _Used) -> Field:
        """Return the field, and note what it uses."""
        name = self.parts[0]
        if not _NAME.fullmatch(name):
            raise _PartError(0, "a name has letters, digits, '#', '$', '-' and '_'")
        if name in used.names:
            raise _PartError(0, "another field has this name")
        if len(self.parts) > 1 and self.parts[1] in _TYPES:
            raise _PartError(1, f"the byte index is missing: write {name}::{self.parts[1]} to leave it empty")
        if len(self.parts) < _LEAST_PARTS or self.parts[2] not in _TYPES:
            at = min(_LEAST_PARTS, len(self.parts)) - 1
            raise _PartError(at, f"'{self.parts[at]}': a type is missing behind the byte index: {', '.join(_TYPES)}")
        kind = self.parts[2]
        end, operations = self.operations(kind)
        raw_type, offset = self.raw_type(kind, self.parts[3:end])
        byte = self.byte(kind, used)
        bit = _BYTE * byte + _MOST_SIGNIFICANT - (_MOST_SIGNIFICANT if offset is None else offset)
        field = Field(_item(name, raw_type, operations), bit)
        if field.size > MOST_BYTES:
            raise _PartError(1, f"no payload has more than {MOST_BYTES} bytes")
        used.names.add(name)
        used.byte = field.size - 1
        used.offset = offset is not None and kind != "bool"
        return field

    def byte(self, kind: str, used: _Used) -> int:
        """Return the byte in which the field begins."""
        text = self.parts[1]
        if text:
            return self.number(1, "a byte index", 0, MOST_BYTES - 1)
        if kind == "bool" or used.offset:
            return max(used.byte, 0)
        return used.byte + 1

    def number(self, part: int, what: str, low: int, high: int) -> int:
        """Return the number that a part is."""
        text = self.parts[part]
        if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER and low <= int(text) <= high:
            return int(text)
        raise _PartError(part, f"'{text}' is not {what}: a number from {low} to {high}")

    def operations(self, kind: str) -> tuple[int, tuple[Operation, ...]]:
        """Return where the operations begin, and what they are."""
        end = len(self.parts)
        while end > _LEAST_PARTS and self.parts[end - 1].startswith(_SIGNS):
            end -= 1
        found = tuple(_operation(part, self.parts[part]) for part in range(end, len(self.parts)))
        if found and kind in {"bool", "char"}:
            raise _PartError(end, f"a {kind} has no arithmetic")
        return end, found

    def raw_type(self, kind: str, sizes: Sequence[str]) -> tuple[RawType, int | None]:
        """Return the type that the parts behind its name say, and the offset if they say one."""
        if kind == "bool":
            self.count(sizes, 1, "bool:bit")
            return RawType("flag", 1), self.number(3, "a bit", 0, _MOST_SIGNIFICANT)
        if kind == "char":
            self.count(sizes, 2, "char:bytes, or char:bytes:offset")
            length = self.number(3, "a count of bytes", 1, MOST_BYTES)
            return RawType("ascii", _BYTE * length), self.offset(4) if len(sizes) > 1 else None
        self.count(sizes, 3, f"{kind}:bits, {kind}:bits:endianness, or {kind}:bits:endianness:offset")
        width = self.number(3, "a count of bits", 1, _WIDEST)
        if kind == "float" and width not in {32, 64}:
            raise _PartError(3, f"a float has 32 or 64 bits, not {width}")
        order, offset = self.order_and_offset(len(sizes))
        if order == "little" and width > _BYTE and width % _BYTE:
            raise _PartError(4, f"little-endian needs whole bytes, and {width} bits are none")
        if width <= _BYTE:
            order = "big"
        return RawType("float" if kind == "float" else "int", width, kind == "int", order), offset

    def count(self, sizes: Sequence[str], most: int, form: str) -> None:
        """Refuse a type without a size, or with more behind it than it takes."""
        if not sizes:
            raise _PartError(2, f"its size is missing: {form}")
        if len(sizes) > most:
            raise _PartError(3 + most, f"'{self.parts[3 + most]}' is too much: {form}")

    def order_and_offset(self, count: int) -> tuple[Order, int | None]:
        """Return endianness and offset; the endianness may be left out, so that the offset stands in its place."""
        if count == 1:
            return "big", None
        text = self.parts[4]
        if count == 2 and text in _OFFSETS:  # noqa: PLR2004 - the size and one more
            return "big", int(text)
        if text not in _ORDERS:
            raise _PartError(4, f"'{text}' is neither big-endian nor little-endian, nor an offset from 0 to 7")
        return _ORDERS[text], self.offset(5) if count > 2 else None  # noqa: PLR2004 - the same

    def offset(self, part: int) -> int | None:
        """Return an offset, ``None`` where it is left blank."""
        return self.number(part, "an offset", 0, _MOST_SIGNIFICANT) if self.parts[part] else None


def _operation(part: int, text: str) -> Operation:
    match = _OPERATION.fullmatch(text)
    if match is None or len(text) > _LONGEST_NUMBER:
        raise _PartError(part, f"'{text}' is not understood: operations are like /100, *10, +5 and -40")
    number: int | float = float(match[2]) if "." in match[2] else int(match[2])
    if match[1] in "*/" and number == 0:
        raise _PartError(part, f"'{text}' cannot be undone")
    return next(sign for sign in _SIGNS if sign == match[1]), number


def _item(name: str, raw_type: RawType, operations: tuple[Operation, ...]) -> Item:
    """Return what reads and writes the field's bits."""
    if raw_type.form == "flag":
        return Item(name=name, raw_type=raw_type, kind=Kind.BOOL)
    if raw_type.form == "ascii":
        return Item(name=name, raw_type=raw_type, kind=Kind.TEXT)
    if raw_type.form == "int" and all(sign != "/" and isinstance(number, int) for sign, number in operations):
        return Item(name=name, raw_type=raw_type, kind=Kind.INT, operations=operations)
    floats = tuple((sign, float(number)) for sign, number in operations)
    return Item(name=name, raw_type=raw_type, kind=Kind.FLOAT, operations=floats)


def overlap(fields: Sequence[Field]) -> tuple[Field, Field] | None:
    """Return the first two fields, in the order of the payload, that have bits in common."""
    neighbours = pairwise(sorted(fields, key=lambda field: field.bit))
    return next(((one, other) for one, other in neighbours if other.bit < one.end), None)
