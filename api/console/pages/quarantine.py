"""Frames that nobody could understand, with their bytes and what to do next; taking them up again: ``/quarantine``."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from fastapi import Request
from nicegui import ui

from api.console.components.confirm import Confirm
from api.console.components.elements import Refresh, Text, block, link, simulated_mark
from api.console.components.pager import Pager
from api.console.formats import clock_time, moment, number
from api.console.frame import Page, frame, words_for
from api.console.meaning import meaning
from api.console.parts import Parts
from api.console.texts import Words
from api.remedies import remedy
from model.dump import hex_lines
from model.errors import NotFoundError, Reason, UnavailableError
from model.views import QuarantinedFrame, QuarantineFilter

_SIZE = 20
_BYTES = 1024
_TEXT = 4096
_SOURCES_OF = timedelta(days=30)


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/quarantine")
    def page(request: Request) -> None:
        words = words_for(request)
        mine = parts.of(request)
        with frame(request, "quarantine", words("quarantine.title"), words, mine.bell) as here:
            QuarantinePage(mine, here, request.query_params.get("device", "")[:200])


class QuarantinePage:
    """One reader's view. The newest page is read again every three seconds; cards that stay are left alone."""

    def __init__(self, parts: Parts, page: Page, device: str) -> None:
        self._parts = parts
        self._words = words = page.words
        self._wanted = QuarantineFilter(device=device or None)
        self._cursors: list[str | None] = [None]
        self._next: str | None = None
        self._cards: dict[int, Card] = {}
        with block("div", "head"):
            Text("h1", words("quarantine.title"))
            Text("p", words("quarantine.intro"), "lead")
        self._build_tools(device)
        with block("div", "quarantine-line"):
            self._sums = Text("p", "", "muted")
            self._sums.props["aria-live"] = "polite"
            self._all = _button(words("quarantine.replay.all"), "button", self._ask_for_all)
        self._confirm = Confirm(
            words("quarantine.replay.title"), words("quarantine.replay.yes"), words("quarantine.replay.no")
        )
        self._empty = Text("p", "", "panel empty")
        self._empty.set_visibility(False)
        self._list = block("div", "cards")
        self._pager = Pager(words("newest"), words("older"), self._turn)
        self._refresh = Refresh(3.0, self._load, page.notice)

    def _build_tools(self, device: str) -> None:
        words = self._words
        with block("div", "tools"):
            reasons = {"": words("quarantine.reason.all"), **{r.value: words(f"reason.{r.value}") for r in Reason}}
            ui.select(
                reasons,
                value="",
                label=words("quarantine.reason"),
                on_change=lambda e: self._choose(reason=e.value or None),
            ).props("dense outlined options-dense")
            ui.input(
                words("quarantine.device"),
                value=device,
                on_change=lambda e: self._choose(device=(e.value or "").strip() or None),
            ).props("dense outlined clearable debounce=300")
            self._sources = ui.select(
                {"": words("quarantine.source.all")},
                value="",
                label=words("quarantine.source"),
                on_change=lambda e: self._choose(source=e.value or None),
            ).props("dense outlined options-dense")
            for name, label in (("start", "quarantine.from"), ("end", "quarantine.to")):
                ui.input(
                    words(label), on_change=lambda e, name=name: self._choose(**{name: moment(e.value or "")})
                ).props("dense outlined stack-label clearable debounce=300 type=datetime-local")

    def _choose(self, **what: object) -> None:
        wanted = replace(self._wanted, **what)  # type: ignore[arg-type]  # only called with the filter's fields
        if wanted != self._wanted:
            self._wanted = wanted
            self._cursors = [None]
            self._refresh.soon()

    def _turn(self, by: int) -> None:
        if by > 0 and self._next:
            self._cursors.append(self._next)
        elif by < 0:
            self._cursors = [None]
        self._refresh.soon()

    async def _load(self) -> None:
        words, queries = self._words, self._parts.queries
        await self._offer_sources()
        cursor = self._cursors[-1]
        page = await queries.quarantine(self._wanted, limit=_SIZE, cursor=cursor)
        self._next = page.next_cursor
        self._show_cards(page.rows)
        await self._show_sums()
        self._empty.say(words("quarantine.none" if self._wanted == QuarantineFilter() else "quarantine.no_match"))
        self._empty.set_visibility(not page.rows)
        older = cursor is not None
        self._pager.show(words("quarantine.paused") if older else "", back=older, forth=page.next_cursor is not None)

    def _show_cards(self, rows: Sequence[QuarantinedFrame]) -> None:
        there = {frame.id for frame in rows}
        for frame_id in [i for i in self._cards if i not in there]:
            self._cards.pop(frame_id).element.delete()
        for position, quarantined in enumerate(rows):
            card = self._cards.get(quarantined.id)
            if card is None:
                with self._list:
                    card = self._cards[quarantined.id] = Card(quarantined, self._words, self._parts, self._ask_for_one)
                card.element.move(self._list, position)
            card.show(quarantined)

    async def _show_sums(self) -> None:
        words, language = self._words, self._words.language
        amount = await self._parts.quarantine.count(self._wanted)
        text = words("quarantine.sums", messages=number(amount.lines, language), frames=number(amount.frames, language))
        waiting = sum(sums.waiting for sums in await self._parts.queries.quarantine_sums())
        if waiting:
            text += " " + words("quarantine.waiting", count=number(waiting, language))
        self._sums.say(text if amount.lines else "")
        self._all.props["disabled"] = not amount.lines

    async def _offer_sources(self) -> None:
        """Offer the sources that brought anything lately; once, they seldom change."""
        if len(self._sources.options) > 1:
            return
        rows = await self._parts.queries.ledger(start=self._parts.clock() - _SOURCES_OF)
        names = sorted({row.source for row in rows})
        self._sources.set_options({"": self._words("quarantine.source.all"), **{name: name for name in names}})

    async def _ask_for_all(self) -> None:
        await self._ask(self._wanted)

    async def _ask_for_one(self, frame_id: int) -> None:
        await self._ask(QuarantineFilter(frame=frame_id))

    async def _ask(self, wanted: QuarantineFilter) -> None:
        """Ask before frames are taken up again; the answer counts for the filter as it was when it was asked."""
        words, language = self._words, self._words.language
        try:
            amount = await self._parts.quarantine.count(wanted)
        except UnavailableError:
            self._sums.say(words("trouble.database"))
            return

        async def replay() -> None:
            try:
                marked = await self._parts.quarantine.request(wanted)
                target = "many" if wanted.frame is None else str(wanted.frame)
                await self._parts.note("quarantine.replay", target, after={"messages": marked.lines})
            except UnavailableError:
                self._sums.say(words("trouble.database"))
                return
            ui.notify(words("quarantine.replay.done", messages=number(marked.lines, language)))
            self._refresh.soon()

        text = words(
            "quarantine.replay.text", messages=number(amount.lines, language), frames=number(amount.frames, language)
        )
        self._confirm.ask(text if amount.lines else words("quarantine.no_match"), replay if amount.lines else None)


