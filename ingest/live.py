"""Stored readings as those who watch get them: one JSON array of ``model.status.LiveReading`` for each device type.

Rules:

1. Only what was new (no duplicates) and what is fresh: a reading from long ago, out of a data logger's memory or a
   burst after an outage, is found in the database and would only flood the live pages.
2. At most so many a second, since to tell one costs as much as to store it. Beyond that the newest reading of each
   device comes first, of these the newest; what is passed over is counted.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta

import msgspec
import numpy as np

from model.batch import Batch
from model.instants import moment
from model.readings import Ints, Readings
from model.status import LiveReading


class LiveReadings:
    """What is told live of each batch. Times are seconds of any clock that never goes back.

    ``fresh``: no older readings. ``most``: readings a second, and at once.
    """

    def __init__(self, fresh: timedelta, most: int) -> None:
        self.skipped = 0
        self._fresh_us = fresh // timedelta(microseconds=1)
        self._most = most
        self._left = float(most)
        self._since = 0.0

    def of(self, batch: Batch, stored: Collection[int], now: float) -> dict[str, bytes]:
        """Return device type -> JSON array of the readings to tell of the frames in ``stored``."""
        self._left = min(self._most, self._left + (now - self._since) * self._most)
        self._since = now
        new = np.zeros(len(batch.frames), dtype=np.bool_)
        new[list(stored)] = True
        oldest_us = np.array([frame.received_us for frame in batch.frames], dtype=np.int64) - self._fresh_us
        chosen = [np.flatnonzero(new[rows.frame] & (rows.time_us >= oldest_us[rows.frame])) for rows in batch.readings]
        count, left = sum(map(len, chosen)), int(self._left)
        if count > left:
            self.skipped += count - left
            chosen = _newest(batch, chosen, left)
        self._left -= min(count, left)
        found: dict[str, list[LiveReading]] = {}
        for readings, rows in zip(batch.readings, chosen, strict=True):
            if len(rows):
                found.setdefault(readings.device_type, []).extend(_told(batch, readings, rows))
        return {name: msgspec.json.encode(some) for name, some in found.items()}


def _newest(batch: Batch, chosen: Sequence[Ints], count: int) -> list[Ints]:
    """Return the ``count`` rows of all that come first by rule 2, each list in its order."""
    devices = np.array([frame.device for frame in batch.frames], dtype=np.int64)
    some = list(zip(batch.readings, chosen, strict=True))
    device = np.concatenate([devices[readings.frame[rows]] for readings, rows in some])
    time = np.concatenate([readings.time_us[rows] for readings, rows in some])
    order = np.lexsort((-time, device))
    starts = np.flatnonzero(np.diff(device[order], prepend=device[order[0]] - 1))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    first = np.zeros(len(order), dtype=np.bool_)
    first[np.lexsort((-time, rank))[:count]] = True
    parts = np.split(first, np.cumsum([len(rows) for rows in chosen])[:-1])
    return [rows[part] for rows, part in zip(chosen, parts, strict=True)]


def _told(batch: Batch, readings: Readings, rows: Ints) -> list[LiveReading]:
    columns = [
        (name, column.values[rows].tolist(), column.valid[rows].tolist()) for name, column in readings.columns.items()
    ]
    told = []
    heads = zip(rows.tolist(), readings.frame[rows].tolist(), readings.time_us[rows].tolist(), strict=True)
    for at, (row, position, time_us) in enumerate(heads):
        frame = batch.frames[position]
        told.append(
            LiveReading(
                device=frame.uplink.device,
                device_type=readings.device_type,
                time=moment(time_us),
                received_at=frame.received_at,
                values={name: values[at] for name, values, valid in columns if valid[at]},
                flags=readings.flags.get(row, ()),
                simulated=frame.simulated,
            )
        )
    return told
