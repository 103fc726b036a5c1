"""For whom it is quiet now, the ways to tell people, and what was told: ``/silences``."""

from collections.abc import Sequence

from fastapi import Request
from nicegui import ui

from api.console.alarm_lines import subject_words
from api.console.components.alarm_card import button
from api.console.components.alarm_list import name_of
from api.console.components.elements import Refresh, Text, block
from api.console.components.grid import Column, Grid
from api.console.components.tabs import tabs
from api.console.components.who import Who
from api.console.drafts import DraftError
from api.console.frame import Page, frame, words_for
from api.console.pages.alarm import message_row
from api.console.parts import Parts
from api.console.silence_drafts import SilenceDraft, silence_of, when_of
from api.console.texts import Words
from model.alarm import Silence
from model.alert_ports import ChannelView
from model.errors import BadRequestError, NotFoundError, UnavailableError
from model.said import in_language, told
from model.weekly import DAYS

_MESSAGES = 30
_COLUMNS = ("time", "channel", "state", "detail")


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/silences")
    def page(request: Request) -> None:
        words = words_for(request)
        mine = parts.of(request)
        with frame(request, "alarms", words("silences.title"), words, mine.bell) as here:
            SilencesPage(mine, here, request)


def what_of(silence: Silence, words: Words) -> str:
    """Return what a silence is for."""
    about = subject_words(silence.subject, words) if silence.subject else ""
    parts = [silence.rule, about, silence.device_type, silence.district]
    return " · ".join(filter(None, parts)) or words("silences.everything")


