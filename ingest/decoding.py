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
from datetime import UTC, datetime, timedelta

import numpy as np

from decoders import quality
from decoders.batch import NO_TIME, DecodedBatch
from decoders.device import Definition, Record
from model.device import DeviceType, Kind
from model.errors import DecodeError
from model.readings import Bools, Column, Ints, Readings
from model.uplink import Uplink, Value

IMPLAUSIBLE = "time:implausible"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_US = 1_420_070_400_000_000  # 2015-01-01
_DAY_US = 86_400_000_000
_TYPES = {Kind.FLOAT: np.float64, Kind.INT: np.int64, Kind.BOOL: np.bool_, Kind.TEXT: np.object_}
_BLANK: dict[Kind, Value] = {Kind.FLOAT: 0.0, Kind.INT: 0, Kind.BOOL: False, Kind.TEXT: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What became of a group of uplinks; positions count within the group.

    ``times``: event time of each frame; ``readings[...].frame`` and ``errors`` point to uplinks.
    """

    times: Sequence[datetime] = ()
    readings: Sequence[Readings] = ()
    errors: Mapping[int, str] = field(default_factory=dict)


def understand(definition: Definition, uplinks: Sequence[Uplink], arrivals: Sequence[datetime]) -> Understood:
    """Return what these uplinks of one device type say. Never raises for what a device sent."""
    arrived = _micros(arrivals)
    told = _micros([uplink.time or arrival for uplink, arrival in zip(uplinks, arrivals, strict=True)])
    newest = np.full(len(uplinks), np.iinfo(np.int64).min)
    readings, errors = [], {}
    for positions, decoded in _decoded(definition, uplinks):
        errors.update({int(positions[i]): str(error) for i, error in decoded.errors.items()})
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
    times_us = np.where(newest == np.iinfo(np.int64).min, alone, newest)
    return Understood(
        times=[_EPOCH + timedelta(microseconds=time) for time in times_us.tolist()], readings=readings, errors=errors
    )


def _decoded(definition: Definition, uplinks: Sequence[Uplink]) -> list[tuple[Ints, DecodedBatch]]:
    """Decode payloads together and named values together; each part comes with the positions of its uplinks."""
    parts = []
    bytes_at = [
        i for i, uplink in enumerate(uplinks) if uplink.payload or (uplink.payload == b"" and uplink.f_port != 0)
    ]
    if bytes_at:
        payloads = [uplinks[i].payload or b"" for i in bytes_at]
        decoded = definition.decode_batch(payloads, [uplinks[i].f_port for i in bytes_at])
        parts.append((np.array(bytes_at, dtype=np.int64), decoded))
    values_at = [i for i, uplink in enumerate(uplinks) if uplink.payload is None]
    if values_at:
        decoded = _from_values(definition, [uplinks[i].values or {} for i in values_at])
        parts.append((np.array(values_at, dtype=np.int64), decoded))
    return parts


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


def _micros(times: Sequence[datetime]) -> Ints:
    """Return microseconds since 1970; a double holds them exactly until the year 2255."""
    return np.rint(np.array([time.timestamp() for time in times]) * 1e6).astype(np.int64)
