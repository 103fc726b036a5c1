"""What is wrong in the city, the most urgent first, and what was: ``/alarms``."""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import Request
from nicegui import ui

from api.console.alarm_lines import Wanted, open_ones
from api.console.components.alarm_card import Actions, button
from api.console.components.alarm_list import AlarmList, known_of
from api.console.components.elements import Refresh, Text, block
from api.console.components.pager import Pager
from api.console.components.tabs import tabs
from api.console.components.who import Who
from api.console.formats import number
from api.console.frame import Page, frame, words_for
from api.console.parts import Parts
from model.severity import SEVERITIES

_SIZE = 20
_STATES = ("", "open", "cleared", "withdrawn")
_SIMULATED = ("", "exclude", "only")


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/alarms")
    def page(request: Request) -> None:
        words = words_for(request)
        mine = parts.of(request)
        with frame(request, "alarms", words("alarms.title"), words, mine.bell) as here:
            AlarmsPage(mine, here, request)


def wanted_of(asked: Mapping[str, str]) -> Wanted:
    """Return what the address asks for: ``?state=…&severity=…&simulated=…``."""
    state, severity, simulated = (asked.get(name, "") for name in ("state", "severity", "simulated"))
    return Wanted(
        state=state if state in _STATES else "",
        severity=severity if severity in SEVERITIES else "",
        simulated=simulated if simulated in _SIMULATED else "",
    )


class AlarmsPage:
    """One reader's look at them, read again every two seconds; an older page of the history stays as it is."""

    def __init__(self, parts: Parts, page: Page, request: Request) -> None:
        self._parts = parts
        self._words = words = page.words
        self._wanted = wanted_of(request.query_params)
        self._cursors: list[int | None] = [None]
        self._next: int | None = None
        tabs(words, "alarms")
        with block("div", "head"):
            Text("h1", words("alarms.title"))
            self._count = Text("span", "", "muted")
            self._count.props["aria-live"] = "polite"
        self._tools(request)
        actions = Actions(parts, words, lambda: self._who.name, self._soon)
        with block("section", "stack", aria_label=words("alarms.open")) as self._open_part:
            with block("div", "quarantine-line"):
                Text("h2", words("alarms.open"))
                with block("div", "card-buttons"):
                    self._all = button(words("alarms.select.all"), "button second", self._select_all)
                    self._some = button("", "button", self._acknowledge)
            self._nothing = Text("p", "", "panel empty")
            self._open = AlarmList(words, actions, self._selected)
            self._more = Text("p", words("alarms.open.more"), "small")
        with block("section", "stack", aria_label=words("alarms.history")) as self._past_part:
            Text("h2", words("alarms.history"))
            self._past = AlarmList(words)
            self._no_past = Text("p", words("alarms.history.none"), "panel empty")
            self._pager = Pager(words("newest"), words("older"), self._turn)
        self._actions = actions
        self._selected()
        self._refresh = Refresh(2.0, self._load, page.notice)

    def _tools(self, request: Request) -> None:
        words = self._words
        severities = {"": words("alarms.severity.")} | {s: words(f"severity.{s}") for s in reversed(SEVERITIES)}
        choices: tuple[tuple[str, dict[str, str]], ...] = (
            ("state", {name: words(f"alarms.state.{name}") for name in _STATES}),
            ("severity", severities),
            ("simulated", {name: words(f"alarms.simulated.{name}") for name in _SIMULATED}),
        )
        with block("div", "tools"):
            for name, options in choices:
                ui.select(
                    options,
                    value=getattr(self._wanted, name),
                    label=words(f"alarms.{name}"),
                    on_change=lambda e, name=name: self._choose(name, str(e.value or "")),
                ).props("dense outlined options-dense")
            self._who = Who(request, words)

    def _choose(self, name: str, value: str) -> None:
        self._wanted = replace(self._wanted, **{name: value})
        self._cursors = [None]
        self._soon()

    def _soon(self) -> None:
        self._refresh.soon()

    def _turn(self, by: int) -> None:
        if by > 0 and self._next is not None:
            self._cursors.append(self._next)
        elif by < 0:
            self._cursors = [None]
        self._soon()

    async def _select_all(self) -> None:
        self._open.select_all()

    def _selected(self) -> None:
        count = len(self._open.selected)
        words = self._words
        self._some.say(words("alarms.acknowledge.some", count=number(count, words.language)))
        self._some.props["disabled"] = not count
        everything = bool(count) and count == self._open.selectable
        self._all.say(words("alarms.select.none" if everything else "alarms.select.all"))

    async def _acknowledge(self) -> None:
        if self._open.selected:
            await self._actions.acknowledge(sorted(self._open.selected))

    async def _load(self) -> None:
        words, parts, wanted = self._words, self._parts, self._wanted
        known, now = await known_of(parts), parts.clock()
        if wanted.open is not None:
            found, more = await open_ones(parts.alarms, wanted.open)
            self._open.show(found, known, now)
            self._more.set_visibility(more)
            sign = "+" if more else ""
            self._count.say(words("alarms.open.count", count=number(len(found), words.language) + sign))
            self._nothing.say(words("alarms.none" if wanted == Wanted() else "alarms.none.filtered"))
            self._nothing.set_visibility(not found)
            self._all.set_visibility(self._open.selectable > 1)
            self._some.set_visibility(self._open.selectable > 1)
            self._selected()
        else:
            self._count.say("")
        self._open_part.set_visibility(wanted.open is not None)
        if wanted.over is not None:
            cursor = self._cursors[-1]
            page = await parts.alarms.page(wanted.over, limit=_SIZE, before=cursor)
            self._next = page.next_before
            self._past.show(page.alarms, known, now)
            self._no_past.set_visibility(not page.alarms)
            self._pager.show("", back=cursor is not None, forth=page.next_before is not None)
        self._past_part.set_visibility(wanted.over is not None)
