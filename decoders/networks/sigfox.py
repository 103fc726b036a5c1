"""Sigfox callbacks, as JSON objects on one topic: DATA, DATA_ADVANCED, STATUS, GEOLOC, ERROR and ACKNOWLEDGE.

Rules:

1. The body is a template that the customer wrote (docs/networks.md has ours): numbers may come as texts, and all but
   ``device`` and what the callback is about may be missing.
2. ``callback`` (or ``event``) says which callback it is; without it, the keys do: ``data`` comes with messages only,
   ``infoCode`` with ACKNOWLEDGE, ``batt`` with STATUS, ``severity`` with ERROR, ``lat`` and ``lng`` alone with GEOLOC.
3. ``device`` is hexadecimal and may have lost its leading zeros; ``time`` is in whole seconds since 1970.
4. ``seqNumber`` has 12 bits and starts again after 4095: storage tells repeats by it within an hour only.
5. DATA_ADVANCED repeats a message half a minute later with its metadata: the same frame, hence a duplicate, and facts.
6. The radio's metadata are deprecated by Sigfox: what is no number there is nothing, not an error. ``lat`` and ``lng``
   beside ``data``, ``batt`` or ``infoCode`` are those of a base station, not of the device.
"""

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec

from decoders.networks import _envelope
from model.errors import EnvelopeError
from model.told import Downlink, Event, Told
from model.uplink import Uplink
from model.value import Value

NAME = "sigfox"
TOPICS = ("penfeld/v1/callbacks/sigfox",)
MAX_BYTES = 12

_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){0,12}", re.ASCII)
_QUALITIES = ("LIMIT", "AVERAGE", "GOOD", "EXCELLENT", "NA")
_NO_METADATA = (None,) * 6
_LEVELS = {"WARN": "warning", "INFO": "info"}
_ANSWERS = (
    (Downlink.SENT, ""),
    (Downlink.FAILED, "no answer was given"),
    (Downlink.FAILED, "the answer's payload is invalid"),
    (Downlink.FAILED, "the device used up its downlinks of the day"),
    (Downlink.FAILED, "network error"),
    (Downlink.QUEUED, ""),
    (Downlink.FAILED, "the contract holds no downlinks"),
    (Downlink.FAILED, "the device asked again too soon"),
    (Downlink.FAILED, "the device type has no bidirectional callback"),
)
"""What ``infoCode`` means."""


class _Callback(msgspec.Struct, gc=False, rename="camel"):
    device: str | int
    callback: str | None = None
    event: object = None
    data: str | None = None
    time: float | None = None
    seq_number: Annotated[int, msgspec.Meta(ge=0, le=4095)] | None = None
    simulated: bool | None = False
    ack: bool | str | None = False
    station: str | int | None = None
    rssi: str | float | None = None
    snr: str | float | None = None
    lqi: object = None
    link_quality: object = None
    operator_name: object = None
    country_code: object = None
    duplicates: object = None
    computed_location: object = None
    batt: object = None
    temp: object = None
    lat: object = None
    lng: object = None
    radius: object = None
    geoloc_source: object = None
    severity: object = None
    info: object = None
    info_code: object = None
    info_message: object = None
    downlink_ack: object = None


_CALLBACK = msgspec.json.Decoder(_Callback, strict=False)
_NAMES = {
    "DATA": "DATA",
    "UPLINK": "DATA",
    "BIDIR": "DATA",
    "DATA_ADVANCED": "DATA",
    "STATUS": "STATUS",
    "GEOLOC": "GEOLOC",
    "ERROR": "ERROR",
    "ACKNOWLEDGE": "ACKNOWLEDGE",
}


def uplinks(topic: str, payload: bytes) -> tuple[Uplink | Told, ...]:  # noqa: ARG001 the callback names its device
    """Return the uplink of a callback, and what it tells; raise ``EnvelopeError`` naming what is missing or wrong."""
    callback = _envelope.read(_CALLBACK, payload)
    device = _envelope.device_id(str(callback.device), "device", technology="sigfox")
    name = _name(callback)
    if name == "DATA":
        return (_uplink(callback, device), *_about_message(callback, device))
    event, facts = _READERS[name](callback)
    return (_told(callback, device, event, facts),)


def _name(callback: _Callback) -> str:
    """Return which callback it is (rule 2)."""
    if callback.callback or callback.event:
        for said in (callback.callback, callback.event):
            if isinstance(said, str) and (name := _NAMES.get(said.strip().upper().replace(" ", "_"))):
                return name
        if callback.callback:
            raise EnvelopeError(f"callback: {callback.callback[:40]!r} is none of {', '.join(_NAMES)}")
    if callback.data is None:
        if callback.info_code is not None or callback.downlink_ack is not None:
            return "ACKNOWLEDGE"
        if callback.batt is not None or callback.temp is not None:
            return "STATUS"
        if callback.severity is not None:
            return "ERROR"
        if callback.lat is not None or callback.lng is not None:
            return "GEOLOC"
    return "DATA"


