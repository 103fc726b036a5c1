"""A device type that the world has no model for: values from its plausible ranges, in the manner of its examples.

1. Every example of the device file that decodes is a pattern: which port, which fields together, how many records.
   A file without such examples gives one pattern a frame, from its fields; one without frames, one of all fields.
2. A number wanders smoothly through its plausible range, narrowed until the layout or the format takes it; counters and
   registers only rise; states and texts change now and then. What cannot be varied stays as the example has it.
3. So any type of the catalogue can be simulated, the one written this morning too: ``simulators.voices`` replays the
   examples of those that can only be read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from decoders.device import Decoded, Definition, Example, Frame
from decoders.mapping import EACH, steps
from model.device import Field, Kind
from model.errors import ConfigError, DecodeError, EncodeError
from model.readings import Array
from model.uplink import Value
from simulators.chance import Floats, Ints, draw, key, smooth
from simulators.days import DAY_S, START_S
from simulators.places import around_quarters
from simulators.speech import Row, Speech, encoded, speaks_by_name

_HALVINGS = 8
_RISING = {"energy", "thermal_energy", "reactive_energy", "apparent_energy", "volume", "pulse_count", "operating_time"}
_NOT_MEASURED = {"count", "duration", "identifier", "state", "text", "timestamp"}
_MUCH = 3  # fields in which something is measured
_RISING_SPAN_S = 40.0 * 365.0 * DAY_S
_STATE_S = 3 * 3600.0
_USUAL = 0.15  # of a range on either side of where a device is at home


@dataclass(frozen=True, slots=True)
class Reach:
    """From where to where a field's value may go."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """What an example shows: how to speak, with its values, and how far each may go."""

    speech: Speech
    values: tuple[Row, ...]
    reaches: Mapping[str, Reach]
    choices: Mapping[str, tuple[Value, ...]]


class Ranges:
    """``count`` devices of a type. ``patterns``: what they may send, the usual one first."""

    def __init__(self, definition: Definition, count: int, seed: int) -> None:
        device_type = definition.type
        self.sites = around_quarters(seed, count, (device_type.title.fr,), device_type.name)
        self.patterns = _patterns(definition)
        self._fields = {field.name: field for field in device_type.fields}
        self._streams = {field.name: key(seed, f"{device_type.name} {field.name}") for field in device_type.fields}
        self._turn_s = 24.0 * device_type.period.total_seconds()

    def values(self, pattern: Pattern, who: Ints, at: Floats) -> dict[str, Array]:
        """Return what the devices ``who`` measure at ``at``: the fields of the pattern that vary."""
        columns: dict[str, Array] = {}
        for name, reach in pattern.reaches.items():
            stream, field = self._streams[name], self._fields[name]
            if field.quantity in _RISING:
                part = 0.5 * draw(stream, who) + 0.5 * (at - START_S) / _RISING_SPAN_S
            else:
                home = _USUAL + (1.0 - 2.0 * _USUAL) * draw(stream, who)
                part = home + _USUAL * smooth(stream, who, at / self._turn_s)
            columns[name] = reach.low + (reach.high - reach.low) * part
        for name, choices in pattern.choices.items():
            lot = draw(self._streams[name], who, np.floor(at / _STATE_S).astype(np.int64))
            column = np.empty(len(lot), object)
            column[:] = [choices[int(one * one * len(choices))] for one in lot]  # the first is the usual one
            columns[name] = column
        return columns


