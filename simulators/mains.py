"""The mains of the simulated city: how much everybody draws together, and the voltage and frequency that follow."""

import numpy as np

from simulators.chance import Floats, Ints, key, smooth
from simulators.days import START_S, local

_LOAD_BY_HOUR = (
    np.array((42, 38, 36, 35, 36, 42, 56, 74, 82, 78, 75, 76, 84, 80, 73, 70, 70, 76, 90, 100, 96, 84, 68, 52, 42))
    / 100
)  # a winter weekday of French households and offices together, rounded


class Mains:
    """Low voltage: high at night and where the sun feeds in, low in the evening peak."""

    def __init__(self, seed: int) -> None:
        self._voltage, self._frequency = key(seed, "mains voltage"), key(seed, "mains frequency")

    def load(self, at: Floats) -> Floats:
        """Return the city's load as a share of its peak."""
        return np.interp(local(at)[1] / 3600.0, np.arange(25), _LOAD_BY_HOUR)

    def voltage_v(self, place: Ints, at: Floats) -> Floats:
        """Return the voltage to neutral at a place (any number that stands for a feeder)."""
        minutes = (at - START_S) / 60.0
        wander = 1.8 * smooth(self._voltage, place, minutes / 90.0) + 0.6 * smooth(
            self._voltage, -1 - place, minutes / 3.0
        )
        return 237.0 - 7.5 * self.load(at) + wander

    def frequency_hz(self, at: Floats) -> Floats:
        """Return the frequency: the same everywhere."""
        minutes = (at - START_S) / 60.0
        none = np.zeros_like(minutes, np.int64)
        return (
            50.0
            + 0.025 * smooth(self._frequency, none, minutes / 11.0)
            + 0.015 * smooth(self._frequency, none + 1, minutes)
        )
