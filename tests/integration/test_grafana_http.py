"""What a push promises, over HTTP: to a fake that behaves as Grafana does, and to a real one where there is one.

``GRAFANA_URL`` and ``GRAFANA_TOKEN`` (of a service account that may edit) name a Grafana that is thrown away.
"""

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dashboards.board import Board, Folder, Setting, signed
from dashboards.generated import boards
from dashboards.sync import ConflictError, Grafana, RefusedError, State, compare, push
from model.errors import ConfigError, UnavailableError
from penfeld.grafana_http import GrafanaHttp
from tests.fakes.grafana import Grafana as Fake
from tests.fakes.grafana_server import TOKEN, serving
from tests.unit.dashboards.types import TYPES

CLIENT = importlib.util.find_spec("grafana_client") is not None
NO_CLIENT = "no grafana-client, which GRAFANA_URL needs: pip install 'penfeld[grafana]'"
BOARDS = boards(TYPES, Setting("fr"))
LAMP = next(board for board in BOARDS if board.uid == "penfeld-type-lamp")


@pytest.fixture(params=["fake", "fake over HTTP", "real"])
def grafana(request: pytest.FixtureRequest) -> Iterator[Grafana]:
    """Yield a Grafana without any board of ours."""
    if request.param == "fake":
        yield Fake(normalises=True)
        return
    if not CLIENT:
        pytest.skip(NO_CLIENT)
    if request.param == "fake over HTTP":
        with serving(Fake(normalises=True), "/under/this") as url:
            yield GrafanaHttp(url, TOKEN)
        return
    if not (url := os.environ.get("GRAFANA_URL", "")):
        pytest.skip("no Grafana: set GRAFANA_URL and GRAFANA_TOKEN")
    real = GrafanaHttp(url, os.environ.get("GRAFANA_TOKEN", ""))
    _sweep(real)
    yield real
    _sweep(real)


def _sweep(real: GrafanaHttp) -> None:
    for uid in [*real.boards()]:
        real._api.dashboard.delete_dashboard(uid)


def changed(board: Board, **changes: object) -> Board:
    return replace(board, document=signed({**board.document, **changes}))


def test_a_second_push_changes_nothing(grafana: Grafana) -> None:
    """Boards lie in their folders, and are as they were pushed."""
    first = push(grafana, BOARDS)
    second = push(grafana, BOARDS)

    assert [each.problem for each in first if not each.written] == []
    assert {each.difference.state for each in second} == {State.SAME}
    assert not any(each.written for each in second)
    stored = grafana.board(LAMP.uid)
    assert stored is not None
    assert (stored.folder, stored.document["title"]) == ("penfeld-lighting", LAMP.title)
    assert {board.folder.uid for board in BOARDS} <= grafana.folders().keys()
    assert set(grafana.boards()) == {board.uid for board in BOARDS}


def test_what_a_person_saved_is_kept(grafana: Grafana) -> None:
    """Told as edited, and not written over."""
    push(grafana, BOARDS)
    stored = grafana.board(LAMP.uid)
    assert stored is not None
    grafana.save(replace(LAMP, document={**LAMP.document, "title": "Mine"}), stored.version, "")

    outcomes = {each.difference.uid: each for each in push(grafana, [changed(board, refresh="5s") for board in BOARDS])}

    after = grafana.board(LAMP.uid)
    assert after is not None
    assert after.document["title"] == "Mine"
    assert (outcomes[LAMP.uid].difference.state, outcomes[LAMP.uid].written) == (State.EDITED, False)
    assert sum(each.written for each in outcomes.values()) == len(BOARDS) - 1


def test_an_old_version_is_a_conflict(grafana: Grafana) -> None:
    """Who looked at a version that is no longer the newest does not write, nor who thinks that there is no board."""
    push(grafana, BOARDS)
    stored = grafana.board(LAMP.uid)
    assert stored is not None
    grafana.save(changed(LAMP, refresh="5s"), stored.version, "")

    for version in (stored.version, None):
        with pytest.raises(ConflictError):
            grafana.save(changed(LAMP, refresh="10s"), version, "")


def test_what_is_not_there_is_none(grafana: Grafana) -> None:
    """Neither an error nor a board."""
    assert grafana.board("penfeld-of-nobody") is None
    assert {each.state for each in compare(grafana, BOARDS)} == {State.NEW}


def test_what_grafana_refuses_is_told(grafana: Grafana) -> None:
    """With the words of Grafana: a folder that is not there."""
    with pytest.raises(RefusedError):
        grafana.save(replace(LAMP, folder=Folder("penfeld-nowhere", "")), None, "")


@pytest.mark.skipif(not CLIENT, reason=NO_CLIENT)
def test_a_token_that_does_not_open_is_told_without_it() -> None:
    """What to do, and never the token; the same for a Grafana that is not there."""
    with serving(Fake()) as url, pytest.raises(ConfigError, match="service account") as refused:
        push(GrafanaHttp(url, "glsa_wrong"), BOARDS)
    with pytest.raises(UnavailableError, match="is it running") as absent:
        push(GrafanaHttp(url, "glsa_wrong"), BOARDS)

    assert "glsa" not in f"{refused.value} {absent.value}"


@pytest.mark.skipif(CLIENT, reason="grafana-client is installed: with GRAFANA_URL")
def test_without_the_extra_the_error_says_which() -> None:
    """It names what to install."""
    with pytest.raises(ConfigError, match=r"penfeld\[grafana\]"):
        GrafanaHttp("http://127.0.0.1:3000", "")
