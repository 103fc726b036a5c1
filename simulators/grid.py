"""Meters of the local grid: public buildings, solar roofs, and batteries that live with both.

1. Every power is a rate of ``simulators.registers``: import and export registers are its exact integrals.
2. A building follows its use (hours, kind of day) and, for heating, the weather. A roof follows sun and clouds.
3. A battery's day runs from midnight to midnight UTC and ends where it began, at its reserve: a charge in the cheap
   hours, some of it given to the morning, the roof's surplus taken at day, all of it given to the evening. So its state
   of charge is a function of its two registers. Charging and discharging never overlap.
4. ``active_power_w`` counts what is drawn from the grid; what is fed in is negative.
"""

import numpy as np

from model.readings import Array
from simulators.chance import Floats, Ints, draw, key, smooth
from simulators.days import START_S, calendar, local
from simulators.mains import Mains
from simulators.places import around_quarters
from simulators.registers import NODE_S, NODES_A_DAY, Registers, nodes_of
from simulators.sun import on_panel
from simulators.weather import Weather

BUILDING, SOLAR, BATTERY = "building", "solar", "battery"
RESERVE_PERCENT = 10.0
_FULL_PERCENT = 95.0
_ROUND_TRIP = 0.95  # of charging, and again of discharging
_NODE_H = NODE_S / 3600.0

# Load by hour of a workday and of a Sunday, in percent; Saturday is between. Base load in kW, share of heating.
_USES: dict[str, tuple[tuple[int, ...], tuple[int, ...], float, float]] = {
    "École": (
        (18, 18, 18, 18, 18, 22, 40, 70, 95, 100, 98, 95, 100, 92, 95, 90, 75, 50, 35, 25, 20, 18, 18, 18),
        (18, 18, 18, 18, 18, 18, 18, 19, 20, 20, 20, 20, 20, 20, 20, 20, 19, 18, 18, 18, 18, 18, 18, 18),
        22.0,
        0.7,
    ),
    "Mairie de quartier": (
        (22, 22, 22, 22, 22, 25, 38, 65, 92, 100, 98, 92, 75, 90, 98, 96, 90, 70, 40, 28, 24, 22, 22, 22),
        (22, 22, 22, 22, 22, 22, 22, 23, 24, 24, 24, 24, 24, 24, 24, 24, 23, 22, 22, 22, 22, 22, 22, 22),
        14.0,
        0.6,
    ),
    "Gymnase": (
        (12, 12, 12, 12, 12, 14, 20, 35, 60, 70, 70, 60, 45, 60, 70, 72, 78, 88, 98, 100, 95, 70, 30, 14),
        (12, 12, 12, 12, 12, 12, 14, 20, 45, 70, 85, 80, 60, 75, 90, 88, 70, 45, 25, 16, 12, 12, 12, 12),
        18.0,
        0.5,
    ),
    "Piscine": (
        (62, 60, 60, 60, 62, 70, 85, 95, 98, 100, 98, 96, 98, 96, 95, 96, 98, 100, 98, 92, 85, 75, 68, 64),
        (60, 60, 60, 60, 60, 62, 68, 80, 92, 98, 98, 95, 90, 92, 95, 92, 85, 72, 66, 62, 60, 60, 60, 60),
        95.0,
        0.4,
    ),
    "Résidence": (
        (38, 34, 32, 31, 32, 38, 55, 75, 72, 60, 55, 58, 70, 66, 56, 52, 55, 68, 88, 100, 96, 84, 66, 48),
        (42, 37, 34, 32, 32, 34, 40, 52, 68, 78, 80, 84, 92, 86, 74, 68, 68, 76, 90, 98, 92, 78, 60, 48),
        28.0,
        0.9,
    ),
    "Médiathèque": (
        (15, 15, 15, 15, 15, 16, 20, 35, 60, 85, 98, 100, 92, 96, 100, 100, 98, 90, 65, 30, 18, 15, 15, 15),
        (15, 15, 15, 15, 15, 15, 15, 16, 16, 17, 18, 18, 18, 18, 18, 18, 17, 16, 15, 15, 15, 15, 15, 15),
        16.0,
        0.6,
    ),
}
_ROLES = (BUILDING, BUILDING, SOLAR, BUILDING, BATTERY, BUILDING, SOLAR, BUILDING)  # again and again


