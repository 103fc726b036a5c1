"""A device's id has one form, however people and network servers write it.

LoRaWAN: the DevEUI as 16 lower-case hex digits. Sigfox: lower-case hex, zeros in front up to 8. Native: the name as it
stands in the topic, 1 to 64 of ``A-Z a-z 0-9 _ . -``.
"""

import re

from model.errors import BadRequestError

_SEPARATORS = re.compile(r"[\s:.-]")
_DEV_EUI = re.compile(r"[0-9a-f]{16}")
_SIGFOX = re.compile(r"[0-9a-f]{1,8}")
_NATIVE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def canonical_id(text: str, *, technology: str) -> str:
    """Return the id in its one form; ``technology`` is ``lorawan``, ``sigfox`` or ``native``.

    Raise ``BadRequestError`` saying what such an id looks like.
    """
    shown = text[:80]
    bare = _SEPARATORS.sub("", text).lower()
    if technology == "lorawan":
        if not _DEV_EUI.fullmatch(bare):
            raise BadRequestError(f"{shown!r} is no DevEUI: 16 hex digits, as in 70b3d50000000001")
        return bare
    if technology == "sigfox":
        if not _SIGFOX.fullmatch(bare):
            raise BadRequestError(f"{shown!r} is no Sigfox id: up to 8 hex digits, as in 00b5f3c1")
        return bare.zfill(8)
    name = text.strip()
    if not _NATIVE.fullmatch(name):
        raise BadRequestError(f"{shown!r} is no device name: 1 to 64 of A-Z a-z 0-9 _ . -, as in tram-12")
    return name


def possible_ids(text: str) -> tuple[str, ...]:
    """Return every canonical id that somebody who writes ``text`` may mean, the likeliest first; empty for nonsense."""
    found: list[str] = []
    for technology in ("native", "lorawan", "sigfox"):
        try:
            candidate = canonical_id(text, technology=technology)
        except BadRequestError:
            continue
        if candidate not in found:
            found.append(candidate)
    return tuple(found)
