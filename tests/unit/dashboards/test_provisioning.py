"""The files that Grafana reads when it starts."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.board import Setting
from dashboards.generated import boards
from dashboards.provisioning import BOARDS_FOLDER, files
from dashboards.query import DATABASE_TYPE, DATABASE_UID
from decoders.catalogue import Catalogue
from penfeld.commands import grafana

DEPLOY = Path(__file__).parents[3] / "deploy"
FILES = files(boards(Catalogue.builtin().types(), Setting("fr")))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.mark.parametrize("name", ["datasources/penfeld.yaml", "dashboards/penfeld.yaml"])
def test_the_committed_files_are_what_is_made(name: str) -> None:
    """If this fails: `penfeld grafana write DIR`, and copy them. Boards are made where they run, by compose."""
    assert (DEPLOY / "grafana" / name).read_text() == FILES[name]


def test_the_data_source_is_that_of_the_panels_and_holds_no_secret() -> None:
    """Address, user and password come from Grafana's environment, which compose fills."""
    [source] = yaml.safe_load(FILES["datasources/penfeld.yaml"])["datasources"]
    environment = {name.removesuffix("__FILE") for name in COMPOSE["services"]["grafana"]["environment"]}

    assert (source["uid"], source["type"]) == (DATABASE_UID, DATABASE_TYPE)
    assert source["secureJsonData"] == {"password": "$GF_PENFELD_DATABASE_PASSWORD"}
    named = [source["url"], source["user"], source["jsonData"]["database"], source["jsonData"]["sslmode"]]
    assert {each.removeprefix("$") for each in [*named, source["secureJsonData"]["password"]]} <= environment


def test_each_folder_has_a_provider_and_each_board_a_file_in_it() -> None:
    """Folders keep their uids; boards from files cannot be saved over, so that no edit is lost at the next start."""
    providers = yaml.safe_load(FILES["dashboards/penfeld.yaml"])["providers"]
    found = {name.split("/")[1] for name in FILES if name.startswith("boards/")}

    assert {each["folderUid"] for each in providers} == found
    assert all(each["options"]["path"] == f"{BOARDS_FOLDER}/{each['folderUid']}" for each in providers)
    assert not any(each["allowUiUpdates"] for each in providers)
    assert grafana._BOARDS == BOARDS_FOLDER
