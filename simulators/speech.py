"""How a device of a type says values: which frame, how many records, which fields in each.

1. Bytes are made by the type's ``encode`` alone: what the simulator says is what the device file says.
   A type with neither layout nor codec speaks native JSON instead; one whose codec only reads says its examples again.
2. ``statuses`` are the frames in which a modelled device reports now, ``log`` the one in which it sends its memory.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from decoders.device import Definition, Frame, Log
from model.device import Kind
from model.readings import Array
from model.uplink import Value
from simulators.chance import Floats

LORAWAN_BYTES, SIGFOX_BYTES, NATIVE_BYTES = 51, 12, 4096  # LoRaWAN: what every data rate of EU868 carries
_MOST_RECORDS = 250

Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """One way to speak. ``ages_s``: how old each record is, in payload order; ``fields``: what each of them says.

    ``fixed``: values that a record always has; ``timed``: whether it carries its time; ``step_s``: seconds between the
    records of a log. ``payload``: what is said word for word, by devices that nobody can encode for.
    """

    frame: str | None
    f_port: int | None
    fields: tuple[tuple[str, ...], ...]
    ages_s: tuple[float, ...] = (0.0,)
    fixed: tuple[Row, ...] = ({},)
    timed: tuple[bool, ...] = (False,)
    step_s: int = 0
    payload: bytes = b""


def encoded(definition: Definition, speech: Speech, rows: Sequence[Row]) -> bytes:
    """Return the payload that says ``rows`` (one for each record); raise ``EncodeError``."""
    records = [{**fixed, **row} for fixed, row in zip(speech.fixed, rows, strict=True)]
    if speaks_by_name(definition):
        values = dict(records[0])
        time = {"time": values.pop("time")} if "time" in values else {}
        return msgspec.json.encode({**time, "values": values})
    return definition.encode(records, frame=speech.frame, f_port=speech.f_port).payload


def speaks_by_name(definition: Definition) -> bool:
    """Tell whether a type has neither layout nor codec: its values go by name, in JSON."""
    return not definition.frames and definition.codec is None


def statuses(definition: Definition, known: frozenset[str]) -> tuple[Speech, ...]:
    """Return how a device reports ``known`` fields now: the frames of one reading that ask for no others, in order."""
    return tuple(
        Speech(frame=frame.name, f_port=_port(frame), fields=(frame.fields,), timed=(frame.own_time,))
        for frame in definition.frames
        if frame.log is None and frame.fields and known.issuperset(frame.fields)
    )


def log(
    definition: Definition, known: frozenset[str], *, step_s: int, most: int, sample: Row
) -> Callable[[int], Speech] | None:
    """Return how a device sends ``known`` fields from its memory: by number of records, 0 for all that fit.

    ``step_s`` counts where the layout leaves the step open; ``most``: bytes of a payload. ``sample``: values by which
    sizes are found. A layout with a fixed number of records has only that.
    """
    for frame in definition.frames:
        if frame.log is None or not known.issuperset(frame.fields):
            continue
        form, count = frame.log, frame.log.count
        if not isinstance(count, int):
            one, two = (_size(definition, log_of(frame, form, step_s, records), sample) for records in (1, 2))
            most_records = min(max((most - one) // max(two - one, 1) + 1, 1), _MOST_RECORDS)
            return lambda records: log_of(frame, form, step_s, records or most_records)
        return lambda _records: log_of(frame, form, step_s, count)
    return None


def log_of(frame: Frame, form: Log, step_s: int, count: int) -> Speech:
    """Return the speech of a log frame with ``count`` records, ``step_s`` apart where its layout leaves that open."""
    step = form.step_s or step_s
    words: dict[str, Value] = {}
    if form.step_word is not None:
        units = max(round(step_s / form.step_s), 1)
        step, words = form.step_s * units, {form.step_word: units}
    ages = [float(step * n) for n in range(count)]
    names = [frame.fields] + [form.fields] * (count - 1)
    fixed: list[Row] = [words, *({} for _ in range(count - 1))]
    timed = [frame.own_time] + [frame.own_time and not form.step_s] * (count - 1)
    if not form.newest_first:
        ages.reverse()
        names.reverse()
        fixed.reverse()
        timed.reverse()
    return Speech(
        frame=frame.name,
        f_port=_port(frame),
        fields=tuple(names),
        ages_s=tuple(ages),
        fixed=tuple(fixed),
        timed=tuple(timed),
        step_s=step,
    )


def _size(definition: Definition, speech: Speech, sample: Row) -> int:
    return len(encoded(definition, speech, [{name: sample[name] for name in names} for names in speech.fields]))


def _port(frame: Frame) -> int | None:
    return frame.f_ports[0] if frame.f_ports else None


def rows(
    speech: Speech, columns: Mapping[str, list[Value]], clock: Sequence[float], usual: Sequence[Row] = ()
) -> list[tuple[Row, ...]]:
    """Return what each frame says, record by record.

    ``columns``: values by field, those of a frame's records behind each other; what is in none of them, or is null in
    ``usual``, is as there. ``clock``: what the device's clock shows at each frame.
    """
    count = len(speech.fields)
    records: list[list[Row]] = []
    for number, names in enumerate(speech.fields):
        same: Row = usual[number] if usual else {}
        moving = [name for name in names if name in columns and same.get(name, 0) is not None]
        parts = [columns[name][number::count] for name in moving]
        if speech.timed[number]:
            moving.append("time")
            parts.append([now - speech.ages_s[number] for now in clock])
        if parts:
            records.append([{**same, **dict(zip(moving, values, strict=True))} for values in zip(*parts, strict=True)])
        else:
            records.append([same] * len(clock))
    return list(zip(*records, strict=True))


def as_values(column: Array, kind: Kind) -> list[Value]:
    """Return a column of the world as plain values; NaN is ``None``."""
    if kind is Kind.TEXT:
        return list(column.tolist())
    if kind is Kind.BOOL:
        return list(column.astype(np.bool_).tolist())
    numbers: Floats = column.astype(np.float64)
    known = np.isfinite(numbers)
    plain = (np.rint(np.where(known, numbers, 0.0)).astype(np.int64) if kind is Kind.INT else numbers).tolist()
    if known.all():
        return list(plain)
    return [value if there else None for value, there in zip(plain, known.tolist(), strict=True)]
