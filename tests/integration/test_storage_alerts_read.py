"""What the evaluator reads of stored readings: exactly those that it asked for, in order, on every engine."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from psycopg.sql import SQL

from model.alert_ports import Stretch, Windows
from model.instants import microseconds
from model.value import Value
from storage import cadence
from storage.alerts import AlertStore
from storage.connection import Database
from tests.integration.fix_alerts import MINUTE_US, AlertHouse, T
from tests.unit.storage.batches import HOUR, MINUTE, NOON

FIELDS = ["power_w", "steps", "lamp_on", "role"]
DAY_US = 24 * 60 * MINUTE_US
Row = tuple[str, float, dict[str, Value]]


@pytest.fixture
async def house(database: Database) -> AlertHouse:
    """Make a house with five lamps."""
    made = AlertHouse(database)
    await made.begin(5)
    return made


def rows(house: AlertHouse, stretch: Stretch) -> list[tuple[str, float, dict[str, Any]]]:
    """Return a stretch as rows, having looked that it is in order."""
    names = {key: name for name, key in house.keys.items()}
    key = list(zip(stretch.device.tolist(), stretch.time_us.tolist(), strict=True))
    assert key == sorted(key)
    found = []
    for i in range(len(stretch)):
        values = {name: column.values[i] for name, column in stretch.columns.items() if column.valid[i]}
        plain = {name: one.item() if isinstance(one, np.generic) else one for name, one in values.items()}
        found.append((names[int(stretch.device[i])], (int(stretch.time_us[i]) - T) / MINUTE_US, plain))
    return found


async def history(house: AlertHouse, lamps: Sequence[str], start: float, end: float, **more: Any) -> list[Row]:  # noqa: ANN401
    """Return all of a history, having looked that its progress ends at one and that no device is in two parts."""
    keys = [house.keys[name] for name in lamps]
    span = (T + int(start * MINUTE_US), T + int(end * MINUTE_US))
    found: list[Row] = []
    seen: set[str] = set()
    shares = []
    async for share, part in house.store.history("probe", FIELDS, keys, *span, **more):
        some = rows(house, part)
        assert not seen & {row[0] for row in some}
        seen |= {row[0] for row in some}
        shares.append(share)
        found += some
    assert shares == sorted(shares)
    assert shares[-1:] in ([], [1.0])
    return found


def made_up(seed: int, count: int, days: int) -> list[Row]:
    """Return readings of five lamps, some values missing, one row a lamp and minute."""
    random = Random(seed)  # noqa: S311 -- makes a history, guards nothing
    found: dict[tuple[str, float], dict[str, Value]] = {}
    for _ in range(count):
        values: dict[str, Value] = {
            "power_w": random.uniform(-5, 100),
            "steps": random.randrange(-(2**40), 2**40),
            "lamp_on": random.random() < 0.5,
            "role": random.choice(["solar", "été", ""]),
        }
        some = {name: value for name, value in values.items() if random.random() < 0.8} or values
        found[f"lamp-{random.randrange(1, 6)}", float(random.randrange(days * 1440))] = some
    return [(name, minute, values) for (name, minute), values in sorted(found.items())]


async def test_a_stretch_is_of_each_device_from_its_own_time_on(house: AlertHouse) -> None:
    """Inclusive at the beginning, exclusive at the end, other devices not at all; values of all kinds, and none."""
    told = made_up(1, 120, 3)
    await house.write(*told)
    since = {"lamp-1": 100.0, "lamp-2": told[70][1], "lamp-5": -9e5}
    since_us = {house.keys[name]: T + int(minute * MINUTE_US) for name, minute in since.items()}
    for until in (None, told[60][1], 2000.0):
        until_us = None if until is None else T + int(until * MINUTE_US)
        wanted = [row for row in told if row[1] >= since.get(row[0], 9e9) and (until is None or row[1] < until)]
        assert rows(house, await house.store.stretch("probe", FIELDS, since_us, until_us)) == wanted


async def test_what_there_is_not_reads_as_nothing(house: AlertHouse) -> None:
    """A type without a table, a field without a column, no devices, devices without readings, times long ago."""
    await house.write(("lamp-1", 0, {"power_w": 1.0}))
    key = house.keys["lamp-1"]

    assert len(await house.store.stretch("unheard_of", FIELDS, {key: 0})) == 0
    assert list((await house.store.stretch("probe", ["power_w", "unheard_of"], {key: 0})).columns) == ["power_w"]
    assert len(await house.store.stretch("probe", [], {key: 0})) == 1
    assert len(await house.store.stretch("probe", FIELDS, {})) == 0
    assert len(await house.store.stretch("probe", FIELDS, {key: T + 1, 4711: 0})) == 0
    assert len(await house.store.stretch("probe", FIELDS, {key: -(2**60)})) == 1
    assert await house.store.before("unheard_of", None, {key: T + 1}) == {}
    assert await house.store.before("probe", "unheard_of", {key: T + 1}) == {}
    assert await history(house, [], 0, 9) == []
    assert await history(house, ["lamp-2"], 0, 9) == []
    assert await history(house, ["lamp-1"], 9, 9) == []


async def test_before_a_time_is_the_newest_reading_that_has_the_field(house: AlertHouse) -> None:
    """Not the one at that time; of any field: the newest at all."""
    await house.write(
        ("lamp-1", 0, {"power_w": 1.5, "lamp_on": True}), ("lamp-1", 5, {"steps": 7}), ("lamp-1", 9, {"power_w": 9.0})
    )
    key, other = house.keys["lamp-1"], house.keys["lamp-2"]
    before = {key: T + 9 * MINUTE_US, other: T}

    assert await house.store.before("probe", "power_w", before) == {key: (T, 1.5)}
    assert await house.store.before("probe", "lamp_on", before) == {key: (T, True)}
    assert await house.store.before("probe", None, before) == {key: (T + 5 * MINUTE_US, True)}


@pytest.mark.parametrize("most", [8_000_000, 40, 1])
async def test_history_is_all_of_these_devices_in_a_span(
    house: AlertHouse, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole days or not, in one part or in many, of few devices or of all: what was told, in order."""
    monkeypatch.setattr("storage.alerts._MOST", most)
    told = made_up(2, 150, 4)
    await house.write(*told)
    for lamps in (["lamp-1", "lamp-2", "lamp-3", "lamp-4", "lamp-5"], ["lamp-2"], ["lamp-5", "lamp-1"]):
        for start, end in ((0.0, 5760.0), (told[20][1], told[90][1]), (-99999.0, 1440.0), (700.0, 740.0)):
            wanted = [row for row in told if row[0] in lamps and start <= row[1] < end]
            assert await history(house, lamps, start, end) == wanted


