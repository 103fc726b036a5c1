"""The client: what a notebook asks of Penfeld, over its HTTP API and nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from penfeld.client.http import Http, Transport
from penfeld.client.live import LiveEvent, listen
from penfeld.client.readings import Readings

Resolution = Literal["raw", "1min", "15min", "1h", "1d", "day"]
Aggregation = Literal["mean", "min", "max", "sum", "count", "last", "lttb"]
Simulated = Literal["include", "exclude", "only"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device as the register knows it."""

    id: str
    type: str | None
    state: str
    name: str
    network: str | None
    latitude: float | None
    longitude: float | None
    district: str | None
    experiment: str | None
    simulated: bool
    tags: dict[str, str]


class Client:
    """One Penfeld at ``url``, such as ``http://127.0.0.1:8080``. ``token``: an API token, where one is wanted."""

    def __init__(
        self, url: str, *, token: str | None = None, timeout_s: float = 30.0, transport: Transport | None = None
    ) -> None:
        self._http = Http(url, token=token, timeout_s=timeout_s, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def device_types(self) -> list[dict[str, Any]]:
        """Return the device types with their fields and units."""
        found: list[dict[str, Any]] = self._http.json("/device-types", {})["items"]
        return found

    def devices(
        self,
        *,
        device_type: str | None = None,
        district: str | None = None,
        search: str | None = None,
        simulated: Simulated = "include",
    ) -> Iterator[Device]:
        """Yield devices in order of id."""
        query = {"device_type": device_type, "district": district, "search": search, "simulated": simulated}
        cursor = None
        while True:
            page = self._http.json("/devices", {**query, "limit": 1000, "cursor": cursor})
            for one in page["items"]:
                yield Device(**{name: one.get(name) for name in Device.__slots__})
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def readings(  # noqa: PLR0913  keyword arguments of a question are its documentation
        self,
        device_type: str | None = None,
        *,
        devices: Sequence[str] = (),
        district: str | None = None,
        experiment: str | None = None,
        tags: Sequence[str] = (),
        start: datetime | None = None,
        end: datetime | None = None,
        fields: Sequence[str] = (),
        resolution: Resolution = "raw",
        aggregation: Aggregation | None = None,
        points: int | None = None,
        simulated: Simulated = "include",
        page_rows: int = 5000,
    ) -> Readings:
        """Return the readings with start <= time < end; nothing is asked before rows are wanted.

        ``aggregation="lttb"`` with ``points`` keeps what a drawing needs; others need a ``resolution``.
        """
        query = {
            "device_type": device_type,
            "device": list(devices),
            "district": district,
            "experiment": experiment,
            "tag": list(tags),
            "from": start,
            "to": end,
            "fields": list(fields),
            "resolution": resolution,
            "aggregation": aggregation,
            "points": points,
            "simulated": simulated,
        }
        return Readings(self._http, query, page_rows)

    def live(
        self,
        *,
        device_types: Sequence[str] = (),
        devices: Sequence[str] = (),
        district: str | None = None,
        fields: Sequence[str] = (),
        events: Literal["all", "reading", "alarm"] = "reading",
        after: str | None = None,
        retry_s: float | None = 3.0,
    ) -> Iterator[LiveEvent]:
        """Yield what happens, as it happens, until you stop; broken lines are taken up again.

        ``retry_s``: seconds until then; ``None``: a broken line is an error, and a closed one the end.
        """
        query = {
            "device_type": list(device_types),
            "device": list(devices),
            "district": district,
            "field": list(fields),
            "events": events,
        }
        return listen(self._http, query, after=after, retry_s=retry_s)

    def completeness(
        self, device_type: str, *, start: datetime | None = None, end: datetime | None = None, limit: int = 20
    ) -> dict[str, Any]:
        """Return how complete the data of a type are, the worst devices with their gaps."""
        query = {"device_type": device_type, "from": start, "to": end, "limit": limit}
        told: dict[str, Any] = self._http.json("/completeness", query)
        return told
