"""ChirpStack v4: the events of its MQTT and HTTP integrations, in JSON or (MQTT only) in Protocol Buffers.

Rules:

1. Whatever is zero may be missing: ``fCnt``, ``data``, a gateway's ``rssi`` and ``snr``.
2. ``time`` is that of the best clock ChirpStack found: a gateway's GPS, a gateway's own, else the server's.
3. Without ``data`` the port is 0: such a frame carried only what the network says to itself.
4. A payload still encrypted for a join server is refused: decoding it would give numbers without meaning.
5. The topic ends in the event's name. Where it does not (HTTP pushes, a topic of one's own), the event is known by its
   keys; without that, Protocol Buffers say nothing.
6. Both encodings of an event give the same. What begins with ``{`` is JSON.
7. A copy that came too late, and a repeat on air, are no ``up`` but a ``log`` event: a notice, not a frame.
"""

from datetime import UTC

import msgspec

from decoders.networks import _envelope
from decoders.networks._chirpstack_events import Other, Reception, Up
from model.errors import EnvelopeError
from model.told import Downlink, Event, Told
from model.uplink import Uplink
from model.value import Value

NAME = "chirpstack"
TOPICS = ("application/+/device/+/event/+", "penfeld/v1/callbacks/chirpstack")
SIMULATED_TAG = _envelope.SIMULATED_TAG

_PROTOBUF = b"\x08\x0a\x12\x1a"
"""The tags that an event can begin with: its first three fields. The line feed may also stand before a JSON object."""

_UP = msgspec.json.Decoder(Up, strict=False)
_OTHER = msgspec.json.Decoder(Other, strict=False)
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KNOWN_BY = (
    ("log", {"level", "code", "description", "context"}),
    ("location", {"location"}),
    ("status", {"margin", "batteryLevel", "externalPowerSource", "batteryLevelUnavailable"}),
    ("integration", {"integrationName"}),
    ("txack", {"downlinkId", "gatewayId", "txInfo"}),
    ("ack", {"acknowledged", "queueItemId", "fCntDown"}),
    ("join", {"devAddr"}),
)
"""Keys that only this event has, once those before it are ruled out; ``up`` is asked for first, by keys of its own."""
_OF_UP = {"fCnt", "fPort", "rxInfo", "data", "dr"}
_KINDS = {
    "join": Event.JOIN,
    "status": Event.STATUS,
    "location": Event.LOCATION,
    "ack": Event.DOWNLINK,
    "txack": Event.DOWNLINK,
    "log": Event.NOTICE,
}
_EVENTS = frozenset({"up", *(name for name, _ in _KNOWN_BY)})


def uplinks(topic: str, payload: bytes) -> tuple[Uplink | Told, ...]:
    """Return the uplink of an ``up``, or what another event tells; raise ``EnvelopeError`` naming what is wrong."""
    if topic.endswith("/up"):
        try:
            return (_uplink(_UP.decode(payload)),)
        except (msgspec.DecodeError, ValueError, RecursionError):
            pass  # Protocol Buffers, or an error to be told in our words
    name = topic[topic.rfind("/") + 1 :]
    if payload[:1] in _PROTOBUF and payload and payload.lstrip()[:1] != b"{":
        return _of_protobuf(name, payload)
    if name not in _EVENTS:
        name = _known_by_keys(payload)
    if name == "up":
        return (_uplink(_envelope.read(_UP, payload)),)
    return () if name == "integration" else _told(name, _envelope.read(_OTHER, payload))


def _of_protobuf(name: str, payload: bytes) -> tuple[Uplink | Told, ...]:
    """Read an event in Protocol Buffers, with what only those who use them need to load."""
    from decoders.networks import _chirpstack_protobuf as protobuf  # noqa: PLC0415 -- loading it takes 50 ms

    if name not in _EVENTS:
        raise EnvelopeError("topic: must end in the event's name for Protocol Buffers; or let ChirpStack send JSON")
    if name == "up":
        return (_uplink(*protobuf.up(payload)),)
    return () if name == "integration" else _told(name, protobuf.other(name, payload))


def _known_by_keys(payload: bytes) -> str:
    """Return the name of an event in JSON."""
    keys = _envelope.read(_KEYS, payload).keys()
    if not keys & _OF_UP:
        for name, some in _KNOWN_BY:
            if keys & some:
                return name
    return "up"


def _uplink(up: Up, data: bytes | None = None) -> Uplink:
    """Return the uplink of an event, whose payload is given where it is no base64."""
    if up.join_server_context:
        raise EnvelopeError("joinServerContext: the payload is still encrypted; give ChirpStack the AppSKey")
    if data is None:
        data = _envelope.base64(up.data, "data") if up.data else b""
    best = _best(up.rx_info) if up.rx_info else None
    tags, time = up.device_info.tags, up.time
    if time is not None and time.tzinfo is not UTC:
        time = _envelope.utc(time, "time")
    return Uplink(
        network=NAME,
        device=_envelope.dev_eui(up.device_info.dev_eui, "deviceInfo.devEui"),
        time=time,
        payload=data,
        f_port=_envelope.port(up.f_port, data),
        f_cnt=up.f_cnt or 0,
        session=_envelope.plain(up.dev_addr or "", "devAddr"),
        rssi_dbm=(best.rssi or 0.0) if best else None,
        snr_db=(best.snr or 0.0) if best else None,
        gateway=_envelope.plain(best.gateway_id, "rxInfo.gatewayId") if best and best.gateway_id else None,
        simulated=tags is not None and tags.get(SIMULATED_TAG) == "true",
    )


def _best(receptions: list[Reception]) -> Reception:
    """Return that of the gateway which heard the frame best, the first of equals."""
    best = receptions[0]
    loudest = best.rssi or 0.0
    for other in receptions:
        rssi = other.rssi or 0.0
        if rssi > loudest:
            best, loudest = other, rssi
    return best


def _told(name: str, event: Other) -> tuple[Told, ...]:
    """Return what an event tells beside frames."""
    tags = event.device_info.tags
    return (
        Told(
            network=NAME,
            device=_envelope.dev_eui(event.device_info.dev_eui, "deviceInfo.devEui"),
            event=_KINDS[name],
            facts=_facts(name, event),
            time=_envelope.utc(event.time, "time"),
            simulated=tags is not None and tags.get(SIMULATED_TAG) == "true",
        ),
    )


def _facts(name: str, event: Other) -> dict[str, Value]:
    if name == "join":
        return _envelope.facts(joined=True, session=event.dev_addr)
    if name == "status":
        mains = event.external_power_source or False
        level = None if mains or event.battery_level_unavailable else event.battery_level or 0.0
        power = None if event.battery_level_unavailable else mains
        return _envelope.facts(margin_db=event.margin or 0.0, external_power=power, battery_percent=level)
    if name == "location":
        where = event.location
        if where is None:
            raise EnvelopeError("location: missing")
        return _envelope.sure_position(
            "location",
            where.latitude or 0.0,
            where.longitude or 0.0,
            altitude_m=where.altitude or None,
            position_radius_m=where.accuracy or None,
            position_source=where.source,
        )
    if name == "ack":
        return _envelope.downlink(Downlink.ACKNOWLEDGED if event.acknowledged else Downlink.UNACKNOWLEDGED)
    if name == "txack":
        return _envelope.downlink(Downlink.SENT)
    code = event.code or "UNKNOWN"
    return _envelope.facts(
        notice=f"{code}: {event.description}" if event.description else code,
        notice_level=(event.level or "INFO").lower(),
    )
