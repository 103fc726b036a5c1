"""How bits of a payload make raw values: bounded reads and writes of every raw type of the layout language.

Rules:

1. A position is a bit, counted from the most significant bit of the first byte. The caller has checked that all bits
   are there.
2. A raw value is an ``int`` (integers, flags, digits), a ``float``, or ``bytes`` (hex and ASCII); ``None`` where the
   bits make none (a BCD digit above 9).
3. ``write`` is the inverse of ``read``: it gives the bits as one unsigned number, most significant first.
"""

import re
import struct
from dataclasses import dataclass
from typing import Literal

Form = Literal["int", "flag", "float", "bcd", "hex", "ascii"]
Order = Literal["big", "little", "swapped"]
Raw = int | float | bytes | None

_NUMBER = re.compile(r"(?P<letter>[uif])(?P<bits>\d+)(?P<order>le|ws)?")
_BYTES = re.compile(r"(?P<form>bcd|hex|ascii)\[(?P<count>\d+|\*)\]")
_ORDERS: dict[str | None, Order] = {None: "big", "le": "little", "ws": "swapped"}
_FLOATS = {16: ">e", 32: ">f", 64: ">d"}
_MOST_DIGIT_BYTES = 9  # 18 digits, the most that a signed 64-bit integer always holds


@dataclass(frozen=True, slots=True)
class RawType:
    """A raw type. ``bits`` is 0 for texts that go on to the end."""

    form: Form
    bits: int
    signed: bool = False
    order: Order = "big"

    @property
    def limits(self) -> tuple[int, int]:
        """Return the smallest and the largest raw value of an integer, flag or BCD type."""
        if self.form == "bcd":
            return 0, int(10 ** (self.bits // 4)) - 1
        if self.signed:
            return -(1 << self.bits - 1), (1 << self.bits - 1) - 1
        return 0, (1 << self.bits) - 1

    @property
    def is_integer(self) -> bool:
        """Whether the raw value is an integer: only such can be words, constants and enumerations."""
        return self.form in {"int", "flag", "bcd"}

    @property
    def needs_byte(self) -> bool:
        """Whether the type can only begin on a byte."""
        return self.form in {"float", "bcd", "hex", "ascii"} or self.order != "big"


def parse_type(text: str) -> RawType:
    """Return the type that ``text`` names; raise ``ValueError`` saying what is wrong."""
    if text == "flag":
        return RawType("flag", 1)
    if text in {"unix32", "unix32le"}:
        return RawType("int", 32, order="little" if text.endswith("le") else "big")
    if match := _NUMBER.fullmatch(text):
        return _number_type(text, match["letter"], int(match["bits"]), _ORDERS[match["order"]])
    if match := _BYTES.fullmatch(text):
        return _bytes_type(text, match["form"], match["count"])
    raise ValueError(
        f"'{text}' is no type: use u1 to u64, i1 to i64, f16, f32, f64, flag, unix32, bcd[n], hex[n] or ascii[n]"
    )


def _number_type(text: str, letter: str, bits: int, order: Order) -> RawType:
    if letter == "f" and bits not in _FLOATS:
        raise ValueError(f"'{text}' is no type: floats have 16, 32 or 64 bits")
    if not 1 <= bits <= 64:  # noqa: PLR2004 - the widths the language has
        raise ValueError(f"'{text}' is no type: integers have 1 to 64 bits")
    if order == "little" and bits % 8:
        raise ValueError(f"'{text}' is no type: little-endian widths are multiples of 8")
    if order == "swapped" and bits != 32:  # noqa: PLR2004 - two 16-bit words
        raise ValueError(f"'{text}' is no type: swapped words have 32 bits")
    return RawType("float" if letter == "f" else "int", bits, signed=letter == "i", order=order)


def _bytes_type(text: str, form: str, count: str) -> RawType:
    if form == "bcd":
        if count == "*" or not 1 <= int(count) <= _MOST_DIGIT_BYTES:
            raise ValueError(f"'{text}' is no type: bcd has 1 to {_MOST_DIGIT_BYTES} bytes")
        return RawType("bcd", 8 * int(count))
    if count == "0":
        raise ValueError(f"'{text}' is no type: a text has at least one byte")
    return RawType("hex" if form == "hex" else "ascii", 0 if count == "*" else 8 * int(count))


def read(payload: bytes, bit: int, raw_type: RawType) -> Raw:
    """Return the raw value of ``raw_type`` that begins at ``bit``. ``raw_type.bits`` must be its true length."""
    form = raw_type.form
    if form in {"int", "flag"}:
        value = read_unsigned(payload, bit, raw_type.bits, raw_type.order)
        return value - (1 << raw_type.bits) if raw_type.signed and value >> raw_type.bits - 1 else value
    start = bit // 8
    content = payload[start : start + raw_type.bits // 8]
    if form == "float":
        number: float = struct.unpack(_FLOATS[raw_type.bits], reorder(content, raw_type.order))[0]
        return number
    if form == "bcd":
        digits = content.hex()
        return int(digits) if digits.isdecimal() else None
    return content


def read_unsigned(payload: bytes, bit: int, bits: int, order: Order) -> int:
    """Return ``bits`` bits from position ``bit`` as an unsigned number."""
    end = bit + bits
    if order == "big":
        return int.from_bytes(payload[bit // 8 : (end + 7) // 8], "big") >> -end % 8 & (1 << bits) - 1
    return int.from_bytes(reorder(payload[bit // 8 : end // 8], order), "big")


def reorder(content: bytes, order: Order) -> bytes:
    """Return ``content`` from ``order`` to big-endian; also from big-endian to ``order``, which is the same step."""
    if order == "little":
        return content[::-1]
    if order == "swapped":
        return content[2:4] + content[0:2]
    return content


def write(raw: Raw, raw_type: RawType) -> tuple[int, int]:
    """Return ``raw`` as (unsigned number, how many bits); the caller has checked that it fits.

    Raises ``OverflowError`` for a float too large for its width.
    """
    form = raw_type.form
    if isinstance(raw, bytes):
        width = raw_type.bits or 8 * len(raw)
        return int.from_bytes(raw.ljust(width // 8, b"\0"), "big"), width
    if form == "float":
        content = struct.pack(_FLOATS[raw_type.bits], raw)
    elif form == "bcd":
        content = bytes.fromhex(f"{raw:0{raw_type.bits // 4}d}")
    elif raw_type.order == "big":
        return int(raw or 0) & (1 << raw_type.bits) - 1, raw_type.bits
    else:
        content = (int(raw or 0) & (1 << raw_type.bits) - 1).to_bytes(raw_type.bits // 8, "big")
    return int.from_bytes(reorder(content, raw_type.order), "big"), raw_type.bits
