"""Sigfox callbacks (DATA / UPLINK, BIDIR and DATA_ADVANCED), as JSON objects on one topic.

Rules:

1. The body is a template that the customer wrote: numbers may come as texts, and all but ``device`` and ``data`` may
   be missing. Our template is ``{"device":"{device}","time":{time},"data":"{data}","seqNumber":{seqNumber}}``.
2. ``device`` is hexadecimal and may have lost its leading zeros; ``time`` is in whole seconds since 1970.
3. ``seqNumber`` has 12 bits and starts again after 4095: storage tells repeats by it within an hour only.
4. DATA_ADVANCED repeats a message half a minute later with its metadata: the same frame, hence a duplicate.
5. The radio's metadata are deprecated by Sigfox: what is no number there is nothing, not an error.
"""

import re
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated

import msgspec

from decoders.networks import _envelope
from model.errors import EnvelopeError
from model.uplink import Uplink

NAME = "sigfox"
TOPICS = ("penfeld/v1/callbacks/sigfox",)
MAX_BYTES = 12

_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){0,12}", re.ASCII)


class _Callback(msgspec.Struct, gc=False):
    device: str | int
    data: str
    time: float | None = None
    seq_number: Annotated[int, msgspec.Meta(ge=0, le=4095)] | None = msgspec.field(name="seqNumber", default=None)
    station: str | int | None = None
    rssi: str | float | None = None
    snr: str | float | None = None
    simulated: bool | None = False


_CALLBACK = msgspec.json.Decoder(_Callback, strict=False)


def uplinks(topic: str, payload: bytes) -> tuple[Uplink, ...]:  # noqa: ARG001 the callback names its device itself
    """Return the one uplink of a callback; raise ``EnvelopeError`` naming the field that is missing or wrong."""
    callback = _envelope.read(_CALLBACK, payload)
    return (
        Uplink(
            network=NAME,
            device=_envelope.device_id(str(callback.device), "device", technology="sigfox"),
            time=_time(callback.time),
            payload=_data(callback.data),
            f_cnt=callback.seq_number,
            rssi_dbm=_number(callback.rssi),
            snr_db=_number(callback.snr),
            gateway=_envelope.plain(str(callback.station), "station") if callback.station else None,
            simulated=bool(callback.simulated),
        ),
    )


def _time(seconds: float | None) -> datetime | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):
        raise EnvelopeError(f"time: must be seconds since 1970, got {seconds}") from None


def _data(text: str) -> bytes:
    bare = text.strip()
    if not _HEX.fullmatch(bare):
        raise EnvelopeError(f"data: must be 0 to {MAX_BYTES} bytes in hex, got {text[:40]!r}")
    return bytes.fromhex(bare)


def _number(value: str | float | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and isfinite(number) else None
