"""What a person pasted, as bytes; and what a definition makes of it, ready to be shown. Pure."""

from dataclasses import dataclass

from decoders.device import Decoded, Definition
from model.errors import DecodeError

_IGNORED = frozenset(" \t\r\n,;:-_\u00a0\u202f")


class HexError(ValueError):
    """What was pasted is no hex. ``key``: the text that says so; ``position``: of the wrong character, from 1."""

    def __init__(self, key: str, *, found: str = "", position: int = 0) -> None:
        super().__init__(key)
        self.key = key
        self.found = found
        self.position = position


def parse_hex(text: str) -> bytes:
    """Return the bytes that hex digits say, passing over blanks, ``0x`` and separators; raise ``HexError``."""
    digits: list[str] = []
    position = 0
    while position < len(text):
        if text[position : position + 2].lower() == "0x":
            position += 2
            continue
        letter = text[position]
        if letter not in _IGNORED:
            if letter not in "0123456789abcdefABCDEF":
                raise HexError("type.bad_hex", found=letter, position=position + 1)
            digits.append(letter)
        position += 1
    if not digits:
        raise HexError("type.empty_hex")
    if len(digits) % 2:
        raise HexError("type.odd_hex")
    return bytes.fromhex("".join(digits))


@dataclass(frozen=True, slots=True)
class Attempt:
    """A payload tried on a device type: ``decoded``, or ``problem`` and the byte at which decoding stopped."""

    payload: bytes
    decoded: Decoded | None = None
    problem: str = ""
    offset: int = 0


def attempt(definition: Definition, payload: bytes, f_port: int | None) -> Attempt:
    """Return what a definition makes of a payload."""
    try:
        return Attempt(payload, decoded=definition.decode(payload, f_port=f_port))
    except DecodeError as error:
        return Attempt(payload, problem=str(error), offset=error.offset)
