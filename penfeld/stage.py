"""What a person sees of a demonstration: progress of the history, a pulse while it runs, and what children say.

Everything goes to standard error: standard output is for the account.
"""

import time
import webbrowser
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.status import Status

from model.status import IngestStatus
from penfeld.demonstration import Totals
from penfeld.terminal import WIDTH


class Stage:
    """Shows a demonstration: its lines, the progress of the history, and a pulse while it runs.

    ``note``: what is told with the address.
    """

    def __init__(self, *, open_page: bool, note: str = "") -> None:
        self._note = note
        self._open_page = open_page
        self._console = Console(stderr=True, highlight=False)
        self._live = self._console.is_terminal
        self._status = Status("the city wakes up …", console=self._console)
        self._bar = Progress(
            TextColumn("telling the past"), BarColumn(), TextColumn("{task.percentage:.0f} %"), console=self._console
        )
        self._task = self._bar.add_task("history", total=1.0)
        self._page = ""
        self._before = (time.monotonic(), 0)

    def __enter__(self) -> Self:
        """Begin."""
        if self._live:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        if self._live:
            self._bar.stop()
            self._status.stop()

    def tell(self, name: str, line: str) -> None:
        """Print a child's line."""
        self._console.print(f"{name.ljust(WIDTH)}| {line}", markup=False, soft_wrap=True)

    def ready(self, url: str, seconds: float) -> None:
        """Tell that the first reading is stored and the page is there."""
        self._page = url
        self._console.print(
            f"First reading stored after {seconds:.1f} s. The city is at [bold]{url}[/]", soft_wrap=True
        )
        if self._note:
            self._console.print(self._note, soft_wrap=True)
        if self._open_page:
            webbrowser.open(url)

    def history(self, share: float, frames: int) -> None:
        """Show how much of the last hours is told."""
        if share >= 1.0:
            if frames:
                self._console.print(f"The past is told: {frames} frames.")
            if self._live:
                self._bar.stop()
                self._status.start()
        elif self._live and self._page:
            self._status.stop()
            self._bar.start()
            self._bar.update(self._task, completed=share)

    def pulse(self, totals: Totals, status: IngestStatus | None) -> None:
        """Show what was stored in this run."""
        if not self._live or not self._page:
            return
        now, (then, stored) = time.monotonic(), self._before
        if now - then < 1.0:
            return
        rate = (totals.stored - stored) / (now - then)
        self._before = (now, totals.stored)
        latency = ""
        if status is not None and status.latency_p99_ms is not None:
            latency = f" · 99 % within {status.latency_p99_ms:.0f} ms"
        aside = f" · {totals.quarantined} in quarantine" if totals.quarantined else ""
        self._status.update(
            f"{totals.stored} frames stored, {rate:.0f}/s{latency}{aside} · {self._page} · Ctrl-C stops"
        )
