from dataclasses import replace
from datetime import timedelta

import pytest

from api.console.network import lines
from api.console.texts import Words
from model.told import FACTS
from model.uplink import Value
from model.views import StateValue
from tests.unit.api.console.samples import NOON

TOLD = StateValue(value=7.0, time=NOON - timedelta(hours=3), network="chirpstack", event="status")


def shown(language: str, **state: StateValue) -> list[tuple[str, str, str]]:
    """Return title, value and age of each line."""
    words = Words("fr" if language == "fr" else "en")
    return [(line.title, line.text, line.age) for line in lines(state, NOON, words)]


@pytest.mark.parametrize(
    ("name", "value", "english", "french"),
    [
        ("margin_db", 7.0, ("Demodulation margin", "7\u00a0dB"), ("Marge de démodulation", "7\u00a0dB")),
        ("battery_percent", 54.53, ("Battery level", "54.53\u00a0%"), ("Niveau de la pile", "54,53\u00a0%")),
        ("rssi_dbm", -117.5, ("Signal strength", "−117.5\u00a0dBm"), ("Niveau du signal", "−117,5\u00a0dBm")),
        ("temperature_c", 0.0, ("Temperature of the modem", "0\u00a0°C"), ("Température du modem", "0\u00a0°C")),
        ("external_power", False, ("External power", "no"), ("Alimentation externe", "non")),
        ("gateway", "<b>roof</b>", ("Best gateway", "<b>roof</b>"), ("Meilleure passerelle", "<b>roof</b>")),
        ("gateways", 3, ("Gateways that heard it", "3"), ("Passerelles à portée", "3")),
        ("latitude", 48.5, ("Latitude", "48.5°"), ("Latitude", "48,5°")),
        ("of_tomorrow", 1, ("of_tomorrow", "1"), ("of_tomorrow", "1")),
    ],
)
def test_values(name: str, value: Value, english: tuple[str, str], french: tuple[str, str]) -> None:
    """A fact is told with its title, its value in its unit, and its age, as people of the language write them."""
    state = {name: replace(TOLD, value=value)}

    assert shown("en", **state) == [(*english, "3\u00a0h")]
    assert shown("fr", **state) == [(*french, "3\u00a0h")]


def test_order() -> None:
    """Facts come in the order of the closed list; what is not in it comes last."""
    names = ["zz", "aa", *reversed([*FACTS])]

    found = lines(dict.fromkeys(names, replace(TOLD, value="x")), NOON, Words("en"))

    assert [line.name for line in found] == [*FACTS, "aa", "zz"]


def test_a_position_is_one_line() -> None:
    """Latitude and longitude of one time are a position; of two times they are two facts."""
    north, west = replace(TOLD, value=48.3904), replace(TOLD, value=-4.4861)
    later = replace(west, time=NOON)

    assert shown("fr", latitude=north, longitude=west) == [("Position", "48,39040° N, 4,48610° O", "3\u00a0h")]
    assert [title for title, _, _ in shown("en", latitude=north, longitude=later)] == ["Latitude", "Longitude"]


def test_simulated() -> None:
    """What is simulated is marked as such, and each fact says when it was so."""
    (line,) = lines({"joined": replace(TOLD, value=True, simulated=True)}, NOON, Words("en"))

    assert line.simulated
    assert line.time == "Mon 2026-06-01, 11:00:00 CEST"