def _patterns(definition: Definition) -> tuple[Pattern, ...]:
    """Return what may be sent. The usual: of the first frame that measures much, the pattern in which most moves."""
    found = {}
    for speech, values in [*_from_examples(definition), *_from_frames(definition)]:
        try:
            encoded(definition, speech, values)
        except EncodeError:
            continue  # a pattern that cannot be said, an example of a broken device, say
        known = (speech.frame, speech.f_port, speech.fields)
        if known not in found and (definition.codec is None or _Sayable(definition, speech, values)({})):
            found[known] = _pattern(definition, speech, values)
    if not found:
        name = definition.type.name
        raise ConfigError([f"{name}: none of its frames can be encoded; give the file an example that decodes"])
    patterns = tuple(found.values())
    measured = {field.name for field in definition.type.fields if field.quantity not in _NOT_MEASURED}
    counts = [len(measured & pattern.reaches.keys()) for pattern in patterns]
    first = next(
        (p for p, count in zip(patterns, counts, strict=True) if count >= min(_MUCH, max(counts))), patterns[0]
    )
    of_frame = [pattern for pattern in patterns if pattern.speech.frame == first.speech.frame]
    usual = max(of_frame, key=lambda pattern: len(pattern.reaches))
    return (usual, *(pattern for pattern in patterns if pattern is not usual))


def _from_examples(definition: Definition) -> Iterator[tuple[Speech, tuple[Row, ...]]]:
    for example in definition.examples:
        said = _said(definition, example)
        if said is not None:
            yield said


def _said(definition: Definition, example: Example) -> tuple[Speech, tuple[Row, ...]] | None:
    try:
        decoded = definition.decode(example.payload, f_port=example.f_port)
    except DecodeError:
        return None
    if not decoded.records:
        return None
    if definition.codec is not None:
        return _told(example, decoded)
    frame = next(frame for frame in definition.frames if frame.name == decoded.frame)
    words = _step(frame, [record.age_us for record in decoded.records])
    newest = 0 if frame.log is None or frame.log.newest_first else -1
    fixed: list[Row] = [{} for _ in decoded.records]
    fixed[newest] = words
    rows = tuple(
        {name: value for name, value in record.values.items() if name not in frame.derived}
        for record in decoded.records
    )
    return Speech(
        frame=frame.name,
        f_port=example.f_port,
        fields=tuple(tuple(row) for row in rows),
        ages_s=tuple(record.age_us / 1e6 for record in decoded.records),
        fixed=tuple(fixed),
        timed=_timed(frame, len(decoded.records), newest),
    ), rows


def _told(example: Example, decoded: Decoded) -> tuple[Speech, tuple[Row, ...]] | None:
    """Return how an example of a format speaks; ``None`` for several readings, which no format writes."""
    if len(decoded.records) > 1:
        return None
    row = {name: value for name, value in decoded.records[0].values.items() if value is not None}
    return Speech(frame=None, f_port=example.f_port, fields=(tuple(row),)), (row,)


def _timed(frame: Frame, count: int, newest: int) -> tuple[bool, ...]:
    """Return which records carry their own time: each, or only the newest where the others count from it."""
    each = frame.own_time and (frame.log is None or not frame.log.step_s)
    timed = [each] * count
    timed[newest] = frame.own_time
    return tuple(timed)


def _step(frame: Frame, ages_us: list[int]) -> Row:
    """Return the word that gives the time between records, as the example has it."""
    if frame.log is None or frame.log.step_word is None or not frame.log.step_s:
        return {}
    gap = abs(ages_us[1] - ages_us[0]) / 1e6 if len(ages_us) > 1 else frame.log.step_s
    return {frame.log.step_word: round(gap / frame.log.step_s)}


def _from_frames(definition: Definition) -> Iterator[tuple[Speech, tuple[Row, ...]]]:
    fields = {field.name: field for field in definition.type.fields}
    if not definition.frames:
        listed = (
            {place.field for place in definition.codec.places if EACH in steps(place.path)} if definition.codec else ()
        )
        row = {name: _somewhere(field) for name, field in fields.items() if name not in listed}
        yield Speech(frame=None, f_port=None, fields=(tuple(row),), timed=(speaks_by_name(definition),)), (row,)
    for frame in definition.frames:
        row = {name: _somewhere(fields[name]) for name in frame.fields if name in fields}
        port = frame.f_ports[0] if frame.f_ports else None
        speech = Speech(frame=frame.name, f_port=port, fields=(tuple(row),), timed=(frame.own_time,))
        yield speech, (row,)


