"""Actility ThingPark: the reports of its tunnel interface (HTTP) and of ThingPark X (MQTT), in JSON.

Rules:

1. The document is one report, ``{"DevEUI_uplink": {…}}``, or it comes with the address that it was sent to, as
   ``{"query": {…}, "body": {…}}``: the token of the query is verified where reports come in (``api``).
2. Numbers may be texts, as in the XML of old, and ``Lrrs.Lrr`` an object where there is one gateway.
3. ``Time`` is the radio's, also of a frame that a gateway kept while it had no network (``Late``).
4. A payload still encrypted (``PayloadEncryption``) is refused: decoding it would give numbers without meaning.
5. A join request is no frame; that the device joined is told by ``DevEUI_notification``.
"""

from datetime import datetime

import msgspec

from decoders.networks import _envelope
from model.errors import EnvelopeError
from model.told import Downlink, Event, Told
from model.uplink import Uplink
from model.value import Value

NAME = "thingpark"
TOPICS = ("mqtt/things/+/uplink", "penfeld/v1/callbacks/thingpark")

_Number = str | float | None
_NO_CAUSE = "00"


class _Reception(msgspec.Struct, gc=False):
    gateway: str | None = msgspec.field(name="Lrrid", default=None)
    rssi: _Number = msgspec.field(name="LrrRSSI", default=None)
    snr: _Number = msgspec.field(name="LrrSNR", default=None)


class _Receptions(msgspec.Struct, gc=False):
    every: list[_Reception] | _Reception | None = msgspec.field(name="Lrr", default=None)


class _Report(msgspec.Struct, gc=False, rename="pascal"):
    """What all reports say, and what only some do that say where a device is."""

    dev_eui: str = msgspec.field(name="DevEUI")
    time: datetime | None = None
    dev_addr: str | None = None
    customer_data: object = None
    dev_lat: object = msgspec.field(name="DevLAT", default=None)
    dev_lon: object = msgspec.field(name="DevLON", default=None)
    dev_alt: object = None
    dev_loc_radius: object = None
    dev_loc_time: object = None


class _Uplink(_Report, gc=False, rename="pascal"):
    f_cnt_up: _envelope.FrameCounter | None = None
    f_port: _envelope.Port | None = None
    payload: str | None = msgspec.field(name="payload_hex", default=None)
    payload_encryption: _Number = None
    raw_join_request: object = msgspec.field(name="rawJoinRequest", default=None)
    gateway: str | None = msgspec.field(name="Lrrid", default=None)
    rssi: _Number = msgspec.field(name="LrrRSSI", default=None)
    snr: _Number = msgspec.field(name="LrrSNR", default=None)
    lrrs: _Receptions | None = None
    gateways: object = msgspec.field(name="DevLrrCnt", default=None)
    late: _Number = None
    lost: object = msgspec.field(name="LostUplinksAS", default=None)


class _Location(_Report, gc=False, rename="pascal"):
    counter: _Number = msgspec.field(name="DevUlFCntUpUsed", default=None)


class _Downlink(_Report, gc=False, rename="pascal"):
    delivery_status: _Number = None
    delivery_failed_cause1: object = None
    delivery_failed_cause2: object = None
    delivery_failed_cause3: object = None
    downlink_rejection_cause: object = None


class _Notification(_Report, gc=False, rename="pascal", kw_only=True):
    type: str
    var1: object = None
    var2: object = None


class _Document(msgspec.Struct, gc=False):
    body: msgspec.Raw = msgspec.Raw()
    uplink: _Uplink | None = msgspec.field(name="DevEUI_uplink", default=None)
    location: _Location | None = msgspec.field(name="DevEUI_location", default=None)
    sent: _Downlink | None = msgspec.field(name="DevEUI_downlink_Sent", default=None)
    rejected: _Downlink | None = msgspec.field(name="DevEUI_downlink_Rejected", default=None)
    notification: _Notification | None = msgspec.field(name="DevEUI_notification", default=None)
    multicast: object = msgspec.field(name="DevEUI_multicast_summary", default=None)


_DOCUMENT = msgspec.json.Decoder(_Document, strict=False)


def uplinks(topic: str, payload: bytes) -> tuple[Uplink | Told, ...]:  # noqa: ARG001 the report names its device
    """Return the uplink of a report, and what it tells; raise ``EnvelopeError`` naming what is missing or wrong."""
    report = _envelope.read(_DOCUMENT, payload)
    if report.body:
        report = _envelope.read(_DOCUMENT, report.body, "body")
    if report.uplink is not None:
        return _of_uplink(report.uplink)
    if report.notification is not None:
        return _of_notification(report.notification)
    if report.location is not None:
        return (_of_location(report.location),)
    for downlink in (report.sent, report.rejected):
        if downlink is not None:
            return (_told(downlink, "DevEUI_downlink", Event.DOWNLINK, _delivery(downlink)),)
    if report.multicast is not None:
        return ()
    raise EnvelopeError("DevEUI_uplink: missing")


