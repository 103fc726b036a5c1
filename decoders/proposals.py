r"""What a path of a codec's output most likely is: the field to map it to, guessed from its name and values.

Rules:

1. A proposal is always a field that a device file takes: its name ends as its quantity wants, its kind fits that.
2. What is not clear is not proposed: a number whose unit nobody says (energy: W.h or kW.h?) is left to a person. Where
   the values decide (a battery at 3600 is in mV), the proposal is not ``sure``.
3. What a device is and how it is set (versions, thresholds, intervals) is not proposed: who wants it maps it by hand.
4. A path is written as in a device file: dots separate, ``\.`` is a dot in a key, a number a position, ``*`` every
   element, ``key=value`` the element of a list where that key has that value.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from decoders.formats import split_path
from decoders.proposal_words import (
    FILLERS,
    FRENCH,
    NOTHING,
    SETTINGS,
    STATE_ENDS,
    STATE_WORDS,
    STRONG,
    TIMES,
    WEAK,
    Phrase,
    unit_codes,
    units,
    words,
)
from decoders.units import conversion
from model.device import Kind, NewField, Text
from model.quantities import QUANTITIES, Quantity, ending_problem

_STEP = re.compile(r"(?:\\.|[^.\\])+")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d?-\d\d?[T ]\d\d?:\d\d.*", re.ASCII)
_LONGEST_NAME = 55
_LONGEST_LABEL = 40
_MOST_LABELS = 12
_MOST_CODE = 15  # a status of more than this is no list of states but a word of bits
_LONGEST_PHRASE = 3
_LEAST_TIME, _MOST_TIME = 1_000_000_000, 4_200_000_000  # 2001 to 2103, in seconds
_STATE = "state"
_WHOLE = frozenset({"count", "occupancy", "pulse_count", _STATE})


@dataclass(frozen=True, slots=True)
class Proposal(NewField):
    """A field that a path most likely is. ``sure``: false where values decided what names did not."""

    sure: bool = True


def propose(path: str, values: Sequence[object], *, unit: str | None = None) -> Proposal | None:
    """Return the field that a path with such values is, ``None`` if that is not clear.

    ``unit``: what the codec says beside it, as some do ("temperature_unit": "°C").
    """
    seen = [value for value in values if value is not None and str(value).strip().lower() not in {"", *NOTHING}]
    steps = [step for step in steps_of(path) if step]
    if split_path(path).count("*") > 1:  # a list within a list: no path of a field leads there
        return None
    if not seen or not steps or is_moment(path, seen) or _is_setting(steps):
        return None
    if all(isinstance(value, bool) for value in seen):
        return _state(path, steps, Kind.BOOL)
    numbers = _numbers(seen)
    if numbers is None:
        return _label(path, steps, seen)
    last = [word for word in steps[-1] if not word.isdigit()][-1:]
    if STATE_ENDS.isdisjoint(last):
        found = _measured(steps, numbers, unit)
        if found is not None:
            return _field(path, steps, found, numbers)
        if any(_phrases(step, STRONG) for step in steps):
            return None  # it measures something, in a unit that nobody says
    whole = all(number.is_integer() and 0 <= number <= _MOST_CODE for number in numbers)
    return _state(path, steps, Kind.INT) if whole and not STATE_WORDS.isdisjoint(steps[-1]) else None


def is_moment(path: str, values: Sequence[object]) -> bool:
    """Whether a path tells when something was: ISO texts, or seconds or milliseconds since 1970 under such a name."""
    if not values:
        return False
    if all(isinstance(value, str) and _MOMENT.fullmatch(value) for value in values):
        return True
    steps = [step for step in steps_of(path) if step]
    if not steps or TIMES.isdisjoint(steps[-1]):
        return False
    numbers = _numbers(values)
    return numbers is not None and all(
        _LEAST_TIME <= number <= _MOST_TIME or _LEAST_TIME <= number / 1e3 <= _MOST_TIME for number in numbers
    )


def steps_of(path: str) -> list[list[str]]:
    """Return the words of every step of a path; a position's digits stay, ``*`` says nothing."""
    steps = []
    for step in _STEP.findall(path):
        bare = re.sub(r"\\(.)", r"\1", step)
        steps.append(words(bare.partition("=")[2] or bare))
    return steps


def differing_names(proposals: Sequence[Proposal]) -> list[str]:
    """Return the proposals' names, those met before with a number that makes them differ."""
    names: list[str] = []
    for proposal in proposals:
        number, name = 1, proposal.name
        while name in names:
            number += 1
            name = _named(proposal.name, number, QUANTITIES[proposal.quantity])
        names.append(name)
    return names


@dataclass(frozen=True, slots=True)
class _Measured:
    """What a number is: ``unit`` as the codec says it; ``used``: words that say so, and need not stand in the name."""

    quantity: Quantity
    unit: str
    used: tuple[str, ...]
    sure: bool = True


