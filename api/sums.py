"""Readings that are summed up or thinned out before they are told: ``resolution``, ``aggregation`` and ``points``.

Rules:

1. A resolution other than ``raw`` is read from rollups, page by page; a stream of it is all pages, one behind another.
2. ``lttb`` thins out readings as they are, for drawing: of each device and number field, ``points`` stay. All of them
   have to be looked at, so there is an end to how many.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa

from api.choice import Choice
from api.context import Context
from api.errors import INVALID, Problem
from model.device import Field, Kind
from model.downsampling import thinned
from model.export import bucket_batch, bucket_schema
from model.ports import ArrowBatch
from model.questions import Aggregation
from model.resolution import Resolution
from model.views import BucketPage

Resolutions = Literal["raw", "1min", "15min", "1h", "1d", "day"]
Aggregations = Literal["mean", "min", "max", "sum", "count", "last", "lttb"]

MAX_LOOKED_AT = 2_000_000
"""Readings that are looked at to thin them out."""
_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Buckets:
    """Readings summed up: of whom, when, how."""

    choice: Choice
    fields: Sequence[Field]
    start: datetime
    end: datetime
    resolution: Resolution
    aggregation: Aggregation
    simulated: bool | None

    @property
    def schema(self) -> Any:  # noqa: ANN401  pyarrow tells no types
        """The columns of a stream."""
        return bucket_schema(self.choice.device_type, self.fields, counted=self.aggregation == "count")

    async def page(self, context: Context, limit: int, cursor: str | None) -> BucketPage:
        """Return one page."""
        return await context.dashboards.aggregated(
            self.choice.device_type,
            start=self.start,
            end=self.end,
            resolution=self.resolution,
            aggregation=self.aggregation,
            devices=self.choice.devices,
            fields=[field.name for field in self.fields],
            limit=limit,
            cursor=cursor,
            simulated=self.simulated,
        )

    async def batches(self, context: Context) -> AsyncIterator[ArrowBatch]:
        """Yield all pages."""
        cursor = None
        while True:
            page = await self.page(context, _PAGE, cursor)
            if page.rows:
                yield bucket_batch(self.schema, page.rows)
            cursor = page.next_cursor
            if cursor is None:
                return

    def json(self, page: BucketPage, limit: int) -> bytes:
        """Return a page as JSON."""
        counted = self.aggregation == "count"
        return msgspec.json.encode(
            {
                "device_type": self.choice.device_type.name,
                "resolution": page.resolution,
                "aggregation": self.aggregation,
                "start": page.start,
                "end": page.end,
                "units": {field.name: "" if counted else field.unit for field in self.fields},
                "items": page.rows,
                "limit": limit,
                "next_cursor": page.next_cursor,
            }
        )


def numbers(choice: Choice, fields: Sequence[Field], *, asked: bool) -> Sequence[Field]:
    """Return the fields that can be summed up; raise a problem for texts that somebody asked for."""
    found = [field for field in fields if field.kind is not Kind.TEXT]
    texts = [field.name for field in fields if field.kind is Kind.TEXT]
    if not found or (asked and texts):
        told = ", ".join(texts)
        raise Problem(
            INVALID, f"{told} of {choice.device_type.name} is text, which cannot be summed up: ask for numbers, or raw"
        )
    return found


async def thin(batches: AsyncIterator[ArrowBatch], fields: Sequence[Field], points: int) -> AsyncIterator[ArrowBatch]:
    """Yield the readings that ``lttb`` keeps, as one batch; raise a problem where there are too many to look at."""
    found: list[Any] = []
    rows = 0
    async for batch in batches:
        found.append(pa.record_batch(batch))
        rows += found[-1].num_rows
        if rows > MAX_LOOKED_AT:
            raise Problem(
                INVALID,
                f"more than {MAX_LOOKED_AT:,} readings would have to be looked at to thin them out: ask for a shorter"
                " range, fewer devices, or a resolution",
            )
    if not found:
        return
    table = pa.Table.from_batches(found).unify_dictionaries().combine_chunks()
    device = table.column("device").combine_chunks().indices.to_numpy().astype(np.int64)
    time = table.column("time").cast(pa.int64()).to_numpy()
    columns = []
    for field in fields:
        column = table.column(field.name)
        valid = column.is_valid().to_numpy()
        columns.append((column.cast(pa.float64()).fill_null(0.0).to_numpy(), valid))
    kept = thinned(device, time, columns, points)
    for batch in table.take(pa.array(kept)).combine_chunks().to_batches():
        yield batch
