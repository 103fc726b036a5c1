"""Street lamps: on from dusk to dawn, dimmed in the night, some of them out of order.

1. Lamps of one street hang on one cabinet: they switch together, when the sun passes 4° below the horizon, give or take
   the cabinet's own minutes.
2. A night's dimming is four levels, by local time. Power is constant in each, so energy and burning hours are sums of
   rectangles: exact at any time.
3. A lamp fails now and then and is mended after some days. Meanwhile it draws nothing and its registers stand still.
"""

from typing import NamedTuple

import numpy as np

from model.readings import Array, Bools
from simulators.chance import Floats, Ints, draw, key
from simulators.days import COUNT, DAY_S, START_S, calendar, local
from simulators.mains import Mains
from simulators.places import along_streets, streets
from simulators.sun import passing
from simulators.weather import Weather

DUSK_DEG = -4.0
_PROFILES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    # hours from midnight at which the level changes, the four levels in percent
    "centre": ((-0.5, 1.5, 5.0), (100.0, 80.0, 60.0, 90.0)),
    "boulevard": ((-1.0, 0.5, 5.25), (100.0, 70.0, 50.0, 80.0)),
    "street": ((-1.5, 0.0, 5.5), (100.0, 60.0, 30.0, 70.0)),
    "park": ((-2.0, -0.5, 6.0), (90.0, 50.0, 20.0, 50.0)),
}
_RATED_W = (39.0, 54.0, 71.0, 96.0)
_CONTROLLER_SHARE = 0.06  # of the rated power, drawn at any level
_OUTAGE_DAYS = 180
_OUTAGE_CHANCE = 0.45  # in each such span; some days each: about 1.5 % are out at any time
_DRIVER_SHARE = 0.3  # of the outages
_WARM_UP_S = 1500.0


class _Night(NamedTuple):
    """What a cabinet does in the night that a time belongs to."""

    bounds: Floats  # (5, n): dusk, three changes, dawn
    levels: Floats  # (4, n): percent
    before: Floats  # (2, n): full-power hours and burning hours up to that day's noon


class _Outages(NamedTuple):
    """By lamp and span: from when to when it is out, whether the driver failed, and what it lost before."""

    start: Floats
    end: Floats
    driver: Bools
    lost: Floats  # (2, lamps, spans)


