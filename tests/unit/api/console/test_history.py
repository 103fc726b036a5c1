from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from api.console.history import MOST, history
from model.device import DeviceType
from model.views import ReadingPage, ReadingRow
from tests.fakes.memory import Memory
from tests.fakes.queries import Queries
from tests.unit.api.console.samples import LAMP, NOON, TRAM


class Steady(Queries):
    """A device that has spoken every ``step`` for ever."""

    def __init__(self, step: timedelta) -> None:
        super().__init__(Memory())
        self.step = step
        self.asked = 0

    async def readings(
        self,
        device_type: DeviceType,
        *,
        devices: Sequence[str] = (),
        start: datetime | None = None,
        end: datetime | None = None,
        fields: Sequence[str] = (),
        limit: int = 1000,
        cursor: str | None = None,
        newest_first: bool = False,
        simulated: bool | None = None,
    ) -> ReadingPage:
        """Answer as the port promises, out of a series without end."""
        del device_type, fields, cursor, simulated
        assert start is not None
        assert end is not None
        self.asked += 1
        count = -((start - end) // self.step)
        steps = range(count)[::-1] if newest_first else range(count)
        times = [start + self.step * n for n in steps[:limit]]
        rows = [ReadingRow(device=devices[0], time=t, received_at=t, values={"power_w": 1.0}) for t in times]
        return ReadingPage(rows=rows, next_cursor="more" if count > limit else None)


async def test_all_there_is() -> None:
    """Where there are few readings all are drawn, in order of time."""
    queries = Steady(timedelta(minutes=15))
    found = await history(queries, LAMP, "lamp-1", ["power_w"], NOON - timedelta(days=7), NOON)
    assert found.thinned_to is None
    assert len(found.rows) == 7 * 96
    assert [row.time for row in found.rows] == sorted(row.time for row in found.rows)


async def test_thinned_out() -> None:
    """A week of a tram that speaks every second is thinned out evenly, and ends with its newest reading."""
    queries = Steady(timedelta(seconds=1))
    found = await history(queries, TRAM, "tram-1", ["speed_kmh"], NOON - timedelta(days=7), NOON)
    assert found.thinned_to == timedelta(days=7) / 240
    assert len(found.rows) < MOST
    assert found.rows[-1].time == NOON - timedelta(seconds=1)
    times = [row.time for row in found.rows]
    assert times == sorted(set(times))
    assert max(b - a for a, b in pairwise(times)) <= found.thinned_to