class Card:
    """One frame: why, when, how often, what to do; and, behind a fold, what it would be today and its bytes."""

    def __init__(
        self, frame: QuarantinedFrame, words: Words, parts: Parts, on_replay: Callable[[int], Awaitable[None]]
    ) -> None:
        self._words, self._parts, self._id = words, parts, frame.id
        self._detail = ""
        self.element = block("article", "panel aside-card")
        with self.element:
            with block("div", "aside-card-head"):
                self._reason = Text("strong", "")
                if frame.device:
                    link(frame.device, f"/devices/{frame.device}", "code")
                if frame.device_type:
                    link(frame.device_type, f"/device-types/{frame.device_type}")
                if frame.simulated:
                    simulated_mark(words)
                self._when = Text("span", "", "muted")
                self._mark = Text("span", words("quarantine.marked"), "tag")
            self._why = Text("p", "", "breakable")
            with block("p", "call"):
                Text("strong", f"{words('quarantine.hint')} – ")
                self._hint = Text("span", "")
            with block("p", "small breakable"):
                Text("span", f"{words('quarantine.source')} {frame.source} · {words('quarantine.topic')} ")
                Text("code", frame.topic)
            with block("details") as fold:
                Text("summary", words("quarantine.inspect", count=number(len(frame.message), words.language)))
                self._inside = block("div", "inspect")
            fold.on("toggle", self._inspect)
            with block("div", "card-buttons"):
                _button(words("quarantine.replay.one"), "button second", lambda: on_replay(self._id))

    def show(self, frame: QuarantinedFrame) -> None:
        """Show how often and when it arrived, why it is here, and whether it waits."""
        words, language = self._words, self._words.language
        last = clock_time(frame.last_received_at, language)
        if frame.times == 1:
            self._when.say(last)
        else:
            first = clock_time(frame.received_at, language)
            times = number(frame.times, language)
            self._when.say(f"{times} × · {words('quarantine.first')} {first} · {words('quarantine.last')} {last}")
        self._reason.say(words(f"reason.{frame.reason.value}"))
        self._why.say(frame.detail)
        self._hint.say(remedy(frame, language))
        self._mark.set_visibility(frame.replay_requested_at is not None)

    async def _inspect(self) -> None:
        """Read the frame again when the fold is opened: what it means may have changed since."""
        words = self._words
        try:
            frame = await self._parts.queries.quarantined(self._id)
            told = await self._parts.interpreter.interpret(frame)
        except (NotFoundError, UnavailableError) as error:
            self._inside.clear()
            with self._inside:
                Text("p", str(error), "bad")
            return
        self._inside.clear()
        with self._inside:
            Text("h3", words("quarantine.today"), "small-title")
            with block("ul", "today"):
                for line, good in meaning(told, words, self._parts.catalogue):
                    Text("li", line, "good" if good else "bad")
            if text := shown_text(frame.message):
                Text("h3", words("quarantine.message"), "small-title")
                Text("pre", text, "dump wrapped").props["tabindex"] = "0"
            Text("h3", words("quarantine.dump"), "small-title")
            Text("pre", dump(frame.message, words), "dump").props["tabindex"] = "0"


def shown_text(message: bytes) -> str:
    """Return the message as text where it is text that can be shown, at most its beginning; else nothing."""
    try:
        text = message.decode()
    except UnicodeDecodeError:
        return ""
    return text[:_TEXT] if all(letter.isprintable() or letter in "\n\r\t" for letter in text) else ""


def dump(message: bytes, words: Words) -> str:
    """Return the bytes as a hex dump with text beside, the first kilobyte of them."""
    lines = [f"{offset}  {digits:<47}  {text}" for offset, digits, text in hex_lines(message, limit=_BYTES)]
    if len(message) > _BYTES:
        lines.append(words("quarantine.more", count=number(len(message) - _BYTES, words.language)))
    return "\n".join(lines)


def _button(label: str, css: str, on_press: Callable[[], Awaitable[None]]) -> Text:
    button = Text("button", label, css)
    button.props["type"] = "button"
    button.on("click", on_press)
    return button
