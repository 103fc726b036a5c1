"""``Observations`` in memory."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cmp_to_key
from typing import Any

from api.sta.evaluate import evaluate
from model.device import DeviceType, State
from model.instants import microseconds
from model.observations import Chosen, Extent, Key, Observed
from model.value import Value
from model.views import ReadingRow
from tests.fakes.memory import Memory


class Observations:
    """Answers from a ``Memory``; terms are asked by ``api.sta.evaluate``, so that SQL can be held against it."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()

    async def observations(
        self,
        chosen: Sequence[Chosen],
        *,
        order: Sequence[Key],
        limit: int,
        skip: int = 0,
        after: Sequence[Value | datetime] | None = None,
    ) -> Sequence[Observed]:
        """Return a page of observations."""
        found = _sorted(self._every(chosen), order)
        if after is not None:
            found = [one for one in found if _order(order)(_cells(one, order), list(after)) > 0]
        return found[skip : skip + limit]

    async def of_each(self, chosen: Sequence[Chosen], *, order: Sequence[Key], limit: int) -> Sequence[Observed]:
        """Return so many observations of each series."""
        series: dict[tuple[str, str], list[Observed]] = {}
        for one in _sorted(self._every(chosen), order):
            series.setdefault((one.device, one.field), []).append(one)
        return [one for some in series.values() for one in some[:limit]]

    async def count(self, chosen: Sequence[Chosen], *, limit: int) -> int:
        """Return how many there are."""
        return min(len(list(self._every(chosen))), limit)

    async def extents(self, device_type: DeviceType, devices: Sequence[str]) -> Mapping[tuple[str, str], Extent]:
        """Return how far series go in time."""
        found = {}
        for device in devices:
            rows = sorted((row for row in self._rows(device_type) if row.device == device), key=lambda row: row.time)
            for field in device_type.fields:
                said = [row for row in rows if row.values.get(field.name) is not None]
                if said:
                    first, last = rows[0], rows[-1]
                    found[device, field.name] = Extent(first.time, said[-1].time, first.received_at, last.received_at)
        return found

    def _rows(self, device_type: DeviceType) -> Iterator[ReadingRow]:
        for row in self.memory.rows.get(device_type.name, {}).values():
            device = self.memory.devices[row.device]
            if device.state is not State.PENDING and device.type == device_type.name:
                yield row

    def _every(self, chosen: Sequence[Chosen]) -> Iterator[Observed]:
        for one in chosen:
            for row in self._rows(one.device_type):
                if one.devices is None or row.device in one.devices:
                    yield from (seen for seen in _seen(one, row) if holds(one, seen))


def _seen(one: Chosen, row: ReadingRow) -> Iterator[Observed]:
    places: dict[str, Any] = {
        quantity: next(
            (row.values.get(field.name) for field in one.device_type.fields if field.quantity == quantity), None
        )
        for quantity in ("latitude", "longitude")
    }
    for field in one.fields:
        value = row.values.get(field.name)
        if value is not None:
            yield Observed(
                device=row.device,
                field=field.name,
                time=row.time,
                received_at=row.received_at,
                value=value,
                flags=row.flags,
                simulated=row.simulated,
                version=row.version,
                **places,
            )


def holds(one: Chosen, seen: Observed) -> bool:
    """Return whether what must hold of these series holds of an observation."""
    if one.where is None:
        return True
    said: dict[tuple[str, ...], object] = {
        ("id",): f"{seen.device}:{seen.field}:{microseconds(seen.time)}",
        ("phenomenonTime",): seen.time,
        ("resultTime",): seen.received_at,
        ("result",): seen.value,
        ("parameters", "flags"): ",".join(seen.flags),
        ("parameters", "simulated"): seen.simulated,
        ("parameters", "codec"): seen.version,
    }
    return evaluate(one.where, said.get) is True


def _cells(seen: Observed, order: Sequence[Key]) -> list[Any]:
    said = {"time": seen.time, "received_at": seen.received_at, "device": seen.device, "field": seen.field}
    return [said.get(key.column, seen.value) for key in order]


def _order(order: Sequence[Key]) -> Any:  # noqa: ANN401  a comparison of any cells
    def compare(one: Sequence[Any], other: Sequence[Any]) -> int:
        for key, here, there in zip(order, one, other, strict=True):
            if here != there:
                return (1 if here > there else -1) * (-1 if key.descending else 1)
        return 0

    return compare


def _sorted(found: Iterator[Observed], order: Sequence[Key]) -> list[Observed]:
    by_cells = cmp_to_key(_order(order))
    return sorted(found, key=lambda seen: by_cells(_cells(seen, order)))
