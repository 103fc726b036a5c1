"""Readings that were asked for: page by page, or all of them as a table of Arrow, pandas or polars.

Nothing is asked before rows are wanted; each way to take them asks anew.
"""

import importlib
import io
from collections.abc import Iterator, Mapping
from typing import Any

from penfeld.client.errors import BrokenAnswerError, ClientError
from penfeld.client.http import Http, Query, Response

_PATH = "/readings"
_ARROW = {"Accept": "application/vnd.apache.arrow.stream"}


class Readings:
    """What a question for readings answers. Iterating gives pages: lists of rows as the API tells them in JSON."""

    def __init__(self, http: Http, query: Query, page_rows: int) -> None:
        self._http = http
        self._query = query
        self._page_rows = page_rows

    def __iter__(self) -> Iterator[list[dict[str, Any]]]:
        cursor = None
        thin = self._query.get("aggregation") == "lttb"  # which has one page
        while True:
            paging: Mapping[str, object] = {} if thin else {"limit": self._page_rows, "cursor": cursor}
            page = self._http.json(_PATH, {**self._query, **paging, "format": "json"})
            if page["items"]:
                yield page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield row by row."""
        for page in self:
            yield from page

    def batches(self) -> Iterator[Any]:
        """Yield pyarrow's record batches as they come: any number of rows in little memory."""
        ipc = _needed("pyarrow.ipc")
        arrow = _needed("pyarrow")
        with self._http.stream(_PATH, {**self._query, "format": "arrow"}, headers=_ARROW, wait_s=120) as response:
            try:
                with ipc.open_stream(io.BufferedReader(_Body(response), 1 << 20)) as reader:
                    yield from reader
            except arrow.ArrowInvalid as error:
                raise BrokenAnswerError(f"the stream broke off: {error}; ask again") from error

    def to_arrow(self) -> Any:  # noqa: ANN401  pyarrow tells no types
        """Return all rows as a ``pyarrow.Table``."""
        arrow = _needed("pyarrow")
        ipc = _needed("pyarrow.ipc")
        with self._http.stream(_PATH, {**self._query, "format": "arrow"}, headers=_ARROW, wait_s=120) as response:
            try:
                with ipc.open_stream(io.BufferedReader(_Body(response), 1 << 20)) as reader:
                    return reader.read_all()
            except arrow.ArrowInvalid as error:
                raise BrokenAnswerError(f"the stream broke off: {error}; ask again") from error

    def to_pandas(self) -> Any:  # noqa: ANN401  so that pandas is not needed
        """Return all rows as a pandas ``DataFrame``, times as UTC."""
        _needed("pandas")
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:  # noqa: ANN401  so that polars is not needed
        """Return all rows as a polars ``DataFrame``."""
        return _needed("polars").from_arrow(self.to_arrow())


class _Body(io.RawIOBase):
    """The body of an answer, read as a file while it comes."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self._parts = response.iter_bytes()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  any buffer
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._rest = memoryview(part)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _needed(name: str) -> Any:  # noqa: ANN401  a module
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ClientError(f"{package} is not installed: pip install {package}") from error
