"""What processes tell while they run, and where: live readings, and once a second how they are.

For ``/metrics``, the console, ``doctor`` and the demo. All of it may be lost without harm.
"""

from datetime import datetime

import msgspec

from model.script import Suspension

LIVE_TOPIC = "penfeld/v1/live/"
"""Before the name of a device type: JSON arrays of ``LiveReading``, QoS 0."""
STATUS_TOPIC = "penfeld/v1/status/"
"""Before the name of a worker: its ``IngestStatus``, QoS 0, kept by the broker."""
PROBE_TOPIC = "penfeld/v1/probe"
"""Whether the broker takes and gives: nothing that is said here, or below it, means anything."""
ALERTS_STATUS_TOPIC = "penfeld/v1/alerts/status"
"""``AlertsStatus``, QoS 0, kept by the broker."""


class IngestStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the worker started, in frames; times in seconds or, where the name says so, milliseconds.

    ``latency_*_ms``: from the time in the envelope to the commit, over the newest 10,000 frames that were on air under
    a minute before they arrived: what somebody waits between a frame and its reading. ``None``: no such frame.
    ``live_skipped``: readings that were stored but not told live, because there were too many.
    ``suspended``: makers' codecs that are asked no more, and why.
    ``started``: when the worker did; what it counts lies in the ledger's hours from that one on. ``None``: not told.
    """

    worker: str
    time: datetime
    started: datetime | None = None
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    unacknowledged: int = 0
    oldest_unacknowledged_s: float = 0.0
    batches: int = 0
    live_skipped: int = 0
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    connected: bool = True
    trouble: str = ""
    suspended: tuple[Suspension, ...] = ()


class AlertsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the evaluator of alert rules is doing; counts since it started.

    ``looks``: at news, ``readings``: that these held; ``open``: alarms now; ``look_p99_ms``: how long the newest 1,000
    looks took that found news. ``trouble``: what keeps it from its work, "" if nothing does; ``channels``: name ->
    why messages cannot be sent over it.
    """

    time: datetime
    started: datetime
    rules: int = 0
    open: int = 0
    looks: int = 0
    readings: int = 0
    look_p99_ms: float | None = None
    trouble: str = ""
    channels: dict[str, str] = {}


class LiveReading(msgspec.Struct, frozen=True, kw_only=True):
    """One reading on the live topic and in the event stream. ``values`` holds what the frame said."""

    device: str
    device_type: str
    time: datetime
    received_at: datetime
    values: dict[str, float | int | bool | str | None]
    flags: tuple[str, ...] = ()
    simulated: bool = False


class SimulationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a simulation is: what it sent (acknowledged, by source), and how much of the past it has told (0 to 1).

    ``lag_s``: how late live frames leave; ``unacknowledged``: frames that no door saw acknowledged at the end.
    """

    sent: dict[str, int] = {}
    history_done: float = 0.0
    history_frames: int = 0
    lag_s: float = 0.0
    unacknowledged: int = 0
