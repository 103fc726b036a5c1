"""CBOR (RFC 8949) in payloads: what the ``cbor`` format and SenML share.

Own code, because the library for it (cbor2) follows tags by itself: it compiles a sender's regular expressions, follows
references until lists hold themselves, and does not say at which byte it gave up. Here a tag never does anything.

Rules:

1. Values come as JSON has them. Byte strings are texts in hex digits, ``undefined`` is null, integer keys are texts.
2. NaN and infinities are null. Integers of more than 64 bits with sign, simple values without a meaning, and texts that
   no database can hold are null with a warning that names the byte.
3. Tags of numbers (big integers, decimal fractions, big floats) are calculated, in double precision. Of others the
   content is kept: silently where the tag only says what it is good for, else with a warning. References are errors.
4. A key that stands twice, a count beyond the end, bytes behind the end: errors. Each item takes a byte, so the
   payload's size bounds everything.
5. Written are the shortest forms: integers, floats in as few bytes as keep their value, definite lengths. A key that is
   an integer in decimal digits is written as one.
"""

import math
import re
import struct
from collections.abc import Iterator, Mapping

from decoders.formats._base import DEEPEST, check_size
from decoders.formats._plain import check, keeps_number, keeps_text, shown
from model.errors import DecodeError

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_DIRECT, _LONGEST, _INDEFINITE = 24, 27, 31
_FALSE, _TRUE, _NULL, _UNDEFINED = 20, 21, 22, 23
_DOUBLE = 27
_SHORT_FLOATS = {25: ">e", 26: ">f"}
_FLOATS = {**_SHORT_FLOATS, _DOUBLE: ">d"}
_QUIET_TAGS = frozenset({0, 1, *range(21, 25), *range(32, 38), 55799})
_REFERENCES = frozenset({25, 29})
_POSITIVE_BIG, _NEGATIVE_BIG, _DECIMAL, _BIG_FLOAT = 2, 3, 4, 5
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")


def read(payload: bytes) -> tuple[object, list[str]]:
    """Return what the one item of a payload says, as JSON has it, and warnings; raise ``DecodeError``."""
    check_size(payload)
    reader = _Reader(payload)
    value = reader.item(0)
    if left := len(payload) - reader.at:
        raise DecodeError(f"{left} bytes too many", offset=reader.at)
    return value, reader.warnings


def write(value: object) -> bytes:
    """Return the item that says ``value``; raise ``EncodeError``."""
    check(value)
    return b"".join(_item(value))