def _of_uplink(report: _Uplink) -> tuple[Uplink | Told, ...]:
    path = "DevEUI_uplink"
    if report.raw_join_request is not None:
        return (_told(report, path, Event.NOTICE, _envelope.facts(notice="join request", notice_level="info")),)
    if _envelope.number(report.payload_encryption) == 1:
        raise EnvelopeError(
            f"{path}.PayloadEncryption: the payload is still encrypted; give ThingPark the device's AppSKey"
        )
    if report.f_cnt_up is None:
        raise EnvelopeError(f"{path}.FCntUp: missing")
    data = _envelope.hexadecimal(report.payload, f"{path}.payload_hex") if report.payload else b""
    heard = _receptions(report)
    best = max(heard, key=lambda one: _envelope.loudness(one.rssi), default=_Reception())
    uplink = Uplink(
        network=NAME,
        device=_envelope.dev_eui(report.dev_eui, f"{path}.DevEUI"),
        time=_envelope.first_plausible([(report.time, f"{path}.Time")]),
        payload=data,
        f_port=_envelope.port(report.f_port, data),
        f_cnt=report.f_cnt_up,
        session=_envelope.plain(report.dev_addr or "", f"{path}.DevAddr"),
        rssi_dbm=_envelope.number(report.rssi if report.gateway else best.rssi),
        snr_db=_envelope.number(report.snr if report.gateway else best.snr),
        gateway=_envelope.plain(report.gateway or best.gateway or "", f"{path}.Lrrid") or None,
        simulated=_simulated(report),
    )
    late = _envelope.number(report.late)
    radio = _envelope.facts(
        gateways=report.gateways if report.gateways is not None else len(heard) or None,
        lost_frames=report.lost,
        late=None if late is None else late == 1,
    )
    told = [(Event.RADIO, radio), (Event.LOCATION, _position(report))]
    return (uplink, *(_told(report, path, event, facts, uplink.f_cnt) for event, facts in told if facts))


def _receptions(report: _Uplink) -> list[_Reception]:
    every = report.lrrs.every if report.lrrs else None
    if isinstance(every, _Reception):
        return [every]
    return every or []


def _of_notification(report: _Notification) -> tuple[Told, ...]:
    path = "DevEUI_notification"
    if report.type == "join":
        event, facts = Event.JOIN, _envelope.facts(joined=True, session=report.dev_addr)
    elif report.type == "devstatusans":
        event, facts = Event.STATUS, {**_envelope.battery(report.var1), **_envelope.facts(margin_db=report.var2)}
        if not facts:
            raise EnvelopeError(f"{path}.Var1: missing")
    else:
        what = f"{report.type}: {report.var1}" if isinstance(report.var1, str) and report.var1 else report.type
        event, facts = Event.NOTICE, _envelope.facts(notice=what, notice_level="info")
    return (_told(report, path, event, facts),)


def _of_location(report: _Location) -> Told:
    path = "DevEUI_location"
    facts = _position(report)
    if not facts:
        raise EnvelopeError(f"{path}: no position in DevLAT and DevLON: {report.dev_lat!r:.40}, {report.dev_lon!r:.40}")
    counter = _envelope.number(report.counter)
    known = counter is not None and 0 <= counter <= 0xFFFFFFFF  # noqa: PLR2004 -- LoRaWAN's counters have 32 bits
    return _told(report, path, Event.LOCATION, facts, int(counter) if counter is not None and known else None)


def _position(report: _Report) -> dict[str, Value]:
    return _envelope.position(
        report.dev_lat, report.dev_lon, altitude_m=report.dev_alt, position_radius_m=report.dev_loc_radius
    )


def _delivery(report: _Downlink) -> dict[str, Value]:
    if report.downlink_rejection_cause is not None:
        return _envelope.downlink(Downlink.FAILED, report.downlink_rejection_cause)
    status = _envelope.number(report.delivery_status)
    if status is None:
        raise EnvelopeError("DevEUI_downlink_Sent.DeliveryStatus: missing")
    if status == 1:
        return _envelope.downlink(Downlink.SENT)
    causes = (report.delivery_failed_cause1, report.delivery_failed_cause2, report.delivery_failed_cause3)
    told = [one for one in causes if isinstance(one, str) and one != _NO_CAUSE]
    return _envelope.downlink(Downlink.FAILED, ", ".join(told))


def _told(report: _Report, path: str, event: Event, facts: dict[str, Value], f_cnt: int | None = None) -> Told:
    return Told(
        network=NAME,
        device=_envelope.dev_eui(report.dev_eui, f"{path}.DevEUI"),
        event=event,
        facts=facts,
        time=_envelope.first_plausible([(report.time, f"{path}.Time")]),
        f_cnt=f_cnt,
        simulated=_simulated(report),
    )


def _simulated(report: _Report) -> bool:
    data = report.customer_data
    tags = data.get("tags") if isinstance(data, dict) else None
    return isinstance(tags, list) and _envelope.SIMULATED_TAG in tags
