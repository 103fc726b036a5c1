"""``Exports`` in memory."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from model.device import DeviceType, Field
from model.export import schema
from model.ports import ArrowBatch
from model.views import ReadingRow
from tests.fakes.memory import Memory
from tests.fakes.queries import Queries

ROWS = 2
"""Rows in a batch: few, so that there are several."""


class Exports:
    """Answers from a ``Memory``, which other fakes may share."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()

    async def batches(
        self,
        device_type: DeviceType,
        *,
        devices: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        fields: Sequence[str] = (),
        simulated: bool | None = None,
    ) -> AsyncIterator[ArrowBatch]:
        """Yield readings, a few a batch."""
        page = await Queries(self.memory).readings(
            device_type,
            devices=devices or (),
            start=start,
            end=end,
            fields=fields,
            limit=100_000,
            simulated=simulated,
        )
        names = list(dict.fromkeys(fields)) or [field.name for field in device_type.fields]
        chosen = [field for name in names if (field := device_type.field(name))]
        rows = page.rows if devices is None or devices else []
        for first in range(0, len(rows), ROWS):
            yield batch_of(device_type, chosen, rows[first : first + ROWS])


def batch_of(device_type: DeviceType, fields: Sequence[Field], rows: Sequence[ReadingRow]) -> Any:  # noqa: ANN401
    """Return rows as a record batch."""
    columns = {
        "device": [row.device for row in rows],
        "time": [row.time for row in rows],
        "received_at": [row.received_at for row in rows],
        **{field.name: [row.values.get(field.name) for row in rows] for field in fields},
        "flags": [list(row.flags) or None for row in rows],
        "simulated": [row.simulated for row in rows],
        "version": [row.version for row in rows],
    }
    named = schema(device_type, fields)
    return pa.record_batch([pa.array(columns[column.name], column.type) for column in named], schema=named)
