"""All alert rules, whom each watches and what it waits for, in words: ``/rules``."""

from collections.abc import Sequence
from urllib.parse import quote

from fastapi import Request
from nicegui import ui

from api.console.components.alarm_card import severity_mark
from api.console.components.elements import Refresh, Text, block, link
from api.console.components.tabs import tabs
from api.console.components.who import Who
from api.console.conditions import waited_for, watched
from api.console.formats import number
from api.console.frame import Page, frame, words_for
from api.console.parts import Parts
from model.alarm import AlarmFilter, AlarmState, StoredRule
from model.errors import BadRequestError, ConflictError, NotFoundError, UnavailableError
from model.said import in_language, told

_COUNTED = 1000


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/rules")
    def page(request: Request) -> None:
        words = words_for(request)
        mine = parts.of(request)
        with frame(request, "alarms", words("rules.title"), words, mine.bell) as here:
            RulesPage(mine, here, request)


class RulesPage:
    """One reader's list. Cards are built again only where a rule is another one."""

    def __init__(self, parts: Parts, page: Page, request: Request) -> None:
        self._parts = parts
        self._words = words = page.words
        self._shown: list[tuple[str, str]] = []
        self._open: dict[str, Text] = {}
        tabs(words, "rules")
        with block("div", "head"):
            Text("h1", words("rules.title"))
            Text("p", words("rules.intro"), "lead")
        with block("div", "quarantine-line"):
            with block("div", "tools"):
                self._who = Who(request, words)
            link(words("rules.new"), "/rules/new", "button")
        self._none = Text("p", words("rules.none"), "panel empty")
        self._none.set_visibility(False)
        self._list = block("div", "cards")
        self._refresh = Refresh(3.0, self._load, page.notice)

    async def _load(self) -> None:
        rules = await self._parts.rules.all()
        shown = [(one.rule.name, one.version) for one in rules]
        if shown != self._shown:
            self._shown = shown
            self._build(rules)
        self._none.set_visibility(not rules)
        page = await self._parts.alarms.page(AlarmFilter(state=(AlarmState.OPEN,)), limit=_COUNTED)
        language = self._words.language
        for name, place in self._open.items():
            count = sum(one.rule == name for one in page.alarms)
            place.say(self._words("rules.open", count=number(count, language)) if count else "")
            place.set_visibility(count > 0)

    def _build(self, rules: Sequence[StoredRule]) -> None:
        self._list.clear()
        self._open.clear()
        with self._list:
            for stored in rules:
                self._card(stored)

    def _card(self, stored: StoredRule) -> None:
        words, rule, types = self._words, stored.rule, self._parts.feed.city.types
        title = words.pick(rule.title)
        off = "" if rule.enabled else " off"
        with block("article", f"panel rule-card{off}"):
            with block("div", "rule-head"):
                severity_mark(rule.severity, words)
                link(title, f"/rules/edit/{quote(rule.name)}", "alarm-title breakable")
                self._open[rule.name] = Text("span", "", "tag tag-open")
                switch = ui.switch(
                    value=rule.enabled, on_change=lambda e: self._switch(stored, on=bool(e.value))
                ).classes("rule-switch")
                switch.props["aria-label"] = words("rules.enabled.of", title=title)
            with block("dl", "facts"):
                Text("dt", words("rules.watches"))
                Text("dd", watched(rule, types, words))
                Text("dt", words("rules.waits"))
                Text("dd", waited_for(rule, types, words))
                if rule.notify:
                    Text("dt", words("rules.tells"))
                    Text("dd", ", ".join(rule.notify))
            with block("p", "small breakable"):
                Text("code", rule.name)
                Text("span", f" · {words(f'origin.{stored.origin}')}")

    async def _switch(self, stored: StoredRule, *, on: bool) -> None:
        words = self._words
        rule = stored.rule
        try:
            await self._parts.rules.switch(rule.name, self._who.name, on=on, version=stored.version)
        except UnavailableError:
            ui.notify(words("trouble.database"), type="negative")
        except (BadRequestError, ConflictError, NotFoundError) as error:
            ui.notify(in_language(told(error), words.language), type="negative")
        else:
            ui.notify(words("rules.on" if on else "rules.off", title=words.pick(rule.title)))
        self._shown = []
        self._refresh.soon()
