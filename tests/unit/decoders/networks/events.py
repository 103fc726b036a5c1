"""Events as networks document them, of our own making: what the tests of all adapters, and the benchmark, begin with.

``EVENTS``: by network, each kind of event with its topic. ``MAIN``: which of them carries a frame, time and all.
"""

import json
import struct
from collections.abc import Mapping, Sequence

from model.told import Told
from model.uplink import Uplink
from model.value import Value

Document = Mapping[str, object]

EUI = "70b3d50000000001"
MAIN = "uplink"

_TAGGED = {"devEui": EUI, "applicationId": "x", "deviceName": "lamp-7", "tags": {"a": "b"}}
_TIME = "2026-05-04T06:12:09.120+00:00"
_CHIRPSTACK: Mapping[str, Document] = {
    "up": {
        "deduplicationId": "5f4d5bd8-0a14-4ef6-8ae6-3ee8a2f1c1d1",
        "time": _TIME,
        "deviceInfo": _TAGGED,
        "devAddr": "260b1f3a",
        "dr": 5,
        "fCnt": 41,
        "fPort": 2,
        "data": "AQIDBA==",
        "rxInfo": [{"gatewayId": "7276ff0000000001", "rssi": -97, "snr": 7.5}],
        "txInfo": {"frequency": 868100000, "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 7}}},
    },
    "join": {"deduplicationId": "a", "time": _TIME, "deviceInfo": _TAGGED, "devAddr": "260b1f3a"},
    "status": {
        "deduplicationId": "a",
        "time": _TIME,
        "deviceInfo": _TAGGED,
        "margin": 9,
        "externalPowerSource": False,
        "batteryLevelUnavailable": False,
        "batteryLevel": 87.5,
    },
    "location": {
        "deduplicationId": "a",
        "time": _TIME,
        "deviceInfo": _TAGGED,
        "location": {"latitude": 48.39, "longitude": -4.486, "altitude": 12.5, "source": "GPS", "accuracy": 4.5},
    },
    "ack": {
        "deduplicationId": "a",
        "time": _TIME,
        "deviceInfo": _TAGGED,
        "queueItemId": "q",
        "acknowledged": True,
        "fCntDown": 7,
    },
    "txack": {
        "downlinkId": 12,
        "time": _TIME,
        "deviceInfo": _TAGGED,
        "queueItemId": "q",
        "fCntDown": 7,
        "gatewayId": "7276ff0000000001",
        "txInfo": {"frequency": 868100000},
    },
    "log": {
        "time": _TIME,
        "deviceInfo": _TAGGED,
        "level": "WARNING",
        "code": "UPLINK_F_CNT_RETRANSMISSION",
        "description": "Uplink was flagged as re-transmission",
        "context": {"deduplication_id": "a"},
    },
    "integration": {"time": _TIME, "deviceInfo": _TAGGED, "integrationName": "x", "eventType": "y", "object": {}},
}
_IDS = {
    "device_id": "lamp-7",
    "application_ids": {"application_id": "city"},
    "dev_eui": EUI.upper(),
    "dev_addr": "260B1F3A",
}
_TTS_TIME = "2026-05-04T06:12:09.5Z"
_DOWN = {"session_key_id": "AX", "f_port": 15, "f_cnt": 11, "frm_payload": "AQ==", "priority": "NORMAL"}
_THETHINGSSTACK: Mapping[str, tuple[str, Document]] = {
    MAIN: (
        "up",
        {
            "end_device_ids": _IDS,
            "correlation_ids": ["as:up:1"],
            "received_at": _TTS_TIME,
            "uplink_message": {
                "session_key_id": "AX",
                "f_port": 2,
                "f_cnt": 41,
                "frm_payload": "AQIDBA==",
                "rx_metadata": [{"gateway_ids": {"gateway_id": "gw-1"}, "rssi": -97, "snr": 7.5}],
                "settings": {"time": "2026-05-04T06:12:09.1Z", "frequency": "868100000"},
                "received_at": "2026-05-04T06:12:09.3Z",
                "last_battery_percentage": {"f_cnt": 14, "value": 90.5, "received_at": "2026-05-04T05:00:00Z"},
            },
        },
    ),
    "normalized": (
        "up/normalized",
        {
            "end_device_ids": _IDS,
            "received_at": _TTS_TIME,
            "uplink_normalized": {"f_port": 2, "f_cnt": 41, "frm_payload": "AQIDBA==", "normalized_payload": {}},
        },
    ),
    "join": (
        "join",
        {
            "end_device_ids": _IDS,
            "received_at": _TTS_TIME,
            "join_accept": {"session_key_id": "AY", "received_at": "2026-05-04T06:12:09.3Z"},
        },
    ),
    "location": (
        "location/solved",
        {
            "end_device_ids": _IDS,
            "received_at": _TTS_TIME,
            "location_solved": {
                "service": "geo",
                "location": {
                    "latitude": 48.39,
                    "longitude": -4.486,
                    "altitude": 12,
                    "accuracy": 30,
                    "source": "SOURCE_LORA_TDOA_GEOLOCATION",
                },
            },
        },
    ),
    "service": ("service/data", {"end_device_ids": _IDS, "service_data": {"service": "geo", "data": {}}}),
    **{
        kind: (f"down/{kind}", {"end_device_ids": _IDS, "received_at": _TTS_TIME, f"downlink_{kind}": _DOWN})
        for kind in ("queued", "sent", "ack", "nack")
    },
    "failed": (
        "down/failed",
        {
            "end_device_ids": _IDS,
            "received_at": _TTS_TIME,
            "downlink_failed": {"downlink": _DOWN, "error": {"name": "no_route", "message_format": "no gateway"}},
        },
    ),
    "invalidated": (
        "down/invalidated",
        {
            "end_device_ids": _IDS,
            "received_at": _TTS_TIME,
            "downlink_queue_invalidated": {"downlinks": [_DOWN], "last_f_cnt_down": 10},
        },
    ),
}
_MESSAGE = {"device": "B5F3C1", "time": 1777875129, "data": "0102", "seqNumber": 12}
_SIGFOX: Mapping[str, Document] = {
    MAIN: {**_MESSAGE, "rssi": -120.5},
    "bidir": {**_MESSAGE, "ack": "true", "longPolling": "false"},
    "advanced": {
        **_MESSAGE,
        "lqi": "GOOD",
        "linkQuality": 2,
        "fixedLat": 0.0,
        "fixedLng": 0.0,
        "operatorName": "SIGFOX_France",
        "countryCode": 250,
        "duplicates": [
            {"bsId": "0FA1", "rssi": -131.0, "snr": 9.5, "nbRep": 3},
            {"bsId": "1B2C", "rssi": -118.0, "snr": 17.25, "nbRep": 2},
        ],
        "computedLocation": {"lat": 48.39, "lng": -4.486, "radius": 1200, "source": 2, "status": 1},
    },
    "status": {"callback": "STATUS", "device": "B5F3C1", "time": 1777875129, "batt": "3.45", "temp": 19.5},
    "geoloc": {
        "device": "B5F3C1",
        "time": 1777875129,
        "seqNumber": 12,
        "lat": "48.39",
        "lng": "-4.486",
        "radius": "900",
        "geolocSource": "2",
    },
    "error": {"device": "B5F3C1", "time": 1777875129, "severity": "ERROR", "info": "No message received since Monday"},
    "acknowledge": {
        "device": "B5F3C1",
        "time": 1777875129,
        "infoCode": 0,
        "infoMessage": "Acked",
        "downlinkAck": True,
        "downlinkOverusage": False,
    },
}
_LORA = {
    "devEUI": EUI.upper(),
    "port": 2,
    "fcnt": 41,
    "missingFcnt": 3,
    "rssi": -97.0,
    "snr": 7.5,
    "esp": -98.1,
    "sf": 9,
    "frequency": 868.1,
    "signalLevel": 5,
    "ack": False,
    "messageType": "UNCONFIRMED_DATA_UP",
    "gatewayCnt": 2,
}
_LIVEOBJECTS: Mapping[str, tuple[str, Document]] = {
    MAIN: (
        "fifo/lamps",
        {
            "id": "5ec7",
            "streamId": f"urn:lo:nsid:lora:{EUI.upper()}",
            "timestamp": "2026-05-04T06:12:09.120Z",
            "created": "2026-05-04T06:12:11.000Z",
            "model": "lora_v0",
            "value": {"payload": "01020304"},
            "tags": ["lamps"],
            "location": {"provider": "lora", "lat": 48.39, "lon": -4.486, "alt": 10.0, "accuracy": 500.0},
            "metadata": {
                "source": f"urn:lo:nsid:lora:{EUI.upper()}",
                "group": {"id": "root", "path": "/"},
                "connector": "lora",
                "network": {"lora": _LORA},
            },
        },
    ),
    "mqtt": (
        "router/~event/v1/data/new/typ/mqtt",
        {
            "streamId": "board",
            "timestamp": "2026-05-04T06:12:09.120Z",
            "value": {"temperature_c": 21.5, "lamp_on": True},
            "metadata": {"source": "urn:lo:nsid:sensor:board-7", "connector": "mqtt"},
        },
    ),
}
_REPORT = {
    "Time": "2026-05-04T08:12:09.120+02:00",
    "DevEUI": EUI.upper(),
    "DevAddr": "260B1F3A",
    "CustomerID": "100000001",
    "CustomerData": {"alr": {"pro": "x", "ver": "1"}, "tags": ["site=harbour"], "name": "lamp-7"},
}
_THINGPARK: Mapping[str, Document] = {
    MAIN: {
        "DevEUI_uplink": {
            **_REPORT,
            "FPort": "2",
            "FCntUp": "41",
            "LostUplinksAS": "-2",
            "MType": "2",
            "payload_hex": "01020304",
            "mic_hex": "cfffc70f",
            "LrrRSSI": "-97.000000",
            "LrrSNR": "7.500000",
            "SpFact": "7",
            "DevLrrCnt": "2",
            "Lrrid": "004A18E3",
            "Late": "0",
            "LrrLAT": "48.1",
            "LrrLON": "-4.2",
            "Lrrs": {"Lrr": [{"Lrrid": "004A18E3", "Chain": "0", "LrrRSSI": "-97.000000", "LrrSNR": "7.500000"}]},
        }
    },
    "wrapped": {
        "query": {"LrnDevEui": EUI.upper(), "Token": "0"},
        "body": {"DevEUI_uplink": {**_REPORT, "FPort": 2, "FCntUp": 41, "payload_hex": "01020304", "Late": 0}},
    },
    "join_request": {"DevEUI_uplink": {**_REPORT, "rawJoinRequest": "0032", "MType": 0, "Late": 0}},
    "location": {
        "DevEUI_location": {
            **_REPORT,
            "DevLAT": "48.39",
            "DevLON": "-4.486",
            "DevAlt": "12.0",
            "DevLocRadius": "80.0",
            "DevUlFCntUpUsed": "41",
        }
    },
    "sent": {"DevEUI_downlink_Sent": {**_REPORT, "FPort": "1", "FCntDn": "7", "DeliveryStatus": "1"}},
    "failed": {
        "DevEUI_downlink_Sent": {
            **_REPORT,
            "DeliveryStatus": 0,
            "DeliveryFailedCause1": "B0",
            "DeliveryFailedCause2": "DA",
            "DeliveryFailedCause3": "00",
        }
    },
    "rejected": {
        "DevEUI_downlink_Rejected": {**_REPORT, "DeliveryStatus": 350, "DownlinkRejectionCause": "counter used"}
    },
    "joined": {"DevEUI_notification": {**_REPORT, "Type": "join", "Var1": "", "FCntDn": 0}},
    "reset": {"DevEUI_notification": {**_REPORT, "Type": "reset", "Var1": "admin_reset"}},
    "status": {"DevEUI_notification": {**_REPORT, "Type": "devstatusans", "Var1": "127", "Var2": "-3"}},
    "multicast": {"DevEUI_multicast_summary": {"Time": "2026-05-04T08:12:09.120+02:00", "DevEUI": EUI}},
}
_END_DEVICE = {"devEui": EUI.upper(), "devAddr": "260B1F3A", "cluster": {"id": 16, "name": "city"}}
_WANESY: Mapping[str, Document] = {
    MAIN: {
        "id": "5c505781bda6af0001221902",
        "endDevice": _END_DEVICE,
        "fPort": 2,
        "fCntDown": 1,
        "fCntUp": 41,
        "adr": False,
        "confirmed": True,
        "encrypted": False,
        "payload": "01020304",
        "encodingType": "HEXA",
        "recvTime": 1777875130500,
        "gwRecvTime": 1777875129120,
        "classB": False,
        "delayed": False,
        "ulFrequency": 868.3,
        "dataRate": "SF12BW125",
        "gwCnt": 2,
        "gwInfo": [
            {"gwEui": "7276FF0039030436", "rfRegion": "EU868", "rssi": -107, "snr": -7, "channel": 6, "radioId": 1},
            {"gwEui": "7276FF0039030437", "rfRegion": "EU868", "rssi": -97, "snr": 7.5, "channel": 6, "radioId": 1},
        ],
    },
    "join": {"endDevice": _END_DEVICE, "recvTime": 1777875130500},
    "sent": {"endDevice": _END_DEVICE, "dataDownId": "5c50", "event": "SEND", "status": "OK", "nbAttempts": 1},
    "failed": {"endDevice": _END_DEVICE, "dataDownId": "5c50", "event": "SEND", "status": "NO_GATEWAY"},
    "unnamed": {"dataDownId": "5c50", "event": "SEND", "status": "OK", "clusterId": 16},
}
_RX = {"EUI": EUI.upper(), "ts": 1777875129120, "fcnt": 41, "port": 2, "data": "01020304", "seqno": 7, "toa": 61}
_LORIOT: Mapping[str, Document] = {
    MAIN: {"cmd": "rx", **_RX, "freq": 868100000, "rssi": -97, "snr": 7.5, "ack": False, "bat": 254, "offline": False},
    "gw": {
        "cmd": "gw",
        **_RX,
        "ts": 1777875130820,
        "gws": [
            {"gweui": "7276FF0000000001", "rssi": -110, "snr": -3.5, "ts": 1777875129120, "lat": 48.1, "lon": -4.2},
            {"gweui": "7276FF0000000002", "rssi": -95, "snr": 8.5, "ts": 1777875129121, "lat": 48.2, "lon": -4.3},
        ],
        "bat": 255,
    },
    "sent": {"cmd": "txd", "EUI": EUI.upper(), "seqdn": 9, "seqq": 9, "ts": 1777875129120},
    "geo": {
        "cmd": "geo",
        "EUI": EUI.upper(),
        "ts": "2026-05-04T06:12:09.120Z",
        "lat": 48.39,
        "lon": -4.486,
        "alt": 40,
        "accuracy": None,
        "method": "TDOA",
        "fcnt": 41,
    },
    "join": {"cmd": "join", "EUI": EUI.upper(), "ts": 1777875129120, "devaddr": "260B1F3A"},
    "answer": {"cmd": "tx", "EUI": EUI.upper(), "success": "Data enqueued"},
}


def _on(topic: str, documents: Mapping[str, Document]) -> dict[str, tuple[str, Document]]:
    return {kind: (topic, document) for kind, document in documents.items()}


EVENTS: Mapping[str, Mapping[str, tuple[str, Document]]] = {
    "chirpstack": {
        MAIN if kind == "up" else kind: (f"application/x/device/{EUI}/event/{kind}", document)
        for kind, document in _CHIRPSTACK.items()
    },
    "liveobjects": _LIVEOBJECTS,
    "loriot": _on("penfeld/v1/callbacks/loriot", _LORIOT),
    "native": {
        MAIN: (
            "penfeld/v1/example_probe/board-7/up",
            {"values": {"a": 1, "b": True}, "time": "2026-05-04T06:12:09Z", "f_port": 1, "f_cnt": 7},
        )
    },
    "sigfox": _on("penfeld/v1/callbacks/sigfox", _SIGFOX),
    "thethingsstack": {
        kind: (f"v3/city@ttn/devices/lamp-7/{topic}", document) for kind, (topic, document) in _THETHINGSSTACK.items()
    },
    "thingpark": _on("penfeld/v1/callbacks/thingpark", _THINGPARK),
    "wanesy": _on("penfeld/v1/callbacks/wanesy", _WANESY),
}


def encoded(document: Document) -> bytes:
    """Return a document as it is sent."""
    return json.dumps(document).encode()


def protobuf(*fields: tuple[int, object]) -> bytes:
    """Return a message in Protocol Buffers: ints and bools as varints, floats in 32 bits, the rest as bytes."""
    return b"".join(_field(number, value) for number, value in fields)


def double(value: float) -> memoryview:
    """Return a number that ``protobuf`` writes in 64 bits."""
    return memoryview(struct.pack("<d", value))


def _field(number: int, value: object) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value % 2**64)
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, memoryview):
        return _varint(number << 3 | 1) + bytes(value)
    content = value.encode() if isinstance(value, str) else value
    assert isinstance(content, bytes)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


