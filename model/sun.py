"""The sun's place in the sky, as functions of time and place. Pure.

Low-precision formulas of the Astronomical Almanac (page C5): good to 0.01 degree from 1950 to 2050, so to seconds of
dusk. Refraction is left out: it is nothing at the heights at which lamps switch.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_J2000_S = 946_728_000.0  # 2000-01-01T12:00Z


def direction(at: Floats, longitude_deg: float | Floats) -> tuple[Floats, Floats]:
    """Return declination and local hour angle, in radians. ``at``: seconds since 1970 UTC."""
    n = (at - _J2000_S) / 86_400.0
    anomaly = np.radians((357.528 + 0.9856003 * n) % 360.0)
    longitude = np.radians((280.460 + 0.9856474 * n) % 360.0 + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly))
    tilt = np.radians(23.439 - 4e-7 * n)
    ascension = np.arctan2(np.cos(tilt) * np.sin(longitude), np.cos(longitude))
    turned = np.radians((280.46061837 + 360.98564736629 * n + longitude_deg) % 360.0)
    hour = (turned - ascension + np.pi) % (2.0 * np.pi) - np.pi
    return np.arcsin(np.sin(tilt) * np.sin(longitude)), hour


def height_deg(at: Floats, latitude_deg: float | Floats, longitude_deg: float | Floats) -> Floats:
    """Return the sun's height over the horizon of a place, in degrees. ``at``: seconds since 1970 UTC."""
    declination, hour = direction(at, longitude_deg)
    latitude = np.radians(latitude_deg)
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour)
    height: Floats = np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))
    return height
