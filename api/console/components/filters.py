"""The map's legend, which is its filter too: states and types to press, a district to choose, words to search for."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from nicegui import ui

from api.console.city import City, Selection, Spot
from api.console.components.elements import Text, block, link, mark
from api.console.formats import number
from api.console.states import Health
from api.console.texts import Words

_MATCHES = 6


class Toggle:
    """A button that is pressed or not: a mark, a word, a count."""

    def __init__(self, label: str, sign: tuple[str, Health | None], hint: str, on_press: Callable[[], None]) -> None:
        self.element = block("button", "toggle", type="button", title=hint, aria_pressed="false")
        with self.element:
            mark(*sign)
            Text("span", label, "toggle-label")
            self._count = Text("span", "", "toggle-count")
        self.element.on("click", lambda _: on_press())

    def show(self, count: str, *, pressed: bool) -> None:
        """Show the count and whether it is pressed."""
        self._count.say(count)
        self.element.props["aria-pressed"] = "true" if pressed else "false"


class Filters:
    """``on_change`` is told every new selection. ``show`` brings counts and choices up to date."""

    def __init__(self, words: Words, city: City, on_change: Callable[[Selection], None]) -> None:
        self._words = words
        self._city = city
        self._on_change = on_change
        self._selection = Selection()
        self._types: dict[str, Toggle] = {}
        self._matches: list[tuple[str, str]] = []
        with block("section", "panel filters", aria_label=words("map.filters")):
            with block("div", "panel-head"):
                self._shown = Text("h2", "", "panel-title")
                self._shown.props["aria-live"] = "polite"
                self._reset = Text("button", words("map.reset"), "plain")
                self._reset.props["type"] = "button"
                self._reset.on("click", lambda _: self._clear())
            self._search = ui.input(label=words("map.search"), on_change=lambda e: self._change(search=e.value or ""))
            self._search.props("dense outlined clearable debounce=250 type=search").classes("wide")
            self._found = block("ul", "found")
            with block("div", "toggles", role="group", aria_label=words("map.state")):
                self._states = {health: self._state_toggle(health) for health in Health}
            self._type_place = block("div", "toggles", role="group", aria_label=words("map.type"))
            self._district = ui.select(
                self._district_options([]),
                value="",
                label=words("map.district"),
                on_change=lambda e: self._change(district=e.value or ""),
            )
            self._district.props("dense outlined options-dense").classes("wide")
            self._unplaced = Text("p", "", "small")

    def _state_toggle(self, health: Health) -> Toggle:
        words, name = self._words, health.value
        return Toggle(
            words(f"health.{name}"),
            ("lighting", health),
            words(f"health.{name}.hint"),
            lambda: self._press_state(health),
        )

    def _district_options(self, districts: list[str]) -> dict[str, str]:
        return {"": self._words("map.district.all"), **{d: d for d in districts}}

    def _press_state(self, health: Health) -> None:
        self._change(states=self._selection.states ^ {health})

    def _press_type(self, name: str) -> None:
        self._change(types=self._selection.types ^ {name})

    def _clear(self) -> None:
        self._search.value = ""
        self._district.value = ""
        self._change(states=frozenset(), types=frozenset(), search="", district="")

    def _change(self, **what: object) -> None:
        selection = replace(self._selection, **what)  # type: ignore[arg-type]  # only called with Selection's fields
        if selection != self._selection:
            self._selection = selection
            self._on_change(selection)
            self.show()

    def show(self) -> None:
        """Count again, and offer the types and districts that there are."""
        spots = list(self._city.spots.values())
        here = replace(self._selection, states=frozenset(), types=frozenset())
        spots_here = [spot for spot in spots if here.holds(spot)]
        self._offer(spots)
        chosen = self._selection
        states = Counter(
            spot.health for spot in spots_here if not chosen.types or (spot.device.type or "") in chosen.types
        )
        types = Counter(
            spot.device.type or "" for spot in spots_here if not chosen.states or spot.health in chosen.states
        )
        language = self._words.language
        for health, toggle in self._states.items():
            toggle.show(number(states[health], language), pressed=health in chosen.states)
        for name, toggle in self._types.items():
            toggle.show(number(types[name], language), pressed=name in chosen.types)
        shown = [spot for spot in spots_here if chosen.holds(spot)]
        count, everyone = number(len(shown), language), number(len(spots), language)
        self._shown.say(self._words("map.shown", shown=count, all=everyone))
        self._reset.set_visibility(chosen != Selection())
        unplaced = sum(not spot.placed for spot in shown)
        self._unplaced.say(self._words("map.unplaced", count=number(unplaced, language)) if unplaced else "")
        self._show_found(shown)

    def _offer(self, spots: list[Spot]) -> None:
        present = {spot.device.type or "" for spot in spots} | self._selection.types
        if present != set(self._types):
            self._type_place.clear()
            with self._type_place:
                self._types = {name: self._type_toggle(name) for name in sorted(present, key=self._type_title)}
        options = self._district_options(self._city.districts())
        if options != self._district.options:
            self._district.set_options(options)

    def _type_title(self, name: str) -> str:
        known = self._city.types.get(name)
        return self._words.pick(known.title) if known else (name or self._words("unknown"))

    def _type_toggle(self, name: str) -> Toggle:
        known = self._city.types.get(name)
        sign = (known.domain if known else "other", None)
        return Toggle(self._type_title(name), sign, name, lambda: self._press_type(name))

    def _show_found(self, shown: list[Spot]) -> None:
        matches = shown[:_MATCHES] if self._selection.search else []
        listed = [(spot.device.id, spot.device.name) for spot in matches]
        if listed == self._matches:
            return
        self._matches = listed
        self._found.clear()
        with self._found:
            for spot in matches:
                with block("li"):
                    link(spot.device.name or spot.device.id, f"/devices/{spot.device.id}")
                    Text("small", spot.device.id)
