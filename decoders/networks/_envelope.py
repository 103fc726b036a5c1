"""What the network adapters share: reading an event's JSON into a typed struct, and the values in it.

Rules:

1. Every failure is an ``EnvelopeError`` that names the field. Foreign text in it is shown by ``repr``, so that no
   control character travels on.
2. A field that servers leave out when it is zero may be left out.
3. Facts about a device never cost its frame: what is no such fact is left out.
"""

import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite
from typing import Annotated, TypeVar

import msgspec

from model.device import Kind
from model.errors import BadRequestError, EnvelopeError
from model.identity import canonical_id
from model.told import FACTS, Downlink
from model.value import Value

FrameCounter = Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)]
Port = Annotated[int, msgspec.Meta(ge=0, le=255)]

T = TypeVar("T")

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
"""No frame was on air before: an earlier time comes from a clock that was never set."""

SIMULATED_TAG = "penfeld-simulated"
"""How simulated devices are marked in networks whose devices carry tags."""

_DEVICES = 50_000
"""Ids that are remembered, since to check one costs more than to read the event around it."""

_LONGEST_TEXT = 500
_HIGHEST_COUNT = 2**31 - 1
_FULL = 254
_UNKNOWN = 255
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*", re.ASCII)
_AT = re.compile(r"(.*?)\s*- at `\$?\.?(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")


def read(decoder: msgspec.json.Decoder[T], payload: bytes, within: str = "") -> T:
    """Return the event in these bytes; raise ``EnvelopeError`` naming the first field that is wrong.

    ``within``: the path of these bytes, where they are only a part of an event.
    """
    try:
        return decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise EnvelopeError(_named(str(error), within)) from None
    except UnicodeDecodeError:
        raise EnvelopeError("the event is not UTF-8 text") from None
    except ValueError as error:  # a number in the place of a time, of a year that no calendar has
        raise EnvelopeError(f"a time is out of range: {error}") from None
    except RecursionError:
        raise EnvelopeError("the event is nested too deeply") from None


def _named(message: str, within: str) -> str:
    """Turn msgspec's message round, so that the field's path comes first."""
    at = _AT.fullmatch(message)
    text, path = (at[1], at[2]) if at else (message, "")
    if within:
        path = f"{within}{path}" if path.startswith("[") or not path else f"{within}.{path}"
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


def dev_eui(text: str, field: str) -> str:
    """Return a DevEUI in its canonical form."""
    try:
        return _canonical(text, "lorawan")
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


def hexadecimal(text: str, field: str) -> bytes:
    """Return the bytes of a text in hexadecimal digits."""
    bare = text.strip()
    if not _HEX.fullmatch(bare):
        raise EnvelopeError(f"{field}: not hexadecimal: {text[:40]!r}")
    return bytes.fromhex(bare)


def seconds(since_1970: float | None, field: str) -> datetime | None:
    """Return the time of a number of seconds since 1970."""
    return _since_1970(since_1970, field, 1, "seconds")


def milliseconds(since_1970: float | None, field: str) -> datetime | None:
    """Return the time of a number of milliseconds since 1970."""
    return _since_1970(since_1970, field, 1000, "milliseconds")


def _since_1970(count: float | None, field: str, in_a_second: int, unit: str) -> datetime | None:
    if count is None:
        return None
    try:
        return datetime.fromtimestamp(count / in_a_second, tz=UTC)
    except (ValueError, OverflowError, OSError):
        raise EnvelopeError(f"{field}: must be {unit} since 1970, got {count}") from None


def number(value: object) -> float | None:
    """Return the number that a number or text says; ``None`` for what is none."""
    if isinstance(value, float):
        found = value
    elif isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            found = float(value)
        except (ValueError, OverflowError):
            return None
    else:
        return None
    return found if isfinite(found) else None


def loudness(rssi: object) -> float:
    """Return a signal strength to compare; one that is not known is below all others."""
    found = number(rssi)
    return float("-inf") if found is None else found


def downlink(state: Downlink, reason: object = None) -> dict[str, Value]:
    """Return the fact of what became of a downlink, with the network's reason if it tells one."""
    why = _words(reason)
    return facts(downlink=f"{state}: {why}" if why else str(state))


def facts(**told: object) -> dict[str, Value]:
    """Return what is a fact of that name, in the kind of ``FACTS``; leave out the rest."""
    found: dict[str, Value] = {}
    for name, value in told.items():
        kept = None if value is None else _KEPT[FACTS[name].kind](value)
        if kept is not None:
            found[name] = kept
    return found


def position(latitude: object, longitude: object, **more: object) -> dict[str, Value]:
    """Return the facts of a position with ``more`` about it; none if it is none, as 0, 0 is not: nobody is there."""
    degrees = number(latitude), number(longitude)
    if degrees[0] is None or degrees[1] is None or degrees == (0, 0):
        return {}
    if abs(degrees[0]) > 90 or abs(degrees[1]) > 180:  # noqa: PLR2004 -- the globe's numbers
        return {}
    return facts(latitude=degrees[0], longitude=degrees[1], **more)


def sure_position(field: str, latitude: object, longitude: object, **more: object) -> dict[str, Value]:
    """Return the facts of a position, where an event tells nothing else; raise ``EnvelopeError`` if it is none."""
    found = position(latitude, longitude, **more)
    if not found:
        raise EnvelopeError(f"{field}: no position: latitude {latitude!r:.40}, longitude {longitude!r:.40}")
    return found


def battery(level: object) -> dict[str, Value]:
    """Return the facts of a battery level as LoRaWAN's DevStatusAns tells it: 0 mains, 1 to 254, 255 not known."""
    found = number(level)
    if found is None or not 0 <= found < _UNKNOWN:
        return {}
    if found == 0:
        return facts(external_power=True)
    return facts(external_power=False, battery_percent=round(100 * found / _FULL, 1))


def _whole(value: object) -> int | None:
    found = number(value)
    return int(found) if found is not None and abs(found) <= _HIGHEST_COUNT else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _words(value: object) -> str | None:
    """Return a text as databases and consoles can hold it: short, in one line, ``None`` if empty."""
    if not isinstance(value, str):
        found = number(value)
        return None if found is None else f"{found:.15g}"
    text = value[:_LONGEST_TEXT]
    if not text.isprintable():
        text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text.strip() or None


_KEPT: Mapping[Kind, Callable[[object], Value]] = {
    Kind.FLOAT: number,
    Kind.INT: _whole,
    Kind.BOOL: _flag,
    Kind.TEXT: _words,
}
