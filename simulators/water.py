"""Water meters: a daily pattern, nearly nothing at night, and now and then a leak that runs day and night."""

import numpy as np

from model.readings import Array
from simulators.chance import Floats, Ints, draw, key, smooth
from simulators.days import DAY_S, SUNDAY, calendar, local
from simulators.places import around_quarters
from simulators.registers import NODE_S, NODES_A_DAY, Registers, nodes_of
from simulators.weather import Weather

_BY_HOUR = (
    np.array((6, 4, 3, 3, 4, 15, 60, 100, 85, 60, 50, 55, 70, 60, 45, 42, 45, 60, 80, 90, 75, 50, 28, 14)) / 100.0
)
_LEAK_DAYS = 60
_LEAK_CHANCE = 0.25  # in each such span
_NAMES = ("Compteur d'eau école", "Compteur d'eau résidence", "Compteur d'eau gymnase", "Compteur d'eau halle")


class Water:
    """``count`` water meters in buildings."""

    def __init__(self, seed: int, count: int, weather: Weather) -> None:
        self.sites = around_quarters(seed, count, _NAMES, "water meters")
        self._weather = weather
        number = np.arange(count)
        self._peak = 0.35 + 1.6 * draw(key(seed, "water use"), number)
        self._age = 200.0 + 9_000.0 * draw(key(seed, "water meter age"), number)
        self._battery = 3.66 - 0.25 * draw(key(seed, "water meter battery"), number)
        self._noise, self._leaks = key(seed, "water"), key(seed, "leaks")
        self._register = Registers(self._flows, count, key(seed, "taps"), liveliness=0.5)

    def values(self, who: Ints, at: Floats) -> dict[str, Array]:
        """Return what the meters ``who`` measure at ``at``."""
        flow, volume = self._register.read(who, at)
        return {
            "volume_m3": self._age[who] + volume,
            "flow_m3h": flow,
            "leak": self._leaking(who, at) > 0.0,
            "temperature_c": 11.5 + 0.35 * (self._weather.temperature_c(at) - 11.5),
            "battery_v": self._battery[who] - 0.02 * np.sin(at / (9.0 * DAY_S)),
        }

    def _leaking(self, who: Ints, at: Floats) -> Floats:
        """Return what leaks, as a share of the peak flow. Leaks begin and end at midnight UTC."""
        days = np.floor(at / DAY_S).astype(np.int64)
        span = days // _LEAK_DAYS
        leaks, start, length, size = (draw(self._leaks + salt, who, span) for salt in range(4))
        first = span * _LEAK_DAYS + np.floor(start * (_LEAK_DAYS - 10))
        running = (leaks < _LEAK_CHANCE) & (first <= days) & (days < first + 2 + np.floor(7 * length))
        return np.where(running, 0.05 + 0.15 * size, 0.0)

    def _flows(self, days: Ints) -> Floats:
        at = nodes_of(days)
        day, second = local(at)
        hours = second / 3600.0
        hour = hours.astype(np.int64)
        usual = _BY_HOUR[hour] + (_BY_HOUR[(hour + 1) % 24] - _BY_HOUR[hour]) * (hours - hour)
        usual = usual * np.where(calendar().kind[day] == SUNDAY, 0.8, 1.0)
        who = np.arange(len(self._peak))[:, None]
        wander = 1.0 + 0.35 * smooth(self._noise, who, (at / NODE_S)[None, :] / 2.5)
        daily = np.repeat(self._leaking(who, at[None, ::NODES_A_DAY]), NODES_A_DAY, axis=1)
        return self._peak[:, None] * (usual * wander + daily)
