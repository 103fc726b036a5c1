"""The formats in which readings are told: which one a request wants, and how streams of rows become its bytes.

``json`` comes page by page. ``csv`` is a page where a ``limit`` or ``cursor`` is given, else the whole range like the
others: as a stream, a batch at a time, never held as a whole.
"""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal

from api.errors import NOT_ACCEPTABLE, Problem
from api.language import quality_of
from model.device import Field
from model.export import Csv, Encoder, NdJson, arrow, parquet
from model.ports import ArrowBatch
from model.uplink import Value
from model.views import ReadingPage

Format = Literal["json", "csv", "ndjson", "parquet", "arrow"]
MEDIA_TYPES: Mapping[Format, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
_ENDINGS: Mapping[Format, str] = {"csv": "csv", "ndjson": "ndjson", "parquet": "parquet", "arrow": "arrows"}
_PACKED: frozenset[Format] = frozenset({"parquet", "arrow"})
_ENCODERS: Mapping[Format, Callable[[Any], Encoder]] = {
    "csv": Csv,
    "ndjson": NdJson,
    "parquet": parquet,
    "arrow": arrow,
}


def described() -> dict[str, Any]:
    """Return what OpenAPI tells of the answer, beside JSON."""
    text = {"type": "string"}
    binary = {"type": "string", "format": "binary"}
    return {
        "content": {
            MEDIA_TYPES["csv"]: {
                "schema": text,
                "example": "device,time,received_at,power_w,flags,simulated,version\n",
            },
            MEDIA_TYPES["ndjson"]: {"schema": text},
            MEDIA_TYPES["parquet"]: {"schema": binary},
            MEDIA_TYPES["arrow"]: {"schema": binary},
        }
    }


def accepted(header: str) -> Format:
    """Return the format that an ``Accept`` header prefers; JSON where it has no preference."""
    best: Format | None = None
    weight = 0.0
    for part in header.lower().split(","):
        media, _, parameter = part.strip().partition(";")
        for name, kind in MEDIA_TYPES.items():
            fits = media.strip() in {kind, "*/*", kind.partition("/")[0] + "/*"}
            if fits and quality_of(parameter) > weight:
                best, weight = name, quality_of(parameter)
    if best is None:
        kinds = ", ".join(MEDIA_TYPES.values())
        raise Problem(NOT_ACCEPTABLE, f"readings come as {kinds}; ask for one of them, or add format=csv")
    return best


def headers_of(format: Format, name: str) -> dict[str, str]:  # noqa: A002  the name of the parameter in the address
    """Return the headers of a file that is streamed."""
    shown = "inline" if format == "csv" else "attachment"
    headers = {"Content-Disposition": f'{shown}; filename="{name}.{_ENDINGS[format]}"'}
    if format in _PACKED:
        headers["Content-Encoding"] = "identity"  # packed already: to compress it again is work for nothing
    return headers


def encoder(format: Format, columns: Any, *, units: bool) -> Encoder:  # noqa: A002, ANN401  pyarrow tells no types
    """Return what writes this format."""
    return Csv(columns, units=units) if format == "csv" else _ENCODERS[format](columns)


async def begun(batches: AsyncIterator[ArrowBatch]) -> AsyncIterator[ArrowBatch]:
    """Return the same batches once the first is there: what goes wrong until then can still be told as a problem."""
    first = await anext(batches, None)

    async def all_of_them() -> AsyncIterator[ArrowBatch]:
        async with aclosing(batches):  # type: ignore[type-var]  # ours are generators
            if first is not None:
                yield first
            async for batch in batches:
                yield batch

    return all_of_them()


async def encoded(batches: AsyncIterator[ArrowBatch], writer: Encoder) -> AsyncIterator[bytes]:
    """Yield the bytes of these batches; made in a thread, so that others are answered meanwhile."""
    async with aclosing(batches):  # type: ignore[type-var]  # ours are generators
        async for batch in batches:
            for piece in writer.pieces(batch):
                if data := await asyncio.to_thread(writer.encode, piece):
                    yield data
        if data := await asyncio.to_thread(writer.end):
            yield data


def csv_page(page: ReadingPage, columns: Sequence[Field], *, units: bool) -> bytes:
    """Return a page as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    names = [field.name for field in columns]
    writer.writerow(("device", "time", "received_at", *names, "flags", "simulated", "version"))
    if units:
        writer.writerow(("", "UTC", "UTC", *(field.unit for field in columns), "", "", ""))
    for row in page.rows:
        writer.writerow(
            (
                row.device,
                _zulu(row.time.isoformat()),
                _zulu(row.received_at.isoformat()),
                *(_cell(row.values.get(name)) for name in names),
                " ".join(row.flags),
                _cell(row.simulated),
                row.version,
            )
        )
    return out.getvalue().encode()


def _cell(value: Value) -> Value:
    """Return a value as CSV shows it: ``true`` and ``false`` as in JSON, nothing where nothing is known."""
    return str(value).lower() if isinstance(value, bool) else value


def _zulu(time: str) -> str:
    return time.replace("+00:00", "Z")