_DEVICE = protobuf((1, "t"), (7, "lamp-7"), (8, EUI), (9, protobuf((1, "a"), (2, "b"))), (10, 2))
_STAMP = protobuf((1, 1777875129), (2, 120_000_000))
PROTOBUF: Mapping[str, bytes] = {
    "up": protobuf(
        (1, "5f4d5bd8-0a14-4ef6-8ae6-3ee8a2f1c1d1"),
        (2, _STAMP),
        (3, _DEVICE),
        (4, "260b1f3a"),
        (6, 5),
        (7, 41),
        (8, 2),
        (10, b"\1\2\3\4"),
        (12, protobuf((1, "7276ff0000000001"), (2, 12), (6, -97), (7, 7.5), (13, b"\0\1"))),
        (13, protobuf((1, 868100000))),
        (16, "eu868"),
    ),
    "join": protobuf((1, "a"), (2, _STAMP), (3, _DEVICE), (4, "260b1f3a")),
    "status": protobuf((1, "a"), (2, _STAMP), (3, _DEVICE), (5, 9), (8, 87.5)),
    "location": protobuf(
        (1, "a"),
        (2, _STAMP),
        (3, _DEVICE),
        (4, protobuf((1, double(48.39)), (2, double(-4.486)), (3, double(12.5)), (4, 1), (5, 4.5))),
    ),
    "ack": protobuf((1, "a"), (2, _STAMP), (3, _DEVICE), (4, "q"), (5, True), (6, 7)),
    "txack": protobuf((1, 12), (2, _STAMP), (3, _DEVICE), (4, "q"), (5, 7), (6, "7276ff0000000001")),
    "log": protobuf(
        (1, _STAMP), (2, _DEVICE), (3, 1), (4, 7), (5, "Uplink was flagged as re-transmission"), (6, b"\n\0")
    ),
    "integration": protobuf((2, _STAMP), (3, _DEVICE), (4, "x")),
}
"""The same events of ChirpStack in Protocol Buffers, by the names in their topics."""


def frame(found: Sequence[Uplink | Told]) -> Uplink:
    """Return the one frame among what an event gives."""
    (uplink,) = (one for one in found if isinstance(one, Uplink))
    return uplink


def told(found: Sequence[Uplink | Told]) -> dict[str, Mapping[str, Value]]:
    """Return the facts among what an event gives, by what they are about."""
    return {one.event.value: one.facts for one in found if isinstance(one, Told)}
