"""What the frames of one device type say, and when: decoding, event times and flags, for many frames at once. Pure.

Rules:

1. Event time is the payload's own, else the network's, else the arrival; a record of a data logger lies its age before.
   What is before 2015 or more than a day after the arrival comes from a clock that was never set: the arrival stands
   for it, with the flag ``time:implausible``.
2. The time of a frame is that of its newest reading. A frame that comes without counter and without the network's time
   is known by it, and so told from its own redelivery when the payload tells the time.
3. An empty frame on port 0 carries only what a LoRaWAN network says to itself: it has no readings, and is no error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from decoders import quality
from decoders.batch import NO_TIME, DecodedBatch
from decoders.device import Definition, Record
from ingest.outputs import Said, carries_payload
from model.device import DeviceType, Kind
from model.errors import DecodeError
from model.instants import microseconds
from model.readings import Bools, Column, Ints, Readings
from model.uplink import Rest, Uplink, Value

IMPLAUSIBLE = "time:implausible"

_EARLIEST_US = 1_420_070_400_000_000  # 2015-01-01
_DAY_US = 86_400_000_000
_MOST_WARNINGS = 20
_TYPES = {Kind.FLOAT: np.float64, Kind.INT: np.int64, Kind.BOOL: np.bool_, Kind.TEXT: np.object_}
_BLANK: dict[Kind, Value] = {Kind.FLOAT: 0.0, Kind.INT: 0, Kind.BOOL: False, Kind.TEXT: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What became of a group of uplinks; positions count within the group.

    ``time_us``: event time of each frame; ``network_us``: what the network told, ``None`` if nothing; microseconds
    since 1970. ``readings[...].frame``, ``errors`` and ``rest`` point to uplinks; ``rest``: what no field takes.
    """

    time_us: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    network_us: Sequence[int | None] = ()
    readings: Sequence[Readings] = ()
    errors: Mapping[int, DecodeError] = field(default_factory=dict)
    rest: Mapping[int, Rest] = field(default_factory=dict)


def understand(definition: Definition, uplinks: Sequence[Uplink], arrived: Ints, said: Said = ()) -> Understood:
    """Return what these uplinks of one device type say. Never raises for what a device sent.

    ``arrived``: when each came, microseconds since 1970. ``said``: what the script of the type says,
    where it has one (``ingest.outputs``).
    """
    told, network_us = _network_times([uplink.time for uplink in uplinks], arrived)
    newest = np.full(len(uplinks), np.iinfo(np.int64).min)
    readings, errors, rest = [], {}, {}
    for positions, decoded in _decoded(definition, uplinks, said):
        errors.update({int(positions[i]): error for i, error in decoded.errors.items()})
        if definition.codec is not None:
            rest.update(_rest(positions, decoded))
        if not len(decoded.frame):
            continue
        frame = positions[decoded.frame]
        times, implausible = _event_times(decoded, told[frame], arrived[frame])
        np.maximum.at(newest, frame, times)
        flags = dict(quality.flags(definition.type, decoded.columns))
        for row in np.flatnonzero(implausible).tolist():
            flags[row] = (*flags.get(row, ()), IMPLAUSIBLE)
        readings.append(
            Readings(
                device_type=definition.type.name,
                version=definition.type.version,
                frame=frame,
                time_us=times,
                columns=decoded.columns,
                flags=flags,
            )
        )
    alone = np.where(_implausible(told, arrived), arrived, told)  # frames without readings
    times = np.where(newest == np.iinfo(np.int64).min, alone, newest)
    return Understood(time_us=times, network_us=network_us, readings=readings, errors=errors, rest=rest)