async def test_flags_of_history_are_at_their_rows(house: AlertHouse) -> None:
    """Over several days and parts."""
    builder = house.builder()
    for day in range(3):
        at = NOON + day * 24 * HOUR
        builder.frame("lamp-2", at, {"power_w": 9e9}, flags=("power_w:range",))
        builder.frame("lamp-1", at, {"power_w": 1.0, "steps": 3}, flags=("steps:jump",) if day == 1 else ())
    await house.writer.write(builder.build())
    keys = [house.keys["lamp-1"], house.keys["lamp-2"]]
    [(_, part)] = [one async for one in house.store.history("probe", FIELDS, keys, T, T + 9 * DAY_US)]

    assert {name: some.tolist() for name, some in part.flagged.items()} == {"power_w": [3, 4, 5], "steps": [1]}


@pytest.mark.parametrize("group", [None, "district", "device"])
async def test_windows_are_what_the_readings_in_them_say(house: AlertHouse, group: str | None) -> None:
    """The measure of each group and window, by the rows; of those who count, by the newest of each device."""
    async with house.database.connection() as connection:
        await connection.execute("update penfeld.device set district = 'd' || key % 2 where id <> 'lamp-4'")
    districts = dict(await house.database.fetch(SQL("select id, district from penfeld.device")))
    told = made_up(3, 200, 1)
    await house.write(*told)
    starts = [0, 60, 120, 600, 720, 1380]
    groups: dict[tuple[str, int], dict[str, list[float]]] = {}
    for name, minute, values in told:
        start, power = int(minute // 60 * 60), values.get("power_w")
        of = {None: "all", "district": districts[name], "device": str(house.keys[name])}[group]
        if name in ("lamp-1", "lamp-2", "lamp-4") and start in starts and isinstance(power, float) and of is not None:
            groups.setdefault((of, start), {}).setdefault(name, []).append(power)
    for measure in ("mean", "min", "max", "sum", "count", "share"):
        counting = measure in ("count", "share")
        wanted = Windows(
            device_type="probe",
            devices=[house.keys[f"lamp-{i}"] for i in (1, 2, 4)],
            measure=measure,
            group=group,
            starts_us=[T + start * MINUTE_US for start in starts],
            every_us=60 * MINUTE_US,
            field=None if counting else "power_w",
            where=("power_w", "above", 50.0) if counting else None,
        )
        expected: dict[str, dict[int, object]] = {}
        for (of, start), each in groups.items():
            expected.setdefault(of, {})[T + start * MINUTE_US] = pytest.approx(measured(measure, each.values()))
        assert await house.store.windows(wanted) == expected
        assert expected


@pytest.mark.parametrize("measure", ["max", "count"])
async def test_windows_leave_out_what_is_implausible(house: AlertHouse, measure: str) -> None:
    """A flagged value is not measured, and is not the newest of its device, unless that is wanted; others are."""
    builder = house.builder()
    builder.frame("lamp-1", NOON, {"power_w": 60.0}, flags=("steps:jump",))
    builder.frame("lamp-1", NOON + MINUTE, {"power_w": 9e9}, flags=("power_w:range", "power_w:jump"))
    builder.frame("lamp-2", NOON, {"power_w": 70.0}, flags=("power_w:range",))
    await house.writer.write(builder.build())
    wanted = Windows(
        device_type="probe",
        devices=list(house.keys.values()),
        measure=measure,
        group=None,
        starts_us=[T],
        every_us=60 * MINUTE_US,
        field="power_w" if measure == "max" else None,
        where=("power_w", "above", 50.0) if measure == "count" else None,
    )

    plain = await house.store.windows(wanted)
    flagged = await house.store.windows(replace(wanted, flagged=True))

    assert plain == {"all": {T: 60.0 if measure == "max" else 1.0}}
    assert flagged == {"all": {T: 9e9 if measure == "max" else 2.0}}


def measured(measure: str, each: Collection[list[float]]) -> float:
    """Return a measure over the values of each device, in order."""
    every = [value for some in each for value in some]
    if measure in ("count", "share"):
        fits = sum(some[-1] > 50.0 for some in each)
        return fits if measure == "count" else 100 * fits / len(each)
    return {"mean": fmean, "min": min, "max": max, "sum": sum}[measure](every)  # type: ignore[operator, no-any-return]


@pytest.mark.parametrize(
    ("where", "count"),
    [
        (("power_w", "below", 2.0), 1),
        (("role", "in", ["solar", "grid"]), 2),
        (("lamp_on", "in", [True]), 1),
        (("steps", "in", [7, 8]), 1),
        (("steps", "in", [7.0, 8.5]), 1),
        (("unheard_of", "above", 0.0), None),
    ],
)
async def test_who_counts_can_be_said_of_fields_of_every_kind(
    house: AlertHouse, where: tuple[str, str, object], count: int | None
) -> None:
    """Numbers below a limit, texts, truths and whole numbers that are one of several; a field that is gone: nothing."""
    await house.write(
        ("lamp-1", 0, {"power_w": 1.0, "role": "solar", "lamp_on": True, "steps": 7}),
        ("lamp-2", 0, {"power_w": 3.0, "role": "grid", "lamp_on": False, "steps": 9}),
    )
    wanted = Windows(
        device_type="probe",
        devices=list(house.keys.values()),
        measure="count",
        group=None,
        starts_us=[T],
        every_us=60 * MINUTE_US,
        where=where,
    )

    assert await house.store.windows(wanted) == ({} if count is None else {"all": {T: float(count)}})


async def test_devices_say_through_what_they_were_heard(house: AlertHouse) -> None:
    """The source of the newest frame and the gateways of the newest ten; who was not heard is not in it."""
    [(now,)] = await house.database.fetch(SQL("select now()"))
    builder = house.builder()
    builder.frame("lamp-1", now - HOUR, {"power_w": 1.0}, gateway="forgotten")
    for i in range(10):
        builder.frame("lamp-1", now + (i - 20) * MINUTE, {"power_w": 1.0}, gateway=f"g{i % 2}", source=f"s{i}")
    builder.frame("lamp-2", now, {"power_w": 1.0}, gateway=None)
    await house.writer.write(builder.build())
    found = await house.store.heard_by([house.keys[name] for name in ("lamp-1", "lamp-2", "lamp-3")])

    assert {key: (source, sorted(gateways)) for key, (source, gateways) in found.items()} == {
        house.keys["lamp-1"]: ("s9", ["g0", "g1"]),
        house.keys["lamp-2"]: ("chirpstack", []),
    }


async def speaking(house: AlertHouse, name: str, minutes: Sequence[float]) -> None:
    """Have a lamp speak."""
    await house.write(*((name, minute, {"power_w": 1.0}) for minute in minutes))


async def learnt(house: AlertHouse) -> dict[str, float]:
    """Return lamp -> minutes between its readings."""
    return {one.id: one.cadence_us / MINUTE_US for one in await AlertStore(house.database).members() if one.cadence_us}


async def test_a_cadence_is_the_usual_pause_of_the_newest_readings(house: AlertHouse) -> None:
    """The median: neither a night of silence nor a burst changes it; of five pauses at least, of the last week."""
    await speaking(house, "lamp-1", [0, 10, 20, 30, 900, 901, 910, 920, 930])
    await speaking(house, "lamp-2", [0, 10, 20, 30, 40])
    await speaking(house, "lamp-3", [-20000 + 7 * i for i in range(9)])
    await speaking(house, "lamp-4", [*(1000 * i - 9000 for i in range(9)), *(3 * i for i in range(51))])
    learnt_of = await cadence.learn(house.database, "probe", NOON + timedelta(days=1))

    assert learnt_of == 2
    assert await learnt(house) == {"lamp-1": 10.0, "lamp-4": 3.0}


async def test_what_lies_ahead_of_the_clock_teaches_nothing(house: AlertHouse) -> None:
    """A device whose clock is wrong is not taken at its word."""
    await speaking(house, "lamp-1", [*(10 * i for i in range(9)), *(100000 + i for i in range(60))])
    await cadence.learn(house.database, "probe", NOON + timedelta(days=1))

    assert await learnt(house) == {"lamp-1": 10.0}


async def test_a_cadence_is_written_only_where_it_changed(house: AlertHouse) -> None:
    """By less than a twentieth: the stored row is not touched, and the evaluator has nothing to look at again."""
    await speaking(house, "lamp-1", [100 * i for i in range(8)])
    await cadence.learn(house.database, "probe", NOON + timedelta(days=2))
    stamp = await AlertStore(house.database).stamp()
    await speaking(house, "lamp-1", [700 + 104 * i for i in range(1, 12)])
    await cadence.learn(house.database, "probe", NOON + timedelta(days=2, hours=1))
    assert await learnt(house) == {"lamp-1": 100.0}
    assert await AlertStore(house.database).stamp() == stamp
    await speaking(house, "lamp-1", [1900 + 90 * i for i in range(1, 40)])
    await cadence.learn(house.database, "probe", NOON + timedelta(days=6))
    assert await learnt(house) == {"lamp-1": 90.0}
    assert await AlertStore(house.database).stamp() != stamp


async def test_the_evaluator_notices_devices_and_not_what_they_say(house: AlertHouse) -> None:
    """Its stamp is another one when a device is added or changed, and the same however much is stored."""
    stamps = [await AlertStore(house.database).stamp()]
    await speaking(house, "lamp-1", range(9))
    assert await AlertStore(house.database).stamp() == stamps[0]
    await house.begin(6)
    stamps.append(await AlertStore(house.database).stamp())
    async with house.database.connection() as connection:
        await connection.execute("update penfeld.device set district = 'Siam' where id = 'lamp-1'")
    stamps.append(await AlertStore(house.database).stamp())

    assert len(set(stamps)) == 3
    members = {one.id: one for one in await AlertStore(house.database).members()}
    assert (members["lamp-1"].district, members["lamp-1"].newest_us) == ("Siam", T + 8 * MINUTE_US)
    assert (members["lamp-6"].simulated, members["lamp-6"].newest_us) == (True, 0)
    assert members["lamp-1"].since_us <= microseconds(NOON + HOUR)
