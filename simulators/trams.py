"""Trams on their line: a timetable of whole rounds, and between stops a run of constant accelerations.

1. A round goes from one end of the line to the other and back. Every instant of it is planned once: pieces of constant
   acceleration, stops with doors. Where a tram is, is a look-up in that plan.
2. A tram's day begins at 03:00 local time. It drives so many rounds (fewer trams on Sundays and holidays) and stands at
   its terminus for the rest of the night, doors closed. The first two trams never rest: by night they are works
   journeys, so something moves at any hour.
3. Traction energy is the exact integral of traction power, which is that of a tram with a usual load: force times speed
   over the efficiency when driving, force times speed times what comes back when braking.
4. Doors open only at standstill, at a stop.
"""

from typing import NamedTuple

import numpy as np

from model.readings import Array, Bools
from simulators.chance import Floats, Ints, draw, key, smooth
from simulators.days import COUNT, DAY_S, SATURDAY, START_S, SUNDAY, calendar, local
from simulators.places import Site, metres, tram_stops
from simulators.weather import Weather

ACCELERATION_MS2, BRAKING_MS2 = 0.65, 1.0
SEATS_AND_STANDING = 218
_DWELL_S, _DOORS_AFTER_S, _DOORS_BEFORE_S = 22.0, 2.0, 4.0
_LAYOVER_S = 240.0
_MASS_KG, _RESISTANCE_N = 46_000.0, 3_200.0
_DRIVE_EFFICIENCY, _BRAKE_EFFICIENCY = 0.86, 0.68
_WORKS = 2  # trams that never rest
_AN_INSTANT_S = 1e-9
_DAY_BEGINS_S = 3 * 3600
_FIRST_DEPARTURE_S = 6300.0  # after the day's beginning: 04:45
_ROUNDS, _FEWER_ROUNDS = 16, 12  # until past midnight, or until the evening

_RIDERS_BY_HOUR = (
    np.array((6, 0, 0, 0, 0, 8, 22, 62, 88, 60, 42, 45, 58, 55, 48, 52, 78, 95, 82, 55, 38, 28, 22, 14, 8)) / 100
)
_RIDERS_BY_KIND = np.array((1.0, 0.85, 0.45))


class _Plan(NamedTuple):
    """One round in pieces; all arrays have one entry a piece, ``start_s`` one more: the length of the round."""

    start_s: Floats
    place_m: Floats  # along the line, from the western end
    speed_ms: Floats
    acceleration_ms2: Floats
    east: Floats  # +1 towards the east, -1 back
    stop: Ints  # where it stands, or the stop it left
    standing: Bools
    consumed_kwh: Floats  # up to the piece
    recovered_kwh: Floats
    doors: Ints  # door openings up to the piece
    aboard: Floats  # riders when the piece begins, of a tram that is as full as can be: 1
    aboard_after: Floats


def _leg(length: float, limit: float) -> list[tuple[float, float, float]]:
    """Return the pieces (seconds, speed at their beginning, acceleration) of a run over ``length`` metres."""
    both = 1.0 / ACCELERATION_MS2 + 1.0 / BRAKING_MS2
    top = min(limit, float(np.sqrt(2.0 * length / both)))
    cruise = (length - 0.5 * top * top * both) / top
    pieces = [
        (top / ACCELERATION_MS2, 0.0, ACCELERATION_MS2),
        (cruise, top, 0.0),
        (top / BRAKING_MS2, top, -BRAKING_MS2),
    ]
    return [piece for piece in pieces if piece[0] > _AN_INSTANT_S]


def _energy_kwh(force_n: Floats, way_m: Floats) -> tuple[Floats, Floats]:
    work = force_n * way_m / 3.6e6
    return np.maximum(work, 0.0) / _DRIVE_EFFICIENCY, np.maximum(-work, 0.0) * _BRAKE_EFFICIENCY


def _force_n(speed: Floats, acceleration: Floats) -> Floats:
    return np.where((speed > 0.0) | (acceleration > 0.0), _MASS_KG * acceleration + _RESISTANCE_N, 0.0)


def _ridership() -> Floats:
    """Return how full a tram is on each leg of a round: riders board, and leave, by the stops' weights."""
    boarding = np.array([stop.boarding for stop in tram_stops()])
    legs = []
    for weights in (boarding, boarding[::-1]):
        aboard = 0.0
        for number in range(len(weights) - 1):
            left = weights[number] / weights[number:].sum()
            aboard = aboard * (1.0 - left) + weights[number]
            legs.append(aboard)
        legs.append(0.0)
    fullness: Floats = np.array(legs) / max(legs)
    return fullness


