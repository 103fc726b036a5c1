import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.proposals import Proposal, differing_names, is_moment, propose
from model.device import Kind, Text
from model.quantities import QUANTITIES, ending_problem


def proposed(path: str, *values: object, unit: str | None = None) -> tuple[str, str, str | None] | None:
    proposal = propose(path, values, unit=unit)
    return None if proposal is None else (proposal.name, proposal.quantity, proposal.unit)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("temperature", "temperature_c"),
        ("Temp", "temperature_c"),
        ("data.air.temperature", "air_temperature_c"),
        ("samples.variable=temperature.value", "temperature_c"),
        ("TempC_SHT", "temperature_sht_c"),
        ("TempC_DS18B20", "temperature_ds18b20_c"),
        ("airtemperature", "air_temperature_c"),
        ("temperatures.2", "temperature_2_c"),
        ("Temp\\. (°C)", "temperature_c"),
        ("temp_max", "temperature_maximum_c"),
        ("dewPoint", "dew_point_c"),
    ],
)
def test_however_a_codec_writes_temperature_its_field_is_one(path: str, field: str) -> None:
    """However a codec writes temperature, the field's name says so in whole words, and ends in its unit."""
    assert proposed(path, 21.5, 22.0) == (field, "temperature", None)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("humi", 44.0, ("humidity_percent", "humidity", None)),
        ("relative_humidity", 44.0, ("relative_humidity_percent", "humidity", None)),
        ("BAT_mV", 3600, ("battery_v", "voltage", "mV")),
        ("BatV", 3.6, ("battery_v", "voltage", None)),
        ("CO2", 420, ("co2_ppm", "co2", None)),
        ("PM2_5", 3, ("pm25_ugm3", "mass_concentration", None)),
        ("PM1_0", 3, ("pm1_ugm3", "mass_concentration", None)),
        ("PM10", 3, ("pm10_ugm3", "mass_concentration", None)),
        ("activeEnergy_kWh", 17.5, ("active_energy_kwh", "energy", None)),
        ("energy_Wh", 17500, ("energy_kwh", "energy", "W.h")),
        ("voltage_l1", 230.4, ("voltage_l1_v", "voltage", None)),
        ("currentL3_mA", 900, ("current_l3_a", "current", "mA")),
        ("total_volume_liters", 900, ("total_volume_m3", "volume", "L")),
        ("pulseCounter1", 12, ("pulse_1_count", "pulse_count", None)),
        ("windSpeed", 3.4, ("wind_speed_ms", "wind_speed", None)),
        ("gps.lat", 48.39, ("gps_latitude_deg", "latitude", None)),
        ("pH", 7.1, ("ph", "ph", None)),
        ("4-20_mA", 13.0, None),
    ],
)
def test_words_and_units_tell_the_quantity(path: str, value: object, field: tuple[str, str, str | None] | None) -> None:
    """Words tell the quantity; a unit at their end is the codec's, and is named where the quantity has another."""
    assert proposed(path, value) == field


def test_a_unit_that_the_codec_says_beside_a_value_counts() -> None:
    """A unit that the codec writes beside a value decides what the name leaves open."""
    assert proposed("energy", 900) is None
    assert proposed("energy", 900, unit="Wh") == ("energy_kwh", "energy", "W.h")
    assert proposed("temperature", 70, unit="°F") == ("temperature_c", "temperature", "[degF]")
    assert proposed("temperature", 70, unit="furlongs") is None


@pytest.mark.parametrize(
    ("path", "values", "field"),
    [
        ("battery", [3600, 3580], ("battery_v", "voltage", "mV")),
        ("battery", [3.6, 3.58], ("battery_v", "voltage", None)),
        ("battery", [87, 100], ("battery_percent", "battery_level", None)),
        ("battery", [3], None),
        ("pressure", [1013.2], ("pressure_hpa", "air_pressure", None)),
        ("pressure", [101_325], ("pressure_hpa", "air_pressure", "Pa")),
        ("pressure", [6.1], None),
        ("distance", [2116, 30], ("distance_m", "distance", "mm")),
    ],
)
def test_values_decide_what_names_leave_open(
    path: str, values: list[object], field: tuple[str, str, str | None] | None
) -> None:
    """Where a name says no unit its values may tell it; then the proposal is not sure, and else there is none."""
    assert proposed(path, *values) == field
    proposal = propose(path, values)
    assert proposal is None or not proposal.sure


def test_numbers_written_as_texts_are_numbers() -> None:
    """Some codecs write numbers as texts, and "NoSensor" where nothing is plugged in."""
    assert proposed("TempC1", "21.50", "NoSensor", None) == ("temperature_1_c", "temperature", None)
    assert propose("TempC1", ["NoSensor"]) is None


