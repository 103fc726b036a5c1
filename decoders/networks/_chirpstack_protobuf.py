"""ChirpStack's events in Protocol Buffers (``json=false``), read into the same structs as those in JSON.

Rules:

1. Only the fields that are used are described, by their names and numbers in ChirpStack's ``integration.proto``,
   ``gw.proto`` and ``common.proto``; the library passes over all others.
2. Both encodings of an event give the same: times in microseconds, and a ``float`` of 32 bits as the number that was
   meant, the shortest that it can stand for.
"""

import struct
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from decoders.networks._chirpstack_events import DeviceInfo, Location, Other, Reception, Up
from model.errors import EnvelopeError
from model.instants import EPOCH

_KINDS = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _KINDS.TYPE_STRING,
    "bytes": _KINDS.TYPE_BYTES,
    "uint32": _KINDS.TYPE_UINT32,
    "int32": _KINDS.TYPE_INT32,
    "int64": _KINDS.TYPE_INT64,
    "bool": _KINDS.TYPE_BOOL,
    "float": _KINDS.TYPE_FLOAT,
    "double": _KINDS.TYPE_DOUBLE,
}
_BY_RSSI = attrgetter("rssi")
_LEVELS = ("INFO", "WARNING", "ERROR")
_CODES = (
    "UNKNOWN",
    "DOWNLINK_PAYLOAD_SIZE",
    "UPLINK_CODEC",
    "DOWNLINK_CODEC",
    "OTAA",
    "UPLINK_F_CNT_RESET",
    "UPLINK_MIC",
    "UPLINK_F_CNT_RETRANSMISSION",
    "DOWNLINK_GATEWAY",
    "RELAY_NEW_END_DEVICE",
    "F_CNT_DOWN",
    "EXPIRED",
)
_SOURCES = (
    "UNKNOWN",
    "GPS",
    "CONFIG",
    "GEO_RESOLVER_TDOA",
    "GEO_RESOLVER_RSSI",
    "GEO_RESOLVER_GNSS",
    "GEO_RESOLVER_WIFI",
)
_MESSAGES = {
    "Timestamp": "seconds 1 int64, nanos 2 int32",
    "Tag": "key 1 string, value 2 string",
    "DeviceInfo": "dev_eui 8 string, tags 9 Tag*",
    "JoinServerContext": "session_key_id 1 string",
    "UplinkRxInfo": "gateway_id 1 string, rssi 6 int32, snr 7 float",
    "Location": "latitude 1 double, longitude 2 double, altitude 3 double, source 4 int32, accuracy 5 float",
    "up": "time 2 Timestamp, device_info 3 DeviceInfo, dev_addr 4 string, f_cnt 7 uint32, f_port 8 uint32,"
    " data 10 bytes, rx_info 12 UplinkRxInfo*, join_server_context 15 JoinServerContext",
    "join": "time 2 Timestamp, device_info 3 DeviceInfo, dev_addr 4 string",
    "ack": "time 2 Timestamp, device_info 3 DeviceInfo, acknowledged 5 bool",
    "txack": "time 2 Timestamp, device_info 3 DeviceInfo",
    "log": "time 1 Timestamp, device_info 2 DeviceInfo, level 3 int32, code 4 int32, description 5 string",
    "status": "time 2 Timestamp, device_info 3 DeviceInfo, margin 5 int32, external_power_source 6 bool,"
    " battery_level_unavailable 7 bool, battery_level 8 float",
    "location": "time 2 Timestamp, device_info 3 DeviceInfo, location 4 Location",
}
"""Messages as ``name number type``; ``*``: many."""


def _classes() -> dict[str, Any]:
    """Return the class of each message."""
    file = descriptor_pb2.FileDescriptorProto(name="chirpstack.proto", package="chirpstack", syntax="proto3")
    for message, described in _MESSAGES.items():
        fields = file.message_type.add(name=message).field
        for name, number, kind in (one.split() for one in described.split(",")):
            label = _KINDS.LABEL_REPEATED if kind.endswith("*") else _KINDS.LABEL_OPTIONAL
            field = fields.add(name=name, number=int(number), label=label)
            bare = kind.rstrip("*")
            if bare in _SCALARS:
                field.type = _SCALARS[bare]
            else:
                field.type, field.type_name = _KINDS.TYPE_MESSAGE, f".chirpstack.{bare}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"chirpstack.{name}")) for name in _MESSAGES}


