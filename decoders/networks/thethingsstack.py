"""The Things Stack v3: the events of its MQTT server and of its webhooks, which are the same JSON.

Rules:

1. Empty fields are left out: without ``f_cnt`` the counter is 0, without ``frm_payload`` the port is too.
2. When the frame was on air: the radio's clock (``settings.time``, a gateway's ``gps_time``), else when the network
   server had it, else when the application server had it.
3. The session is ``session_key_id``, which changes with every join; ``dev_addr`` where there is none.
4. A payload still encrypted (``app_s_key`` comes with it) is refused: decoding it would give numbers without meaning.
5. ``uplink_normalized`` repeats the frame of an ``uplink_message`` and gives nothing, nor does ``service_data``. What
   applications send themselves (``down/push``, ``down/replace``) is no event of a device.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from decoders.networks import _envelope
from model.errors import EnvelopeError
from model.told import Downlink, Event, Told
from model.uplink import Uplink
from model.value import Value

NAME = "thethingsstack"
TOPICS = (
    "v3/+/devices/+/up",
    "v3/+/devices/+/join",
    "v3/+/devices/+/down/+",
    "v3/+/devices/+/location/solved",
    "v3/+/devices/+/service/data",
    "penfeld/v1/callbacks/thethingsstack",
)


class _DeviceIds(msgspec.Struct, gc=False):
    dev_eui: str
    dev_addr: str | None = None


class _GatewayIds(msgspec.Struct, gc=False):
    gateway_id: str | None = None
    eui: str | None = None


class _Reception(msgspec.Struct, gc=False):
    gateway_ids: _GatewayIds | None = None
    gps_time: datetime | None = None
    rssi: float | None = 0.0
    snr: float | None = 0.0


class _Settings(msgspec.Struct, gc=False):
    time: datetime | None = None


class _UplinkMessage(msgspec.Struct, gc=False):
    session_key_id: str | None = None
    f_port: _envelope.Port | None = None
    f_cnt: _envelope.FrameCounter | None = 0
    frm_payload: str | None = None
    rx_metadata: list[_Reception] | None = None
    settings: _Settings | None = None
    received_at: datetime | None = None
    app_s_key: object = None
    last_battery_percentage: object = None


class _Up(msgspec.Struct, gc=False):
    end_device_ids: _DeviceIds
    uplink_message: _UplinkMessage | None = None
    received_at: datetime | None = None
    simulated: bool | None = False


class _JoinAccept(msgspec.Struct, gc=False):
    session_key_id: str | None = None
    received_at: datetime | None = None


class _Location(msgspec.Struct, gc=False):
    latitude: float | None = 0.0
    longitude: float | None = 0.0
    altitude: float | None = 0.0
    accuracy: float | None = 0.0
    source: str | int | None = None


class _Solved(msgspec.Struct, gc=False):
    location: _Location


class _Error(msgspec.Struct, gc=False):
    name: str | None = None
    message_format: str | None = None


class _Failed(msgspec.Struct, gc=False):
    error: _Error | None = None


class _Other(msgspec.Struct, gc=False):
    end_device_ids: _DeviceIds
    received_at: datetime | None = None
    simulated: bool | None = False
    join_accept: _JoinAccept | None = None
    location_solved: _Solved | None = None
    downlink_failed: _Failed | None = None


class _Battery(msgspec.Struct, gc=False):
    value: float | None = 0.0
    f_cnt: _envelope.FrameCounter | None = 0
    received_at: datetime | None = None


_UP = msgspec.json.Decoder(_Up, strict=False)
_OTHER = msgspec.json.Decoder(_Other, strict=False)
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_WITHOUT_FACTS = ("uplink_normalized", "service_data")
_DOWNLINKS: Mapping[str, Downlink] = {
    "downlink_queued": Downlink.QUEUED,
    "downlink_sent": Downlink.SENT,
    "downlink_ack": Downlink.ACKNOWLEDGED,
    "downlink_nack": Downlink.UNACKNOWLEDGED,
    "downlink_failed": Downlink.FAILED,
    "downlink_queue_invalidated": Downlink.DROPPED,
}
_COMMANDS = ("/down/push", "/down/replace")


def uplinks(topic: str, payload: bytes) -> tuple[Uplink | Told, ...]:
    """Return the uplink of an event, and what it tells; raise ``EnvelopeError`` naming what is missing or wrong."""
    if topic.endswith(_COMMANDS):
        return ()
    up = _envelope.read(_UP, payload)
    message = up.uplink_message
    if message is None:
        return _told(payload)
    if message.app_s_key:
        raise EnvelopeError("uplink_message.app_s_key: the payload is still encrypted; let the server decrypt it")
    data = _envelope.base64(message.frm_payload, "uplink_message.frm_payload") if message.frm_payload else b""
    best = max(message.rx_metadata, key=lambda reception: reception.rssi or 0.0) if message.rx_metadata else None
    uplink = Uplink(
        network=NAME,
        device=_envelope.dev_eui(up.end_device_ids.dev_eui, "end_device_ids.dev_eui"),
        time=_on_air(up, message),
        payload=data,
        f_port=_envelope.port(message.f_port, data),
        f_cnt=message.f_cnt or 0,
        session=_envelope.plain(message.session_key_id or up.end_device_ids.dev_addr or "", "session_key_id"),
        rssi_dbm=(best.rssi or 0.0) if best else None,
        snr_db=(best.snr or 0.0) if best else None,
        gateway=_gateway(best) if best else None,
        simulated=bool(up.simulated),
    )
    return (uplink,) if message.last_battery_percentage is None else (uplink, *_battery(message, uplink))


def _on_air(up: _Up, message: _UplinkMessage) -> datetime | None:
    """Return the best time that the event tells, in the order of rule 2."""
    candidates: list[tuple[datetime | None, str]] = []
    if message.settings is not None:
        candidates.append((message.settings.time, "uplink_message.settings.time"))
    candidates += [(seen.gps_time, "uplink_message.rx_metadata.gps_time") for seen in message.rx_metadata or ()]
    candidates.append((message.received_at, "uplink_message.received_at"))
    candidates.append((up.received_at, "received_at"))
    return _envelope.first_plausible(candidates)


def _gateway(reception: _Reception) -> str | None:
    ids = reception.gateway_ids
    name = (ids.gateway_id or ids.eui) if ids else None
    return _envelope.plain(name, "uplink_message.rx_metadata.gateway_ids") if name else None


def _battery(message: _UplinkMessage, uplink: Uplink) -> tuple[Told, ...]:
    """Return the battery level that comes with every frame since the device last told it; nothing if it is none."""
    try:
        battery = msgspec.convert(message.last_battery_percentage, _Battery, strict=False)
        time = _envelope.utc(battery.received_at, "last_battery_percentage.received_at")
    except (msgspec.ValidationError, ValueError, EnvelopeError):
        return ()
    return (
        Told(
            network=NAME,
            device=uplink.device,
            event=Event.STATUS,
            facts=_envelope.facts(battery_percent=battery.value or 0.0),
            time=time or uplink.time,
            f_cnt=battery.f_cnt or 0,
            simulated=uplink.simulated,
        ),
    )


def _told(payload: bytes) -> tuple[Told, ...]:
    """Return what an event without frame tells."""
    kinds = _envelope.read(_KEYS, payload).keys()
    event = _envelope.read(_OTHER, payload)
    time, downlink = event.received_at, next((kind for kind in _DOWNLINKS if kind in kinds), None)
    if event.join_accept is not None:
        kind, time = Event.JOIN, event.join_accept.received_at or time
        session = event.join_accept.session_key_id or event.end_device_ids.dev_addr
        facts = _envelope.facts(joined=True, session=session)
    elif event.location_solved is not None:
        kind, facts = Event.LOCATION, _position(event.location_solved.location)
    elif downlink is not None:
        error = event.downlink_failed.error if event.downlink_failed else None
        reason = (error.message_format or error.name) if error else None
        kind, facts = Event.DOWNLINK, _envelope.downlink(_DOWNLINKS[downlink], reason)
    elif kinds & set(_WITHOUT_FACTS):
        return ()
    else:
        raise EnvelopeError("uplink_message: missing")
    return (
        Told(
            network=NAME,
            device=_envelope.dev_eui(event.end_device_ids.dev_eui, "end_device_ids.dev_eui"),
            event=kind,
            facts=facts,
            time=_envelope.first_plausible([(time, "received_at")]),
            simulated=bool(event.simulated),
        ),
    )


def _position(where: _Location) -> dict[str, Value]:
    source = where.source.removeprefix("SOURCE_") if isinstance(where.source, str) else where.source
    return _envelope.sure_position(
        "location_solved.location",
        where.latitude or 0.0,
        where.longitude or 0.0,
        altitude_m=where.altitude or None,
        position_radius_m=where.accuracy or None,
        position_source=source,
    )
