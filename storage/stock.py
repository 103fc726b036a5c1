"""What can be read of a device type: which rollups there are, how far back they go, which one answers a question.

Rules:

1. A level that is a view of the readings goes back as far as they do.
2. Rollups exist from the first device or reading of their type on; what is there once, stays.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from model.device import DeviceType
from model.resolution import POINTS, Kept, Resolution, after, choose, whole
from model.views import Chart, Consumer, Line, Ranking
from storage import rollups
from storage.connection import Database
from storage.migrate import TIMESCALEDB
from storage.retention import UpkeepConfig
from storage.sources import Source
from storage.statements import statement
from storage.tables import engine

Clock = Callable[[], datetime]

BEFORE = timedelta(days=31)
"""How far back the last value of a counter is looked for."""
_LEVELS = {Resolution(level.name): level for level in rollups.LEVELS}
_GROUPS = {Resolution(level.name) for level in rollups.GROUP_LEVELS}


def kept_for_ever(_device_type: DeviceType) -> Kept:
    """Return every resolution, none of which ends."""
    return dict.fromkeys(Resolution)


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardsConfig:
    """``zone``: whose days are counted. ``kept``: how long each resolution of a device type is kept.

    ``most_scanned``: how complete devices were is read from the finest resolution that has about so many rows at most,
    when the worst of them were silent from the finest with half as many.
    """

    zone: tzinfo
    kept: Callable[[DeviceType], Kept] = kept_for_ever
    most_scanned: int = 150_000


def config_of(upkeep: UpkeepConfig) -> DashboardsConfig:
    """Return the settings of dashboards of a database that is kept up like this."""

    def kept(device_type: DeviceType) -> Kept:
        retention = upkeep.of(device_type.name)
        return {Resolution.RAW: retention.readings} | {each: retention.rollup(each) for each in _LEVELS}

    return DashboardsConfig(zone=ZoneInfo(upkeep.zone), kept=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Whole buckets of one resolution; ``widened``: more than was asked for."""

    resolution: Resolution
    start: datetime
    end: datetime
    widened: bool

    def parameters(self, *, simulated: bool | None) -> dict[str, Any]:
        """Return what every query over a range takes."""
        return {"start": self.start, "end": self.end, "before": self.start - BEFORE, "simulated": simulated}

    def chart(self, sources: Sequence[Source], lines: Iterable[Line]) -> Chart:
        """Return the chart of these lines."""
        return Chart(
            resolution=self.resolution,
            sources=tuple(source.name for source in sources),
            start=self.start,
            end=self.end,
            widened=self.widened,
            lines=list(lines),
        )

    def ranking(self, sources: Sequence[Source], consumers: Sequence[Consumer]) -> Ranking:
        """Return the ranking of these consumers."""
        return Ranking(
            resolution=self.resolution,
            sources=tuple(source.name for source in sources),
            start=self.start,
            end=self.end,
            widened=self.widened,
            consumers=consumers,
        )


class Stock:
    """What one database holds."""

    def __init__(self, database: Database, clock: Clock, config: DashboardsConfig) -> None:
        self.config = config
        self.clock = clock
        self._database = database
        self._there: set[str] = set()
        self._timescaledb: bool | None = None

    async def has(self, source: Source) -> bool:
        """Whether the rollup exists; it does from the first device of its type on. Tables of readings always do."""
        if source.resolution is not Resolution.RAW and source.name not in self._there:
            self._there = {name for (name,) in await self._database.fetch(statement("rollups_there"))}
        return source.resolution is Resolution.RAW or source.name in self._there

    async def materialized(self, source: Source, until: datetime) -> Source:
        """Return what TimescaleDB has computed of a rollup, if that goes until then, else the rollup.

        The rollup joins it with what is newer, and each of its rows takes twice as long through that.
        """
        if self._timescaledb is None:
            self._timescaledb = await engine(self._database) == TIMESCALEDB
        if not self._timescaledb:
            return source
        name = source.name.partition(".")[2]
        for where in await self._database.fetch(statement("materialization"), (name,)):
            computed = source.read_from(*where)
            [(newest,)] = await self._database.fetch(computed.newest())
            if newest is not None and after(source.resolution, newest, self.config.zone) >= until:
                return computed
        return source

    def window(
        self,
        kept: Kept,
        start: datetime,
        end: datetime,
        period: timedelta,
        resolution: Resolution | None,
        points: int = POINTS,
    ) -> Window:
        """Return the buckets that answer."""
        chosen = choose(
            kept, start=start, end=end, now=self.clock(), period=period, resolution=resolution, points=points
        )
        first, last = whole(chosen, start, end, self.config.zone)
        return Window(resolution=chosen, start=first, end=last, widened=(first, last) != (start, end))

    def kept(self, device_type: DeviceType, *, group: bool = False) -> Kept:
        """Return the resolutions to choose from, by device or by group, and how long each is kept."""
        kept = self.config.kept(device_type)
        if group:
            return {each: how for each, how in kept.items() if each in _GROUPS}
        return {
            each: kept[Resolution.RAW] if each in _LEVELS and rollups.is_view(device_type, _LEVELS[each]) else how
            for each, how in kept.items()
        }


def common(offers: Sequence[Kept]) -> Kept:
    """Return what is kept of all types, as long as of the one where it is kept shortest."""
    shared = set(offers[0]).intersection(*offers)
    lengths = {each: [how for offer in offers if (how := offer[each]) is not None] for each in shared}
    return {each: min(some) if some else None for each, some in lengths.items()}