class SilencesPage:
    """One reader's look."""

    def __init__(self, parts: Parts, page: Page, request: Request) -> None:
        self._parts = parts
        self._words = words = page.words
        self._shown: Sequence[Silence] | None = None
        self._channels_shown: Sequence[ChannelView] | None = None
        tabs(words, "silences")
        with block("div", "head"):
            Text("h1", words("silences.title"))
        with block("div", "tools"):
            self._who = Who(request, words)
        with block("section", "panel stack", aria_label=words("silences.list")):
            Text("h2", words("silences.list"))
            Text("p", words("silences.hint"), "small")
            self._list = block("ul", "rows")
            self._none = Text("p", words("silences.none"), "muted")
            Text("h3", words("silences.new"), "small-title")
            self._form()
        with block("section", "panel stack", aria_label=words("channels.title")):
            Text("h2", words("channels.title"))
            self._channels = block("ul", "rows")
            self._no_channel = Text("p", words("channels.none"), "muted")
        with block("section", "panel", aria_label=words("messages.title")):
            Text("h2", words("messages.title"), "panel-head")
            columns = [Column(key=name, label=words(f"messages.{name}")) for name in _COLUMNS]
            self._messages = Grid(columns, caption=words("messages.title"), empty=words("messages.none"))
        self._refresh = Refresh(2.0, self._load, page.notice)

    def _form(self) -> None:
        words = self._words
        with block("div", "boxes"):
            self._rule = ui.select({"": words("silences.rule.all")}, value="", label=words("silences.rule"))
            districts = {"": words("silences.district.all")} | {one: one for one in self._parts.feed.city.districts()}
            self._district = ui.select(districts, value="", label=words("silences.district"))
            self._subject = ui.input(words("silences.subject")).props("maxlength=200")
            self._hours = ui.input(words("silences.hours"), value="1").props("maxlength=6 inputmode=decimal")
            self._reason = ui.input(words("silences.reason")).props("maxlength=300")
            for box in (self._rule, self._district, self._subject, self._hours, self._reason):
                box.props("dense outlined options-dense")
            self._planned()
            button(words("silences.make"), "button", self._make)
        self._wrong = Text("p", "", "bad")
        self._wrong.props["role"] = "alert"

    def _planned(self) -> None:
        """Build the boxes of what is planned: from when to when, and whether it comes again every week."""
        words, types = self._words, self._parts.feed.city.types
        with block("details", "more"):
            Text("summary", words("silences.planned"))
            with block("div", "boxes"):
                titles = sorted((words.pick(one.title), name) for name, one in types.items())
                options = {"": words("silences.type.all"), **{name: title for title, name in titles}}
                self._type = ui.select(options, value="", label=words("silences.type"))
                self._starts, self._ends = (
                    ui.input(words(f"silences.{box}")).props("type=datetime-local stack-label")
                    for box in ("starts", "ends")
                )
                each = {day: words(f"day.{day}") for day in DAYS}
                self._days = ui.select(each, value=[], multiple=True, label=words("silences.days")).props("use-chips")
                self._day_start, self._day_end = (
                    ui.input(words(f"silences.{box}")).props("type=time stack-label")
                    for box in ("day_start", "day_end")
                )
                self._maintenance = ui.checkbox(words("silences.is_maintenance")).props("dense")
                for box in (self._type, self._starts, self._ends, self._days, self._day_start, self._day_end):
                    box.props("dense outlined options-dense")

    def _draft(self) -> SilenceDraft:
        def said(box: ui.input | ui.select) -> str:
            return str(box.value or "")

        return SilenceDraft(
            rule=said(self._rule),
            district=said(self._district),
            subject=said(self._subject),
            device_type=said(self._type),
            hours=said(self._hours),
            starts=said(self._starts),
            ends=said(self._ends),
            days=list(self._days.value or []),
            day_start=said(self._day_start),
            day_end=said(self._day_end),
            maintenance=bool(self._maintenance.value),
            reason=said(self._reason),
        )

    async def _make(self) -> None:
        words = self._words
        try:
            await self._parts.alarms.silence(silence_of(self._draft(), self._who.name, self._parts.clock()))
        except DraftError as error:
            self._wrong.say(words(error.key, detail=in_language(error.detail, words.language)))
            return
        except (BadRequestError, UnavailableError) as error:
            bad = isinstance(error, BadRequestError)
            self._wrong.say(in_language(told(error), words.language) if bad else words("trouble.database"))
            return
        self._wrong.say("")
        self._reason.value = ""
        self._refresh.soon()

    async def _load(self) -> None:
        parts, words = self._parts, self._words
        silences = await parts.alarms.silences()
        if silences != self._shown:
            self._shown = silences
            self._show(silences)
        channels = parts.channels.channels()
        if channels != self._channels_shown:
            self._channels_shown = channels
            self._show_channels(channels)
        page = await parts.outbox.page(limit=_MESSAGES)
        self._messages.show([message_row(one, words) for one in page])
        rules = {one.rule.name: words.pick(one.rule.title) for one in await parts.rules.all()}
        options = {"": words("silences.rule.all"), **rules}
        if options != self._rule.options:
            self._rule.set_options(options)

    def _show(self, silences: Sequence[Silence]) -> None:
        words = self._words
        self._none.set_visibility(not silences)
        self._list.clear()
        with self._list:
            for one in silences:
                what = what_of(one, words)
                with block("li"):
                    with block("div"):
                        Text("strong", what, "breakable")
                        Text("span", f" {when_of(one, self._parts.clock(), words)} ", "breakable")
                        if one.maintenance:
                            Text("span", words("silences.maintenance"), "tag")
                        name = name_of(self._parts, one.subject or "")
                        said = words("silences.by", reason=one.reason, who=one.by)
                        Text("p", f"{name} · {said}" if name else said, "small breakable")
                    button(
                        words("silences.end"),
                        "button second",
                        lambda one=one: self._end(one.id),  # type: ignore[misc]  # its default is the loop's
                        words("silences.end.of", what=what),
                    )

    async def _end(self, silence_id: int) -> None:
        words = self._words
        try:
            await self._parts.alarms.unsilence(silence_id, self._who.name)
        except (NotFoundError, UnavailableError) as error:
            ui.notify(str(error), type="negative")
        else:
            ui.notify(words("silences.ended"))
        self._refresh.soon()

    def _show_channels(self, channels: Sequence[ChannelView]) -> None:
        words = self._words
        self._no_channel.set_visibility(not channels)
        self._channels.clear()
        with self._channels:
            for one in channels:
                with block("li"):
                    with block("div"):
                        Text("strong", one.name, "breakable")
                        Text("span", f" {one.kind} · {one.target}", "small breakable")
                        trouble = words("channels.trouble", trouble=one.trouble) if one.trouble else ""
                        Text("p", trouble or words("channels.works"), "bad breakable" if trouble else "good")
                    button(
                        words("channels.test"),
                        "button second",
                        lambda one=one: self._test(one.name),  # type: ignore[misc]  # its default is the loop's
                        words("channels.test.of", name=one.name),
                    )

    async def _test(self, name: str) -> None:
        words = self._words
        try:
            await self._parts.outbox.test(name, self._who.name, self._parts.clock())
        except (NotFoundError, UnavailableError) as error:
            ui.notify(str(error), type="negative")
        else:
            ui.notify(words("channels.tested", name=name))
        self._refresh.soon()
