"""Frames that nobody could understand, with their bytes and what to do next: ``/quarantine``."""

from fastapi import Request
from nicegui import ui

from api.console.components.elements import Refresh, Text, block, link, simulated_mark
from api.console.components.pager import Pager
from api.console.formats import clock_time, hex_lines, number
from api.console.frame import Page, frame, words_for
from api.console.parts import Parts
from api.console.texts import Words
from api.remedies import remedy
from model.errors import Reason
from model.views import QuarantinedFrame, QuarantineFilter

_SIZE = 20
_BYTES = 1024


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/quarantine")
    def page(request: Request) -> None:
        words = words_for(request)
        with frame(request, "quarantine", words("quarantine.title"), words) as here:
            QuarantinePage(parts, here, request.query_params.get("device", "")[:200])


class QuarantinePage:
    """One reader's view. The newest page is read again every three seconds; cards that stay are left alone."""

    def __init__(self, parts: Parts, page: Page, device: str) -> None:
        self._queries = parts.queries
        self._words = words = page.words
        self._reason, self._device = "", device
        self._cursors: list[str | None] = [None]
        self._next: str | None = None
        self._cards: dict[int, Card] = {}
        with block("div", "head"):
            Text("h1", words("quarantine.title"))
            Text("p", words("quarantine.intro"), "lead")
        with block("div", "tools"):
            reasons = {"": words("quarantine.reason.all"), **{r.value: words(f"reason.{r.value}") for r in Reason}}
            choice = ui.select(
                reasons, value="", label=words("quarantine.reason"), on_change=lambda e: self._choose(reason=e.value)
            )
            choice.props("dense outlined options-dense")
            search = ui.input(
                words("quarantine.device"), value=device, on_change=lambda e: self._choose(device=e.value or "")
            )
            search.props("dense outlined clearable debounce=300")
        self._empty = Text("p", "", "panel empty")
        self._empty.set_visibility(False)
        self._list = block("div", "cards")
        self._pager = Pager(words("newest"), words("older"), self._turn)
        self._refresh = Refresh(3.0, self._load, page.notice)

    def _choose(self, *, reason: str | None = None, device: str | None = None) -> None:
        self._reason = self._reason if reason is None else reason
        self._device = self._device if device is None else device.strip()
        self._cursors = [None]
        self._refresh.soon()

    def _turn(self, by: int) -> None:
        if by > 0 and self._next:
            self._cursors.append(self._next)
        elif by < 0:
            self._cursors = [None]
        self._refresh.soon()

    async def _load(self) -> None:
        cursor = self._cursors[-1]
        wanted = QuarantineFilter(reason=self._reason or None, device=self._device or None)
        page = await self._queries.quarantine(wanted, limit=_SIZE, cursor=cursor)
        self._next = page.next_cursor
        there = {frame.id for frame in page.rows}
        for frame_id in [i for i in self._cards if i not in there]:
            self._cards.pop(frame_id).element.delete()
        for position, quarantined in enumerate(page.rows):
            card = self._cards.get(quarantined.id)
            if card is None:
                with self._list:
                    card = self._cards[quarantined.id] = Card(quarantined, self._words)
                card.element.move(self._list, position)
            card.show(quarantined)
        self._empty.say(self._words("quarantine.none"))
        self._empty.set_visibility(not page.rows)
        older = cursor is not None
        self._pager.show(
            self._words("quarantine.paused") if older else "", back=older, forth=page.next_cursor is not None
        )


class Card:
    """One frame: why, when, how often, what to do, and its bytes behind a fold."""

    def __init__(self, frame: QuarantinedFrame, words: Words) -> None:
        self._words = words
        self.element = block("article", "panel aside-card")
        with self.element:
            with block("div", "aside-card-head"):
                Text("strong", words(f"reason.{frame.reason.value}"))
                if frame.device:
                    link(frame.device, f"/devices/{frame.device}", "code")
                if frame.device_type:
                    link(frame.device_type, f"/device-types/{frame.device_type}")
                if frame.simulated:
                    simulated_mark(words)
                self._when = Text("span", "", "muted")
            Text("p", frame.detail)
            with block("p", "call"):
                Text("strong", f"{words('quarantine.hint')} – ")
                Text("span", remedy(frame, words.language))
            with block("p", "small"):
                Text("span", f"{words('quarantine.source')} {frame.source} · {words('quarantine.topic')} ")
                Text("code", frame.topic)
            with block("details"):
                Text("summary", words("quarantine.bytes", count=number(len(frame.message), words.language)))
                Text("pre", dump(frame.message, words), "dump").props["tabindex"] = "0"

    def show(self, frame: QuarantinedFrame) -> None:
        """Show how often and when it arrived."""
        words, language = self._words, self._words.language
        last = clock_time(frame.last_received_at, language)
        if frame.times == 1:
            self._when.say(last)
        else:
            first = clock_time(frame.received_at, language)
            times = number(frame.times, language)
            self._when.say(f"{times} × · {words('quarantine.first')} {first} · {words('quarantine.last')} {last}")


def dump(message: bytes, words: Words) -> str:
    """Return the bytes as a hex dump with text beside, the first kilobyte of them."""
    lines = [f"{offset}  {digits:<47}  {text}" for offset, digits, text in hex_lines(message, limit=_BYTES)]
    if len(message) > _BYTES:
        lines.append(words("quarantine.more", count=number(len(message) - _BYTES, words.language)))
    return "\n".join(lines)
