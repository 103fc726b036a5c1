"""Glass and paper banks: they fill by day, faster in some places, and a lorry empties them on its round."""

import numpy as np

from model.readings import Array
from simulators.chance import Floats, Ints, draw, key, smooth
from simulators.days import DAY_S, START_S, local
from simulators.places import around_quarters
from simulators.sun import height_deg
from simulators.weather import Weather

_BY_HOUR = np.array((1, 1, 0, 0, 0, 1, 3, 6, 8, 9, 10, 10, 8, 7, 8, 9, 10, 12, 11, 8, 5, 3, 2, 1), float)
_SO_FAR = np.concatenate(([0.0], np.cumsum(_BY_HOUR))) / _BY_HOUR.sum()
_EMPTYING_S = 240.0
_NAMES = ("Colonne à verre", "Colonne à papier", "Colonne à emballages")


class Bins:
    """``count`` banks. Each has its round: every 2 to 6 days, in the morning of local time."""

    def __init__(self, seed: int, count: int, weather: Weather) -> None:
        self.sites = around_quarters(seed, count, _NAMES, "bins")
        self._weather = weather
        number = np.arange(count)
        stream = key(seed, "bins")
        self._every = 2 + (5 * draw(stream, number)).astype(np.int64)
        self._shift = (7 * draw(stream + 1, number)).astype(np.int64)
        self._round_s = (6.0 + 5.0 * draw(stream + 2, number)) * 3600.0
        self._reached = 62.0 + 45.0 * draw(stream + 3, number)  # percent at the usual emptying; over 100: too late
        self._battery = 3.62 - 0.2 * draw(stream + 4, number)
        self._noise = key(seed, "bin content")

    def values(self, who: Ints, at: Floats) -> dict[str, Array]:
        """Return what the sensors ``who`` measure at ``at``."""
        day, second = local(at)
        every = self._every[who]
        since_round = (day + self._shift[who]) % every
        early = second < self._round_s[who]
        days = np.where((since_round == 0) & early, every, since_round).astype(np.float64)
        filled = days + _day_share(second) - _day_share(self._round_s[who])
        turn = (day - days.astype(np.int64)).astype(np.float64)
        rate = self._reached[who] / every * (1.0 + 0.15 * smooth(self._noise, who, turn * 0.61))
        sun = np.maximum(height_deg(at), 0.0)
        emptying = (since_round == 0) & ~early & (second < self._round_s[who] + _EMPTYING_S)
        return {
            "fill_level_percent": np.clip(2.0 + rate * filled, 0.0, 100.0),
            "temperature_c": self._weather.temperature_c(at) + 0.25 * sun * self._weather.light(at),
            "tilt": emptying,
            "since_emptied_s": days * DAY_S + second - self._round_s[who],
            "battery_v": self._battery[who] - 0.03 * (at - START_S) / (365.0 * DAY_S),
        }


def _day_share(second: Floats) -> Floats:
    """Return how much of a day's filling has happened by this second of the local day."""
    share: Floats = np.interp(second / 3600.0, np.arange(25), _SO_FAR)
    return share
