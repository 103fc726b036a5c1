"""Long answers are counted, and who goes away leaves nothing open."""

from collections.abc import AsyncIterator

import pyarrow as pa

from api.formats import begun, encoded
from api.streams import Streams
from model.export import TIME, NdJson

SCHEMA = pa.schema([("time", TIME), ("power_w", pa.float64())])


async def test_a_client_that_goes_away_frees_everything() -> None:
    """When nobody wants the rest, what reads the database ends at once, and another export may begin."""
    state: list[str] = []

    async def batches() -> AsyncIterator[pa.RecordBatch]:
        state.append("reading")
        try:
            while True:
                yield pa.record_batch([pa.array([0], TIME), pa.array([1.0])], schema=SCHEMA)
        finally:
            state.append("closed")

    streams = Streams(1)
    body = streams.counted(encoded(await begun(batches()), NdJson(SCHEMA)))
    await anext(body)
    assert (streams.full, state) == (True, ["reading"])

    await body.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert (streams.full, state) == (False, ["reading", "closed"])
