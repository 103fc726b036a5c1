"""What an ingest worker says of itself, once a second: for ``/metrics``, the console, ``doctor`` and the demo."""

from datetime import datetime

import msgspec


class IngestStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the worker started, in frames; times in seconds or, where the name says so, milliseconds.

    ``latency_*_ms``: from the time in the envelope to the commit, over the newest 10,000 frames that were on air under
    a minute before they arrived: what somebody waits between a frame and its reading. ``None``: no such frame.
    """

    worker: str
    time: datetime
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    unacknowledged: int = 0
    oldest_unacknowledged_s: float = 0.0
    batches: int = 0
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    connected: bool = True
    trouble: str = ""


class LiveReading(msgspec.Struct, frozen=True, kw_only=True):
    """One reading on the live topic and in the event stream. ``values`` holds what the frame said."""

    device: str
    device_type: str
    time: datetime
    received_at: datetime
    values: dict[str, float | int | bool | str | None]
    flags: tuple[str, ...] = ()
    simulated: bool = False
