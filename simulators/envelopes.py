"""What network servers make of a device's frame: the events that Penfeld receives, written from their documents.

1. Nothing here is shared with ``decoders.networks``, which reads such events: two readings of the same documents check
   each other. Texts are written as the servers write them, empty fields left out where they leave them out.
2. Every event says that it is simulated: ChirpStack by a tag of the device, The Things Stack by its own ``simulated``,
   a Sigfox callback by a key, a raw native message by its topic.
3. ``copy`` > 0 is the same frame delivered again: same counter and time, new message ids where the server draws some.
"""

import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b

import msgspec

MARK = "penfeld-simulated"
SIGFOX_TOPIC = "penfeld/v1/callbacks/sigfox"
APPLICATION = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242"
_TENANT = "c0e2f6a7-2d31-4b3e-9d0a-7a4f4f0b2c11"
_CHANNELS_HZ = (868_100_000, 868_300_000, 868_500_000, 867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000)
_SIGFOX_SEQUENCE = 4096
_ANY_PORT = 1  # where any will do: what comes on port 0 is for the network server


class Heard(msgspec.Struct, frozen=True, gc=False):
    """A gateway that heard a frame, and how well."""

    gateway: str
    name: str
    latitude: float
    longitude: float
    rssi_dbm: int
    snr_db: float


