"""What the self-describing formats share: which values can be kept, and how what was found is told in words."""

import math
import re
from collections.abc import Mapping

from decoders.formats._base import DEEPEST, join_path
from decoders.layout import INT64_MAX, INT64_MIN
from model.errors import EncodeError

_LONGEST_SHOWN = 60
_NOT_KEPT = re.compile("[\0\ud800-\udfff]")


def shown(text: str) -> str:
    """Return a foreign text as a message may show it: on one line, and not too long."""
    cut = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    return cut if cut.isprintable() else ascii(cut)


def keeps_number(value: float) -> bool:
    """Whether a number can be kept: finite, and an integer in 64 bits with sign."""
    return INT64_MIN <= value <= INT64_MAX if isinstance(value, int) else math.isfinite(value)


def keeps_text(text: str) -> bool:
    """Whether a database and UTF-8 can hold a text: it has no NUL, and no half of a surrogate pair."""
    return _NOT_KEPT.search(text) is None


def check(value: object, *keys: str) -> None:
    """Raise ``EncodeError``, which names the path, if something in ``value`` is not as JSON has it."""
    where = shown(join_path(keys)) or "the whole"
    if len(keys) > DEEPEST:
        raise EncodeError(f"{where}: nested more than {DEEPEST} deep")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str) or not keeps_text(key):
                raise EncodeError(f"{where}: {key!r} cannot be a key")
            check(inner, *keys, key)
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            check(inner, *keys, str(position))
    elif problem := _problem(value):
        raise EncodeError(f"{where}: {problem}")


def _problem(value: object) -> str | None:
    """Return why a value that holds no others cannot be written."""
    if isinstance(value, str):
        return None if keeps_text(value) else f"{value!a} has a character that no text holds"
    if isinstance(value, int | float):
        return None if keeps_number(value) else "NaN, infinite, or an integer of more than 64 bits with sign"
    return None if value is None else f"a {type(value).__name__} cannot be written"
