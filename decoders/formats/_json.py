"""JSON texts in payloads, read with care: what the ``json`` format and SenML share.

Rules:

1. A key that stands twice in one object is an error: which of the two counts is not said.
2. NaN, infinities and integers of more than 64 bits are null, each with a warning that names it: a device that cannot
   say one value still says the others. So are texts that no database can hold.
3. NULs behind the text are passed over: they end texts in C.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping

from decoders.formats._base import DEEPEST, check_size, join_path
from decoders.formats._plain import check, keeps_number, keeps_text, shown
from model.errors import DecodeError

_DIGITS = 20  # the most that an integer of 64 bits has, with its sign
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


def read(payload: bytes) -> tuple[object, list[str]]:
    """Return what a text says, as JSON has it, and warnings; raise ``DecodeError``."""
    check_size(payload)
    content = payload.rstrip(b"\0")
    _check_depth(content)
    try:
        text = content.decode()
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise DecodeError(f"not JSON: byte {error.start} is not UTF-8", offset=error.start) from None
    except json.JSONDecodeError as error:
        raise DecodeError(f"not JSON: {error.msg}", offset=len(error.doc[: error.pos].encode())) from None
    except _TwiceError as error:
        offset = max(content.rfind(json.dumps(error.key, ensure_ascii=False).encode(errors="replace")), 0)
        raise DecodeError(f"the key {shown(error.key)} stands twice in one object", offset=offset) from None
    warnings: list[str] = []
    return _plain(value, (), warnings), warnings


def write(value: object) -> bytes:
    """Return the text that says ``value``; raise ``EncodeError``."""
    check(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=dict).encode()


class _TwiceError(Exception):
    """A key that stands twice; never leaves this module."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _check_depth(content: bytes) -> None:
    """Refuse a text that is nested too deeply, before anything follows it down."""
    if content.count(b"[") + content.count(b"{") <= DEEPEST:
        return
    depth = 0
    for match in _BRACKETS.finditer(content):
        if match[0] in b"[{":
            depth += 1
            if depth > DEEPEST:
                raise DecodeError(f"nested more than {DEEPEST} deep", offset=match.start())
        elif match[0] in b"]}":
            depth -= 1


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise _TwiceError(next(key for key, count in counts.items() if count > 1))
    return found


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _DIGITS else math.inf


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=float)


def _plain(value: object, keys: tuple[str, ...], warnings: list[str]) -> object:
    """Return ``value`` with null in the place of what cannot be kept."""
    if isinstance(value, Mapping):
        for key in value:
            if not keeps_text(key):
                raise DecodeError(f"the key {key!a} has a character that no text holds")
        return {key: _plain(inner, (*keys, key), warnings) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, (*keys, str(position)), warnings) for position, inner in enumerate(value)]
    if isinstance(value, str) and not keeps_text(value):
        warnings.append(f"{shown(join_path(keys))}: the text has a character that no text holds: null")
        return None
    if isinstance(value, int | float) and not keeps_number(value):
        warnings.append(f"{shown(join_path(keys))}: NaN, infinite, or an integer of more than 64 bits with sign: null")
        return None
    return value
