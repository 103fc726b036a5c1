"""How far a long piece of work is: a bar on a terminal, else a line now and then; always on standard error.

Both tell the number done, the share, the rate, and the time that is left at this rate.
"""

import time
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from penfeld.output import remark

_EVERY_S = 5.0


class Progress:
    """Work of ``total`` rows, of which ``start`` were done before."""

    def __init__(self, title: str, total: int, *, start: int = 0) -> None:
        self._title = title
        self._total = max(total, 1)
        self._start = self._done = start
        self._begun = self._told = time.monotonic()
        console = Console(stderr=True)
        self._bar: Bar | None = None
        if console.is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]} a second"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task(title, total=self._total, completed=start, rate="-")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def at(self, done: int) -> None:
        """Tell how many are done by now."""
        self._done = done
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=done, rate=f"{self._rate(now):,.0f}")
        elif now - self._told >= _EVERY_S:
            self._told = now
            remark(self.line(now))

    def line(self, now: float) -> str:
        """Return where the work stands, in one line."""
        rate = self._rate(now)
        left = timedelta(seconds=round((self._total - self._done) / rate)) if rate else "unknown"
        share = self._done / self._total
        return f"{self._title}: {self._done:,} of {self._total:,} ({share:.0%}), {rate:,.0f} a second, {left} left"

    def _rate(self, now: float) -> float:
        passed = now - self._begun
        return (self._done - self._start) / passed if passed > 0 else 0.0