def _uplink(callback: _Callback, device: str) -> Uplink:
    if callback.data is None:
        raise EnvelopeError("data: missing")
    heard = _best(callback.duplicates) if callback.duplicates else {}
    station = callback.station or heard.get("bsId")
    return Uplink(
        network=NAME,
        device=device,
        time=_envelope.seconds(callback.time, "time"),
        payload=_data(callback.data),
        f_cnt=callback.seq_number,
        rssi_dbm=_envelope.number(callback.rssi if callback.rssi is not None else heard.get("rssi")),
        snr_db=_envelope.number(callback.snr if callback.snr is not None else heard.get("snr")),
        gateway=_envelope.plain(str(station), "station") if station else None,
        simulated=bool(callback.simulated),
    )


def _data(text: str) -> bytes:
    bare = text.strip()
    if not _HEX.fullmatch(bare):
        raise EnvelopeError(f"data: must be 0 to {MAX_BYTES} bytes in hex, got {text[:40]!r}")
    return bytes.fromhex(bare)


def _best(duplicates: object) -> Mapping[str, object]:
    """Return what is told of the base station that heard the message best."""
    heard = [one for one in duplicates if isinstance(one, dict)] if isinstance(duplicates, list) else []
    return max(heard, key=lambda one: _envelope.loudness(one.get("rssi")), default={})


def _about_message(callback: _Callback, device: str) -> tuple[Told, ...]:
    """Return what a callback tells beside its message: the link, where the device is, that it waits for an answer."""
    metadata = (
        callback.lqi,
        callback.link_quality,
        callback.operator_name,
        callback.country_code,
        callback.duplicates,
        callback.computed_location,
    )
    if metadata == _NO_METADATA and not callback.ack:
        return ()
    told: list[Told] = []
    best = _best(callback.duplicates)
    radio = _envelope.facts(
        link_quality=callback.lqi if callback.lqi is not None else _quality(callback.link_quality),
        operator=callback.operator_name,
        country=callback.country_code,
        gateways=len(callback.duplicates) if best and isinstance(callback.duplicates, list) else None,
        rssi_dbm=best.get("rssi"),
        snr_db=best.get("snr"),
        gateway=best.get("bsId"),
    )
    if radio:
        told.append(_told(callback, device, Event.RADIO, radio))
    where = callback.computed_location
    if isinstance(where, dict) and _envelope.number(where.get("status", 1)) == 1:
        facts = _envelope.position(
            where.get("lat"),
            where.get("lng"),
            position_radius_m=where.get("radius"),
            position_source=where.get("source"),
        )
        if facts:
            told.append(_told(callback, device, Event.LOCATION, facts))
    if callback.ack is True or (isinstance(callback.ack, str) and callback.ack.lower() in ("true", "1")):
        told.append(_told(callback, device, Event.DOWNLINK, _envelope.downlink(Downlink.REQUESTED)))
    return tuple(told)


def _quality(number: object) -> str | None:
    found = _envelope.number(number)
    return _QUALITIES[int(found)] if found is not None and 0 <= found < len(_QUALITIES) else None


def _told(callback: _Callback, device: str, event: Event, facts: Mapping[str, Value]) -> Told:
    return Told(
        network=NAME,
        device=device,
        event=event,
        facts=facts,
        time=_envelope.seconds(callback.time, "time"),
        f_cnt=callback.seq_number,
        simulated=bool(callback.simulated),
    )


def _status(callback: _Callback) -> tuple[Event, dict[str, Value]]:
    facts = _envelope.facts(battery_v=callback.batt, temperature_c=callback.temp)
    if not facts:
        raise EnvelopeError(f"batt: not a number of volts: {callback.batt!r:.40}")
    return Event.STATUS, facts


def _geoloc(callback: _Callback) -> tuple[Event, dict[str, Value]]:
    return Event.LOCATION, _envelope.sure_position(
        "lat, lng",
        callback.lat,
        callback.lng,
        position_radius_m=callback.radius,
        position_source=callback.geoloc_source,
    )


def _error(callback: _Callback) -> tuple[Event, dict[str, Value]]:
    severity = str(callback.severity or "ERROR").strip().upper()
    level = _LEVELS.get(severity, "error")
    facts = _envelope.facts(notice=callback.info, notice_level=level)
    if "notice" not in facts:
        raise EnvelopeError("info: missing")
    return Event.NOTICE, facts


def _acknowledge(callback: _Callback) -> tuple[Event, dict[str, Value]]:
    code = _envelope.number(callback.info_code)
    if code is not None and code in range(len(_ANSWERS)):
        state, reason = _ANSWERS[int(code)]
    else:
        sent = str(callback.downlink_ack).strip().lower() == "true"
        state, reason = (Downlink.SENT if sent else Downlink.FAILED), ""
    why = None if state is Downlink.SENT else callback.info_message or reason
    return Event.DOWNLINK, _envelope.downlink(state, why)


_READERS = {"STATUS": _status, "GEOLOC": _geoloc, "ERROR": _error, "ACKNOWLEDGE": _acknowledge}
