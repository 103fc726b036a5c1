"""How a device is, in one word: the rule behind every colour of the console. Pure.

1. No frame ever: ``NO_DATA``.
2. Nothing for longer than three expected periods (never less than ``SHORTEST_SILENCE``): ``SILENT``. Silence hides an
   alarm: what a silent device said last may no longer be so.
3. A quality flag, or a field that reports trouble (lamp failure, leak, …) and is true: ``ALARM``.
4. Otherwise ``OK``.

The time that counts is the newest event time, and never later than the arrival of its frame: a value sent again is not
fresh, and a clock that runs ahead does not hide silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from model.device import DeviceType, Kind
from model.uplink import Value

SHORTEST_SILENCE = timedelta(seconds=20)
"""Frames that come every second travel in batches: a gap of a few seconds says nothing."""

PERIODS_UNTIL_SILENT = 3

UNKNOWN_PERIOD = timedelta(hours=1)
"""For a device whose type nobody knows."""

ALARM_WORDS = frozenset({"failure", "fault", "alarm", "leak", "tilt", "tamper", "error", "fire", "burst", "overload"})


class Health(StrEnum):
    """How a device is. The order is that of urgency."""

    ALARM = "alarm"
    SILENT = "silent"
    OK = "ok"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Traits:
    """What the rule needs of a device type. ``moving``: its readings carry a position."""

    silent_after: timedelta
    alarm_fields: tuple[str, ...]
    moving: bool


UNKNOWN = Traits(silent_after=PERIODS_UNTIL_SILENT * UNKNOWN_PERIOD, alarm_fields=(), moving=False)


def traits(device_type: DeviceType) -> Traits:
    """Return the traits of a device type."""
    names = {f.name for f in device_type.fields}
    return Traits(
        silent_after=max(PERIODS_UNTIL_SILENT * device_type.period, SHORTEST_SILENCE),
        alarm_fields=tuple(
            f.name for f in device_type.fields if f.kind is Kind.BOOL and not ALARM_WORDS.isdisjoint(f.name.split("_"))
        ),
        moving={"latitude_deg", "longitude_deg"} <= names,
    )


def seen(time: datetime, received_at: datetime) -> datetime:
    """Return the time that counts for silence: the event time, but never after the arrival."""
    return min(time, received_at)


def alarms(of: Traits, values: Mapping[str, Value]) -> tuple[str, ...]:
    """Return the fields that report trouble now."""
    return tuple(name for name in of.alarm_fields if values.get(name) is True)


def health(
    of: Traits, last_seen: datetime | None, values: Mapping[str, Value], flags: Sequence[str], now: datetime
) -> Health:
    """Return how a device is at the time ``now``."""
    if last_seen is None:
        return Health.NO_DATA
    if now - last_seen > of.silent_after:
        return Health.SILENT
    if flags or alarms(of, values):
        return Health.ALARM
    return Health.OK
