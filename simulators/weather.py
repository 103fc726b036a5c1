"""The weather of the simulated Brest: air temperature and clouds, the same for everything in the city."""

import numpy as np

from simulators.chance import Floats, key, smooth
from simulators.days import DAY_S, START_S


class Weather:
    """Oceanic: mild, often cloudy, never the same two days running."""

    def __init__(self, seed: int) -> None:
        self._air, self._cloud = key(seed, "air"), key(seed, "cloud")

    def temperature_c(self, at: Floats) -> Floats:
        """Return the air temperature in °C: season, time of day, and fronts of some days' length."""
        days = (at - START_S) / DAY_S
        season = -np.cos(2.0 * np.pi * (days - 25.0) / 365.2425)
        hour = np.cos(2.0 * np.pi * (days - 0.63))  # warmest at about 15 h UTC
        front = smooth(self._air, np.zeros_like(days, np.int64), days / 3.0)
        return 11.8 + 5.2 * season + (2.2 + season) * hour + 3.5 * front

    def light(self, at: Floats) -> Floats:
        """Return the share of a clear sky's light that comes through the clouds, 0.12 to 1."""
        hours = (at - START_S) / 3600.0
        none = np.zeros_like(hours, np.int64)
        day = smooth(self._cloud, none, hours / 30.0)
        hour = smooth(self._cloud, none + 1, hours / 1.7)
        return 0.56 + 0.44 * np.tanh(1.6 * day + 0.9 * hour)
