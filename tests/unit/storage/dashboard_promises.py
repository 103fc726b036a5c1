"""What dashboards are promised, whatever storage it is: these tests run on the fakes and on every real database.

A module that runs them makes a class from ``DashboardPromises`` and a fixture ``city``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from model.device import Device, Kind
from model.errors import BadRequestError, NotFoundError
from model.ports import Dashboards, FrameSink
from model.resolution import Kept, Resolution
from model.uplink import Value
from model.views import Chart, Consumer, Gap, Line, Newest, Point
from tests.unit.storage.batches import Builder, device_type, field
from tests.unit.storage.promises import Register

PARIS = ZoneInfo("Europe/Paris")
MIDNIGHT = datetime(2026, 6, 30, 22, tzinfo=UTC)
"""1 July in Brest."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = MIDNIGHT + 10 * DAY
RAW, QUARTER, HOURS, DAYS = Resolution.RAW, Resolution.QUARTER, Resolution.HOUR, Resolution.DAY
FOR_EVER: Kept = dict.fromkeys(Resolution)

LAMP = device_type(
    "lamp",
    field("power_w", Kind.FLOAT, "W"),
    replace(field("energy_kwh", Kind.FLOAT, "kW.h"), counter=True),
    replace(field("switch_count", Kind.INT), counter=True),
    field("steps", Kind.INT),
    field("lamp_on", Kind.BOOL),
    field("role", Kind.TEXT),
)
BALLAST = device_type("ballast", field("power_w", Kind.FLOAT, "W"), field("volts", Kind.FLOAT, "V"))
UNUSED = device_type("unused", field("power_w", Kind.FLOAT, "W"), replace(field("n_count", Kind.INT), counter=True))
TYPES = (LAMP, BALLAST, UNUSED)

Question = dict[str, Any]
Said = tuple[str, datetime, Mapping[str, Value]]


def lamp(name: str, district: str | None = "Europe", *, of: str = "lamp", simulated: bool = False) -> Device:
    return Device(
        id=name,
        type=of,
        name=f"Lamp {name}",
        district=district,
        simulated=simulated,
        latitude=48.4,
        longitude=-4.5,
    )


@dataclass
class City:
    """Storage with its dashboards; ``refresh`` brings rollups up to date with what was written."""

    sink: FrameSink
    registry: Register
    dashboards: Callable[[Kept], Dashboards]
    refresh: Callable[[], Awaitable[None]]

    @property
    def ask(self) -> Dashboards:
        """Return dashboards of a city that keeps all for ever."""
        return self.dashboards(FOR_EVER)

    async def hear(self, devices: Sequence[Device], said: Sequence[Said], *, late: timedelta = timedelta(0)) -> None:
        """Register devices, and store what they said, a frame each; it arrived so ``late``."""
        await self.registry.register(devices)
        builder = Builder(await self.registry.identify([each.id for each in devices]))
        for number, (name, time, values) in enumerate(said):
            payload = number.to_bytes(4, "big")
            builder.frame(name, time, values, payload=payload, received_at=time + late + timedelta(seconds=1))
        await self.sink.write(builder.build(TYPES))
        await self.refresh()


def points(chart: Chart, field: str, *, device: str | None = None, district: str | None = None) -> Sequence[Point]:
    [line] = [each for each in chart.lines if (each.field, each.device, each.district) == (field, device, district)]
    return line.points


def point(time: datetime, *values: float, increase: float | None = None, devices: int = 1) -> Point:
    return Point(
        time=time,
        count=len(values),
        mean=sum(values) / len(values),
        minimum=min(values),
        maximum=max(values),
        total=sum(values),
        increase=increase,
        devices=devices,
    )


