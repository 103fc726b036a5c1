"""Kerlink Wanesy Management Center 3: what its push sends to ``…/dataUp``, ``…/dataDownEvent`` and ``…/join``.

Rules:

1. The bodies name no kind: with ``payload`` or ``fCntUp`` it is a frame, with ``event`` or ``dataDownId`` what became
   of a downlink, else with ``endDevice`` a join.
2. ``encodingType`` says how ``payload`` is written; without it, in hexadecimal.
3. A frame was on air at ``gwRecvTime``, the gateway's clock, else at ``recvTime``, the server's; both in milliseconds.
   A gateway may have kept it meanwhile (``delayed``).
4. What the server sends again later has the same counter: the same frame, hence a duplicate; ``id`` is not looked at.
5. An event of a downlink that names no device tells nothing about one.
"""

from datetime import datetime

import msgspec

from decoders.networks import _envelope
from model.errors import EnvelopeError
from model.told import Downlink, Event, Told
from model.uplink import Uplink
from model.value import Value

NAME = "wanesy"
TOPICS = ("penfeld/v1/callbacks/wanesy",)


class _EndDevice(msgspec.Struct, gc=False):
    dev_eui: str = msgspec.field(name="devEui")
    dev_addr: str | None = msgspec.field(name="devAddr", default=None)


class _Reception(msgspec.Struct, gc=False):
    gateway: str | None = msgspec.field(name="gwEui", default=None)
    rssi: float | None = None
    snr: float | None = None


class _Push(msgspec.Struct, gc=False, rename="camel"):
    end_device: _EndDevice | None = None
    payload: str | None = None
    encoding_type: str | None = None
    encrypted: bool | None = False
    f_cnt_up: _envelope.FrameCounter | None = None
    f_port: _envelope.Port | None = None
    recv_time: float | None = None
    gw_recv_time: float | None = None
    delayed: bool | None = None
    gw_cnt: object = None
    gw_info: list[_Reception] | None = None
    data_down_id: object = None
    event: object = None
    status: object = None


_PUSH = msgspec.json.Decoder(_Push, strict=False)
_SENT = "OK"


def uplinks(topic: str, payload: bytes) -> tuple[Uplink | Told, ...]:  # noqa: ARG001 the push names its device itself
    """Return the uplink of a push, and what it tells; raise ``EnvelopeError`` naming what is missing or wrong."""
    push = _envelope.read(_PUSH, payload)
    frame = push.payload is not None or push.f_cnt_up is not None
    downlink = not frame and (push.data_down_id is not None or push.event is not None)
    if push.end_device is None:
        if downlink:
            return ()
        raise EnvelopeError("endDevice: missing")
    device = _envelope.dev_eui(push.end_device.dev_eui, "endDevice.devEui")
    if frame:
        return _of_frame(push, device, push.end_device.dev_addr or "")
    if downlink:
        sent = isinstance(push.status, str) and push.status.upper() == _SENT
        facts = _envelope.downlink(Downlink.SENT if sent else Downlink.FAILED, None if sent else push.status)
        return (_told(push, device, Event.DOWNLINK, facts),)
    return (_told(push, device, Event.JOIN, _envelope.facts(joined=True, session=push.end_device.dev_addr)),)


def _of_frame(push: _Push, device: str, address: str) -> tuple[Uplink | Told, ...]:
    """Return a frame, and what is told of the radio."""
    if push.encrypted:
        raise EnvelopeError("encrypted: the payload is still encrypted; give Wanesy the device's AppSKey")
    if push.f_cnt_up is None:
        raise EnvelopeError("fCntUp: missing")
    data = _payload(push)
    heard = push.gw_info or [_Reception()]
    best = max(heard, key=lambda one: _envelope.loudness(one.rssi))
    uplink = Uplink(
        network=NAME,
        device=device,
        time=_time(push),
        payload=data,
        f_port=_envelope.port(push.f_port, data),
        f_cnt=push.f_cnt_up,
        session=_envelope.plain(address, "endDevice.devAddr"),
        rssi_dbm=best.rssi,
        snr_db=best.snr,
        gateway=_envelope.plain(best.gateway or "", "gwInfo.gwEui") or None,
    )
    facts = _envelope.facts(
        gateways=push.gw_cnt if push.gw_cnt is not None else len(push.gw_info or ()) or None, late=push.delayed
    )
    return (uplink, _told(push, device, Event.RADIO, facts)) if facts else (uplink,)


def _payload(push: _Push) -> bytes:
    """Return the payload's bytes (rule 2)."""
    encoding = (push.encoding_type or "HEXA").upper()
    if encoding == "BASE64":
        return _envelope.base64(push.payload or "", "payload")
    if encoding != "HEXA":
        raise EnvelopeError(f"encodingType: must be HEXA or BASE64, got {encoding[:40]!r}")
    return _envelope.hexadecimal(push.payload or "", "payload")


def _time(push: _Push) -> datetime | None:
    return _envelope.first_plausible(
        [
            (_envelope.milliseconds(push.gw_recv_time, "gwRecvTime"), "gwRecvTime"),
            (_envelope.milliseconds(push.recv_time, "recvTime"), "recvTime"),
        ]
    )


def _told(push: _Push, device: str, event: Event, facts: dict[str, Value]) -> Told:
    return Told(network=NAME, device=device, event=event, facts=facts, time=_time(push), f_cnt=push.f_cnt_up)
