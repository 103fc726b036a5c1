"""Stored readings as those who watch get them: one JSON array of ``model.status.LiveReading`` for each device type.

Only what was new (no duplicates) and what is fresh: a reading from long ago, out of a data logger's memory or a burst
after an outage, is found in the database and would only flood the live pages.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from model.batch import Batch
from model.readings import Bools, Readings
from model.status import LiveReading

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def live_readings(batch: Batch, stored: Collection[int], fresh: timedelta) -> dict[str, bytes]:
    """Return device type -> JSON array of the readings, at most ``fresh`` old, of the frames in ``stored``."""
    new = np.zeros(len(batch.frames), dtype=np.bool_)
    new[list(stored)] = True
    found: dict[str, list[LiveReading]] = {}
    for readings in batch.readings:
        found.setdefault(readings.device_type, []).extend(_fresh(batch, readings, new, fresh))
    return {name: msgspec.json.encode(some) for name, some in found.items() if some}


def _fresh(batch: Batch, readings: Readings, new: Bools, fresh: timedelta) -> Iterator[LiveReading]:
    columns = [(name, column.values.tolist(), column.valid.tolist()) for name, column in readings.columns.items()]
    times, frames = readings.time_us.tolist(), readings.frame.tolist()
    for row in np.flatnonzero(new[readings.frame]).tolist():
        frame = batch.frames[frames[row]]
        time = _EPOCH + timedelta(microseconds=times[row])
        if frame.received_at - time <= fresh:
            yield LiveReading(
                device=frame.uplink.device,
                device_type=readings.device_type,
                time=time,
                received_at=frame.received_at,
                values={name: values[row] for name, values, valid in columns if valid[row]},
                flags=readings.flags.get(row, ()),
                simulated=frame.simulated,
            )
