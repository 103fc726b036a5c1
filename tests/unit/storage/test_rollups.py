"""Names and columns of rollups, which queries and whoever fills them agree on."""

from dataclasses import replace
from datetime import timedelta

from model.device import Field, Kind
from storage import rollups
from storage.rollups import DAY, HOUR, LEVELS, MEANING, MINUTE, QUARTER
from tests.unit.storage.batches import PROBE, field


def names(of: Field, *, group: bool = False) -> list[str]:
    return [statistic.column for statistic in rollups.statistics(of, group=group)]


def test_numbers() -> None:
    """A number has its count, sum, minimum and maximum, by device and by group."""
    power = field("power_w", Kind.FLOAT, "W")
    expected = ["power_w_count", "power_w_sum", "power_w_min", "power_w_max"]

    assert expected == names(power) == names(power, group=True)


def test_counters() -> None:
    """A counter has its first and last value besides; a group has what all its counters increased by."""
    energy = replace(field("energy_kwh", Kind.FLOAT, "kW.h"), counter=True)

    assert names(energy)[4:] == ["energy_kwh_first", "energy_kwh_last"]
    assert names(energy, group=True)[4:] == ["energy_kwh_delta"]


def test_states() -> None:
    """Of states it is counted how often they were known and how often true; texts are not summed up."""
    assert names(field("lamp_on", Kind.BOOL)) == ["lamp_on_count", "lamp_on_true"]
    assert names(field("role", Kind.TEXT)) == []


def test_meaning() -> None:
    """Every column says how it is summed up further."""
    energy = replace(field("energy_kwh", Kind.INT), counter=True)
    endings = {
        statistic.ending
        for of in (energy, field("lamp_on", Kind.BOOL))
        for group in (False, True)
        for statistic in rollups.statistics(of, group=group)
    }

    assert endings == MEANING.keys()


def test_views() -> None:
    """A level is a view of the readings when a bucket would hold two of them at most."""
    views = {
        minutes: [
            level for level in LEVELS if rollups.is_view(replace(PROBE, period=timedelta(minutes=minutes)), level)
        ]
        for minutes in (0.1, 1, 10, 60, 1440)
    }

    assert views == {
        0.1: [],
        1: [MINUTE],
        10: [MINUTE, QUARTER],
        60: [MINUTE, QUARTER, HOUR],
        1440: [MINUTE, QUARTER, HOUR, DAY],
    }
