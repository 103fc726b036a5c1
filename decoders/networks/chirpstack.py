"""ChirpStack v4: the ``up`` event of its MQTT integration, in JSON.

Rules:

1. Whatever is zero may be missing: ``fCnt``, ``data``, a gateway's ``rssi`` and ``snr``.
2. ``time`` is that of the best clock ChirpStack found: a gateway's GPS, a gateway's own, else the server's.
3. Without ``data`` the port is 0: such a frame carried only what the network says to itself.
4. A payload still encrypted for a join server is refused: decoding it would give numbers without meaning.
"""

from datetime import datetime

import msgspec

from decoders.networks import _envelope
from model.errors import EnvelopeError
from model.uplink import Uplink

NAME = "chirpstack"
TOPICS = ("application/+/device/+/event/up",)
SIMULATED_TAG = "penfeld-simulated"


class _DeviceInfo(msgspec.Struct, gc=False):
    dev_eui: str = msgspec.field(name="devEui")
    tags: dict[str, str] | None = None


class _Reception(msgspec.Struct, gc=False):
    gateway_id: str | None = msgspec.field(name="gatewayId", default=None)
    rssi: float | None = 0.0
    snr: float | None = 0.0


class _Up(msgspec.Struct, gc=False):
    device_info: _DeviceInfo = msgspec.field(name="deviceInfo")
    time: datetime | None = None
    dev_addr: str | None = msgspec.field(name="devAddr", default=None)
    f_cnt: _envelope.FrameCounter | None = msgspec.field(name="fCnt", default=0)
    f_port: _envelope.Port | None = msgspec.field(name="fPort", default=None)
    data: str | None = None
    rx_info: list[_Reception] | None = msgspec.field(name="rxInfo", default=None)
    join_server_context: object = msgspec.field(name="joinServerContext", default=None)


_UP = msgspec.json.Decoder(_Up, strict=False)


def uplinks(topic: str, payload: bytes) -> tuple[Uplink, ...]:  # noqa: ARG001 the event names its device itself
    """Return the one uplink of an ``up`` event; raise ``EnvelopeError`` naming the field that is missing or wrong."""
    up = _envelope.read(_UP, payload)
    if up.join_server_context:
        raise EnvelopeError("joinServerContext: the payload is still encrypted; give ChirpStack the AppSKey")
    data = _envelope.base64(up.data, "data") if up.data else b""
    best = _best(up.rx_info) if up.rx_info else None
    tags = up.device_info.tags
    return (
        Uplink(
            network=NAME,
            device=_envelope.device_id(up.device_info.dev_eui, "deviceInfo.devEui", technology="lorawan"),
            time=_envelope.utc(up.time, "time"),
            payload=data,
            f_port=_envelope.port(up.f_port, data),
            f_cnt=up.f_cnt or 0,
            session=_envelope.plain(up.dev_addr or "", "devAddr"),
            rssi_dbm=(best.rssi or 0.0) if best else None,
            snr_db=(best.snr or 0.0) if best else None,
            gateway=_envelope.plain(best.gateway_id, "rxInfo.gatewayId") if best and best.gateway_id else None,
            simulated=tags is not None and tags.get(SIMULATED_TAG) == "true",
        ),
    )


def _best(receptions: list[_Reception]) -> _Reception:
    """Return that of the gateway which heard the frame best, the first of equals."""
    best = receptions[0]
    for other in receptions[1:]:
        if (other.rssi or 0.0) > (best.rssi or 0.0):
            best = other
    return best
