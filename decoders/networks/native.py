"""Devices that speak MQTT themselves: ``penfeld/v1/<device type>/<device>/up``.

Rules:

1. The message is either the raw payload that the device type's file describes, or a JSON object
   ``{"values": {…}, "time": "…", "f_port": 1, "f_cnt": 7, "simulated": true}`` of which only ``values`` must be there.
2. It is JSON when it begins with ``{`` and is an object with keys, or would be one with ``"values"`` but for a mistake.
   Everything else is raw: a binary frame may well begin with the byte of ``{``.
3. ``time`` is RFC 3339, or seconds since 1970. Without zone it is UTC.
4. Simulated raw payloads come on the topic with ``/simulated`` behind it: there is no room for the mark in the bytes.
5. A device is named ``[A-Za-z0-9_.-]{1,64}``; upper and lower case are two devices.
"""

import re
from datetime import UTC, datetime

import msgspec

from decoders.networks import _envelope
from model.errors import EnvelopeError
from model.uplink import Uplink, Value

NAME = "native"
TOPICS = ("penfeld/v1/+/+/up", "penfeld/v1/+/+/up/simulated")

_TOPIC = re.compile(r"penfeld/v1/(?P<type>[^/]*)/(?P<device>[^/]*)/up(?P<simulated>/simulated)?", re.ASCII)
_TYPE = re.compile(r"[a-z0-9_]{1,63}", re.ASCII)


class _Up(msgspec.Struct, gc=False):
    values: dict[str, Value]
    time: datetime | int | float | None = None
    f_port: _envelope.Port | None = None
    f_cnt: _envelope.FrameCounter | None = None
    simulated: bool = False


_UP = msgspec.json.Decoder(_Up)
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, object])


def uplinks(topic: str, payload: bytes) -> tuple[Uplink, ...]:
    """Return the one uplink of a message; raise ``EnvelopeError`` naming what is wrong in topic or JSON."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        raise EnvelopeError(f"topic: must be penfeld/v1/<device type>/<device>/up, got {topic!r}")
    device_type, simulated = match["type"], match["simulated"] is not None
    device = _envelope.device_id(match["device"], "topic", technology="native")
    if not _TYPE.fullmatch(device_type):
        raise EnvelopeError(f"topic: a device type is named with a-z, 0-9 and _, got {device_type!r}")
    if not _is_json(payload):
        raw = Uplink(network=NAME, device=device, device_type=device_type, payload=payload, simulated=simulated)
        return (raw,)
    up = _read(payload)
    return (
        Uplink(
            network=NAME,
            device=device,
            device_type=device_type,
            time=_time(up.time),
            values=up.values,
            f_port=up.f_port,
            f_cnt=up.f_cnt,
            simulated=simulated or up.simulated,
        ),
    )


def _is_json(payload: bytes) -> bool:
    """Whether the message is, or was meant as, a JSON object (rule 2)."""
    if not payload.lstrip(b" \t\r\n").startswith(b"{"):
        return False
    if b'"values"' in payload:
        return True
    try:
        return bool(_envelope.read(_KEYS, payload))
    except EnvelopeError:
        return False


def _read(payload: bytes) -> _Up:
    """Return the typed event; where a value has the wrong kind, say of which field it is."""
    try:
        return _envelope.read(_UP, payload)
    except EnvelopeError as error:
        if not str(error).startswith("values"):
            raise
        values = _envelope.read(_OBJECT, payload).get("values")
        for name, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, dict | list):
                raise EnvelopeError(f"values: {name!r} must be a number, text, true, false or null") from None
        raise


def _time(time: datetime | float | None) -> datetime | None:
    if time is None or isinstance(time, datetime):
        return _envelope.utc(time, "time")
    try:
        return datetime.fromtimestamp(time, tz=UTC)
    except (ValueError, OverflowError, OSError):
        raise EnvelopeError(f"time: must be RFC 3339 or seconds since 1970, got {time}") from None
