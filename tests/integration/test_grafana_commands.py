"""``penfeld grafana`` as a person uses it."""

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from decoders.catalogue import Catalogue
from penfeld.cli import main

PASSWORD = "made-up-for-a-test"  # noqa: S105 -- of a database that is thrown away
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Return what runs a command: exit code, what it printed, what it remarked."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        return (code, *capsys.readouterr())

    return run


@pytest.mark.parametrize("command", [("grafana", "role"), ("db", "migrate")])
def test_the_role_gets_its_password(
    dsn: str, said: Said, monkeypatch: pytest.MonkeyPatch, command: tuple[str, str]
) -> None:
    """By a command of its own, and by each migration; it is told nowhere. Then the role can log in and read."""
    monkeypatch.setenv("PENFELD_DATABASE_URL", dsn)
    monkeypatch.setenv("PENFELD_GRAFANA_READER_PASSWORD", PASSWORD)

    code, out, err = said(*command)

    assert code == 0
    assert PASSWORD not in out + err
    with psycopg.connect(make_conninfo(dsn, user="penfeld_reader", password=PASSWORD)) as connection:
        [(number,)] = connection.execute("select count(*) from grafana.device_type").fetchall()
    assert number == len(Catalogue.builtin().types())


def test_the_role_needs_a_password(said: Said) -> None:
    """Without one, nobody is let in, and the error names the setting."""
    assert said("grafana", "role") == (
        1,
        "",
        "penfeld: [grafana] reader_password is empty: set PENFELD_GRAFANA_READER_PASSWORD, or its _FILE\n",
    )


def test_files_are_written_once_and_what_is_gone_is_removed(said: Said, tmp_path: Path) -> None:
    """A second time nothing is written; a board of a type that is gone goes, what a person put there stays."""
    first = said("grafana", "write", "grafana")
    boards = tmp_path / "grafana" / "boards"
    mine, old = boards / "penfeld" / "mine.json", boards / "penfeld-water" / "penfeld-type-old.json"
    for file in (mine, old):
        file.write_text("{}")
    second = said("grafana", "write", "grafana")

    assert first[0] == second[0] == 0
    assert second[1] == f"grafana: {len(Catalogue.builtin().types()) + 14} files, 0 written, 1 removed\n"
    assert (mine.exists(), old.exists()) == (True, False)
    lamp = json.loads((boards / "penfeld-lighting" / "penfeld-type-penfeld-streetlight.json").read_text())
    assert lamp["title"] == "Contrôleur de luminaire Penfeld"


def test_boards_alone_speak_english_where_that_is_asked_for(said: Said, tmp_path: Path) -> None:
    """As compose has them made: no data source beside them."""
    said("grafana", "write", "--boards-only", "--language", "en", "boards")

    assert json.loads((tmp_path / "boards" / "penfeld" / "penfeld-city.json").read_text())["title"] == "City"
    assert not (tmp_path / "boards" / "datasources").exists()


def test_a_folder_that_cannot_be_written_to_is_told(said: Said, tmp_path: Path) -> None:
    """In one line, with its name."""
    (tmp_path / "file").write_text("")

    code, _, err = said("grafana", "write", "file")

    assert code == 1
    assert "choose a folder that can be written to" in err


@pytest.mark.parametrize("action", [("push",), ("diff",), ("pull", "edits")])
def test_without_an_address_nothing_is_pushed(said: Said, action: tuple[str, ...]) -> None:
    """The error names the setting."""
    code, _, err = said("grafana", *action)

    assert (code, err.count("\n")) == (1, 1)
    assert "[grafana] url is empty" in err


@pytest.mark.parametrize("url", ["ftp://x", "grafana.example", "https://admin:secret@grafana.example"])
def test_an_address_that_is_none_or_tells_a_password_is_refused(
    said: Said, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Before anything is asked; the password is not repeated."""
    monkeypatch.setenv("PENFELD_GRAFANA_URL", url)

    code, _, err = said("grafana", "diff")

    assert code == 1
    assert "PENFELD_GRAFANA_URL" in err
    assert "secret" not in err
