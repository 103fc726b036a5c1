"""Boards here and boards in a Grafana: what differs, who changed it, what a push does about it. Pure but for the port.

Rules:

1. A board carries the hash of what was pushed last (``board.signature``). Where it no longer agrees with the board, and
   the newest version was not saved by us, a person has edited it: it is reported, and left alone unless forced.
2. Grafana counts versions. A push names the version that it looked at, so that what is saved in between is a conflict
   and nothing is lost.
3. A board that is as it should be is not written. Boards and folders of others are never touched.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dashboards.board import Board, Document, Folder, digest, signature

MESSAGE = "penfeld "
"""How the message of a version begins that a push saved; the hash follows."""


class ConflictError(Exception):
    """Somebody saved the board in the meantime."""


class RefusedError(Exception):
    """Grafana does not take it: what it says."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A board as Grafana has it."""

    document: Document
    folder: str
    version: int


class Grafana(Protocol):
    """The door to a Grafana."""

    def folders(self) -> Mapping[str, str]:
        """Return uid -> title of all folders."""

    def make_folder(self, folder: Folder) -> None:
        """Make a folder."""

    def board(self, uid: str) -> Stored | None:
        """Return a board, ``None`` if there is none."""

    def boards(self) -> Sequence[str]:
        """Return the uids of the boards with our tag."""

    def last_message(self, uid: str) -> str:
        """Return what was said when the newest version of a board was saved."""

    def save(self, board: Board, version: int | None, message: str) -> None:
        """Write a board over this version of it (``None``: there is none).

        Raise ``ConflictError`` if that is not the newest, ``RefusedError`` with what Grafana says.
        """


class State(StrEnum):
    """How a board here and the one in Grafana are to each other."""

    SAME = "same"
    NEW = "new"
    CHANGED = "changed"
    MOVED = "moved"
    EDITED = "edited"
    UNKNOWN = "unknown"  # one of ours by its tag, of which nothing is known here


@dataclass(frozen=True, slots=True)
class Difference:
    """One board: how it is, and what Grafana has of it."""

    uid: str
    title: str
    state: State
    board: Board | None = None
    stored: Stored | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done about one board. ``problem``: why nothing was."""

    difference: Difference
    written: bool
    problem: str = ""


def compare(grafana: Grafana, boards: Sequence[Board]) -> list[Difference]:
    """Return how each board is, in order, then those with our tag that are none of these."""
    known = {board.uid for board in boards}
    found = [_compared(grafana, board) for board in boards]
    for uid in sorted(set(grafana.boards()) - known):
        stored = grafana.board(uid)
        if stored is not None and signature(stored.document) is not None:
            found.append(Difference(uid, str(stored.document.get("title", "")), State.UNKNOWN, stored=stored))
    return found


def push(
    grafana: Grafana,
    boards: Sequence[Board],
    *,
    force: bool = False,
    told: Callable[[Outcome], None] = lambda _outcome: None,
) -> list[Outcome]:
    """Bring Grafana to these boards; return what was done about each. ``force``: also over what people edited."""
    differences = compare(grafana, boards)
    there = set(grafana.folders())
    outcomes = []
    for difference in differences:
        outcome = Outcome(difference, written=False)
        board = difference.board
        if board is not None and _to_be_written(difference.state, force=force):
            if board.folder.uid not in there:
                grafana.make_folder(board.folder)
                there.add(board.folder.uid)
            outcome = _written(grafana, difference, board)
        told(outcome)
        outcomes.append(outcome)
    return outcomes


def edits(grafana: Grafana, boards: Sequence[Board]) -> Mapping[str, Document]:
    """Return uid -> document of each board that people edited: what ``pull`` saves."""
    return {
        each.uid: each.stored.document
        for each in compare(grafana, boards)
        if each.state is State.EDITED and each.stored is not None
    }


def _compared(grafana: Grafana, board: Board) -> Difference:
    stored = grafana.board(board.uid)
    state = State.NEW if stored is None else _state(grafana, board, stored)
    return Difference(board.uid, board.title, state, board, stored)


def _state(grafana: Grafana, board: Board, stored: Stored) -> State:
    pushed = signature(stored.document)
    touched = pushed is None or digest(stored.document) != pushed
    # A newer Grafana gives boards back in a form of its own; who saved last tells whether a person did anything.
    if touched and (pushed is None or grafana.last_message(board.uid) != MESSAGE + pushed):
        return State.EDITED
    if pushed != signature(board.document):
        return State.CHANGED
    return State.SAME if stored.folder == board.folder.uid else State.MOVED


def _to_be_written(state: State, *, force: bool) -> bool:
    """Whether a push writes: a board that people put into another folder stays there."""
    return state in {State.NEW, State.CHANGED} or (force and state in {State.EDITED, State.MOVED})


def _written(grafana: Grafana, difference: Difference, board: Board) -> Outcome:
    version = None if difference.stored is None else difference.stored.version
    try:
        grafana.save(board, version, f"{MESSAGE}{signature(board.document)}")
    except ConflictError:
        return Outcome(difference, written=False, problem="somebody saved it just now: look at it, then push again")
    except RefusedError as error:
        return Outcome(difference, written=False, problem=str(error))
    return Outcome(difference, written=True)
