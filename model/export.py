"""Readings as people take them away: rows as Arrow record batches, and these as bytes of each format. Pure.

Rules:

1. One ``schema`` for everybody: device, time, received_at, the fields asked for, flags, simulated, version. Device and
   version are dictionaries; where nothing is known is null. Units and titles stand in the fields' metadata.
2. An encoder holds no more than one batch and, for Parquet, the table of contents: what is exported may be of any size.
3. Times are UTC to the microsecond in every format, and the order of rows is that in which batches come.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

from model.device import DeviceType, Field, Kind
from model.ports import ArrowBatch
from model.views import Bucket

_TYPES = {Kind.FLOAT: pa.float64(), Kind.INT: pa.int64(), Kind.BOOL: pa.bool_(), Kind.TEXT: pa.string()}
TIME = pa.timestamp("us", tz="UTC")
NAMES = pa.dictionary(pa.int32(), pa.string())
AROUND = ("device", "time", "received_at", "flags", "simulated", "version")
"""Columns that are no fields."""
_PIECE = 10_000
"""Rows that are texts or objects at one time."""


def schema(device_type: DeviceType, fields: Sequence[Field]) -> Any:  # noqa: ANN401  pyarrow tells no types
    """Return the schema of readings with these fields."""
    columns = [
        pa.field("device", NAMES, nullable=False),
        pa.field("time", TIME, nullable=False),
        pa.field("received_at", TIME, nullable=False),
        *(pa.field(field.name, _TYPES[field.kind], metadata=_told(field)) for field in fields),
        pa.field("flags", pa.list_(pa.string())),
        pa.field("simulated", pa.bool_(), nullable=False),
        pa.field("version", NAMES, nullable=False),
    ]
    title = {"title_en": device_type.title.en, "title_fr": device_type.title.fr}
    return pa.schema(columns, metadata={"device_type": device_type.name, **title})


def bucket_schema(device_type: DeviceType, fields: Sequence[Field], *, counted: bool) -> Any:  # noqa: ANN401  the same
    """Return the schema of readings summed up by bucket of time; ``counted``: values are numbers of values."""
    kind = pa.int64() if counted else pa.float64()
    columns = [
        pa.field("device", pa.string(), nullable=False),
        pa.field("time", TIME, nullable=False),
        *(
            pa.field(field.name, kind, metadata={**_told(field), **({"unit": ""} if counted else {})})
            for field in fields
        ),
    ]
    return pa.schema(columns, metadata={"device_type": device_type.name})


def bucket_batch(columns: Any, rows: Sequence[Bucket]) -> Any:  # noqa: ANN401  the same
    """Return such rows as a record batch."""
    names = columns.names[2:]
    arrays = [[row.device for row in rows], [row.time for row in rows]]
    values = [[row.values.get(name) for row in rows] for name in names]
    return pa.record_batch(
        [pa.array(some, column.type) for some, column in zip((*arrays, *values), columns, strict=True)], schema=columns
    )


def _told(field: Field) -> dict[str, str]:
    return {
        "unit": field.unit,
        "quantity": field.quantity,
        "title_en": field.title.en,
        "title_fr": field.title.fr,
    }


class Encoder:
    """Makes bytes of one format of record batches: ``encode`` each, then ``end``. To be used once.

    What the first call returns begins with whatever the format begins with; of no batch at all, ``end`` returns a
    whole, empty document.
    """

    def pieces(self, batch: ArrowBatch) -> Iterator[ArrowBatch]:
        """Yield the batch in the pieces in which it is best encoded: whole, where the format gains by that."""
        yield batch

    def encode(self, batch: ArrowBatch) -> bytes:
        """Return the bytes of this batch."""
        raise NotImplementedError

    def end(self) -> bytes:
        """Return what comes behind the last batch."""
        raise NotImplementedError


class _Sink(io.RawIOBase):
    """What pyarrow writes into; emptied between batches."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401  whatever is bytes
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


class _Written(Encoder):
    """Formats that have a writer of their own."""

    def __init__(self, open_writer: Callable[[_Sink], Any]) -> None:
        self._sink = _Sink()
        self._writer = open_writer(self._sink)

    def encode(self, batch: ArrowBatch) -> bytes:
        """Return the bytes of this batch."""
        self._writer.write_batch(pa.record_batch(batch))
        return self._sink.take()

    def end(self) -> bytes:
        """Return the end of the stream, or the file's table of contents."""
        self._writer.close()
        return self._sink.take()


def parquet(columns: Any) -> Encoder:  # noqa: ANN401  pyarrow tells no types
    """Return what writes Parquet: a row group a batch, compressed by zstd."""

    def opened(sink: _Sink) -> Any:  # noqa: ANN401  the same
        return pyarrow.parquet.ParquetWriter(sink, columns, compression="zstd", use_dictionary=_dictionaries(columns))

    return _Written(opened)