@pytest.mark.parametrize(
    ("path", "values", "kind", "name"),
    [
        ("lowBattery", [True, False], Kind.BOOL, "low_battery"),
        ("status.lowBattery", [True], Kind.BOOL, "status_low_battery"),
        ("door_status", ["open", "closed"], Kind.TEXT, "door_status"),
        ("waterLeak", [0, 1], Kind.INT, "water_leak"),
        ("powerSourceStatus", [1], Kind.INT, "power_source_status"),
        ("status.alarm_c", [True], Kind.BOOL, "status_alarm_c_state"),
    ],
)
def test_states_stay_as_the_codec_says_them(path: str, values: list[object], kind: Kind, name: str) -> None:
    """What is true or false, one of a few words or a small number under a state's name is a state."""
    proposal = propose(path, values)
    assert proposal is not None
    assert (proposal.kind, proposal.name, proposal.quantity) == (kind, name, "state")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("firmwareVersion", 3.1),
        ("temperature_threshold", 30.0),
        ("config.temperature", 30.0),
        ("BatteryChange", 0.1),
        ("serial", "00A1"),
        ("device_status", "0x01"),
        ("temperature", [21.5]),
        ("x", 3),
        ("", 3),
        ("*", 3),
        ("humidity", None),
        ("humidity", 231.0),
    ],
)
def test_what_is_not_clear_is_left_to_a_person(path: str, value: object) -> None:
    """Settings, versions, numbers without a meaning and values that cannot be are not proposed."""
    assert propose(path, [value]) is None


def test_titles_say_in_both_languages_what_the_quantity_does_not() -> None:
    """A title is there where the quantity's own would not tell two fields apart."""
    soil, plain = propose("soil.temperature", [9.5]), propose("temperature", [9.5])
    assert soil is not None
    assert plain is not None
    assert soil.title == Text(en="Temperature (soil)", fr="Température (sol)")
    assert plain.title is None


def test_moments_are_known_from_others() -> None:
    """Times are texts in ISO form, or numbers of seconds or milliseconds since 1970 under a name of time."""
    assert is_moment("x", ["2026-05-04T06:12:09Z", "2026-05-04 06:12:09"])
    assert is_moment("timestamp", [1_777_875_129, 1_777_875_129_000])
    assert not is_moment("counter", [1_777_875_129])
    assert not is_moment("time", [12])
    assert not is_moment("time", [])
    assert propose("timestamp", [1_777_875_129]) is None


def test_names_that_meet_are_made_to_differ() -> None:
    """Two paths with the same words get names that differ and still end as they must."""
    twice = Proposal("a.temperature", "temperature_c", Kind.FLOAT, "temperature")
    state = Proposal("a.open", "open", Kind.BOOL, "state")
    assert differing_names([twice, twice, twice, state, state]) == [
        "temperature_c",
        "temperature_2_c",
        "temperature_3_c",
        "open",
        "open_2",
    ]


def test_a_long_name_is_cut_before_its_ending() -> None:
    """A name has at most 55 characters, with the ending that it must have."""
    state, number = propose(f"open.{'x' * 48}_a", [True]), propose(f"{'x' * 60}Temperature", [21.5])
    assert state is not None
    assert number is not None
    assert state.name == f"open_{'x' * 44}_state"
    assert number.name == f"{'x' * 53}_c"


values = st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.none())))
keys = st.text("੦tTeEmMpPcC_ .0123456789°%µäß\\=*-", max_size=60)
shouted = st.lists(
    st.sampled_from(["Temp", "bat", "_", "mV", ".", "C", "state", "9", "time", "age", "count", "energy"])
)


@given(st.one_of(st.text(), keys, shouted.map("".join)), values, st.one_of(st.none(), st.text()))
def test_any_proposal_is_a_field_that_a_device_file_takes(path: str, values: list[object], unit: str | None) -> None:
    """Whatever paths and values there are: no error, and a name that is one and ends as its quantity wants."""
    proposal = propose(path, values, unit=unit)
    if proposal is None:
        return
    quantity = QUANTITIES[proposal.quantity]
    assert re.fullmatch(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*", proposal.name)
    assert len(proposal.name) <= 55
    assert ending_problem(proposal.name, quantity) is None
    assert not (proposal.kind in {Kind.BOOL, Kind.TEXT} and quantity.unit)
    names = differing_names([proposal, proposal])
    assert len(set(names)) == 2
    assert all(ending_problem(name, quantity) is None and len(name) <= 55 for name in names)


def test_a_list_within_a_list_is_proposed_for_no_field() -> None:
    """No path of a field leads there."""
    assert propose("logs.*.records.*.temperature", [21.5]) is None