def _plan() -> _Plan:
    stops = tram_stops()
    line = metres([(stop.latitude, stop.longitude) for stop in stops])
    last = len(stops) - 1
    fullness = _ridership()
    rows: list[tuple[float, ...]] = []
    clock, doors, before, leg = 0.0, 0, 0.0, 0
    for way, order in ((1, range(last + 1)), (-1, range(last, -1, -1))):
        for stop in order:
            after = fullness[leg]
            dwell = _LAYOVER_S if stop == order[-1] else _DWELL_S
            rows.append((clock, line[stop], 0.0, 0.0, way, stop, 1.0, doors, before, after))
            clock, doors, before, leg = clock + dwell, doors + 1, after, leg + 1
            if stop == order[-1]:
                break
            place = line[stop]
            limit = stops[min(stop, stop + way)].limit_kmh / 3.6
            for seconds, speed, acceleration in _leg(abs(line[stop + way] - line[stop]), limit):
                rows.append((clock, place, speed, acceleration, way, stop, 0.0, doors, after, after))
                place += way * (speed * seconds + 0.5 * acceleration * seconds * seconds)
                clock += seconds
    table = np.array(rows).T
    start = np.append(table[0], clock)
    speed, acceleration, lasting = table[2], table[3], np.diff(start)
    way_m = speed * lasting + 0.5 * acceleration * lasting * lasting
    consumed, recovered = (
        np.concatenate(([0.0], np.cumsum(part))) for part in _energy_kwh(_force_n(speed, acceleration), way_m)
    )
    return _Plan(
        start,
        table[1],
        speed,
        acceleration,
        table[4],
        table[5].astype(np.int64),
        table[6] > 0.0,
        consumed,
        recovered,
        table[7].astype(np.int64),
        table[8],
        table[9],
    )