def _decoded(definition: Definition, uplinks: Sequence[Uplink], said: Said) -> list[tuple[Ints, DecodedBatch]]:
    """Decode payloads together and named values together; each part comes with the positions of its uplinks."""
    parts = []
    payloads = [uplink.payload for uplink in uplinks]
    bytes_at = [i for i, uplink in enumerate(uplinks) if carries_payload(uplink)]
    if bytes_at and definition.script is not None:
        answers = [said[i] or DecodeError("nobody asked the script") for i in bytes_at]
        parts.append((np.array(bytes_at, dtype=np.int64), definition.decode_outputs(answers)))
    elif bytes_at:
        contents = [payloads[i] or b"" for i in bytes_at]
        decoded = definition.decode_batch(contents, [uplinks[i].f_port for i in bytes_at])
        parts.append((np.array(bytes_at, dtype=np.int64), decoded))
    values_at = [i for i, payload in enumerate(payloads) if payload is None]
    if values_at:
        decoded = _from_values(definition, [uplinks[i].values or {} for i in values_at])
        parts.append((np.array(values_at, dtype=np.int64), decoded))
    return parts


def _rest(positions: Ints, decoded: DecodedBatch) -> dict[int, Rest]:
    """Return, by uplink, what its codec said that no field takes, and what it, or who read it, warns of."""
    return {
        int(positions[i]): Rest(paths=decoded.rest.get(i, {}), warnings=decoded.warnings.get(i, ())[:_MOST_WARNINGS])
        for i in sorted(decoded.rest.keys() | decoded.warnings.keys())
    }


def _from_values(definition: Definition, told: Sequence[Mapping[str, Value]]) -> DecodedBatch:
    """Check values that came with their names, and put them in columns."""
    records: list[Record] = []
    frame, errors = [], {}
    for i, values in enumerate(told):
        try:
            record = definition.record_of(values)
        except DecodeError as error:
            errors[i] = error
        else:
            records.append(record)
            frame.append(i)
    return DecodedBatch(
        frame=np.array(frame, dtype=np.int64),
        time_us=np.array([NO_TIME if one.time_us is None else one.time_us for one in records], dtype=np.int64),
        age_us=np.array([one.age_us for one in records], dtype=np.int64),
        columns=_columns(definition.type, records),
        errors=errors,
        warnings={},
    )


def _columns(device_type: DeviceType, records: Sequence[Record]) -> dict[str, Column]:
    """Return the fields that any of the records has, as columns."""
    columns = {}
    for known in device_type.fields:
        values = [record.values.get(known.name) for record in records]
        valid = np.array([value is not None for value in values], dtype=np.bool_)
        if valid.any():
            filled = [_BLANK[known.kind] if value is None else value for value in values]
            columns[known.name] = Column(np.array(filled, dtype=_TYPES[known.kind]), valid)
    return columns


def _event_times(decoded: DecodedBatch, told: Ints, arrived: Ints) -> tuple[Ints, Bools]:
    """Return the event time of each row and where a clock was wrong (rule 1)."""
    base = np.where(decoded.time_us == NO_TIME, told, decoded.time_us)
    unset = _implausible(base, arrived)
    times = np.where(unset, arrived, base) - decoded.age_us
    too_old = _implausible(times, arrived)
    return np.where(too_old, arrived, times), unset | too_old


def _implausible(times: Ints, arrived: Ints) -> Bools:
    return (times < _EARLIEST_US) | (times > arrived + _DAY_US)


def plausible(told: datetime | None, arrived: datetime) -> bool:
    """Whether a clock that was set can have told this time (rule 1)."""
    if told is None or told.tzinfo is None:
        return False
    return _EARLIEST_US <= microseconds(told) <= microseconds(arrived) + _DAY_US


def _network_times(times: Sequence[datetime | None], arrived: Ints) -> tuple[Ints, Sequence[int | None]]:
    """Return what the network told, as a column (arrival where it told nothing) and as a list with ``None`` there.

    A double holds microseconds exactly until the year 2255.
    """
    known = [time.timestamp() for time in times if time is not None]
    found = np.rint(np.array(known, dtype=np.float64) * 1e6).astype(np.int64)
    if len(known) == len(times):
        return found, found.tolist()
    at = np.flatnonzero([time is not None for time in times])
    told, network_us = arrived.copy(), np.full(len(times), None, dtype=np.object_)
    told[at], network_us[at] = found, found
    return told, network_us.tolist()
