"""The columns of published files, and what keeps a dataset from having any."""

import csv
import io
import json
from dataclasses import replace

from model.dataset import Aggregate, Choice
from model.resolution import Resolution
from opendata.columns import columns, fields_csv, problems, table_schema
from tests.unit.opendata.scene import LAMP, LAMPS, TYPES, device_type, hourly, measure


def names(**change: object) -> list[str]:
    """Return the names of the columns of the lamps, changed."""
    return [column.name for column in columns(replace(LAMPS, **change), TYPES)]  # type: ignore[arg-type]


def test_readings_carry_their_quality() -> None:
    """Each raw reading has its flags and the version of what decoded it."""
    assert names() == ["device", "time", "received_at", "power_w", "energy_kwh", "lit", "mode", "flags", "codec"]


def test_a_bucket_tells_of_each_field_what_makes_sense() -> None:
    """A measure has extremes, a counter an increase, a switch a share; a text has nothing."""
    found = [column.name for column in columns(hourly(LAMPS), TYPES)]

    assert found[2:8] == [
        "power_w_mean", "power_w_min", "power_w_max", "energy_kwh_last", "energy_kwh_increase", "lit_share",
    ]  # fmt: skip
    assert found[8:] == ["readings", "flagged", "codecs"]


def test_figures_over_many_devices_hold_no_single_one() -> None:
    """Neither an extreme nor an index nor an id would be anything but one device's."""
    found = names(resolution=Resolution.HOUR, aggregate=Aggregate("district", 5))

    assert found == [
        "district", "time", "devices", "power_w_mean", "energy_kwh_increase", "lit_share",
        "readings", "flagged", "codecs",
    ]  # fmt: skip


def test_simulated_data_is_marked_where_it_is_published() -> None:
    """The mark is the last column; without it there is no simulated row."""
    assert names(simulated="mark")[-1] == "simulated"
    assert "simulated" not in names()


def test_the_table_of_fields_speaks_both_languages() -> None:
    """Each column has a type, a unit, and a title and a description in French and English."""
    rows = list(csv.DictReader(io.StringIO(fields_csv(columns(hourly(LAMPS), TYPES)).decode())))
    mean = next(row for row in rows if row["name"] == "power_w_mean")

    assert mean["unit"] == "W"
    assert (mean["title_en"], mean["title_fr"]) == ("power_w (en), mean", "power_w (fr), moyenne")
    assert all(row[key] for row in rows for key in ("type", "title_en", "title_fr", "description_en", "description_fr"))


def test_the_table_of_fields_is_a_table_schema() -> None:
    """Its fields are the columns of the files, in order, with types that Table Schema knows."""
    some = columns(LAMPS, TYPES)
    schema = json.loads(table_schema(LAMPS, some))

    assert [field["name"] for field in schema["fields"]] == [column.name for column in some]
    assert {field["type"] for field in schema["fields"]} <= {"string", "number", "integer", "boolean", "datetime"}


def test_what_cannot_be_published_is_told_with_its_place() -> None:
    """Unknown types and fields, texts that have no mean, and readings of many devices without a time are refused."""
    assert "no device type" in problems(replace(LAMPS, choice=Choice(device_types=("lmap",))), TYPES)[0]
    assert (
        "lamps.toml:1: dataset lamps: no device type here has a field 'watts'"
        in (problems(replace(LAMPS, fields=("watts",)), TYPES)[0])
    )
    assert "texts have no mean" in problems(replace(hourly(LAMPS), fields=("mode",)), TYPES)[0]
    assert 'set resolution = "1h"' in problems(replace(LAMPS, aggregate=Aggregate("all", 2)), TYPES)[0]


def test_one_name_means_one_thing_in_a_dataset() -> None:
    """Two types that measure something else under one name are two datasets."""
    other = device_type("other", measure("power_w", "reactive_power", "var"))
    mixed = replace(LAMPS, choice=Choice(device_types=("lamp", "other")))

    assert "power_w is not the same in lamp and other" in problems(mixed, {"lamp": LAMP, "other": other})[0]
