"""UCUM units as Grafana's unit ids. Pure.

Grafana knows no unit of its own for some: these are written as people write them, behind the number (``suffix:``).
"""

from model.numbers import unit

_IDS = {
    "": "none", "1": "none", "[pH]": "none",
    "%": "percent", "[ppm]": "ppm", "[ppb]": "conppb", "ug/m3": "conμgm3",
    "Cel": "celsius", "deg": "degree", "hPa": "pressurehpa", "kPa": "pressurekpa",
    "Pa": "pressurepa", "bar": "pressurebar",
    "W": "watt", "kW": "kwatt", "kW.h": "kwatth", "V.A": "voltamp", "var": "voltampreact",
    "V": "volt", "A": "amp", "mA": "mamp", "A.h": "amph", "Ohm": "ohm", "Hz": "hertz",
    "lx": "lux", "W/m2": "Wm2", "dB[SPL]": "dB", "{dBm}": "dBm", "dB[mW]": "dBm",
    "m": "lengthm", "mm": "lengthmm", "m3": "m3", "kg": "masskg", "m/s": "velocityms",
    "km/h": "velocitykmh", "m/s2": "accMS2",
    "s": "s", "h": "h", "uSv/h": "radusvh",
}  # fmt: skip

SHARE = "percentunit"
"""Of what lies between 0 and 1: the share of the time in which a switch is on."""


def unit_id(code: str) -> str:
    """Return Grafana's id of a UCUM unit; one that it does not know is a suffix."""
    return _IDS.get(code) or f"suffix: {unit(code)}"
