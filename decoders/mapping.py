"""From what a codec says, by names of its own, to the fields of a device type. docs/layout-language.md has the words.

Rules:

1. A *path* leads to a value: names joined by dots; a number is a place in a list, ``*`` each of its elements, and
   ``variable=temperature`` the element whose ``variable`` is ``temperature``; a backslash makes a dot part of a name.
2. Paths without ``*`` make one record a frame; those with it a record for each element of their list.
3. A value that does not fit its field is no value: it is warned of, the others of the frame stand.
4. Nothing is lost: what no field takes is ``rest``, by path, and kept with the raw frame.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from decoders.formats import join_path, split_path
from decoders.layout import INT64_MAX, INT64_MIN, TIME
from decoders.layout_shape import Record
from decoders.output import Output
from model.device import Kind
from model.errors import EncodeError
from model.value import Value

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

EACH = "*"
MOST_RECORDS = 1000
MOST_RESTS = 60
LONGEST_REST = 120
_DEEPEST = 8
_MOST_LEAVES = 2000
_MOST_WARNINGS, _LONGEST_WARNING = 20, 300
_NAMING = ("variable", "name", "n", "type", "measurement", "id")
_YES, _NO = frozenset({"true", "on", "yes", "1"}), frozenset({"false", "off", "no", "0"})
_MICROSECONDS, _MILLISECONDS = 1e14, 1e11
_LONGEST_AGE_S = 2**28
_LATEST_US = 253_402_300_799_999_999  # the year 9999
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

Number = TypeVar("Number", float, "npt.NDArray[np.float64]")
Steps = tuple[str, ...]
Found = tuple[Steps, object]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field's value stands, and how it becomes one in the unit of its quantity: times factor, plus offset.

    ``unit``: what it is told in there (a UCUM code).
    """

    field: str
    kind: Kind
    path: str
    factor: float = 1.0
    offset: float = 0.0
    unit: str = ""

    def converted(self, value: Number) -> Number:
        """Return the value, a number or an array of them, in the unit of the field's quantity."""
        if self.factor == 1.0 and not self.offset:
            return value
        whole = round(1 / self.factor)  # to divide by 1000 gives 3.601, to multiply by 0.001 3.6010000000000004
        if whole > 1 and math.isclose(whole * self.factor, 1.0, rel_tol=1e-15):
            return value / whole + self.offset
        return value * self.factor + self.offset

    def reverted(self, value: float) -> float:
        """Return the value as the codec says it."""
        return value if self.factor == 1.0 and not self.offset else (value - self.offset) / self.factor


@dataclass(frozen=True, slots=True)
class Mapped:
    """What the fields say of one payload, and what they leave. ``rest``: path -> value, shortened."""

    records: tuple[Record, ...]
    warnings: tuple[str, ...] = ()
    rest: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """A value that a codec said, by its path, shortened. ``fields``: which take it, ``time`` too, as which value."""

    path: str
    value: Value
    fields: Mapping[str, Value]


def steps(path: str) -> Steps:
    """Return the steps of a path; raise ``ValueError`` for one with an empty step."""
    found = split_path(path)
    if not all(found):
        raise ValueError(f"'{path}' has an empty step: write names joined by dots")
    return found


def path_of(found: Sequence[str]) -> str:
    """Return the path of these steps."""
    return join_path(found)


