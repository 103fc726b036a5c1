"""The simulated city behaves: what must add up adds up, what cannot be does not happen."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest

from model.readings import Array
from simulators import sun
from simulators.grid import BATTERY, SOLAR, Grid
from simulators.lamps import DUSK_DEG, Lamps
from simulators.trams import ACCELERATION_MS2, BRAKING_MS2, Trams
from simulators.water import Water
from simulators.world import Model, World

DAY_S = 86_400.0
NOW = datetime(2026, 11, 22, 17, 30, tzinfo=UTC).timestamp()
TYPES = {
    "penfeld_streetlight": 60,
    "penfeld_gridmeter": 24,
    "penfeld_tramunit": 20,
    "penfeld_binsensor": 12,
    "penfeld_watermeter": 12,
}
REGISTERS = {
    "penfeld_streetlight": ("energy_kwh", "lamp_hours_h"),
    "penfeld_gridmeter": ("energy_import_kwh", "energy_export_kwh"),
    "penfeld_tramunit": ("energy_consumed_kwh", "energy_recovered_kwh", "door_cycles_count"),
    "penfeld_watermeter": ("volume_m3",),
}


@cache
def _things(name: str, count: int = 0) -> Model:
    """Return the things of the world of seed 3; making them costs more than asking them."""
    return World(3).things(name, count or TYPES[name])


def _lamps(count: int = 60) -> Lamps:
    lamps = _things("penfeld_streetlight", count)
    assert isinstance(lamps, Lamps)
    return lamps


def _grid() -> Grid:
    grid = _things("penfeld_gridmeter")
    assert isinstance(grid, Grid)
    return grid


def _trams() -> Trams:
    trams = _things("penfeld_tramunit")
    assert isinstance(trams, Trams)
    return trams


def _same(one: Mapping[str, Array], other: Mapping[str, Array]) -> None:
    assert one.keys() == other.keys()
    for name, column in one.items():
        if column.dtype == object:
            assert column.tolist() == other[name].tolist()
        else:
            np.testing.assert_array_equal(column, other[name], err_msg=name)


@pytest.mark.parametrize("name", TYPES)
def test_same_seed_same_city(name: str) -> None:
    """Two worlds of one seed agree in everything, another seed's world differs."""
    count = TYPES[name]
    who, at = np.arange(count), np.full(count, NOW)
    one = _things(name)
    _same(one.values(who, at), World(3).things(name, count).values(who, at))
    assert one.sites == World(3).things(name, count).sites
    other = World(4).things(name, count).values(who, at)
    assert any((column != other[key]).any() for key, column in one.values(who, at).items())


@pytest.mark.parametrize("name", TYPES)
def test_any_time_in_any_order(name: str) -> None:
    """What is true at a time does not depend on what was asked before, nor on what is asked along with it."""
    count = TYPES[name]
    rng = np.random.default_rng(5)
    who = rng.integers(0, count, 300)
    at = NOW - rng.uniform(0.0, 80 * DAY_S, 300)
    together = _things(name).values(who, at)
    shuffled, apart = rng.permutation(300), World(3).things(name, count)
    for position in shuffled[:40]:
        alone = apart.values(who[position : position + 1], at[position : position + 1])
        _same(alone, {key: column[position : position + 1] for key, column in together.items()})


@pytest.mark.parametrize("name", REGISTERS)
def test_registers_never_go_down(name: str) -> None:
    """Over a year of random moments, summer time changes and outages included, no register of any device ever falls."""
    count = TYPES[name]
    at = np.sort(np.random.default_rng(1).uniform(NOW - 400 * DAY_S, NOW, 3000))
    values = _things(name).values(np.repeat(np.arange(count), len(at)), np.tile(at, count))
    for register in REGISTERS[name]:
        assert np.diff(values[register].reshape(count, -1), axis=1).min() >= -1e-9, register


def _integral(at: np.ndarray, rate: np.ndarray) -> float:
    return float((0.5 * (rate[:-1] + rate[1:]) * np.diff(at)).sum() / 3600.0)