def _dictionaries(columns: Any) -> list[str]:  # noqa: ANN401  pyarrow tells no types
    """Return the columns of which a dictionary is worth its making: those of few different values."""
    few = (pa.types.is_dictionary, pa.types.is_string, pa.types.is_list, pa.types.is_floating, pa.types.is_integer)
    return [
        "flags.list.element" if pa.types.is_list(column.type) else column.name
        for column in columns
        if any(fits(column.type) for fits in few)
    ]


def arrow(columns: Any) -> Encoder:  # noqa: ANN401  pyarrow tells no types
    """Return what writes an Arrow IPC stream."""
    options = pyarrow.ipc.IpcWriteOptions(emit_dictionary_deltas=True, compression="lz4")
    return _Written(lambda sink: pyarrow.ipc.new_stream(sink, columns, options=options))


class _Text(Encoder):
    """Formats in which every value becomes an object or a text of its own: few rows at a time."""

    def pieces(self, batch: ArrowBatch) -> Iterator[ArrowBatch]:
        """Yield a batch in pieces that are not large as text, either."""
        rows = pa.record_batch(batch)
        for start in range(0, rows.num_rows, _PIECE):
            yield rows.slice(start, _PIECE)


class Csv(_Text):
    """CSV in UTF-8 with commas: empty where nothing is known, flags separated by blanks.

    ``units``: a second header row with UCUM units.
    """

    def __init__(self, columns: Any, *, units: bool = False) -> None:  # noqa: ANN401  pyarrow tells no types
        fields = [column for column in columns if column.name not in AROUND]
        before, behind = ([name for name in some if name in columns.names] for some in (AROUND[:3], AROUND[3:]))
        self._names = [*before, *(field.name for field in fields), *behind]
        self._head = [self._names]
        if units:
            told = [(field.metadata or {}).get(b"unit", b"").decode() for field in fields]
            self._head.append(["", *["UTC" for _ in before[1:]], *told, *["" for _ in behind]])

    def encode(self, batch: ArrowBatch) -> bytes:
        """Return the rows of this batch, behind the header if it is the first."""
        rows = pa.record_batch(batch)
        texts = {name: _text(rows.column(name)) for name in self._names}
        sink = pa.BufferOutputStream()
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed", eol="\r\n")
        pyarrow.csv.write_csv(pa.table(texts), sink, options)
        written: bytes = sink.getvalue().to_pybytes()
        return self._begin() + written

    def end(self) -> bytes:
        """Return nothing but the header, if there was no batch."""
        return self._begin()

    def _begin(self) -> bytes:
        head, self._head = self._head, []
        return "".join(",".join(cells) + "\r\n" for cells in head).encode()


def _objects(column: Any) -> list[Any]:  # noqa: ANN401  pyarrow tells no types
    """Return a column's values as JSON has them."""
    if pa.types.is_timestamp(column.type):
        return list(times(column).tolist())
    if pa.types.is_list(column.type):
        return [some or [] for some in column.to_pylist()]
    return list(column.to_pylist())


def _text(column: Any) -> Any:  # noqa: ANN401  pyarrow tells no types
    """Return a column as CSV shows it."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return pa.array(times(column))
    if pa.types.is_list(kind):
        return pc.binary_join(column, " ")
    return column.dictionary_decode() if pa.types.is_dictionary(kind) else column


def times(column: Any) -> "np.typing.NDArray[np.str_]":  # noqa: ANN401  pyarrow tells no types
    """Return moments as ISO 8601 with a Z."""
    moments = column.cast(pa.int64()).to_numpy(zero_copy_only=False).astype("datetime64[us]")
    return np.char.add(np.datetime_as_string(moments, unit="us"), "Z")


class NdJson(_Text):
    """A reading a line, each an object as ``/readings`` lists them in JSON."""

    def __init__(self, columns: Any) -> None:  # noqa: ANN401  pyarrow tells no types
        self._fields = [column.name for column in columns if column.name not in AROUND]

    def encode(self, batch: ArrowBatch) -> bytes:
        """Return the lines of this batch."""
        return b"".join(self._lines(pa.record_batch(batch)))

    def end(self) -> bytes:
        """Return nothing: each line stands for itself."""
        return b""

    def _lines(self, rows: Any) -> Iterator[bytes]:  # noqa: ANN401  pyarrow tells no types
        encode = msgspec.json.Encoder().encode
        values = zip(*(rows.column(name).to_pylist() for name in self._fields), strict=True)
        objects = (dict(zip(self._fields, of, strict=True)) for of in values)
        before = [name for name in AROUND[:3] if name in rows.schema.names]
        behind = [name for name in AROUND[3:] if name in rows.schema.names]
        names = (*before, "values", *behind)
        columns = [_objects(rows.column(name)) for name in (*before, *behind)]
        for row in zip(*columns[: len(before)], objects, *columns[len(before) :], strict=True):
            yield encode(dict(zip(names, row, strict=True)))
            yield b"\n"
