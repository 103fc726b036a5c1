"""All devices: searched, filtered, sorted and paged on the server: ``/devices``."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from fastapi import Request
from nicegui import ui

from api.console.city import Selection, Spot
from api.console.components.elements import Refresh, Text, block
from api.console.components.grid import Cell, Column, Grid, Row
from api.console.components.pager import Pager
from api.console.formats import age, clock_time, number
from api.console.frame import Page, frame, words_for
from api.console.listing import SORTS, listed
from api.console.parts import Parts
from api.console.states import Health
from api.console.texts import Words
from model.device import DeviceType, State

_SIZE = 50


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/devices")
    def page(request: Request) -> None:
        words = words_for(request)
        mine = parts.of(request)
        with frame(request, "devices", words("devices.title"), words, mine.bell) as here:
            DevicesPage(mine, here, _selection(request.query_params))


def _selection(asked: Mapping[str, str]) -> Selection:
    """Return what the address asks for: ``?type=…&state=…&search=…``."""
    state = asked.get("state", "")
    return Selection(
        types=frozenset({asked["type"]} if asked.get("type") else ()),
        states=frozenset(health for health in Health if health.value == state),
        pending=True if state == State.PENDING.value else None,
        search=asked.get("search", "")[:100],
    )


class DevicesPage:
    """One reader's list."""

    def __init__(self, parts: Parts, page: Page, selection: Selection) -> None:
        self._feed = parts.feed
        self._page = page
        self._words = words = page.words
        self._selection = selection
        self._sort, self._down, self._number = "device", False, 0
        with block("div", "head"):
            Text("h1", words("devices.title"))
            self._count = Text("span", "", "muted")
            self._count.props["aria-live"] = "polite"
        with block("div", "tools"):
            self._build_tools()
        with block("section", "panel"):
            names = ("device", "type", "health", "last", "district", "network")
            columns = [Column(key=n, label=words(f"devices.{n}"), sort=n in SORTS) for n in names]
            self._grid = Grid(
                columns, caption=words("devices.title"), empty=words("devices.none"), on_sort=self._sort_by
            )
            self._pager = Pager(words("previous"), words("next"), self._turn)
        self._refresh = Refresh(2.0, self._load, page.notice)

    def _build_tools(self) -> None:
        words, chosen = self._words, self._selection
        search = ui.input(
            words("map.search"), value=chosen.search, on_change=lambda e: self._choose(search=e.value or "")
        )
        search.props("dense outlined clearable debounce=250 type=search").classes("grow")
        types = {
            "": words("devices.type.all"),
            **{name: words.pick(t.title) for name, t in sorted(self._feed.city.types.items())},
        }
        asked = next(iter(chosen.types), "")
        kind = ui.select(
            types,
            value=asked if asked in types else "",
            label=words("devices.type"),
            on_change=lambda e: self._choose(types=frozenset({e.value} if e.value else ())),
        )
        kind.props("dense outlined options-dense")
        states = {"": words("devices.health.all"), **{h.value: words(f"health.{h.value}") for h in Health}}
        states[State.PENDING.value] = words("devices.pending")
        state = State.PENDING.value if chosen.pending else next((h.value for h in chosen.states), "")
        health = ui.select(states, value=state, label=words("devices.health"), on_change=lambda e: self._state(e.value))
        health.props("dense outlined options-dense")

    def _state(self, name: str) -> None:
        states = frozenset(health for health in Health if health.value == name)
        self._choose(states=states, pending=True if name == State.PENDING.value else None)

    def _choose(self, **what: object) -> None:
        self._selection = replace(self._selection, **what)  # type: ignore[arg-type]  # only called with Selection's fields
        self._number = 0
        self._show()

    def _sort_by(self, key: str) -> None:
        self._down = not self._down if key == self._sort else key == "last"
        self._sort = key
        self._show()

    def _turn(self, by: int) -> None:
        self._number += by
        self._show()

    async def _load(self) -> None:
        self._show()

    def _show(self) -> None:
        spots = self._feed.city.spots.values()
        found = listed(spots, self._selection, sort=self._sort, down=self._down, page=self._number, size=_SIZE)
        self._number = found.first // _SIZE
        language = self._words.language
        self._count.say(self._words("devices.count", count=number(found.total, language)))
        self._grid.show_order(self._sort, down=self._down)
        types = self._feed.city.types
        self._grid.show(
            [_row(spot, types.get(spot.device.type or ""), self._words, self._feed.now) for spot in found.spots]
        )
        last = found.first + len(found.spots)
        many = found.total > _SIZE
        where = f"{number(found.first + 1, language)}–{number(last, language)} / {number(found.total, language)}"
        self._pager.show(where if many else "", back=found.first > 0, forth=last < found.total)
        self._page.notice.set_visibility(bool(self._feed.trouble))


def _row(spot: Spot, kind: DeviceType | None, words: Words, now: datetime) -> Row:
    device, language = spot.device, words.language
    if spot.time is None:
        last = Cell(text=words("never"), tone="muted")
    else:
        last = Cell(text=words("ago", age=age(now - spot.time, language)), hint=clock_time(spot.time, language))
    health = words(f"health.{spot.health.value}")
    return Row(
        device.id,
        (
            Cell(
                text=device.name or device.id,
                href=f"/devices/{device.id}",
                note=device.id if device.name else "",
                badge=words("simulated") if device.simulated else "",
                badge_hint=words("simulated.hint"),
            ),
            Cell(text=words.pick(kind.title) if kind else (device.type or words("unknown"))),
            Cell(
                text=health,
                mark=spot.health.value,
                note=words("state.pending") if device.state is State.PENDING else "",
            ),
            last,
            Cell(text=device.district or "–"),
            Cell(text=device.network or "–"),
        ),
    )