@pytest.mark.parametrize(
    ("name", "rate", "scale", "up", "down"),
    [
        ("penfeld_streetlight", "power_w", 1e-3, "energy_kwh", None),
        ("penfeld_gridmeter", "active_power_w", 1e-3, "energy_import_kwh", "energy_export_kwh"),
        ("penfeld_tramunit", "traction_power_kw", 1.0, "energy_consumed_kwh", "energy_recovered_kwh"),
        ("penfeld_watermeter", "flow_m3h", 1.0, "volume_m3", None),
    ],
)
def test_registers_are_integrals(name: str, rate: str, scale: float, up: str, down: str | None) -> None:
    """Over a day, what the registers gain is the integral of the rate, of what is drawn and of what is fed in."""
    things = _things(name)
    step = 1.0 if name == "penfeld_tramunit" else 10.0
    at = NOW - DAY_S + np.arange(0.0, DAY_S, step)
    for number in range(min(TYPES[name], 8)):
        values = things.values(np.full(len(at), number), at)
        power = values[rate].astype(np.float64) * scale
        gained = values[up].astype(np.float64)
        assert gained[-1] - gained[0] == pytest.approx(_integral(at, np.maximum(power, 0.0)), rel=4e-3, abs=2e-3)
        if down is not None:
            fed = values[down].astype(np.float64)
            assert fed[-1] - fed[0] == pytest.approx(_integral(at, np.maximum(-power, 0.0)), rel=4e-3, abs=2e-3)


def test_lamps_are_on_between_dusk_and_dawn_and_only_then() -> None:
    """A lamp is switched on when the sun is below -4°, its cabinet's three minutes aside, in every season."""
    lamps = _lamps()
    at = NOW - np.random.default_rng(2).uniform(0.0, 365 * DAY_S, 20_000)
    lit = lamps.values(np.random.default_rng(3).integers(0, 60, len(at)), at)["lamp_on"]
    dark = np.stack([sun.height_deg(at + shift) for shift in (-200.0, 0.0, 200.0)]) < DUSK_DEG
    assert lit[dark.all(axis=0)].all()
    assert not lit[~dark.any(axis=0)].any()


def test_lamps_draw_what_their_dimming_says() -> None:
    """More light takes more power; what is off or out of order draws nothing; deep night is dimmer than the evening."""
    lamps = _lamps(300)
    who = np.tile(np.arange(300), 48)
    at = np.repeat(NOW - np.arange(48) * 1800.0, 300)
    values = lamps.values(who, at)
    power, level = values["power_w"].astype(float), values["dimming_percent"].astype(float)
    out = values["lamp_failure"].astype(bool) | values["driver_failure"].astype(bool)
    assert out.any()
    assert (power[out] == 0.0).all()
    assert (power[~values["lamp_on"].astype(bool)] == 0.0).all()
    lit = values["lamp_on"].astype(bool) & ~out
    assert (power[lit] > 0.0).all()
    evening = lamps.values(np.arange(300), np.full(300, datetime(2026, 11, 22, 18, tzinfo=UTC).timestamp()))
    night = lamps.values(np.arange(300), np.full(300, datetime(2026, 11, 23, 2, tzinfo=UTC).timestamp()))
    assert (evening["dimming_percent"].astype(float) > night["dimming_percent"].astype(float)).all()
    assert level.max() <= 100.0


def test_some_lamps_fail_and_are_mended() -> None:
    """A few lamps in a hundred are out of order at any time; each comes back, its registers stood still meanwhile."""
    lamps = _lamps(300)
    days = NOW - np.arange(0.0, 300.0, 0.5) * DAY_S
    out = np.zeros((300, len(days)), bool)
    for number in range(300):
        values = lamps.values(np.full(len(days), number), days)
        out[number] = values["lamp_failure"].astype(bool) | values["driver_failure"].astype(bool)
        hours = values["lamp_hours_h"].astype(float)
        still = out[number][:-1] & out[number][1:]
        np.testing.assert_allclose(hours[:-1][still], hours[1:][still], rtol=1e-9)
    assert 0.003 < out.mean() < 0.04
    assert (out.sum(axis=1) < len(days) / 4).all()


