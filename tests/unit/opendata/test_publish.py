"""What becomes of a day: published once, newer when data came late, never behind anybody's back."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from model.dataset import Aggregate, Choice
from model.device import State
from model.errors import BadRequestError
from model.resolution import Resolution
from opendata.publish import SETTLE, Result, span
from tests.unit.opendata.scene import DAY, LAMPS, MIDNIGHT, NOON, ROW, Press, Rows, lamp

LATE = (*ROW[:3], 99.0, *ROW[4:])


async def test_a_day_is_published_once(tmp_path: Path) -> None:
    """The same data asked for again is the same file, and is not read again."""
    press = Press(tmp_path)

    first = await press.publisher.publish(LAMPS, DAY)
    again = await press.publisher.publish(LAMPS, DAY)

    assert (first.result, first.version, first.rows) == (Result.NEW, 1, 1)
    assert (again.result, again.version, again.files) == (Result.SAME, 1, first.files)
    assert len(press.rows.asked) == 1


async def test_late_readings_make_another_version_with_a_note(tmp_path: Path) -> None:
    """What was published stays; the newer version says what came."""
    press = Press(tmp_path)
    first = await press.publisher.publish(LAMPS, DAY)
    before = (tmp_path / "lamps" / first.files[0].name).read_bytes()
    press.rows.rows_.append(LATE)

    second = await press.publisher.publish(LAMPS, DAY)

    assert (second.result, second.version) == (Result.VERSION, 2)
    assert second.note == "1 late readings were added"
    assert (tmp_path / "lamps" / first.files[0].name).read_bytes() == before
    day = press.shelf.day("lamps", DAY)
    assert day is not None
    assert [version.note.get("fr") for version in day.versions] == [None, "1 mesures tardives ajoutées"]


async def test_a_day_of_homes_is_published_once(tmp_path: Path) -> None:
    """Another version less the first would be what one home said late: so there is none, and who asks is told why."""
    homes = replace(
        LAMPS, choice=Choice(device_types=("meter",)), aggregate=Aggregate("all", 10), resolution=Resolution.DAY
    )
    sums = (MIDNIGHT, 12, 3.5, 288, 0, "v1", False)
    press = Press(tmp_path, Rows(rows_=[sums]), devices=[replace(lamp(1), type="meter")])
    first = await press.publisher.publish(homes, DAY)
    press.rows.rows_[:] = [(*sums[:2], 3.9, 289, *sums[4:])]
    press.rows.codecs = 2

    second = await press.publisher.publish(homes, DAY)

    assert (first.result, second.result, second.files) == (Result.NEW, Result.SAME, first.files)
    assert "once" in second.note


async def test_experiments_are_published_where_they_are_named_only(tmp_path: Path) -> None:
    """What a dataset of a whole type publishes holds no device of an experiment that it does not name."""
    press = Press(tmp_path, devices=[lamp(1), lamp(2, experiment="led")])
    await press.publisher.publish(LAMPS, DAY)
    await press.publisher.publish(
        replace(LAMPS, id="led", choice=Choice(device_types=("lamp",), experiments=("led",))), DAY
    )

    assert [of.devices for of in press.rows.asked] == [(lamp(1).id,), (lamp(2).id,)]


async def test_other_data_with_the_same_bytes_is_no_version(tmp_path: Path) -> None:
    """Readings that were decoded again to the same values change nothing that is published."""
    press = Press(tmp_path)
    await press.publisher.publish(LAMPS, DAY)
    press.rows.codecs = 2

    assert (await press.publisher.publish(LAMPS, DAY)).result is Result.SAME
    assert len(press.rows.asked) == 2
    assert sorted(path.name for path in (tmp_path / "lamps").glob("*.csv")) == [
        "2026-11-20.csv",
        "devices.csv",
        "fields.csv",
    ]


async def test_a_day_is_not_published_before_it_is_over(tmp_path: Path) -> None:
    """A day ends at the city's midnight, and a dataset may wait longer."""
    press = Press(tmp_path)
    press.now = MIDNIGHT + timedelta(hours=23, minutes=59)

    early = await press.publisher.publish(LAMPS, DAY)
    press.now = MIDNIGHT + timedelta(days=1)
    waiting = await press.publisher.publish(replace(LAMPS, delay=timedelta(hours=12)), DAY)

    assert (early.result, waiting.result) == (Result.EARLY, Result.EARLY)
    assert waiting.note == "it can be published from 2026-11-21 12:00 on"
    assert (await press.publisher.publish(LAMPS, DAY)).result is Result.NEW


async def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """It says what would be done, and how much there is."""
    press = Press(tmp_path)

    outcome = await press.publisher.publish(LAMPS, DAY, dry_run=True)

    assert (outcome.result, outcome.readings) == (Result.NEW, 1)
    assert press.shelf.days("lamps") == []
    assert press.rows.asked == []


async def test_a_day_without_readings_is_no_file(tmp_path: Path) -> None:
    """Nothing is published of nothing."""
    press = Press(tmp_path, Rows(rows_=[], newest=None))

    assert (await press.publisher.publish(LAMPS, DAY)).result is Result.EMPTY
    assert press.shelf.days("lamps") == []


