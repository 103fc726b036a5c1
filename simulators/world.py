"""The simulated Brest: one truth by seed and time.

1. Pure: the same seed and time give the same values, whenever and in whatever order they are asked, for one device or
   for all at once. There is no state that runs along; what must add up (energy, volumes, charge) is an exact integral.
2. A model is one kind of thing in the world. It knows where its things are and what a sensor there would measure, by
   the field names of its device type. NaN is "not known".
3. Times are seconds since 1970 UTC as float64; the city exists from 2025 to 2050 (``simulators.days``).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Protocol

from model.readings import Array
from simulators.bins import Bins
from simulators.chance import Floats, Ints
from simulators.grid import Grid
from simulators.lamps import Lamps
from simulators.mains import Mains
from simulators.places import Site
from simulators.trams import Trams
from simulators.water import Water
from simulators.weather import Weather


class Model(Protocol):
    """One kind of thing in the world."""

    @property
    def sites(self) -> Sequence[Site]:
        """Where its things are; ``who`` below is a position in it."""
        ...

    def values(self, who: Ints, at: Floats) -> dict[str, Array]:
        """Return what sensors at the things ``who`` measure at the times ``at`` (arrays of one length), by field."""
        ...


class World:
    """The city of a seed: weather and mains that all share, and the kinds of things in it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._makers: Mapping[str, Callable[[int], Model]] = {
            "penfeld_streetlight": lambda count: Lamps(seed, count, self.mains, self.weather),
            "penfeld_gridmeter": lambda count: Grid(seed, count, self.mains, self.weather),
            "penfeld_tramunit": lambda count: Trams(seed, count, self.weather),
            "penfeld_binsensor": lambda count: Bins(seed, count, self.weather),
            "penfeld_watermeter": lambda count: Water(seed, count, self.weather),
        }

    @cached_property
    def weather(self) -> Weather:
        """The weather over all of it."""
        return Weather(self.seed)

    @cached_property
    def mains(self) -> Mains:
        """The low-voltage grid that lamps and meters hang on."""
        return Mains(self.seed)

    def knows(self, device_type: str) -> bool:
        """Tell whether there is a model for a device type."""
        return device_type in self._makers

    def things(self, device_type: str, count: int) -> Model:
        """Return the model of ``count`` things for a device type that the world knows."""
        return self._makers[device_type](count)
