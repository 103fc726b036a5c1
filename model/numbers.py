"""Numbers and units as a person reads them, in French or English. Pure."""

import math

from model.device import Language

_SEPARATORS = {"en": (",", "."), "fr": ("\u202f", ",")}
_UNITS = {
    "Cel": "°C", "deg": "°", "Ohm": "Ω", "1": "",
    "m3": "m³", "m3/h": "m³/h", "m3/m3": "m³/m³", "/cm3": "/cm³", "W/m2": "W/m²", "m/s2": "m/s²", "ug/m3": "µg/m³",
    "umol/m2/s": "µmol/m²/s", "uS/cm": "µS/cm", "uSv/h": "µSv/h", "uT": "µT", "um": "µm",
    "kW.h": "kWh", "kvar.h": "kvarh", "kV.A.h": "kVAh", "V.A": "VA", "A.h": "Ah",
    "[ppm]": "ppm", "[ppb]": "ppb", "[pH]": "", "dB[SPL]": "dB", "dB[mW]": "dBm",
}  # fmt: skip


def number(value: float, language: Language, digits: int | None = None) -> str:
    """Return a number with the language's separators; without ``digits``, as many as are worth reading (at most 3)."""
    if not math.isfinite(value):
        return str(value)
    thousands, point = _SEPARATORS[language]
    if digits is None:
        digits = _digits(value)
        text = f"{value:,.{digits}f}"
        if digits:
            text = text.rstrip("0").rstrip(".")
    else:
        text = f"{value:,.{digits}f}"
    text = text.replace(",", "\0").replace(".", point).replace("\0", thousands)
    return text.replace("-", "\u2212")


def _digits(value: float) -> int:
    if isinstance(value, int) or value == int(value):
        return 0
    size = abs(value)
    if size >= 1000:  # noqa: PLR2004 where one decimal is enough, and soon none
        return 1 if size < 100_000 else 0  # noqa: PLR2004
    return 2 if size >= 10 else 3  # noqa: PLR2004 about four significant digits


def unit(code: str) -> str:
    """Return a UCUM unit as people write it."""
    return _UNITS.get(code, code.strip("{}"))
