"""Who sits before the console, as that person says: nobody logs in yet. Pure."""

from collections.abc import Mapping
from urllib.parse import unquote

NAME_COOKIE = "penfeld-name"
NOBODY = "console"
_LONGEST = 100


def said_name(written: str) -> str:
    """Return a name as it is written down: one line, not too long; ``NOBODY`` where none is given."""
    plain = "".join(letter if letter.isprintable() else " " for letter in written)
    return " ".join(plain.split())[:_LONGEST] or NOBODY


def known_name(cookies: Mapping[str, str]) -> str:
    """Return the name that was given before, "" for none."""
    name = said_name(unquote(cookies.get(NAME_COOKIE, "")))
    return "" if name == NOBODY else name
