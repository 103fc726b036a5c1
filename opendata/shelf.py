"""The door to published files: a folder a dataset, a few files a day, and what is known of each. The only pyarrow here.

Rules:

1. A version of a day is written beside, under a name that nobody serves, and put in its place when it is whole: each
   file is renamed, the day's own JSON last. What that does not list does not exist; a later attempt replaces it.
2. What was published under a name is never written again.
3. The same rows give the same bytes: no clock, no machine and no chance is in a file.
4. Rows are written as they come; what is in memory is one row group.
5. One process at a time publishes: the folder is locked meanwhile.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from model.dataset import Cell, Day, DayFile, OpenFile, Version
from model.errors import ConflictError, NotFoundError, UnavailableError
from opendata.columns import Column, Type

GROUP = 65_536
"""Rows of a row group of Parquet."""
FIELDS = "fields.csv"
SCHEMA = "schema.json"
DEVICES = "devices.csv"
LIVING = (FIELDS, SCHEMA, DEVICES)
"""Files that say how things are now."""
MEDIA_TYPES: Mapping[str, str] = {
    ".csv": "text/csv; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".sha256": "text/plain; charset=utf-8",
}
_DRAFT = ".draft"
_BLOCK = 1 << 20
_TYPES: Mapping[Type, pa.DataType] = {
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
}


class Shelf:
    """The folder of all published files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody else publish; raise ``ConflictError`` if somebody does."""
        with self._told():
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / ".lock").open("a")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConflictError(
                    f"somebody publishes into {self._folder} now: try again when that is done"
                ) from None
            yield

    def days(self, dataset: str) -> Sequence[date]:
        """Return the published days of a dataset, in order."""
        folder = self._folder / dataset
        return sorted(found for path in folder.glob("????-??-??.json") if (found := _date(path.stem)))

    def day(self, dataset: str, day: date) -> Day | None:
        """Return a published day, ``None`` if it is not."""
        return _read_day(self._folder / dataset / f"{day.isoformat()}.json")

    @contextmanager
    def draft(
        self, dataset: str, day: date, number: int, columns: Sequence[Column], about: Mapping[str, str]
    ) -> Iterator["Draft"]:
        """Begin a version of a day; what was not kept at the end is removed."""
        folder = self._folder / dataset / _DRAFT
        with self._told():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            stem = day.isoformat() if number == 1 else f"{day.isoformat()}_v{number}"
            draft = Draft(folder, stem, columns, about)
            try:
                yield draft
            finally:
                draft.close()
                shutil.rmtree(folder, ignore_errors=True)

    def keep(self, dataset: str, draft: "Draft", day: Day) -> None:
        """Put a finished draft in its place: its files, then the day that lists them."""
        folder = self._folder / dataset
        with self._told():
            for name in draft.names:
                (draft.folder / name).replace(folder / name)
            self._write(folder / f"{day.day.isoformat()}.json", msgspec.json.format(msgspec.json.encode(day)) + b"\n")

    def living(self, dataset: str, name: str, content: bytes) -> bool:
        """Write a file that says how things are now; return whether that has changed."""
        path = self._folder / dataset / name
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file() and path.read_bytes() == content:
                return False
            self._write(path, content)
        return True

    def text(self, dataset: str, name: str) -> str:
        """Return what a living file says, nothing if it is not there."""
        try:
            return (self._folder / dataset / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def size(self, dataset: str, name: str) -> int:
        """Return the size of a living file, 0 if it is not there."""
        try:
            return (self._folder / dataset / name).stat().st_size
        except FileNotFoundError:
            return 0

    def file(self, dataset: str, name: str) -> OpenFile:
        """Return a published file; raise ``NotFoundError`` for anything else."""
        path = self._folder / dataset / name
        suffix = path.suffix
        if "/" in name or "\\" in name or name.startswith(".") or suffix not in MEDIA_TYPES:
            raise NotFoundError(f"dataset {dataset} has no file of that name; /catalog/{dataset} lists them")
        listed = self._listed(dataset, name)
        try:
            modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if listed is None and name not in LIVING and not _is_day(name):
                raise FileNotFoundError(name)  # noqa: TRY301 -- the same answer as for a file that is not there
            digest = listed or digest_of(path)
        except FileNotFoundError:
            raise NotFoundError(f"dataset {dataset} has no file {name[:80]!r}; /catalog/{dataset} lists them") from None
        return OpenFile(path, MEDIA_TYPES[suffix], digest, modified, lasting=listed is not None)

    def _listed(self, dataset: str, name: str) -> str | None:
        """Return the checksum under which a day lists a file, ``None`` if none does."""
        found = _date(name[:10])
        day = found and self.day(dataset, found)
        files = [file for version in day.versions for file in version.files] if day else []
        return next((file.sha256 for file in files if file.name == name), None)

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        unfinished = path.with_name(f".{path.name}.new")
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"cannot write to {self._folder}: {error.strerror or error}: make room, or correct its permissions"
            ) from error


class Draft:
    """One version of a day while it is written."""

    def __init__(self, folder: Path, stem: str, columns: Sequence[Column], about: Mapping[str, str]) -> None:
        self.folder = folder
        self.rows = 0
        self._stem = stem
        self._schema = schema_of(columns, about)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._parquet = parquet.ParquetWriter(self._path(".parquet"), self._schema, compression="zstd", version="2.6")
        plain = pa.schema([(field.name, _plain(field.type)) for field in self._schema])
        options = csv.WriteOptions(quoting_style="needed")
        self._csv = csv.CSVWriter(self._path(".csv"), plain, write_options=options)
        self._open = True

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files."""
        return tuple(f"{self._stem}{suffix}" for suffix in (".parquet", ".csv", ".sha256"))

    def write(self, rows: Sequence[tuple[Cell, ...]]) -> None:
        """Write some rows."""
        cells = list(zip(*rows, strict=True)) or [()] * len(self._schema)
        arrays = [pa.array(column, field.type) for column, field in zip(cells, self._schema, strict=True)]
        self.take(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def take(self, batch: pa.RecordBatch) -> None:
        """Write a record batch."""
        self._csv.write_batch(_texts(batch, "us" if "received_at" in batch.schema.names else "s"))
        self.rows += batch.num_rows
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        while self._waiting_rows >= GROUP:
            self._write_group(GROUP)

    def finish(self) -> tuple[DayFile, ...]:
        """Write what is left and the checksums; return the files."""
        if self._waiting_rows:
            self._write_group(self._waiting_rows)
        self.close()
        files = []
        for suffix in (".parquet", ".csv"):
            path = self._path(suffix)
            with path.open("rb") as file:
                os.fsync(file.fileno())
            files.append(DayFile(name=path.name, size=path.stat().st_size, sha256=digest_of(path)))
        sums = "".join(f"{file.sha256}  {file.name}\n" for file in files)
        self._path(".sha256").write_text(sums, encoding="ascii")
        return tuple(files)

    def close(self) -> None:
        """Close the files."""
        if self._open:
            self._open = False
            self._parquet.close()
            self._csv.close()

    def _write_group(self, rows: int) -> None:
        whole = pa.Table.from_batches(self._waiting, self._schema)
        self._parquet.write_table(whole.slice(0, rows), row_group_size=rows)
        rest = whole.slice(rows)
        self._waiting = rest.to_batches()
        self._waiting_rows = rest.num_rows

    def _path(self, suffix: str) -> Path:
        return self.folder / f"{self._stem}{suffix}"


def schema_of(columns: Sequence[Column], about: Mapping[str, str]) -> pa.Schema:
    """Return the schema of a file: each column with titles and unit, the file with what it is ``about``."""
    fields = [
        pa.field(
            column.name,
            _TYPES[column.type],
            nullable=not column.needed,
            metadata={
                "title_en": column.title.en,
                "title_fr": column.title.fr,
                **({"unit": column.unit} if column.unit else {}),
            },
        )
        for column in columns
    ]
    return pa.schema(fields, metadata=dict(about))


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        _each(file, found.update)
    return found.hexdigest()


def _each(file: IO[bytes], take: Callable[[bytes], None]) -> None:
    while block := file.read(_BLOCK):
        take(block)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_timestamp(kind) else kind


def _texts(batch: pa.RecordBatch, unit: str) -> pa.RecordBatch:
    """Return a batch with its times as people and programs read them: ISO 8601, UTC; buckets begin at whole seconds."""
    arrays = []
    for array in batch.columns:
        if pa.types.is_timestamp(array.type):
            arrays.append(pc.strftime(array.cast(pa.timestamp(unit)), format="%Y-%m-%dT%H:%M:%SZ"))
        else:
            arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _read_day(path: Path) -> Day | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Day)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise UnavailableError(f"{path} cannot be read ({error}): bring it back from a backup") from error


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _is_day(name: str) -> bool:
    return _date(name.removesuffix(".json")) is not None or (name.endswith(".sha256") and _date(name[:10]) is not None)


__all__ = ["DEVICES", "FIELDS", "SCHEMA", "Draft", "Shelf", "Version", "digest_of", "schema_of"]
