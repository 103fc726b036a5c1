"""What a board asks, found in its JSON as Grafana finds it: the queries of panels, variables and annotations."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dashboards.board import Board


@dataclass(frozen=True)
class Asked:
    """One query, and where it stands."""

    board: str
    where: str
    sql: str
    format: str


def panels(board: Board) -> Iterator[dict[str, Any]]:
    """Yield the panels of a board, those of rows included."""
    for panel in board.document["panels"]:
        yield panel
        yield from panel.get("panels", [])


def asked(board: Board) -> Iterator[Asked]:
    """Yield every query of SQL."""
    for panel in panels(board):
        for target in panel.get("targets", []):
            if "rawSql" in target:
                yield Asked(board.uid, f"panel {panel['title']} {target['refId']}", target["rawSql"], target["format"])
    for variable in board.document["templating"]["list"]:
        if variable["type"] == "query":
            yield Asked(board.uid, f"variable {variable['name']}", variable["query"], "variable")
    for annotation in board.document["annotations"]["list"]:
        yield Asked(board.uid, f"annotation {annotation['name']}", annotation["target"]["rawSql"], "annotation")