class Lamps:
    """``count`` lamps along the streets."""

    def __init__(self, seed: int, count: int, mains: Mains, weather: Weather) -> None:
        self.sites = along_streets(seed, count)
        self._mains, self._weather = mains, weather
        number = np.arange(count)
        self._cabinet = np.array([site.street for site in self.sites], np.int64)
        self._rated = np.array(_RATED_W)[(draw(key(seed, "rated power"), number) * len(_RATED_W)).astype(int)]
        age_h = 1500.0 + 14_000.0 * draw(key(seed, "age"), number)
        self._drop_v = 3.0 * draw(key(seed, "cable"), number)
        self._sheltered_c = 3.0 * (draw(key(seed, "shelter"), number) - 0.5)
        self._start = np.stack((0.62 * age_h, age_h))
        profiles = [_PROFILES[street.dimming] for street in streets()]
        self._changes = np.array([changes for changes, _ in profiles]).T * 3600.0
        self._levels = np.array([levels for _, levels in profiles]).T
        self._late = 360.0 * (draw(key(seed, "cabinets"), np.arange(len(profiles))) - 0.5)
        rise, sink = passing(calendar().midnight_s, DUSK_DEG)
        self._dawn, self._dusk = rise, sink
        self._sums = self._nightly()
        self._outages = self._breakdowns(seed, count)

    def values(self, who: Ints, at: Floats) -> dict[str, Array]:
        """Return what the controllers of the lamps ``who`` measure at ``at``."""
        night, cabinet = self._night(who, at)
        level = self._level(night, at)
        out, driver = self._out(who, at)
        lit = (level > 0.0) & ~out
        power = np.where(lit, self._rated[who] * _drawn(level), 0.0)
        voltage = self._mains.voltage_v(cabinet, at) - self._drop_v[who]
        factor = np.where(lit, 0.80 + 0.17 * level / 100.0, 0.0)
        hours = self._start[:, who] + self._burnt(who, at, night)
        return {
            "lamp_on": level > 0.0,
            "dimming_percent": level,
            "power_w": power,
            "energy_kwh": hours[0] * self._rated[who] / 1000.0,
            "voltage_v": voltage,
            "current_a": np.where(lit, power / (voltage * np.maximum(factor, 0.1)), 0.0),
            "power_factor": factor,
            "driver_temperature_c": self._weather.temperature_c(at)
            + self._sheltered_c[who]
            + self._warmth(night, at) * ~out,
            "lamp_hours_h": hours[1],
            "lamp_failure": out & ~driver,
            "driver_failure": out & driver,
        }

    def _nightly(self) -> Floats:
        """Return, by cabinet and day, full-power hours and burning hours up to the day's noon."""
        nights = np.arange(COUNT)
        cabinets = np.arange(len(self._late))
        day, cabinet = (grid.ravel() for grid in np.meshgrid(nights, cabinets))
        bounds = self._bounds(day, cabinet)
        hours = np.diff(bounds, axis=0) / 3600.0
        night = np.stack(((hours * _drawn(self._levels[:, cabinet])).sum(axis=0), hours.sum(axis=0)))
        sums = np.cumsum(night.reshape(2, len(cabinets), COUNT), axis=2)
        return np.concatenate((np.zeros((2, len(cabinets), 1)), sums), axis=2)

    def _bounds(self, day: Ints, cabinet: Ints) -> Floats:
        late = self._late[cabinet]
        dusk, dawn = self._dusk[day] + late, self._dawn[day + 1] - late
        changes = calendar().midnight_s[day + 1] + self._changes[:, cabinet]
        return np.vstack((dusk, np.clip(changes, dusk, dawn), dawn))

    def _night(self, who: Ints, at: Floats) -> tuple[_Night, Ints]:
        cabinet = self._cabinet[who]
        day, second = local(at)
        day = np.maximum(day - (second < DAY_S / 2), 0)
        return _Night(self._bounds(day, cabinet), self._levels[:, cabinet], self._sums[:, cabinet, day]), cabinet

    @staticmethod
    def _level(night: _Night, at: Floats) -> Floats:
        inside = (night.bounds[:-1] <= at) & (at < night.bounds[1:])
        level: Floats = (night.levels * inside).sum(axis=0)
        return level

    def _cabinet_hours(self, night: _Night, at: Floats) -> Floats:
        hours = np.clip(at - night.bounds[:-1], 0.0, np.diff(night.bounds, axis=0)) / 3600.0
        since: Floats = np.stack(((hours * _drawn(night.levels)).sum(axis=0), hours.sum(axis=0)))
        return night.before + since

    def _hours(self, who: Ints, at: Floats) -> Floats:
        return self._cabinet_hours(self._night(who, at)[0], at)

    def _breakdowns(self, seed: int, count: int) -> _Outages:
        spans = np.arange(COUNT // _OUTAGE_DAYS)
        lamp, span = (grid.ravel() for grid in np.meshgrid(np.arange(count), spans, indexing="ij"))
        stream = key(seed, "outages")
        fails, when, length, driver = (draw(stream + salt, lamp, span) for salt in range(4))
        start = START_S + (span * _OUTAGE_DAYS + 2 + when * (_OUTAGE_DAYS - 16)) * DAY_S
        end = np.where(fails < _OUTAGE_CHANCE, start + (2.0 + 9.0 * length) * DAY_S, start)
        loss = (self._hours(lamp, end) - self._hours(lamp, start)).reshape(2, count, len(spans))
        lost = np.concatenate((np.zeros((2, count, 1)), np.cumsum(loss, axis=2)), axis=2)
        shape = (count, len(spans))
        return _Outages(start.reshape(shape), end.reshape(shape), driver.reshape(shape) < _DRIVER_SHARE, lost)

    def _span(self, at: Floats) -> Ints:
        span = ((at - START_S) / (_OUTAGE_DAYS * DAY_S)).astype(np.int64)
        known: Ints = np.minimum(span, self._outages.start.shape[1] - 1)
        return known

    def _out(self, who: Ints, at: Floats) -> tuple[Bools, Bools]:
        span = self._span(at)
        out = (self._outages.start[who, span] <= at) & (at < self._outages.end[who, span])
        return out, self._outages.driver[who, span]

    def _burnt(self, who: Ints, at: Floats, night: _Night) -> Floats:
        """Return full-power hours and burning hours since the beginning, without those lost to outages."""
        span = self._span(at)
        hours = self._cabinet_hours(night, at) - self._outages.lost[:, who, span]
        start, end = self._outages.start[who, span], self._outages.end[who, span]
        hit = np.flatnonzero((start <= at) & (start < end))
        if hit.size:
            until = self._hours(who[hit], np.minimum(at, end)[hit])
            hours[:, hit] -= until - self._hours(who[hit], start[hit])
        return hours

    @staticmethod
    def _warmth(night: _Night, at: Floats) -> Floats:
        """Return by how much the driver is warmer than the air: it follows the level with a delay."""
        levels = np.vstack((np.zeros_like(at), night.levels, np.zeros_like(at)))
        steps = np.diff(levels, axis=0) * 0.26  # 26 degrees at full power
        since = np.maximum(at - night.bounds, 0.0)
        warmth: Floats = (steps * (1.0 - np.exp(-since / _WARM_UP_S))).sum(axis=0)
        return warmth


def _drawn(level: Floats) -> Floats:
    """Return the share of the rated power that a lit lamp draws at ``level`` percent."""
    return _CONTROLLER_SHARE + (1.0 - _CONTROLLER_SHARE) * level / 100.0
