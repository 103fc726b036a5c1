"""The key figures beside the map, worked out from the city in memory, the workers' states and the ledger. Pure.

Only devices that are not silent count in sums of power: a value from yesterday is no power now.
Grid power is the sum of all meters' active power: what buildings draw, less what the sun gives, with what the batteries
take or give. Solar production is shown as a positive number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.console.city import Spot
from api.console.states import Health, alarms
from model.status import IngestStatus
from model.views import LedgerRow

STATUS_LASTS = timedelta(seconds=15)
"""A worker that has not told its state for longer is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CityFigures:
    """What the devices say, summed. ``None``: no device of that kind has spoken."""

    lamps: int = 0
    lamps_on: int = 0
    lamps_failing: int = 0
    grid_power_w: float | None = None
    solar_power_w: float | None = None
    vehicles: int = 0
    vehicles_running: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The ledger's sums over a time, in frames."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0

    @property
    def missing(self) -> int:
        """Frames received and not accounted for; 0 when the ledger balances."""
        return self.received - self.stored - self.duplicate - self.quarantined


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What the ingest workers do: frames stored a second, and the time from air to commit. ``None``: not known."""

    frames_per_s: float | None = None
    latency_p99_ms: float | None = None
    workers: int = 0
    trouble: str = ""


def city_figures(spots: Iterable[Spot]) -> CityFigures:
    """Return the sums over all devices."""
    lamps = lamps_on = failing = vehicles = running = 0
    grid: list[float] = []
    solar: list[float] = []
    for spot in spots:
        values, silent = spot.values, spot.health is Health.SILENT
        if "lamp_on" in values:
            lamps += 1
            failing += bool(alarms(spot.traits, values))
            lamps_on += values["lamp_on"] is True and not silent
        power = values.get("active_power_w")
        if isinstance(power, int | float) and not silent:
            grid.append(power)
            if values.get("role") == "solar":
                solar.append(-power)
        if spot.traits.moving and spot.time is not None:
            vehicles += 1
            running += not silent
    return CityFigures(
        lamps=lamps,
        lamps_on=lamps_on,
        lamps_failing=failing,
        grid_power_w=sum(grid) if grid else None,
        solar_power_w=sum(solar) if solar else None,
        vehicles=vehicles,
        vehicles_running=running,
    )


def balance(rows: Iterable[LedgerRow]) -> Balance:
    """Return the sums of ledger rows."""
    received = stored = duplicate = quarantined = 0
    for row in rows:
        received += row.received
        stored += row.stored
        duplicate += row.duplicate
        quarantined += row.quarantined
    return Balance(received=received, stored=stored, duplicate=duplicate, quarantined=quarantined)


class FlowMeter:
    """Frames a second, from the workers' counters: the difference over at most the last ``window_s`` seconds."""

    def __init__(self, window_s: float = 5.0) -> None:
        self._window_s = window_s
        self._history: dict[str, list[tuple[datetime, int]]] = {}

    def measure(self, statuses: Sequence[IngestStatus], now: datetime) -> Flow:
        """Return the flow at ``now``; to be called about once a second."""
        statuses = [s for s in statuses if now - s.time <= STATUS_LASTS]
        rate: float | None = None
        for status in statuses:
            mine = self._rate(status)
            if mine is not None:
                rate = (rate or 0.0) + mine
        latencies = [s.latency_p99_ms for s in statuses if s.latency_p99_ms is not None]
        return Flow(
            frames_per_s=rate,
            latency_p99_ms=max(latencies, default=None),
            workers=len(statuses),
            trouble="; ".join(f"{s.worker}: {s.trouble}" for s in statuses if s.trouble),
        )

    def _rate(self, status: IngestStatus) -> float | None:
        handled = status.stored + status.duplicate + status.quarantined
        history = self._history.setdefault(status.worker, [])
        if history and (handled < history[-1][1] or status.time < history[-1][0]):
            history.clear()  # the worker was started again
        if not history or status.time > history[-1][0]:
            history.append((status.time, handled))
        while len(history) > 2 and (history[-1][0] - history[0][0]).total_seconds() > self._window_s:  # noqa: PLR2004
            history.pop(0)
        seconds = (history[-1][0] - history[0][0]).total_seconds()
        return (history[-1][1] - history[0][1]) / seconds if seconds > 0 else None
