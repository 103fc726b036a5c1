"""The door to HTTP: asks, and turns what goes wrong into the client's own errors."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from penfeld.client.errors import BrokenAnswerError, NotReachedError, ProblemError

Query = Mapping[str, object]
Transport = httpx.BaseTransport
Response = httpx.Response
_ERROR = 400


class Http:
    """Asks one Penfeld."""

    def __init__(self, url: str, *, token: str | None, timeout_s: float, transport: Transport | None) -> None:
        headers = {"User-Agent": "penfeld-client"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self.url = url.rstrip("/").removesuffix("/api/v1")
        self._client = httpx.Client(
            base_url=f"{self.url}/api/v1", headers=headers, timeout=timeout_s, transport=transport
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def json(self, path: str, query: Query) -> Any:  # noqa: ANN401  JSON is what it is
        """Return what an address answers as JSON."""
        with self._translated():
            response = self._client.get(path, params=written(query), headers={"Accept": "application/json"})
        _raise_for(response)
        try:
            return response.json()
        except ValueError as error:
            raise BrokenAnswerError(f"{self.url}{path} answers with no JSON: is Penfeld there?") from error

    @contextlib.contextmanager
    def stream(
        self, path: str, query: Query, *, headers: Mapping[str, str], wait_s: float | None
    ) -> Iterator[httpx.Response]:
        """Open an answer that is read while it comes; ``wait_s``: the longest silence."""
        timeout = httpx.Timeout(self._client.timeout.connect, read=wait_s)
        with (
            self._translated(),
            self._client.stream("GET", path, params=written(query), headers=dict(headers), timeout=timeout) as response,
        ):
            if response.status_code >= _ERROR:
                response.read()
                _raise_for(response)
            yield response

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.DecodingError) as error:
            raise BrokenAnswerError(f"the answer of {self.url} broke off: {error}; ask again") from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise NotReachedError(f"{self.url} does not answer: {error}; is the address right?") from error


def written(query: Query) -> httpx.QueryParams:
    """Return a query as pairs: times with their zone, lists repeated, what is ``None`` left out."""
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in query.items():
        some = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        pairs += [(name, _text(name, one)) for one in some if one is not None]
    return httpx.QueryParams(pairs)


def _text(name: str, value: object) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{name} {value} has no zone: give a datetime with one, such as tzinfo=UTC")
        return value.isoformat()
    return str(value)


def _raise_for(response: httpx.Response) -> None:
    """Raise what a problem document says."""
    if response.status_code < _ERROR:
        return
    try:
        told = json.loads(response.content)
        title, detail = str(told["title"]), str(told["detail"])
        near = [str(name) for name in told.get("near") or ()]
    except (ValueError, KeyError, TypeError, AttributeError):
        title, detail, near = response.reason_phrase, "no problem document: is Penfeld at this address?", []
    after = response.headers.get("retry-after", "")
    raise ProblemError(response.status_code, title, detail, near, float(after) if after.isdecimal() else None)
