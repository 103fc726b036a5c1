"""A push brings a Grafana to our boards, and never takes a person's work away."""

from collections.abc import Callable

import pytest

from dashboards.board import Board, Setting, digest, signature, signed
from dashboards.generated import boards
from dashboards.sync import Grafana as Port
from dashboards.sync import State, compare, edits, push
from decoders.catalogue import Catalogue
from tests.fakes.grafana import Grafana
from tests.unit.dashboards.types import TYPES

BOARDS = boards(TYPES, Setting("fr"))
UIDS = [board.uid for board in BOARDS]
LAMP = "penfeld-type-lamp"


def states(grafana: Port, some: tuple[Board, ...] = BOARDS) -> dict[str, State]:
    return {each.uid: each.state for each in compare(grafana, some)}


def changed(board: Board, **changes: object) -> Board:
    return Board(board.uid, board.title, board.folder, signed({**board.document, **changes}))


@pytest.mark.parametrize("normalises", [False, True])
def test_a_second_push_changes_nothing(*, normalises: bool) -> None:
    """Also where Grafana gives boards back in a form of its own."""
    grafana = Grafana(normalises=normalises)

    first = push(grafana, BOARDS)
    saved = grafana.saved
    second = push(grafana, BOARDS)

    assert [each.written for each in first] == [True] * len(BOARDS)
    assert {each.difference.state for each in second} == {State.SAME}
    assert grafana.saved == saved == len(BOARDS)
    assert set(grafana.made) == {board.folder.uid for board in BOARDS}


def test_all_boards_of_the_catalogue_are_pushed_once() -> None:
    """About sixty of them, into a folder a domain."""
    every = boards(Catalogue.builtin().types(), Setting("fr"))
    grafana = Grafana()

    push(grafana, every)

    assert len(every) > 50
    assert set(states(grafana, every).values()) == {State.SAME}
    assert grafana.kept[LAMP.replace("lamp", "penfeld-streetlight")].folder == "penfeld-lighting"


def test_a_changed_board_is_written_over_what_we_pushed() -> None:
    """Only that one."""
    grafana = Grafana()
    push(grafana, BOARDS)
    newer = (changed(BOARDS[0], refresh="5s"), *BOARDS[1:])

    outcomes = push(grafana, newer)

    assert [each.difference.uid for each in outcomes if each.written] == [UIDS[0]]
    assert grafana.kept[UIDS[0]].document["refresh"] == "5s"
    assert grafana.kept[UIDS[0]].version == 2


@pytest.mark.parametrize("normalises", [False, True])
@pytest.mark.parametrize("newer", [False, True])
def test_what_people_edited_is_kept_and_told(*, normalises: bool, newer: bool) -> None:
    """Whether or not there is something new to push; `pull` gets it, force writes over it."""
    grafana = Grafana(normalises=normalises)
    push(grafana, BOARDS)
    grafana.edit(LAMP, title="Mine")
    some = tuple(changed(board, refresh="5s") for board in BOARDS) if newer else BOARDS

    outcomes = {each.difference.uid: each for each in push(grafana, some)}
    saved = edits(grafana, some)

    assert (outcomes[LAMP].difference.state, outcomes[LAMP].written) == (State.EDITED, False)
    assert grafana.kept[LAMP].document["title"] == "Mine"
    assert list(saved) == [LAMP]
    assert saved[LAMP]["title"] == "Mine"

    assert next(each for each in push(grafana, some, force=True) if each.difference.uid == LAMP).written
    assert set(states(grafana, some).values()) == {State.SAME}


def test_a_board_that_somebody_else_made_is_not_ours() -> None:
    """One with our uid and without our tag counts as edited: nothing is written over it."""
    grafana = Grafana()
    grafana.made["penfeld"] = "Theirs"
    grafana.write({"uid": LAMP, "title": "Theirs", "tags": []}, "penfeld", None, "")

    push(grafana, BOARDS)

    assert grafana.kept[LAMP].document["title"] == "Theirs"
    assert states(grafana)[LAMP] is State.EDITED


def test_a_board_in_another_folder_stays_there() -> None:
    """Who sorts boards into folders is left alone, and told so by `diff`."""
    grafana = Grafana()
    push(grafana, BOARDS)
    grafana.kept[LAMP].folder = "somewhere"

    push(grafana, BOARDS)

    assert states(grafana)[LAMP] is State.MOVED
    assert grafana.kept[LAMP].folder == "somewhere"


def test_a_board_of_a_type_that_is_gone_is_told_and_kept() -> None:
    """Penfeld deletes no board."""
    grafana = Grafana()
    push(grafana, BOARDS)

    fewer = tuple(board for board in BOARDS if board.uid != LAMP)
    push(grafana, fewer)

    assert states(grafana, fewer)[LAMP] is State.UNKNOWN
    assert LAMP in grafana.kept


def test_who_saves_while_we_push_wins() -> None:
    """The version that was looked at is not the newest: nothing is written, and the reason told."""

    class Busy(Grafana):
        def save(self, board: Board, version: int | None, message: str) -> None:
            if board.uid == LAMP and version:
                self.edit(LAMP, title="Just now")
            super().save(board, version, message)

    grafana = Busy()
    push(grafana, BOARDS)
    newer = tuple(changed(board, refresh="5s") for board in BOARDS)

    outcomes = {each.difference.uid: each for each in push(grafana, newer)}

    assert "somebody saved it just now" in outcomes[LAMP].problem
    assert grafana.kept[LAMP].document["title"] == "Just now"
    assert sum(each.written for each in outcomes.values()) == len(BOARDS) - 1


def test_what_grafana_refuses_is_told_and_the_rest_is_written() -> None:
    """Boards from files cannot be saved over: that is said of each, and stops no other."""
    grafana = Grafana()
    grafana.provisioned.add(LAMP)

    outcomes = {each.difference.uid: each for each in push(grafana, BOARDS)}

    assert outcomes[LAMP].problem == "Cannot save provisioned dashboard"
    assert sum(each.written for each in outcomes.values()) == len(BOARDS) - 1


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda document: document | {"id": 12, "version": 3}, True),
        (lambda document: document | {"title": "Another"}, False),
        (lambda document: document | {"tags": [*document["tags"], "mine"]}, False),
        (lambda document: document | {"panels": document["panels"][1:]}, False),
    ],
)
def test_a_hash_is_of_what_people_can_change(
    change: Callable[[dict[str, object]], dict[str, object]], *, same: bool
) -> None:
    """Not of what Grafana counts itself."""
    document = BOARDS[0].document

    assert (digest(change(dict(document))) == signature(document)) is same
