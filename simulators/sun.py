"""The sun over Brest: height, direction, and when it passes a given height.

Low-precision formulas of the Astronomical Almanac (page C5): good to 0.01 degree from 1950 to 2050, so to seconds of
dusk. Refraction is left out: it is nothing at the heights at which lamps switch.
"""

import numpy as np

from simulators.chance import Floats

LATITUDE_DEG = 48.39
LONGITUDE_DEG = -4.49
_J2000_S = 946_728_000.0  # 2000-01-01T12:00Z
_SIN_LAT, _COS_LAT = np.sin(np.radians(LATITUDE_DEG)), np.cos(np.radians(LATITUDE_DEG))


def _place(at: Floats) -> tuple[Floats, Floats]:
    """Return declination and local hour angle, in radians."""
    n = (at - _J2000_S) / 86_400.0
    anomaly = np.radians((357.528 + 0.9856003 * n) % 360.0)
    longitude = np.radians((280.460 + 0.9856474 * n) % 360.0 + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly))
    tilt = np.radians(23.439 - 4e-7 * n)
    ascension = np.arctan2(np.cos(tilt) * np.sin(longitude), np.cos(longitude))
    turned = np.radians((280.46061837 + 360.98564736629 * n + LONGITUDE_DEG) % 360.0)
    hour = (turned - ascension + np.pi) % (2.0 * np.pi) - np.pi
    return np.arcsin(np.sin(tilt) * np.sin(longitude)), hour


def height_deg(at: Floats) -> Floats:
    """Return the sun's height over the horizon."""
    declination, hour = _place(at)
    sine = _SIN_LAT * np.sin(declination) + _COS_LAT * np.cos(declination) * np.cos(hour)
    height: Floats = np.degrees(np.arcsin(sine))
    return height


def on_panel(at: Floats, *, tilt_deg: float, south_by_deg: float) -> Floats:
    """Return what a panel gets from a clear sky, as a share of 1000 W/m².

    ``south_by_deg``: how far it is turned from south, towards west if positive.
    """
    declination, hour = _place(at)
    up = _SIN_LAT * np.sin(declination) + _COS_LAT * np.cos(declination) * np.cos(hour)
    south = _SIN_LAT * np.cos(declination) * np.cos(hour) - _COS_LAT * np.sin(declination)
    west = np.cos(declination) * np.sin(hour)
    tilt, turn = np.radians(tilt_deg), np.radians(south_by_deg)
    facing = np.cos(tilt) * up + np.sin(tilt) * (np.cos(turn) * south + np.sin(turn) * west)
    seen = np.maximum(up, 0.02)
    direct = np.where(up > 0.0, 0.96 * 0.72 ** (seen**-0.68), 0.0)  # through the air, longer when the sun is low
    light: Floats = direct * np.maximum(facing, 0.0) + 0.10 * np.maximum(up, 0.0)
    return light


def passing(midnight: Floats, height: float) -> tuple[Floats, Floats]:
    """Return when the sun rises and sinks through ``height`` degrees on the days that begin at ``midnight``."""
    sine = np.sin(np.radians(height))
    found = []
    for side in (-1.0, 1.0):
        guess = midnight + 43_200.0 + side * 21_600.0
        for _ in range(4):  # each round gains about two digits: the declination is that of the guess
            declination, hour = _place(guess)
            cosine = (sine - _SIN_LAT * np.sin(declination)) / (_COS_LAT * np.cos(declination))
            guess = guess + (side * np.arccos(np.clip(cosine, -1.0, 1.0)) - hour) * 43_200.0 / np.pi
        found.append(guess)
    return found[0], found[1]
