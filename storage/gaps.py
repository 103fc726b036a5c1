"""Which devices lack most of what their period lets expect, and when they were silent.

Rules:

1. How complete all devices were is read first, then when the worst of them were silent: each from the finest resolution
   that can be afforded.
2. Of rollups only buckets that are over are judged; the report says until when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from statistics import mode
from typing import Any

from model.device import DeviceType
from model.errors import BadRequestError
from model.questions import check_limit, check_range
from model.resolution import Resolution, begin, reaching, whole
from model.views import Gap, GapReport
from storage.connection import Database
from storage.silence import Brought, Expectation, Known, Spoken, brought, finest, percent, worst
from storage.sources import Source
from storage.statements import statement
from storage.stock import Stock


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whose gaps are looked for. ``keys``: only of these devices; ``None``: of all active ones of the type."""

    device_type: DeviceType
    filters: Mapping[str, Any]
    keys: Sequence[int] | None
    limit: int

    @property
    def simulated(self) -> bool | None:
        """Which mark."""
        mark: bool | None = self.filters["simulated"]
        return mark


class Gaps:
    """Looks for gaps."""

    def __init__(self, database: Database, stock: Stock) -> None:
        self._database = database
        self._stock = stock

    async def report(
        self,
        device_type: DeviceType,
        start: datetime,
        end: datetime,
        *,
        devices: Sequence[str],
        districts: Sequence[str],
        limit: int,
        simulated: bool | None,
    ) -> GapReport:
        """Return the devices that lack most; no devices, no districts: of all active ones of the type."""
        check_range(start, end)
        check_limit(limit)
        now = self._stock.clock()
        if start >= now:
            raise BadRequestError(f"the range begins at {start.isoformat()}, which is not yet: ask for what has been")
        filters = {
            "type": device_type.name,
            "devices": list(devices) or None,
            "districts": list(districts) or None,
            "simulated": simulated,
        }
        [(number, keys)] = await self._database.fetch(statement("expected_keys"), filters)
        asked = _Asked(device_type, filters, (keys or []) if devices or districts else None, limit)
        most = self._stock.config.most_scanned
        rough = self._expectation(device_type, start, min(end, now), devices=number, most=most)
        survey = self._from_readings if rough.resolution is Resolution.RAW else self._from_rollup
        chosen, expected, received = await survey(rough, asked)
        fine = self._expectation(device_type, start, rough.end, devices=len(chosen), most=most // 2).resolution
        detail = replace(rough, resolution=fine)
        silences = await self._silences(detail, replace(asked, keys=[each.known.key for each in chosen]))
        return GapReport(
            resolution=fine,
            sources=tuple(dict.fromkeys(Source(device_type, each.resolution).name for each in (rough, detail))),
            start=rough.start,
            end=rough.end,
            widened=rough.start != start or rough.end > end,
            devices=number,
            completeness=percent(received, expected),
            worst=[each.coverage(_gaps(detail, each.known, silences.get(each.known.key, []))) for each in chosen],
        )

    async def _from_readings(self, of: Expectation, asked: _Asked) -> tuple[list[Brought], int, int]:
        """Return those that lack most, and what was expected of all and received."""
        silences = await self._silences(of, asked)
        rows = await self._database.fetch(statement("expected_devices"), asked.filters)
        known = [Known(*row) for row in rows]
        every = [_brought(of, each, silences.get(each.key, [])) for each in known]
        return worst(every, asked.limit), sum(each.expected for each in every), sum(each.received for each in every)

    async def _from_rollup(self, of: Expectation, asked: _Asked) -> tuple[list[Brought], int, int]:
        """Return the same."""
        source = Source(asked.device_type, of.resolution)
        if not await self._stock.has(source):
            return [], 0, 0
        source = await self._stock.materialized(source, of.end)
        expected = list(of.by_bucket())
        usual = mode(number for _, number in expected)
        odd = [(bucket, number) for bucket, number in expected if number != usual]
        rows = await self._database.fetch(
            source.worst(
                usual, [number for _, number in odd], devices=asked.keys is not None, simulated=asked.simulated
            ),
            {
                "start": of.start,
                "end": of.end,
                "expected": of.readings,
                "period_s": of.period.total_seconds(),
                "simulated": asked.simulated,
                "keys": asked.keys,
                "limit": asked.limit,
                **{f"odd_{n}": bucket for n, (bucket, _) in enumerate(odd)},
            },
        )
        found = [Brought(Known(*row[:5]), row[5], row[6]) for row in rows]
        return found, rows[0][7] if rows else 0, rows[0][8] if rows else 0

    def _expectation(
        self, device_type: DeviceType, start: datetime, end: datetime, *, devices: int, most: int
    ) -> Expectation:
        """Return what is expected in whole buckets of the finest resolution with no more rows: those that are over."""
        now = self._stock.clock()
        there = reaching(self._stock.kept(device_type), start, now)
        period = device_type.period
        resolution = finest(there, devices=devices, span=end - start, period=period, most=most)
        zone = self._stock.config.zone
        first, last = whole(resolution, start, end, zone)
        over = begin(resolution, now, zone)
        return Expectation(
            start=first, end=min(last, over if over > first else now), period=period, resolution=resolution, zone=zone
        )

    async def _silences(self, of: Expectation, asked: _Asked) -> dict[int, list[Spoken]]:
        """Return device -> what lies around its silences; a device that never spoke is absent."""
        source = Source(asked.device_type, of.resolution)
        if not await self._stock.has(source):
            return {}
        rows = await self._database.fetch(
            source.silences(devices=asked.keys is not None, simulated=asked.simulated),
            {
                "start": of.start,
                "end": of.end,
                "simulated": asked.simulated,
                "keys": asked.keys,
                "apart": of.apart,
            },
        )
        return {key: [Spoken(*times) for _, *times in some] for key, some in groupby(rows, itemgetter(0))}


def _gaps(of: Expectation, known: Known, spoken: Sequence[Spoken]) -> list[Gap]:
    return list(of.of(known, spoken[0].time if spoken else None).gaps(spoken))


def _brought(of: Expectation, known: Known, spoken: Sequence[Spoken]) -> Brought:
    """Return what a device brought: all that does not lie in a gap."""
    own = of.of(known, spoken[0].time if spoken else None)
    return brought(known, own.readings, own.readings - sum(gap.missing for gap in own.gaps(spoken)))
