"""Lines over time as an element; ``line_chart.js`` draws and moves them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nicegui.element import Element
from nicegui.elements import echart  # noqa: F401  registers ECharts' module with the page's import map

from api.console.formats import milliseconds
from api.console.series import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One line: what it is, and its points. ``yes``, ``no``: the words for 1 and 0 of a field that is true or false.

    ``limits``: values to draw a dashed line at; ``shades``: from when to when (milliseconds) it is shaded.
    """

    title: str
    unit: str
    points: list[Point]
    yes: str = ""
    no: str = ""
    limits: Sequence[float] = ()
    shades: Sequence[tuple[int, int]] = ()

    def wire(self) -> dict[str, object]:
        """Return what goes to the browser."""
        said = {"title": self.title, "unit": self.unit, "points": self.points, "yes": self.yes, "no": self.no}
        return {**said, "limits": list(self.limits), "shades": list(self.shades)}


class LineChart(Element, component="line_chart.js"):
    """The chart. ``on_ready`` is called when the browser can draw."""

    def __init__(self, on_ready: Callable[[], object]) -> None:
        super().__init__()
        self.on("ready", lambda _: on_ready())

    def draw(self, lines: Sequence[Drawn], span: timedelta, now: datetime, *, still: bool = False) -> None:
        """Draw these lines over the ``span`` that ends now; with ``still`` it stays there."""
        wire = [one.wire() for one in lines]
        length = span // timedelta(milliseconds=1)
        self.run_method("draw", {"lines": wire, "span": length, "now": milliseconds(now), "still": still})

    def append(self, points: Sequence[Sequence[Point]]) -> None:
        """Add points to the lines, in their order."""
        self.run_method("append", points)