class Trams:
    """``count`` trams, evenly spread over the round."""

    def __init__(self, seed: int, count: int, weather: Weather) -> None:
        self._weather = weather
        stops = tram_stops()
        self.line_m = metres([(stop.latitude, stop.longitude) for stop in stops])
        self.line_points = np.array([(stop.latitude, stop.longitude) for stop in stops])
        step = np.diff(self.line_points, axis=0) * (1.0, 0.664)
        self._heading = np.degrees(np.arctan2(step[:, 1], step[:, 0])) % 360.0
        self.plan = _plan()
        self.round_s = float(self.plan.start_s[-1])
        number = np.arange(count)
        self._begins = _FIRST_DEPARTURE_S + number * self.round_s / max(count, 1)
        self._turn = np.where(number % 2, self.round_s / 2.0, 0.0)  # every other one starts at the eastern end
        self._rounds = self._daily_rounds(count)
        self._done = np.concatenate((np.zeros((count, 1)), np.cumsum(self._rounds, axis=1)), axis=1)
        self._age = 40_000.0 + 300_000.0 * draw(key(seed, "tram age"), number)
        self._riders, self._noise, self._line = key(seed, "riders"), key(seed, "cabin"), key(seed, "overhead line")
        self.sites = tuple(
            Site(
                name=f"Rame {1001 + n}",
                latitude=stops[-1 if n % 2 else 0].latitude,
                longitude=stops[-1 if n % 2 else 0].longitude,
                district="Lambézellec" if n % 2 else "Saint-Pierre",
            )
            for n in range(count)
        )

    def values(self, who: Ints, at: Floats) -> dict[str, Array]:
        """Return what the units on board of the trams ``who`` measure at ``at``."""
        plan = self.plan
        rounds, phase, resting = self._duty(who, at)
        piece = np.searchsorted(plan.start_s, phase, side="right") - 1
        since = phase - plan.start_s[piece]
        begin, acceleration = plan.speed_ms[piece], plan.acceleration_ms2[piece]
        speed = np.maximum(begin + acceleration * since, 0.0)
        way = begin * since + 0.5 * acceleration * since * since
        place = plan.place_m[piece] + plan.east[piece] * way
        force = _force_n(begin, acceleration)
        power = force * speed / 1000.0
        power = np.where(power > 0.0, power / _DRIVE_EFFICIENCY, power * _BRAKE_EFFICIENCY)
        consumed, recovered = _energy_kwh(force, way)
        standing = plan.standing[piece]
        lasting = plan.start_s[piece + 1] - plan.start_s[piece]
        open_doors = standing & ~resting & (since >= _DOORS_AFTER_S) & (since < lasting - _DOORS_BEFORE_S)
        opened = plan.doors[piece] + (standing & (since >= _DOORS_AFTER_S))
        leg = np.searchsorted(self.line_m, place, side="right") - 1
        leg = np.clip(leg, 0, len(self.line_m) - 2)
        line_noise = smooth(self._line, who, at / 17.0)
        return {
            "latitude_deg": np.interp(place, self.line_m, self.line_points[:, 0]),
            "longitude_deg": np.interp(place, self.line_m, self.line_points[:, 1]),
            "speed_kmh": speed * 3.6,
            "heading_deg": (self._heading[leg] + np.where(plan.east[piece] > 0.0, 0.0, 180.0)) % 360.0,
            "occupancy_count": self._aboard(who, at, rounds, piece, since / lasting) * ~resting,
            "doors_open": open_doors,
            "at_stop": standing,
            "stop_index": plan.stop[piece],
            "traction_power_kw": power,
            "energy_consumed_kwh": self._age[who]
            + rounds * plan.consumed_kwh[-1]
            + plan.consumed_kwh[piece]
            + consumed,
            "energy_recovered_kwh": 0.3 * self._age[who]
            + rounds * plan.recovered_kwh[-1]
            + plan.recovered_kwh[piece]
            + recovered,
            "line_voltage_v": 765.0 - 0.10 * power + 12.0 * line_noise,
            "cabin_temperature_c": 20.0
            + 0.12 * (self._weather.temperature_c(at) - 12.0)
            - np.where(resting, 4.0, 0.0)
            + 0.6 * smooth(self._noise, who, at / 700.0),
            "door_cycles_count": (self._age[who] * 2.0).astype(np.int64)
            + (rounds * (plan.doors[-1] + 1)).astype(np.int64)
            + opened,
        }

    def _daily_rounds(self, count: int) -> Floats:
        """Return how many rounds each tram drives on each day."""
        number = np.arange(count)[:, None]
        kind = calendar().kind[None, :COUNT]
        rests = ((kind == SUNDAY) & (number % 3 == 0)) | ((kind == SATURDAY) & (number % 5 == 0))
        fits = np.floor((DAY_S - 7200.0 - self._begins[:, None]) / self.round_s)
        most = np.where(number % 3 == 1, _FEWER_ROUNDS, _ROUNDS)
        return np.where(rests, 0.0, np.minimum(fits, most))

    def _duty(self, who: Ints, at: Floats) -> tuple[Floats, Floats, Bools]:
        """Return rounds done since the beginning, seconds into the round, and whether the tram is off duty."""
        day, second = local(at)
        day = np.maximum(day - (second < _DAY_BEGINS_S), 0)
        since = at - (calendar().midnight_s[day] + _DAY_BEGINS_S) - self._begins[who]
        today = self._rounds[who, day]
        part = np.clip(since / self.round_s, 0.0, today)
        resting = (since < 0.0) | (part >= today)
        day_rounds = self._done[who, day] + part
        works = who < _WORKS
        always = (at - START_S) / self.round_s + who * 0.37
        total = np.where(works, always, day_rounds) + self._turn[who] / self.round_s
        rounds = np.floor(total)
        return rounds, np.clip((total - rounds) * self.round_s, 0.0, self.round_s - 1e-6), resting & ~works

    def _aboard(self, who: Ints, at: Floats, rounds: Floats, piece: Ints, part: Floats) -> Ints:
        """Return the riders: they board and leave while the tram stands."""
        day, second = local(at)
        busy = np.interp(second / 3600.0, np.arange(25), _RIDERS_BY_HOUR) * _RIDERS_BY_KIND[calendar().kind[day]]
        luck = 0.75 + 0.5 * draw(self._riders, who, rounds.astype(np.int64))
        share = self.plan.aboard[piece] + (self.plan.aboard_after[piece] - self.plan.aboard[piece]) * part
        full = SEATS_AND_STANDING * np.minimum(busy * luck, 1.0)
        aboard: Ints = np.rint(share * full).astype(np.int64)
        return aboard