def test_batteries_stay_within_bounds_and_balance() -> None:
    """Charge is always between 0 and 100 %, changes by what flows less the losses, and follows the roof by summer."""
    grid = _grid()
    batteries = np.flatnonzero(grid.roles == BATTERY)
    assert len(batteries)
    for end in (NOW, datetime(2026, 6, 24, tzinfo=UTC).timestamp()):
        at = end - 4 * DAY_S + np.arange(0.0, 4 * DAY_S, 60.0)
        for number in batteries:
            values = grid.values(np.full(len(at), number), at)
            charge = values["state_of_charge_percent"].astype(float)
            assert charge.min() >= 9.99
            assert charge.max() <= 95.01
            assert charge.max() - charge.min() > 10.0
            power = values["active_power_w"].astype(float) / 1000.0
            flow = np.where(power > 0.0, power * 0.95, power / 0.95)
            stored = grid.capacity_kwh[number] * (charge[-1] - charge[0]) / 100.0
            assert stored == pytest.approx(_integral(at, flow), abs=0.05)
    noon = np.array([datetime(2026, 6, 22, hour, tzinfo=UTC).timestamp() for hour in (8, 15)])
    before, after = grid.values(np.full(2, batteries[0]), noon)["state_of_charge_percent"].astype(float)
    assert after > before


def test_roofs_follow_the_sun() -> None:
    """Solar meters feed in by day, and are silent when the sun has set."""
    grid = _grid()
    roof = np.flatnonzero(grid.roles == SOLAR)[0]
    at = NOW - 300 * DAY_S + np.arange(0.0, 300 * DAY_S, 1801.0)
    power = grid.values(np.full(len(at), roof), at)["active_power_w"].astype(float)
    assert power.max() <= 0.0
    assert (power[sun.height_deg(at) < -4.0] == 0.0).all()
    assert (power[sun.height_deg(at) > 15.0] < 0.0).all()


def test_buildings_know_weekends_and_winter() -> None:
    """A school draws more on a workday than on a Sunday, and more in winter than in summer."""
    grid = _grid()
    school = next(n for n, site in enumerate(grid.sites) if site.name.startswith(("École", "Mairie", "Médiathèque")))
    days = ((11, 17, 10), (11, 22, 10), (7, 7, 9))
    at = np.array([datetime(2026, month, day, hour, tzinfo=UTC).timestamp() for month, day, hour in days])
    workday, sunday, summer = grid.values(np.full(3, school), at)["active_power_w"].astype(float)
    assert workday > 1.5 * sunday
    assert workday > summer


def test_voltage_follows_load() -> None:
    """In the evening peak the mains are lower than at night, on average over the city."""
    lamps = _lamps()
    night, peak = (
        lamps.values(np.arange(60), np.full(60, datetime(2026, 11, 23, hour, tzinfo=UTC).timestamp()))["voltage_v"]
        for hour in (3, 18)
    )
    assert night.astype(float).mean() > peak.astype(float).mean() + 2.0
    assert 207.0 < peak.astype(float).min() < night.astype(float).max() < 253.0


def test_trams_stay_on_the_line_and_within_its_limits() -> None:
    """Over a day no tram leaves the line, jumps, drives faster than 50 km/h or brakes harder than it can."""
    trams = _trams()
    at = NOW - DAY_S + np.arange(0.0, DAY_S, 1.0)
    points = trams.line_points
    for number in (0, 1, 2, 7, 12, 19):
        values = trams.values(np.full(len(at), number), at)
        speed = values["speed_kmh"].astype(float) / 3.6
        assert speed.min() >= 0.0
        assert speed.max() <= 50.01 / 3.6
        change = np.diff(speed)
        assert change.max() <= ACCELERATION_MS2 + 1e-6
        assert change.min() >= -BRAKING_MS2 - 1e-6
        place = np.stack((values["latitude_deg"], values["longitude_deg"]), axis=1).astype(float)
        step = np.hypot(*(np.diff(place, axis=0) * (111_195.0, 111_195.0 * 0.664)).T)
        assert step.max() <= 50.0 / 3.6 + 0.1
        assert _from_line_m(place[::97], points).max() < 0.5
        stop = values["stop_index"].astype(int)
        assert stop.min() >= 0
        assert stop.max() <= 27