def _somewhere(field: Field) -> Value:
    if field.kind is Kind.BOOL:
        return False
    if field.kind is Kind.TEXT:
        return field.choices[0] if field.choices else ""
    low = 0.0 if field.minimum is None else field.minimum
    high = low + 100.0 if field.maximum is None else field.maximum
    middle = (low + high) / 2.0
    return round(middle) if field.kind is Kind.INT else middle


def _pattern(definition: Definition, speech: Speech, values: tuple[Row, ...]) -> Pattern:
    """Return the pattern of values that can be said, with the reach of each field that can be varied alone."""
    reaches: dict[str, Reach] = {}
    choices: dict[str, tuple[Value, ...]] = {}
    sayable = _Sayable(definition, speech, values)
    for field in definition.type.fields:
        here = [row[field.name] for row in values if row.get(field.name) is not None]
        if not here:
            continue
        usual = here[0]
        if isinstance(usual, bool | str):
            others = (not usual,) if isinstance(usual, bool) else field.choices
            possible = (usual, *(other for other in others if other != usual and sayable({field.name: other})))
            if len(possible) > 1:
                choices[field.name] = possible
        elif usual is not None:
            low, high = _limits(field, usual)
            reach = Reach(sayable.farthest(field, usual, low), sayable.farthest(field, usual, high))
            if reach.low < reach.high:
                reaches[field.name] = reach
    return _together(sayable, Pattern(speech, values, reaches, choices))


def _limits(field: Field, usual: float) -> tuple[float, float]:
    spread = max(abs(usual) / 2.0, 1.0)
    low = usual - spread if field.minimum is None else field.minimum
    high = usual + spread if field.maximum is None else field.maximum
    return low, high


def _as(kind: Kind, value: Value) -> Value:
    return round(value) if kind is Kind.INT and isinstance(value, float) else value


class _Sayable:
    """Tells whether the layout or the format takes a pattern's values with some of them changed."""

    def __init__(self, definition: Definition, speech: Speech, values: tuple[Row, ...]) -> None:
        self._definition, self._speech, self._values = definition, speech, values

    def __call__(self, changed: Row) -> bool:
        """Tell whether these values can be said, all else unchanged: the layout reads the same fields again."""
        if speaks_by_name(self._definition):
            return True
        kinds = {field.name: field.kind for field in self._definition.type.fields}
        values = {name: _as(kinds[name], value) for name, value in changed.items()}
        rows = [{name: values.get(name, value) for name, value in row.items()} for row in self._values]
        try:
            payload = encoded(self._definition, self._speech, rows)
            decoded = self._definition.decode(payload, f_port=self._speech.f_port)
        except (EncodeError, DecodeError):
            return False
        return len(decoded.records) == len(rows) and all(
            (record.values.get(name) is None) == (value is None)
            for record, row in zip(decoded.records, rows, strict=True)
            for name, value in row.items()
        )

    def farthest(self, field: Field, usual: float, limit: float) -> float:
        """Return the value farthest from ``usual`` towards ``limit`` that can be said."""
        step = limit - usual
        for _ in range(_HALVINGS):
            value = usual + step
            if self({field.name: value}):
                return value
            step /= 2.0
        return usual


def _together(sayable: _Sayable, pattern: Pattern) -> Pattern:
    """Return the pattern with only what can vary together: fields whose ends can be said with all others at theirs."""
    reaches: dict[str, Reach] = {}
    for name, reach in pattern.reaches.items():
        more = {**reaches, name: reach}
        if sayable({n: r.low for n, r in more.items()}) and sayable({n: r.high for n, r in more.items()}):
            reaches = more
    choices: dict[str, tuple[Value, ...]] = {}
    for name, possible in pattern.choices.items():
        if sayable({n: c[-1] for n, c in {**choices, name: possible}.items()}):
            choices[name] = possible
    return Pattern(pattern.speech, pattern.values, reaches, choices)
