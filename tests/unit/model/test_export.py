"""Readings as bytes: in pieces that stay small, which together are what the whole would be."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from model.export import NAMES, TIME, Csv, Encoder, NdJson, parquet

ROWS = 25_001
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SCHEMA = pa.schema([("device", NAMES), ("time", TIME), ("received_at", TIME), ("power_w", pa.float64())])
BATCH = pa.record_batch(
    [
        pa.array(["lamp"] * ROWS).dictionary_encode(),
        pa.array([NOW] * ROWS, TIME),
        pa.array([NOW] * ROWS, TIME),
        pa.array([float(number) for number in range(ROWS)]),
    ],
    schema=SCHEMA,
)


@pytest.mark.parametrize("make", [Csv, NdJson])
def test_text_is_made_of_few_rows_at_a_time(make: type[Encoder]) -> None:
    """A batch of any size is written in pieces of 10,000 rows at most, which together are the whole."""
    writer = make(SCHEMA)  # type: ignore[call-arg]  # both take columns

    pieces = [pa.record_batch(piece) for piece in writer.pieces(BATCH)]
    written = b"".join(map(writer.encode, pieces)) + writer.end()

    assert [piece.num_rows for piece in pieces] == [10_000, 10_000, 5_001]
    assert written == make(SCHEMA).encode(BATCH)  # type: ignore[call-arg]  # the same


def test_a_batch_is_one_row_group_of_parquet() -> None:
    """Parquet gains by large groups of rows: a batch is not cut."""
    [piece] = parquet(SCHEMA).pieces(BATCH)

    assert pa.record_batch(piece).num_rows == ROWS
