"""What became of every frame, by hour and source: ``/ledger``."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby

from fastapi import Request
from nicegui import ui

from api.console.components.elements import Refresh, Text, block
from api.console.components.grid import Cell, Column, Grid, Row
from api.console.components.key_figures import balance_sentence
from api.console.components.segments import Segments
from api.console.figures import Balance, balance
from api.console.formats import hour, number
from api.console.frame import Page, frame, words_for
from api.console.parts import Parts
from api.console.texts import Words
from model.views import LedgerRow

SPANS = {"6h": timedelta(hours=6), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
_COUNTS = ("received", "stored", "duplicate", "quarantined")


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/ledger")
    def page(request: Request) -> None:
        words = words_for(request)
        with frame(request, "ledger", words("ledger.title"), words) as here:
            LedgerPage(parts, here)


class LedgerPage:
    """One reader's ledger, read again every two seconds."""

    def __init__(self, parts: Parts, page: Page) -> None:
        self._queries, self._clock = parts.queries, parts.clock
        self._words = words = page.words
        with block("div", "head"):
            Text("h1", words("ledger.title"))
            Text("p", words("ledger.intro"), "lead")
        with block("section", "panel"):
            with block("div", "panel-head"):
                with block("div"):
                    self._sentence = Text("p", "", "sentence")
                    self._verdict = Text("p", "", "verdict")
                labels = {"6h": "6 h", "24h": words("device.range.24h"), "7d": words("device.range.7d")}
                self._span = Segments(words("ledger.span"), labels, "24h", self._respan)
            columns = [
                Column(key="hour", label=words("ledger.hour")),
                Column(key="source", label=words("ledger.source")),
                *(Column(key=name, label=words(f"ledger.{name}"), align="end") for name in _COUNTS),
                Column(key="balance", label=words("ledger.balance")),
            ]
            self._grid = Grid(columns, caption=words("ledger.title"), empty=words("ledger.none"), stacked=False)
        self._refresh = Refresh(2.0, self._load, page.notice)

    def _respan(self, _: str) -> None:
        self._refresh.soon()

    async def _load(self) -> None:
        rows = await self._queries.ledger(start=self._clock() - SPANS[self._span.chosen])
        sums, words = balance(rows), self._words
        self._sentence.say(balance_sentence(sums, words))
        self._verdict.say(_verdict(sums, words))
        self._verdict.classes(add="bad" if sums.missing else "good", remove="good" if sums.missing else "bad")
        self._grid.show(list(ledger_rows(rows, words)))


def _verdict(sums: Balance, words: Words) -> str:
    if sums.missing:
        return words("ledger.unbalanced", missing=number(sums.missing, words.language))
    return words("figures.balanced")


def ledger_rows(rows: Sequence[LedgerRow], words: Words) -> Iterator[Row]:
    """Yield a row for each source, and a sum before the sources of each hour that has several."""
    for of_hour, group in groupby(rows, key=lambda row: row.hour):
        sources = list(group)
        title = hour(of_hour, words.language)
        if len(sources) > 1:
            yield _row(f"{of_hour.isoformat()}", title, words("ledger.all"), balance(sources), words, tone="total")
        for row in sources:
            key = f"{of_hour.isoformat()} {row.source}"
            yield _row(key, title if len(sources) == 1 else "", row.source, balance([row]), words)


def _row(key: str, title: str, source: str, sums: Balance, words: Words, *, tone: str = "") -> Row:
    counts = (Cell(text=number(getattr(sums, name), words.language)) for name in _COUNTS)
    if sums.missing:
        text = words("ledger.missing" if sums.missing > 0 else "ledger.surplus", missing=abs(sums.missing))
        verdict = Cell(text=text, mark="alarm", tone="bad")
    else:
        verdict = Cell(text=words("ledger.balanced"), mark="ok")
    return Row(
        key, (Cell(text=title, css="nowrap"), Cell(text=source), *counts, verdict), "bad" if sums.missing else tone
    )
