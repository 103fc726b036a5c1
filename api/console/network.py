"""What networks told of a device, as a person reads it: what, how much, how old. Pure.

Rules: facts come in the order of the closed list, others behind them by name. Latitude and longitude are one line, the
position, where both are known and of one time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from api.console.formats import age, clock_time, position, unit, value
from api.console.texts import Words
from model.told import FACTS
from model.views import StateValue

_ORDER = {name: place for place, name in enumerate(FACTS)}
_LATITUDE, _LONGITUDE = "latitude", "longitude"


@dataclass(frozen=True, slots=True)
class Line:
    """One fact: its name, its title, its value with unit, its age, and the time that it is of."""

    name: str
    title: str
    text: str
    age: str
    time: str
    simulated: bool


def lines(state: Mapping[str, StateValue], now: datetime, words: Words) -> list[Line]:
    """Return a line for each fact."""
    place = _place(state, words)
    found = []
    for name in sorted(state, key=lambda name: (_ORDER.get(name, len(_ORDER)), name)):
        told = state[name]
        title, text = words.pick(FACTS[name].title) if name in FACTS else name, _text(name, told, words)
        if place and name == _LATITUDE:
            title, text = words("device.position"), place
        elif place and name == _LONGITUDE:
            continue
        language = words.language
        found.append(
            Line(name, title, text, age(now - told.time, language), clock_time(told.time, language), told.simulated)
        )
    return found


def _place(state: Mapping[str, StateValue], words: Words) -> str:
    """Return the position in one text, empty where there is none."""
    latitude, longitude = state.get(_LATITUDE), state.get(_LONGITUDE)
    if latitude is None or longitude is None or latitude.time != longitude.time:
        return ""
    north, east = latitude.value, longitude.value
    return position(north, east, words.language) if isinstance(north, float) and isinstance(east, float) else ""


def _text(name: str, told: StateValue, words: Words) -> str:
    text = value(told.value, None, words.language, yes=words("yes"), no=words("no"), nothing=words("unknown"))
    symbol = unit(FACTS[name].unit) if name in FACTS else ""
    if not symbol:
        return text
    return f"{text}{symbol}" if symbol == "°" else f"{text}\u00a0{symbol}"
