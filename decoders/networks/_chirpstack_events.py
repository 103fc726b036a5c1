"""ChirpStack's events, as both of its encodings say them: typed structs, named as in JSON.

Rule: what may be missing has the value that proto3 gives to what is missing.
"""

from datetime import datetime

import msgspec

from decoders.networks import _envelope


class DeviceInfo(msgspec.Struct, gc=False):
    """Whose event it is."""

    dev_eui: str = msgspec.field(name="devEui")
    tags: dict[str, str] | None = None


class Reception(msgspec.Struct, gc=False):
    """How one gateway heard it."""

    gateway_id: str | None = msgspec.field(name="gatewayId", default=None)
    rssi: float | None = 0.0
    snr: float | None = 0.0


class Up(msgspec.Struct, gc=False):
    """The event ``up``."""

    device_info: DeviceInfo = msgspec.field(name="deviceInfo")
    time: datetime | None = None
    dev_addr: str | None = msgspec.field(name="devAddr", default=None)
    f_cnt: _envelope.FrameCounter | None = msgspec.field(name="fCnt", default=0)
    f_port: _envelope.Port | None = msgspec.field(name="fPort", default=None)
    data: str | None = None
    rx_info: list[Reception] | None = msgspec.field(name="rxInfo", default=None)
    join_server_context: object = msgspec.field(name="joinServerContext", default=None)


class Location(msgspec.Struct, gc=False):
    """Where a device is."""

    latitude: float | None = 0.0
    longitude: float | None = 0.0
    altitude: float | None = 0.0
    accuracy: float | None = 0.0
    source: str | None = None


class Other(msgspec.Struct, gc=False, rename="camel"):
    """Any event but ``up``: what each of them may say."""

    device_info: DeviceInfo
    time: datetime | None = None
    dev_addr: str | None = None
    margin: float | None = 0.0
    external_power_source: bool | None = False
    battery_level_unavailable: bool | None = False
    battery_level: float | None = 0.0
    acknowledged: bool | None = False
    level: str | None = None
    code: str | None = None
    description: str | None = None
    location: Location | None = None
