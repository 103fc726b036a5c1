"""A table as an element: columns and rows of texts, drawn by ``grid.js``. On a phone each row becomes a card."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nicegui.element import Element
from nicegui.events import GenericEventArguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. ``align``: ``"end"`` for numbers. ``sort``: whether its head asks for sorting."""

    key: str
    label: str
    align: str = ""
    sort: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell. ``mark``: a state's sign before the text; ``note``: small print below; ``badge``: a label behind it."""

    text: str
    href: str = ""
    note: str = ""
    mark: str = ""
    tone: str = ""
    badge: str = ""
    badge_hint: str = ""
    hint: str = ""
    css: str = ""
    code: bool = False

    def wire(self) -> dict[str, object]:
        """Return what goes to the browser."""
        names = ("href", "note", "mark", "tone", "badge", "badge_hint", "hint", "css", "code")
        return {"text": self.text, **{name: getattr(self, name) for name in names if getattr(self, name)}}


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``key`` tells it from the others; ``tone``: ``"bad"`` marks the whole row."""

    key: str
    cells: tuple[Cell, ...]
    tone: str = ""

    def wire(self) -> dict[str, object]:
        """Return what goes to the browser."""
        return {"key": self.key, "cells": [cell.wire() for cell in self.cells], "tone": self.tone}


class Grid(Element, component="grid.js"):
    """The table. ``on_sort`` is called with the key of the column whose head was pressed."""

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        caption: str,
        empty: str = "",
        stacked: bool = True,
        on_sort: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self._props["columns"] = [{"key": c.key, "label": c.label, "align": c.align, "sort": c.sort} for c in columns]
        self._props["rows"] = []
        self._props["caption"] = caption
        self._props["empty"] = ""
        self._props["sort"] = {"key": "", "down": False}
        self._props["stacked"] = stacked
        self._empty = empty
        if on_sort is not None:

            def sorted_by(event: GenericEventArguments) -> None:
                on_sort(str(event.args))

            self.on("sort", sorted_by)

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows; sends nothing when they are the ones shown."""
        wire = [row.wire() for row in rows]
        if wire != self._props["rows"] or self._props["empty"] != self._empty:
            self._props["rows"] = wire
            self._props["empty"] = self._empty

    def show_order(self, key: str, *, down: bool) -> None:
        """Show which column the rows are sorted by."""
        self._props["sort"] = {"key": key, "down": down}
