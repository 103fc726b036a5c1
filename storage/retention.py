"""What upkeep is told: the time zone of days, and how long what is stored is kept and in which form. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from model.retention import Age, Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepConfig:
    """``zone``: of the city's days. ``types``: what is kept otherwise than ``retention`` says; ``uplink``: raw frames.

    ``columnstore``, ``uplink_columnstore``: the age at which chunks go into the columnstore (TimescaleDB).
    """

    zone: str = "Europe/Paris"
    retention: Retention = field(default_factory=Retention)
    types: Mapping[str, Retention] = field(default_factory=dict)
    uplink: Age = None
    columnstore: timedelta = timedelta(days=7)
    uplink_columnstore: timedelta = timedelta(days=2)

    def of(self, device_type: str) -> Retention:
        """Return how long what is of this type is kept."""
        return self.types.get(device_type, self.retention)
