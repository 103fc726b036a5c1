"""What the network adapters share: reading an event's JSON into a typed struct, and the values in it.

Rules: every failure is an ``EnvelopeError`` that names the field; foreign text in a message is shown by ``repr``, so
that no control character travels on; a field that servers leave out when it is zero may be left out.
"""

import binascii
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, TypeVar

import msgspec

from model.errors import BadRequestError, EnvelopeError
from model.identity import canonical_id

FrameCounter = Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)]
Port = Annotated[int, msgspec.Meta(ge=0, le=255)]

T = TypeVar("T")

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
"""No frame was on air before: an earlier time comes from a clock that was never set."""

_DEVICES = 50_000
"""Ids that are remembered, since to check one costs more than to read the event around it."""

_AT = re.compile(r"(.*?)\s*- at `\$?\.?(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")


def read(decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
    """Return the event in these bytes; raise ``EnvelopeError`` naming the first field that is wrong."""
    try:
        return decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise EnvelopeError(_named(str(error))) from None
    except UnicodeDecodeError:
        raise EnvelopeError("the event is not UTF-8 text") from None
    except RecursionError:
        raise EnvelopeError("the event is nested too deeply") from None


def _named(message: str) -> str:
    """Turn msgspec's message round, so that the field's path comes first."""
    at = _AT.fullmatch(message)
    text, path = (at[1], at[2]) if at else (message, "")
    missing = _MISSING.fullmatch(text)
    if missing:
        return f"{path}.{missing[1]}: missing" if path else f"{missing[1]}: missing"
    return f"{path}: {text}" if path else f"not an event in JSON: {text}"


def device_id(text: str, field: str, *, technology: str) -> str:
    """Return the canonical id of a device, as in ``model.identity``."""
    try:
        return _canonical(text, technology)
    except BadRequestError as error:
        raise EnvelopeError(f"{field}: {error}") from None


@lru_cache(maxsize=_DEVICES)
def _canonical(text: str, technology: str) -> str:
    """Return a canonical id, and the same text for all frames of a device: batches hold many."""
    return canonical_id(text, technology=technology)


def base64(text: str, field: str) -> bytes:
    """Return the bytes of a base64 text, in the standard or the URL-safe alphabet, padded or not."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # ours to mend: no padding, or the other alphabet
        pass
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    except ValueError:
        raise EnvelopeError(f"{field}: not base64: {text[:40]!r}") from None


def utc(time: datetime | None, field: str) -> datetime | None:
    """Return the time in UTC; one without zone is taken for UTC."""
    if time is None or time.tzinfo is UTC:
        return time
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise EnvelopeError(f"{field}: {time.isoformat()} is out of range") from None


def first_plausible(candidates: Iterable[tuple[datetime | None, str]]) -> datetime | None:
    """Return the first time that a set clock can have told, in UTC; ``None`` if there is none."""
    for time, field in candidates:
        known = utc(time, field)
        if known is not None and known >= EARLIEST:
            return known
    return None


def port(told: int | None, payload: bytes) -> int | None:
    """Return the LoRaWAN port: as told (0 is a port), else 0 where there is no payload, else unknown."""
    return 0 if told is None and not payload else told


def plain(text: str, field: str) -> str:
    """Return the text; refuse one with a NUL, which no database column can hold."""
    if "\0" in text:
        raise EnvelopeError(f"{field}: must not hold the character NUL")
    return text
