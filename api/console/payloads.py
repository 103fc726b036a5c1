"""What a person pasted, as bytes; and what a definition makes of it, ready to be shown."""

from dataclasses import dataclass
from datetime import datetime

from api.decoding import Said, said
from decoders.device import Definition
from model.errors import DecodeError, UnavailableError
from model.ports import Codecs

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
    """A payload tried on a device type: what it ``said``, or ``problem`` and the byte at which decoding stopped.

    ``offset`` is ``None`` where nobody can tell the byte: a script says in its own words what it does not understand.
    """

    payload: bytes
    said: Said | None = None
    problem: str = ""
    offset: int | None = None


async def attempt(
    definition: Definition, payload: bytes, f_port: int | None, *, codecs: Codecs, at: datetime
) -> Attempt:
    """Return what a definition makes of a payload; ``at``: the time that a script is told."""
    try:
        return Attempt(payload, await said(definition, payload, f_port, codecs=codecs, at=at))
    except DecodeError as error:
        return Attempt(payload, problem=str(error), offset=error.offset if definition.script is None else None)
    except UnavailableError as error:
        return Attempt(payload, problem=str(error))
