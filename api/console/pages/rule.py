"""Writing an alert rule: for people who know no TOML, tried on the past before it counts.

``/rules/new?type=…&field=…&device=…`` and ``/rules/edit/{name}``.
"""

from urllib.parse import unquote

from fastapi import Request
from nicegui import ui

from api.console.components.alarm_card import button
from api.console.components.confirm import Confirm
from api.console.components.elements import Refresh, Text, block, link
from api.console.components.past import Past
from api.console.components.rule_boxes import RuleBoxes
from api.console.components.tabs import tabs
from api.console.components.who import Who
from api.console.drafts import Draft, DraftError, draft_of, name_of, prefilled, rule_of_draft
from api.console.frame import Page, frame, words_for
from api.console.parts import Parts
from api.console.trials import lately, taken
from model.alarm import StoredRule
from model.errors import BadRequestError, ConflictError, NotFoundError, UnavailableError
from model.rule import Rule
from model.said import in_language, told
from model.trial import Alternative

_LATELY = 30


def register(parts: Parts) -> None:
    """Make the pages known."""

    @ui.page("/rules/new")
    def new(request: Request) -> None:
        words = words_for(request)
        mine = parts.of(request)
        with frame(request, "alarms", words("editor.new"), words, mine.bell) as here:
            draft = prefilled(request.query_params, mine.feed.city.types)
            RulePage(mine, here, request, draft, None)

    @ui.page("/rules/edit/{name:path}")
    async def edit(request: Request, name: str) -> None:
        words = words_for(request)
        mine = parts.of(request)
        try:
            stored = await mine.rules.rule(unquote(name))
        except (NotFoundError, UnavailableError) as error:
            missing = isinstance(error, NotFoundError)
            ui.context.client.status_code = 404 if missing else 503
            with frame(request, "alarms", words("not_found.title"), words, mine.bell):
                Text("h1", words("not_found.title"))
                Text("p", words("gone.rule", name=name[:100]) if missing else words("trouble.database"))
                link(words("rules.title"), "/rules")
            return
        with frame(request, "alarms", words.pick(stored.rule.title), words, mine.bell) as here:
            RulePage(mine, here, request, draft_of(stored.rule), stored)


class RulePage:
    """One writer's rule. What is wrong is said while it is written; saving shows first what it would have raised."""

    def __init__(self, parts: Parts, page: Page, request: Request, draft: Draft, stored: StoredRule | None) -> None:
        self._parts, self._draft, self._stored = parts, draft, stored
        self._words = words = page.words
        self._rule: Rule | None = None
        self._names: set[str] = set()
        self._dirty = True
        tabs(words, "rules")
        with block("div", "head"):
            Text("h1", words("editor.new" if stored is None else "editor.change"))
            if stored is not None:
                Text("span", words(f"origin.{stored.origin}"), "muted")
        with block("div", "editor"):
            with block("div", "stack"):
                self._boxes = RuleBoxes(parts, words, draft, self._changed)
            with block("div", "stack"):
                self._verdict()
                self._past = Past(parts, words, lambda: self._rule, self._take)
                self._saving(request)
        self._save_first = Confirm(words("editor.save.title"), words("editor.save"), words("editor.save.no"))
        self._remove_first = Confirm(words("editor.remove.title"), words("editor.remove"), words("editor.remove.no"))
        self._refresh = Refresh(0.7, self._check, page.notice)

    def _verdict(self) -> None:
        words = self._words
        with block("section", "panel", aria_label=words("editor.problems"), aria_live="polite"):
            self._fine = Text("p", words("editor.fine"), "good")
            self._wrong = Text("h2", words("editor.problems"), "panel-head")
            self._problems = block("ul", "flags")
            self._notes = block("ul", "small")

    def _saving(self, request: Request) -> None:
        words = self._words
        with block("section", "panel stack"):
            self._who = Who(request, words)
            with block("div", "card-buttons"):
                if self._stored is not None:
                    button(words("editor.remove"), "button second", self._ask_to_remove)
                self._save = button(words("editor.save"), "button", self._ask_to_save)

    def _changed(self) -> None:
        self._dirty = True

    def _take(self, other: Alternative) -> None:
        taken(self._draft, other)
        self._boxes.rewrite()

    async def _check(self) -> None:
        """Say what is wrong with the draft as it stands, when it is another one."""
        if not self._dirty:
            return
        if not self._names:
            self._names = {one.rule.name for one in await self._parts.rules.all()}
        if not self._draft.named:
            self._boxes.show_name(name_of(self._draft, self._names))
        self._dirty = False
        words = self._words
        notes: list[str] = []
        try:
            rule = rule_of_draft(self._draft)
        except DraftError as error:
            self._rule, problems = (
                None,
                [words(error.key, box=self._boxes.label(error.box), detail=in_language(error.detail, words.language))],
            )
        else:
            problems = list(await self._parts.rules.problems(rule))
            self._rule = None if problems else rule
            notes = list(await self._parts.rules.notes(rule)) if not problems else []
        self._say(problems, notes)

    def _say(self, problems: list[str], notes: list[str]) -> None:
        self._fine.set_visibility(not problems)
        self._wrong.set_visibility(bool(problems))
        self._save.props["disabled"] = bool(problems)
        for place, lines in ((self._problems, problems), (self._notes, notes)):
            place.clear()
            with place:
                for one in lines:
                    Text("li", in_language(one, self._words.language), "breakable")

    async def _ask_to_save(self) -> None:
        await self._check()
        if self._rule is None:
            return
        self._save.props["disabled"] = True
        trial = await self._past.tried(_LATELY)
        self._save.props["disabled"] = False
        self._save_first.ask(lately(trial, self._words) if trial is not None else self._past.said, self._store)

    async def _store(self) -> None:
        rule, words = self._rule, self._words
        if rule is None:
            return
        version = self._stored.version if self._stored is not None else None
        try:
            await self._parts.rules.save(rule, who=self._who.name, origin="console", version=version)
        except UnavailableError:
            ui.notify(words("trouble.database"), type="negative")
        except (BadRequestError, ConflictError) as error:
            self._say([told(error)], [])
        else:
            ui.navigate.to("/rules")

    async def _ask_to_remove(self) -> None:
        self._remove_first.ask(self._words("editor.remove.text"), self._remove)

    async def _remove(self) -> None:
        if self._stored is None:
            return
        try:
            await self._parts.rules.remove(self._stored.rule.name, self._who.name)
        except UnavailableError:
            ui.notify(self._words("trouble.database"), type="negative")
        except NotFoundError as error:
            ui.notify(in_language(told(error), self._words.language), type="negative")
        else:
            ui.navigate.to("/rules")
