"""Numbers, times, units and bytes as a person reads them, in French or English. Pure.

Times are shown in Europe/Paris with the zone's short name (CET or CEST); numbers with the separators of the language.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from model.device import Field, Language
from model.numbers import number, unit
from model.uplink import Value

__all__ = [
    "NOTHING",
    "PARIS",
    "age",
    "clock_time",
    "hour",
    "milliseconds",
    "moment",
    "number",
    "position",
    "unit",
    "value",
]

PARIS = ZoneInfo("Europe/Paris")

NOTHING = "–"

_DAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "fr": ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
}
_AGES = {"en": ("s", "min", "h", "d"), "fr": ("s", "min", "h", "j")}


def value(
    of: Value,
    field: Field | None,
    language: Language,
    *,
    yes: str = "✓",
    no: str = "✗",
    nothing: str = NOTHING,
) -> str:
    """Return a field's value with its unit; ``yes``, ``no`` and ``nothing`` are the words for true, false and null."""
    if of is None:
        return nothing
    if isinstance(of, bool):
        return yes if of else no
    if isinstance(of, str):
        return of
    if field is not None and field.quantity in {"latitude", "longitude"}:
        return f"{number(of, language, 5)}°"
    symbol = unit(field.unit) if field is not None else ""
    if symbol == "°":
        return f"{number(of, language)}°"
    return f"{number(of, language)}\u00a0{symbol}" if symbol else number(of, language)


def position(latitude: float, longitude: float, language: Language) -> str:
    """Return a place on earth: ``48.39000° N, 4.48600° W`` (in French O for west)."""
    west = "O" if language == "fr" else "W"
    north_south = "N" if latitude >= 0 else "S"
    east_west = "E" if longitude >= 0 else west
    return f"{number(abs(latitude), language, 5)}° {north_south}, {number(abs(longitude), language, 5)}° {east_west}"


def clock_time(of: datetime, language: Language) -> str:
    """Return day, time and zone: ``Sun 22 Nov, 12:29:14 CET``."""
    local = of.astimezone(PARIS)
    day = _DAYS[language][local.weekday()]
    date = f"{local.day:02d}/{local.month:02d}/{local.year}" if language == "fr" else f"{local.date().isoformat()}"
    return f"{day} {date}, {local:%H:%M:%S} {local.tzname()}"


def moment(written: str) -> datetime | None:
    """Return the moment that a field for day and time holds (``2026-03-29T08:00``, of Paris), in UTC; else ``None``."""
    try:
        return datetime.fromisoformat(written).replace(tzinfo=PARIS).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def hour(of: datetime, language: Language) -> str:
    """Return day, hour and zone, for an hour of the ledger."""
    local = of.astimezone(PARIS)
    day = _DAYS[language][local.weekday()]
    date = f"{local.day:02d}/{local.month:02d}" if language == "fr" else f"{local:%m-%d}"
    return f"{day} {date}, {local:%H:%M} {local.tzname()}"


def age(since: timedelta, language: Language) -> str:
    """Return a length of time in its largest unit: ``12 s``, ``5 min``, ``3 h``, ``9 d``."""
    seconds = max(0, int(since.total_seconds()))
    s, minute, h, d = _AGES[language]
    if seconds < 60:  # noqa: PLR2004 a minute
        return f"{seconds}\u00a0{s}"
    if seconds < 3600:  # noqa: PLR2004 an hour
        return f"{seconds // 60}\u00a0{minute}"
    if seconds < 2 * 86400:
        return f"{seconds // 3600}\u00a0{h}"
    return f"{number(seconds // 86400, language)}\u00a0{d}"


def milliseconds(of: datetime) -> int:
    """Return the time as JavaScript counts it."""
    return (of.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
