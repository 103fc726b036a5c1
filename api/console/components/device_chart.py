"""Charts of one device: which fields, how long, the past from the database, then live."""

from collections.abc import Callable
from datetime import datetime, timedelta

from nicegui.element import Element

from api.console.components.elements import Refresh, Text, block
from api.console.components.line_chart import Drawn, LineChart
from api.console.components.segments import Segments
from api.console.formats import number, unit
from api.console.history import History, history
from api.console.series import Line, drawable, first_choice, gap_of, lines
from api.console.texts import Words
from model.device import DeviceType, Field, Kind
from model.ports import Queries
from model.status import LiveReading

SPANS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
_MOST_FIELDS = 4
_RELOAD_S = 120.0


class DeviceChart:
    """The panel with the charts."""

    def __init__(
        self,
        queries: Queries,
        clock: Callable[[], datetime],
        device: str,
        device_type: DeviceType,
        *,
        words: Words,
        notice: Element,
    ) -> None:
        self._queries, self._clock = queries, clock
        self._device, self._type = device, device_type
        self._words = words
        self._fields = first_choice(device_type)
        self._lines: list[Line] = []
        self._chips: dict[str, Text] = {}
        with block("section", "panel stack", aria_label=words("device.charts")):
            with block("div", "panel-head"):
                Text("h2", words("device.charts"), "panel-title")
                labels = {name: words(f"device.range.{name}") for name in SPANS}
                chosen = "1h" if 4 * device_type.period < SPANS["1h"] else "24h"
                self._span = Segments(words("device.range"), labels, chosen, self._respan)
            with block("div", "chips", role="group", aria_label=words("device.fields")):
                for field in filter(drawable, device_type.fields):
                    self._chips[field.name] = self._chip(field)
            self._chart = LineChart(self._ready)
            self._chart.props["role"] = "img"
            self._note = Text("p", words("loading"), "small")
        self._refresh = Refresh(_RELOAD_S, self._load, notice)
        self._show_chips()

    def _chip(self, field: Field) -> Text:
        chip = Text("button", self._words.pick(field.title), "chip")
        chip.props["type"] = "button"
        chip.on("click", lambda _: self._press(field.name))
        return chip

    def _press(self, name: str) -> None:
        if name in self._fields:
            self._fields.remove(name)
        else:
            self._fields = [*self._fields, name][-_MOST_FIELDS:]
        self._show_chips()
        self._refresh.soon()

    def _show_chips(self) -> None:
        for name, chip in self._chips.items():
            chip.props["aria-pressed"] = "true" if name in self._fields else "false"

    def _respan(self, _: str) -> None:
        self._refresh.soon()

    def _ready(self) -> None:
        self._refresh.soon()

    async def _load(self) -> None:
        now, span, fields = self._clock(), SPANS[self._span.chosen], list(self._fields)
        found = (
            await history(self._queries, self._type, self._device, fields, now - span, now + timedelta(minutes=1))
            if fields
            else History([])
        )
        points, self._lines = lines(found.rows, fields, gap_of(self._type.period, found.thinned_to))
        drawn = []
        for name, of_field in zip(fields, points, strict=True):
            field = self._type.field(name)
            if field is not None:
                drawn.append(self._drawn(field, of_field))
        self._chart.draw(drawn, span, now)
        titles = ", ".join(one.title for one in drawn)
        self._chart.props["aria-label"] = self._words("device.chart.label", field=titles)
        self._note.say(self._describe(found))

    def _drawn(self, field: Field, points: list[list[float | None]]) -> Drawn:
        words = self._words
        yes, no = (words("yes"), words("no")) if field.kind is Kind.BOOL else ("", "")
        return Drawn(title=words.pick(field.title), unit=unit(field.unit), points=points, yes=yes, no=no)

    def _describe(self, found: History) -> str:
        count = number(len(found.rows), self._words.language)
        if not found.rows:
            return self._words("device.chart.none")
        if found.thinned_to is not None:
            return self._words("device.thinned", shown=count)
        return self._words("device.drawn", count=count)

    def hear(self, reading: LiveReading) -> None:
        """Let the lines grow by a live reading."""
        if len(self._lines) != len(self._fields):
            return  # the fields were just changed: the load under way brings this reading too
        points = [
            line.add(reading.time, reading.values[name]) if reading.values.get(name) is not None else []
            for line, name in zip(self._lines, self._fields, strict=True)
        ]
        if any(points):
            self._chart.append(points)