class Sender(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The radio side of a device: what its frames have in common. ``heard`` is empty without gateways.

    ``data_rate``: LoRaWAN EU868 index, 0 (far) to 5 (near).
    """

    id: str
    name: str
    device_type: str
    network: str
    address: str = ""
    session: str = ""
    data_rate: int = 5
    heard: tuple[Heard, ...] = ()


class Frame(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One frame as a device sent it. ``time``: on air, seconds since 1970; ``counter``: frames sent before."""

    sender: Sender
    time: float
    counter: int
    payload: bytes
    f_port: int | None = None
    values: Mapping[str, object] | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """What leaves for Penfeld: ``source`` is the network's name."""

    source: str
    topic: str
    payload: bytes


def event(frame: Frame, copy: int = 0) -> Event:
    """Return the event that the frame's network makes of it."""
    return _WRITERS[frame.sender.network](frame, copy)


def _digest(frame: Frame, what: str, copy: int) -> str:
    return blake2b(f"{frame.sender.id} {frame.time} {what} {copy}".encode(), digest_size=16).hexdigest()


def _uuid(digest: str) -> str:
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:]}"


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _text(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


class _DeviceInfo(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    tenant_id: str
    tenant_name: str
    application_id: str
    application_name: str
    device_profile_id: str
    device_profile_name: str
    device_name: str
    dev_eui: str
    device_class_enabled: str
    tags: dict[str, str]


class _Location(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    latitude: float
    longitude: float
    source: str | None = None


class _RxInfo(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    gateway_id: str
    uplink_id: int
    ns_time: datetime
    rssi: int = 0
    snr: float | None = None  # msgspec leaves out no 0.0
    channel: int = 0
    location: _Location | None = None
    context: str = ""
    crc_status: str = ""


class _Up(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    deduplication_id: str
    time: datetime
    device_info: _DeviceInfo
    dev_addr: str
    adr: bool
    dr: int
    f_cnt: int
    f_port: int
    confirmed: bool
    data: str
    rx_info: tuple[_RxInfo, ...]
    tx_info: dict[str, object]
    region_config_id: str


def _chirpstack(frame: Frame, copy: int) -> Event:
    sender = frame.sender
    digest = _digest(frame, "chirpstack", copy)
    time = _time(frame.time)
    channel = int(digest[0], 16) % len(_CHANNELS_HZ)
    lora = {"bandwidth": 125_000, "spreadingFactor": 12 - sender.data_rate, "codeRate": "CR_4_5"}
    up = _Up(
        deduplication_id=_uuid(digest),
        time=time,
        device_info=_DeviceInfo(
            tenant_id=_TENANT,
            tenant_name="Brest métropole",
            application_id=APPLICATION,
            application_name=sender.device_type,
            device_profile_id=_uuid(blake2b(sender.device_type.encode(), digest_size=16).hexdigest()),
            device_profile_name=sender.device_type,
            device_name=sender.name,
            dev_eui=sender.id,
            device_class_enabled="CLASS_A",
            tags={MARK: "true"},
        ),
        dev_addr=sender.address,
        adr=True,
        dr=sender.data_rate,
        f_cnt=frame.counter,
        f_port=_ANY_PORT if frame.f_port is None else frame.f_port,
        confirmed=False,
        data=_text(frame.payload),
        rx_info=tuple(
            _RxInfo(
                gateway_id=heard.gateway,
                uplink_id=int(digest[8:15], 16) + number,
                ns_time=time,
                rssi=heard.rssi_dbm,
                snr=heard.snr_db or None,
                channel=channel,
                location=_Location(heard.latitude, heard.longitude),
                context=_text(bytes.fromhex(digest[:8])),
                crc_status="CRC_OK",
            )
            for number, heard in enumerate(sender.heard)
        ),
        tx_info={"frequency": _CHANNELS_HZ[channel], "modulation": {"lora": lora}},
        region_config_id="eu868",
    )
    return Event("chirpstack", f"application/{APPLICATION}/device/{sender.id}/event/up", msgspec.json.encode(up))


class _GatewayIds(msgspec.Struct, frozen=True, gc=False):
    gateway_id: str
    eui: str


class _RxMetadata(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    gateway_ids: _GatewayIds
    time: datetime
    timestamp: int
    rssi: int = 0
    channel_rssi: int = 0
    snr: float | None = None  # msgspec leaves out no 0.0
    location: _Location | None = None
    uplink_token: str = ""
    channel_index: int = 0
    received_at: datetime | None = None


class _UplinkMessage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    session_key_id: str
    rx_metadata: tuple[_RxMetadata, ...]
    settings: dict[str, object]
    received_at: datetime
    f_port: int = 0
    f_cnt: int = 0
    frm_payload: str = ""
    consumed_airtime: str = ""
    network_ids: dict[str, str] | None = None


class _TtsUp(msgspec.Struct, frozen=True, gc=False):
    end_device_ids: dict[str, object]
    correlation_ids: tuple[str, ...]
    received_at: datetime
    uplink_message: _UplinkMessage
    simulated: bool


def _thethingsstack(frame: Frame, copy: int) -> Event:
    sender = frame.sender
    digest = _digest(frame, "thethingsstack", copy)
    time = _time(frame.time)
    received = _time(frame.time + 0.21)
    channel = int(digest[0], 16) % len(_CHANNELS_HZ)
    ticks = int(frame.time * 1e6) & 0xFFFFFFFF
    lora = {"bandwidth": 125_000, "spreading_factor": 12 - sender.data_rate, "coding_rate": "4/5"}
    up = _TtsUp(
        end_device_ids={
            "device_id": f"eui-{sender.id}",
            "application_ids": {"application_id": "penfeld"},
            "dev_eui": sender.id.upper(),
            "join_eui": "0000000000000000",
            "dev_addr": sender.address.upper(),
        },
        correlation_ids=(f"gs:uplink:{digest[:26].upper()}",),
        received_at=received,
        uplink_message=_UplinkMessage(
            session_key_id=sender.session,
            f_port=_ANY_PORT if frame.f_port is None else frame.f_port,
            f_cnt=frame.counter,
            frm_payload=_text(frame.payload),
            rx_metadata=tuple(
                _RxMetadata(
                    gateway_ids=_GatewayIds(heard.name, heard.gateway.upper()),
                    time=time,
                    timestamp=ticks,
                    rssi=heard.rssi_dbm,
                    channel_rssi=heard.rssi_dbm,
                    snr=heard.snr_db or None,
                    location=_Location(heard.latitude, heard.longitude, "SOURCE_REGISTRY"),
                    uplink_token=_text(bytes.fromhex(digest)),
                    channel_index=channel,
                    received_at=time,
                )
                for heard in sender.heard
            ),
            settings={
                "data_rate": {"lora": lora},
                "frequency": str(_CHANNELS_HZ[channel]),
                "timestamp": ticks,
                "time": time,
            },
            received_at=time,
            consumed_airtime=f"{0.05 * 2 ** (5 - sender.data_rate):.6f}s",
            network_ids={"net_id": "000013", "tenant_id": "brest", "cluster_id": "eu1"},
        ),
        simulated=True,
    )
    topic = f"v3/penfeld@brest/devices/eui-{sender.id}/up"
    return Event("thethingsstack", topic, msgspec.json.encode(up))


def _sigfox(frame: Frame, copy: int) -> Event:  # noqa: ARG001 Sigfox repeats a callback word for word
    best = frame.sender.heard[0] if frame.sender.heard else None
    body: dict[str, object] = {
        "device": frame.sender.id.lstrip("0").upper() or "0",
        "time": int(frame.time),
        "data": frame.payload.hex(),
        "seqNumber": frame.counter % _SIGFOX_SEQUENCE,
        "simulated": True,
    }
    if best is not None:
        body |= {"station": best.gateway[-4:].upper(), "rssi": f"{best.rssi_dbm:.2f}", "snr": f"{best.snr_db:.2f}"}
    return Event("sigfox", SIGFOX_TOPIC, msgspec.json.encode(body))


def _native(frame: Frame, copy: int) -> Event:  # noqa: ARG001 the device itself repeats, word for word
    topic = f"penfeld/v1/{frame.sender.device_type}/{frame.sender.id}/up"
    if frame.values is None:
        return Event("native", f"{topic}/simulated", frame.payload)
    body = {"time": _time(frame.time), "values": frame.values, "f_cnt": frame.counter, "simulated": True}
    return Event("native", topic, msgspec.json.encode(body))


_WRITERS: Mapping[str, Callable[[Frame, int], Event]] = {
    "chirpstack": _chirpstack,
    "thethingsstack": _thethingsstack,
    "sigfox": _sigfox,
    "native": _native,
}

NETWORKS = tuple(_WRITERS)