class _Reader:
    """Goes through a payload; ``at`` is the byte that comes next."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.at = 0
        self.warnings: list[str] = []

    def item(self, depth: int) -> object:
        """Return the item that comes next, ``depth`` containers and tags deep."""
        if depth > DEEPEST:
            raise DecodeError(f"nested more than {DEEPEST} deep", offset=self.at)
        start = self.at
        major, info, argument = self.head()
        if major == _SIMPLE:
            return self.simple(info, argument, start)
        if major in {_BYTES, _TEXT}:
            return self.string(major, argument, start)
        if major == _ARRAY:
            return [self.item(depth + 1) for _ in self.places(argument, start)]
        if major == _MAP:
            return self.map(argument, start, depth)
        if argument is None:
            raise DecodeError(f"{self.payload[start]:#04x} is no CBOR", offset=start)
        if major == _TAG:
            return self.tag(argument, start, depth)
        return self.number(argument if major == _UNSIGNED else -1 - argument, start)

    def head(self) -> tuple[int, int, int | None]:
        """Return major type, additional information, and the argument: ``None`` for an indefinite length."""
        start = self.at
        first = self.take(1)[0]
        major, info = first >> 5, first & 0x1F
        if info < _DIRECT:
            return major, info, info
        if info <= _LONGEST:
            return major, info, int.from_bytes(self.take(1 << info - _DIRECT), "big")
        if info == _INDEFINITE:
            return major, info, None
        raise DecodeError(f"{first:#04x} is no CBOR", offset=start)

    def take(self, count: int) -> bytes:
        """Return so many bytes, and go behind them."""
        end = self.at + count
        if end > len(self.payload):
            left = len(self.payload) - self.at
            raise DecodeError(f"the payload ends too early: {count} bytes needed, {left} left", offset=self.at)
        content = self.payload[self.at : end]
        self.at = end
        return content

    def places(self, count: int | None, start: int) -> Iterator[int]:
        """Yield once for each item of a container: so many, or up to the break."""
        if count is None:
            while not self.broken():
                yield start
            return
        if count > len(self.payload) - self.at:
            raise DecodeError(f"{count} items cannot stand in what is left of the payload", offset=start)
        for _ in range(count):
            yield start

    def broken(self) -> bool:
        """Whether the break comes next; go behind it."""
        if self.payload[self.at : self.at + 1] != b"\xff":
            return False
        self.at += 1
        return True

    def map(self, count: int | None, start: int, depth: int) -> dict[str, object]:
        """Return a map."""
        found: dict[str, object] = {}
        for _ in self.places(count, start):
            at = self.at
            key = self.key()
            if key in found:
                raise DecodeError(f"the key {shown(key)} stands twice in one map", offset=at)
            found[key] = self.item(depth + 1)
        return found

    def key(self) -> str:
        """Return the key that comes next, as a text."""
        start = self.at
        major, _, argument = self.head()
        if major in {_BYTES, _TEXT}:
            text = self.string(major, argument, start)
            if text is None:
                raise DecodeError("the key has a character that no text holds", offset=start)
            return text
        if argument is None or major > _NEGATIVE:
            raise DecodeError("a key must be a text, an integer or bytes", offset=start)
        return str(argument if major == _UNSIGNED else -1 - argument)

    def string(self, major: int, count: int | None, start: int) -> str | None:
        """Return a text, or bytes in hex digits."""
        content = self.take(count) if count is not None else b"".join(self.chunks(major))
        if major == _BYTES:
            return content.hex()
        try:
            text = content.decode()
        except UnicodeDecodeError:
            raise DecodeError("the text is not UTF-8", offset=start) from None
        if keeps_text(text):
            return text
        self.warnings.append(f"the text at byte {start} has a character that no text holds: null")
        return None

    def chunks(self, major: int) -> Iterator[bytes]:
        """Yield the parts of a string of indefinite length."""
        while not self.broken():
            start = self.at
            found, _, count = self.head()
            if found != major or count is None:
                raise DecodeError("a string is made of strings of its own kind", offset=start)
            yield self.take(count)

    def number(self, value: float, start: int) -> float | None:
        """Return a number if it can be kept."""
        if keeps_number(value):
            return value
        if isinstance(value, int):
            self.warnings.append(f"the integer at byte {start} has more than 64 bits with sign: null")
        return None

    def simple(self, info: int, argument: int | None, start: int) -> object:
        """Return a float, a truth value or null."""
        if argument is None:
            raise DecodeError("a break where an item is needed", offset=start)
        if info in _FLOATS:
            content = self.payload[start + 1 : self.at]
            return self.number(struct.unpack(_FLOATS[info], content)[0], start)
        if argument in {_FALSE, _TRUE}:
            return argument == _TRUE
        if argument not in {_NULL, _UNDEFINED}:
            self.warnings.append(f"the simple value {argument} at byte {start} has no meaning: null")
        return None

    def tag(self, tag: int, start: int, depth: int) -> object:
        """Return what a tag's content means."""
        if tag in _REFERENCES:
            raise DecodeError(f"tag {tag}: references are not followed", offset=start)
        kind = self.payload[self.at] >> 5 if self.at < len(self.payload) else None
        content = self.item(depth + 1)
        if tag in {_POSITIVE_BIG, _NEGATIVE_BIG}:
            if kind != _BYTES or not isinstance(content, str):
                raise DecodeError(f"tag {tag} needs bytes", offset=start)
            big = int(content or "0", 16)
            return self.number(big if tag == _POSITIVE_BIG else -1 - big, start)
        if tag in {_DECIMAL, _BIG_FLOAT}:
            return self.fraction(tag, content, start)
        if tag not in _QUIET_TAGS:
            self.warnings.append(f"tag {tag} at byte {start} is not known: its content is kept")
        return content

    def fraction(self, tag: int, content: object, start: int) -> float | None:
        """Return a decimal fraction or a big float: exponent and mantissa."""
        if not isinstance(content, list) or list(map(type, content)) not in ([int, int], [int, type(None)]):
            raise DecodeError(f"tag {tag} needs an exponent and a mantissa", offset=start)
        exponent, mantissa = content
        if mantissa is None:
            return None  # of more than 64 bits: there is a warning already
        if tag == _DECIMAL:
            return self.number(float(f"{mantissa}e{exponent}"), start)
        try:
            return self.number(math.ldexp(mantissa, exponent), start)
        except OverflowError:
            return None


def _item(value: object) -> Iterator[bytes]:
    """Yield the bytes of an item that was checked before."""
    if isinstance(value, Mapping):
        yield _head(_MAP, len(value))
        for key, inner in value.items():
            yield from _item(int(key)) if _INTEGER.fullmatch(key) else _item(key)
            yield from _item(inner)
    elif isinstance(value, list | tuple):
        yield _head(_ARRAY, len(value))
        for inner in value:
            yield from _item(inner)
    elif isinstance(value, str):
        content = value.encode()
        yield _head(_TEXT, len(content)) + content
    elif isinstance(value, bool) or value is None:
        yield _head(_SIMPLE, {False: _FALSE, True: _TRUE, None: _NULL}[value])
    elif isinstance(value, float):
        yield _float(value)
    else:
        assert isinstance(value, int)  # noqa: S101 - the rest of a closed list
        yield _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)


def _head(major: int, argument: int) -> bytes:
    if argument < _DIRECT:
        return bytes((major << 5 | argument,))
    power = next(power for power in range(4) if argument < 1 << (8 << power))
    return bytes((major << 5 | _DIRECT + power,)) + argument.to_bytes(1 << power, "big")


def _float(value: float) -> bytes:
    """Return a float in as few bytes as keep its value."""
    for info, form in _SHORT_FLOATS.items():
        try:
            content = struct.pack(form, value)
        except OverflowError:
            continue
        if struct.unpack(form, content)[0] == value:
            return bytes((_SIMPLE << 5 | info,)) + content
    return struct.pack(">Bd", _SIMPLE << 5 | _DOUBLE, value)