class FieldMap:
    """How the fields of a device type are found in what its codec says. ``times``: where readings' own times stand."""

    def __init__(self, places: Sequence[Place], times: Sequence[str] = ()) -> None:
        self._plain = [(place, steps(place.path)) for place in places if EACH not in steps(place.path)]
        self._each: dict[Steps, list[tuple[Place, Steps]]] = {}
        for place in places:
            way = steps(place.path)
            if EACH in way:
                at = way.index(EACH)
                self._each.setdefault(way[:at], []).append((place, way[at + 1 :]))
        self._times = [steps(path) for path in times]

    def simple(self, paths: Collection[str]) -> Mapping[str, Place] | None:
        """Return the place of each of these paths that a field takes; ``None`` where that is not all there is."""
        beneath = {path.rpartition(".")[0] for path in paths}
        if self._each or self._times or any(place.path in beneath for place, _ in self._plain):
            return None
        found = {place.path: place for place, _ in self._plain if place.path in paths}
        taken = sum(place.path in paths for place, _ in self._plain)
        return found if taken == len(found) else None

    def written(self, values: Mapping[str, Value]) -> dict[str, object]:
        """Return the object in which the fields find these values again; raise ``EncodeError``."""
        data: dict[str, object] = {}
        known = {place.field: (place, way) for place, way in self._plain}
        for name, value in values.items():
            if name not in known:
                raise EncodeError(f"{name}: its place is in a list, which cannot be written")
            place, way = known[name]
            inner = data
            for step in way[:-1]:
                found = inner.setdefault(step, {})
                if not isinstance(found, dict):
                    raise EncodeError(f"{place.path}: goes through the value of another field")
                inner = found
            number = isinstance(value, int | float) and not isinstance(value, bool)
            inner[way[-1]] = place.reverted(value) if isinstance(value, int | float) and number else value
        return data

    def read(self, output: Output) -> Mapped:
        """Return what the fields say, and what they leave."""
        reading, records = self._reading(output)
        warnings = (_UNPRINTABLE.sub("\ufffd", said)[:_LONGEST_WARNING] for said in reading.warnings[:_MOST_WARNINGS])
        return Mapped(tuple(records), tuple(warnings), reading.rest())

    def explained(self, output: Output) -> Iterator[Taken]:
        """Yield every value that the codec said, in its order, with the fields that take it."""
        reading, _ = self._reading(output)
        for way, value in _leaves((), output.data):
            path = _UNPRINTABLE.sub("\ufffd", path_of(_told(output.data, way)))
            yield Taken(path, _short(value), reading.taken.get(way, {}))

    def _reading(self, output: Output) -> "tuple[_Reading, list[Record]]":
        plain = [way for way in self._times if EACH not in way]
        reading = _Reading(output, plain)
        records = list(reading.records((), output.data, self._plain, plain))
        for prefix, places in self._each.items():
            own = [way[len(prefix) + 1 :] for way in self._times if way[: len(prefix) + 1] == (*prefix, EACH)]
            for base, elements in _find(output.data, prefix):
                for number, element in enumerate(elements[:MOST_RECORDS] if isinstance(elements, list) else ()):
                    records += reading.records((*base, str(number)), element, places, own)
                if isinstance(elements, list) and len(elements) > MOST_RECORDS:
                    reading.warnings.append(
                        f"{path_of(base)}: {len(elements)} elements, the first {MOST_RECORDS} are read"
                    )
        return reading, records


class _Reading:
    """One output on its way. ``plain``: where the time of all of it stands."""

    def __init__(self, output: Output, plain: Sequence[Steps]) -> None:
        self.output = output
        self.plain = plain
        self.warnings = list(output.warnings)
        self.taken: dict[Steps, dict[str, Value]] = {}

    def records(
        self, base: Steps, data: object, places: Sequence[tuple[Place, Steps]], times: Sequence[Steps]
    ) -> Iterator[Record]:
        """Yield the record that these places make, none where nothing is said."""
        values: dict[str, Value] = {}
        for place, way in places:
            for at, raw in _find(data, way):
                try:
                    value = values[place.field] = _value(place, raw)
                except ValueError as error:
                    self.warnings.append(f"{path_of((*base, *at))}: {error}")
                else:
                    self.taken.setdefault((*base, *at), {})[place.field] = value
        if values:
            told = self.time(base, data, times) or (base and self.time((), self.output.data, self.plain)) or (None, 0)
            yield Record(values, *told)

    def time(self, base: Steps, data: object, times: Sequence[Steps]) -> tuple[int | None, int] | None:
        """Return the reading's own time, the first that can be read: microseconds since 1970, or before its frame.

        What has none has that of all of the output. Numbers up to 0 are seconds before it (RFC 8428, section 4.5.3).
        """
        for way in times:
            for at, raw in _find(data, way):
                if (time_us := _time_us(raw)) is not None:
                    self.taken.setdefault((*base, *at), {})[TIME] = time_us
                    return (None, -time_us) if time_us <= 0 else (time_us, 0)
                self.warnings.append(f"{path_of((*base, *at))}: {str(raw)[:40]!r} is no time")
        return None

    def rest(self) -> dict[str, Value]:
        """Return what no field has taken: the first value of each path."""
        found: dict[str, Value] = {}
        for way, value in islice(_leaves((), self.output.data), _MOST_LEAVES):
            if way in self.taken or value is None or not way:
                continue
            found.setdefault(_UNPRINTABLE.sub("\ufffd", path_of(_told(self.output.data, way))), _short(value))
            if len(found) >= MOST_RESTS:
                break
        return found


def _find(data: object, way: Steps, at: Steps = ()) -> Iterator[Found]:
    """Yield what a path without ``*`` leads to, with the way there by names and numbers alone; or nothing."""
    for number, step in enumerate(way):
        if isinstance(data, dict) and step in data:
            data, at = data[step], (*at, step)
        elif isinstance(data, list) and step.isdecimal() and int(step) < len(data):
            data, at = data[int(step)], (*at, step)
        elif isinstance(data, list) and "=" in step:
            name, _, wanted = step.partition("=")
            for place, element in enumerate(data):
                if isinstance(element, dict) and name in element and _written(element[name]) == wanted:
                    yield from _find(element, way[number + 1 :], (*at, str(place)))
                    return
            return
        else:
            return
    yield at, data


