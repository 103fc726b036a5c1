"""Personal data is not published more finely than the rules allow."""

from dataclasses import replace
from datetime import timedelta

import pytest

from decoders.catalogue import Catalogue
from model.dataset import Aggregate, Choice
from model.resolution import Resolution
from opendata.columns import problems, told_twice
from tests.unit.opendata.scene import LAMPS, TYPES

METERS = replace(LAMPS, choice=Choice(device_types=("meter",)))
TRACKERS = replace(LAMPS, choice=Choice(device_types=("tracker",)))
TEN = Aggregate("district", 10)


def test_a_meter_of_a_home_is_never_published_alone() -> None:
    """The refusal says all that is missing, and the text that asks for it."""
    told = "\n".join(problems(METERS, TYPES))

    assert "aggregate = {" in told
    assert "at_least = 10" in told
    assert 'resolution = "day"' in told
    assert "code de l'énergie" in told
    assert "CNIL" in told


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"aggregate": Aggregate("district", 9)}, "9 devices are too few"),
        ({"resolution": Resolution.HOUR}, "too fine"),
        ({"resolution": Resolution.RAW}, "too fine"),
        ({"aggregate": None}, "one device alone"),
    ],
)
def test_each_part_of_the_rule_holds_alone(change: dict[str, object], says: str) -> None:
    """Whatever else is right, one thing that is too fine is enough to refuse."""
    good = replace(METERS, aggregate=TEN, resolution=Resolution.DAY)

    assert problems(good, TYPES) == []
    assert says in "\n".join(problems(replace(good, **change), TYPES))  # type: ignore[arg-type]


def test_where_a_vehicle_was_is_left_out() -> None:
    """Position and speed of a tracker are not published, however coarse; its battery is, of many and later."""
    coarse = replace(TRACKERS, aggregate=TEN, resolution=Resolution.DAY, delay=timedelta(days=1))

    assert "leave out latitude_deg, speed_kmh" in "\n".join(problems(coarse, TYPES))
    assert problems(replace(coarse, fields=("battery_v",)), TYPES) == []
    assert "too soon" in "\n".join(problems(replace(coarse, fields=("battery_v",), delay=timedelta()), TYPES))


def test_who_says_in_public_that_the_devices_are_nobodys_may_publish_them() -> None:
    """The meters of town halls are those of no home; the sentence is published with the data."""
    assert problems(replace(METERS, not_personal="These are the meters of the city's schools."), TYPES) == []


def test_the_types_that_come_with_penfeld_are_marked() -> None:
    """Meters of homes and trackers are; lamps and trams, which run to a public timetable, are not."""
    types = {each.name: each.personal for each in Catalogue.builtin().types()}

    assert {name for name, mark in types.items() if mark == "household"} == {
        "adeunis_tic_linky_mono",
        "adeunis_tic_linky_tri",
        "enless_tx_pulse",
        "enless_tx_pulse_atex",
        "enless_tx_pulse_led",
        "penfeld_watermeter",
        "yobiiq_em2101",
    }
    assert {name for name, mark in types.items() if mark == "vehicle"} == {"digitalmatter_oyster"}
    assert types["penfeld_tramunit"] is None


def test_no_two_datasets_tell_of_the_same_homes() -> None:
    """The sum of all less those of the districts is what was left empty; devices of nobody may be told twice."""
    one = replace(METERS, id="one", place="one.toml", aggregate=TEN, resolution=Resolution.DAY)
    two = replace(one, id="two", place="two.toml", aggregate=Aggregate("all", 10))

    [said] = told_twice(two, [one], TYPES)
    assert said.startswith("two.toml: dataset two: volume_m3 of meter is in dataset one (one.toml)")
    assert told_twice(replace(two, not_personal="These are the meters of the city's schools."), [one], TYPES) == []
    assert told_twice(replace(LAMPS, id="again"), [LAMPS], TYPES) == []
