"""The Things Stack v3: the ``up`` event of its MQTT server and webhooks, in JSON.

Rules:

1. Empty fields are left out: without ``f_cnt`` the counter is 0, without ``frm_payload`` the port is too.
2. When the frame was on air: the radio's clock (``settings.time``, a gateway's ``gps_time``), else when the network
   server had it, else when the application server had it.
3. The session is ``session_key_id``, which changes with every join; ``dev_addr`` where there is none.
4. A payload still encrypted (``app_s_key`` comes with it) is refused: decoding it would give numbers without meaning.
5. Another event of the device on this topic (a join, an answer to a downlink) holds no uplink.
"""

from datetime import datetime

import msgspec

from decoders.networks import _envelope
from model.errors import EnvelopeError
from model.uplink import Uplink

NAME = "thethingsstack"
TOPICS = ("v3/+/devices/+/up",)
_OTHER_EVENTS = ("join_accept", "downlink_", "location_solved", "service_data", "uplink_normalized")


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


class _Up(msgspec.Struct, gc=False):
    end_device_ids: _DeviceIds
    uplink_message: _UplinkMessage | None = None
    received_at: datetime | None = None
    simulated: bool | None = False


_UP = msgspec.json.Decoder(_Up, strict=False)
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def uplinks(topic: str, payload: bytes) -> tuple[Uplink, ...]:  # noqa: ARG001 the event names its device itself
    """Return the one uplink of an ``up`` event; raise ``EnvelopeError`` naming the field that is missing or wrong."""
    up = _envelope.read(_UP, payload)
    message = up.uplink_message
    if message is None:
        if any(key.startswith(_OTHER_EVENTS) for key in _envelope.read(_KEYS, payload)):
            return ()
        raise EnvelopeError("uplink_message: missing")
    if message.app_s_key:
        raise EnvelopeError("uplink_message.app_s_key: the payload is still encrypted; let the server decrypt it")
    data = _envelope.base64(message.frm_payload, "uplink_message.frm_payload") if message.frm_payload else b""
    best = max(message.rx_metadata, key=lambda reception: reception.rssi or 0.0) if message.rx_metadata else None
    return (
        Uplink(
            network=NAME,
            device=_envelope.device_id(up.end_device_ids.dev_eui, "end_device_ids.dev_eui", technology="lorawan"),
            time=_on_air(up, message),
            payload=data,
            f_port=_envelope.port(message.f_port, data),
            f_cnt=message.f_cnt or 0,
            session=_envelope.plain(message.session_key_id or up.end_device_ids.dev_addr or "", "session_key_id"),
            rssi_dbm=(best.rssi or 0.0) if best else None,
            snr_db=(best.snr or 0.0) if best else None,
            gateway=_gateway(best) if best else None,
            simulated=bool(up.simulated),
        ),
    )


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