class DashboardPromises:
    """The promises."""

    # One device

    async def test_a_short_range_is_drawn_from_readings(self, city: City) -> None:
        """A device's day: each reading a point, nothing widened, fields that a reading lacks left out."""
        await city.hear(
            [lamp("a"), lamp("b")],
            [
                ("a", MIDNIGHT - MINUTE, {"power_w": 9.0}),
                ("a", MIDNIGHT, {"power_w": 1.5, "lamp_on": True}),
                ("a", MIDNIGHT + 7 * MINUTE, {"power_w": 2.5}),
                ("b", MIDNIGHT, {"power_w": 5.0}),
                ("a", MIDNIGHT + DAY, {"power_w": 9.0}),
            ],
        )

        chart = await city.ask.series(
            LAMP, devices=["a"], start=MIDNIGHT, end=MIDNIGHT + DAY, fields=["power_w", "lamp_on"]
        )

        assert (chart.resolution, chart.start, chart.end, chart.widened) == (RAW, MIDNIGHT, MIDNIGHT + DAY, False)
        assert chart.lines == [
            Line(field="power_w", device="a", points=[point(MIDNIGHT, 1.5), point(MIDNIGHT + 7 * MINUTE, 2.5)]),
            Line(field="lamp_on", device="a", points=[point(MIDNIGHT, 1.0)]),
        ]

    @pytest.mark.parametrize("resolution", [QUARTER, HOURS, DAYS])
    async def test_a_bucket_has_the_statistics_of_its_readings(self, city: City, resolution: Resolution) -> None:
        """Count, mean, extremes and sum of numbers; of switches the share of true; texts are left out."""
        values: list[Mapping[str, Value]] = [
            {"power_w": 4.0, "steps": 1, "lamp_on": True, "role": "x"},
            {"power_w": -1.5, "steps": 9, "lamp_on": False},
            {"power_w": 2.0, "lamp_on": False},
        ]
        await city.hear([lamp("a")], [("a", MIDNIGHT + n * MINUTE, each) for n, each in enumerate(values)])

        chart = await city.ask.series(LAMP, devices=["a"], start=MIDNIGHT, end=MIDNIGHT + DAY, resolution=resolution)

        assert chart.resolution is resolution
        assert [line.field for line in chart.lines] == ["power_w", "energy_kwh", "switch_count", "steps", "lamp_on"]
        assert points(chart, "power_w", device="a") == [point(MIDNIGHT, 4.0, -1.5, 2.0)]
        assert points(chart, "steps", device="a") == [point(MIDNIGHT, 1, 9)]
        assert points(chart, "lamp_on", device="a") == [point(MIDNIGHT, 1, 0, 0)]
        assert points(chart, "energy_kwh", device="a") == []

    @pytest.mark.parametrize("resolution", [RAW, HOURS])
    async def test_a_counter_grows_from_its_last_value_before(self, city: City, resolution: Resolution) -> None:
        """Also from one before the range; readings without the counter are no break, and a fall is a new beginning."""
        await city.hear(
            [lamp("a"), lamp("b")],
            [
                ("a", MIDNIGHT - 3 * HOUR, {"energy_kwh": 100.0, "switch_count": 5}),
                ("a", MIDNIGHT - HOUR, {"power_w": 1.0}),
                ("a", MIDNIGHT, {"energy_kwh": 101.0, "switch_count": 7}),
                ("a", MIDNIGHT + HOUR, {"power_w": 1.0}),
                ("a", MIDNIGHT + 2 * HOUR, {"energy_kwh": 104.0}),
                ("a", MIDNIGHT + 3 * HOUR, {"energy_kwh": 0.5}),
                ("a", MIDNIGHT + 4 * HOUR, {"energy_kwh": 0.75}),
                ("b", MIDNIGHT + HOUR, {"energy_kwh": 50.0}),
                ("b", MIDNIGHT + 2 * HOUR, {"energy_kwh": 51.0}),
            ],
        )

        chart = await city.ask.series(
            LAMP,
            devices=["b", "a"],
            start=MIDNIGHT,
            end=MIDNIGHT + 6 * HOUR,
            fields=["energy_kwh", "switch_count"],
            resolution=resolution,
        )

        assert [(line.device, line.field) for line in chart.lines] == [
            ("b", "energy_kwh"), ("b", "switch_count"), ("a", "energy_kwh"), ("a", "switch_count"),
        ]  # fmt: skip
        assert [each.increase for each in points(chart, "energy_kwh", device="a")] == [1.0, 3.0, 0.5, 0.25]
        assert [each.increase for each in points(chart, "switch_count", device="a")] == [2]
        assert [each.increase for each in points(chart, "energy_kwh", device="b")] == [0.0, 1.0]

    async def test_a_counter_that_starts_again_within_a_bucket_loses_nothing(self, city: City) -> None:
        """What it counted before the fall and behind it is added up, by hour and by day."""
        counted = [10.0, 14.0, 1.0, 3.0]
        await city.hear(
            [lamp("a")], [("a", MIDNIGHT + n * 10 * MINUTE, {"energy_kwh": each}) for n, each in enumerate(counted)]
        )

        for resolution in (HOURS, DAYS):
            chart = await city.ask.series(
                LAMP,
                devices=["a"],
                start=MIDNIGHT,
                end=MIDNIGHT + DAY,
                fields=["energy_kwh"],
                resolution=resolution,
            )

            assert [each.increase for each in points(chart, "energy_kwh", device="a")] == [7.0]

    async def test_a_long_range_is_answered_by_a_coarser_rollup(self, city: City) -> None:
        """A month comes by hour, a year by local day, and what is no longer kept so long from what is."""
        await city.hear([lamp("a")], [("a", MIDNIGHT, {"power_w": 1.0})])
        fading = city.dashboards({RAW: 3 * DAY, HOURS: 20 * DAY, DAYS: None})

        async def resolution(ask: Dashboards, days: int) -> Resolution:
            chart = await ask.series(LAMP, devices=["a"], start=NOW - days * DAY, end=NOW, fields=["power_w"])
            return chart.resolution

        assert [await resolution(city.ask, days) for days in (1, 30, 365)] == [RAW, HOURS, DAYS]
        assert [await resolution(fading, days) for days in (2, 5, 25)] == [RAW, HOURS, DAYS]

    async def test_a_range_that_cuts_buckets_is_widened_and_says_so(self, city: City) -> None:
        """The answer has whole hours, and tells from when until when."""
        await city.hear([lamp("a")], [("a", MIDNIGHT + n * 20 * MINUTE, {"steps": n}) for n in range(9)])

        chart = await city.ask.series(
            LAMP,
            devices=["a"],
            start=MIDNIGHT + 50 * MINUTE,
            end=MIDNIGHT + 70 * MINUTE,
            fields=["steps"],
            resolution=HOURS,
        )

        assert (chart.start, chart.end, chart.widened) == (MIDNIGHT, MIDNIGHT + 2 * HOUR, True)
        assert [each.total for each in points(chart, "steps", device="a")] == [3.0, 12.0]

    async def test_local_days_have_23_and_25_hours(self, city: City) -> None:
        """On the days when the clocks change, a day holds what was said between its midnights."""
        for noon, hours in (
            (datetime(2026, 3, 29, 12, tzinfo=PARIS), 23),
            (datetime(2026, 10, 25, 12, tzinfo=PARIS), 25),
        ):
            start, end = (
                datetime(noon.year, noon.month, day, tzinfo=PARIS).astimezone(UTC) for day in (noon.day, noon.day + 1)
            )
            await city.hear(
                [lamp("a")],
                [("a", start + n * HOUR, {"steps": 1, "energy_kwh": 10.0 + n}) for n in range(-2, hours + 2)],
            )

            one = await city.ask.series(
                LAMP, devices=["a"], start=start, end=end, fields=["energy_kwh"], resolution=DAYS
            )
            all_ = await city.ask.groups([LAMP], start=start, end=end, fields=["energy_kwh"], resolution=DAYS)

            assert (one.start, one.end, one.widened) == (start, end, False)
            for chart, device in ((one, "a"), (all_, None)):
                [day] = points(chart, "energy_kwh", device=device)
                assert (day.time, day.count, day.increase) == (start, hours, hours)

    async def test_simulated_data_is_told_apart(self, city: City) -> None:
        """Only simulated, only real, or both."""
        toy = lamp("toy", simulated=True)
        await city.hear([lamp("a"), toy], [("a", MIDNIGHT, {"power_w": 1.0}), ("toy", MIDNIGHT, {"power_w": 3.0})])

        totals = []
        for simulated in (None, False, True):
            chart = await city.ask.groups(
                [LAMP],
                start=MIDNIGHT,
                end=MIDNIGHT + HOUR,
                fields=["power_w"],
                resolution=HOURS,
                simulated=simulated,
            )
            totals += [(each.total, each.devices) for each in points(chart, "power_w")]
        real = await city.ask.series(
            LAMP, devices=["toy"], start=MIDNIGHT, end=MIDNIGHT + HOUR, fields=["power_w"], simulated=False
        )

        assert totals == [(4.0, 2), (1.0, 1), (3.0, 1)]
        assert points(real, "power_w", device="toy") == []

    # Groups

    async def test_districts_and_the_city_are_drawn_over_all_their_devices(self, city: City) -> None:
        """Mean, extremes and sum over a district's readings, or the city's; devices without a district have ''."""
        await city.hear(
            [lamp("a"), lamp("b"), lamp("c", "Bellevue"), lamp("d", None)],
            [
                ("a", MIDNIGHT, {"power_w": 1.0}),
                ("a", MIDNIGHT + MINUTE, {"power_w": 3.0}),
                ("b", MIDNIGHT, {"power_w": 5.0}),
                ("c", MIDNIGHT, {"power_w": 10.0}),
                ("d", MIDNIGHT, {"power_w": 0.0}),
                ("c", MIDNIGHT + HOUR, {"power_w": 20.0}),
            ],
        )
        question: Question = {
            "start": MIDNIGHT,
            "end": MIDNIGHT + 2 * HOUR,
            "fields": ["power_w"],
            "resolution": HOURS,
        }

        everywhere = await city.ask.groups([LAMP], **question)
        places = await city.ask.groups([LAMP], by_district=True, **question)
        some = await city.ask.groups([LAMP], districts=["Bellevue", ""], **question)

        assert everywhere.lines == [
            Line(
                field="power_w",
                points=[point(MIDNIGHT, 1.0, 3.0, 5.0, 10.0, 0.0, devices=4), point(MIDNIGHT + HOUR, 20.0)],
            )
        ]
        assert places.lines == [
            Line(field="power_w", district="", points=[point(MIDNIGHT, 0.0)]),
            Line(field="power_w", district="Bellevue", points=[point(MIDNIGHT, 10.0), point(MIDNIGHT + HOUR, 20.0)]),
            Line(field="power_w", district="Europe", points=[point(MIDNIGHT, 1.0, 3.0, 5.0, devices=2)]),
        ]
        assert points(some, "power_w") == [point(MIDNIGHT, 10.0, 0.0, devices=2), point(MIDNIGHT + HOUR, 20.0)]

    async def test_a_domain_is_drawn_over_all_its_types(self, city: City) -> None:
        """Types that share a field make one line; a field of one type only is that type's."""
        await city.hear(
            [lamp("a"), lamp("b", of="ballast")],
            [
                ("a", MIDNIGHT, {"power_w": 1.0, "steps": 3}),
                ("b", MIDNIGHT, {"power_w": 2.0, "volts": 230.0}),
            ],
        )

        chart = await city.ask.groups(
            [LAMP, BALLAST, UNUSED],
            start=MIDNIGHT,
            end=MIDNIGHT + HOUR,
            fields=["power_w", "volts", "steps"],
            resolution=HOURS,
        )

        assert chart.lines == [
            Line(field="power_w", points=[point(MIDNIGHT, 1.0, 2.0, devices=2)]),
            Line(field="volts", points=[point(MIDNIGHT, 230.0)]),
            Line(field="steps", points=[point(MIDNIGHT, 3)]),
        ]

    async def test_consumption_of_a_district_is_that_of_its_devices(self, city: City) -> None:
        """Energy by local day and district: from each device's last value before, whatever hour it was said in."""
        said: list[Said] = [
            (name, MIDNIGHT - HOUR + n * 12 * HOUR, {"energy_kwh": start + n * step})
            for name, start, step in (("a", 100.0, 1.0), ("b", 0.0, 0.25), ("c", 7.0, 2.0))
            for n in range(5)
        ]
        await city.hear([lamp("a"), lamp("b"), lamp("c", "Bellevue")], said)

        chart = await city.ask.groups(
            [LAMP],
            start=MIDNIGHT,
            end=MIDNIGHT + 2 * DAY,
            fields=["energy_kwh"],
            by_district=True,
            resolution=DAYS,
        )

        grown = {line.district: [(each.time, each.increase) for each in line.points] for line in chart.lines}
        assert grown == {
            "Bellevue": [(MIDNIGHT, 4.0), (MIDNIGHT + DAY, 4.0)],
            "Europe": [(MIDNIGHT, 2.5), (MIDNIGHT + DAY, 2.5)],
        }

    async def test_groups_are_kept_by_hour_and_day(self, city: City) -> None:
        """A finer question is answered by hour, and the answer says so."""
        await city.hear([lamp("a")], [("a", MIDNIGHT, {"power_w": 1.0})])

        fine = await city.ask.groups(
            [LAMP], start=MIDNIGHT, end=MIDNIGHT + 5 * MINUTE, fields=["power_w"], resolution=RAW
        )
        month = await city.ask.groups([LAMP], start=NOW - 30 * DAY, end=NOW, fields=["power_w"])
        year = await city.ask.groups([LAMP], start=NOW - 365 * DAY, end=NOW, fields=["power_w"])

        assert (fine.resolution, fine.widened, fine.end) == (HOURS, True, MIDNIGHT + HOUR)
        assert [month.resolution, year.resolution] == [HOURS, DAYS]

    # Rankings

    async def test_the_largest_consumers_come_first(self, city: City) -> None:
        """By how much the counter grew in the range, from its last value before; equals in order of id."""
        said: list[Said] = []
        for name, values in (("a", (5, 6, 8)), ("b", (0, 9, 10)), ("c", (1, 1, 4)), ("d", (7, 9, 2))):
            said += [
                (name, MIDNIGHT + (n - 1) * DAY + HOUR, {"energy_kwh": float(value)}) for n, value in enumerate(values)
            ]
        await city.hear([lamp("a"), lamp("b"), lamp("c", "Bellevue"), lamp("d"), lamp("mute")], said)

        whole = await city.ask.top(LAMP, "energy_kwh", start=MIDNIGHT, end=MIDNIGHT + 2 * DAY)
        first = await city.ask.top(LAMP, "energy_kwh", start=MIDNIGHT, end=MIDNIGHT + 3 * DAY, limit=1)
        place = await city.ask.top(LAMP, "energy_kwh", start=MIDNIGHT, end=MIDNIGHT + 3 * DAY, districts=["Bellevue"])

        assert whole.resolution is HOURS
        assert [(each.device, each.increase) for each in whole.consumers] == [
            ("b", 10.0), ("d", 4.0), ("a", 3.0), ("c", 3.0),
        ]  # fmt: skip
        assert first.resolution is DAYS
        assert first.consumers == [Consumer(device="b", name="Lamp b", district="Europe", increase=10.0)]
        assert [each.device for each in place.consumers] == ["c"]

    async def test_consumption_until_now_counts_what_was_said_last(self, city: City) -> None:
        """Also within the hour that is not over, also of a counter that has just started again."""
        await city.hear(
            [lamp("a"), lamp("b"), lamp("old")],
            [
                ("a", NOW - 26 * HOUR, {"energy_kwh": 100.0}),
                ("a", NOW - 2 * HOUR, {"energy_kwh": 103.0}),
                ("a", NOW - 10 * MINUTE, {"energy_kwh": 104.5}),
                ("b", NOW - 30 * HOUR, {"energy_kwh": 5.0}),
                ("b", NOW - 3 * HOUR, {"energy_kwh": 7.0}),
                ("b", NOW - MINUTE, {"energy_kwh": 0.5}),
                ("old", NOW - 26 * HOUR, {"energy_kwh": 9.0}),
            ],
        )

        ranking = await city.ask.top(LAMP, "energy_kwh", start=NOW - DAY, end=NOW + MINUTE)

        assert ranking.end == NOW + HOUR
        assert [(each.device, each.increase) for each in ranking.consumers] == [("a", 4.5), ("b", 2.5)]

    # The map

    async def test_the_map_has_each_active_device_with_its_newest_values(self, city: City) -> None:
        """Place, name, and the fields in the order asked with their times; retired and silent devices are absent."""
        await city.hear(
            [lamp("b"), lamp("a"), lamp("mute"), lamp("gone"), lamp("other", of="ballast")],
            [
                ("a", MIDNIGHT, {"power_w": 1.0, "role": "old"}),
                ("a", MIDNIGHT + MINUTE, {"power_w": 2.0, "lamp_on": True}),
                ("b", MIDNIGHT, {"steps": 4}),
                ("gone", MIDNIGHT, {"steps": 4}),
                ("other", MIDNIGHT, {"power_w": 4.0}),
            ],
        )
        await city.registry.remove("gone")

        found = await city.ask.newest(LAMP, fields=["role", "power_w"])
        full = await city.ask.newest(LAMP)

        a = Newest(
            device="a",
            name="Lamp a",
            district="Europe",
            latitude=48.4,
            longitude=-4.5,
            simulated=False,
            time=MIDNIGHT + MINUTE,
            flags=(),
            values=("old", 2.0),
            times=(MIDNIGHT, MIDNIGHT + MINUTE),
        )
        assert found == [
            a,
            msgspec.structs.replace(
                a, device="b", name="Lamp b", time=MIDNIGHT, values=(None, None), times=(None, None)
            ),
        ]
        assert full[0].values == (2.0, None, None, None, True, "old")

    # Gaps

    async def test_silence_is_found_and_counted(self, city: City) -> None:
        """The worst first, with when they were silent and how many of the expected readings came."""
        said: list[Said] = [("good", MIDNIGHT + n * 15 * MINUTE, {"steps": n}) for n in range(-1, 24)]
        said += [("bad", MIDNIGHT + n * 15 * MINUTE, {"steps": n}) for n in (-1, 0, 1, 2, 7, 8)]
        said += [("elsewhere", MIDNIGHT - HOUR, {"steps": 1})]
        await city.hear([lamp("good"), lamp("bad"), lamp("never"), lamp("elsewhere", "Bellevue")], said)

        report = await city.ask.gaps(LAMP, start=MIDNIGHT, end=MIDNIGHT + 6 * HOUR, districts=["Europe"])

        assert (report.resolution, report.start, report.end) == (RAW, MIDNIGHT, MIDNIGHT + 6 * HOUR)
        assert [(each.device, each.expected, each.received) for each in report.worst] == [
            ("never", 24, 0), ("bad", 24, 5), ("good", 24, 24),
        ]  # fmt: skip
        assert report.worst[1].completeness == pytest.approx(100 * 5 / 24)
        assert report.worst[1].gaps == [
            Gap(start=MIDNIGHT + 30 * MINUTE, end=MIDNIGHT + 105 * MINUTE, missing=4),
            Gap(start=MIDNIGHT + 2 * HOUR, end=MIDNIGHT + 6 * HOUR, missing=15),
        ]
        assert report.devices == 3
        assert report.completeness == pytest.approx(100 * 29 / 72)
        [worst] = (await city.ask.gaps(LAMP, start=MIDNIGHT, end=MIDNIGHT + 6 * HOUR, limit=1)).worst
        assert worst.device == "elsewhere"
        named = await city.ask.gaps(LAMP, start=MIDNIGHT, end=MIDNIGHT + 6 * HOUR, devices=["good"])
        assert [each.device for each in named.worst] == ["good"]

    async def test_nobody_is_expected_before_it_was_heard_or_after_now(self, city: City) -> None:
        """A new device is complete from its first reading on; what is yet to come lacks nothing."""
        await city.hear([lamp("new")], [("new", NOW - 2 * HOUR + n * 15 * MINUTE, {"steps": n}) for n in range(8)])

        report = await city.ask.gaps(LAMP, start=NOW - 6 * HOUR, end=NOW + DAY)

        assert report.end == NOW
        assert [(each.expected, each.completeness, each.gaps) for each in report.worst] == [(8, 100.0, [])]

    # Nothing, and nonsense

    async def test_a_type_that_nobody_uses_has_empty_charts(self, city: City) -> None:
        """Nothing was ever stored: that is no error."""
        window: Question = {"start": MIDNIGHT, "end": MIDNIGHT + DAY}

        assert (await city.ask.groups([UNUSED], fields=["power_w"], **window)).lines == [
            Line(field="power_w", points=[])
        ]
        assert (await city.ask.top(UNUSED, "n_count", **window)).consumers == []
        assert await city.ask.newest(UNUSED) == []
        assert (await city.ask.gaps(UNUSED, **window)).worst == []

    async def test_what_makes_no_sense_is_refused_with_the_reason(self, city: City) -> None:
        """Each part of a question that cannot be answered names itself, and says what could be."""
        await city.hear([lamp("a"), lamp("b", of="ballast")], [("a", MIDNIGHT, {"power_w": 1.0})])
        ask = city.ask
        day: Question = {"start": MIDNIGHT, "end": MIDNIGHT + DAY}
        naive = MIDNIGHT.replace(tzinfo=None)

        for why, question in (
            ("no field watts; it has power_w", ask.series(LAMP, devices=["a"], fields=["watts"], **day)),
            ("no field watts", ask.groups([LAMP, BALLAST], fields=["watts"], **day)),
            ("no field watts", ask.newest(LAMP, fields=["watts"])),
            ("role of lamp is text", ask.series(LAMP, devices=["a"], fields=["role"], **day)),
            ("role of lamp is text", ask.groups([LAMP], fields=["role"], **day)),
            ("no field was asked for", ask.groups([LAMP], fields=[], **day)),
            ("power_w of lamp is no counter; its counters: energy_kwh", ask.top(LAMP, "power_w", **day)),
            ("zone", ask.series(LAMP, devices=["a"], start=naive, end=MIDNIGHT)),
            ("zone", ask.gaps(LAMP, start=MIDNIGHT, end=naive)),
            ("1970", ask.groups([LAMP], fields=["power_w"], start=MIDNIGHT, end=datetime.max.replace(tzinfo=UTC))),
            ("before it begins", ask.top(LAMP, "energy_kwh", start=MIDNIGHT, end=MIDNIGHT)),
            ("0 points", ask.series(LAMP, devices=["a"], points=0, **day)),
            ("limit", ask.top(LAMP, "energy_kwh", limit=0, **day)),
            ("limit", ask.gaps(LAMP, limit=10**6, **day)),
            ("not yet", ask.gaps(LAMP, start=NOW + DAY, end=NOW + 2 * DAY)),
            (
                "coarser",
                ask.series(LAMP, devices=["a"], start=NOW - 9000 * DAY, end=NOW, resolution=QUARTER),
            ),
        ):
            with pytest.raises(BadRequestError, match=why):
                await question
        for name in ("b", "nobody", "a\0b"):
            with pytest.raises(NotFoundError, match="of type lamp"):
                await ask.series(LAMP, devices=["a", name], **day)