def _is_setting(steps: list[list[str]]) -> bool:
    """Whether a path tells what a device is or how it is set."""
    return not SETTINGS.isdisjoint(steps[-1]) or any(
        word in SETTINGS and word not in FILLERS for step in steps for word in step
    )


def _numbers(values: Sequence[object]) -> list[float] | None:
    """Return the values as numbers, ``None`` if they are none; some codecs write numbers as texts."""
    numbers = []
    for value in values:
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
            numbers.append(float(value))
        elif not isinstance(value, str):
            return None
    return numbers if 2 * len(numbers) > len(values) else None  # "NoSensor" among them changes nothing


def _measured(steps: list[list[str]], numbers: list[float], told: str | None) -> _Measured | None:
    """Return what numbers under these words measure."""
    for table in (STRONG, WEAK):
        for step in reversed(steps):
            for start, length, phrase in _phrases(step, table):
                found = _with_unit(step, start, length, phrase, told, numbers)
                if found is not None:
                    return found
                if table is STRONG:
                    return None
    return None


def _phrases(step: list[str], table: dict[tuple[str, ...], Phrase]) -> list[tuple[int, int, Phrase]]:
    """Return where phrases stand in a step, the longest first, then the last."""
    return [
        (start, length, table[key])
        for length in range(_LONGEST_PHRASE, 0, -1)
        for start in range(len(step) - length, -1, -1)
        if (key := tuple(step[start : start + length])) in table
    ]


def _with_unit(
    step: list[str], start: int, length: int, phrase: Phrase, told: str | None, numbers: list[float]
) -> _Measured | None:
    """Return a quantity with the unit that the words, the codec's own unit or the values tell."""
    candidates = [QUANTITIES[name] for name in (phrase.quantity, *_RELATED.get(phrase.quantity, ()))]
    codes: list[tuple[tuple[str, ...], str]] = [((), code) for code in unit_codes(told)] if told else []
    for tail in (step[start + length :], step[start + length : start + length + 1]):
        codes += [(tuple(tail[-count:]), code) for count, code in units(tail)]
    for used, code in codes:
        for quantity in candidates:
            if quantity.unit and conversion(code, quantity.unit) is not None:
                return _Measured(quantity, code, used)
    if told and not codes:
        return None  # a unit that we do not know
    guess = _guessed(phrase, numbers)
    if guess is None:
        return None
    name, unit, sure = guess
    return _Measured(QUANTITIES[name], unit, (), sure)


_RELATED = {
    "battery_level": ("voltage",),
    "humidity": ("volumetric_water",),
    "moisture": ("volumetric_water",),
    "water_level": ("fill_level",),
    "pressure": ("air_pressure",),
    "air_pressure": ("pressure",),
    "speed": ("wind_speed",),
    "concentration": ("mass_concentration",),
    "tvoc": ("mass_concentration", "concentration"),
    "conductivity": ("electric_conductivity",),
    "current": ("current_4_20",),
    "volume": ("volume_flow",),
    "mass_concentration": ("number_concentration",),
    "energy": ("charge",),
    "turbidity": ("turbidity_infrared",),
    "dimming": (),
}
"""What the same word can be where the unit says so."""


@dataclass(frozen=True, slots=True)
class _Guess:
    """What values between two bounds are where no unit is told. ``whole``: only whole numbers, or only others."""

    quantity: str
    unit: str
    low: float
    high: float
    whole: bool | None = None


_GUESSES = {
    "battery_level": (
        _Guess("voltage", "mV", 1000, 60_000),
        _Guess("voltage", "V", 0, 13, whole=False),  # up to a car's battery
        _Guess("battery_level", "%", 13, 100),
    ),
    "voltage": (_Guess("voltage", "mV", 1000, 60_000, whole=True),),  # no sensor runs on a kilovolt
    "illuminance": (_Guess("state", "", 0, 5, whole=True),),  # some say light in so many steps
    "pressure": (_Guess("air_pressure", "hPa", 300, 1200), _Guess("air_pressure", "Pa", 3e4, 1.2e5)),
    "air_pressure": (
        _Guess("air_pressure", "hPa", 300, 1200),
        _Guess("air_pressure", "Pa", 3e4, 1.2e5),
        _Guess("air_pressure", "kPa", 30, 120),
        _Guess("air_pressure", "bar", 0.3, 1.2),
    ),
    "distance": (_Guess("distance", "mm", 500, 50_000, whole=True),),  # ranging modules count millimetres
    "water_level": (_Guess("water_level", "mm", 500, 50_000, whole=True),),
}