def _from_line_m(place: np.ndarray, points: np.ndarray) -> np.ndarray:
    scale = np.array((111_195.0, 111_195.0 * 0.664))
    start, end, here = points[:-1] * scale, points[1:] * scale, place[:, None, :] * scale
    along = end - start
    part = np.clip(((here - start) * along).sum(axis=2) / (along * along).sum(axis=1), 0.0, 1.0)
    nearest: np.ndarray = np.linalg.norm(here - (start + part[:, :, None] * along), axis=2).min(axis=1)
    return nearest


def test_doors_open_at_standstill_only_and_riders_change_there() -> None:
    """Doors open only at a stop at standstill, each opening is counted, and nobody boards or leaves a moving tram."""
    trams = _trams()
    at = NOW - DAY_S + np.arange(0.0, 40_000.0, 1.0)
    for number in (0, 3, 7, 12):
        values = trams.values(np.full(len(at), number), at)
        speed, doors = values["speed_kmh"].astype(float), values["doors_open"].astype(bool)
        assert doors.any()
        assert (speed[doors] == 0.0).all()
        assert values["at_stop"].astype(bool)[doors].all()
        opened = np.flatnonzero(doors[1:] & ~doors[:-1])
        counted = np.diff(values["door_cycles_count"].astype(int))
        assert (counted[opened] == 1).all()
        assert counted.sum() == len(opened)
        riders = values["occupancy_count"].astype(int)
        assert 0 <= riders.min() <= riders.max() <= 218


def test_trams_rest_by_night_but_not_all() -> None:
    """At three in the morning most trams stand at a terminus, empty, doors closed; at least two are on the way."""
    trams = _trams()
    night = datetime(2026, 11, 24, 2, tzinfo=UTC).timestamp() + np.arange(0.0, 600.0, 5.0)
    moved = 0
    for number in range(20):
        values = trams.values(np.full(len(night), number), night)
        moves = values["speed_kmh"].astype(float).max() > 0.0
        moved += moves
        assert values["occupancy_count"].astype(int).max() == 0
        if not moves:
            assert set(values["stop_index"].tolist()) <= {0, 27}
            assert not values["doors_open"].any()
    assert moved >= 2
    rush = trams.values(np.arange(20), np.full(20, datetime(2026, 11, 24, 16, 30, tzinfo=UTC).timestamp()))
    assert rush["occupancy_count"].astype(int).sum() > 400


def test_bins_fill_until_they_are_emptied() -> None:
    """Between two rounds a bank only fills; the lorry brings it down, and the time since then starts again."""
    bins = _things("penfeld_binsensor")
    at = NOW - 20 * DAY_S + np.arange(0.0, 20 * DAY_S, 120.0)
    for number in range(12):
        values = bins.values(np.full(len(at), number), at)
        level, since = values["fill_level_percent"].astype(float), values["since_emptied_s"].astype(float)
        emptied = np.flatnonzero(np.diff(since) < 0.0)
        assert 3 <= len(emptied) <= 11
        assert (np.diff(level)[np.diff(since) > 0.0] >= -1e-9).all()
        assert (level[emptied + 1] < 5.0).all()
        assert 0.0 <= level.min() <= level.max() <= 100.0
        assert values["tilt"].any()


def test_leaks_run_at_night() -> None:
    """Where a leak is reported water runs at three in the morning too, and elsewhere next to none does."""
    water = _things("penfeld_watermeter")
    assert isinstance(water, Water)
    nights = datetime(2026, 11, 22, 2, tzinfo=UTC).timestamp() - np.arange(400.0) * DAY_S
    flows = {True: [0.0], False: [0.0]}
    for number in range(12):
        values = water.values(np.full(len(nights), number), nights)
        for leak, flow in zip(values["leak"].tolist(), values["flow_m3h"].tolist(), strict=True):
            flows[bool(leak)].append(flow)
    assert len(flows[True]) > 20
    assert np.mean(flows[True]) > 3.0 * np.mean(flows[False])
