"""What codecs say values in, and how that becomes the unit of a quantity. Units are UCUM codes, or as people say them.

A unit is some dimension times a factor plus an offset; two units of one dimension can be converted. Factors are those
of the International System of Units (BIPM, 9th edition) and, for units outside of it, of NIST SP 811.
"""

from collections.abc import Mapping
from types import MappingProxyType

_BY_DIMENSION: Mapping[str, Mapping[str, float]] = {
    "length": {"m": 1, "km": 1e3, "dm": 0.1, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "[in_i]": 0.0254, "[ft_i]": 0.3048},
    "time": {"s": 1, "ms": 1e-3, "min": 60, "h": 3600, "d": 86400},
    "mass": {"kg": 1, "g": 1e-3, "mg": 1e-6, "t": 1e3},
    "current": {"A": 1, "mA": 1e-3, "uA": 1e-6, "kA": 1e3},
    "voltage": {"V": 1, "mV": 1e-3, "kV": 1e3, "uV": 1e-6},
    "resistance": {"Ohm": 1, "mOhm": 1e-3, "kOhm": 1e3, "MOhm": 1e6},
    "frequency": {"Hz": 1, "kHz": 1e3, "MHz": 1e6, "/min": 1 / 60},
    "power": {"W": 1, "mW": 1e-3, "kW": 1e3, "MW": 1e6},
    "reactive power": {"var": 1, "kvar": 1e3},
    "apparent power": {"V.A": 1, "kV.A": 1e3},
    "energy": {"kW.h": 1, "W.h": 1e-3, "MW.h": 1e3, "J": 1 / 3.6e6, "kJ": 1 / 3600, "MJ": 1 / 3.6, "GJ": 1e3 / 3.6},
    "reactive energy": {"kvar.h": 1, "var.h": 1e-3, "Mvar.h": 1e3},
    "apparent energy": {"kV.A.h": 1, "V.A.h": 1e-3, "MV.A.h": 1e3},
    "charge": {"A.h": 1, "mA.h": 1e-3},
    "pressure": {"Pa": 1, "hPa": 100, "kPa": 1e3, "MPa": 1e6, "bar": 1e5, "mbar": 100, "[psi]": 6894.757},
    "volume": {"m3": 1, "L": 1e-3, "dL": 1e-4, "mL": 1e-6, "dm3": 1e-3, "cm3": 1e-6, "[gal_us]": 3.785412e-3},
    "volume flow": {"m3/h": 1, "m3/s": 3600, "L/h": 1e-3, "L/min": 0.06, "L/s": 3.6, "m3/min": 60},
    "speed": {"m/s": 1, "km/h": 1 / 3.6, "[kn_i]": 1852 / 3600, "[mi_i]/h": 0.44704, "cm/s": 1e-2, "mm/s": 1e-3},
    "acceleration": {"m/s2": 1, "[g]": 9.80665, "m[g]": 9.80665e-3},
    "angle": {"deg": 1, "rad": 57.29577951308232},
    "share": {"%": 1, "1": 100, "m3/m3": 100, "[ppth]": 0.1, "g/kg": 0.1},
    "parts": {"[ppm]": 1, "[ppb]": 1e-3},
    "conductivity": {"uS/cm": 1, "mS/cm": 1e3, "dS/m": 1e3, "S/m": 1e4, "mS/m": 10},
    "mass concentration": {"ug/m3": 1, "mg/m3": 1e3, "g/m3": 1e6},
    "mass in water": {"mg/L": 1, "g/L": 1e3, "ug/L": 1e-3},
    "illuminance": {"lx": 1, "klx": 1e3},
    "irradiance": {"W/m2": 1, "kW/m2": 1e3},
    "magnetic field": {"uT": 1, "mT": 1e3, "nT": 1e-3, "G": 100},
    "dose rate": {"uSv/h": 1, "nSv/h": 1e-3, "mSv/h": 1e3},
}  # fmt: skip
_TEMPERATURES: Mapping[str, tuple[float, float]] = {"Cel": (1, 0), "K": (1, -273.15), "[degF]": (5 / 9, -160 / 9)}
_SAID: Mapping[str, str] = {
    "°C": "Cel", "C": "Cel", "celsius": "Cel", "°F": "[degF]", "F": "[degF]", "fahrenheit": "[degF]", "°": "deg",
    "kWh": "kW.h", "Wh": "W.h", "MWh": "MW.h", "kvarh": "kvar.h", "varh": "var.h", "kVAh": "kV.A.h", "VAh": "V.A.h",
    "VA": "V.A", "kVA": "kV.A", "Ah": "A.h", "mAh": "mA.h", "ppm": "[ppm]", "ppb": "[ppb]",
    "psi": "[psi]", "lux": "lx",
    "l": "L", "ml": "mL", "l/h": "L/h", "l/min": "L/min", "m³": "m3", "m³/h": "m3/h", "µg/m³": "ug/m3",
    "µg/m3": "ug/m3",
    "µS/cm": "uS/cm", "µm": "um", "Ω": "Ohm", "kΩ": "kOhm", "g-force": "[g]", "mg-force": "m[g]",
    "W/m²": "W/m2", "m/s²": "m/s2", "µT": "uT", "kn": "[kn_i]", "mph": "[mi_i]/h", "ft": "[ft_i]", "in": "[in_i]",
}  # fmt: skip


def _units() -> Mapping[str, tuple[str, float, float]]:
    found = {
        unit: (dimension, float(factor), 0.0)
        for dimension, units in _BY_DIMENSION.items()
        for unit, factor in units.items()
    }
    found |= {unit: ("temperature", factor, offset) for unit, (factor, offset) in _TEMPERATURES.items()}
    return MappingProxyType(found)


UNITS = _units()
"""Unit -> dimension, factor and offset to that dimension's first unit."""


def code(said: str) -> str:
    """Return the UCUM code of a unit as people write it; what is not known stays as it is."""
    return _SAID.get(said, said)


def conversion(said: str, unit: str) -> tuple[float, float] | None:
    """Return factor and offset that turn values in ``said`` into ``unit``; ``None`` where they measure other things."""
    given = code(said)
    if given == unit:
        return 1.0, 0.0
    one, other = UNITS.get(given), UNITS.get(unit)
    if one is None or other is None or one[0] != other[0]:
        return None
    return one[1] / other[1], (one[2] - other[2]) / other[1]


def convertible(unit: str) -> tuple[str, ...]:
    """Return the units that can be turned into ``unit``."""
    known = UNITS.get(unit)
    return tuple(name for name, (dimension, _, _) in UNITS.items() if known is not None and dimension == known[0])