def _guessed(phrase: Phrase, numbers: list[float]) -> tuple[str, str, bool] | None:
    """Return quantity, unit and whether that is sure, where no unit is told; ``None`` if the values do not tell."""
    middle = median(numbers)
    whole = all(number.is_integer() for number in numbers)
    for guess in _GUESSES.get(phrase.quantity, ()):
        if guess.low <= middle <= guess.high and guess.whole in {None, whole}:
            return guess.quantity, guess.unit, False
    quantity = QUANTITIES[phrase.quantity]
    if not quantity.unit:
        return quantity.name, "", True
    return (quantity.name, phrase.unit, True) if phrase.unit and _possible(quantity, phrase.unit, middle) else None


def _possible(quantity: Quantity, unit: str, value: float) -> bool:
    """Whether a value lies in the quantity's physical limits, as far as one unit can tell."""
    if unit != quantity.unit:
        return True
    return (quantity.minimum is None or value >= quantity.minimum) and (
        quantity.maximum is None or value <= quantity.maximum
    )


def _field(path: str, steps: list[list[str]], found: _Measured, numbers: list[float]) -> Proposal:
    """Return the field of a number."""
    parts = _telling(steps)
    end = len(parts) - len(found.used)
    for start in range(end, -1, -1):
        if found.used and tuple(parts[start : start + len(found.used)]) == found.used:
            del parts[start : start + len(found.used)]
            break
    if "battery" in parts and found.quantity.name in {"voltage", "battery_level"}:
        parts = [word for word in parts if word not in {"voltage", "level", "percent"}]
    name = _named("_".join(parts), 0, found.quantity)
    whole = found.quantity.name in _WHOLE and all(number.is_integer() for number in numbers)
    return Proposal(
        path,
        name,
        Kind.INT if whole else Kind.FLOAT,
        found.quantity.name,
        None if found.unit == found.quantity.unit else found.unit,
        _title(found.quantity, parts),
        found.sure,
    )


def _state(path: str, steps: list[list[str]], kind: Kind) -> Proposal:
    """Return a field of a state."""
    parts = _telling(steps)
    return Proposal(
        path, _named("_".join(parts), 0, QUANTITIES[_STATE]), kind, _STATE, None, _title(QUANTITIES[_STATE], parts)
    )


def _label(path: str, steps: list[list[str]], values: Sequence[object]) -> Proposal | None:
    """Return a field for texts that name states, ``None`` for others."""
    labels = {value for value in values if isinstance(value, str)}
    fit = len(labels) <= _MOST_LABELS and all(len(label) <= _LONGEST_LABEL and label.isprintable() for label in labels)
    if not fit or len(labels) < len({str(value) for value in values}) or STATE_WORDS.isdisjoint(steps[-1]):
        return None
    if any(character.isdigit() for label in labels for character in label):
        return None  # "3.6V", "0x01": a number that is written with something
    return _state(path, steps, Kind.TEXT)


def _telling(steps: list[list[str]]) -> list[str]:
    """Return the words that a name is made of: those of all steps but fillers and repetitions."""
    parts: list[str] = []
    for step in steps:
        for word in step:
            if (word not in FILLERS or len(step) == len(steps) == 1) and (word not in parts or word.isdigit()):
                parts.append(word)
    return parts or ["value"]


def _named(words_: str, number: int, quantity: Quantity) -> str:
    """Return a name that ends as the quantity wants, with a number before that ending if there is one."""
    ending = quantity.endings[0] if quantity.endings else ""
    if ending == "_count":
        words_ = "_".join(word for word in words_.split("_") if word != "count") or "count"
    bare = next((words_.removesuffix(end) for end in quantity.endings if words_.endswith(end)), words_)
    bare = bare if not bare[:1].isdigit() else f"value_{bare}"
    if bare in {end[1:] for end in quantity.endings} and not number:
        return bare
    suffix = f"_{number}{ending}" if number else ending
    name = _cut(bare, suffix)
    if not quantity.endings and (ending_problem(name, quantity) or name in _TAKEN):
        return _cut(bare, f"{suffix}_{_STATE}")
    return name


def _cut(bare: str, suffix: str) -> str:
    """Return a name with its ending, no longer than names may be."""
    return f"{bare[: _LONGEST_NAME - len(suffix)].rstrip('_')}{suffix}"


_TAKEN = frozenset({"age", "codec", "device", "flags", "frame", "received_at", "simulated", "time"})


def _title(quantity: Quantity, parts: list[str]) -> Text | None:
    """Return the quantity's title with the words that it does not say itself; ``None`` if there are none."""
    said = {word for phrase, of in (*STRONG.items(), *WEAK.items()) if of.quantity == quantity.name for word in phrase}
    said |= {*quantity.name.split("_"), "relative", *({"status"} if quantity.name == _STATE else ())}
    rest = [word for word in parts if word not in said or word == "battery"]
    if quantity.name == "battery_level":
        rest = [word for word in rest if word != "battery"]
    if not rest:
        return None
    french = [FRENCH.get(word, word) for word in rest]
    return Text(en=f"{quantity.title.en} ({' '.join(rest)})", fr=f"{quantity.title.fr} ({' '.join(french)})")
