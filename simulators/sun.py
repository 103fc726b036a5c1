"""The sun over Brest: what a panel gets of it, and when it passes a given height (``model.sun`` says where it is)."""

import numpy as np

from model import sun
from simulators.chance import Floats

LATITUDE_DEG = 48.39
LONGITUDE_DEG = -4.49
_SIN_LAT, _COS_LAT = np.sin(np.radians(LATITUDE_DEG)), np.cos(np.radians(LATITUDE_DEG))


def height_deg(at: Floats) -> Floats:
    """Return the sun's height over the horizon."""
    return sun.height_deg(at, LATITUDE_DEG, LONGITUDE_DEG)


def on_panel(at: Floats, *, tilt_deg: float, south_by_deg: float) -> Floats:
    """Return what a panel gets from a clear sky, as a share of 1000 W/m².

    ``south_by_deg``: how far it is turned from south, towards west if positive.
    """
    declination, hour = sun.direction(at, LONGITUDE_DEG)
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
            declination, hour = sun.direction(guess, LONGITUDE_DEG)
            cosine = (sine - _SIN_LAT * np.sin(declination)) / (_COS_LAT * np.cos(declination))
            guess = guess + (side * np.arccos(np.clip(cosine, -1.0, 1.0)) - hour) * 43_200.0 / np.pi
        found.append(guess)
    return found[0], found[1]
