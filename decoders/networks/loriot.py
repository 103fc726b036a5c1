"""LORIOT: the messages of its application output (HTTP push, MQTT), told apart by ``cmd``.

Rules:

1. ``rx`` comes at once, ``gw`` some seconds later with every gateway that heard the same frame. Both give it with the
   same key, so that either alone is enough and the second is a duplicate; ``gw`` tells the radio's facts.
2. ``data`` is hexadecimal, as LORIOT sends it unless told otherwise: base64 cannot be told from it safely.
3. A payload still encrypted (``encdata``) is refused: decoding it would give numbers without meaning.
4. ``ts`` is when the server had it, in milliseconds since 1970.
5. ``bat`` is the level of LoRaWAN's DevStatusAns: 0 mains, 255 not known.
6. Answers to what applications ask LORIOT itself (``tx``, ``cq``) are no event of a device.
"""

from datetime import datetime

import msgspec

from decoders.networks import _envelope
from model.errors import EnvelopeError
from model.told import Downlink, Event, Told
from model.uplink import Uplink
from model.value import Value

NAME = "loriot"
TOPICS = ("penfeld/v1/callbacks/loriot",)

_ANSWERS = ("tx", "cq")


class _Reception(msgspec.Struct, gc=False):
    gweui: str | None = None
    rssi: float | None = None
    snr: float | None = None


class _Message(msgspec.Struct, gc=False):
    cmd: str
    eui: str | None = msgspec.field(name="EUI", default=None)
    ts: float | datetime | None = None
    fcnt: _envelope.FrameCounter | None = None
    port: _envelope.Port | None = None
    data: str | None = None
    encdata: object = None
    rssi: float | None = None
    snr: float | None = None
    gws: msgspec.Raw = msgspec.Raw(b"null")
    bat: object = None
    offline: bool | None = None
    devaddr: str | None = None
    lat: object = None
    lon: object = None
    alt: object = None
    accuracy: object = None
    method: object = None


_MESSAGE = msgspec.json.Decoder(_Message, strict=False)
_GATEWAYS = msgspec.json.Decoder(list[_Reception] | None, strict=False)


def uplinks(topic: str, payload: bytes) -> tuple[Uplink | Told, ...]:  # noqa: ARG001 the message names its device
    """Return the uplink of a message, and what it tells; raise ``EnvelopeError`` naming what is missing or wrong."""
    message = _envelope.read(_MESSAGE, payload)
    if message.cmd in _ANSWERS:
        return ()
    if message.eui is None:
        raise EnvelopeError("EUI: missing")
    device = _envelope.dev_eui(message.eui, "EUI")
    if message.cmd in ("rx", "gw"):
        return _of_frame(message, device)
    if message.cmd == "txd":
        return (_told(message, device, Event.DOWNLINK, _envelope.downlink(Downlink.SENT)),)
    if message.cmd == "geo":
        facts = _envelope.sure_position(
            "lat, lon",
            message.lat,
            message.lon,
            altitude_m=message.alt,
            position_radius_m=message.accuracy,
            position_source=message.method,
        )
        return (_told(message, device, Event.LOCATION, facts),)
    if message.cmd == "join":
        return (_told(message, device, Event.JOIN, _envelope.facts(joined=True, session=message.devaddr)),)
    raise EnvelopeError(f"cmd: {message.cmd[:40]!r} is not read: rx, gw, txd, geo and join are")


def _of_frame(message: _Message, device: str) -> tuple[Uplink | Told, ...]:
    if message.data is None and message.encdata:
        raise EnvelopeError("encdata: the payload is still encrypted; give LORIOT the device's AppSKey")
    if message.fcnt is None:
        raise EnvelopeError("fcnt: missing")
    data = _envelope.hexadecimal(message.data, "data") if message.data else b""
    gateways = _envelope.read(_GATEWAYS, message.gws, "gws") or []
    best = max(gateways, key=lambda one: _envelope.loudness(one.rssi), default=_Reception())
    uplink = Uplink(
        network=NAME,
        device=device,
        time=_time(message),
        payload=data,
        f_port=_envelope.port(message.port, data),
        f_cnt=message.fcnt,
        rssi_dbm=message.rssi if best.rssi is None else best.rssi,
        snr_db=message.snr if best.rssi is None else best.snr,
        gateway=_envelope.plain(best.gweui or "", "gws.gweui") or None,
    )
    radio = _envelope.facts(
        gateways=len(gateways) or None, rssi_dbm=best.rssi, snr_db=best.snr, gateway=best.gweui, late=message.offline
    )
    told = [(Event.RADIO, radio), (Event.STATUS, _envelope.battery(message.bat))]
    return (uplink, *(_told(message, device, event, facts) for event, facts in told if facts))


def _time(message: _Message) -> datetime | None:
    ts = message.ts
    time = ts if isinstance(ts, datetime) else _envelope.milliseconds(ts, "ts")
    return _envelope.first_plausible([(time, "ts")])


def _told(message: _Message, device: str, event: Event, facts: dict[str, Value]) -> Told:
    return Told(network=NAME, device=device, event=event, facts=facts, time=_time(message), f_cnt=message.fcnt)
