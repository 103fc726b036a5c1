"""Boards made of device types: what they show, that they are valid, and that they are the same each time."""

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import units

from dashboards.board import Board, Setting
from dashboards.generated import boards
from dashboards.units import SHARE, unit_id
from decoders.catalogue import Catalogue
from model.device import Text
from model.quantities import QUANTITIES
from tests.unit.dashboards.asked import panels
from tests.unit.dashboards.types import LAMP, TYPES

EVERY = boards(Catalogue.builtin().types(), Setting("fr"))
FEW = {board.uid: board for board in boards(TYPES, Setting("fr"))}
LAMPS = FEW["penfeld-type-lamp"]


def panel(board: Board, title: str) -> dict[str, Any]:
    [found] = [each for each in panels(board) if each["title"] == title and each["type"] != "row"]
    return found


def test_there_is_a_board_for_the_city_each_domain_each_type_and_more() -> None:
    """The city, alarms, the platform, one device, each domain and each device type."""
    assert sorted(FEW) == [
        "penfeld-alarms",
        "penfeld-city",
        "penfeld-device",
        "penfeld-domain-environment",
        "penfeld-domain-lighting",
        "penfeld-health",
        "penfeld-type-lamp",
        "penfeld-type-probe",
    ]
    assert {board.folder.uid for board in FEW.values()} == {"penfeld", "penfeld-environment", "penfeld-lighting"}


def test_the_same_types_give_the_same_bytes() -> None:
    """In whatever order they come."""
    types = list(Catalogue.builtin().types())
    random.Random(3).shuffle(types)  # noqa: S311 -- chance, no secret

    again = boards(types, Setting("fr"))

    assert [board.text for board in again] == [board.text for board in EVERY]


@pytest.mark.parametrize("board", EVERY, ids=lambda board: board.uid)
def test_a_board_is_valid_for_grafana(board: Board) -> None:
    """Grafana's own types read it and write the same; uids fit; panels have numbers of their own and do not overlap."""
    register_default_plugins()
    document = json.loads(board.text)

    read = json.loads(JSONEncoder().encode(models.Dashboard.from_json(document)))

    assert _without_defaults(read) == _without_defaults(document)
    assert len(board.uid) <= 40
    numbers = [each["id"] for each in panels(board)]
    assert len(set(numbers)) == len(numbers)
    taken = [cell for each in document["panels"] for cell in _cells(each["gridPos"])]
    assert len(set(taken)) == len(taken)
    assert all(column < 24 for column, _ in taken)


def test_uids_are_each_boards_own() -> None:
    """Also where a name is cut."""
    assert len({board.uid for board in EVERY}) == len(EVERY)


def test_tables_lead_to_boards_that_exist() -> None:
    """Of devices, domains and types: the uid in SQL is the board's, as a database test shows for each type."""
    city = next(board for board in EVERY if board.uid == "penfeld-city")

    links = re.findall(r'"url": "/d/([^"?]+)', city.text)

    assert set(links) == {"penfeld-device", "penfeld-domain-${__data.fields.domain}", "${__data.fields.board}"}
    assert {f"penfeld-domain-{each.domain}" for each in Catalogue.builtin().types()} <= {b.uid for b in EVERY}


def test_a_field_is_drawn_with_its_unit_limits_and_title() -> None:
    """From the device file: volts between the plausible limits, the title in French."""
    volts = panel(LAMPS, "Tension")

    defaults = volts["fieldConfig"]["defaults"]
    assert defaults["unit"] == "volt"
    assert [(step["value"], step["color"]) for step in defaults["thresholds"]["steps"]] == [
        (None, "red"),
        (207.0, "green"),
        (253.0, "red"),
    ]
    assert defaults["custom"]["thresholdsStyle"]["mode"] == "dashed"
    assert "'lamp', 'voltage_v'" in volts["targets"][0]["rawSql"]


def test_counters_switches_and_texts_are_drawn_as_what_they_are() -> None:
    """A counter's increase, the share of the time of a switch; no curve of a text or a place."""
    titles = [each["title"] for each in panels(LAMPS)]

    assert panel(LAMPS, "Énergie (consommation)")["fieldConfig"]["defaults"]["unit"] == "kwatth"
    assert panel(LAMPS, "Part du temps")["fieldConfig"]["defaults"]["unit"] == SHARE
    assert "' · Allumée'" in panel(LAMPS, "Part du temps")["targets"][0]["rawSql"]
    assert not {"Rôle", "Latitude"} & set(titles)
    assert '"role"' in panel(LAMPS, "Dernières valeurs")["targets"][0]["rawSql"]


def test_boards_speak_the_language_that_is_asked_for() -> None:
    """English titles where English is set; the uids stay."""
    english = {board.uid: board for board in boards(TYPES, Setting("en"))}

    assert english.keys() == FEW.keys()
    assert english["penfeld-type-lamp"].title == "Lamp's driver"
    assert {each["title"] for each in panels(english["penfeld-type-lamp"])} >= {"Voltage", "Energy (increase)"}


def test_a_title_is_text_wherever_it_stands() -> None:
    """Quotes, dollars and brackets of a device file neither end a text of SQL nor name a variable of Grafana."""
    nasty = "O'Brien $by [[district]] \\ ${device}"
    switch = replace(LAMP.fields[2], title=Text(en=nasty, fr=nasty))
    board = boards([replace(LAMP, fields=(LAMP.fields[0], switch))], Setting("fr"))[-1]

    sql = panel(board, "Part du temps")["targets"][0]["rawSql"]

    assert r"E' · O''Brien \x24by \x5b\x5bdistrict]] \\ \x24{device}'" in sql


def test_live_panels_hear_the_channels_that_are_pushed() -> None:
    """Of the city, of a type and of the chosen device."""
    channels = {
        target["channel"]
        for board in FEW.values()
        for each in panels(board)
        for target in each.get("targets", [])
        if "channel" in target
    }

    assert channels == {
        "stream/penfeld/city",
        "stream/penfeld/lamp",
        "stream/penfeld/probe",
        "stream/penfeld/${device}",
    }


def test_choices_are_district_experiment_and_device() -> None:
    """All places at first; a device's page asks for one device, and finds its fields itself."""
    names = {uid: [each["name"] for each in board.document["templating"]["list"]] for uid, board in FEW.items()}

    assert names["penfeld-city"] == ["district", "experiment"]
    assert names["penfeld-type-lamp"] == ["by", "district", "experiment", "device"]
    assert names["penfeld-device"] == ["device", "type", "field"]
    assert panel(FEW["penfeld-device"], "${field:text}")["repeat"] == "field"


def test_every_unit_is_one_of_grafana_or_a_suffix() -> None:
    """No unit is misspelt: Grafana would show none."""
    known = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}

    ids = {unit_id(quantity.unit) for quantity in QUANTITIES.values()}

    assert {each for each in ids if not each.startswith("suffix: ")} <= known
    assert {each.removeprefix("suffix: ").strip() for each in ids} > {"µS/cm", "m³/h", "kvarh"}


def _cells(place: Mapping[str, int]) -> Sequence[tuple[int, int]]:
    return [
        (column, row)
        for column in range(place["x"], place["x"] + place["w"])
        for row in range(place["y"], place["y"] + place["h"])
    ]


def _without_defaults(value: object) -> object:
    """Return a document without what says nothing: null, and what the SDK fills in where it was left out."""
    if isinstance(value, dict):
        return {
            key: _without_defaults(inner) for key, inner in value.items() if inner is not None and key != "placement"
        }
    return [_without_defaults(inner) for inner in value] if isinstance(value, list) else value