_CLASSES = _classes()
_UP = _CLASSES["up"]


def up(payload: bytes) -> tuple[Up, bytes]:
    """Return an ``up`` event and its payload."""
    message = _read(_UP, payload)
    return (
        Up(
            device_info=_device_info(message),
            time=_time(message),
            dev_addr=message.dev_addr,
            f_cnt=message.f_cnt,
            f_port=_port(message.f_port),
            rx_info=_best(message.rx_info),
            join_server_context=message.HasField("join_server_context"),
        ),
        message.data,
    )


def other(name: str, payload: bytes) -> Other:
    """Return an event of this name."""
    message = _read(_CLASSES[name], payload)
    event = Other(device_info=_device_info(message), time=_time(message))
    if name == "join":
        event.dev_addr = message.dev_addr
    elif name == "ack":
        event.acknowledged = message.acknowledged
    elif name == "status":
        event.margin = float(message.margin)
        event.external_power_source = message.external_power_source
        event.battery_level_unavailable = message.battery_level_unavailable
        event.battery_level = _meant(message.battery_level)
    elif name == "location" and message.HasField("location"):
        where = message.location
        event.location = Location(
            latitude=where.latitude,
            longitude=where.longitude,
            altitude=where.altitude,
            accuracy=_meant(where.accuracy),
            source=_word(_SOURCES, where.source),
        )
    elif name == "log":
        event.level, event.code = _word(_LEVELS, message.level), _word(_CODES, message.code)
        event.description = message.description
    return event


def _read(message: Any, payload: bytes) -> Any:  # noqa: ANN401 -- the library makes these classes at run time
    try:
        return message.FromString(payload)
    except DecodeError:
        raise EnvelopeError("not an event in Protocol Buffers; is it another version than ChirpStack v4?") from None


def _device_info(message: Any) -> DeviceInfo:  # noqa: ANN401 -- the same
    if not message.HasField("device_info"):
        raise EnvelopeError("deviceInfo: missing")
    found = message.device_info
    if not found.dev_eui:
        raise EnvelopeError("deviceInfo.devEui: missing")
    return DeviceInfo(dev_eui=found.dev_eui, tags={tag.key: tag.value for tag in found.tags})


def _time(message: Any) -> datetime | None:  # noqa: ANN401 -- the same
    if not message.HasField("time"):
        return None
    time = message.time
    try:
        return EPOCH + timedelta(seconds=time.seconds, microseconds=(time.nanos + 500) // 1000)
    except OverflowError:
        raise EnvelopeError(f"time: {time.seconds} seconds since 1970 are out of range") from None


def _best(receptions: Any) -> list[Reception] | None:  # noqa: ANN401 -- the same
    """Return the gateway that heard the frame best: the others cost time, and nobody asks for them."""
    if not receptions:
        return None
    best = max(receptions, key=_BY_RSSI)
    return [Reception(gateway_id=best.gateway_id, rssi=float(best.rssi), snr=_meant(best.snr))]


def _port(number: int) -> int:
    if number > 255:  # noqa: PLR2004 -- LoRaWAN's port is a byte
        raise EnvelopeError(f"fPort: must be at most 255, got {number}")
    return number


def _meant(number: float) -> float:
    """Return the shortest number that has this value in 32 bits: 7.1, where it was stored as 7.0999999."""
    if number == round(number, 2) and abs(number) < 1e5:  # noqa: PLR2004 -- so far, 32 bits tell 0.01 apart
        return number
    for digits in range(1, 9):
        found = float(f"{number:.{digits}g}")
        if struct.pack("<f", found) == struct.pack("<f", number):
            return found
    return float(f"{number:.9g}")


def _word(words: tuple[str, ...], number: int) -> str:
    return words[number] if 0 <= number < len(words) else str(number)