async def test_deleted_readings_do_not_empty_what_was_published(tmp_path: Path) -> None:
    """A day older than readings are kept stays as it was published."""
    press = Press(tmp_path, kept={"lamp": timedelta(days=90)})
    await press.publisher.publish(LAMPS, DAY)
    press.rows.rows_.clear()
    press.now = NOON + timedelta(days=90)

    assert (await press.publisher.publish(LAMPS, DAY)).result is Result.GONE
    day = press.shelf.day("lamps", DAY)
    assert day is not None
    assert len(day.versions) == 1


async def test_devices_are_chosen_by_the_register(tmp_path: Path) -> None:
    """District, experiment, tags and ids all have to fit; simulated and unregistered devices are left out."""
    devices = [
        lamp(1, district="Siam", experiment="led", tags={"street": "rue de Siam"}),
        lamp(2, district="Siam"),
        lamp(3, district="Recouvrance", experiment="led", tags={"street": "rue de Siam"}),
        lamp(4, district="Siam", experiment="led", tags={"street": "rue de Siam"}, simulated=True),
        lamp(5, district="Siam", experiment="led", tags={"street": "rue de Siam"}, state=State.PENDING),
        lamp(6, district="Siam", experiment="led", tags={"street": "rue de Siam"}, state=State.RETIRED),
    ]
    press = Press(tmp_path, devices=devices)
    choice = Choice(device_types=("lamp",), districts=("Siam",), experiments=("led",), tags={"street": "rue de Siam"})

    await press.publisher.publish(replace(LAMPS, choice=choice), DAY)

    assert press.rows.asked[0].devices == ("lamp-1", "lamp-6")
    assert press.rows.asked[0].simulated is False
    listed = press.shelf.text("lamps", "devices.csv").splitlines()
    assert [line.split(",")[0] for line in listed] == ["device", "lamp-1", "lamp-6"]


async def test_simulated_devices_are_published_where_that_is_wanted_with_a_mark(tmp_path: Path) -> None:
    """The mark is in each row."""
    press = Press(tmp_path, Rows(rows_=[(*ROW[:-1], True)]), devices=[lamp(1, simulated=True)])

    await press.publisher.publish(replace(LAMPS, simulated="mark"), DAY)

    assert press.rows.asked[0].simulated is None
    assert (tmp_path / "lamps/2026-11-20.csv").read_text().splitlines()[1].endswith(",true")


async def test_the_daily_step_publishes_what_is_due_and_then_rests(tmp_path: Path) -> None:
    """Each day of the last weeks that has readings is published; asked again at once, nothing is looked at."""
    press = Press(tmp_path)

    first = await press.publisher.due([LAMPS])
    asked = len(press.rows.asked)
    second = await press.publisher.due([LAMPS])

    assert {outcome.day for outcome in first} >= {DAY, DAY - timedelta(days=29)}
    assert max(outcome.day for outcome in first) == date(2026, 11, 20)
    assert second == []
    assert len(press.rows.asked) == asked


async def test_the_daily_step_waits_until_a_day_has_settled(tmp_path: Path) -> None:
    """While readings of yesterday still come in, it is left for later, but not for ever."""
    press = Press(tmp_path)
    press.now = MIDNIGHT + timedelta(days=1, minutes=1)
    press.rows.newest = press.now - timedelta(seconds=5)

    assert DAY not in {outcome.day for outcome in await press.publisher.due([LAMPS])}
    press.now += SETTLE
    assert DAY in {outcome.day for outcome in await press.publisher.due([LAMPS])}


async def test_the_daily_step_finds_late_data_the_day_after(tmp_path: Path) -> None:
    """Late readings become one new version a day, not one for each."""
    press = Press(tmp_path)
    await press.publisher.due([LAMPS])
    press.rows.rows_.append(LATE)

    press.now += timedelta(hours=2)
    assert await press.publisher.due([LAMPS]) == []
    press.now += timedelta(hours=19)
    newer = [outcome for outcome in await press.publisher.due([LAMPS]) if outcome.day == DAY]

    assert [(outcome.result, outcome.version) for outcome in newer] == [(Result.VERSION, 2)]


async def test_a_chart_and_the_quality_are_noted_on_the_way(tmp_path: Path) -> None:
    """What a page shows of a day needs no second reading of it."""
    flagged = (*ROW[:3], 14.5, *ROW[4:7], "power_w:range", *ROW[8:])
    press = Press(tmp_path, Rows(rows_=[ROW, flagged, ROW]))

    await press.publisher.publish(LAMPS, DAY)

    day = press.shelf.day("lamps", DAY)
    assert day is not None
    assert (day.current.flagged, day.current.codecs) == (1, ("v1",))
    assert day.current.preview_column == "power_w"
    assert [value for _, value in day.current.preview] == [pytest.approx(39.5 / 3)]


def test_days_the_wrong_way_round_are_refused() -> None:
    """Both ends belong to a span."""
    assert len(span(DAY, DAY + timedelta(days=2))) == 3
    with pytest.raises(BadRequestError, match="give the earlier day first"):
        span(DAY, DAY - timedelta(days=1))
