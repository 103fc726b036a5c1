"""What arrives: a message from a source, and the uplinks found in it.

Rules:

1. A ``Message`` is what a source handed over, untouched: it is what quarantine keeps.
2. An ``Uplink`` is one radio frame (or one set of values), whoever carried it. All times are UTC with zone.
3. An uplink's identity (``frame_key``) is made of what the device sent, never of a server's message id: the same frame
   delivered twice, or over two paths, has one key. See ``Uplink.frame_key``.

``msgspec.Struct`` and not a dataclass: these are made once a frame, and cost a sixth of a frozen dataclass.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b

import msgspec

from model.value import Value

__all__ = ["Message", "Rest", "Uplink", "Value"]


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message as it came from a source. ``token`` lets that source acknowledge it and means nothing elsewhere.

    ``cut``: how many bytes are missing at the end of the payload, because the message was too large to be held.
    """

    topic: str
    payload: bytes
    received_at: datetime
    token: int = 0
    redelivered: bool = False
    cut: int = 0


class Rest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a codec said of a frame beside its readings. ``paths``: path -> value that no field takes, shortened."""

    paths: Mapping[str, Value] = {}
    warnings: tuple[str, ...] = ()


class Uplink(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One frame of one device. Either ``payload`` (bytes to decode) or ``values`` (already named) is given.

    ``device``: canonical id; a DevEUI as 16 lower-case hex digits, a Sigfox id as 8, else the name in the topic.
    ``device_type``: only where the envelope names it (native topics); else the registry does.
    ``time``: when the frame was on air, as the network tells it; ``None`` if it tells nothing.
    ``session``: what a frame counter counts within (DevAddr, session key id); ``f_cnt`` is ``None`` without a counter.
    ``rssi_dbm``, ``snr_db``, ``gateway``: of the gateway that heard it best.
    """

    network: str
    device: str
    device_type: str | None = None
    time: datetime | None = None
    payload: bytes | None = None
    values: Mapping[str, Value] | None = None
    f_port: int | None = None
    f_cnt: int | None = None
    session: str = ""
    rssi_dbm: float | None = None
    snr_db: float | None = None
    gateway: str | None = None
    simulated: bool = False

    def frame_key(self, arrived: datetime) -> bytes:
        """Return the 16 bytes that identify this frame, whichever way and however often it arrives.

        Device, session, counter, port and content. A frame without a counter is told from the next one by its time;
        one without a time either, by its arrival: such a device must put counter or time into what it sends to be
        protected from redelivery.
        """
        content = self.payload if self.payload is not None else msgspec.json.encode(self.values, order="sorted")
        told = "" if self.f_cnt is not None else (self.time or arrived).isoformat()
        head = f"{self.network}\0{self.device}\0{self.session}\0{self.f_cnt}\0{self.f_port}\0{told}\0"
        return blake2b(head.encode() + content, digest_size=16).digest()
