"""The live map with its filters and key figures: ``/``."""

from fastapi import Request
from nicegui import ui

from api.console.city import Changes, Selection
from api.console.components.city_map import CityMap
from api.console.components.elements import Text, block
from api.console.components.filters import Filters
from api.console.components.key_figures import KeyFigures
from api.console.frame import ASSETS, Page, frame, words_for
from api.console.parts import Parts


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/")
    def page(request: Request) -> None:
        words = words_for(request)
        mine = parts.of(request)
        with frame(request, "map", words("map.title"), words, mine.bell) as here:
            CityPage(mine, here)


class CityPage:
    """One reader's map. The feed tells it every tick what changed; it tells the browser."""

    def __init__(self, parts: Parts, page: Page) -> None:
        self._feed = parts.feed
        self._notice = page.notice
        self._selection = Selection()
        self._ready = False
        self._words = words = page.words
        Text("h1", words("map.title"), "hidden-text")
        with block("div", "map-place"):
            self._map = CityMap(
                config=parts.config,
                base=f"{ASSETS}/brest.geojson",
                words=words,
                types=self._feed.city.types,
                on_ready=self._load,
            )
            self._map.props.update({"role": "application", "aria-label": words("map.label")})
            self._empty = Text("p", words("map.empty"), "map-empty")
        with block("aside", "map-side"):
            self._figures = KeyFigures(words)
            self._filters = Filters(words, self._feed.city, self._select)
        ui.context.client.on_delete(self._feed.watch(self._see))
        self._show(counts=True)

    def _load(self) -> None:
        self._ready = True
        self._map.load(self._feed.city.markers())
        self._map.select(self._selection, self._only())

    def _see(self, changes: Changes) -> None:
        if self._ready:
            self._map.apply(changes)
            if self._selection.search and changes.renewed:
                self._map.select(self._selection, self._only())
        self._show(counts=bool(changes.states or changes.renewed or changes.removed))

    def _show(self, *, counts: bool) -> None:
        feed = self._feed
        self._show_trouble()
        self._empty.set_visibility(feed.loaded and not feed.city.spots)
        self._figures.show(feed)
        if counts:
            self._filters.show()

    def _show_trouble(self) -> None:
        feed, words = self._feed, self._words
        if feed.trouble:
            self._notice.say(words("trouble.database"))
        elif feed.flow.trouble:
            self._notice.say(words("trouble.worker", trouble=feed.flow.trouble))
        self._notice.set_visibility(bool(feed.trouble or feed.flow.trouble))

    def _select(self, selection: Selection) -> None:
        self._selection = selection
        if self._ready:
            self._map.select(selection, self._only())

    def _only(self) -> list[int] | None:
        if not self._selection.search:
            return None
        wanted = Selection(search=self._selection.search)
        return [spot.index for spot in self._feed.city.spots.values() if wanted.holds(spot)]
