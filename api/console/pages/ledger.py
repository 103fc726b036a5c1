"""What became of every frame, by hour and source, and how the ingest workers are: ``/ledger``."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from fastapi import Request
from nicegui import ui

from api.audit import forgotten
from api.console.components.elements import Refresh, Text, block
from api.console.components.grid import Cell, Column, Grid, Row
from api.console.components.key_figures import balance_sentence
from api.console.components.segments import Segments
from api.console.figures import STATUS_LASTS, Balance, balance
from api.console.formats import age, hour, number
from api.console.frame import Page, frame, words_for
from api.console.parts import Parts
from api.console.texts import Words
from model.status import IngestStatus
from model.views import LedgerRow

SPANS = {"6h": timedelta(hours=6), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
_COUNTS = ("received", "stored", "duplicate", "quarantined")
_FINE_S = 100.0
"""Below so many seconds, tenths are shown."""


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/ledger")
    def page(request: Request) -> None:
        words = words_for(request)
        mine = parts.of(request)
        with frame(request, "ledger", words("ledger.title"), words, mine.bell) as here:
            LedgerPage(mine, here)


class LedgerPage:
    """One reader's ledger, read again every two seconds."""

    def __init__(self, parts: Parts, page: Page) -> None:
        self._queries, self._clock, self._hub = parts.queries, parts.clock, parts.hub
        self._words = words = page.words
        with block("div", "head"):
            Text("h1", words("ledger.title"))
            Text("p", words("ledger.intro"), "lead")
        with block("section", "panel"):
            with block("div", "panel-head"):
                Text("h2", words("ledger.workers"))
            self._workers = Grid(
                [
                    Column(key="worker", label=words("ledger.worker")),
                    Column(key="oldest", label=words("ledger.oldest"), align="end"),
                    Column(key="waiting", label=words("ledger.unacknowledged"), align="end"),
                    Column(key="received", label=words("ledger.since_start"), align="end"),
                    Column(key="state", label=words("ledger.worker.state")),
                ],
                caption=words("ledger.workers"),
                empty=words("ledger.workers.none"),
            )
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
        self._forgotten: Mapping[str, int] = {}
        self._refresh = Refresh(2.0, self._load, page.notice)
        ui.timer(1.0, self._show_workers)

    def _respan(self, _: str) -> None:
        self._refresh.soon()

    async def _load(self) -> None:
        rows = await self._queries.ledger(start=self._clock() - SPANS[self._span.chosen])
        sums, words = balance(rows), self._words
        self._sentence.say(balance_sentence(sums, words))
        self._verdict.say(_verdict(sums, words))
        self._verdict.classes(add="bad" if sums.missing else "good", remove="good" if sums.missing else "bad")
        self._grid.show(list(ledger_rows(rows, words)))
        self._forgotten = await forgotten(self._queries, list(self._hub.statuses.values()))

    def _show_workers(self) -> None:
        now = self._clock()
        statuses = (self._hub.statuses[name] for name in sorted(self._hub.statuses))
        rows = [worker_row(status, now, self._forgotten.get(status.worker, 0), self._words) for status in statuses]
        self._workers.show(rows)


def _verdict(sums: Balance, words: Words) -> str:
    if sums.missing:
        return words("ledger.unbalanced", missing=number(sums.missing, words.language))
    return words("figures.balanced")


def ledger_rows(rows: Sequence[LedgerRow], words: Words) -> Iterator[Row]:
    """Yield the total, then a row for each source, and a sum before the sources of each hour that has several."""
    if rows:
        yield _row("total", words("ledger.total"), words("ledger.all"), rows, words, tone="total")
    for of_hour, group in groupby(rows, key=lambda row: row.hour):
        sources = list(group)
        title = hour(of_hour, words.language)
        if len(sources) > 1:
            yield _row(f"{of_hour.isoformat()}", title, words("ledger.all"), sources, words, tone="total")
        for row in sources:
            key = f"{of_hour.isoformat()} {row.source}"
            yield _row(key, title if len(sources) == 1 else "", row.source, [row], words)


def _row(key: str, title: str, source: str, rows: Sequence[LedgerRow], words: Words, *, tone: str = "") -> Row:
    sums, replayed = balance(rows), sum(row.replayed for row in rows)
    notes = {"quarantined": words("ledger.replayed", count=number(replayed, words.language)) if replayed else ""}
    counts = (
        Cell(text=number(getattr(sums, name), words.language), note=notes.get(name, ""), css="nowrap")
        for name in _COUNTS
    )
    if sums.missing:
        text = words("ledger.missing" if sums.missing > 0 else "ledger.surplus", missing=abs(sums.missing))
        verdict = Cell(text=text, mark="alarm", tone="bad")
    else:
        verdict = Cell(text=words("ledger.balanced"), mark="ok")
    return Row(
        key, (Cell(text=title, css="nowrap"), Cell(text=source), *counts, verdict), "bad" if sums.missing else tone
    )


def worker_row(status: IngestStatus, now: datetime, forgotten: int, words: Words) -> Row:
    """Return what a worker tells of itself. The age of its oldest frame goes on while it is silent."""
    language, silent = words.language, now - status.time
    oldest = words("ledger.oldest.none")
    if status.unacknowledged:
        seconds = status.oldest_unacknowledged_s + max(0.0, silent.total_seconds())
        tenth = seconds < _FINE_S
        oldest = f"{number(seconds, language, 1)}\u00a0s" if tenth else age(timedelta(seconds=seconds), language)
    if forgotten:
        state = words("ledger.worker.forgotten", count=number(forgotten, language))
    elif silent > STATUS_LASTS:
        state = words("ledger.worker.gone", age=age(silent, language))
    else:
        state = status.trouble
    cells = (
        Cell(text=status.worker),
        Cell(text=oldest),
        Cell(text=number(status.unacknowledged, language)),
        Cell(text=number(status.received, language)),
        Cell(
            text=state or words("ledger.worker.well"),
            mark="alarm" if state else "ok",
            tone="bad" if state else "",
        ),
    )
    return Row(status.worker, cells, "bad" if forgotten else "")