def _written(value: object) -> str:
    """Return a value as a path names it: a text as it is, all else as JSON has it."""
    if isinstance(value, str):
        return value
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _leaves(way: Steps, data: object) -> Iterator[Found]:
    """Yield all values that are no lists and no objects, with their ways; deeper ones as text."""
    if len(way) < _DEEPEST and isinstance(data, dict) and data:
        for name, value in data.items():
            yield from _leaves((*way, name), value)
    elif len(way) < _DEEPEST and isinstance(data, list) and data:
        for number, value in enumerate(data):
            yield from _leaves((*way, str(number)), value)
    else:
        yield way, data


def _told(data: object, way: Steps) -> Steps:
    """Return the way as a path that fits other frames too: elements by their name, or as each of their list."""
    told: list[str] = []
    for step in way:
        if isinstance(data, list):
            data = data[int(step)]
            name = next((key for key in _NAMING if isinstance(data, dict) and isinstance(data.get(key), str)), None)
            named = isinstance(data, dict) and name is not None and "." not in data[name]
            told.append(
                f"{name}={data[name]}" if isinstance(data, dict) and named else EACH if isinstance(data, dict) else step
            )
        elif isinstance(data, dict):
            data = data[step]
            told.append(step)
    return tuple(told)


def _short(value: object) -> Value:
    if isinstance(value, bool | int | float):
        return value if not isinstance(value, float) or math.isfinite(value) else None
    try:
        text = str(value)
    except RecursionError:
        text = "…"
    return _UNPRINTABLE.sub("\ufffd", text)[:LONGEST_REST]


def _value(place: Place, raw: object) -> Value:
    """Return the value of a field; raise ``ValueError``."""
    if raw is None or (isinstance(raw, float) and not math.isfinite(raw)):
        return None
    if isinstance(raw, dict | list):
        raise ValueError("it is no value but holds several: let the path go on")  # noqa: TRY004 -- of a device, no bug
    if place.kind is Kind.TEXT:
        text = raw if isinstance(raw, str) else str(raw).lower() if isinstance(raw, bool) else f"{raw}"
        return _UNPRINTABLE.sub("\ufffd", text)
    if place.kind is Kind.BOOL:
        return _bool(raw)
    return _number(place, raw)


def _bool(raw: object) -> bool:
    word = str(raw).strip().lower()
    word = "1" if word == "1.0" else "0" if word == "0.0" else word
    if word in _YES or word in _NO:
        return word in _YES
    raise ValueError(f"{str(raw)[:40]!r} is neither true nor false")


def _number(place: Place, raw: object) -> Value:
    if isinstance(raw, bool):
        raise ValueError(f"{str(raw).lower()} is no number")  # noqa: TRY004 -- of a device, no bug
    try:
        number = _read(raw) if isinstance(raw, str) else raw
        assert isinstance(number, int | float)  # noqa: S101 -- texts, booleans, objects and lists are dealt with
        number = place.converted(number)
        if place.kind is Kind.FLOAT:
            number = float(number)
            return number if math.isfinite(number) else None
        whole = round(number)
    except (ValueError, OverflowError):
        raise ValueError(f"{str(raw)[:40]!r} is no number") from None
    if not math.isclose(whole, number, rel_tol=1e-12, abs_tol=1e-9) or not INT64_MIN <= whole <= INT64_MAX:
        raise ValueError(f"{str(raw)[:40]} is no integer of 64 bits")
    return whole


def _read(text: str) -> float:
    """Return the number that a text is, exactly where it is a whole one; raise ``ValueError``."""
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(text)
    return float(text) if set(text) & set(".eE") else int(text)


def _time_us(raw: object) -> int | None:
    """Return the moment that a codec means: ISO text, or seconds, milliseconds or microseconds since 1970.

    What is not positive is microseconds before the frame.
    """
    try:
        if isinstance(raw, str) and not raw.strip().replace(".", "", 1).isdecimal():
            told = datetime.fromisoformat(raw.strip())
            return round((told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp() * 1e6)
        if isinstance(raw, bool) or not isinstance(raw, int | float | str):
            return None
        number = float(raw)
        if -_LONGEST_AGE_S < number <= 0:
            return round(number * 1e6)
        scale = 1.0 if number >= _MICROSECONDS else 1e3 if number >= _MILLISECONDS else 1e6
        return round(number * scale) if 0 <= number * scale <= _LATEST_US else None
    except (ValueError, OverflowError):
        return None