class Grid:
    """``count`` meters, in the proportions of ``_ROLES``."""

    def __init__(self, seed: int, count: int, mains: Mains, weather: Weather) -> None:
        number = np.arange(count)
        self.roles = np.array([_ROLES[n % len(_ROLES)] for n in range(count)], object)
        self._use = [list(_USES)[n % len(_USES)] for n in (draw(key(seed, "uses"), number) * 600).astype(int)]
        titles = {SOLAR: "Toiture solaire", BATTERY: "Batterie"}
        names = [titles.get(role, use) for role, use in zip(self.roles, self._use, strict=True)]
        self.sites = around_quarters(seed, count, names, "meters") if count else ()
        self._mains, self._weather, self._noise = mains, weather, key(seed, "load")
        size = draw(key(seed, "sizes"), number)
        self._base_kw = np.array([_USES[use][2] for use in self._use]) * (0.6 + 0.9 * size)
        self._heating = np.array([_USES[use][3] for use in self._use])
        self._roof_kw = 9.0 + 60.0 * size * size
        self._roof_turn = (draw(key(seed, "roofs"), number) * 3).astype(np.int64) - 1  # east, south, west
        self.capacity_kwh = 20.0 + 80.0 * size
        self._reactive = 0.18 + 0.22 * draw(key(seed, "reactive"), number)
        self._age = 4_000.0 + 60_000.0 * draw(key(seed, "meter age"), number)
        self._of = {role: np.flatnonzero(self.roles == role) for role in (BUILDING, SOLAR, BATTERY)}
        self._planned: tuple[tuple[int, int], tuple[Floats, Floats]] | None = None
        self._drawn = Registers(self._drawing, count, key(seed, "drawn"), liveliness=0.12)
        self._fed = Registers(self._feeding, count, key(seed, "fed"), liveliness=0.25)

    def values(self, who: Ints, at: Floats) -> dict[str, Array]:
        """Return what the meters ``who`` measure at ``at``."""
        drawn, imported = self._drawn.read(who, at)
        fed, exported = self._fed.read(who, at)
        role = self.roles[who]
        active = (drawn - fed) * 1000.0
        share = np.where(role == BUILDING, self._reactive[who], 0.05)
        reactive = active * share
        apparent = np.hypot(active, reactive)
        rise = np.where(role == SOLAR, 3.0 * fed / self._roof_kw[who], 0.0)
        voltage = self._mains.voltage_v(who % 40, at) + rise
        store = RESERVE_PERCENT + 100.0 * (imported * _ROUND_TRIP - exported / _ROUND_TRIP) / self.capacity_kwh[who]
        return {
            "role": role,
            "active_power_w": active,
            "reactive_power_var": reactive,
            "voltage_v": voltage,
            "current_a": apparent / (3.0 * voltage),
            "frequency_hz": self._mains.frequency_hz(at),
            "energy_import_kwh": imported + np.where(role == SOLAR, 0.0, self._age[who]),
            "energy_export_kwh": exported + np.where(role == BUILDING, 0.0, self._age[who]),
            "state_of_charge_percent": np.where(role == BATTERY, np.clip(store, 0.0, 100.0), np.nan),
            "power_factor": np.where(apparent > 0.0, np.abs(active) / np.maximum(apparent, 1e-9), 1.0),
        }

    def _drawing(self, days: Ints) -> Floats:
        """Return what each meter draws at the nodes of ``days``, kW."""
        rates = np.zeros((len(self.roles), len(days) * NODES_A_DAY))
        rates[self._of[BUILDING]] = self._loads(self._of[BUILDING], days)
        rates[self._of[BATTERY]] = self._battery(days)[0]
        return rates

    def _feeding(self, days: Ints) -> Floats:
        """Return what each meter feeds in at the nodes of ``days``, kW."""
        rates = np.zeros((len(self.roles), len(days) * NODES_A_DAY))
        rates[self._of[SOLAR]] = self._suns(self._of[SOLAR], days)
        rates[self._of[BATTERY]] = self._battery(days)[1]
        return rates

    def _loads(self, who: Ints, days: Ints) -> Floats:
        at = nodes_of(days)
        day, second = local(at)
        kind = calendar().kind[day]
        cold = np.maximum(16.0 - self._weather.temperature_c(at), 0.0) / 12.0
        shapes = {}
        for use, (work, rest, _, _) in _USES.items():
            curves = np.array((work, np.add(work, rest) // 2, rest)) / 100.0
            hours = second / 3600.0
            hour = hours.astype(np.int64)
            here, there = curves[kind, hour], curves[kind, (hour + 1) % 24]
            shapes[use] = here + (there - here) * (hours - hour)
        shape = np.array([shapes[self._use[n]] for n in who]).reshape(len(who), len(at))
        hours_on = ((at - START_S) / NODE_S)[None, :] / 5.0
        wander = 1.0 + 0.10 * smooth(self._noise, who[:, None], hours_on)
        loads: Floats = self._base_kw[who, None] * shape * (1.0 + self._heating[who, None] * cold) * wander
        return loads

    def _suns(self, who: Ints, days: Ints) -> Floats:
        at = nodes_of(days)
        light = self._weather.light(at)
        faces = [on_panel(at, tilt_deg=25.0, south_by_deg=55.0 * turn) * light for turn in (-1, 0, 1)]
        suns: Floats = self._roof_kw[who, None] * np.array(faces)[self._roof_turn[who] + 1]
        return suns

    def _battery(self, days: Ints) -> tuple[Floats, Floats]:
        """Return charge and discharge power at the nodes of ``days``, kW at the meter; asked twice, computed once."""
        if self._planned is None or self._planned[0] != (days[0], len(days)):
            self._planned = ((days[0], len(days)), self._plan(days))
        return self._planned[1]

    def _plan(self, days: Ints) -> tuple[Floats, Floats]:
        who = self._of[BATTERY]
        shape = (len(who), len(days), NODES_A_DAY)
        capacity = self.capacity_kwh[who, None]
        room = capacity * (_FULL_PERCENT - RESERVE_PERCENT) / 100.0
        winter = 0.5 + 0.5 * np.cos(2.0 * np.pi * (days - 10.0) / 365.2425)
        charge, discharge = np.zeros(shape), np.zeros(shape)
        at_night = room * (0.10 + 0.40 * winter)  # into the store, by day
        charge[:, :, 1:16] = (at_night / (15 * _NODE_H * _ROUND_TRIP))[:, :, None]
        given = 0.6 * at_night
        discharge[:, :, 21:33] = (given * _ROUND_TRIP / (12 * _NODE_H))[:, :, None]
        house = 0.15 * (self._roof_kw / self._base_kw)[who, None] * self._loads(who, days)
        surplus = self._suns(who, days) - house
        offered = np.clip(surplus.reshape(shape)[:, :, 34:67], 0.0, 0.3 * capacity[:, :, None])
        taken = np.minimum(np.cumsum(offered * _NODE_H * _ROUND_TRIP, axis=2), (room - at_night + given)[:, :, None])
        charge[:, :, 34:67] = np.diff(taken, axis=2, prepend=0.0) / (_NODE_H * _ROUND_TRIP)
        evening = nodes_of(days).reshape(shape[1:])[:, 68:95]
        weight = self._mains.load(evening.ravel()).reshape(evening.shape) ** 2
        stored = at_night - given + taken[:, :, -1]
        share = weight / weight.sum(axis=1, keepdims=True)
        discharge[:, :, 68:95] = stored[:, :, None] * share * _ROUND_TRIP / _NODE_H
        flat = (len(who), len(days) * NODES_A_DAY)
        return charge.reshape(flat), discharge.reshape(flat)
