"""Orange Live Objects: data messages of its MQTT queues (FIFO) and router, and of its HTTP push.

Rules:

1. Of the connector ``lora``, ``value.payload`` is the frame in hexadecimal; what an encoding decoded beside it is left
   to our own decoders.
2. Of the connector ``mqtt``, ``value`` says what the device measured by name, if it is flat: such a device needs no
   layout. Other connectors are refused.
3. ``timestamp`` is when it was received or measured, ``created`` when it was stored; ``timestamp`` counts.
4. A queue delivers again what was not acknowledged: the same frame, hence a duplicate; ``id`` is not looked at.
"""

from datetime import datetime

import msgspec

from decoders.networks import _envelope
from model.errors import EnvelopeError
from model.told import Event, Told
from model.uplink import Uplink
from model.value import Value

NAME = "liveobjects"
TOPICS = ("fifo/+", "router/~event/v1/data/new/#", "penfeld/v1/callbacks/liveobjects")


class _Lora(msgspec.Struct, gc=False):
    dev_eui: str = msgspec.field(name="devEUI")
    port: _envelope.Port | None = None
    fcnt: _envelope.FrameCounter | None = None
    rssi: float | None = None
    snr: float | None = None
    missing_fcnt: object = msgspec.field(name="missingFcnt", default=None)
    gateway_cnt: object = msgspec.field(name="gatewayCnt", default=None)
    signal_level: object = msgspec.field(name="signalLevel", default=None)


class _Network(msgspec.Struct, gc=False):
    lora: _Lora | None = None


class _Metadata(msgspec.Struct, gc=False):
    connector: str
    source: str | None = None
    network: _Network | None = None


class _Message(msgspec.Struct, gc=False):
    metadata: _Metadata
    value: msgspec.Raw = msgspec.Raw(b"null")
    timestamp: datetime | None = None
    stream_id: str | None = msgspec.field(name="streamId", default=None)
    tags: object = None
    location: object = None


class _Frame(msgspec.Struct, gc=False):
    payload: str | None = None


_MESSAGE = msgspec.json.Decoder(_Message, strict=False)
_FRAME = msgspec.json.Decoder(_Frame | None)
_OBJECT = msgspec.json.Decoder(dict[str, object])


def uplinks(topic: str, payload: bytes) -> tuple[Uplink | Told, ...]:  # noqa: ARG001 the message names its device
    """Return the uplink of a message, and what it tells; raise ``EnvelopeError`` naming what is missing or wrong."""
    message = _envelope.read(_MESSAGE, payload)
    connector = message.metadata.connector
    if connector == "lora":
        uplink, facts = _lora(message)
    elif connector == "mqtt":
        uplink, facts = _values(message), {}
    else:
        raise EnvelopeError(
            f"metadata.connector: {connector[:40]!r} is not read: lora gives frames, mqtt gives named values"
        )
    told = [(Event.RADIO, facts), (Event.LOCATION, _position(message.location))]
    return (uplink, *(_told(uplink, event, some) for event, some in told if some))


def _lora(message: _Message) -> tuple[Uplink, dict[str, Value]]:
    """Return the frame of a LoRaWAN device, and what is told of the radio."""
    network = message.metadata.network
    lora = network.lora if network else None
    if lora is None:
        raise EnvelopeError("metadata.network.lora: missing")
    frame = _envelope.read(_FRAME, message.value, "value")
    payload = frame.payload if frame else None
    if payload is None and lora.port:
        raise EnvelopeError("value.payload: missing")
    if lora.fcnt is None:
        raise EnvelopeError("metadata.network.lora.fcnt: missing")
    data = _envelope.hexadecimal(payload, "value.payload") if payload else b""
    level = _envelope.number(lora.signal_level)
    return Uplink(
        network=NAME,
        device=_envelope.dev_eui(lora.dev_eui, "metadata.network.lora.devEUI"),
        time=_envelope.first_plausible([(message.timestamp, "timestamp")]),
        payload=data,
        f_port=_envelope.port(lora.port, data),
        f_cnt=lora.fcnt,
        rssi_dbm=lora.rssi,
        snr_db=lora.snr,
        simulated=_simulated(message),
    ), _envelope.facts(
        gateways=lora.gateway_cnt,
        lost_frames=lora.missing_fcnt,
        link_quality=None if level is None else f"{level:g}/5",
    )


def _values(message: _Message) -> Uplink:
    """Return the values of a device that speaks MQTT itself."""
    source = message.metadata.source or message.stream_id
    if source is None:
        raise EnvelopeError("metadata.source: missing")
    values = _named_values(message.value)
    device = source.rpartition(":")[2]
    return Uplink(
        network=NAME,
        device=_envelope.device_id(device, "metadata.source", technology="native"),
        time=_envelope.first_plausible([(message.timestamp, "timestamp")]),
        values=values,
        simulated=_simulated(message),
    )


def _named_values(value: bytes) -> dict[str, Value]:
    named: dict[str, Value] = {}
    for name, one in _envelope.read(_OBJECT, value, "value").items():
        if not isinstance(one, float | int | str | None):
            raise EnvelopeError(
                f"value: {name[:40]!r} must be a number, text, true, false or null; let the device, or a decoder in"
                " Live Objects, name each value by itself"
            )
        named[name] = one
    return named


def _simulated(message: _Message) -> bool:
    return isinstance(message.tags, list) and _envelope.SIMULATED_TAG in message.tags


def _position(location: object) -> dict[str, Value]:
    if not isinstance(location, dict):
        return {}
    return _envelope.position(
        location.get("lat"),
        location.get("lon"),
        altitude_m=location.get("alt"),
        position_radius_m=location.get("accuracy"),
        position_source=location.get("provider"),
    )


def _told(uplink: Uplink, event: Event, facts: dict[str, Value]) -> Told:
    return Told(
        network=NAME,
        device=uplink.device,
        event=event,
        facts=facts,
        time=uplink.time,
        f_cnt=uplink.f_cnt,
        simulated=uplink.simulated,
    )
